#include "check.hpp"

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "kriss/sketch/dense.hpp"

using namespace kriss;

namespace {

constexpr double eps = 2.220446049250313e-16;

std::vector<double> numbers(index_t n, std::uint32_t seed) {
    std::vector<double> out(static_cast<std::size_t>(n));
    std::uint32_t state = seed;
    for (double& x : out) {
        state = state * 1664525U + 1013904223U;
        x = static_cast<double>(state >> 8) / (1 << 24) - 0.5;
    }
    return out;
}

// a' b for a: (m, p), b: (m, q).
std::vector<double> gram(const std::vector<double>& a, const std::vector<double>& b, index_t m, index_t p, index_t q) {
    std::vector<double> out(static_cast<std::size_t>(p * q), 0.0);
    for (index_t k = 0; k < m; ++k) {
        for (index_t i = 0; i < p; ++i) {
            for (index_t j = 0; j < q; ++j) {
                out[static_cast<std::size_t>(i * q + j)] +=
                    a[static_cast<std::size_t>(k * p + i)] * b[static_cast<std::size_t>(k * q + j)];
            }
        }
    }
    return out;
}

}  // namespace

KRISS_CASE("R'R is A'A, and the other columns are carried along") {
    for (const index_t n : {1, 2, 3, 5, 10, 50}) {
        const index_t m = 3 * n + 4;
        const index_t cols = n + 2;
        const std::vector<double> a = numbers(m * cols, 3U);
        std::vector<double> r = a;
        std::vector<double> work(static_cast<std::size_t>(m + cols));
        householder_r(m, cols, n, r.data(), work.data());
        std::vector<double> top(r.begin(), r.begin() + n * cols);
        const std::vector<double> want = gram(a, a, m, cols, cols);
        const std::vector<double> got = gram(top, top, n, cols, cols);
        for (index_t i = 0; i < cols; ++i) {
            for (index_t j = 0; j < cols; ++j) {
                if (i < n || j < n) {
                    KRISS_NEAR(got[static_cast<std::size_t>(i * cols + j)],
                               want[static_cast<std::size_t>(i * cols + j)], 30.0 * eps * static_cast<double>(m));
                }
            }
        }
        for (index_t i = 0; i < m; ++i) {
            for (index_t j = 0; j < i && j < n; ++j) {
                KRISS_CHECK(r[static_cast<std::size_t>(i * cols + j)] == 0.0);
            }
        }
    }
}

KRISS_CASE("a zero column stays zero and is no NaN") {
    std::vector<double> a{1.0, 0.0, 2.0, 0.0, 2.0, 0.0};
    std::vector<double> work(5);
    householder_r(3, 2, 2, a.data(), work.data());
    KRISS_NEAR(std::fabs(a[0]), 3.0, 4 * eps);
    KRISS_CHECK(a[1] == 0.0 && a[3] == 0.0);
}

KRISS_CASE("Cholesky, triangular solves and products undo each other") {
    for (const index_t n : {1, 2, 3, 5, 10, 50}) {
        const std::vector<double> a = numbers((n + 30) * n, 5U);
        const std::vector<double> g = gram(a, a, n + 30, n, n);
        std::vector<double> u = g;
        KRISS_CHECK(cholesky_upper(n, u.data()) == -1);
        const std::vector<double> back = gram(u, u, n, n, n);
        for (std::size_t k = 0; k < g.size(); ++k) {
            KRISS_NEAR(back[k], g[k], 30.0 * eps * static_cast<double>(n + 30));
        }
        const index_t q = 3;
        const std::vector<double> x = numbers(n * q, 9U);
        for (const bool transposed : {false, true}) {
            std::vector<double> b(x.size());
            multiply_upper(n, q, transposed, u.data(), x.data(), b.data());
            solve_upper(n, q, transposed, u.data(), b.data());
            for (std::size_t k = 0; k < x.size(); ++k) {
                KRISS_NEAR(b[k], x[k], 1e-12);
            }
        }
    }
}

