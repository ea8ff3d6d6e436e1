// Launchers of the networks that correct factors and inverses when they are set up. Pointers are device pointers.
#pragma once

#include "kriss/solve/graph_steps.hpp"
#include "panel.hpp"

namespace kriss::cuda {

// node: (n), edge: (m).  fn: (n, nodes), fe: (m, edges); net: (graph_parameters); room: (3 n + m, width)
void graph_network(const GraphView& g, const float* fn, int nodes, const float* fe, int edges, const float* net,
                   int rounds, float* room, float* node, float* edge, stream_t stream);

// out = b + the sum over the nine neighbours of in w, 0 or more if `rectify`.
// in: (n0 + 2, n1 + 2, inputs), w: (9, inputs, width), out: (n0 + 2, n1 + 2, width), all between margins of one point
void grid_convolve(index_t n0, index_t n1, const float* in, int inputs, const float* w, const float* b, bool rectify,
                   float* out, stream_t stream);

}  // namespace kriss::cuda
