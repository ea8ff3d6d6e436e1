// One column of the cubic spline system by blocks: an exact elimination in nested order (blocks, then separators).
//
// A plain sweep waits some 25 cycles per row for a chain of multiply, subtract and divide. Blocks between separator
// rows do not depend on each other: 8 of them run in lanes, groups of 8 in parallel. The borders depend on the number
// of rows alone, so the result does not depend on the number of workers.
// Per row: one division, 8 flops forward, 4 backward; two more divisions per cell (slopes, coefficients) vectorise.
// Traffic per knot in float64: 32 B for widths and slopes, 48 B forward, 40 B backward, 72 B for the coefficients.
#pragma once

#include "kriss/config.hpp"
#include "kriss/spline/cubic_rows.hpp"

KRISS_NAMESPACE_BEGIN

namespace detail {

// Unknown rows low..high cut into `count` blocks with one separator row between two; 1 block, or a multiple of lanes.
struct CubicBlocks {
    static constexpr index_t lanes = 8;
    // Rows of a block at most. w shrinks by at least 2, typically 3.7 a row and reaches subnormal numbers, which are
    // slow, after some 500 rows.
    static constexpr index_t target = 200;
    index_t lo;
    index_t count;
    index_t base;    // rows of a block; the first `longer` blocks have one more
    index_t longer;  //

