// The passes of the Krylov methods, one table per instruction-set level.
#pragma once

#include <cstdint>

#include "cpu.hpp"
#include "kriss/executor.hpp"
#include "kriss/solve/arnoldi_step.hpp"
#include "kriss/solve/gram_schmidt.hpp"
#include "kriss/solve/krylov.hpp"
#include "kriss/solve/stencil.hpp"
#include "kriss/view.hpp"

namespace kriss {

template <class T>
struct PassKernels {
    double (*fused)(const FusedPass<T>& f, Wide<T>* out, Wide<T>* part, const Executor& ex);
    void (*scale)(index_t n, const T* d, const T* r, T* z, const Executor& ex);
    void (*csr_i32)(const CsrView<T, std::int32_t>& a, const T* x, T* y, const Executor& ex);
    void (*csr_i64)(const CsrView<T, std::int64_t>& a, const T* x, T* y, const Executor& ex);
    void (*csr_rows_i32)(const CsrView<T, std::int32_t>& a, const T* x, T* y, index_t begin, index_t end);
    void (*csr_rows_i64)(const CsrView<T, std::int64_t>& a, const T* x, T* y, index_t begin, index_t end);
    void (*diagonal_rows)(const DiagonalView<T>& d, const T* x, T* y, index_t begin, index_t end);  // null if complex
    void (*delayed_products)(const DelayedPass<T>& f, Wide<T>* out, double* norms, Wide<T>* part, const Executor& ex);
    double (*delayed_update)(const DelayedPass<T>& f, Wide<T>* part, const Executor& ex);
    double (*delayed_step)(const DelayedPass<T>& f, const DelayedPass<T>& g, const StepBetween<T>& between,
                           Wide<T>* out, double* norms, Wide<T>* part, const Executor& ex);
};

struct KrylovKernels {
    PassKernels<float> f32;
    PassKernels<double> f64;
    PassKernels<Cplx<float>> c64;
    PassKernels<Cplx<double>> c128;
};

}  // namespace kriss

KRISS_DECLARE_TABLE(KrylovKernels, krylov_kernels)

namespace kriss {

template <class T>
const PassKernels<T>& pass_kernels() {
    if constexpr (ScalarTraits<T>::is_complex) {
        if constexpr (sizeof(T) == 8) {
            return krylov_kernels().c64;
        } else {
            return krylov_kernels().c128;
        }
    } else if constexpr (sizeof(T) == 4) {
        return krylov_kernels().f32;
    } else {
        return krylov_kernels().f64;
    }
}

}  // namespace kriss
