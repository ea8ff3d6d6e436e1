// An algebraic multigrid hierarchy and its memory: numerics in kriss/solve/amg_cycle.hpp.
#pragma once

#include <cstddef>
#include <mutex>
#include <vector>

#include "kriss/solve/amg_cycle.hpp"
#include "solve_native.hpp"
#include "solve_storage.hpp"

namespace kriss {

template <class T>
class Amg final : public NativePrecond<T> {
   public:
    using Matrix = CsrView<T, std::int32_t>;

    // Levels from fine to coarse, the coarsest last and without smoothers, p and r. Matrices are copied.
    // Returns the row whose diagonal entry is missing, zero or not finite, or -1.
    index_t add(const Matrix& a, const Matrix* p, const Matrix* r, AmgSmoother<T> pre, AmgSmoother<T> post);
    // coarse: inverse of the last operator, row-major
    void finish(const T* coarse, AmgCycle cycle);

    index_t size() const override { return levels_.empty() ? 0 : levels_.front().n; }
    double apply_dot(const T* r, T* z, T scale, double* part, const Executor& ex) override;
    std::size_t nbytes() const { return bytes_; }
    std::size_t levels() const { return levels_.size(); }
    // Directions of sweeps, over all levels, that several workers share.
    int shared_sweeps() const;
    // Sweeps so far, over all levels, whose products others made meanwhile.
    index_t accompanied_sweeps() const;

   private:
    // n numbers, copied or 0. Taken from a few large rooms: the arrays of a cycle are many, and most of them too small
    // for huge pages of their own.
    template <class U>
    U* keep(index_t n, const U* from = nullptr);
    Matrix copy(const Matrix& m);
    // How a sweep over a side of g is shared; left empty if two workers would not gain by it.
    AmgFront front(const Matrix& side, index_t n, bool forward);
    // Lower and upper part, diagonal and its inverse of g; returns as `add`.
    index_t split(const Matrix& a, AmgLevel<T>& g);

    std::mutex busy_;
    std::vector<AmgLevel<T>> levels_;
    std::vector<Aligned<std::byte>> rooms_;
    std::size_t room_ = 0;  // bytes of the last one, and how many of them are taken
    std::size_t taken_ = 0;
    std::vector<double> part_;
    AmgHierarchy<T> hierarchy_;
    std::size_t bytes_ = 0;
};

}  // namespace kriss
