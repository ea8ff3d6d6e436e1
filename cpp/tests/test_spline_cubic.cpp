#include "check.hpp"

#include <cmath>
#include <random>
#include <vector>

#include "kriss/spline/cubic.hpp"
#include "kriss/spline/eval.hpp"
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
Built<T> build(const std::vector<T>& x, const std::vector<T>& y, End left, T dl, End right, T dr, int workers = 1) {
    const auto n = static_cast<index_t>(x.size());
    const auto m = static_cast<index_t>(y.size()) / n;
    Built<T> b;
    b.c.assign(static_cast<std::size_t>(4 * (n - 1) * m), T(-1));
    std::vector<T> work(static_cast<std::size_t>(cubic_work(n, m)));
    const std::vector<T> l(static_cast<std::size_t>(m), dl);
    const std::vector<T> r(static_cast<std::size_t>(m), dr);
    Executor ex;
    ex.run = &run_on_pool;
    ex.self = &workers;
    ex.workers = workers;
    b.info = cubic(x.data(), y.data(), n, m, left, l.data(), right, r.data(), b.c.data(), work.data(), ex);
    return b;
}

// p(t) = 1 - 2 t + 3 t^2 - t^3 and its derivatives.
template <class T>
T p(T t, int nu) {
    return nu == 0 ? ((-t + T(3)) * t - T(2)) * t + T(1) : nu == 1 ? (T(-3) * t + T(6)) * t - T(2) : T(6) - T(6) * t;
}

template <class T>
void reproduces_a_cubic(double tol) {
    std::mt19937 gen(5);
    std::uniform_real_distribution<T> u(T(0.5), T(1.5));
    for (int n : {2, 3, 4, 5, 6, 7, 30, 258, 259, 300, 3001}) {
        std::vector<T> x = {T(0)};
        while (static_cast<int>(x.size()) < n) {
            x.push_back(x.back() + u(gen) / T(n));
        }
        std::vector<T> y;
        for (const T v : x) {
            y.push_back(p(v, 0));
        }
        for (End left : {End::not_a_knot, End::slope, End::curvature}) {
            for (End right : {End::not_a_knot, End::slope, End::curvature}) {
                const int lost = (left == End::not_a_knot) + (right == End::not_a_knot);
                if (n < 2 + lost) {
                    continue;  // too few conditions for a cubic
                }
                const auto value = [](End e, T at) { return e == End::slope ? p(at, 1) : p(at, 2); };
                const auto b = build(x, y, left, value(left, x.front()), right, value(right, x.back()));
                KRISS_CHECK(b.info.status == Status::ok);
                T worst = T(0);
                const auto N = static_cast<std::size_t>(n - 1);
                for (std::size_t i = 0; i < N; ++i) {
                    const T s = (x[i + 1] - x[i]) / T(2);
                    const T v = ((b.c[i] * s + b.c[N + i]) * s + b.c[2 * N + i]) * s + b.c[3 * N + i];
                    worst = std::max(worst, std::fabs(v - p(x[i] + s, 0)));
                }
                KRISS_NEAR(static_cast<double>(worst), 0.0, tol);
            }
        }
    }
}

template <class T>
void blocks_equal_a_plain_sweep(double tol) {
    // The same data as one column (blocks) and as the first of two columns (plain elimination).
    std::mt19937 gen(6);
    std::uniform_real_distribution<T> u(T(-1), T(1));
    for (int n : {257, 258, 270, 1000, 1609, 1613, 6000}) {
        std::vector<T> x, y, y2;
        for (int i = 0; i < n; ++i) {
            x.push_back(T(i) + T(0.4) * u(gen));
            y.push_back(u(gen));
            y2.push_back(y.back());
            y2.push_back(u(gen));
        }
        const auto a = build(x, y, End::not_a_knot, T(0), End::slope, T(0.5));
        const auto b = build(x, y2, End::not_a_knot, T(0), End::slope, T(0.5));
        double worst = 0;
        for (std::size_t i = 0; i < a.c.size(); ++i) {
            worst = std::max(worst, static_cast<double>(std::fabs(a.c[i] - b.c[2 * i])));
        }
        KRISS_NEAR(worst, 0.0, tol);
        for (int workers : {2, 3}) {
            KRISS_CHECK(build(x, y, End::not_a_knot, T(0), End::slope, T(0.5), workers).c == a.c);
            KRISS_CHECK(build(x, y2, End::not_a_knot, T(0), End::slope, T(0.5), workers).c == b.c);
        }
    }
}