KRISS_CASE("Cholesky names the bad pivot, NaN and infinity included") {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const double inf = std::numeric_limits<double>::infinity();
    for (index_t where = 0; where < 4; ++where) {
        for (const double bad : {-1.0, 0.0, nan, inf}) {
            std::vector<double> g(16, 0.0);
            for (index_t i = 0; i < 4; ++i) {
                g[static_cast<std::size_t>(5 * i)] = i == where ? bad : 2.0;
            }
            KRISS_CHECK(cholesky_upper(4, g.data()) == where);
        }
    }
}

KRISS_CASE("Jacobi: known singular values, orthonormal vectors") {
    for (const index_t n : {1, 2, 3, 5, 10, 50, 100}) {
        // H diag(s) K with reflections H, K: singular values s from 1 to 1e-12.
        const std::vector<double> u = numbers(n, 11U);
        const std::vector<double> v = numbers(n, 13U);
        double uu = 0.0;
        double vv = 0.0;
        for (index_t i = 0; i < n; ++i) {
            uu += u[static_cast<std::size_t>(i)] * u[static_cast<std::size_t>(i)];
            vv += v[static_cast<std::size_t>(i)] * v[static_cast<std::size_t>(i)];
        }
        std::vector<double> want(static_cast<std::size_t>(n));
        std::vector<double> a(static_cast<std::size_t>(n * n), 0.0);
        for (index_t k = 0; k < n; ++k) {
            want[static_cast<std::size_t>(k)] =
                std::pow(10.0, n > 1 ? -12.0 * static_cast<double>(k) / static_cast<double>(n - 1) : 0.0);
            for (index_t i = 0; i < n; ++i) {
                const double h =
                    (i == k ? 1.0 : 0.0) - 2.0 * u[static_cast<std::size_t>(i)] * u[static_cast<std::size_t>(k)] / uu;
                for (index_t j = 0; j < n; ++j) {
                    const double w = (j == k ? 1.0 : 0.0) -
                                     2.0 * v[static_cast<std::size_t>(j)] * v[static_cast<std::size_t>(k)] / vv;
                    a[static_cast<std::size_t>(i * n + j)] += h * want[static_cast<std::size_t>(k)] * w;
                }
            }
        }
        std::vector<double> s(static_cast<std::size_t>(n));
        std::vector<double> work(a.size());
        const int sweeps = jacobi_rows(n, a.data(), s.data(), work.data());
        KRISS_CHECK(sweeps > 0 && sweeps <= 20);
        for (index_t k = 0; k < n; ++k) {
            // The matrix itself was rounded on the way.
            KRISS_NEAR(s[static_cast<std::size_t>(k)], want[static_cast<std::size_t>(k)], 10.0 * eps);
        }
        for (index_t i = 0; i < n; ++i) {
            for (index_t j = 0; j <= i; ++j) {
                KRISS_NEAR(dense_dot(n, a.data() + i * n, a.data() + j * n), i == j ? 1.0 : 0.0,
                           2.0 * eps * std::sqrt(static_cast<double>(n < 16 ? 16 : n)));
            }
        }
    }
}

KRISS_CASE("Jacobi: zero matrix and equal rows") {
    std::vector<double> zero(9, 0.0);
    std::vector<double> s(3);
    std::vector<double> work(9);
    KRISS_CHECK(jacobi_rows(3, zero.data(), s.data(), work.data()) >= 0);
    KRISS_CHECK(s[0] == 0.0 && s[2] == 0.0);
    std::vector<double> ones(9, 1.0);
    KRISS_CHECK(jacobi_rows(3, ones.data(), s.data(), work.data()) >= 0);
    KRISS_NEAR(s[0], 3.0, 8 * eps);
    KRISS_NEAR(s[1], 0.0, 8 * eps);
}
