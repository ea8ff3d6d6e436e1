// Passes over panels of right-hand sides, one table per instruction-set level.
#pragma once

#include <cstdint>

#include "cpu.hpp"
#include "kriss/executor.hpp"
#include "kriss/solve/multi.hpp"
#include "kriss/view.hpp"

namespace kriss {

// For panels of K columns.
template <class T>
struct PanelKernels {
    void (*dot)(index_t n, const T* x, const T* y, double* part, double* out, const Executor& ex);
    void (*direction)(index_t n, bool first, const T* inverse, const T* z, const T* beta, const T* alpha, T* p, T* x,
                      const Executor& ex);
    void (*step)(index_t n, const PanelProduct<T>& a, bool first, const T* inverse, const T* z, const T* beta,
                 const T* alpha, T* p, T* x, T* q, double* part, double* pq, const Executor& ex);
    void (*update)(index_t n, const PanelProduct<T>& a, const T* inverse, const T* alpha, const T* p, const T* q,
                   const T* from, T* r, double* part, double* rr, double* rho, const Executor& ex);
    void (*residual)(index_t n, const PanelProduct<T>& a, const T* b, const T* x, double* part, double* rr,
                     const Executor& ex);
    void (*multiply)(index_t n, const PanelProduct<T>& a, const T* x, T* y, const Executor& ex);
    // rows of a product; self: DiagonalView<T>, CsrView<T, I>
    void (*diagonal)(const void* self, index_t begin, index_t rows, const T* x, T* y);
    void (*csr_i32)(const void* self, index_t begin, index_t rows, const T* x, T* y);
    void (*csr_i64)(const void* self, index_t begin, index_t rows, const T* x, T* y);

    template <class I>
    auto csr() const {
        if constexpr (sizeof(I) == 4) {
            return csr_i32;
        } else {
            return csr_i64;
        }
    }
};

template <class T>
using ColumnScan = void (*)(index_t n, index_t columns, const T* x, double* part, double* norms, double* peaks,
                            const Executor& ex);

inline constexpr int panel_widths = 4;  // 1, 2, 4, 8 columns

struct MultiKernels {
    PanelKernels<float> f32[panel_widths];
    PanelKernels<double> f64[panel_widths];
    ColumnScan<float> scan_f32;
    ColumnScan<double> scan_f64;
};

}  // namespace kriss

KRISS_DECLARE_TABLE(MultiKernels, multi_kernels)

namespace kriss {

// width: 1, 2, 4 or 8
template <class T>
const PanelKernels<T>& panel_kernels(int width) {
    const int at = width >= 8 ? 3 : width >= 4 ? 2 : width - 1;
    if constexpr (sizeof(T) == 4) {
        return multi_kernels().f32[at];
    } else {
        return multi_kernels().f64[at];
    }
}

}  // namespace kriss
