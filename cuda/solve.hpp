// Launchers of the vector passes of conjugate gradients. Pointers are device pointers; scalars stay on the device.
#pragma once

#include "launch.hpp"

namespace kriss::cuda {

// The scalars of the iteration, one device array of doubles that the passes read and write.
enum CgState : int {
    cg_rho = 0,  // r'D^-1 r
    cg_rr = 1,   // r'r
    cg_alpha = 2,
    cg_beta = 3,
    cg_tol = 4,     // stop once sqrt(r'r) <= tol
    cg_status = 5,  // -1 running, else a kriss::Status; passes do nothing once it is set
    cg_iterations = 6,
    cg_state_size = 8,
};

// Partial sums that a pass over n items leaves: one pair per block, a function of n alone.
index_t cg_partials(index_t n);

// p = D^-1 r + beta p.  inverse: (n) or null for D = 1
template <class T>
void cg_direction(index_t n, const T* inverse, const T* r, const double* state, T* p, stream_t stream);

// pq = p'q, alpha = rho / pq; sets the status if pq is not positive or not finite.  part: (cg_partials(n))
template <class T>
void cg_step(index_t n, const T* p, const T* q, double* part, double* state, stream_t stream);

// x += alpha p, r -= alpha q, then r'r, r'D^-1 r, beta; counts the iteration, stores ||r|| in history[iteration %
// length] and sets the status on convergence.  part: (2 cg_partials(n)); history: (length) or null
template <class T>
void cg_update(index_t n, const T* inverse, const T* p, const T* q, T* x, T* r, double* part, double* state,
               double* history, index_t length, stream_t stream);

}  // namespace kriss::cuda
