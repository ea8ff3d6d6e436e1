// The scalars of conjugate gradients where they live in memory: one record per column of a panel, moved on by the
// passes themselves, so that whoever drives the loop need not look at them in every iteration.
//
// Y. Saad, "Iterative Methods for Sparse Linear Systems", 2nd ed., SIAM 2003, algorithm 9.1; the tests are those of
// solve/cg.hpp. A column whose status is set is frozen: its passes do nothing.
#pragma once

#include <cmath>

#include "kriss/config.hpp"
#include "kriss/status.hpp"

namespace kriss {

enum CgState : int {
    cg_rho = 0,  // r'M^-1 r
    cg_rr = 1,   // r'r
    cg_alpha = 2,
    cg_beta = 3,
    cg_tol = 4,         // stop once sqrt(r'r) <= tol
    cg_status = 5,      // -1 running, else a Status
    cg_iterations = 6,  // done
    cg_most = 7,        // iterations allowed
    cg_state_size = 8,
};

}  // namespace kriss

KRISS_NAMESPACE_BEGIN

KRISS_HD KRISS_ALWAYS_INLINE bool cg_running(const double* state) { return state[cg_status] < 0.0; }

KRISS_HD KRISS_ALWAYS_INLINE void cg_stop(double* state, Status status) {
    state[cg_status] = static_cast<double>(static_cast<int>(status));
}

KRISS_HD KRISS_ALWAYS_INLINE bool finite_sum(double v) { return v - v == 0.0; }

// alpha = rho / p'Ap
KRISS_HD KRISS_ALWAYS_INLINE void cg_take_pq(double* state, double pq) {
    if (!cg_running(state)) {
        return;
    }
    if (!finite_sum(pq)) {
        cg_stop(state, Status::non_finite);
    } else if (!(pq > 0.0)) {
        cg_stop(state, Status::indefinite_matrix);
    } else {
        state[cg_alpha] = state[cg_rho] / pq;
    }
}

// Counts an iteration that left r'r behind and ends the column if that is enough.  history: entry k of the column at
// history[(k % length) * columns], or null
KRISS_HD KRISS_ALWAYS_INLINE void cg_take_norm(double* state, double rr, double* history, index_t length,
                                               index_t columns) {
    if (!cg_running(state)) {
        return;
    }
    const index_t done = static_cast<index_t>(state[cg_iterations]);
    const double norm = sqrt(rr);
    state[cg_iterations] = static_cast<double>(done + 1);
    state[cg_rr] = rr;
    if (history != nullptr) {
        history[(done % length) * columns] = norm;
    }
    if (!finite_sum(rr)) {
        cg_stop(state, Status::non_finite);
    } else if (norm <= state[cg_tol]) {
        cg_stop(state, Status::ok);
    } else if (state[cg_iterations] >= state[cg_most]) {
        cg_stop(state, Status::maxiter);
    }
}

// beta = rho_new / rho
KRISS_HD KRISS_ALWAYS_INLINE void cg_take_rho(double* state, double rho) {
    if (!cg_running(state)) {
        return;
    }
    if (!finite_sum(rho)) {
        cg_stop(state, Status::non_finite);
    } else if (!(rho > 0.0)) {
        cg_stop(state, Status::indefinite_precond);
    } else {
        state[cg_beta] = rho / state[cg_rho];
        state[cg_rho] = rho;
    }
}

KRISS_NAMESPACE_END
