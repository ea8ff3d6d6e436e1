#include "kriss/solve/stationary.hpp"

#include "solve_stationary_kernels.hpp"

namespace kriss::tables::KRISS_ISA {

namespace {

template <class T, class I>
constexpr StationaryKernels<T, I> sweeps() {
    return {&relax_sweep<T, I>, &jacobi_sweep<T, I>, &sweep_needs<T, I>, &greedy_colors<T, I>};
}

}  // namespace

const SolveStationaryKernels solve_stationary_kernels = {
    sweeps<float, std::int32_t>(),
    sweeps<float, std::int64_t>(),
    sweeps<double, std::int32_t>(),
    sweeps<double, std::int64_t>(),
};

}  // namespace kriss::tables::KRISS_ISA
