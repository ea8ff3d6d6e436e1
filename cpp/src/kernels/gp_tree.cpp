#include "gp_tree_kernels.hpp"

namespace kriss::tables::KRISS_ISA {

const GpTreeKernels gp_tree_kernels = {&tree_scratch, &tree_symmetric, &tree_cross, &tree_contract, &tree_gradient_x};

}  // namespace kriss::tables::KRISS_ISA
