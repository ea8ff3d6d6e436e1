// A copy of a CSR matrix by diagonals, where that pays.
#pragma once

#include <memory>
#include <vector>

#include "kriss/solve/stencil.hpp"
#include "kriss/view.hpp"

namespace kriss {

template <class T>
struct Diagonals {
    DiagonalView<T> view;
    std::vector<std::unique_ptr<T[]>> streams;
    index_t stored = 0;  // numbers read per product

    bool used() const { return view.count > 0; }
};

// Reads a in one or two sweeps, about the time of six products. Empty (used() is false) unless a is square, has at
// most max_diagonals diagonals that are together at least 70 % full, and its rows are sorted without duplicates.
template <class T, class I>
Diagonals<T> by_diagonals(const CsrView<T, I>& a);

}  // namespace kriss
