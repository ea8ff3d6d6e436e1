// Kernels of the stationary iterations, one table per instruction-set level.
#pragma once

#include <cstdint>

#include "cpu.hpp"
#include "kriss/executor.hpp"
#include "kriss/solve/grid_relax.hpp"
#include "kriss/solve/stationary.hpp"
#include "kriss/view.hpp"

namespace kriss {

template <class T, class I>
struct StationaryKernels {
    void (*relax)(const CsrView<T, I>& a, const T* inverse, T omega, const T* b, T* x, const SweepOrder<I>& order,
                  index_t* done, const Executor& ex);
    void (*jacobi)(const CsrView<T, I>& a, const T* inverse, T omega, const T* b, const T* x, T* y, const Executor& ex);
    void (*needs)(const CsrView<T, I>& a, const I* rows, bool backward, I* place, I* need, const Executor& ex);
    index_t (*colors)(const CsrView<T, I>& a, I* color, const Executor& ex);
    void (*range)(const CsrView<T, I>& a, const T* inverse, T omega, const T* b, T* x, index_t first, index_t last,
                  const Executor& ex);
    bool (*symmetric)(const CsrView<T, I>& a, unsigned char* bad, const Executor& ex);
};

template <class T>
struct GridKernels {
    void (*sweep)(const GridRows<T>& a, bool backward, T omega, const T* b, T* x, const Executor& ex);
    void (*jacobi)(const GridRows<T>& a, bool defect, T omega, const T* b, const T* x, T* y, const Executor& ex);
};

struct SolveStationaryKernels {
    GridKernels<float> grid_f32;
    GridKernels<double> grid_f64;
    StationaryKernels<float, std::int32_t> f32_i32;
    StationaryKernels<float, std::int64_t> f32_i64;
    StationaryKernels<double, std::int32_t> f64_i32;
    StationaryKernels<double, std::int64_t> f64_i64;
};

}  // namespace kriss

KRISS_DECLARE_TABLE(SolveStationaryKernels, solve_stationary_kernels)

namespace kriss {

template <class T>
const GridKernels<T>& grid_kernels() {
    if constexpr (sizeof(T) == 4) {
        return solve_stationary_kernels().grid_f32;
    } else {
        return solve_stationary_kernels().grid_f64;
    }
}

template <class T, class I>
const StationaryKernels<T, I>& stationary_kernels() {
    if constexpr (sizeof(T) == 4 && sizeof(I) == 4) {
        return solve_stationary_kernels().f32_i32;
    } else if constexpr (sizeof(T) == 4) {
        return solve_stationary_kernels().f32_i64;
    } else if constexpr (sizeof(I) == 4) {
        return solve_stationary_kernels().f64_i32;
    } else {
        return solve_stationary_kernels().f64_i64;
    }
}

}  // namespace kriss
