#include "solve_fill_kernels.hpp"

#include "kriss/solve/fill.hpp"
#include "kriss/solve/gather.hpp"

namespace kriss::tables::KRISS_ISA {

namespace {

template <class T, class I>
constexpr FillKernels<T, I> fills() {
    return {&ict_factor<T, I>, &ilut_factor<T, I>, &gather_dot<T, I>, &scatter<T, I>};
}

}  // namespace

const SolveFillKernels solve_fill_kernels = {
    fills<float, std::int32_t>(),
    fills<float, std::int64_t>(),
    fills<double, std::int32_t>(),
    fills<double, std::int64_t>(),
};

}  // namespace kriss::tables::KRISS_ISA
