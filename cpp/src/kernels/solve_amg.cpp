#include "solve_amg_kernels.hpp"

#include "kriss/solve/amg_cycle.hpp"

namespace kriss::tables::KRISS_ISA {

const AmgKernels amg_kernels = {&amg_cycle<float>, &amg_cycle<double>};

}  // namespace kriss::tables::KRISS_ISA
