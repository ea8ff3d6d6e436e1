// Which grid a sparse matrix is a stencil on, and its stationary sweeps over strips of that grid.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "kriss/executor.hpp"
#include "kriss/solve/grid_relax.hpp"
#include "kriss/solve/wavefront.hpp"
#include "kriss/view.hpp"
#include "solve_storage.hpp"

namespace kriss {

// The grid on which a is a five- or seven-point stencil in natural order; nx = 0 if there is none worth the strips.
// Only the lower triangle is looked at unless `both`. a: rows sorted, without duplicates.
template <class T, class I>
FrontShape find_grid(const CsrView<T, I>& a, bool both, const Executor& ex);

// How such a matrix is said to be stored.
inline std::string strips_of(const FrontShape& s) {
    return "strips of a " + std::to_string(s.nx) + " x " + std::to_string(s.ny) +
           (s.nz > 1 ? " x " + std::to_string(s.nz) : "") + " grid";
}

template <class T>
Aligned<T> zeros(index_t n) {
    Aligned<T> out = aligned<T>(n);
    std::fill_n(out.get(), n, T(0));
    return out;
}

// f(row, place) over the unknowns of the strips [first, last)
template <class F>
void each_unknown(const FrontShape& s, index_t first, index_t last, F f) {
    for (index_t g = first; g < last; ++g) {
        const index_t k = g / s.strips();
        const index_t j0 = g % s.strips() * front_lanes;
        const index_t lanes = std::min(front_lanes, s.ny - j0);
        const index_t row = (k * s.ny + j0) * s.nx;
        const index_t place = s.place(0, j0, k);
        for (index_t i = 0; i < s.nx; ++i) {
            for (index_t l = 0; l < lanes; ++l) {
                f(row + l * s.nx + i, place + (i + l) * front_lanes + l);
            }
        }
    }
}

// A matrix, a right-hand side and an iterate in strips. empty() if the matrix is not a stencil on a grid, or has a
// diagonal entry that cannot be divided by.
template <class T, class I>
class GridRelaxation {
   public:
    // b, x: (n). a: rows sorted, without duplicates.
    GridRelaxation(const CsrView<T, I>& a, const T* b, const T* x, const Executor& ex);

    bool empty() const { return shape_.nx == 0; }
    const FrontShape& shape() const { return shape_; }
    index_t rows() const { return n_; }

    // `count` times a forward and/or a backward SOR sweep, or a sweep of Jacobi
    void sweep(T omega, bool forward, bool backward, index_t count, const Executor& ex);
    void jacobi(T omega, index_t count, const Executor& ex);
    // (b - A x)'(b - A x), the bits of the product and the sum by rows
    double residual2(const Executor& ex);
    void read(T* x, const Executor& ex) const;

   private:
    GridRows<T> view();

    index_t n_ = 0;
    FrontShape shape_;
    Aligned<T> store_;  // the coefficients, the inverse diagonal, b, x, the other x
    T* part_[grid_sides + 4] = {};
    Aligned<T> zero_;
    Aligned<T> natural_;  // a vector by rows
    std::vector<double> sums_;
    std::vector<index_t> progress_;
    index_t epoch_ = 0;
};

}  // namespace kriss