template <class T>
void periodic_is_smooth(double tol) {
    for (int n : {2, 3, 4, 5, 50}) {
        std::vector<T> x, y;
        for (int i = 0; i < n; ++i) {
            x.push_back(T(i) + T(0.3) * std::sin(T(3 * i)));
            y.push_back(i == n - 1 ? y.front() : std::cos(T(i)));
        }
        const auto b = build(x, y, End::periodic, T(0), End::periodic, T(0));
        const auto N = static_cast<std::size_t>(n - 1);
        const T s = x[N] - x[N - 1];
        const T* const c = b.c.data() + (N - 1);
        KRISS_NEAR(((c[0] * s + c[N]) * s + c[2 * N]) * s + c[3 * N], y[0], tol);
        KRISS_NEAR((T(3) * c[0] * s + T(2) * c[N]) * s + c[2 * N], b.c[2 * N], tol);
        KRISS_NEAR(T(6) * c[0] * s + T(2) * c[N], T(2) * b.c[N], tol);
    }
}

template <class T>
void batches_equal_single_points() {
    std::mt19937 gen(8);
    std::uniform_real_distribution<T> u(T(-1), T(1));
    std::vector<T> x, c, q;
    for (int i = 0; i < 40; ++i) {
        x.push_back(T(i) + T(0.3) * u(gen));
    }
    std::vector<std::int32_t> table(static_cast<std::size_t>(table_capacity(40)));
    const KnotIndex<T> ix = build_knot_index(x.data(), 40, table.data());
    for (int i = 0; i < 5 * 39 * 9; ++i) {
        c.push_back(u(gen));
    }
    for (int i = 0; i < 101; ++i) {
        q.push_back(T(20) + T(30) * u(gen));
    }
    q[7] = std::numeric_limits<T>::quiet_NaN();
    q[50] = x[39];
    for (index_t order : {1, 3, 4, 5}) {
        for (index_t m : {1, 2, 9}) {
            for (int nu : {0, 1, 2, 6}) {
                for (Beyond beyond : {Beyond::nan, Beyond::extend, Beyond::wrap}) {
                    const Pieces<T> pp{c.data(), order, 39, m};
                    std::vector<T> out(q.size() * static_cast<std::size_t>(m));
                    evaluate(ix, pp, q.data(), static_cast<index_t>(q.size()), nu, beyond, out.data(), Executor{});
                    bool same = true;
                    for (std::size_t k = 0; k < out.size(); ++k) {
                        const auto point = k / static_cast<std::size_t>(m);
                        const auto column = static_cast<index_t>(k % static_cast<std::size_t>(m));
                        const T one = evaluate_one(ix, pp, q[point], nu, beyond, column);
                        same = same && (out[k] == one || (std::isnan(out[k]) && std::isnan(one)));
                    }
                    KRISS_CHECK(same);
                }
            }
        }
    }
}

}  // namespace

KRISS_CASE("cubics are reproduced under every pair of ends, double") { reproduces_a_cubic<double>(2e-14); }
KRISS_CASE("cubics are reproduced under every pair of ends, float") { reproduces_a_cubic<float>(1e-5); }
KRISS_CASE("blocks equal a plain sweep, and workers do not matter, double") {
    blocks_equal_a_plain_sweep<double>(1e-14);
}
KRISS_CASE("blocks equal a plain sweep, and workers do not matter, float") { blocks_equal_a_plain_sweep<float>(5e-6); }
KRISS_CASE("periodic splines close smoothly, double") { periodic_is_smooth<double>(1e-13); }
KRISS_CASE("periodic splines close smoothly, float") { periodic_is_smooth<float>(5e-5); }
KRISS_CASE("a batch has the bits of single points, double") { batches_equal_single_points<double>(); }
KRISS_CASE("a batch has the bits of single points, float") { batches_equal_single_points<float>(); }

KRISS_CASE("bad abscissae and ordinates are told, first, in the middle and last") {
    for (std::size_t at : {std::size_t(0), std::size_t(500), std::size_t(998)}) {
        std::vector<double> x, y;
        for (int i = 0; i < 1000; ++i) {
            x.push_back(i);
            y.push_back(1);
        }
        auto tie = x;
        tie[at + 1] = tie[at];
        auto nan = x;
        nan[at + 1] = std::nan("");
        auto bad = y;
        bad[at] = INFINITY;
        for (int m : {1, 2}) {
            const auto wide = [m](const std::vector<double>& v) {
                std::vector<double> w;
                for (const double e : v) {
                    for (int t = 0; t < m; ++t) {
                        w.push_back(e);
                    }
                }
                return w;
            };
            KRISS_CHECK(build(tie, wide(y), End::curvature, 0.0, End::curvature, 0.0).info.status != Status::ok);
            KRISS_CHECK(build(nan, wide(y), End::curvature, 0.0, End::curvature, 0.0).info.status != Status::ok);
            KRISS_CHECK(build(x, wide(bad), End::curvature, 0.0, End::curvature, 0.0).info.status != Status::ok);
        }
    }
}
