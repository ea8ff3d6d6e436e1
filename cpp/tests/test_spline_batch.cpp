#include "check.hpp"

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "kriss/spline/cubic.hpp"
#include "kriss/spline/cubic_batch.hpp"

using namespace kriss;

namespace {

// One column after another, as a device does one to a thread, against the strips of the host: the same bits.
template <class T>
void columns_one_by_one() {
    std::mt19937 gen(3);
    std::uniform_real_distribution<T> u(T(0.1), T(1));
    const End all[] = {End::not_a_knot, End::slope, End::curvature, End::periodic};
    for (const index_t n : {2, 3, 4, 5, 8, 100}) {
        for (const index_t m : {2, 5, 70}) {
            std::vector<T> x = {T(0)};
            while (static_cast<index_t>(x.size()) < n) {
                x.push_back(x.back() + u(gen));
            }
            std::vector<T> y(static_cast<std::size_t>(n * m));
            for (auto& v : y) {
                v = u(gen) - T(0.5);
            }
            std::vector<T> left(static_cast<std::size_t>(m), T(0.25));
            std::vector<T> right(static_cast<std::size_t>(m), T(-0.5));
            for (const End a : all) {
                for (const End b : all) {
                    if ((a == End::periodic) != (b == End::periodic)) {
                        continue;
                    }
                    std::vector<T> c(static_cast<std::size_t>(4 * (n - 1) * m));
                    std::vector<T> work(static_cast<std::size_t>(cubic_work(n, m)));
                    const Info info = cubic(x.data(), y.data(), n, m, a, left.data(), b, right.data(), c.data(),
                                            work.data(), Executor());
                    KRISS_CHECK(info.status == Status::ok);
                    const CubicEnds ends{a, b, n};
                    std::vector<T> shared(static_cast<std::size_t>(cubic_shared_size(n)));
                    std::vector<T> M(static_cast<std::size_t>(n * m));
                    std::vector<T> one(c.size(), std::numeric_limits<T>::quiet_NaN());
                    bool good = cubic_factor(ends, x.data(), shared.data());
                    for (index_t t = m - 1; t >= 0; --t) {
                        good = good && cubic_column(ends, shared.data(), y.data(), m, t, T(0.25), T(-0.5), one.data(),
                                                    M.data());
                    }
                    KRISS_CHECK(good);
                    KRISS_CHECK(one == c);
                }
            }
        }
    }
}

}  // namespace

KRISS_CASE("columns one by one have the bits of strips, double") { columns_one_by_one<double>(); }
KRISS_CASE("columns one by one have the bits of strips, float") { columns_one_by_one<float>(); }

KRISS_CASE("bad knots and values are seen") {
    const double inf = std::numeric_limits<double>::infinity();
    for (const double bad : {inf, -inf, std::nan(""), 1.0, 0.5}) {
        const double x[] = {0.0, 1.0, bad, 3.0};
        double shared[16];
        KRISS_CHECK(!cubic_factor(CubicEnds{End::not_a_knot, End::not_a_knot, 4}, x, shared));
    }
    for (const double bad : {inf, -inf, std::nan("")}) {
        const double x[] = {0.0, 1.0, 2.0, 3.0};
        const double y[] = {0.0, 1.0, bad, 3.0};
        double shared[16];
        double c[12];
        double M[4];
        const CubicEnds ends{End::not_a_knot, End::slope, 4};
        KRISS_CHECK(cubic_factor(ends, x, shared));
        KRISS_CHECK(!cubic_column(ends, shared, y, 1, 0, 0.0, 0.0, c, M));
    }
}
