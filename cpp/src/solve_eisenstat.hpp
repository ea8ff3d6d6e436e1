// Eisenstat's form of conjugate gradients on a CSR matrix: storage of the scaled triangles, work space, verification.
#pragma once

#include <memory>
#include <vector>

#include "kriss/executor.hpp"
#include "kriss/solve/cg.hpp"
#include "kriss/solve/eisenstat.hpp"
#include "kriss/solve/wavefront.hpp"
#include "kriss/view.hpp"
#include "solve_storage.hpp"

namespace kriss {

// What modified incomplete Cholesky asks for: see solve/incomplete.hpp.
struct MicOptions {
    double relax = 0.99;
    double shift = 0.0;
    double tau = 1e-3;
};

// E^-1/2 A E^-1/2 split into triangles: by strips of grid lines where A is a five- or seven-point stencil on a grid in
// natural order, by rows otherwise. Only the lower triangle of A is read for a grid.
template <class T, class I>
class EisenstatPlan {
   public:
    // pivot: (n) E, positive. a: rows sorted, without duplicates, all diagonal entries stored.
    EisenstatPlan(const CsrView<T, I>& a, const T* pivot, const Executor& ex);
    // The same with the pivots of modified incomplete Cholesky, computed in strips. empty() where the lower triangle of
    // a is no stencil on a grid, or a pivot is not sound.
    EisenstatPlan(const CsrView<T, I>& a, const MicOptions& mic, const Executor& ex);

    bool empty() const { return n_ < 0; }
    void pivots(T* out, const Executor& ex) const;  // (n) E, of a plan made with MicOptions

    bool grid() const { return shape_.nx > 0; }
    const FrontShape& shape() const { return shape_; }
    index_t rows() const { return n_; }
    index_t bytes() const { return bytes_; }

    // A x = b from the x given. opt.tol, opt.maxiter, opt.zero_start; residual norms are appended to `residuals`.
    // The residual is recomputed with `a`, which must be the matrix of the plan; a miss restarts once.
    CgOutcome solve(const CsrView<T, I>& a, const T* b, T* x, const CgOptions& opt, std::vector<double>* residuals,
                    const Executor& ex) const;

   private:
    void build_grid(const CsrView<T, I>& a, const T* pivot, const Executor& ex);
    bool build_mic(const CsrView<T, I>& a, const MicOptions& mic, const Executor& ex);
    void build_rows(const CsrView<T, I>& a, const T* pivot);
    static T unit_of(T pivot);
    void scatter(const T* from, T* to, const Executor& ex) const;   // to = E^-1/2 from, padding zero
    void add_back(const T* from, T* to, const Executor& ex) const;  // to += E^-1/2 from

    index_t n_ = 0;
    index_t bytes_ = 0;
    T unit_ = 1;  // 2^-e with e the exponent of the first pivot: all is scaled by it, so that a multiple 2^k A gives
                  // the same bits although square roots are taken
    FrontShape shape_;
    Aligned<T> west_, south_, below_, rest_, scale_, pivot_;
    std::vector<I> lower_ptr_, lower_indices_, upper_ptr_, upper_indices_;
    std::vector<T> lower_data_, upper_data_;
};

}  // namespace kriss
