// Interpolation by B-splines of any degree: collocation, an elimination within the profile, and conversion to
// piecewise polynomials.
//
// C. de Boor, A Practical Guide to Splines, Springer 1978, chapter XIII: the collocation matrix, the Schoenberg-Whitney
// conditions t_j < x_j < t_{j+k+1}, and not-a-knot ends. C. de Boor, A. Pinkus, Backward error analysis for totally
// positive linear systems, Numer. Math. 27 (1977) 485-490: the matrix is totally positive, so elimination needs no
// pivoting, its pivots are positive and its rounding errors are bounded by those of the data, without growth.
//
// Row i of the matrix holds the k + 1 B-splines of the span of x_i and starts at column first_i; first_i and the last
// column never decrease with i, so L and U stay inside the profile. In the middle of a table of odd degree with the
// knots at the data the matrix has k diagonals: k (k - 1) / 2 multiplications and one division per row.
//
// Traffic per row in float64: 8 (k + 1) B written by the collocation, read and written by the elimination, read by
// either substitution; 16 B per column and substitution.
#pragma once

#include <cstdint>

#include "kriss/config.hpp"
#include "kriss/executor.hpp"
#include "kriss/spline/bspline.hpp"
#include "kriss/status.hpp"

KRISS_NAMESPACE_BEGIN

namespace detail {

// The largest ell in [k, n - 1] with t[ell] <= x, or k, searched upwards from `from`.
template <class T>
KRISS_ALWAYS_INLINE index_t march(const T* t, index_t n, T x, index_t from) {
    while (from < n - 1 && x >= t[from + 1]) {
        ++from;
    }
    return from;
}

template <class T>
index_t find_span(const T* t, int k, index_t n, T x) {
    return k + static_cast<index_t>(locate_bisect(t + k, n - k + 1, x));
}

template <class T, int K>
void collocate_rows(const T* x, const T* t, int degree, index_t n, index_t begin, index_t end, T* a,
                    std::int32_t* first) {
    constexpr int W = Lanes<T>::count;
    const int k = K >= 0 ? K : degree;
    lanes<T> h[(K >= 0 ? K : bspline_max_degree) + 1];
    index_t ell = find_span(t, k, n, x[begin]);
    for (index_t i = begin; i < end; i += W) {
        const index_t count = end - i < W ? end - i : W;
        T xs[W];
        std::int32_t cell[W];
        for (index_t l = 0; l < W; ++l) {
            const index_t j = l < count ? i + l : end - 1;
            xs[l] = x[j];
            ell = march(t, n, x[j], ell);
            cell[l] = static_cast<std::int32_t>(ell - k);
        }
        basis_batch<T, K, true>(t, k, cell, xs, 0, h);
        for (index_t l = 0; l < count; ++l) {
            first[i + l] = cell[l];
            T* const row = a + (i + l) * (k + 1);
            for (int m = 0; m <= k; ++m) {
                row[m] = h[m][l];
            }
        }
    }
}

// Eliminates row i, whose columns first[i] ... i - 1 become L and whose diagonal becomes the inverse pivot.
template <class T>
KRISS_ALWAYS_INLINE bool eliminate_row(T* a, const std::int32_t* first, int k, index_t i) {
    const index_t width = k + 1;
    const index_t f = first[i];
    if (i < f || i > f + k) {
        return false;
    }
    T* const row = a + i * width;
    for (index_t j = f; j < i; ++j) {
        const T* const above = a + j * width;
        const index_t g = first[j];
        const T factor = row[j - f] * above[j - g];
        row[j - f] = factor;
        for (index_t c = j + 1; c <= g + k; ++c) {
            row[c - f] -= factor * above[c - g];
        }
    }
    const T pivot = row[i - f];
    row[i - f] = T(1) / pivot;
    return pivot > T(0);
}

// The same where this row and the q above it hold q columns left of the diagonal, and those right of it end at
// column i + q: with the knots at the data the entry beyond is zero.
template <class T, int K, int Q, int R>
KRISS_ALWAYS_INLINE bool eliminate_inner(T* a, index_t i) {
    constexpr index_t width = K + 1;
    T* const row = a + i * width;
    for (int j = 0; j < Q; ++j) {
        const T* const above = a + (i - Q + j) * width;
        const T factor = row[j] * above[Q];
        row[j] = factor;
        for (int c = 1; c <= R; ++c) {
            row[j + c] -= factor * above[Q + c];
        }
    }
    const T pivot = row[Q];
    row[Q] = T(1) / pivot;
    return pivot > T(0);
}

}  // namespace detail

