// Kernels of the factorised preconditioners, one table per instruction-set level.
#pragma once

#include <cstdint>

#include "cpu.hpp"
#include "kriss/executor.hpp"
#include "kriss/solve/eisenstat.hpp"
#include "kriss/solve/front_pivots.hpp"
#include "kriss/solve/triangular.hpp"
#include "kriss/solve/wavefront.hpp"
#include "kriss/view.hpp"

namespace kriss {

template <class T>
struct FrontKernels {
    EisenstatOps<T> (*ops)(const FrontView<T>* view);  // the view must outlive the result
    CgOutcome (*cg)(const EisenstatOps<T>& ops, T* f, T* x, T* r, T* p, T* t, const CgOptions& opt, double* part,
                    const Executor& ex);
    bool (*pivots)(const PivotView<T>& a, T relax, T shift, T tau, T* pivot, unsigned char* sound, const Executor& ex);
    void (*roots)(const FrontShape& shape, T unit, const T* pivot, T* scale, T* over, const Executor& ex);
    void (*scaled)(const PivotView<T>& a, T unit, const T* pivot, const T* over, T* west, T* south, T* below, T* rest,
                   const Executor& ex);
};

template <class T, class I>
struct FactorKernels {
    EisenstatOps<T> (*ops)(const EisenstatRows<T, I>* view);
    index_t (*first_triangle)(const CsrView<T, I>& a, I* mark);
    Info (*mic_diagonal)(const CsrView<T, I>& a, T relax, T shift, T tau, T* pivot, T* upper);
    Info (*mic_factor)(index_t n, const I* indptr, const I* indices, T* data, T relax, T shift, T tau, T* diagonal,
                       const Executor& ex);
    Info (*ilu0_factor)(index_t n, const I* indptr, const I* indices, T* data, const I* where, T tau, I* place,
                        const Executor& ex);
    void (*solve)(const TriangleView<T, I>& a, const T* r, T* z, const Executor& ex);
    void (*solve_multi)(const TriangleView<T, I>& a, index_t columns, const T* r, T* z, const Executor& ex);
    index_t (*levels)(const TriangleView<T, I>& a, I* level, const Executor& ex);
    void (*level_order)(index_t n, index_t levels, const I* level, I* counts, I* order);
    void (*level_rows)(const CsrView<T, I>& a, const I* order, I* indptr, I* indices, T* data, const Executor& ex);
    void (*level_needs)(const CsrView<T, I>& sorted, const I* order, I* place, I* need, const Executor& ex);
    void (*solve_levels)(const LevelView<T, I>& a, const T* r, T* z, index_t* done, const Executor& ex);
};

struct SolveFactorKernels {
    FrontKernels<float> front_f32;
    FrontKernels<double> front_f64;
    FactorKernels<float, std::int32_t> f32_i32;
    FactorKernels<float, std::int64_t> f32_i64;
    FactorKernels<double, std::int32_t> f64_i32;
    FactorKernels<double, std::int64_t> f64_i64;
};

}  // namespace kriss

KRISS_DECLARE_TABLE(SolveFactorKernels, solve_factor_kernels)

namespace kriss {

template <class T>
const FrontKernels<T>& front_kernels() {
    if constexpr (sizeof(T) == 4) {
        return solve_factor_kernels().front_f32;
    } else {
        return solve_factor_kernels().front_f64;
    }
}

template <class T, class I>
const FactorKernels<T, I>& factor_kernels() {
    if constexpr (sizeof(T) == 4 && sizeof(I) == 4) {
        return solve_factor_kernels().f32_i32;
    } else if constexpr (sizeof(T) == 4) {
        return solve_factor_kernels().f32_i64;
    } else if constexpr (sizeof(I) == 4) {
        return solve_factor_kernels().f64_i32;
    } else {
        return solve_factor_kernels().f64_i64;
    }
}

}  // namespace kriss
