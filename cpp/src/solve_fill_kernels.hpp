// Kernels of incomplete factorisations with fill, one table per instruction-set level.
#pragma once

#include <cstdint>

#include "cpu.hpp"
#include "kriss/executor.hpp"
#include "kriss/solve/fill.hpp"
#include "kriss/view.hpp"

namespace kriss {

template <class T, class I>
struct FillKernels {
    Info (*ict)(const CsrView<T, I>& a, const I* where, const FillOptions& opt, index_t begin,
                const GrowingRows<T, I>& u, T* root, const FillScratch<T, I>& s, const Executor& ex);
    Info (*ilut)(const CsrView<T, I>& a, const FillOptions& opt, index_t begin, const GrowingRows<T, I>& l,
                 const GrowingRows<T, I>& u, T* inverse, const FillScratch<T, I>& s, const Executor& ex);
    double (*gather_dot)(index_t n, const I* at, const T* r, const T* y, T scale, T* z, double* part,
                         const Executor& ex);
    void (*scatter)(index_t n, const I* at, const T* r, T* y);
};

struct SolveFillKernels {
    FillKernels<float, std::int32_t> f32_i32;
    FillKernels<float, std::int64_t> f32_i64;
    FillKernels<double, std::int32_t> f64_i32;
    FillKernels<double, std::int64_t> f64_i64;
};

}  // namespace kriss

KRISS_DECLARE_TABLE(SolveFillKernels, solve_fill_kernels)

namespace kriss {

template <class T, class I>
const FillKernels<T, I>& fill_kernels() {
    if constexpr (sizeof(T) == 4 && sizeof(I) == 4) {
        return solve_fill_kernels().f32_i32;
    } else if constexpr (sizeof(T) == 4) {
        return solve_fill_kernels().f32_i64;
    } else if constexpr (sizeof(I) == 4) {
        return solve_fill_kernels().f64_i32;
    } else {
        return solve_fill_kernels().f64_i64;
    }
}

}  // namespace kriss
