// Products with a matrix that has few diagonals, stored by diagonal: no index traffic, and every loop a vector loop.
//
// Y. Saad, "Iterative Methods for Sparse Linear Systems", 2nd ed., SIAM 2003, section 3.4 (DIA format). Two
// reductions of the traffic come on top: a diagonal whose entries are all equal is one number, and in a symmetric
// matrix the lower diagonal reads the stream of the upper one, which is still in cache.
//
// Rows are summed from the lowest to the highest diagonal, the order of a sorted CSR row; entries that CSR does not
// store add a zero. The result therefore has the bits of the CSR product.
#pragma once

#include "kriss/config.hpp"
#include "kriss/executor.hpp"
#include "kriss/solve/reduce.hpp"

namespace kriss {

inline constexpr int max_diagonals = 32;

// a_(i, i + offset[k]) = stream[k][i], or constant[k] where stream[k] is null. Streams hold 0 where CSR has no entry
// (i + offset[k] outside the matrix included); the vector multiplied has `halo` zeros on either side.
template <class T>
struct DiagonalView {
    index_t n = 0;
    index_t halo = 0;  // largest |offset|
    int count = 0;
    index_t offset[max_diagonals] = {};  // increasing
    const T* stream[max_diagonals] = {};
    T constant[max_diagonals] = {};
};

}  // namespace kriss

KRISS_NAMESPACE_BEGIN

template <class T, bool Constant>
KRISS_ALWAYS_INLINE T coefficient(const T* s, T c, index_t j) {
    if constexpr (Constant) {
        return c;
    } else {
        return s[j];
    }
}

// y (+)= a * xa + b * xb over m rows, each of a, b a stream or a constant
template <class T, bool ConstA, bool ConstB, bool First>
KRISS_ALWAYS_INLINE void two_diagonals(index_t m, const T* KRISS_RESTRICT a, T ca, const T* KRISS_RESTRICT xa,
                                       const T* KRISS_RESTRICT b, T cb, const T* KRISS_RESTRICT xb,
                                       T* KRISS_RESTRICT y) {
    for (index_t j = 0; j < m; ++j) {
        T s = First ? T(0) : y[j];
        s += coefficient<T, ConstA>(a, ca, j) * xa[j];
        s += coefficient<T, ConstB>(b, cb, j) * xb[j];
        y[j] = s;
    }
}

template <class T, bool First>
KRISS_ALWAYS_INLINE void pair_of_diagonals(const DiagonalView<T>& d, int k, index_t begin, index_t m, const T* x,
                                           T* y) {
    const T* a = d.stream[k];
    const T* b = d.stream[k + 1];
    const T* xa = x + begin + d.offset[k];
    const T* xb = x + begin + d.offset[k + 1];
    const T ca = d.constant[k];
    const T cb = d.constant[k + 1];
    if (a != nullptr && b != nullptr) {
        two_diagonals<T, false, false, First>(m, a + begin, ca, xa, b + begin, cb, xb, y);
    } else if (a != nullptr) {
        two_diagonals<T, false, true, First>(m, a + begin, ca, xa, nullptr, cb, xb, y);
    } else if (b != nullptr) {
        two_diagonals<T, true, false, First>(m, nullptr, ca, xa, b + begin, cb, xb, y);
    } else {
        two_diagonals<T, true, true, First>(m, nullptr, ca, xa, nullptr, cb, xb, y);
    }
}

// y = A x for rows [begin, end), in blocks whose part of y stays in the first-level cache.
// y: the rows begin... of the result
template <class T>
void diagonal_rows(const DiagonalView<T>& d, index_t begin, index_t end, const T* x, T* y) {
    for (index_t b = begin; b < end; b += solve_block) {
        const index_t m = b + solve_block < end ? solve_block : end - b;
        T* out = y + (b - begin);
        int k = 0;
        if (d.count >= 2) {
            pair_of_diagonals<T, true>(d, 0, b, m, x, out);
            for (k = 2; k + 1 < d.count; k += 2) {
                pair_of_diagonals<T, false>(d, k, b, m, x, out);
            }
        } else {
            for (index_t j = 0; j < m; ++j) {
                out[j] = T(0);
            }
        }
        if (k < d.count) {
            const T* s = d.stream[k];
            const T* xs = x + b + d.offset[k];
            if (s != nullptr) {
                for (index_t j = 0; j < m; ++j) {
                    out[j] += s[b + j] * xs[j];
                }
            } else {
                const T c = d.constant[k];
                for (index_t j = 0; j < m; ++j) {
                    out[j] += c * xs[j];
                }
            }
        }
    }
}

// y = A x; returns x'y.  x: (n) with d.halo zeros before and after; part: (chunk_count(n)) scratch
// Moves 8 n bytes per distinct stream and 16 n for x and y in float64; 2 count n flops.
template <class T>
double diagonal_matvec_dot(const DiagonalView<T>& d, const T* x, T* y, double* part, const Executor& ex) {
    ex.parallel_for(d.n, solve_grain, [&d, x, y, part](index_t b, index_t e) {
        diagonal_rows(d, b, e, x, y + b);
        part[b / solve_grain] = dot_chunk(x + b, y + b, e - b);
    });
    return chunk_sum(part, chunk_count(d.n));
}

KRISS_NAMESPACE_END
