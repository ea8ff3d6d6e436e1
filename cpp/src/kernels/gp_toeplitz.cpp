#include "gp_toeplitz_kernels.hpp"

namespace kriss::tables::KRISS_ISA {

const GpToeplitzKernels gp_toeplitz_kernels = {&toeplitz_durbin<double>};

}  // namespace kriss::tables::KRISS_ISA
