// Products with block matrices and with stencils on grids, one table per instruction-set level.
#pragma once

#include <cstdint>

#include "cpu.hpp"
#include "kriss/executor.hpp"
#include "kriss/solve/block_csr.hpp"
#include "kriss/solve/grid_stencil.hpp"
#include "kriss/solve/grid_sweep.hpp"
#include "kriss/status.hpp"

namespace kriss {

inline constexpr int map_widths = 4;  // panels of 1, 2, 4, 8 columns
inline int panel_at(int width) { return width >= 8 ? 3 : width >= 4 ? 2 : width - 1; }

// apply_dot and panel are null for complex numbers.
template <class T, class I>
struct BlockKernels {
    void (*matvec)(const BlockView<T, I>& a, const T* x, T* y, const Executor& ex);
    // self: BlockView<T, I>
    double (*apply_dot)(const void* self, const T* x, T* y, double* part, const Executor& ex);
    void (*panel[map_widths])(const BlockView<T, I>& a, const T* x, T* y, const Executor& ex);
};

template <class T>
struct GridKernels {
    void (*matvec)(const GridStencil<T>& g, const T* x, T* y, const Executor& ex);
    double (*matvec_dot)(const GridStencil<T>& g, const T* x, T* y, double* part, const Executor& ex);
    void (*panel[map_widths])(const GridStencil<T>& g, const T* x, T* y, const Executor& ex);
    void (*sweeps)(const GridStencil<T>& g, const T* inverse, T omega, const T* r, T* z, const Executor& ex);
    Info (*pivots)(const GridStencil<T>& g, T relax, T shift, T tau, T* pivot, T* upper, const Executor& ex);
};

template <class T>
struct MapKernels {
    BlockKernels<T, std::int32_t> block_i32;
    BlockKernels<T, std::int64_t> block_i64;
    GridKernels<T> grid;
};

struct MapsKernels {
    MapKernels<float> f32;
    MapKernels<double> f64;
    MapKernels<Cplx<float>> c64;
    MapKernels<Cplx<double>> c128;
};

}  // namespace kriss

KRISS_DECLARE_TABLE(MapsKernels, maps_kernels)

namespace kriss {

template <class T>
const MapKernels<T>& map_kernels() {
    if constexpr (ScalarTraits<T>::is_complex) {
        if constexpr (sizeof(T) == 8) {
            return maps_kernels().c64;
        } else {
            return maps_kernels().c128;
        }
    } else if constexpr (sizeof(T) == 4) {
        return maps_kernels().f32;
    } else {
        return maps_kernels().f64;
    }
}

template <class T, class I>
const BlockKernels<T, I>& block_kernels() {
    if constexpr (sizeof(I) == 4) {
        return map_kernels<T>().block_i32;
    } else {
        return map_kernels<T>().block_i64;
    }
}

}  // namespace kriss
