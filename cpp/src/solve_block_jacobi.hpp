// Block Jacobi and its memory: numerics in kriss/solve/block_jacobi.hpp.
#pragma once

#include <mutex>
#include <vector>

#include "kriss/solve/block_jacobi.hpp"
#include "kriss/view.hpp"
#include "solve_native.hpp"

namespace kriss {

template <class T>
class BlockJacobi final : public NativePrecond<T> {
   public:
    // label: (n) the block of each unknown, each of 0..count - 1 at least once. What became of the first block that
    // cannot be used, and its number; else definite if all blocks are, or general, and -1.
    struct Outcome {
        int kind = 0;
        index_t block = -1;
    };
    template <class I>
    Outcome setup(const CsrView<T, I>& a, const index_t* label, index_t count, const Executor& ex);

    index_t size() const override { return view_.n; }
    double apply_dot(const T* r, T* z, T scale, double* part, const Executor& ex) override;
    std::size_t nbytes() const;
    // How many blocks went by L D L'.
    index_t definite() const { return definite_; }

   private:
    std::mutex busy_;
    BlocksView<T> view_;
    index_t uniform_ = 0;
    index_t definite_ = 0;
    std::vector<index_t> start_, offset_, order_, source_, place_;
    std::vector<T> data_, room_;
};

}  // namespace kriss
