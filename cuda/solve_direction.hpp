// Launchers of the networks of search directions. Pointers are device pointers unless said otherwise.
#pragma once

#include "kriss/solve/direction_steps.hpp"
#include "panel.hpp"

namespace kriss::cuda {

// Partial sums that direction_network needs room for.
index_t direction_partials(index_t n);

// One step on the grids of its level; `coarse`: of the next one, for halve and enlarge.
void direction_step(const DirectionGrid& g, const DirectionGrid& coarse, const DirectionStep& s, stream_t stream);

// The program itself, its grids, steps and levels are in host memory, and what they point to is on the device.
// out = scale |r| f(r / |r|), |.| the root of the mean square, for column c of panels (n, k). scalars: (2)
template <class T>
void direction_network(const DirectionProgram& p, index_t k, index_t c, const T* r, T* out, double scale, double* part,
                       double* scalars, stream_t stream);

}  // namespace kriss::cuda
