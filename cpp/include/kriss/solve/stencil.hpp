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

// What a sum over diagonals needs of them: the first `count` items of arrays that somebody else owns.
template <class T>
struct DiagonalTerms {
    int count = 0;
    const index_t* offset = nullptr;
    const T* const* stream = nullptr;  // null: a constant
    const T* constant = nullptr;
};

}  // namespace kriss

KRISS_NAMESPACE_BEGIN

template <class T>
KRISS_ALWAYS_INLINE DiagonalTerms<T> terms_of(const DiagonalView<T>& d) {
    return {d.count, d.offset, d.stream, d.constant};
}

// y (+)= sum over the Count diagonals from number k on, for m rows from `begin`. Bit j of Streams says that diagonal
// k + j is a stream, else it is a constant; both known at compile time, each combination is one vector loop.
template <class T, int Count, unsigned Streams, bool First>
KRISS_ALWAYS_INLINE void some_diagonals(const DiagonalTerms<T>& d, int k, index_t begin, index_t m, const T* x,
                                        T* KRISS_RESTRICT y) {
    const T* KRISS_RESTRICT stream[Count];
    const T* KRISS_RESTRICT shifted[Count];
    T constant[Count];
    for (int j = 0; j < Count; ++j) {
        stream[j] = (Streams >> j & 1U) != 0 ? d.stream[k + j] + begin : nullptr;
        shifted[j] = x + begin + d.offset[k + j];
        constant[j] = d.constant[k + j];
    }
    for (index_t i = 0; i < m; ++i) {
        T s = First ? T{} : y[i];
        for (int j = 0; j < Count; ++j) {
            s = s + ((Streams >> j & 1U) != 0 ? stream[j][i] : constant[j]) * shifted[j][i];
        }
        y[i] = s;
    }
}

// Turns the run-time pattern of streams into the template argument, one bit at a time.
template <class T, int Count, bool First, int Bit = 0, unsigned Streams = 0>
void pick_diagonals(const DiagonalTerms<T>& d, int k, index_t begin, index_t m, const T* x, T* y) {
    if constexpr (Bit == Count) {
        some_diagonals<T, Count, Streams, First>(d, k, begin, m, x, y);
    } else if (d.stream[k + Bit] != nullptr) {
        pick_diagonals<T, Count, First, Bit + 1, Streams | 1U << Bit>(d, k, begin, m, x, y);
    } else {
        pick_diagonals<T, Count, First, Bit + 1, Streams>(d, k, begin, m, x, y);
    }
}

// y = A x for at most solve_block rows from `begin`: five diagonals in the first pass, then three at a time.
// y: the rows begin... of the result; at least one diagonal
template <class T>
void diagonal_block(const DiagonalTerms<T>& d, index_t begin, index_t m, const T* x, T* y) {
    int k = 5;
    switch (d.count) {
        case 1: pick_diagonals<T, 1, true>(d, 0, begin, m, x, y); return;
        case 2: pick_diagonals<T, 2, true>(d, 0, begin, m, x, y); return;
        case 3: pick_diagonals<T, 3, true>(d, 0, begin, m, x, y); return;
        case 4: pick_diagonals<T, 4, true>(d, 0, begin, m, x, y); return;
        default: pick_diagonals<T, 5, true>(d, 0, begin, m, x, y);
    }
    for (; k + 3 <= d.count; k += 3) {
        pick_diagonals<T, 3, false>(d, k, begin, m, x, y);
    }
    if (k + 2 == d.count) {
        pick_diagonals<T, 2, false>(d, k, begin, m, x, y);
    } else if (k + 1 == d.count) {
        pick_diagonals<T, 1, false>(d, k, begin, m, x, y);
    }
}

// Rows [begin, end) of y = A x
template <class T>
void diagonal_rows(const DiagonalView<T>& d, const T* x, T* y, index_t begin, index_t end) {
    for (index_t b = begin; b < end; b += solve_block) {
        diagonal_block(terms_of(d), b, b + solve_block < end ? solve_block : end - b, x, y + b);
    }
}

// y = A x; returns x'y.  x: (n) with d.halo zeros before and after; part: (chunk_count(n)) scratch
// Moves 8 n bytes per distinct stream and 16 n for x and y in float64; 2 count n flops.
template <class T>
double diagonal_matvec_dot(const DiagonalView<T>& d, const T* x, T* y, double* part, const Executor& ex) {
    ex.parallel_for(d.n, solve_grain, [&d, x, y, part](index_t begin, index_t end) {
        double s[solve_lanes] = {};
        double wide_x[solve_block];
        double wide_y[solve_block];
        for (index_t b = begin; b < end; b += solve_block) {
            const index_t m = b + solve_block < end ? solve_block : end - b;
            diagonal_block(terms_of(d), b, m, x, y + b);
            add_products(as_double(x + b, m, wide_x), as_double(y + b, m, wide_y), m, s);
        }
        part[begin / solve_grain] = lane_sum(s);
    });
    return chunk_sum(part, chunk_count(d.n));
}

KRISS_NAMESPACE_END
