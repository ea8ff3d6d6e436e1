// Launchers of the Walsh-Hadamard family: device pointers, sizes and a stream. No Python here.
#pragma once

#include "launch.hpp"

namespace kriss::cuda {

// x[o outer_stride + i stride + j inner_stride] in place along i < n, a power of two, for o < outer and j < inner, then
// times scale. ceil(log2(n) / 3) passes of 2 sizeof(T) bytes a number.
template <class T>
void fwht(T* x, index_t outer, index_t n, index_t inner, index_t outer_stride, index_t stride, index_t inner_stride,
          T scale, stream_t s);

// out += S[:, row_offset : row_offset + m] a. a: (m, n) with element strides; place: (tile); row: (d); out: (d, n)
// row-major; work: (round, tile, n) scratch, `round` tiles at a time, which affects no result.
template <class T>
void srht(const T* a, index_t m, index_t n, index_t row_stride, index_t col_stride, std::uint64_t seed,
          const std::int32_t* place, index_t tile, const std::int32_t* row, index_t d, index_t row_offset,
          index_t round, T* work, T* out, stream_t s);

// Features of m rows of x, (m, n) with element strides; inverse: (n); signs: (blocks, 3, p); stretch: (frequencies);
// out: (m, width) row-major, width twice the frequencies for map 1; work: (m, p) scratch.
template <class T>
void random_features(const T* x, index_t m, index_t n, index_t row_stride, index_t col_stride, const T* inverse,
                     const T* signs, index_t p, const T* stretch, index_t frequencies, int map, T unit, T* work, T* out,
                     stream_t s);

}  // namespace kriss::cuda
