#include "solve_substitution_kernels.hpp"

namespace kriss::tables::KRISS_ISA {

const SolveSubstitutionKernels solve_substitution_kernels = {
    &substitute<float, std::int32_t>,
    &substitute<float, std::int64_t>,
    &substitute<double, std::int32_t>,
    &substitute<double, std::int64_t>,
};

}  // namespace kriss::tables::KRISS_ISA
