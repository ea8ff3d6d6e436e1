// Launchers of the covariance kernels: device pointers, sizes and a stream. Return a cudaError_t as int.
#pragma once

#include "kriss/gp/kernels.hpp"
#include "launch.hpp"

namespace kriss::cuda {

// out: (nx, nz) row-major; out[i][j] = k(x_i, z_j), plus diagonal[i] where i == j unless diagonal is null.
template <class T>
int assemble(const CovSum<T>& cov, const T* xt, index_t nx, const T* zt, index_t nz, const T* diagonal, T* out,
             stream_t s);

}  // namespace kriss::cuda
