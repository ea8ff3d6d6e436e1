// Launchers of the sketch kernels: device pointers, sizes and a stream. No Python here.
#pragma once

#include "launch.hpp"

namespace kriss::cuda {

// Row slots that sparse_sign works in; fixed by the problem's size, so that sums have one order.
index_t sparse_sign_slots(index_t m, index_t n, index_t d);

// out += S[:, row_offset : row_offset + m] a. a: (m, n) with element strides; out: (d, n) row-major;
// partial: sparse_sign_slots(m, n, d) * d * n numbers of scratch.
template <class T>
cudaError_t sparse_sign(const T* a, index_t m, index_t n, index_t row_stride, index_t col_stride, std::uint64_t seed,
                        index_t d, int zeta, index_t row_offset, T* partial, T* out, stream_t s);

}  // namespace kriss::cuda
