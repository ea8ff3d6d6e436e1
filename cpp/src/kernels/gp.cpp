#include "gp_kernels.hpp"

#include "kriss/gp/assemble.hpp"
#include "kriss/gp/dense.hpp"
#include "kriss/gp/gradient.hpp"
#include "kriss/gp/pivoted.hpp"

namespace kriss::tables::KRISS_ISA {

const GpKernels gp_kernels = {
    {&assemble_symmetric<double>, &assemble_cross<double>},
    {&assemble_symmetric<float>, &assemble_cross<float>},
    &log_likelihood_gradient<double>,
    &dense_cholesky<double>,
    &dense_invert_triangle<double>,
    &dense_invert<double>,
    &pivot_row,
};

}  // namespace kriss::tables::KRISS_ISA