// Rows of the collocation matrix at x: (rows), not decreasing, inside the base interval. a: (rows, k + 1).
template <class T>
void collocate(const T* x, index_t rows, const T* t, int k, index_t n, T* a, std::int32_t* first, const Executor& ex) {
    ex.parallel_for(rows, 2048, [&](index_t begin, index_t end) {
        switch (k) {
            case 2: return detail::collocate_rows<T, 2>(x, t, k, n, begin, end, a, first);
            case 3: return detail::collocate_rows<T, 3>(x, t, k, n, begin, end, a, first);
            case 5: return detail::collocate_rows<T, 5>(x, t, k, n, begin, end, a, first);
            case 7: return detail::collocate_rows<T, 7>(x, t, k, n, begin, end, a, first);
            default: return detail::collocate_rows<T, -1>(x, t, k, n, begin, end, a, first);
        }
    });
}

namespace detail {

template <class T, int K>
Info factor_rows(T* a, const std::int32_t* first, int degree, index_t n, const Executor& ex) {
    const int k = K >= 0 ? K : degree;
    constexpr int Q = K >= 0 ? K / 2 : 0;
    index_t run = 0;  // rows in sequence with Q columns left of the diagonal
    bool good = true;
    for (index_t begin = 0; begin < n; begin += 16384) {
        const index_t end = begin + 16384 < n ? begin + 16384 : n;
        for (index_t i = begin; i < end; ++i) {
            bool fine;
            if constexpr (K >= 0) {
                run = i - first[i] == Q ? run + 1 : 0;
                fine = run > Q ? eliminate_inner<T, K, Q, K - Q>(a, i) : eliminate_row(a, first, k, i);
            } else {
                fine = eliminate_row(a, first, k, i);
            }
            if (!fine) {
                return {Status::singular, i};
            }
            good &= fine;
        }
        if (ex.interrupted()) {
            return {Status::interrupted, begin};
        }
    }
    return {};
}

template <class T, int K>
void solve_one(const T* a, const std::int32_t* first, int degree, index_t n, T* b) {
    const int k = K >= 0 ? K : degree;
    const index_t width = k + 1;
    for (index_t i = 0; i < n; ++i) {
        const index_t f = first[i];
        const T* const row = a + i * width;
        T v = b[i];
        for (index_t j = f; j < i; ++j) {
            v -= row[j - f] * b[j];
        }
        b[i] = v;
    }
    for (index_t i = n; i-- > 0;) {
        const index_t f = first[i];
        const T* const row = a + i * width;
        T v = b[i];
        for (index_t j = f + k; j > i; --j) {
            v -= row[j - f] * b[j];
        }
        b[i] = v * row[i - f];
    }
}

// Columns [begin, end) of b: (n, m).
template <class T>
void solve_columns(const T* a, const std::int32_t* first, int k, index_t n, index_t m, index_t begin, index_t end,
                   T* b) {
    const index_t width = k + 1;
    for (index_t i = 0; i < n; ++i) {
        const index_t f = first[i];
        const T* const row = a + i * width;
        T* const bi = b + i * m;
        for (index_t j = f; j < i; ++j) {
            const T factor = row[j - f];
            const T* const bj = b + j * m;
            for (index_t c = begin; c < end; ++c) {
                bi[c] -= factor * bj[c];
            }
        }
    }
    for (index_t i = n; i-- > 0;) {
        const index_t f = first[i];
        const T* const row = a + i * width;
        T* const bi = b + i * m;
        for (index_t j = f + k; j > i; --j) {
            const T factor = row[j - f];
            const T* const bj = b + j * m;
            for (index_t c = begin; c < end; ++c) {
                bi[c] -= factor * bj[c];
            }
        }
        const T inverse = row[i - f];
        for (index_t c = begin; c < end; ++c) {
            bi[c] *= inverse;
        }
    }
}

}  // namespace detail

