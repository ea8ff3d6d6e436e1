// The network over the graph of a factor, one table per instruction-set level.
#pragma once

#include "cpu.hpp"
#include "kriss/executor.hpp"
#include "kriss/solve/graph_network.hpp"

namespace kriss {

struct SolveGraphKernels {
    void (*network)(const GraphView& g, const float* fn, int nodes, const float* fe, int edges, const float* net,
                    int rounds, float* room, float* node, float* edge, const Executor& ex);
    void (*convolve)(index_t n0, index_t n1, const float* in, int inputs, const float* w, const float* b, bool rectify,
                     float* out, const Executor& ex);
};

}  // namespace kriss

KRISS_DECLARE_TABLE(SolveGraphKernels, solve_graph_kernels)
