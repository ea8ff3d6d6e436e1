#include "check.hpp"

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "kriss/spline/hermite.hpp"
#include "pool.hpp"

using namespace kriss;

namespace {

void run_on_pool(void* self, index_t n, index_t grain, Executor::Task task, void* ctx) {
    pool_run(*static_cast<int*>(self), n, grain, task, ctx, nullptr, nullptr);
}

template <class T>
struct Built {
    std::vector<T> c;
    Info info;
};

template <class T>
Built<T> build(Local kind, const std::vector<T>& x, const std::vector<T>& y, int workers = 1, bool shared = false) {
    const auto n = static_cast<index_t>(x.size());
    const auto m = static_cast<index_t>(y.size() / x.size());
    Built<T> out;
    out.c.assign(static_cast<std::size_t>(4 * (n - 1) * m), std::numeric_limits<T>::quiet_NaN());
    std::vector<T> work(static_cast<std::size_t>(local_cubic_work(n, m)));
    Executor ex;
    ex.run = workers > 1 ? &run_on_pool : nullptr;
    ex.self = &workers;
    ex.workers = workers;
    out.info = local_cubic(kind, x.data(), y.data(), n, m, shared, out.c.data(), work.data(), ex);
    return out;
}

template <class T>
void sample(index_t n, index_t m, std::vector<T>& x, std::vector<T>& y) {
    std::mt19937 gen(static_cast<unsigned>(7 * n + m));
    std::uniform_real_distribution<T> u(T(0), T(1));
    std::uniform_int_distribution<int> level(-2, 2);
    x.assign(1, T(0));
    while (static_cast<index_t>(x.size()) < n) {
        x.push_back(x.back() + T(0.05) + u(gen));
    }
    y.clear();
    for (index_t i = 0; i < n * m; ++i) {
        y.push_back(static_cast<T>(level(gen)));
    }
}

constexpr Local kinds[] = {Local::pchip, Local::akima, Local::makima};

// Continuous with its derivative, through the data: what makes it a Hermite interpolant.
template <class T>
void joins_smoothly() {
    std::vector<T> x;
    std::vector<T> y;
    for (const Local kind : kinds) {
        for (const index_t n : {2, 3, 4, 5, 50}) {
            for (const index_t m : {1, 3}) {
                sample(n, m, x, y);
                const Built<T> s = build(kind, x, y);
                KRISS_CHECK(s.info.status == Status::ok);
                const index_t size = (n - 1) * m;
                for (index_t i = 0; i < n - 1; ++i) {
                    const T h = x[static_cast<std::size_t>(i + 1)] - x[static_cast<std::size_t>(i)];
                    for (index_t t = 0; t < m; ++t) {
                        const T* const c = s.c.data() + i * m + t;
                        const T value = c[3 * size] + h * (c[2 * size] + h * (c[size] + h * c[0]));
                        const T slope = c[2 * size] + h * (T(2) * c[size] + h * T(3) * c[0]);
                        // Values up to 2 and widths from 0.05: slopes up to 80, and some ten roundings of that.
                        const double tol = 2000.0 * static_cast<double>(std::numeric_limits<T>::epsilon());
                        KRISS_NEAR(value, y[static_cast<std::size_t>((i + 1) * m + t)], tol);
                        if (i + 2 < n) {
                            KRISS_NEAR(slope, c[2 * size + m], 20.0 * tol);
                        }
                    }
                }
            }
        }
    }
}

template <class T>
void columns_and_workers_do_not_matter() {
    for (const Local kind : kinds) {
        std::vector<T> x;
        std::vector<T> y;
        const index_t n = 20000;
        sample(n, 1, x, y);
        const std::vector<T> one = build(kind, x, y).c;
        for (const int workers : {2, 4}) {
            KRISS_CHECK(build(kind, x, y, workers).c == one);
        }
        std::vector<T> twice;
        for (const T v : y) {
            twice.push_back(v);
            twice.push_back(T(4) * v);
        }
        for (const int workers : {1, 3}) {
            const std::vector<T> both = build(kind, x, twice, workers).c;
            bool same = true;
            for (std::size_t k = 0; k < one.size(); ++k) {
                same = same && both[2 * k] == one[k] && both[2 * k + 1] == T(4) * one[k];
            }
            KRISS_CHECK(same);
        }
    }
}

}  // namespace

KRISS_CASE("values and derivatives join, double") { joins_smoothly<double>(); }
KRISS_CASE("values and derivatives join, float") { joins_smoothly<float>(); }
KRISS_CASE("columns and workers do not matter, double") { columns_and_workers_do_not_matter<double>(); }
KRISS_CASE("columns and workers do not matter, float") { columns_and_workers_do_not_matter<float>(); }

KRISS_CASE("derivatives by hand") {
    KRISS_CHECK(pchip_inside(1.0, 1.0, 1.0, -1.0) == 0.0);
    KRISS_CHECK(pchip_inside(1.0, 1.0, 0.0, 3.0) == 0.0);
    KRISS_NEAR(pchip_inside(1.0, 1.0, 2.0, 6.0), 3.0, 1e-15);  // harmonic mean
    KRISS_NEAR(pchip_inside(1.0, 2.0, 2.0, 6.0), 9.0 / (5.0 / 2.0 + 4.0 / 6.0), 1e-15);
    KRISS_CHECK(pchip_end(1.0, 1.0, 1.0, 5.0) == 0.0);                 // 3/2 - 5/2 has the wrong sign
    KRISS_CHECK(pchip_end(1.0, 1.0, 1.0, -5.0) == 3.0);                // 4 is more than three times the slope
    KRISS_CHECK(pchip_end(1.0, 1.0, 2.0, 1.0) == 2.5);                 //
    KRISS_CHECK(akima_inside(1.0, 2.0, 4.0, 4.0, false, 0.0) == 4.0);  // all weight on the flat side
    KRISS_CHECK(akima_inside(1.0, 1.0, 4.0, 4.0, false, 0.0) == 2.5);  // undefined: the mean of the outer two
    KRISS_CHECK(akima_inside(0.0, 0.0, 3.0, 3.0, true, 0.0) == 0.0);   // flat stays flat
}

KRISS_CASE("what cannot be is said") {
    const double inf = std::numeric_limits<double>::infinity();
    const double nan = std::nan("");
    for (const Local kind : kinds) {
        for (const double bad : {inf, -inf, nan, 1.0, 0.5}) {
            KRISS_CHECK(build<double>(kind, {0.0, 1.0, bad, 3.0, 4.0}, {1, 2, 3, 4, 5}).info.status ==
                        Status::not_monotone);
        }
        for (const double bad : {inf, nan}) {
            KRISS_CHECK(build<double>(kind, {0.0, 1.0, 2.0, 3.0}, {1, 2, 3, bad}).info.status == Status::not_monotone);
        }
    }
    KRISS_CHECK(build<double>(Local::akima, {0.0, 1.0, 2.0, 3.0}, {0, 1.7e308, 0, 1.7e308}).info.status ==
                Status::non_finite);
}
