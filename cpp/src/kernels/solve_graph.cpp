#include "solve_graph_kernels.hpp"

namespace kriss::tables::KRISS_ISA {

const SolveGraphKernels solve_graph_kernels = {&graph_network, &grid_convolve};

}  // namespace kriss::tables::KRISS_ISA
