// Launchers of the iterative solvers. Pointers are device pointers unless said otherwise; scalars of an iteration stay
// on the device. Panels are (rows, k), row-major, k at most max_panel; k = 1 is a vector.
#pragma once

#include "kriss/solve/cg_scalars.hpp"
#include "kriss/view.hpp"
#include "panel.hpp"

namespace kriss::cuda {

template <class T>
using Csr = CsrView<T, std::int32_t>;

// ---- solve_cg.cu -------------------------------------------------------------------------------------------------

// Partial sums of one quantity over a panel: cg_update and cg_residual need room for twice as many.
index_t cg_partials(index_t n, index_t k);

// r = b - q, or b where q is null; out[c] = r'r and out[k + c] = r'D^-1 r of column c.  inverse: (n) or null for D = 1
template <class T>
void cg_residual(index_t n, index_t k, const T* inverse, const T* b, const T* q, T* r, double* part, double* out,
                 stream_t stream);

// p = D^-1 z + beta p.  state: (k, cg_state_size)
template <class T>
void cg_direction(index_t n, index_t k, const T* inverse, const T* z, const double* state, T* p, stream_t stream);

// alpha = rho / p'q, or the status that says why not
template <class T>
void cg_step(index_t n, index_t k, const T* p, const T* q, double* part, double* state, stream_t stream);

// x += alpha p, r -= alpha q, r'r; counts the iteration, stores ||r|| and sets the status on convergence; own: then
// also r'D^-1 r and beta, otherwise cg_rho follows.  history: (length, k)
template <class T>
void cg_update(index_t n, index_t k, const T* inverse, const T* p, const T* q, T* x, T* r, double* part, double* state,
               double* history, index_t length, bool own, stream_t stream);

// beta from r'z, z = M^-1 r
template <class T>
void cg_rho(index_t n, index_t k, const T* r, const T* z, double* part, double* state, stream_t stream);

// ---- solve_product.cu --------------------------------------------------------------------------------------------

enum class Product : int { plain = 0, residual = 1, add = 2 };

// y = A x, y = b - A x or y = b + A x; b may be y.  x: (cols, k); b, y: (rows, k)
template <class T>
void csr_product(const Csr<T>& a, index_t k, Product kind, const T* x, const T* b, T* y, stream_t stream);

// ---- solve_sweep.cu ----------------------------------------------------------------------------------------------

// y = x + omega D^-1 (b - A x); x null: from 0, A is not read
template <class T>
void jacobi_sweep(const Csr<T>& a, index_t k, const T* inverse, T omega, const T* b, const T* x, T* y, stream_t stream);

// One relaxation of the rows order[starts[g]], ..., group after group, first or last group first; rows of a group must
// not be coupled.  starts: (groups + 1), host memory; order: (n)
template <class T>
void group_sweep(const Csr<T>& a, index_t k, index_t groups, const std::int64_t* starts, const std::int32_t* order,
                 bool backward, const T* inverse, T omega, const T* b, T* x, stream_t stream);

// ---- solve_color.cu ----------------------------------------------------------------------------------------------

// One round of solve/coloring.hpp; left: (1) how many rows still have no colour.  part: (cg_partials(n, 1))
void color_rows_round(index_t n, const std::int32_t* indptr, const std::int32_t* indices, bool by_hash,
                      const std::int32_t* before, std::int32_t* after, double* part, double* left, stream_t stream);

// ---- solve_levels.cu ---------------------------------------------------------------------------------------------

// A strict triangle, rows sorted by level: row order[k] is the k-th stored.
template <class T>
struct Triangle {
    Csr<T> sorted;
    const std::int32_t* order = nullptr;
    const T* inverse = nullptr;   // (n) of the diagonal, or null for ones
    const T* diagonal = nullptr;  // (n) factors of the right-hand side, or null
    bool lower = true;
    index_t levels = 0;
    const std::int64_t* starts = nullptr;     // (levels + 1) host memory
    const std::int64_t* on_device = nullptr;  // the same on the device
};

// z = T^-1 r, or T^-1 diag(diagonal) r; z may be r. One launch per wide level, one for each run of narrow ones.
template <class T>
void triangle_levels_solve(const Triangle<T>& a, index_t k, const T* r, T* z, stream_t stream);

// ---- solve_chebyshev.cu ------------------------------------------------------------------------------------------

// degree + 1 steps of the Chebyshev iteration for A z = r from the z given, or from 0 (zero: then z is not read, and
// `degree` products are made).  other: (n, k) scratch; all arrays distinct
template <class T>
void chebyshev_iterate(const Csr<T>& a, index_t k, const T* inverse, double low, double high, int degree, bool zero,
                       const T* r, T* z, T* other, stream_t stream);

}  // namespace kriss::cuda
