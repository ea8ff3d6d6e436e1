// What every launcher shares: a stream handle and the grid size. No Python here. A compiler without the CUDA runtime
// reads it as well: the tests build the launchers for the host (cuda/panel.hpp).
#pragma once

#if __has_include(<cuda_runtime_api.h>)
#include <cuda_runtime_api.h>
#define KRISS_HAVE_CUDA_RUNTIME
#endif

#include <cstdint>

#include "kriss/config.hpp"

namespace kriss::cuda {

using stream_t = std::uintptr_t;  // a cudaStream_t as CuPy hands it over (cupy.cuda.get_current_stream().ptr)

#ifdef KRISS_HAVE_CUDA_RUNTIME
inline cudaStream_t stream(stream_t s) { return reinterpret_cast<cudaStream_t>(s); }
#endif

// Blocks of a grid-stride launch over n items: enough to fill the device, never more than needed.
inline unsigned blocks(index_t n, unsigned threads) {
    const index_t wanted = (n + threads - 1) / threads;
    const index_t most = 65535;
    return static_cast<unsigned>(wanted < 1 ? 1 : wanted < most ? wanted : most);
}

}  // namespace kriss::cuda
