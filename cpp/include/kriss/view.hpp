// Non-owning strided views. Strides count elements, may be zero or negative.
#pragma once

#include "kriss/config.hpp"

namespace kriss {

template <class T>
struct View1 {
    T* data = nullptr;
    index_t n = 0;
    index_t stride = 1;

    KRISS_HD KRISS_ALWAYS_INLINE T& operator[](index_t i) const { return data[i * stride]; }
    KRISS_HD KRISS_ALWAYS_INLINE bool contiguous() const { return stride == 1 || n <= 1; }
};

template <class T>
struct View2 {
    T* data = nullptr;
    index_t rows = 0;
    index_t cols = 0;
    index_t row_stride = 0;
    index_t col_stride = 1;

    KRISS_HD KRISS_ALWAYS_INLINE T& operator()(index_t i, index_t j) const {
        return data[i * row_stride + j * col_stride];
    }
    KRISS_HD KRISS_ALWAYS_INLINE T* row(index_t i) const { return data + i * row_stride; }
};

// A compressed-sparse-row matrix that somebody else owns. Column indices are int32 or int64.
template <class T, class I>
struct CsrView {
    index_t rows = 0;
    index_t cols = 0;
    const I* indptr = nullptr;   // (rows + 1)
    const I* indices = nullptr;  // (nnz)
    const T* data = nullptr;     // (nnz)
};

}  // namespace kriss
