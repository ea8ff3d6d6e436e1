// Products with a stencil on a grid: the matrix is never stored.
//
// Y. Saad, "Iterative Methods for Sparse Linear Systems", 2nd ed., SIAM 2003, section 2.2 (difference stencils); the
// sums over diagonals are those of solve/stencil.hpp. There a diagonal holds zeros where a line of the grid ends. Here
// the coefficients are constants, or arrays that need no such zeros, so the sum runs line by line of the last axis:
// in the middle of a line every neighbour is inside and the loop is a vector loop over all points of the stencil; the
// few cells at its ends look at each neighbour. Neighbours outside the grid count as zero (Dirichlet), or come from the
// other side (periodic axes).
//
// Points are visited in lexicographic order of their offsets. Away from periodic seams that is the order of the columns
// of the matrix, and the sum has the bits of the CSR product.
//
// Bytes per product in float64: 16 n for x and y and 8 n per array of coefficients (an array serves both halves of a
// symmetric stencil); constants cost nothing. 2 count n flops.
#pragma once

#include "kriss/config.hpp"
#include "kriss/executor.hpp"
#include "kriss/solve/reduce.hpp"
#include "kriss/solve/scalar.hpp"
#include "kriss/solve/stencil.hpp"

namespace kriss {

inline constexpr int max_points = 128;

// The cell (i, j, k) of an n[0] x n[1] x n[2] grid has the number (i n[1] + j) n[2] + k. Its equation has the
// coefficient stream[p][number], or constant[p] where stream[p] is null, at the cell (i, j, k) + step[p].
template <class T>
struct GridStencil {
    index_t n[3] = {1, 1, 1};
    bool wrap[3] = {false, false, false};  // periodic axes
    int count = 0;
    index_t step[max_points][3] = {};  // in lexicographic order, each once; |step[p][a]| < n[a]
    index_t offset[max_points] = {};   // the same as a difference of numbers
    index_t along[max_points] = {};    // step[p][2]
    const T* stream[max_points] = {};
    T constant[max_points] = {};
    // middle[a]: coordinates from which every neighbour along axis a is inside without wrapping
    index_t middle_first[3] = {};
    index_t middle_last[3] = {};

    KRISS_ALWAYS_INLINE index_t rows() const { return n[0] * n[1] * n[2]; }
};

}  // namespace kriss

KRISS_NAMESPACE_BEGIN

// i + d on an axis, or -1 outside of it
KRISS_ALWAYS_INLINE index_t grid_neighbour(index_t i, index_t d, index_t n, bool wrap) {
    const index_t j = i + d;
    if (j >= 0 && j < n) {
        return j;
    }
    return !wrap ? -1 : j < 0 ? j + n : j - n;
}

// The points of the stencil that have a neighbour, for the cells of one line along the last axis; offsets lead from a
// cell to its neighbour as long as that neighbour is on its line.
template <class T>
struct GridLine {
    index_t offset[max_points];
    index_t along[max_points];
    const T* stream[max_points];
    T constant[max_points];
};
template <class T>
struct GridPoints : DiagonalTerms<T> {
    const index_t* along = nullptr;
};

// line: i n[1] + j; room: where they are put unless they are all points of the stencil
template <class T>
KRISS_ALWAYS_INLINE GridPoints<T> grid_points(const GridStencil<T>& g, index_t line, GridLine<T>& room) {
    const index_t i = line / g.n[1];
    const index_t j = line - i * g.n[1];
    if (i >= g.middle_first[0] && i < g.middle_last[0] && j >= g.middle_first[1] && j < g.middle_last[1]) {
        return {{g.count, g.offset, g.stream, g.constant}, g.along};
    }
    int count = 0;
    for (int p = 0; p < g.count; ++p) {
        const index_t a = grid_neighbour(i, g.step[p][0], g.n[0], g.wrap[0]);
        const index_t b = grid_neighbour(j, g.step[p][1], g.n[1], g.wrap[1]);
        if (a < 0 || b < 0) {
            continue;
        }
        const int k = count++;
        room.offset[k] = (a * g.n[1] + b - line) * g.n[2] + g.along[p];
        room.along[k] = g.along[p];
        room.stream[k] = g.stream[p];
        room.constant[k] = g.constant[p];
    }
    return {{count, room.offset, room.stream, room.constant}, room.along};
}

// y[c] for the cell c, at place k of its line
template <class T>
KRISS_ALWAYS_INLINE T grid_cell(const GridStencil<T>& g, const GridPoints<T>& l, index_t c, index_t k, const T* x) {
    T s{};
    for (int p = 0; p < l.count; ++p) {
        const index_t to = grid_neighbour(k, l.along[p], g.n[2], g.wrap[2]);
        if (to >= 0) {
            const T v = l.stream[p] != nullptr ? l.stream[p][c] : l.constant[p];
            s = s + v * x[c + l.offset[p] + (to - k - l.along[p])];
        }
    }
    return s;
}

