#include "gp_structures_kernels.hpp"

#include "kriss/gp/product.hpp"
#include "kriss/gp/vecchia.hpp"

namespace kriss::tables::KRISS_ISA {

const GpStructuresKernels gp_structures_kernels = {
    &vecchia_factor, &vecchia_gradient, &vecchia_residual, &vecchia_substitute, &covariance_product,
};

}  // namespace kriss::tables::KRISS_ISA
