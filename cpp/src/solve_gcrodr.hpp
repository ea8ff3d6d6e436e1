// GCRO-DR: restarted GMRES that carries a small space from cycle to cycle and from system to system.
//
// M. L. Parks, E. de Sturler, G. Mackey, D. D. Johnson, S. Maiti, "Recycling Krylov subspaces for sequences of linear
// systems", SIAM J. Sci. Comput. 28 (2006), algorithm 2; preconditioned on the right, as flexible GMRES: the vectors
// M^-1 v are kept, as in L. M. Carvalho, S. Gratton, R. Lago, X. Vasseur, "A flexible generalized conjugate residual
// method with inner orthogonalization and deflated restarting", SIAM J. Matrix Anal. Appl. 32 (2011), section 3.
//
// Kept between cycles: C, orthonormal; X with A X = C; and U = M X, which only chooses what to keep. A cycle of s = m -
// k steps, in float64, beyond the products and the preconditioner:
//     Arnoldi with C projected out       sum over j of (16 (k + j) + 48) n bytes (solve/arnoldi.hpp), or
//                                        (8 (k + j) + 64) n (solve/arnoldi_step.hpp)
//     x, r: C^H r, X C^H r, Z y, V H y   8 n (4 k + 2 s + 10)
//     V^H U                              8 n (s + 1 + k)
//     new C, U, X                        24 n (s + 3 k), U from X item by item where M is diagonal
#pragma once

#include <vector>

#include "kriss/solve/recycle.hpp"
#include "solve_krylov.hpp"

namespace kriss {

struct GcrodrOptions : LoopOptions {
    int restart = 30;     // m
    int recycle = 10;     // k < m, at most max_panel
    bool verify = false;  // recompute the residual before convergence is claimed
    double eps = 0.0;     // of the working precision
};

// Vectors that a solve starts from or leaves behind: x, and u = M x (may be empty on the way in: x is taken for it).
template <class T>
struct RecycledVectors {
    std::vector<std::vector<T>> x, u;
};

struct GcrodrOutcome : LoopOutcome {
    bool prepared = false;  // the given space was multiplied by A
    index_t cycles = 0;
};

// s: over a. x: (n) in and out. given: in; left: out, filled if `prepared` or a cycle was run. Needs dense_table() of
// cpp/src/blas.hpp if recycle > 0.
template <class T>
GcrodrOutcome gcrodr(KrylovContext<T>& s, LinearMap<T>& a, const T* b, T* x, bool zero_start, const GcrodrOptions& opt,
                     const RecycledVectors<T>& given, RecycledVectors<T>& left);

}  // namespace kriss
