// Passes over blocks of vectors, one table per instruction-set level.
#pragma once

#include "cpu.hpp"
#include "kriss/executor.hpp"
#include "kriss/solve/block.hpp"

namespace kriss {

template <class T>
struct BlockOps {
    void (*gram)(index_t n, int k, const T* const* v, int m, const T* const* w, double* part, double* g,
                 const Executor& ex);
    void (*dots)(index_t n, int k, const T* const* v, const T* const* w, double* part, double* d, const Executor& ex);
    void (*add)(index_t n, int k, const T* const* v, int m, const double* c, double sign, T* const* y,
                const Executor& ex);
    void (*solve)(index_t n, int k, T* const* v, const double* r, const Executor& ex);
};

struct BlockCgKernels {
    BlockOps<float> f32;
    BlockOps<double> f64;
};

}  // namespace kriss

KRISS_DECLARE_TABLE(BlockCgKernels, block_cg_kernels)

namespace kriss {

template <class T>
const BlockOps<T>& block_ops() {
    if constexpr (sizeof(T) == 4) {
        return block_cg_kernels().f32;
    } else {
        return block_cg_kernels().f64;
    }
}

}  // namespace kriss
