// Block conjugate gradients: k right-hand sides that share their search directions.
#pragma once

#include <vector>

#include "kriss/solve/loop.hpp"
#include "kriss/status.hpp"

namespace kriss {

inline constexpr int max_block = 64;

struct BlockOptions {
    const double* tol = nullptr;  // (k)
    index_t maxiter = 0;
    bool zero_start = true;
    index_t halo = 0;  // zeros that A wants around what it multiplies
};

struct BlockOutcome {
    Status status = Status::ok;
    index_t iterations = 0;
    int rank = 0;               // smallest number of directions in an iteration
    std::vector<double> norms;  // (iterations + 1, k): residuals by the recurrence
};

// b, x: k vectors of n; x: the start, then the solution. All columns run on until all of them meet their tolerances.
template <class T>
BlockOutcome solve_block_cg(KrylovContext<T>& s, int k, const T* const* b, T* const* x, const BlockOptions& options);

}  // namespace kriss
