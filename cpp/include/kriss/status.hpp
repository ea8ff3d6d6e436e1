// What a kernel tells its caller. Kernels do not throw; the bindings map these to exceptions in one table.
#pragma once

#include "kriss/config.hpp"

namespace kriss {

enum class Status : int {
    ok = 0,
    interrupted = 1,            // the executor's poll asked to stop (Ctrl-C)
    maxiter = 2,                // iteration limit reached before the tolerance
    breakdown = 3,              // a scalar of the recurrence vanished
    indefinite_matrix = 4,      // p'Ap <= 0: A is not positive definite
    indefinite_precond = 5,     // r'M^-1 r <= 0: M is not positive definite
    non_finite = 6,             // NaN or infinity met
    not_positive_definite = 7,  // a Cholesky pivot failed !(d > 0); Info::index is the pivot
    zero_diagonal = 8,          // Info::index is the row
    singular = 9,
    out_of_range = 10,  // an index of a sparse matrix points outside; Info::index is its row
    not_monotone = 11,  // abscissae or indptr do not increase; Info::index is the first offender
    stagnated = 12,     // the recomputed residual misses what the recurrence claimed
    failed = 13,
};

// index: where (pivot, row, knot), -1 if it does not apply.
struct Info {
    Status status = Status::ok;
    index_t index = -1;
};

}  // namespace kriss
