// Products with a matrix of small dense blocks: one column index for a whole block.
//
// Y. Saad, "Iterative Methods for Sparse Linear Systems", 2nd ed., SIAM 2003, section 3.4 (block CSR);
// E.-J. Im, K. Yelick, R. Vuduc, "Sparsity: optimization framework for sparse matrix kernels", Int. J. High Perform.
// Comput. Appl. 18 (2004), section 2 (register blocking with fixed block sizes).
//
// The values lie block after block, each block by rows (SciPy's BSR). Each row is summed in the order of its columns
// starting from zero, as solve/spmv.hpp does, so the bits are those of the CSR product of the same matrix (the zeros
// inside the blocks stored).
//
// Bytes per product in float64 with int32 indices: nnz (8 + 4 / (high wide)) + 4 n / high + 16 n, where CSR moves
// 12 nnz + 4 n + 16 n; 2 nnz flops.
#pragma once

#include "kriss/config.hpp"
#include "kriss/executor.hpp"
#include "kriss/solve/panel.hpp"
#include "kriss/solve/reduce.hpp"
#include "kriss/solve/scalar.hpp"

namespace kriss {

// A square matrix of `lines` block rows that somebody else owns. Block columns increase within a block row.
template <class T, class I>
struct BlockView {
    index_t lines = 0;
    index_t high = 1;            // rows of a block
    index_t wide = 1;            // columns of a block
    const I* indptr = nullptr;   // (lines + 1)
    const I* indices = nullptr;  // (blocks) block columns
    const T* data = nullptr;     // (blocks, high, wide)

    KRISS_ALWAYS_INLINE index_t rows() const { return lines * high; }
};

}  // namespace kriss

KRISS_NAMESPACE_BEGIN

// y[i] for a single row
template <class T, class I>
KRISS_ALWAYS_INLINE T block_one_row(const BlockView<T, I>& a, index_t i, const T* x) {
    const index_t line = i / a.high;
    const index_t stop = a.indptr[line + 1];
    T s{};
    for (index_t q = a.indptr[line]; q < stop; ++q) {
        const T* KRISS_RESTRICT v = a.data + (q * a.high + i - line * a.high) * a.wide;
        const T* KRISS_RESTRICT xs = x + static_cast<index_t>(a.indices[q]) * a.wide;
        for (index_t c = 0; c < a.wide; ++c) {
            s = s + v[c] * xs[c];
        }
    }
    return s;
}

// All rows of the block row `line` of B by B blocks.  y: its first row
template <class T, class I, int B>
KRISS_ALWAYS_INLINE void block_line(const BlockView<T, I>& a, index_t line, const T* KRISS_RESTRICT x,
                                    T* KRISS_RESTRICT y) {
    const index_t stop = a.indptr[line + 1];
    T s[B];
    for (int r = 0; r < B; ++r) {
        s[r] = T{};
    }
    for (index_t q = a.indptr[line]; q < stop; ++q) {
        const T* KRISS_RESTRICT v = a.data + q * (B * B);
        const T* KRISS_RESTRICT xs = x + static_cast<index_t>(a.indices[q]) * B;
        for (int c = 0; c < B; ++c) {
            const T xc = xs[c];
            for (int r = 0; r < B; ++r) {
                s[r] = s[r] + v[r * B + c] * xc;
            }
        }
    }
    for (int r = 0; r < B; ++r) {
        y[r] = s[r];
    }
}

// y[begin .. end) of A x, the borders anywhere; B = 0 stands for any block shape.  y: (n)
template <class T, class I, int B>
void block_rows(const BlockView<T, I>& a, index_t begin, index_t end, const T* x, T* y) {
    index_t i = begin;
    if constexpr (B > 0) {
        for (; i < end && i % B != 0; ++i) {
            y[i] = block_one_row(a, i, x);
        }
        for (; i + B <= end; i += B) {
            block_line<T, I, B>(a, i / B, x, y + i);
        }
    }
    for (; i < end; ++i) {
        y[i] = block_one_row(a, i, x);
    }
}

template <class T, class I, int B>
void block_matvec_of(const BlockView<T, I>& a, const T* x, T* y, const Executor& ex) {
    ex.parallel_for(a.rows(), solve_grain,
                    [&a, x, y](index_t begin, index_t end) { block_rows<T, I, B>(a, begin, end, x, y); });
}

