// Products with a compressed-sparse-row matrix, alone and fused with a dot product.
//
// Y. Saad, "Iterative Methods for Sparse Linear Systems", 2nd ed., SIAM 2003, section 3.4. Each row is summed in the
// order of storage starting from zero, as SciPy's own product does, so every storage scheme of this library gives
// the same bits.
#pragma once

#include "kriss/config.hpp"
#include "kriss/executor.hpp"
#include "kriss/solve/reduce.hpp"
#include "kriss/view.hpp"

KRISS_NAMESPACE_BEGIN

// y[i] = sum_k a_ik x_k for rows [begin, end)
template <class T, class I>
KRISS_ALWAYS_INLINE void csr_rows(const CsrView<T, I>& a, index_t begin, index_t end, const T* KRISS_RESTRICT x,
                                  T* KRISS_RESTRICT y) {
    const I* KRISS_RESTRICT indices = a.indices;
    const T* KRISS_RESTRICT data = a.data;
    index_t k = a.indptr[begin];
    for (index_t i = begin; i < end; ++i) {
        const index_t stop = a.indptr[i + 1];
        T s = 0;
        for (; k < stop; ++k) {
            s += data[k] * x[indices[k]];
        }
        y[i] = s;
    }
}

// y = A x.  x: (cols), y: (rows)
// Moves (8 + sizeof(I)) nnz + (16 + sizeof(I)) n bytes in float64, x counted once; 2 nnz flops.
template <class T, class I>
void csr_matvec(const CsrView<T, I>& a, const T* x, T* y, const Executor& ex) {
    ex.parallel_for(a.rows, solve_grain, [=](index_t b, index_t e) { csr_rows(a, b, e, x, y); });
}

// y = A x and x'y for a square A, the chunk of y still in cache.  part: (chunk_count(n)) scratch
template <class T, class I>
double csr_matvec_dot(const CsrView<T, I>& a, const T* x, T* y, double* part, const Executor& ex) {
    ex.parallel_for(a.rows, solve_grain, [=](index_t b, index_t e) {
        csr_rows(a, b, e, x, y);
        part[b / solve_grain] = dot_chunk(x + b, y + b, e - b);
    });
    return chunk_sum(part, chunk_count(a.rows));
}

KRISS_NAMESPACE_END
