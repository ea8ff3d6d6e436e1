// Launchers of the networks of search directions. Pointers are device pointers unless said otherwise.
#pragma once

#include "kriss/solve/direction_steps.hpp"
#include "panel.hpp"

namespace kriss::cuda {

// A program whose grids, steps and levels are in host memory, and what they point to on the device.
struct DirectionLaunches {
    const DirectionGrid* grids = nullptr;
    const DirectionStep* steps = nullptr;
    const int* levels = nullptr;  // of the steps: the finer one for halve and enlarge
    int count = 0;
    index_t n = 0;
    const std::int64_t* cells = nullptr;  // (n): where the unknowns are in an image of the finest grid
    float* first = nullptr;               // the image that the residual goes to
    const float* last = nullptr;          // the image that the direction comes from
};

// Partial sums that direction_network needs room for.
index_t direction_partials(index_t n);

// One step on the grids of its level; `coarse`: of the next one, for halve and enlarge.
void direction_step(const DirectionGrid& g, const DirectionGrid& coarse, const DirectionStep& s, stream_t stream);

// out = scale |r| f(r / |r|), |.| the root of the mean square, for column c of panels (n, k). scalars: (2)
template <class T>
void direction_network(const DirectionLaunches& p, index_t k, index_t c, const T* r, T* out, double scale, double* part,
                       double* scalars, stream_t stream);

}  // namespace kriss::cuda
