#include "math_kernels.hpp"

#include "kriss/vector.hpp"

namespace kriss::tables::KRISS_ISA {

const MathKernels math_kernels = {
    &triad<double>,
};

}  // namespace kriss::tables::KRISS_ISA