template <class T, class I, int B>
double block_matvec_dot_of(const BlockView<T, I>& a, const T* x, T* y, double* part, const Executor& ex) {
    ex.parallel_for(a.rows(), solve_grain, [&a, x, y, part](index_t begin, index_t end) {
        block_rows<T, I, B>(a, begin, end, x, y);
        part[begin / solve_grain] = dot_chunk(x + begin, y + begin, end - begin);
    });
    return chunk_sum(part, chunk_count(a.rows()));
}

// Calls f(integral constant of the block size), 0 for a shape without code of its own.
template <class T, class I, class F>
KRISS_ALWAYS_INLINE auto with_block(const BlockView<T, I>& a, F&& f) {
    switch (a.high == a.wide ? a.high : 0) {
        case 2: return f.template operator()<2>();
        case 3: return f.template operator()<3>();
        case 4: return f.template operator()<4>();
        case 6: return f.template operator()<6>();
        default: return f.template operator()<0>();
    }
}

// y = A x.  x, y: (n)
template <class T, class I>
void block_matvec(const BlockView<T, I>& a, const T* x, T* y, const Executor& ex) {
    with_block(a, [&]<int B>() { block_matvec_of<T, I, B>(a, x, y, ex); });
}

// y = A x; returns x'y.  part: (chunk_count(n)) scratch
template <class T, class I>
double block_matvec_dot(const BlockView<T, I>& a, const T* x, T* y, double* part, const Executor& ex) {
    return with_block(a, [&]<int B>() { return block_matvec_dot_of<T, I, B>(a, x, y, part, ex); });
}

// The row i of Y = A X for panels of K columns.
template <class T, class I, int K>
KRISS_ALWAYS_INLINE void block_one_row_multi(const BlockView<T, I>& a, index_t i, const T* x, T* y) {
    const index_t line = i / a.high;
    const index_t stop = a.indptr[line + 1];
    PanelRow<T, K> s = PanelRow<T, K>::zero();
    for (index_t q = a.indptr[line]; q < stop; ++q) {
        const T* KRISS_RESTRICT v = a.data + (q * a.high + i - line * a.high) * a.wide;
        const T* KRISS_RESTRICT xs = x + static_cast<index_t>(a.indices[q]) * a.wide * K;
        for (index_t c = 0; c < a.wide; ++c) {
            s.add(v[c], PanelRow<T, K>::load(xs + c * K));
        }
    }
    s.store(y + i * K);
}

// Rows of a block of order B whose sums fit the registers side by side: a divisor of B, with at most 8 registers.
template <class T, int B, int K>
constexpr int rows_together() {
    for (int g = B; g > 1; --g) {
        if (B % g == 0 && g * PanelRow<T, K>::count <= 8) {
            return g;
        }
    }
    return 1;
}

// All rows of a block row of B by B blocks.  y: its first row
template <class T, class I, int B, int K>
KRISS_ALWAYS_INLINE void block_line_multi(const BlockView<T, I>& a, index_t line, const T* x, T* y) {
    constexpr int some = rows_together<T, B, K>();
    const index_t stop = a.indptr[line + 1];
    for (int top = 0; top < B; top += some) {
        PanelRow<T, K> s[some];
        for (int r = 0; r < some; ++r) {
            s[r] = PanelRow<T, K>::zero();
        }
        for (index_t q = a.indptr[line]; q < stop; ++q) {
            const T* KRISS_RESTRICT v = a.data + q * (B * B) + top * B;
            const T* KRISS_RESTRICT xs = x + static_cast<index_t>(a.indices[q]) * (B * K);
            for (int c = 0; c < B; ++c) {
                const PanelRow<T, K> xc = PanelRow<T, K>::load(xs + c * K);
                for (int r = 0; r < some; ++r) {
                    s[r].add(v[r * B + c], xc);
                }
            }
        }
        for (int r = 0; r < some; ++r) {
            s[r].store(y + (top + r) * K);
        }
    }
}

// Y = A X.  x, y: (n, K)
template <class T, class I, int K>
void block_matmat(const BlockView<T, I>& a, const T* x, T* y, const Executor& ex) {
    with_block(a, [&]<int B>() {
        ex.parallel_for(a.rows(), solve_grain, [&a, x, y](index_t begin, index_t end) {
            index_t i = begin;
            if constexpr (B > 0) {
                for (; i < end && i % B != 0; ++i) {
                    block_one_row_multi<T, I, K>(a, i, x, y);
                }
                for (; i + B <= end; i += B) {
                    block_line_multi<T, I, B, K>(a, i / B, x, y + i * K);
                }
            }
            for (; i < end; ++i) {
                block_one_row_multi<T, I, K>(a, i, x, y);
            }
        });
    });
}

KRISS_NAMESPACE_END
