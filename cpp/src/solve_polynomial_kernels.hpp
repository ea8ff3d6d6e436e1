// The passes of polynomial preconditioners, one table per instruction-set level.
#pragma once

#include <cstdint>

#include "cpu.hpp"
#include "kriss/executor.hpp"
#include "kriss/solve/polynomial.hpp"
#include "kriss/solve/stencil.hpp"
#include "kriss/view.hpp"

namespace kriss {

template <class T>
struct PolynomialPasses {
    double (*csr_i32)(const CsrView<T, std::int32_t>& a, const PolyStep<T>& s, double* part, const Executor& ex);
    double (*csr_i64)(const CsrView<T, std::int64_t>& a, const PolyStep<T>& s, double* part, const Executor& ex);
    double (*diagonals)(const DiagonalView<T>& a, const PolyStep<T>& s, double* part, const Executor& ex);
    double (*start)(index_t n, T c, const T* d, const T* r, T* out, double* part, const Executor& ex);
};

struct PolynomialKernels {
    PolynomialPasses<float> f32;
    PolynomialPasses<double> f64;
};

}  // namespace kriss

KRISS_DECLARE_TABLE(PolynomialKernels, polynomial_kernels)

namespace kriss {

template <class T>
const PolynomialPasses<T>& polynomial_passes() {
    if constexpr (sizeof(T) == 4) {
        return polynomial_kernels().f32;
    } else {
        return polynomial_kernels().f64;
    }
}

}  // namespace kriss
