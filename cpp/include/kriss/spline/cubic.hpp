// Interpolating cubic splines: not-a-knot, natural, clamped, periodic and given first or second end derivatives.
//
// C. de Boor, A Practical Guide to Splines, 1978, chapter IV. Unknowns are the second derivatives M_i at the knots,
//     h_{i-1} M_{i-1} + 2 (h_{i-1} + h_i) M_i + h_i M_{i+1} = r_i = 6 (d_i - d_{i-1}),   d_i = (y_{i+1} - y_i) / h_i.
// Every end is eliminated into its neighbour: a given second derivative is known; a given first derivative s,
// 2 h_0 M_0 + h_0 M_1 = 6 (d_0 - s), takes h_0/2 from the diagonal of row 1; not-a-knot,
// M_0 = M_1 + (h_0/h_1)(M_1 - M_2), goes together with M_1 and takes h_1 (h_1 - h_0)/(h_0 + 2 h_1) <= h_1/2 from the
// diagonal of row 2. What is left is symmetric, strictly diagonally dominant and positive for every mesh and every
// pair of ends, so elimination in any order is stable without pivoting. The periodic system is bordered by M_0.
//
// One column: the rows are cut into blocks with a separator row between two (cubic_blocks.hpp), which breaks the chain
// of divisions. Many columns: factor once, substitute columns in parallel.
#pragma once

#include <limits>

#include "kriss/config.hpp"
#include "kriss/executor.hpp"
#include "kriss/spline/cubic_batch.hpp"
#include "kriss/spline/cubic_blocks.hpp"
#include "kriss/spline/cubic_rows.hpp"
#include "kriss/status.hpp"

KRISS_NAMESPACE_BEGIN

// Items of T that `cubic` needs as scratch.
inline index_t cubic_work(index_t n, index_t m) { return n * (m + 4); }

