#include "solve_polynomial_kernels.hpp"

namespace kriss::tables::KRISS_ISA {

namespace {

template <class T>
constexpr PolynomialPasses<T> passes() {
    return {&poly_step_csr<T, std::int32_t>, &poly_step_csr<T, std::int64_t>, &poly_step_diagonals<T>, &poly_start<T>};
}

}  // namespace

const PolynomialKernels polynomial_kernels = {passes<float>(), passes<double>()};

}  // namespace kriss::tables::KRISS_ISA