// LU of n rows of the profile in place, without pivoting. Status::singular with the row whose pivot is not positive.
template <class T>
Info factor_profile(T* a, const std::int32_t* first, int k, index_t n, const Executor& ex) {
    switch (k) {
        case 2: return detail::factor_rows<T, 2>(a, first, k, n, ex);
        case 3: return detail::factor_rows<T, 3>(a, first, k, n, ex);
        case 5: return detail::factor_rows<T, 5>(a, first, k, n, ex);
        case 7: return detail::factor_rows<T, 7>(a, first, k, n, ex);
        default: return detail::factor_rows<T, -1>(a, first, k, n, ex);
    }
}

// b: (n, m) becomes the solution.
template <class T>
void solve_profile(const T* a, const std::int32_t* first, int k, index_t n, index_t m, T* b, const Executor& ex) {
    if (m == 1) {
        switch (k) {
            case 2: return detail::solve_one<T, 2>(a, first, k, n, b);
            case 3: return detail::solve_one<T, 3>(a, first, k, n, b);
            case 5: return detail::solve_one<T, 5>(a, first, k, n, b);
            case 7: return detail::solve_one<T, 7>(a, first, k, n, b);
            default: return detail::solve_one<T, -1>(a, first, k, n, b);
        }
    }
    ex.parallel_for(m, 64,
                    [&](index_t begin, index_t end) { detail::solve_columns(a, first, k, n, m, begin, end, b); });
}

// Coefficients of the interpolating spline: c: (n, m) holds the values at x: (n) on entry. a: (n, k + 1), first: (n).
template <class T>
Info bspline_interpolate(const T* x, index_t n, const T* t, int k, index_t m, T* c, T* a, std::int32_t* first,
                         const Executor& ex) {
    collocate(x, n, t, k, n, a, first, ex);
    if (ex.interrupted()) {
        return {Status::interrupted, -1};
    }
    const Info info = factor_profile(a, first, k, n, ex);
    if (info.status == Status::ok) {
        solve_profile(a, first, k, n, m, c, ex);
    }
    return info;
}

// Interpolation with given derivatives at the ends: rows of c: (n, m) are the derivatives of orders left[] at x_0, the
// values at x: (n - lefts - rights >= 1), and the derivatives of orders right[] at the last x. The matrix is not
// totally positive in general: banded elimination with partial pivoting, rows of derivatives scaled to a largest entry
// of 1. a: (n, 3 k + 1). Golub, Van Loan, Matrix Computations, 4th ed., section 4.3.5.
template <class T>
Info bspline_interpolate_ends(const T* x, index_t n, const T* t, int k, const std::int32_t* left, index_t lefts,
                              const std::int32_t* right, index_t rights, index_t m, T* c, T* a, const Executor& ex) {
    const index_t width = 3 * k + 1;
    const index_t points = n - lefts - rights;
    T h[bspline_max_degree + 1];
    T scratch[bspline_max_degree + 1];
    index_t ell = k;
    for (index_t i = 0; i < n; ++i) {
        T* const row = a + i * width;  // column j at j - i + k
        for (index_t j = 0; j < width; ++j) {
            row[j] = T(0);
        }
        const bool at_left = i < lefts;
        const bool at_right = i >= lefts + points;
        const T q = at_left ? x[0] : at_right ? x[points - 1] : x[i - lefts];
        const int nu = at_left ? left[i] : at_right ? right[i - lefts - points] : 0;
        ell = detail::march(t, n, q, ell);
        const index_t first = ell - k;
        if (first < i - k || first > i) {
            return {Status::singular, i};
        }
        basis_at(t + ell, k, q, nu, h, scratch);
        T largest = T(0);
        for (int j = 0; j <= k; ++j) {
            const T size = h[j] < T(0) ? -h[j] : h[j];
            largest = size > largest ? size : largest;
        }
        const T scale = nu > 0 ? T(1) / largest : T(1);
        for (int j = 0; j <= k; ++j) {
            row[first + j - i + k] = h[j] * scale;
        }
        if (nu > 0) {
            for (index_t j = 0; j < m; ++j) {
                c[i * m + j] *= scale;
            }
        }
    }
    for (index_t i = 0; i < n; ++i) {
        const index_t below = i + k < n - 1 ? i + k : n - 1;
        index_t best = i;
        T size = T(0);
        for (index_t r = i; r <= below; ++r) {
            const T v = a[r * width + i - r + k];
            const T here = v < T(0) ? -v : v;
            if (here > size) {
                size = here;
                best = r;
            }
        }
        if (!(size > T(0))) {
            return {Status::singular, i};
        }
        T* const top = a + i * width + k - i;  // column j at top[j]
        const index_t end = i + 2 * k < n - 1 ? i + 2 * k : n - 1;
        if (best != i) {
            T* const other = a + best * width + k - best;
            for (index_t j = i; j <= end; ++j) {
                const T v = top[j];
                top[j] = other[j];
                other[j] = v;
            }
            for (index_t j = 0; j < m; ++j) {
                const T v = c[i * m + j];
                c[i * m + j] = c[best * m + j];
                c[best * m + j] = v;
            }
        }
        const T inverse = T(1) / top[i];
        for (index_t r = i + 1; r <= below; ++r) {
            T* const row = a + r * width + k - r;
            if (row[i] == T(0)) {
                continue;
            }
            const T factor = row[i] * inverse;
            for (index_t j = i + 1; j <= end; ++j) {
                row[j] -= factor * top[j];
            }
            for (index_t j = 0; j < m; ++j) {
                c[r * m + j] -= factor * c[i * m + j];
            }
        }
        if (i % 4096 == 0 && ex.interrupted()) {
            return {Status::interrupted, i};
        }
    }
    for (index_t i = n; i-- > 0;) {
        const T* const top = a + i * width + k - i;
        const index_t end = i + 2 * k < n - 1 ? i + 2 * k : n - 1;
        for (index_t j = i + 1; j <= end; ++j) {
            for (index_t l = 0; l < m; ++l) {
                c[i * m + l] -= top[j] * c[j * m + l];
            }
        }
        for (index_t l = 0; l < m; ++l) {
            c[i * m + l] /= top[i];
        }
    }
    return {};
}

