// Orders and neighbours for Vecchia's approximation, over a k-d tree.
#pragma once

#include "kriss/config.hpp"
#include "kriss/executor.hpp"

namespace kriss {

// The maximin order of x (n, d), row-major: after the point nearest to `centre` (d), always the one farthest from all
// before it, the lower index among equals. order: (n). False if interrupted.
//
// F. Schaefer, T. J. Sullivan, H. Owhadi, "Compression, Inversion, and Approximate PCA of Dense Kernel Matrices at
// Near-Linear Computational Complexity", Multiscale Modeling & Simulation 19 (2021), section 4. About n log n steps
// where few points share a neighbourhood; exact always.
bool gp_maximin(index_t n, index_t d, const double* x, const double* centre, index_t* order, const Executor& ex);

// The m points of x (n, d) nearest to each point of z (count, d), nearest first, the lower index among equals.
// If `before`, point i sees only points 0..i-1. near: (count, m), -1 where there are fewer.
void gp_nearest(index_t n, index_t d, const double* x, index_t count, const double* z, index_t m, bool before,
                index_t* near, const Executor& ex);

}  // namespace kriss
