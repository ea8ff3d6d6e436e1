// Kernels of factorised approximate inverses, one table per instruction-set level.
#pragma once

#include <cstdint>

#include "cpu.hpp"
#include "kriss/executor.hpp"
#include "kriss/view.hpp"

namespace kriss {

template <class T, class I>
struct FsaiKernels {
    index_t (*rows)(const CsrView<T, I>& a, const I* g_indptr, const I* g_indices, index_t begin, index_t end, T tau,
                    T* room, T* g, index_t* column);
    double (*second)(const CsrView<T, I>& s, const T* y, const T* e, const T* r, T scale, T* z, double* part,
                     const Executor& ex);
};

struct SolveFsaiKernels {
    FsaiKernels<float, std::int32_t> f32_i32;
    FsaiKernels<float, std::int64_t> f32_i64;
    FsaiKernels<double, std::int32_t> f64_i32;
    FsaiKernels<double, std::int64_t> f64_i64;
};

}  // namespace kriss

KRISS_DECLARE_TABLE(SolveFsaiKernels, solve_fsai_kernels)

namespace kriss {

template <class T, class I>
const FsaiKernels<T, I>& fsai_kernels() {
    if constexpr (sizeof(T) == 4 && sizeof(I) == 4) {
        return solve_fsai_kernels().f32_i32;
    } else if constexpr (sizeof(T) == 4) {
        return solve_fsai_kernels().f32_i64;
    } else if constexpr (sizeof(I) == 4) {
        return solve_fsai_kernels().f64_i32;
    } else {
        return solve_fsai_kernels().f64_i64;
    }
}

}  // namespace kriss