namespace detail {

// Where the triangle of degree q begins in tables of q + 1 (values) and q (inverse widths) entries per degree.
KRISS_HD constexpr int value_row(int q) { return q * (q + 1) / 2; }
KRISS_HD constexpr int width_row(int q) { return q * (q - 1) / 2; }

// Values of the B-splines of all degrees 0 ... k on a span that is not empty, and the inverse widths
// 1 / (t_{j+q} - t_j), j = ell - q + 1 ... ell, that derivatives divide by. W spans at once.
template <class T, int W>
KRISS_ALWAYS_INLINE void basis_pyramid(const T* t, int k, const std::int32_t* cell, const T* x, T (*value)[W],
                                       T (*inverse)[W]) {
    for (int l = 0; l < W; ++l) {
        value[0][l] = T(1);
    }
    for (int q = 1; q <= k; ++q) {
        T(*const low)[W] = value + value_row(q - 1);
        T(*const high)[W] = value + value_row(q);
        T(*const inv)[W] = inverse + width_row(q);
        for (int l = 0; l < W; ++l) {
            high[0][l] = T(0);
        }
        for (int m = 1; m <= q; ++m) {
            const T* const tr = t + k + m;
            const T* const tf = t + k + (m - q);
            for (int l = 0; l < W; ++l) {
                const T right = tr[cell[l]];
                const T left = tf[cell[l]];
                const T r = T(1) / (right - left);
                const T w = low[m - 1][l] * r;
                inv[m - 1][l] = r;
                high[m - 1][l] += w * (right - x[l]);
                high[m][l] = w * (x[l] - left);
            }
        }
    }
}

}  // namespace detail

