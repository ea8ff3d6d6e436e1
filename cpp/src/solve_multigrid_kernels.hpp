// Kernels of multigrid, one table per instruction-set level.
#pragma once

#include <cstdint>

#include "cpu.hpp"
#include "kriss/executor.hpp"
#include "kriss/solve/box_setup.hpp"
#include "kriss/view.hpp"

namespace kriss {

template <class T>
struct BoxKernels {
    void (*weights)(const BoxGrid<T>& g, const BoxGrid<T>& c, const Executor& ex);
    void (*galerkin)(const BoxGrid<T>& g, const BoxGrid<T>& c, const Executor& ex);
    index_t (*invert)(const BoxGrid<T>& g);
    bool (*factor_lines)(const BoxGrid<T>& g, int axis, index_t* bad, const Executor& ex);
    index_t (*cholesky)(const BoxGrid<T>& g, T* factor);
    void (*anisotropy)(const BoxGrid<T>& g, double ratio, double* share);
    void (*cycle)(const BoxHierarchy<T>& h, const T* r, T* z, const Executor& ex);
    // z = scale x; returns r'z
    double (*scaled_dot)(index_t n, const T* r, const T* x, T scale, T* z, double* part, const Executor& ex);
};

template <class T, class I>
struct BoxCsrKernels {
    BoxFit (*scan)(const BoxGrid<T>& g, const CsrView<T, I>& m, unsigned* masks, index_t* bad, unsigned& mask,
                   const Executor& ex);
    BoxFit (*fill)(const BoxGrid<T>& g, const CsrView<T, I>& m, index_t* bad, index_t* counts, const Executor& ex);
};

struct MultigridKernels {
    BoxKernels<float> box_f32;
    BoxKernels<double> box_f64;
    BoxCsrKernels<float, std::int32_t> csr_f32_i32;
    BoxCsrKernels<float, std::int64_t> csr_f32_i64;
    BoxCsrKernels<double, std::int32_t> csr_f64_i32;
    BoxCsrKernels<double, std::int64_t> csr_f64_i64;
};

}  // namespace kriss

KRISS_DECLARE_TABLE(MultigridKernels, multigrid_kernels)

namespace kriss {

template <class T>
const BoxKernels<T>& box_kernels() {
    if constexpr (sizeof(T) == 4) {
        return multigrid_kernels().box_f32;
    } else {
        return multigrid_kernels().box_f64;
    }
}

template <class T, class I>
const BoxCsrKernels<T, I>& box_csr_kernels() {
    if constexpr (sizeof(T) == 4 && sizeof(I) == 4) {
        return multigrid_kernels().csr_f32_i32;
    } else if constexpr (sizeof(T) == 4) {
        return multigrid_kernels().csr_f32_i64;
    } else if constexpr (sizeof(I) == 4) {
        return multigrid_kernels().csr_f64_i32;
    } else {
        return multigrid_kernels().csr_f64_i64;
    }
}

}  // namespace kriss
