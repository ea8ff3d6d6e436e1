// Colouring in rounds: each round colours, all at once, the rows whose predecessors have a colour.
//
// M. T. Jones, P. E. Plassmann, "A parallel graph coloring heuristic", SIAM J. Sci. Comput. 14 (1993), section 3: a row
// takes the smallest colour that none of its predecessors has. The predecessors are either the neighbours of smaller
// number, which gives the greedy colouring in natural order (solve/stationary.hpp) in as many rounds as that order has
// levels; or those of smaller hash, of which there are about log n levels. Rounds read one array and write another, so
// the colours do not depend on the timing.
#pragma once

#include <cstdint>

#include "kriss/config.hpp"

KRISS_NAMESPACE_BEGIN

// A bijection of 32-bit numbers that looks random (the finaliser of MurmurHash3, A. Appleby, public domain).
KRISS_HD KRISS_ALWAYS_INLINE std::uint32_t color_hash(std::uint32_t v) {
    v ^= v >> 16;
    v *= 0x85ebca6bU;
    v ^= v >> 13;
    v *= 0xc2b2ae35U;
    return v ^ (v >> 16);
}

// Whether row j chooses its colour before row i.
KRISS_HD KRISS_ALWAYS_INLINE bool color_first(bool by_hash, std::uint64_t j, std::uint64_t i) {
    const std::uint32_t a = color_hash(static_cast<std::uint32_t>(j));
    const std::uint32_t b = color_hash(static_cast<std::uint32_t>(i));
    return by_hash && a != b ? a < b : j < i;
}

// The colour of row i after this round, -1 if it has none yet.  before: (n) the colours so far; the pattern must be
// symmetric, in any order
template <class I>
KRISS_HD KRISS_ALWAYS_INLINE I color_round(const I* indptr, const I* indices, const I* before, bool by_hash, I i) {
    if (before[i] >= 0) {
        return before[i];
    }
    for (I base = 0;; base += 64) {
        std::uint64_t taken = 0;
        for (I k = indptr[i]; k < indptr[i + 1]; ++k) {
            const I j = indices[k];
            const I c = before[j];
            if (j != i && c < 0 && color_first(by_hash, static_cast<std::uint64_t>(j), static_cast<std::uint64_t>(i))) {
                return I(-1);
            }
            if (j != i && c >= base && c < base + 64) {
                taken |= std::uint64_t(1) << (c - base);
            }
        }
        if (~taken != 0) {
            I c = base;
            for (; (taken & 1) != 0; taken >>= 1) {
                ++c;
            }
            return c;
        }
    }
}

KRISS_NAMESPACE_END
