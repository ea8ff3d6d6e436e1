#include "spline_smooth_kernels.hpp"

#include "kriss/spline/smooth.hpp"

namespace kriss::tables::KRISS_ISA {

const SplineSmoothKernels spline_smooth_kernels = {&smooth_scan<double>, &smooth_fit<double>};

}  // namespace kriss::tables::KRISS_ISA
