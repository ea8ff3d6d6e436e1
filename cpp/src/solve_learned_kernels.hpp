// Kernels of the cycle around incomplete factors, one table per instruction-set level.
#pragma once

#include "cpu.hpp"
#include "kriss/executor.hpp"
#include "kriss/solve/box_factor.hpp"
#include "kriss/solve/box_factor3.hpp"
#include "kriss/solve/box_network.hpp"

namespace kriss {

struct LearnedKernels {
    index_t (*factorise)(const BoxGrid<double>& g, const BoxFactor& f, double* room);
    index_t (*factorise3)(const BoxGrid<double>& g, const BoxFactor& f, double* work);
    void (*cycle)(const BoxHierarchy<double>& h, const FactoredGrid* factored, const double* r, double* z, double* room,
                  const Executor& ex);
    void (*network)(const BoxGrid<double>& g, const BoxGrid<double>& c, const float* edge, const float* corner,
                    const Executor& ex);
};

}  // namespace kriss

KRISS_DECLARE_TABLE(LearnedKernels, learned_kernels)
