// Special functions over strided arrays, one table per instruction-set level.
#pragma once

#include "cpu.hpp"
#include "kriss/executor.hpp"

namespace kriss {

// at[j] and step[j]: first element and stride in bytes of argument j, inputs before outputs.
using StridedLoop = void (*)(index_t n, char* const* at, const index_t* step, const Executor& ex);

struct SpecialLoops {
    StridedLoop log_iv, log_ive, log_kv, log_kve;  // v, x
    StridedLoop iv, ive, kv, kve;                  // v, x
    StridedLoop iv_ratio, kv_ratio;                // v, x
    StridedLoop log_iv_grad, log_kv_grad;          // v, x; two outputs
    StridedLoop matern;                            // r, nu, l
    StridedLoop matern_grad;                       // r, nu, l; four outputs
};

struct SpecialKernels {
    SpecialLoops f32, f64;
};

}  // namespace kriss

KRISS_DECLARE_TABLE(SpecialKernels, special_kernels)
