#include "gp_update_kernels.hpp"

#include "kriss/gp/update.hpp"

namespace kriss::tables::KRISS_ISA {

const GpUpdateKernels gp_update_kernels = {&lower_solve<double>, &upper_solve<double>, &drop_rows<double>};

}  // namespace kriss::tables::KRISS_ISA
