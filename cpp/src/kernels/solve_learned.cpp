#include "solve_learned_kernels.hpp"

namespace kriss::tables::KRISS_ISA {

const LearnedKernels learned_kernels = {&box_factorise, &box_factorise3, &factored_cycle, &net_weights};

}  // namespace kriss::tables::KRISS_ISA
