// How a CSR matrix is kept for the length of a solve: by diagonals or by blocks, where that pays.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <vector>

#include "kriss/executor.hpp"
#include "kriss/solve/block_csr.hpp"
#include "kriss/solve/stencil.hpp"
#include "kriss/view.hpp"

namespace kriss {

// Bytes on a cache-line border; large ones on huge pages where the system grants them (docs of madvise), so that they
// arrive in few faults and need few entries of the translation buffers. Throws std::bad_alloc. Freed by std::free.
void* aligned_bytes(std::size_t bytes);

struct AlignedDelete {
    void operator()(void* p) const { std::free(p); }
};

// Storage on a cache-line border: a vector load that crosses one costs twice.
template <class T>
using Aligned = std::unique_ptr<T[], AlignedDelete>;

// room for n numbers, not initialised
template <class T>
Aligned<T> aligned(index_t n) {
    return Aligned<T>(static_cast<T*>(aligned_bytes(static_cast<std::size_t>(n) * sizeof(T))));
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

// Reads a once, and once more if some diagonal is not constant. Empty (used() is false) unless a is square, has at most
// max_diagonals diagonals that are together at least 70 % full, and its rows are sorted without duplicates.
template <class T, class I>
Diagonals<T> by_diagonals(const CsrView<T, I>& a, const Executor& ex = {});

// Whether making A p again in a later pass costs less than writing and reading it, which are three numbers with the
// line that a store reads first. It costs the coefficients once more, shared by `width` vectors, and the flops, counted
// as so many entries of a row (one gathered from CSR counts four times).
template <class T>
bool again_pays(index_t coefficient_bytes, double entries, index_t n, int width) {
    const double bytes = static_cast<double>(coefficient_bytes) / static_cast<double>(n * width);
    return bytes + 0.4 * entries <= 18.0 / 8.0 * static_cast<double>(sizeof(T));
}

// The largest distance of an entry from the diagonal: as far as a row of a product reaches.
template <class T, class I>
index_t bandwidth(const CsrView<T, I>& a) {
    index_t reach = 0;
    for (index_t i = 0; i < a.rows; ++i) {
        for (index_t k = a.indptr[i]; k < a.indptr[i + 1]; ++k) {
            const index_t o = static_cast<index_t>(a.indices[k]) - i;
            reach = o > reach ? o : -o > reach ? -o : reach;
        }
    }
    return reach;
}

// Blocks found in a CSR matrix, copied one after the other: a product over rows that lie apart is slower than CSR's.
template <class T, class I>
struct Blocks {
    BlockView<T, I> view;
    std::vector<I> indptr, indices;
    Aligned<T> data;

    bool used() const { return !indptr.empty(); }
    int storage() const { return used() ? -static_cast<int>(view.high) : 0; }
    // bytes read per product
    index_t bytes() const {
        const auto blocks = static_cast<index_t>(indices.size());
        return blocks * (view.high * view.wide * static_cast<index_t>(sizeof(T)) + static_cast<index_t>(sizeof(I))) +
               (view.lines + 1) * static_cast<index_t>(sizeof(I));
    }
};

// Aligned dense blocks of order 6, 4, 3 or 2 that the rows of a consist of, the largest that fits. A matrix without
// them is found out within a few rows; one with them costs a reading of the indices and a copy of the values. Rows
// sorted, without duplicates.
template <class T, class I>
Blocks<T, I> by_blocks(const CsrView<T, I>& a, const Executor& ex = {});

// Whichever of the two reads fewer bytes per product than CSR, if any. For real numbers.
template <class T, class I>
void choose_storage(const CsrView<T, I>& a, Diagonals<T>& diagonals, Blocks<T, I>& blocks, const Executor& ex = {});

}  // namespace kriss
