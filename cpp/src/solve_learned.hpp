// Multigrid on grids of two or three axes smoothed by incomplete factors, interpolation by a network: numerics in
// kriss/solve/box_factor.hpp, box_factor3.hpp and box_network.hpp.
#pragma once

#include <mutex>
#include <vector>

#include "box_memory.hpp"
#include "kriss/solve/box_factor.hpp"
#include "kriss/solve/box_factor3.hpp"
#include "kriss/solve/box_network.hpp"
#include "kriss/view.hpp"
#include "solve_multigrid.hpp"
#include "solve_native.hpp"

namespace kriss {

class FactoredBox final : public NativePrecond<double> {
   public:
    // The finest grid, n0 = 1 for two axes. Then `coarsen` until `grid()` is small, then `finish`.
    template <class I>
    BoxReport begin(const CsrView<double, I>& a, index_t n0, index_t n1, index_t n2, const Executor& ex);
    const BoxGrid<double>& grid() const { return grids_.back(); }  // the coarsest so far
    // Interpolation from it to `next()`.  net: (2 net_size) for edges and corners, or null for Dendy's weights, which
    // grids with three axes, or with an axis of one or two points, get as well
    void weights(const float* net, const Executor& ex);
    // Does that, factors `grid()` and adds the next.  orders: of elimination, two at most; bit 0 natural, 1 mirrored,
    // three axes: 2 turned, 3 both
    BoxReport coarsen(const float* net, int orders, const Executor& ex);
    BoxReport finish(int twice);
    bool solid() const { return grids_.front().n[0] > 1; }  // three axes

    index_t size() const override { return hierarchy_.count > 0 ? grids_.front().size() : 0; }
    double apply_dot(const double* r, double* z, double scale, double* part, const Executor& ex) override;
    const std::vector<BoxGrid<double>>& grids() const { return grids_; }
    const BoxGrid<double>& next() const { return next_; }
    std::size_t nbytes() const { return memory_.bytes(); }

   private:
    BoxReport add(const BoxGrid<double>& g);

    std::mutex busy_;  // x, r and work are scratch of one application
    BoxMemory memory_;
    std::vector<BoxGrid<double>> grids_;
    std::vector<FactoredGrid> factored_;
    BoxGrid<double> next_;
    std::vector<double> scratch_;  // of the factorisations
    double* room_ = nullptr;
    BoxHierarchy<double> hierarchy_;
};

// Entries of a matrix on a grid of two axes with n1 columns: of the point itself, right, lower left, below and lower
// right, summed up over 3 by 3 points from each place (rows[p], columns[q]) on.  out: (5, many, wide)
template <class I>
void box_couplings(const CsrView<double, I>& a, const std::int64_t* rows, index_t many, const std::int64_t* columns,
                   index_t wide, index_t n1, double* out);

}  // namespace kriss