namespace detail {

// Coefficients d: (k + 1, W) of B-splines, lane by lane, become the Taylor coefficients p = 0 ... k of their sum;
// give(p, coefficient) takes each. `lane` picks the basis and the widths of one lane for all of d; below 0: lane by
// lane.
template <class T, int W, class Give>
KRISS_ALWAYS_INLINE void taylor(T (*d)[W], int k, const T (*value)[W], const T (*inverse)[W], index_t lane,
                                const Give& give) {
    for (int p = 0; p <= k; ++p) {
        const int q = k - p;
        if (p > 0) {
            // d_a = (q + 1) (d_{a+1} - d_a) / (t_{j+q+1} - t_j) / p, the factorial taken along
            const T factor = static_cast<T>(q + 1) / static_cast<T>(p);
            const int at = width_row(q + 1);
            for (int a = 0; a <= q; ++a) {
                if (lane < 0) {
                    for (int l = 0; l < W; ++l) {
                        d[a][l] = (d[a + 1][l] - d[a][l]) * (inverse[at + a][l] * factor);
                    }
                } else {
                    const T by = inverse[at + a][lane] * factor;
                    for (int l = 0; l < W; ++l) {
                        d[a][l] = (d[a + 1][l] - d[a][l]) * by;
                    }
                }
            }
        }
        const int at = value_row(q);
        T sum[W] = {};
        for (int a = 0; a <= q; ++a) {
            if (lane < 0) {
                for (int l = 0; l < W; ++l) {
                    sum[l] += d[a][l] * value[at + a][l];
                }
            } else {
                const T b = value[at + a][lane];
                for (int l = 0; l < W; ++l) {
                    sum[l] += d[a][l] * b;
                }
            }
        }
        give(p, sum);
    }
}

template <class T, int K>
void pieces_of(const BSplineView<T>& s, const T* x, index_t cells, index_t begin, index_t end, T* out) {
    constexpr int W = 64 / sizeof(T);
    constexpr int top = K >= 0 ? K : bspline_max_degree;
    const int k = K >= 0 ? K : s.k;
    const index_t m = s.columns;
    T value[value_row(top + 1)][W];
    T inverse[width_row(top + 1) + 1][W];
    T d[top + 1][W];
    index_t ell = find_span(s.t, k, s.n, x[begin]);
    for (index_t i = begin; i < end; i += W) {
        const index_t count = end - i < W ? end - i : W;
        T xs[W];
        std::int32_t cell[W];
        for (index_t l = 0; l < W; ++l) {
            const index_t j = l < count ? i + l : end - 1;
            xs[l] = x[j];
            ell = march(s.t, s.n, x[j], ell);
            cell[l] = static_cast<std::int32_t>(ell - k);
        }
        basis_pyramid<T, W>(s.t, k, cell, xs, value, inverse);
        if (m == 1) {
            for (int a = 0; a <= k; ++a) {
                for (int l = 0; l < W; ++l) {
                    d[a][l] = s.c[cell[l] + a];
                }
            }
            taylor<T, W>(d, k, value, inverse, -1, [&](int p, const T* sum) {
                T* const to = out + (k - p) * cells + i;
                for (index_t l = 0; l < count; ++l) {
                    to[l] = sum[l];
                }
            });
            continue;
        }
        for (index_t l = 0; l < count; ++l) {
            for (index_t column = 0; column < m; column += W) {
                const index_t wide = m - column < W ? m - column : W;
                for (int a = 0; a <= k; ++a) {
                    const T* const c = s.c + (cell[l] + a) * m + column;
                    for (index_t v = 0; v < W; ++v) {
                        d[a][v] = v < wide ? c[v] : T(0);
                    }
                }
                taylor<T, W>(d, k, value, inverse, l, [&](int p, const T* sum) {
                    T* const to = out + ((k - p) * cells + i + l) * m + column;
                    for (index_t v = 0; v < wide; ++v) {
                        to[v] = sum[v];
                    }
                });
            }
        }
    }
}

}  // namespace detail

// The spline as polynomials in x - x_i on cells [x_i, x_{i+1}): x: (cells + 1) increasing, inside the base interval,
// every knot of the interior among them; out: (k + 1, cells, columns), highest power first.
//
// Coefficient p is S^(p)(x_i) / p!: p differences of coefficients, each divided by a width that contains the cell, so
// rounding errors stay small against the largest coefficient of the cell whatever the grading of the knots.
template <class T>
void bspline_to_pieces(const BSplineView<T>& s, const T* x, index_t cells, T* out, const Executor& ex) {
    ex.parallel_for(cells, 1024, [&](index_t begin, index_t end) {
        switch (s.k) {
            case 3: return detail::pieces_of<T, 3>(s, x, cells, begin, end, out);
            case 5: return detail::pieces_of<T, 5>(s, x, cells, begin, end, out);
            case 7: return detail::pieces_of<T, 7>(s, x, cells, begin, end, out);
            default: return detail::pieces_of<T, -1>(s, x, cells, begin, end, out);
        }
    });
}

KRISS_NAMESPACE_END
