// Multicolour sweeps: the rows of a matrix sorted by colour, so that a colour is one pass over memory on all workers.
#pragma once

#include <vector>

#include "kriss/executor.hpp"
#include "kriss/view.hpp"
#include "solve_storage.hpp"

namespace kriss {

// The rows by colour, by number within a colour, with their columns renumbered likewise. A row keeps the order of its
// entries, so that a sweep gives the bits of one over the rows where they are.
template <class T, class I>
class ColorSweeps {
   public:
    // color: (n), in [0, colors); rows of one colour have no entry in common. inverse: of the diagonal. b, x: (n)
    ColorSweeps(const CsrView<T, I>& a, const I* color, index_t colors, const T* inverse, const T* b, const T* x,
                const Executor& ex);

    index_t rows() const { return static_cast<index_t>(place_.size()); }
    // `count` times a forward sweep (the first colour first) and/or a backward one
    void sweep(T omega, bool forward, bool backward, index_t count, const Executor& ex);
    void read(T* x, const Executor& ex) const;

   private:
    std::vector<index_t> first_;  // of each colour, and n
    std::vector<I> place_;        // (n) where row i went
    std::vector<I> indptr_;
    Aligned<I> indices_;
    Aligned<T> data_, inverse_, b_, x_;
};

}  // namespace kriss
