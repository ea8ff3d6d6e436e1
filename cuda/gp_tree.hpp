// Launchers of covariance functions built by + and *: device pointers, sizes and a stream. Programs are within the
// limits of kriss/gp/tree_point.hpp, whose arrays lie on the device too.
#pragma once

#include "kriss/gp/tree_point.hpp"
#include "panel.hpp"

namespace kriss::cuda {

// How entries get their weights: as in kriss/gp/tree_contract.hpp, or W = left right' of two panels.
enum class Weighing : int { likelihood = 0, square = 1, cross = 2, panels = 3 };

// Threads that share the pairs, a function of the sizes alone; and doubles of scratch per slot.
index_t tree_workers(index_t nx, index_t nz);

// out: (nx, nz) row-major; out[i][j] = k(x_i, z_j), plus diagonal[i] where i == j unless diagonal is null.
void tree_assemble(const CovTree& t, const double* xt, index_t nx, const double* zt, index_t nz, bool same,
                   const double* diagonal, double* out, stream_t s);

// out[slot] = sum_ij W_ij d k(x_i, z_j) / d slot; half of it for `likelihood`, where w is the lower triangle of K^-1
// and alpha (n) is K^-1 y. w: (nx, nz) row-major; left: (nx, k), right: (nz, k) row-major, for `panels`. work:
// tree_workers(nx, nz) * slots + 8192 doubles.
void tree_contract(const CovTree& t, const double* xt, index_t nx, const double* zt, index_t nz, bool same, int how,
                   const double* alpha, const double* w, const double* left, const double* right, index_t k,
                   double* out, double* work, stream_t s);

// Tiles that the columns of a product are cut into, by the sizes alone.
index_t product_tiles(index_t nx, index_t nz);

// out (nx, k) = K(x, z) V without the matrix. v: (nz, k) row-major. part: product_tiles(nx, nz) * nx * max_panel
// doubles.
void tree_product(const CovTree& t, const double* xt, index_t nx, const double* zt, index_t nz, bool same,
                  const double* v, index_t k, double* out, double* part, stream_t s);
// The same for a sum of RBF and Matern 1/2, 3/2, 5/2.
void sum_product(const CovSum<double>& cov, const double* xt, index_t nx, const double* zt, index_t nz, const double* v,
                 index_t k, double* out, double* part, stream_t s);

}  // namespace kriss::cuda
