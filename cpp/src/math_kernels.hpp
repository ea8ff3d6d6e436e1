// Elementary vector kernels, one table per instruction-set level.
#pragma once

#include "cpu.hpp"
#include "kriss/executor.hpp"

namespace kriss {

// out[i] = f(x[i]) for i < n. An output may be x itself, but must not overlap it otherwise.
template <class T>
struct ElementaryKernels {
    using Unary = void (*)(index_t n, const T* x, T* out, const Executor& ex);
    Unary exp;
    Unary expm1;
    Unary log;
    Unary log1p;
    Unary erfc;
    Unary sin;
    Unary cos;
    void (*sincos)(index_t n, const T* x, T* sine, T* cosine, const Executor& ex);
};

struct MathKernels {
    void (*triad)(index_t n, double s, const double* b, const double* c, double* a, const Executor& ex);
    double (*multiply_adds)(index_t rounds, float factor, float addend, float* x);
    ElementaryKernels<double> f64;
    ElementaryKernels<float> f32;
};

template <class T>
const ElementaryKernels<T>& elementary(const MathKernels& k) {
    if constexpr (sizeof(T) == 8) {
        return k.f64;
    } else {
        return k.f32;
    }
}

}  // namespace kriss

KRISS_DECLARE_TABLE(MathKernels, math_kernels)
