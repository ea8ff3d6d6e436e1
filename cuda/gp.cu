// Shells over kriss/gp/kernels.hpp.
#include "gp.hpp"

namespace kriss::cuda {

namespace {

constexpr unsigned threads = 128;

// One thread per entry: threadIdx.x runs along a row, so reads of zt and writes of out are coalesced and x_i is
// broadcast. Writes 8 nx nz bytes in float64; bound by the exponential or by the writes.
template <class T>
__global__ void assemble_kernel(CovSum<T> cov, const T* xt, index_t nx, const T* zt, index_t nz, const T* diagonal,
                                T* out) {
    for (index_t i = blockIdx.y; i < nx; i += gridDim.y) {
        for (index_t j = static_cast<index_t>(blockIdx.x) * blockDim.x + threadIdx.x; j < nz;
             j += static_cast<index_t>(gridDim.x) * blockDim.x) {
            const T value = cov_entry(cov, xt, nx, i, zt, nz, j);
            out[i * nz + j] = diagonal != nullptr && i == j ? value + diagonal[i] : value;
        }
    }
}

}  // namespace

template <class T>
int assemble(const CovSum<T>& cov, const T* xt, index_t nx, const T* zt, index_t nz, const T* diagonal, T* out,
             stream_t s) {
    if (nx == 0 || nz == 0) {
        return 0;
    }
    const dim3 grid(blocks(nz, threads), nx < 65535 ? static_cast<unsigned>(nx) : 65535U);
    assemble_kernel<T><<<grid, threads, 0, stream(s)>>>(cov, xt, nx, zt, nz, diagonal, out);
    return static_cast<int>(cudaGetLastError());
}

template int assemble<double>(const CovSum<double>&, const double*, index_t, const double*, index_t, const double*,
                              double*, stream_t);
template int assemble<float>(const CovSum<float>&, const float*, index_t, const float*, index_t, const float*, float*,
                             stream_t);

}  // namespace kriss::cuda
