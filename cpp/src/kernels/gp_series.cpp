#include "gp_series_kernels.hpp"

namespace kriss::tables::KRISS_ISA {

const GpSeriesKernels gp_series_kernels = {
    {&series_filter<0>, &series_filter<1>, &series_filter<2>, &series_filter<3>, &series_filter<4>},
    {&series_likelihood<0>, &series_likelihood<1>, &series_likelihood<2>, &series_likelihood<3>, &series_likelihood<4>},
    &series_means<0>,
    &series_adjoint<0>,
    &series_information<0>,
    &series_draw<0>,
    &series_multiply<0>,
    &series_predict<0>,
};

}  // namespace kriss::tables::KRISS_ISA
