// Kernels of the iterative solvers, one table per instruction-set level.
#pragma once

#include <cstdint>

#include "cpu.hpp"
#include "kriss/executor.hpp"
#include "kriss/solve/canonical.hpp"
#include "kriss/solve/cg.hpp"
#include "kriss/solve/ssor.hpp"
#include "kriss/solve/stencil.hpp"
#include "kriss/view.hpp"

namespace kriss {

template <class T>
struct CgKernels {
    double (*dot)(index_t n, const T* x, const T* y, double* part, const Executor& ex);
    T (*largest)(index_t n, const T* x, double* part, const Executor& ex);
    void (*direction)(index_t n, const T* inverse, const T* z, T beta, T alpha, T* p, T* x, const Executor& ex);
    CgNorms (*update)(index_t n, const T* inverse, T alpha, const T* q, T* r, double* part, const Executor& ex);
    void (*axpy)(index_t n, T alpha, const T* p, T* x, const Executor& ex);
    CgOutcome (*cg)(index_t n, const CgOperator<T>& A, const T* b, T* x, const CgPreconditioner<T>& M,
                    const CgOptions& opt, T* r, T* p, T* q, T* z, double* part, const Executor& ex);
    // self: DiagonalView<T>
    double (*diagonal_apply_dot)(const void* self, const T* x, T* y, double* part, const Executor& ex);
};

template <class T, class I>
struct CsrKernels {
    void (*matvec)(const CsrView<T, I>& a, const T* x, T* y, const Executor& ex);
    // self: CsrView<T, I>
    double (*apply_dot)(const void* self, const T* x, T* y, double* part, const Executor& ex);
    Info (*diagonal)(const CsrView<T, I>& a, I* where, T* inverse, index_t* bad, const Executor& ex);
    int (*canonical)(const CsrView<T, I>& a, index_t stored, bool finite, unsigned char* found, const Executor& ex);
    // self: SsorView<T, I>
    double (*ssor)(const void* self, const T* r, T* z, double* part, const Executor& ex);
};

struct SolveKernels {
    CgKernels<float> cg_f32;
    CgKernels<double> cg_f64;
    CsrKernels<float, std::int32_t> csr_f32_i32;
    CsrKernels<float, std::int64_t> csr_f32_i64;
    CsrKernels<double, std::int32_t> csr_f64_i32;
    CsrKernels<double, std::int64_t> csr_f64_i64;
};

}  // namespace kriss

KRISS_DECLARE_TABLE(SolveKernels, solve_kernels)

namespace kriss {

template <class T>
const CgKernels<T>& cg_kernels() {
    if constexpr (sizeof(T) == 4) {
        return solve_kernels().cg_f32;
    } else {
        return solve_kernels().cg_f64;
    }
}

template <class T, class I>
const CsrKernels<T, I>& csr_kernels() {
    if constexpr (sizeof(T) == 4 && sizeof(I) == 4) {
        return solve_kernels().csr_f32_i32;
    } else if constexpr (sizeof(T) == 4) {
        return solve_kernels().csr_f32_i64;
    } else if constexpr (sizeof(I) == 4) {
        return solve_kernels().csr_f64_i32;
    } else {
        return solve_kernels().csr_f64_i64;
    }
}

}  // namespace kriss
