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

// x_ic relaxed: x_ic + omega (b_ic - sum_j a_ij x_jc) / a_ii.  inverse: (n) 1 / a_ii
template <class T, class I>
KRISS_HD KRISS_ALWAYS_INLINE T row_relaxed(const CsrView<T, I>& a, const T* inverse, T omega, const T* b, const T* x,
                                           index_t i, index_t columns, index_t c) {
    return x[i * columns + c] + omega * (row_rest(a, b, x, i, columns, c) * inverse[i]);
}

// What is left of rhs for row i of a sparse triangle, whose strict part is stored as row `at`, sorted: rhs minus the
// entries times z. The row next to i enters last, as in solve/triangular.hpp.
template <class T, class I>
KRISS_HD KRISS_ALWAYS_INLINE T row_substituted(const CsrView<T, I>& strict, bool lower, index_t at, index_t i, T rhs,
                                               const T* z, index_t columns, index_t c) {
    index_t start = static_cast<index_t>(strict.indptr[at]);
    index_t stop = static_cast<index_t>(strict.indptr[at + 1]);
    const index_t nearest = lower ? stop - 1 : start;
    const bool next = start < stop && static_cast<index_t>(strict.indices[nearest]) == (lower ? i - 1 : i + 1);
    if (next) {
        lower ? --stop : ++start;
    }
    for (index_t k = start; k < stop; ++k) {
        rhs -= strict.data[k] * z[static_cast<index_t>(strict.indices[k]) * columns + c];
    }
    if (next) {
        rhs -= strict.data[nearest] * z[static_cast<index_t>(strict.indices[nearest]) * columns + c];
    }
    return rhs;
}

KRISS_NAMESPACE_END
