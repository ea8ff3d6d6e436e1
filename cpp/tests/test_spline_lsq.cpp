#include "check.hpp"

#include <cmath>
#include <random>
#include <vector>

#include "kriss/spline/bspline.hpp"
#include "kriss/spline/lsq.hpp"
#include "kriss/spline/place.hpp"

using namespace kriss;

namespace {

template <class T>
struct Fit {
    int k;
    std::vector<T> x, y, w, t, r, q, rss, c, block;
    Info info;
    Fit(int degree, int points, int number, unsigned seed = 1) : k(degree) {
        std::mt19937 gen(seed);
        std::uniform_real_distribution<double> u(0.5, 1.5);
        double at = 0;
        for (int i = 0; i < points; ++i) {
            x.push_back(T(at));
            y.push_back(T(std::cos(at / points * 9) + u(gen)));
            w.push_back(T(u(gen)));
            at += u(gen);
        }
        for (int i = 0; i <= k; ++i) {
            t.push_back(x.front());
        }
        for (int i = 1; i <= number; ++i) {
            t.push_back(x.back() * T(i) / T(number + 1));
        }
        for (int i = 0; i <= k; ++i) {
            t.push_back(x.back());
        }
        solve();
    }
    index_t n() const { return static_cast<index_t>(t.size()) - k - 1; }
    void solve() {
        r.assign(static_cast<std::size_t>(n() * (k + 1)), T(0));
        q.assign(static_cast<std::size_t>(n()), T(0));
        c = q;
        rss.assign(1, T(0));
        block.assign(static_cast<std::size_t>(lsq_block(k, 1)), T(0));
        info =
            lsq_solve(x.data(), y.data(), w.data(), static_cast<index_t>(x.size()), t.data(),
                      BandTriangle<T>{n(), k, 1, r.data(), q.data(), rss.data()}, c.data(), block.data(), Executor{});
    }
    // Largest inner product of the weighted residual with a column of the design, and the residual's norm squared.
    std::pair<double, double> residual() const {
        std::vector<double> dots(static_cast<std::size_t>(n()), 0.0);
        double sum = 0;
        for (std::size_t i = 0; i < x.size(); ++i) {
            index_t ell = k;
            while (ell < n() - 1 && x[i] >= t[static_cast<std::size_t>(ell + 1)]) {
                ++ell;
            }
            T h[16];
            T scratch[16];
            basis_at(t.data() + ell, k, x[i], 0, h, scratch);
            double v = double(y[i]);
            for (int a = 0; a <= k; ++a) {
                v -= double(h[a]) * double(c[static_cast<std::size_t>(ell - k + a)]);
            }
            v *= double(w[i]);
            sum += v * v;
            for (int a = 0; a <= k; ++a) {
                dots[static_cast<std::size_t>(ell - k + a)] += double(w[i]) * double(h[a]) * v;
            }
        }
        double worst = 0;
        for (const double d : dots) {
            worst = std::fmax(worst, std::fabs(d));
        }
        return {worst, sum};
    }
};

template <class T>
void orthogonal(double tol) {
    for (const int k : {0, 1, 2, 3, 5, 7}) {
        for (const int points : {30, 65, 300}) {
            const Fit<T> s(k, points, 6);
            KRISS_CHECK(s.info.status == Status::ok);
            const auto [worst, sum] = s.residual();
            KRISS_CHECK(worst < tol * points);
            KRISS_NEAR(double(s.rss[0]), sum, tol * points);
            // Leverages sum to the number of coefficients.
            std::vector<T> z(s.r.size());
            std::vector<T> leverage(s.x.size());
            std::vector<T> block(static_cast<std::size_t>(lsq_block(k, 0)));
            detail::band_inverse(s.r.data(), s.n(), k, z.data());
            lsq_leverage(s.x.data(), s.w.data(), points, s.t.data(), s.n(), k, z.data(), leverage.data(), block.data(),
                         Executor{});
            double total = 0;
            for (const T v : leverage) {
                total += double(v);
            }
            KRISS_NEAR(total, double(s.n()), 10 * tol * points);
        }
    }
}

}  // namespace

KRISS_CASE("residuals are orthogonal to the design, double") { orthogonal<double>(1e-11); }
KRISS_CASE("residuals are orthogonal to the design, float") { orthogonal<float>(2e-3); }

KRISS_CASE("a span without data is singular") {
    Fit<double> s(1, 40, 3);
    for (auto& w : s.w) {
        w = 0.0;
    }
    s.solve();
    KRISS_CHECK(s.info.status == Status::singular);
}

KRISS_CASE("a kink is found") {
    const int points = 120;
    std::vector<double> x, y, w;
    for (int i = 0; i < points; ++i) {
        x.push_back(i);
        y.push_back(std::fabs(i - 37.3));
        w.push_back(1.0);
    }
    const std::vector<double> starts = {20.0, 60.0, 100.0};  // three starts of one knot
    const PlaceOptions o{};
    std::vector<double> work(static_cast<std::size_t>(place_work(points, 1, 1, 3, o)));
    double knot = 0;
    double rss = 0;
    index_t solved = 0;
    place_knots(x.data(), y.data(), w.data(), points, 1, index_t(1), starts.data(), index_t(3), o, &knot, &rss, &solved,
                work.data(), Executor{});
    KRISS_NEAR(knot, 37.3, 0.05);
    KRISS_CHECK(solved > 3);
}
