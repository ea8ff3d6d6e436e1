#include "kriss/solve/stationary.hpp"

#include "kriss/solve/grid_relax.hpp"
#include "solve_stationary_kernels.hpp"

namespace kriss::tables::KRISS_ISA {

namespace {

template <class T, class I>
constexpr StationaryKernels<T, I> sweeps() {
    return {&relax_sweep<T, I>,   &jacobi_sweep<T, I>, &sweep_needs<T, I>,
            &greedy_colors<T, I>, &relax_range<T, I>,  &pattern_symmetric<T, I>};
}

template <class T>
void sweep_grid(const GridRows<T>& a, bool backward, T omega, const T* b, T* x, const Executor& ex) {
    const bool deep = a.front.shape.nz > 1;
    if (backward) {
        deep ? grid_sweep<T, true, true>(a, omega, b, x, ex) : grid_sweep<T, true, false>(a, omega, b, x, ex);
    } else {
        deep ? grid_sweep<T, false, true>(a, omega, b, x, ex) : grid_sweep<T, false, false>(a, omega, b, x, ex);
    }
}

template <class T>
void jacobi_grid(const GridRows<T>& a, bool defect, T omega, const T* b, const T* x, T* y, const Executor& ex) {
    const bool deep = a.front.shape.nz > 1;
    if (defect) {
        deep ? grid_jacobi<T, true, true>(a, omega, b, x, y, ex) : grid_jacobi<T, true, false>(a, omega, b, x, y, ex);
    } else {
        deep ? grid_jacobi<T, false, true>(a, omega, b, x, y, ex) : grid_jacobi<T, false, false>(a, omega, b, x, y, ex);
    }
}

template <class T>
constexpr GridKernels<T> grids() {
    return {&sweep_grid<T>, &jacobi_grid<T>};
}

}  // namespace

const SolveStationaryKernels solve_stationary_kernels = {
    grids<float>(),
    grids<double>(),
    sweeps<float, std::int32_t>(),
    sweeps<float, std::int64_t>(),
    sweeps<double, std::int32_t>(),
    sweeps<double, std::int64_t>(),
};

}  // namespace kriss::tables::KRISS_ISA
