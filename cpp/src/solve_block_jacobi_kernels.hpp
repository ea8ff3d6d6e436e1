// Kernels of block Jacobi, one table per instruction-set level.
#pragma once

#include <cstdint>

#include "cpu.hpp"
#include "kriss/executor.hpp"
#include "kriss/solve/block_jacobi.hpp"
#include "kriss/view.hpp"

namespace kriss {

template <class T>
struct BlockJacobiKernels {
    unsigned char (*factor_i32)(const CsrView<T, std::int32_t>& a, const BlocksView<T>& blocks, index_t b,
                                const index_t* label, const index_t* place, T* room, index_t* perm);
    unsigned char (*factor_i64)(const CsrView<T, std::int64_t>& a, const BlocksView<T>& blocks, index_t b,
                                const index_t* label, const index_t* place, T* room, index_t* perm);
    void (*apply)(const BlocksView<T>& v, index_t uniform, const T* r, T* y, const Executor& ex);
    double (*gather_dot)(index_t n, const index_t* at, const T* r, const T* y, T scale, T* z, double* part,
                         const Executor& ex);

    template <class I>
    auto factor() const {
        if constexpr (sizeof(I) == 4) {
            return factor_i32;
        } else {
            return factor_i64;
        }
    }
};

struct SolveBlockJacobiKernels {
    BlockJacobiKernels<float> f32;
    BlockJacobiKernels<double> f64;
};

}  // namespace kriss

KRISS_DECLARE_TABLE(SolveBlockJacobiKernels, solve_block_jacobi_kernels)

namespace kriss {

template <class T>
const BlockJacobiKernels<T>& block_jacobi_kernels() {
    if constexpr (sizeof(T) == 4) {
        return solve_block_jacobi_kernels().f32;
    } else {
        return solve_block_jacobi_kernels().f64;
    }
}

}  // namespace kriss
