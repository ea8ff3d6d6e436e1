// Launchers of the passes of least squares: device pointers, sizes and a stream. Read by host compilers as well.
#pragma once

#include "launch.hpp"

namespace kriss::cuda {

// A least-squares iterate on the device, in scaled variables. a: (m, n), b: (m, nrhs), element strides; scale: (n),
// bscale: (nrhs), powers of two; z: (n, nrhs) row-major, as a sum of two. nrhs is at most max_panel.
template <class T>
struct Tall {
    const T* a;
    const T* b;
    index_t m, n, nrhs, row_stride, col_stride, b_row_stride, b_col_stride;
    const double *scale, *bscale, *z_high, *z_low;
};

// Numbers of scratch that tall_residual works in.
index_t residual_scratch(index_t m, index_t n, index_t nrhs);

// g_high + g_low = (A D)' R, (n, nrhs); rr = |R|^2, (nrhs).
template <class T>
void tall_residual(const Tall<T>& p, double* scratch, double* g_high, double* g_low, double* rr, stream_t s);

}  // namespace kriss::cuda
