#include "solve_kernels.hpp"

#include "kriss/solve/canonical.hpp"
#include "kriss/solve/cg.hpp"
#include "kriss/solve/reduce.hpp"
#include "kriss/solve/spmv.hpp"
#include "kriss/solve/ssor.hpp"
#include "kriss/solve/stencil.hpp"

namespace kriss::tables::KRISS_ISA {

namespace {

template <class T, class I>
double apply_dot(const void* self, const T* x, T* y, double* part, const Executor& ex) {
    return csr_matvec_dot(*static_cast<const CsrView<T, I>*>(self), x, y, part, ex);
}

template <class T, class I>
double apply_ssor(const void* self, const T* r, T* z, double* part, const Executor& ex) {
    return ssor_apply_dot(*static_cast<const SsorView<T, I>*>(self), r, z, part, ex);
}

template <class T>
double apply_diagonals(const void* self, const T* x, T* y, double* part, const Executor& ex) {
    return diagonal_matvec_dot(*static_cast<const DiagonalView<T>*>(self), x, y, part, ex);
}

template <class T>
constexpr CgKernels<T> vectors() {
    return {&fixed_dot<T>, &largest<T>, &cg_direction<T>, &cg_update<T>, &cg_axpy<T>, &cg<T>, &apply_diagonals<T>};
}

template <class T, class I>
constexpr CsrKernels<T, I> rows() {
    return {&csr_matvec<T, I>, &apply_dot<T, I>, &csr_diagonal<T, I>, &csr_canonical<T, I>, &apply_ssor<T, I>};
}

}  // namespace

const SolveKernels solve_kernels = {
    vectors<float>(),
    vectors<double>(),
    rows<float, std::int32_t>(),
    rows<float, std::int64_t>(),
    rows<double, std::int32_t>(),
    rows<double, std::int64_t>(),
};

}  // namespace kriss::tables::KRISS_ISA
