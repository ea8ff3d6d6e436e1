#include "solve_krylov_kernels.hpp"

namespace kriss::tables::KRISS_ISA {

namespace {

template <class T>
constexpr PassKernels<T> passes() {
    return {&fused_pass<T>, &scale_items<T>, &any_csr_matvec<T, std::int32_t>, &any_csr_matvec<T, std::int64_t>};
}

}  // namespace

const KrylovKernels krylov_kernels = {passes<float>(), passes<double>(), passes<Cplx<float>>(), passes<Cplx<double>>()};

}  // namespace kriss::tables::KRISS_ISA
