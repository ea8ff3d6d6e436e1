#include "solve_multi_kernels.hpp"

namespace kriss::tables::KRISS_ISA {

namespace {

template <class T, int K>
constexpr PanelKernels<T> panel() {
    return {&multi_dot<T, K>,
            &multi_direction<T, K>,
            &multi_step<T, K>,
            &multi_update<T, K>,
            &multi_residual<T, K>,
            &multi_multiply<T, K>,
            &diagonal_panel_rows<T, K>,
            &csr_panel_rows<T, std::int32_t, K>,
            &csr_panel_rows<T, std::int64_t, K>};
}

}  // namespace

const MultiKernels multi_kernels = {
    {panel<float, 1>(), panel<float, 2>(), panel<float, 4>(), panel<float, 8>()},
    {panel<double, 1>(), panel<double, 2>(), panel<double, 4>(), panel<double, 8>()},
    &column_scan<float>,
    &column_scan<double>,
};

}  // namespace kriss::tables::KRISS_ISA