    CubicBlocks(index_t low, index_t high) : lo(low) {
        const index_t rows = high >= low ? high - low + 1 : 0;
        count = rows == 0 ? 0 : rows < 32 * lanes ? 1 : lanes * ((rows + lanes * target - 1) / (lanes * target));
        base = count > 0 ? (rows - (count - 1)) / count : 0;
        longer = count > 0 ? rows - (count - 1) - base * count : 0;
    }
    KRISS_ALWAYS_INLINE index_t begin(index_t block) const {
        return lo + block * (base + 1) + (block < longer ? block : longer);
    }
    KRISS_ALWAYS_INLINE index_t size(index_t block) const { return base + (block < longer ? 1 : 0); }
    index_t groups() const { return count <= 1 ? count : count / lanes; }
};

// What elimination of a block subtracts from the separators on its two sides, and the entry it puts between them.
template <class T>
struct BlockEdge {
    T left_diagonal, left_rhs, right_diagonal, right_rhs, coupling;
};

// Eliminates L neighbouring blocks: M_i = z_i - l_i M_{i+1} - w_i M_left, where M_left is the separator before the
// block. u_i is the entry between row i and that separator when row i is eliminated. z: (n), l, w: (N).
template <class T, int L>
KRISS_ALWAYS_INLINE void cubic_forward(const CubicRows<T>& rows, const CubicBlocks& blocks, index_t first, const T* d,
                                       T left, T right, T* z, T* l, T* w, BlockEdge<T>* edges) {
    const T* const h = rows.h;
    index_t start[L];
    T zk[L], lk[L], uk[L], wk[L], sum_d[L], sum_r[L];
    for (int k = 0; k < L; ++k) {
        const index_t i = blocks.begin(first + k);
        start[k] = i;
        const T inv = T(1) / rows.diagonal(i);
        zk[k] = rows.rhs(i, d, 1, left, right) * inv;
        uk[k] = i > rows.lo ? h[i - 1] : T(0);
        wk[k] = uk[k] * inv;
        lk[k] = i < rows.hi ? h[i] * inv : T(0);
        sum_d[k] = uk[k] * wk[k];
        sum_r[k] = uk[k] * zk[k];
        z[i] = zk[k];
        l[i] = lk[k];
        w[i] = wk[k];
    }
    // Rows inside, all lanes in step. Row hi is the last of its block and comes after.
    for (index_t t = 1; t < blocks.base - 1; ++t) {
        T a[L], b[L], above[L], below[L];
        for (int k = 0; k < L; ++k) {
            const index_t i = start[k] + t;
            above[k] = h[i - 1];
            below[k] = h[i];
            b[k] = T(6) * (d[i] - d[i - 1]);
        }
        for (int k = 0; k < L; ++k) {
            a[k] = T(2) * (above[k] + below[k]) - above[k] * lk[k];
        }
        for (int k = 0; k < L; ++k) {
            const T inv = T(1) / a[k];
            zk[k] = (b[k] - above[k] * zk[k]) * inv;
            uk[k] = -uk[k] * lk[k];
            wk[k] = uk[k] * inv;
            lk[k] = below[k] * inv;
            sum_d[k] += uk[k] * wk[k];
            sum_r[k] += uk[k] * zk[k];
        }
        for (int k = 0; k < L; ++k) {
            const index_t i = start[k] + t;
            z[i] = zk[k];
            l[i] = lk[k];
            w[i] = wk[k];
        }
    }
    for (int k = 0; k < L; ++k) {
        const index_t size = blocks.size(first + k);
        for (index_t t = blocks.base > 1 ? blocks.base - 1 : 1; t < size; ++t) {
            const index_t i = start[k] + t;
            const T above = h[i - 1];
            const T inv = T(1) / (rows.diagonal(i) - above * lk[k]);
            zk[k] = (rows.rhs(i, d, 1, left, right) - above * zk[k]) * inv;
            uk[k] = -uk[k] * lk[k];
            wk[k] = uk[k] * inv;
            lk[k] = i < rows.hi ? h[i] * inv : T(0);
            sum_d[k] += uk[k] * wk[k];
            sum_r[k] += uk[k] * zk[k];
            z[i] = zk[k];
            l[i] = lk[k];
            w[i] = wk[k];
        }
        const index_t end = start[k] + size - 1;
        const T off = end < rows.hi ? h[end] : T(0);
        edges[first + k] = {sum_d[k], sum_r[k], off * lk[k], off * zk[k], -wk[k] * off};
    }
}

// The separators, one plain sweep: M at their rows. factor: (count).
template <class T>
inline void cubic_separators(const CubicRows<T>& rows, const CubicBlocks& blocks, const BlockEdge<T>* edges, const T* d,
                             T* M, T* factor) {
    const index_t last = blocks.count - 2;
    T z = T(0);
    for (index_t j = 0; j <= last; ++j) {
        const index_t i = blocks.begin(j + 1) - 1;
        T a = T(2) * (rows.h[i - 1] + rows.h[i]) - edges[j].right_diagonal - edges[j + 1].left_diagonal;
        T b = T(6) * (d[i] - d[i - 1]) - edges[j].right_rhs - edges[j + 1].left_rhs;
        if (j > 0) {
            a -= edges[j].coupling * factor[j - 1];
            b -= edges[j].coupling * z;
        }
        z = b / a;
        factor[j] = edges[j + 1].coupling / a;
        M[i] = z;
    }
    for (index_t j = last - 1; j >= 0; --j) {
        M[blocks.begin(j + 1) - 1] -= factor[j] * M[blocks.begin(j + 2) - 1];
    }
}

// Back substitution of L neighbouring blocks, separators known. M holds z on entry.
template <class T, int L>
KRISS_ALWAYS_INLINE void cubic_backward(const CubicRows<T>& rows, const CubicBlocks& blocks, index_t first, T* M,
                                        const T* l, const T* w) {
    index_t start[L];
    T next[L], side[L];
    for (int k = 0; k < L; ++k) {
        start[k] = blocks.begin(first + k);
        const index_t end = start[k] + blocks.size(first + k) - 1;
        side[k] = start[k] > rows.lo ? M[start[k] - 1] : T(0);
        next[k] = end < rows.hi ? M[end + 1] : T(0);
        if (blocks.size(first + k) > blocks.base) {
            next[k] = M[end] - l[end] * next[k] - w[end] * side[k];
            M[end] = next[k];
        }
    }
    for (index_t t = blocks.base - 1; t >= 0; --t) {
        for (int k = 0; k < L; ++k) {
            const index_t i = start[k] + t;
            next[k] = M[i] - l[i] * next[k] - w[i] * side[k];
        }
        for (int k = 0; k < L; ++k) {
            M[start[k] + t] = next[k];
        }
    }
}

}  // namespace detail

KRISS_NAMESPACE_END
