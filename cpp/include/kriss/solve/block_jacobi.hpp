// Block Jacobi: dense diagonal blocks, factorised once.
//
// Y. Saad, "Iterative Methods for Sparse Linear Systems", 2nd ed., SIAM 2003, section 12.2; elimination: G. H. Golub,
// C. F. Van Loan, "Matrix Computations", 4th ed., Johns Hopkins 2013, algorithms 4.1.2 (L D L' for symmetric blocks
// with positive pivots) and 3.4.1 (partial pivoting, here by pivots relative to the largest entry of their row, so that
// the scaling of the rows decides neither the pivots nor what counts as singular).
//
// Both kinds end as unit L below and U above the diagonal, by columns, with the inverse pivots on it: one code applies
// them, and every inner loop runs down a column. Blocks do not wait for each other.
#pragma once

#include <cmath>
#include <limits>

#include "kriss/config.hpp"
#include "kriss/executor.hpp"
#include "kriss/status.hpp"
#include "kriss/view.hpp"

namespace kriss {

// Block b holds the unknowns order[start[b]..start[b + 1]) (null: those numbers themselves). With m of them its factor
// is the m x m matrix at data + offset[b], by columns. source[p]: the row of A whose equation is the p-th after
// pivoting.
template <class T>
struct BlocksView {
    index_t n = 0;
    index_t count = 0;
    index_t chunk = 1;                // blocks to a task
    const index_t* start = nullptr;   // (count + 1)
    const index_t* offset = nullptr;  // (count)
    const index_t* order = nullptr;   // (n)
    index_t* source = nullptr;        // (n)
    T* data = nullptr;
    bool moved = false;  // source is not the identity
};

}  // namespace kriss

KRISS_NAMESPACE_BEGIN

// What became of a block.
enum class BlockKind : unsigned char { general = 0, definite = 1, singular = 2, non_finite = 3 };

// L D L' of the symmetric m x m block, in place; false if a pivot is not above tau times its diagonal entry.
// d: (m) scratch, the diagonal of the block
template <class T>
bool block_definite(index_t m, T* a, T tau, T* d) {
    for (index_t j = 0; j < m; ++j) {
        d[j] = a[j * m + j];
    }
    for (index_t k = 0; k < m; ++k) {
        T* column = a + k * m;
        const T pivot = column[k];
        const T inverse = T(1) / pivot;
        if (!(pivot > tau * d[k]) || !(pivot > T(0)) || !std::isfinite(inverse)) {
            return false;
        }
        column[k] = inverse;
        for (index_t j = k + 1; j < m; ++j) {
            const T v = column[j];
            T* other = a + j * m;
            other[k] = v;  // U = D L'
            const T f = v * inverse;
            for (index_t i = j; i < m; ++i) {
                other[i] -= f * column[i];
            }
        }
        for (index_t i = k + 1; i < m; ++i) {
            column[i] *= inverse;
        }
    }
    return true;
}

// P A = L U, in place; perm: (m) the row that came to each place. False if all pivots left in a column are at most tau
// times the largest entries of their rows.  size: (m) scratch
template <class T>
bool block_general(index_t m, T* a, T tau, index_t* perm, T* size) {
    for (index_t i = 0; i < m; ++i) {
        T largest = 0;
        for (index_t j = 0; j < m; ++j) {
            const T v = std::fabs(a[j * m + i]);
            largest = v > largest ? v : largest;
        }
        size[i] = largest;
        perm[i] = i;
    }
    for (index_t k = 0; k < m; ++k) {
        T* column = a + k * m;
        index_t best = -1;
        T ratio = tau;
        for (index_t i = k; i < m; ++i) {
            const T r = size[i] > T(0) ? std::fabs(column[i]) / size[i] : T(0);
            if (r > ratio) {
                ratio = r;
                best = i;
            }
        }
        if (best < 0) {
            return false;
        }
        if (best != k) {
            for (index_t j = 0; j < m; ++j) {
                const T t = a[j * m + k];
                a[j * m + k] = a[j * m + best];
                a[j * m + best] = t;
            }
            const index_t p = perm[k];
            perm[k] = perm[best];
            perm[best] = p;
            size[best] = size[k];
        }
        const T inverse = T(1) / column[k];
        if (!std::isfinite(inverse)) {
            return false;
        }
        column[k] = inverse;
        for (index_t i = k + 1; i < m; ++i) {
            column[i] *= inverse;
        }
        for (index_t j = k + 1; j < m; ++j) {
            T* other = a + j * m;
            const T f = other[k];
            for (index_t i = k + 1; i < m; ++i) {
                other[i] -= f * column[i];
            }
        }
    }
    return true;
}