namespace detail {

// Cells [begin, end) of one column, in place: c2 holds the slopes and c3 the widths on entry.
template <class T>
inline void cubic_cells(index_t begin, index_t end, const T* KRISS_RESTRICT M, const T* KRISS_RESTRICT y,
                        T* KRISS_RESTRICT c0, T* KRISS_RESTRICT c1, T* KRISS_RESTRICT c2, T* KRISS_RESTRICT c3) {
    for (index_t i = begin; i < end; ++i) {
        cubic_cell(c3[i], c2[i], M[i], M[i + 1], y[i], c0 + i, c1 + i, c2 + i, c3 + i);
    }
}

template <class T>
Info cubic_one_column(const CubicEnds& ends, const T* x, const T* y, T left, T right, T* c, T* work,
                      const Executor& ex) {
    const index_t N = ends.n - 1;
    T* const l = c;          // c0 and c1 hold the factors until they are overwritten,
    T* const w = c + N;      //
    T* const d = c + 2 * N;  // c2 the slopes, c3 the widths
    T* const h = c + 3 * N;
    T* const M = work;                // (n)
    T* const scratch = work + N + 1;  // (4 n)
    const CubicRows<T> rows(ends, h);
    const CubicBlocks blocks(rows.lo, rows.hi);
    auto* const edges = reinterpret_cast<BlockEdge<T>*>(scratch);  // 5 items for at least 32 rows

    // Slopes: chunks with one flag each, so that no two workers write to the same place.
    constexpr index_t grain = 8192;
    T* const flags = scratch + 5 * blocks.count;
    ex.parallel_for(N, grain, [=](index_t begin, index_t end) {
        flags[begin / grain] = cubic_slopes(x, y, index_t(1), begin, end, h, d) ? T(1) : T(0);
    });
    if (ex.interrupted()) {
        return {Status::interrupted, -1};
    }
    for (index_t i = 0; i < (N + grain - 1) / grain; ++i) {
        if (flags[i] != T(0)) {
            return {Status::not_monotone, -1};
        }
    }

    const index_t groups = blocks.groups();
    ex.parallel_for(groups, 1, [=](index_t begin, index_t end) {
        for (index_t g = begin; g < end; ++g) {
            if (blocks.count == 1) {
                cubic_forward<T, 1>(rows, blocks, 0, d, left, right, M, l, w, edges);
            } else {
                cubic_forward<T, CubicBlocks::lanes>(rows, blocks, g * CubicBlocks::lanes, d, left, right, M, l, w,
                                                     edges);
            }
        }
    });
    if (ex.interrupted()) {
        return {Status::interrupted, -1};
    }
    cubic_separators(rows, blocks, edges, d, M, scratch + 5 * blocks.count);
    ex.parallel_for(groups, 1, [=](index_t begin, index_t end) {
        for (index_t g = begin; g < end; ++g) {
            index_t first = 0;
            index_t stop = rows.hi;
            if (blocks.count == 1) {
                cubic_backward<T, 1>(rows, blocks, 0, M, l, w);
                first = rows.lo;
            } else {
                const index_t b = g * CubicBlocks::lanes;
                cubic_backward<T, CubicBlocks::lanes>(rows, blocks, b, M, l, w);
                first = g == 0 ? rows.lo : blocks.begin(b) - 1;
                stop = g == groups - 1 ? rows.hi : blocks.begin(b + CubicBlocks::lanes) - 1;
            }
            cubic_cells(first, stop, M, y, l, w, d, h);
        }
    });
    if (ex.interrupted()) {
        return {Status::interrupted, -1};
    }
    cubic_ends(rows, d, index_t(1), left, right, M);
    const bool none = rows.hi < rows.lo;
    cubic_cells(index_t(0), none ? N : rows.lo, M, y, l, w, d, h);
    cubic_cells(none ? N : rows.hi, N, M, y, l, w, d, h);
    if (ends.left == End::slope) {
        d[0] = left;  // exactly what was asked for
    }
    return {};
}

template <class T>
Info cubic_columns(const CubicEnds& ends, const T* x, const T* y, index_t m, const T* left, const T* right, T* c,
                   T* work, const Executor& ex) {
    const index_t n = ends.n;
    const index_t N = n - 1;
    const bool periodic = ends.left == End::periodic;
    T* const M = work;  // (n, m)
    const CubicShared<T> shared(work + n * m, n);
    const T* const h = shared.h;
    const T* const inv = shared.inv;
    const T* const l = shared.l;
    const T* const g = shared.g;
    T* const d = c + 2 * N * m;  // (N, m)
    if (cubic_slopes(x, y, m, index_t(0), N, shared.h, d)) {
        return {Status::not_monotone, -1};
    }
    const CubicRows<T> rows(ends, h);
    cubic_factor_rows(rows, shared);
    const T corner = *shared.corner;
    // Columns in strips; a strip of 64 columns keeps a row of it in a few cache lines.
    ex.parallel_for(m, 64, [=](index_t t0, index_t t1) {
        for (index_t i = rows.lo; i <= rows.hi; ++i) {
            const T above = i == rows.lo ? T(0) : h[i - 1];
            const T* const before = i == rows.lo ? M + i * m : M + (i - 1) * m;
            const bool plain = i > rows.lo && i < rows.hi;
            for (index_t t = t0; t < t1; ++t) {
                const T b =
                    plain ? T(6) * (d[i * m + t] - d[(i - 1) * m + t]) : rows.rhs(i, d + t, m, left[t], right[t]);
                M[i * m + t] = (i == rows.lo ? b : b - above * before[t]) * inv[i];
            }
        }
        for (index_t i = rows.hi - 1; i >= rows.lo; --i) {
            for (index_t t = t0; t < t1; ++t) {
                M[i * m + t] -= l[i] * M[(i + 1) * m + t];
            }
        }
        for (index_t t = t0; t < t1; ++t) {
            if (!periodic) {
                cubic_ends(rows, d + t, m, left[t], right[t], M + t);
            } else if (N == 1) {
                M[t] = M[m + t] = T(0);
            } else {
                const T r = T(6) * (d[t] - d[(N - 1) * m + t]);
                const T edge = (r - h[0] * M[m + t] - h[N - 1] * M[(N - 1) * m + t]) / corner;
                M[t] = M[N * m + t] = edge;
                for (index_t i = 1; i < N; ++i) {
                    M[i * m + t] -= g[i] * edge;
                }
            }
        }
        for (index_t i = 0; i < N; ++i) {
            for (index_t t = t0; t < t1; ++t) {
                const index_t at = i * m + t;
                cubic_cell(h[i], d[at], M[at], M[at + m], y[at], c + at, c + N * m + at, d + at, c + 3 * N * m + at);
            }
        }
        if (ends.left == End::slope) {
            for (index_t t = t0; t < t1; ++t) {
                d[t] = left[t];
            }
        }
    });
    return {ex.interrupted() ? Status::interrupted : Status::ok, -1};
}

}  // namespace detail

// x: (n), y: (n, m), left, right: (m) end derivatives (read for slope and curvature only), c: (4, n - 1, m) as PPoly
// stores it, work: cubic_work(n, m). n >= 2; with n = 2 not-a-knot means a straight line, with n = 3 and both ends
// not-a-knot a parabola. Status not_monotone: some x does not increase, or a width or slope is not finite.
template <class T>
Info cubic(const T* x, const T* y, index_t n, index_t m, End left_end, const T* left, End right_end, const T* right,
           T* c, T* work, const Executor& ex) {
    const CubicEnds ends{left_end, right_end, n};
    if (m == 1 && left_end != End::periodic) {
        return detail::cubic_one_column(ends, x, y, left[0], right[0], c, work, ex);
    }
    return detail::cubic_columns(ends, x, y, m, left, right, c, work, ex);
}

KRISS_NAMESPACE_END
