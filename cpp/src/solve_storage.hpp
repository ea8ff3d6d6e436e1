// A copy of a CSR matrix by diagonals, where that pays.
#pragma once

#include <memory>
#include <new>
#include <vector>

#include "kriss/solve/stencil.hpp"
#include "kriss/view.hpp"

namespace kriss {

struct AlignedDelete {
    void operator()(void* p) const { ::operator delete(p, std::align_val_t(64)); }
};

// Storage on a cache-line border: a vector load that crosses one costs twice.
template <class T>
using Aligned = std::unique_ptr<T[], AlignedDelete>;

// room for n numbers, not initialised
template <class T>
Aligned<T> aligned(index_t n) {
    return Aligned<T>(static_cast<T*>(::operator new(static_cast<std::size_t>(n) * sizeof(T), std::align_val_t(64))));
}

// n rounded up to whole cache lines
template <class T>
constexpr index_t whole_lines(index_t n) {
    constexpr index_t line = 64 / static_cast<index_t>(sizeof(T));
    return (n + line - 1) / line * line;
}

template <class T>
struct Diagonals {
    DiagonalView<T> view;
    std::vector<Aligned<T>> streams;
    index_t stored = 0;  // numbers read per product

    bool used() const { return view.count > 0; }
};

// Reads a in one or two sweeps, about the time of six products. Empty (used() is false) unless a is square, has at
// most max_diagonals diagonals that are together at least 70 % full, and its rows are sorted without duplicates.
template <class T, class I>
Diagonals<T> by_diagonals(const CsrView<T, I>& a);

}  // namespace kriss