// Block `b` of A into its place, and its factor.  label: (n) the block of each unknown; place: (n) its number inside.
// room: (m * m + 2 m) scratch; perm: (m) scratch
template <class T, class I>
BlockKind block_factor(const CsrView<T, I>& a, const BlocksView<T>& blocks, index_t b, const index_t* label,
                       const index_t* place, T* room, index_t* perm) {
    const index_t first = blocks.start[b];
    const index_t m = blocks.start[b + 1] - first;
    T* block = blocks.data + blocks.offset[b];
    for (index_t k = 0; k < m * m; ++k) {
        block[k] = T(0);
    }
    for (index_t p = 0; p < m; ++p) {
        const index_t i = blocks.order != nullptr ? blocks.order[first + p] : first + p;
        for (index_t k = a.indptr[i]; k < a.indptr[i + 1]; ++k) {
            const index_t j = a.indices[k];
            if (label[j] == b) {
                block[place[j] * m + p] = a.data[k];
            }
        }
    }
    const T eps = std::numeric_limits<T>::epsilon();
    const T tau = T(4) * static_cast<T>(m) * eps;
    // Symmetric but for the rounding of whoever assembled A, which is relative to the diagonal: the lower triangle is
    // taken.
    bool symmetric = true;
    T* size = room + m * m;
    for (index_t j = 0; j < m; ++j) {
        size[j] = std::sqrt(std::fabs(block[j * m + j]));
    }
    for (index_t j = 0; j < m && symmetric; ++j) {
        for (index_t i = j + 1; i < m; ++i) {
            if (!(std::fabs(block[j * m + i] - block[i * m + j]) <= T(16) * eps * size[i] * size[j])) {
                symmetric = false;
                break;
            }
        }
    }
    if (symmetric) {
        for (index_t k = 0; k < m * m; ++k) {
            room[k] = block[k];
        }
        if (block_definite(m, block, tau, room + m * m)) {
            for (index_t p = 0; p < m; ++p) {
                blocks.source[first + p] = blocks.order != nullptr ? blocks.order[first + p] : first + p;
            }
            return BlockKind::definite;
        }
        for (index_t k = 0; k < m * m; ++k) {
            block[k] = room[k];
        }
    }
    if (!block_general(m, block, tau, perm, room + m * m)) {
        return BlockKind::singular;
    }
    for (index_t p = 0; p < m; ++p) {
        const index_t i = first + perm[p];
        blocks.source[first + p] = blocks.order != nullptr ? blocks.order[i] : i;
    }
    for (index_t k = 0; k < m * m; ++k) {
        if (!std::isfinite(block[k])) {
            return BlockKind::non_finite;
        }
    }
    return BlockKind::general;
}

// x = U^-1 L^-1 x; M: the size if it is known to the compiler, else 0
template <class T, int M>
KRISS_ALWAYS_INLINE void block_solve(index_t size, const T* KRISS_RESTRICT a, T* KRISS_RESTRICT x) {
    const index_t m = M > 0 ? M : size;
    for (index_t j = 0; j < m; ++j) {
        const T v = x[j];
        const T* column = a + j * m;
        for (index_t i = j + 1; i < m; ++i) {
            x[i] -= column[i] * v;
        }
    }
    for (index_t j = m - 1; j >= 0; --j) {
        const T* column = a + j * m;
        const T v = x[j] * column[j];
        x[j] = v;
        for (index_t i = 0; i < j; ++i) {
            x[i] -= column[i] * v;
        }
    }
}

template <class T, int M>
KRISS_ALWAYS_INLINE void blocks_rows(const BlocksView<T>& v, index_t begin, index_t end, const T* r, T* y) {
    for (index_t b = begin; b < end; ++b) {
        const index_t first = v.start[b];
        const index_t m = v.start[b + 1] - first;
        T* x = y + first;
        if (v.moved) {
            for (index_t p = 0; p < m; ++p) {
                x[p] = r[v.source[first + p]];
            }
        } else {
            for (index_t p = 0; p < m; ++p) {
                x[p] = r[first + p];
            }
        }
        block_solve<T, M>(m, v.data + v.offset[b], x);
    }
}

// y = M^-1 r in the order of the blocks.  uniform: the size of all blocks, or 0
// Reads sizeof(T) sum m^2 + 2 sizeof(T) n bytes, 8 n more where the unknowns are not in order; 2 sum m^2 flops.
template <class T>
void blocks_apply(const BlocksView<T>& v, index_t uniform, const T* r, T* y, const Executor& ex) {
    ex.parallel_for(v.count, v.chunk, [=, &v](index_t begin, index_t end) {
        switch (uniform) {
            case 1: return blocks_rows<T, 1>(v, begin, end, r, y);
            case 2: return blocks_rows<T, 2>(v, begin, end, r, y);
            case 3: return blocks_rows<T, 3>(v, begin, end, r, y);
            case 4: return blocks_rows<T, 4>(v, begin, end, r, y);
            case 5: return blocks_rows<T, 5>(v, begin, end, r, y);
            case 6: return blocks_rows<T, 6>(v, begin, end, r, y);
            case 8: return blocks_rows<T, 8>(v, begin, end, r, y);
            default: return blocks_rows<T, 0>(v, begin, end, r, y);
        }
    });
}

KRISS_NAMESPACE_END
