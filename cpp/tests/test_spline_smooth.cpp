#include "check.hpp"

#include <cmath>
#include <random>
#include <vector>

#include "kriss/spline/smooth.hpp"

using namespace kriss;

namespace {

template <class T>
struct Problem {
    std::vector<T> h, rw, y;
    explicit Problem(int n, unsigned seed = 3) {
        std::mt19937 gen(seed);
        std::uniform_real_distribution<double> u(0.3, 1.7);
        std::normal_distribution<double> noise(0.0, 0.2);
        double x = 0;
        for (int i = 0; i < n; ++i) {
            rw.push_back(T(u(gen)));
            y.push_back(T(std::sin(0.3 * x) + noise(gen)));
            if (i + 1 < n) {
                h.push_back(T(u(gen)));
                x += double(h.back());
            }
        }
    }
    index_t n() const { return static_cast<index_t>(rw.size()); }
};

template <class T>
struct One {
    std::vector<T> f, g, leverage;
    Info info;
    One(const Problem<T>& p, T lam) : f(p.rw.size()), g(p.rw.size()), leverage(p.rw.size()) {
        std::vector<T> work(static_cast<std::size_t>(smooth_fit_work(p.n())));
        info = smooth_fit(p.n(), index_t(1), p.h.data(), p.rw.data(), p.y.data(), lam, f.data(), g.data(),
                          leverage.data(), work.data());
    }
};

// The normal equations of the definition: w (f - y) + lam K f = 0 with K f = jumps of the third derivative.
template <class T>
double stationarity(const Problem<T>& p, const One<T>& s, T lam) {
    double worst = 0;
    const auto n = static_cast<std::size_t>(p.n());
    for (std::size_t i = 0; i < n; ++i) {
        const double after = i + 1 < n ? (double(s.g[i + 1]) - double(s.g[i])) / double(p.h[i]) : 0.0;
        const double before = i > 0 ? (double(s.g[i]) - double(s.g[i - 1])) / double(p.h[i - 1]) : 0.0;
        const double force = (double(p.y[i]) - double(s.f[i])) / double(p.rw[i]);
        worst = std::fmax(worst, std::fabs(force - double(lam) * (after - before)));
    }
    return worst;
}

template <class T>
void solves_the_equations(double tol) {
    for (const int n : {3, 4, 5, 50, 400}) {
        const Problem<T> p(n);
        for (const double lam : {0.01, 1.0, 100.0}) {
            const One<T> s(p, T(lam));
            KRISS_CHECK(s.info.status == Status::ok);
            KRISS_CHECK(stationarity(p, s, T(lam)) < tol * (1 + lam));
            double sum = 0;
            for (const T v : s.leverage) {
                sum += double(v);
                KRISS_CHECK(v > T(-1e-4) && v < T(1) + T(1e-4));
            }
            T edf = 0;
            T rss = 0;
            T energy = 0;
            T logdet = 0;
            std::vector<T> work(static_cast<std::size_t>(smooth_scan_work(n, 1)));
            const T one = T(lam);
            smooth_scan(p.n(), p.h.data(), p.rw.data(), p.rw.data(), p.y.data(), &one, 1, &edf, &rss, &energy, &logdet,
                        work.data(), Executor{});
            KRISS_NEAR(double(edf), sum, tol * n);
            double squares = 0;
            for (std::size_t i = 0; i < s.f.size(); ++i) {
                const double r = double(p.y[i]) - double(s.f[i]);
                squares += r * r / double(p.rw[i]);
            }
            KRISS_NEAR(double(rss), squares, tol * n);
            KRISS_CHECK(energy >= rss);
        }
    }
}

}  // namespace

KRISS_CASE("the smoothing spline solves the equations of its definition, double") {
    solves_the_equations<double>(1e-11);
}
KRISS_CASE("the smoothing spline solves the equations of its definition, float") { solves_the_equations<float>(2e-3); }

KRISS_CASE("lam = 0 interpolates, a large lam is a straight line") {
    const Problem<double> p(40);
    const One<double> s(p, 0.0);
    const One<double> line(p, 1e18);
    for (std::size_t i = 0; i < 40; ++i) {
        KRISS_NEAR(s.f[i], p.y[i], 1e-13);
        KRISS_NEAR(s.leverage[i], 1.0, 1e-13);
        KRISS_NEAR(line.g[i], 0.0, 1e-12);
    }
    const One<double> lost(p, std::nan(""));
    KRISS_CHECK(lost.info.status == Status::non_finite);
}
