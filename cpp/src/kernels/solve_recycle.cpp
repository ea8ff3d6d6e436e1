#include "solve_recycle_kernels.hpp"

namespace kriss::tables::KRISS_ISA {

namespace {

template <class T>
constexpr PanelKernels<T> panels() {
    return {&panel_products<T>, &panel_change<T>};
}

}  // namespace

const RecycleKernels recycle_kernels = {panels<float>(), panels<double>(), panels<Cplx<float>>(),
                                        panels<Cplx<double>>()};

}  // namespace kriss::tables::KRISS_ISA
