#include "solve_direction_kernels.hpp"

namespace kriss::tables::KRISS_ISA {

const SolveDirectionKernels solve_direction_kernels = {&direction_run};

}  // namespace kriss::tables::KRISS_ISA
