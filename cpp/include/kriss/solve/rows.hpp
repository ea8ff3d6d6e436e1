// What one row of a compressed-sparse-row matrix does to one column of a panel, for processors and devices alike.
//
// A panel is (n, columns), row-major; a vector is a panel with one column. The entries of a row are taken in the order
// of storage, as in solve/spmv.hpp, so that a device without contraction gives the bits of the processor.
#pragma once

#include "kriss/config.hpp"
#include "kriss/view.hpp"

KRISS_NAMESPACE_BEGIN

// sum_j a_ij x_jc
template <class T, class I>
KRISS_HD KRISS_ALWAYS_INLINE T row_sum(const CsrView<T, I>& a, const T* x, index_t i, index_t columns, index_t c) {
    T s = T(0);
    const index_t stop = static_cast<index_t>(a.indptr[i + 1]);
    for (index_t k = static_cast<index_t>(a.indptr[i]); k < stop; ++k) {
        s += a.data[k] * x[static_cast<index_t>(a.indices[k]) * columns + c];
    }
    return s;
}

// b_ic - sum_j a_ij x_jc, taken off one after another as a relaxation does
template <class T, class I>
KRISS_HD KRISS_ALWAYS_INLINE T row_rest(const CsrView<T, I>& a, const T* b, const T* x, index_t i, index_t columns,
                                        index_t c) {
    T s = b[i * columns + c];
    const index_t stop = static_cast<index_t>(a.indptr[i + 1]);
    for (index_t k = static_cast<index_t>(a.indptr[i]); k < stop; ++k) {
        s -= a.data[k] * x[static_cast<index_t>(a.indices[k]) * columns + c];
    }
    return s;
}

KRISS_NAMESPACE_END
