// Many cubic splines on the same knots: one factorisation, then each column on its own. Equations in cubic.hpp.
//
// This is what a device does, one column to a thread; on the host `cubic` sweeps strips of columns with the same
// operations in the same order, so that both give the same bits.
//
// Per row and column: 4 flops forward, 2 backward, 2 divisions for slope and coefficients. Traffic in float64: 8 B of
// values read twice, slopes 8 B written and read three times, second derivatives 8 B written twice and read three
// times, coefficients 24 B: about 120 B. The factorisation is a chain of n divisions and costs one thread that long.
#pragma once

#include "kriss/config.hpp"
#include "kriss/spline/cubic_rows.hpp"

KRISS_NAMESPACE_BEGIN

// Items of T that the columns share: widths, inverse pivots, factors, the periodic column (n each), whose first item,
// which no row needs, is the corner.
KRISS_HD KRISS_ALWAYS_INLINE index_t cubic_shared_size(index_t n) { return 4 * n; }

template <class T>
struct CubicShared {
    T* h;
    T* inv;
    T* l;
    T* g;
    T* corner;

    KRISS_HD CubicShared(T* memory, index_t n)
        : h(memory), inv(memory + n), l(memory + 2 * n), g(memory + 3 * n), corner(memory + 3 * n) {}
};

namespace detail {

// Factors the rows, whose widths are in shared.h.
template <class T>
KRISS_HD inline void cubic_factor_rows(const CubicRows<T>& rows, const CubicShared<T>& s) {
    const index_t N = rows.N;
    const T* const h = s.h;
    for (index_t i = rows.lo; i <= rows.hi; ++i) {
        const T above = h[i - 1];
        s.inv[i] = T(1) / (i == rows.lo ? rows.diagonal(i) : rows.diagonal(i) - above * s.l[i - 1]);
        s.l[i] = i < rows.hi ? h[i] * s.inv[i] : T(0);
    }
    *s.corner = T(1);
    if (rows.ends.left == End::periodic) {
        // Rows of M_0: h_{N-1} M_{N-1} + 2 (h_{N-1} + h_0) M_0 + h_0 M_1 = 6 (d_0 - d_{N-1}); g = T^-1 (its column).
        for (index_t i = 1; i < N; ++i) {
            const T b = (i == 1 ? h[0] : T(0)) + (i == N - 1 ? h[N - 1] : T(0));
            s.g[i] = (i == 1 ? b : b - h[i - 1] * s.g[i - 1]) * s.inv[i];
        }
        for (index_t i = N - 2; i >= 1; --i) {
            s.g[i] -= s.l[i] * s.g[i + 1];
        }
        if (N > 1) {
            *s.corner = T(2) * (h[N - 1] + h[0]) - h[0] * s.g[1] - h[N - 1] * s.g[N - 1];
        }
    }
}

}  // namespace detail

// Fills shared (cubic_shared_size(n)) from x (n); false if the knots do not increase or a width is not finite.
template <class T>
KRISS_HD inline bool cubic_factor(const CubicEnds& ends, const T* x, T* shared) {
    const CubicShared<T> s(shared, ends.n);
    bool good = true;
    for (index_t i = 0; i < ends.n - 1; ++i) {
        s.h[i] = x[i + 1] - x[i];
        good = good && s.h[i] > T(0) && s.h[i] - s.h[i] == T(0);
    }
    detail::cubic_factor_rows(detail::CubicRows<T>(ends, s.h), s);
    return good;
}

// Column t of y: (n, m) into column t of c: (4, n - 1, m), with the end derivatives left, right and scratch M: (n, m).
// False if a slope is not finite.
template <class T>
KRISS_HD inline bool cubic_column(const CubicEnds& ends, T* shared, const T* y, index_t m, index_t t, T left, T right,
                                  T* c, T* scratch) {
    const index_t N = ends.n - 1;
    const CubicShared<T> s(shared, ends.n);
    const detail::CubicRows<T> rows(ends, s.h);
    const T* const h = s.h;
    T* const M = scratch + t;
    T* const d = c + 2 * N * m + t;
    bool good = true;
    for (index_t i = 0; i < N; ++i) {
        d[i * m] = (y[(i + 1) * m + t] - y[i * m + t]) / h[i];
        good = good && d[i * m] - d[i * m] == T(0);
    }
    for (index_t i = rows.lo; i <= rows.hi; ++i) {
        const bool plain = i > rows.lo && i < rows.hi;
        const T b = plain ? T(6) * (d[i * m] - d[(i - 1) * m]) : rows.rhs(i, d, m, left, right);
        M[i * m] = (i == rows.lo ? b : b - h[i - 1] * M[(i - 1) * m]) * s.inv[i];
    }
    for (index_t i = rows.hi - 1; i >= rows.lo; --i) {
        M[i * m] -= s.l[i] * M[(i + 1) * m];
    }
    if (ends.left != End::periodic) {
        detail::cubic_ends(rows, d, m, left, right, M);
    } else if (N == 1) {
        M[0] = M[m] = T(0);
    } else {
        const T r = T(6) * (d[0] - d[(N - 1) * m]);
        const T edge = (r - h[0] * M[m] - h[N - 1] * M[(N - 1) * m]) / *s.corner;
        M[0] = M[N * m] = edge;
        for (index_t i = 1; i < N; ++i) {
            M[i * m] -= s.g[i] * edge;
        }
    }
    for (index_t i = 0; i < N; ++i) {
        const index_t at = i * m + t;
        detail::cubic_cell(h[i], d[i * m], M[i * m], M[(i + 1) * m], y[at], c + at, c + N * m + at, c + 2 * N * m + at,
                           c + 3 * N * m + at);
    }
    if (ends.left == End::slope) {
        d[0] = left;  // exactly what was asked for
    }
    return good;
}

KRISS_NAMESPACE_END
