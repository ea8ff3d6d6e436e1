#include "solve_krylov_kernels.hpp"

namespace kriss::tables::KRISS_ISA {

namespace {

template <class T>
constexpr PassKernels<T> passes() {
    PassKernels<T> k{};
    k.fused = &fused_pass<T>;
    k.scale = &scale_items<T>;
    k.csr_i32 = &any_csr_matvec<T, std::int32_t>;
    k.csr_i64 = &any_csr_matvec<T, std::int64_t>;
    k.csr_rows_i32 = &any_csr_rows<T, std::int32_t>;
    k.csr_rows_i64 = &any_csr_rows<T, std::int64_t>;
    if constexpr (!ScalarTraits<T>::is_complex) {
        k.diagonal_rows = &diagonal_rows<T>;
    }
    k.delayed_products = &delayed_products<T>;
    k.delayed_update = &delayed_update<T>;
    k.delayed_step = &delayed_step<T>;
    return k;
}

}  // namespace

const KrylovKernels krylov_kernels = {passes<float>(), passes<double>(), passes<Cplx<float>>(), passes<Cplx<double>>()};

}  // namespace kriss::tables::KRISS_ISA
