// Launchers of Vecchia's approximation: device pointers, sizes and a stream.
#pragma once

#include "kriss/gp/vecchia_point.hpp"
#include "panel.hpp"

namespace kriss::cuda {

// Threads that share the points, a function of their number alone.
index_t vecchia_workers(index_t count);

// b: (count, m), v: (count), bad: (count), 1 where a small matrix is not positive definite to working precision.
// work: vecchia_workers(count) * vecchia_point_item(d, m) doubles.
void vecchia_factor(const CovSum<double>& cov, const VecchiaView& a, double* b, double* v, std::int32_t* bad,
                    double* work, stream_t s);

// gradient: (parameters + 1), as kriss/gp/vecchia.hpp has it before the factor of the variances.
// work: vecchia_workers(count) * (vecchia_point_item(d, m) + parameters + 1) + 8192 doubles.
void vecchia_gradient(const CovSum<double>& cov, index_t parameters, const VecchiaView& a, const double* y,
                      double* gradient, double* work, stream_t s);

}  // namespace kriss::cuda
