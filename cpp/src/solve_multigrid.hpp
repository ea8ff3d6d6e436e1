// A Black-Box multigrid hierarchy and its memory: numerics in kriss/solve/box_*.hpp.
#pragma once

#include <mutex>
#include <vector>

#include "box_memory.hpp"
#include "kriss/solve/box_grid.hpp"
#include "kriss/solve/box_setup.hpp"
#include "kriss/status.hpp"
#include "kriss/view.hpp"
#include "solve_native.hpp"

namespace kriss {

// What setup found: where it failed, if it did.
struct BoxReport {
    enum Stage : int { done = 0, matrix = 1, diagonal = 2, lines = 3, coarsest = 4, interrupted = 5 };
    Stage stage = done;
    int level = 0;
    BoxFit fit;          // matrix
    index_t index = -1;  // point with a bad diagonal entry or pivot
};

template <class T>
class BlackBox final : public NativePrecond<T> {
   public:
    static constexpr unsigned automatic = ~0U;

    // n: grid, leading ones; lines: axes relaxed by lines on every level, or automatic; twice: see BoxHierarchy.
    // Not ready unless stage is done.
    template <class I>
    BoxReport setup(const CsrView<T, I>& a, const index_t* n, unsigned lines, int twice, const Executor& ex);

    index_t size() const override { return grids_.empty() ? 0 : grids_.front().size(); }
    double apply_dot(const T* r, T* z, T scale, double* part, const Executor& ex) override;
    const std::vector<BoxGrid<T>>& grids() const { return grids_; }
    std::size_t nbytes() const { return memory_.bytes(); }

   private:
    template <class I>
    BoxReport build(const CsrView<T, I>& a, const index_t* n, unsigned lines, const Executor& ex);
    void clear();

    std::mutex busy_;  // x, r and work are scratch of one application
    BoxMemory memory_;
    std::vector<BoxGrid<T>> grids_;
    BoxHierarchy<T> hierarchy_;
};

}  // namespace kriss