// y = A x for m cells from `begin`, with y the first of them
template <class T>
void grid_block(const GridStencil<T>& g, index_t begin, index_t m, const T* x, T* y) {
    const index_t width = g.n[2];
    GridLine<T> room;
    const index_t end = begin + m;
    for (index_t c = begin; c < end;) {
        const index_t line = c / width;
        const index_t k = c - line * width;
        const index_t stop = k + (end - c) < width ? k + (end - c) : width;
        const GridPoints<T> points = grid_points(g, line, room);
        const index_t base = c - k;  // the first cell of the line
        T* to = y + (base - begin);
        index_t first = g.middle_first[2] > k ? g.middle_first[2] : k;
        index_t last = g.middle_last[2] < stop ? g.middle_last[2] : stop;
        if (first < last && points.count > 0) {
            diagonal_block<T>(points, base + first, last - first, x, to + first);
        } else {
            first = last = stop;
        }
        for (index_t t = k; t < first; ++t) {
            to[t] = grid_cell(g, points, base + t, t, x);
        }
        for (index_t t = last; t < stop; ++t) {
            to[t] = grid_cell(g, points, base + t, t, x);
        }
        c = base + stop;
    }
}

// y = A x.  x, y: (n)
template <class T>
void grid_matvec(const GridStencil<T>& g, const T* x, T* y, const Executor& ex) {
    ex.parallel_for(g.rows(), solve_grain, [&g, x, y](index_t begin, index_t end) {
        for (index_t b = begin; b < end; b += solve_block) {
            const index_t m = b + solve_block < end ? solve_block : end - b;
            grid_block(g, b, m, x, y + b);
        }
    });
}

// y = A x; returns x'y.  part: (chunk_count(n)) scratch
template <class T>
double grid_matvec_dot(const GridStencil<T>& g, const T* x, T* y, double* part, const Executor& ex) {
    ex.parallel_for(g.rows(), solve_grain, [&g, x, y, part](index_t begin, index_t end) {
        double s[solve_lanes] = {};
        double wide_x[solve_block];
        double wide_y[solve_block];
        for (index_t b = begin; b < end; b += solve_block) {
            const index_t m = b + solve_block < end ? solve_block : end - b;
            grid_block(g, b, m, x, y + b);
            add_products(as_double(x + b, m, wide_x), as_double(y + b, m, wide_y), m, s);
        }
        part[begin / solve_grain] = lane_sum(s);
    });
    return chunk_sum(part, chunk_count(g.rows()));
}

// Y = A X for m cells from `begin` of panels of K columns, with y the first of them: a point of the stencil after
// another, each over the cells that have that neighbour.
template <class T, int K>
void grid_block_multi(const GridStencil<T>& g, index_t begin, index_t m, const T* x, T* KRISS_RESTRICT y) {
    const index_t width = g.n[2];
    GridLine<T> room;
    const index_t end = begin + m;
    for (index_t c = begin; c < end;) {
        const index_t line = c / width;
        const index_t k = c - line * width;
        const index_t stop = k + (end - c) < width ? k + (end - c) : width;
        const index_t base = c - k;
        const GridPoints<T> points = grid_points(g, line, room);
        T* KRISS_RESTRICT to = y + (base - begin) * K;  // of the first cell of the line
        for (index_t t = k * K; t < stop * K; ++t) {
            to[t] = T(0);
        }
        for (int p = 0; p < points.count; ++p) {
            const index_t d = points.along[p];
            const index_t low = d < 0 ? (-d > k ? -d : k) : k;
            const index_t high = d > 0 ? (width - d < stop ? width - d : stop) : stop;
            const T* KRISS_RESTRICT from = x + (base + points.offset[p]) * K;
            const T* KRISS_RESTRICT stream = points.stream[p] != nullptr ? points.stream[p] + base : nullptr;
            if (stream == nullptr) {
                const T v = points.constant[p];
                for (index_t t = low * K; t < high * K; ++t) {
                    to[t] += v * from[t];
                }
            } else {
                for (index_t t = low; t < high; ++t) {
                    for (int q = 0; q < K; ++q) {
                        to[t * K + q] += stream[t] * from[t * K + q];
                    }
                }
            }
            if (g.wrap[2] && d != 0) {
                // the cells whose neighbour is at the other end of its line
                const index_t shift = d < 0 ? width : -width;
                const index_t from_cell = d < 0 ? k : (width - d > k ? width - d : k);
                const index_t to_cell = d < 0 ? (-d < stop ? -d : stop) : stop;
                for (index_t t = from_cell; t < to_cell; ++t) {
                    const T v = stream != nullptr ? stream[t] : points.constant[p];
                    for (int q = 0; q < K; ++q) {
                        to[t * K + q] += v * from[(t + shift) * K + q];
                    }
                }
            }
        }
        c = base + stop;
    }
}

// Y = A X.  x, y: (n, K)
template <class T, int K>
void grid_matmat(const GridStencil<T>& g, const T* x, T* y, const Executor& ex) {
    ex.parallel_for(g.rows(), solve_grain, [&g, x, y](index_t begin, index_t end) {
        constexpr index_t step = solve_block / K;
        for (index_t b = begin; b < end; b += step) {
            grid_block_multi<T, K>(g, b, b + step < end ? step : end - b, x, y + b * K);
        }
    });
}

KRISS_NAMESPACE_END
