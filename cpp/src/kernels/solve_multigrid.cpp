#include "solve_multigrid_kernels.hpp"

#include "kriss/solve/box_cycle.hpp"
#include "kriss/solve/box_setup.hpp"
#include "kriss/solve/reduce.hpp"

namespace kriss::tables::KRISS_ISA {

namespace {

template <class T>
double scaled_dot(index_t n, const T* r, const T* x, T scale, T* z, double* part, const Executor& ex) {
    ex.parallel_for(n, solve_grain, [=](index_t b, index_t e) {
        for (index_t i = b; i < e; ++i) {
            z[i] = scale * x[i];
        }
        part[b / solve_grain] = dot_chunk(r + b, z + b, e - b);
    });
    return chunk_sum(part, chunk_count(n));
}

template <class T>
constexpr BoxKernels<T> box() {
    return {&box_weights<T>,  &box_galerkin<T>,   &box_invert<T>, &box_factor_lines<T>,
            &box_cholesky<T>, &box_anisotropy<T>, &box_cycle<T>,  &scaled_dot<T>};
}

template <class T, class I>
constexpr BoxCsrKernels<T, I> rows() {
    return {&box_scan<T, I>, &box_fill<T, I>};
}

}  // namespace

const MultigridKernels multigrid_kernels = {
    box<float>(),
    box<double>(),
    rows<float, std::int32_t>(),
    rows<float, std::int64_t>(),
    rows<double, std::int32_t>(),
    rows<double, std::int64_t>(),
};

}  // namespace kriss::tables::KRISS_ISA
