// Is a matrix one that was seen before, with the same entries or new ones? And what its entries tell of it.
//
// In a sequence of systems the pattern rarely changes. A CSR matrix whose index arrays are those of one that has been
// checked needs no other check than that of its entries.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>

#include "kriss/config.hpp"
#include "kriss/solve/canonical.hpp"
#include "kriss/solve/reduce.hpp"
#include "kriss/view.hpp"

namespace kriss {

inline constexpr int renewal_other = 1;       // another pattern: nothing else was looked at
inline constexpr int renewal_changed = 2;     // other entries
inline constexpr int renewal_not_finite = 4;  // an entry is NaN or infinite: nothing was kept

}  // namespace kriss

KRISS_NAMESPACE_BEGIN

// Compares `a` with a copy of a matrix of as many rows and entries, and keeps its entries there.
// indptr (rows + 1), indices (nnz), data (nnz): the copy; diagonal: (count) where its diagonal entries are;
// sums: (3) of all entries and of the diagonal ones; the largest magnitude, infinite if one is NaN
// Reads 2 (sizeof(I) + 8) nnz bytes, and writes 8 nnz where entries have changed.
template <class I>
int renew(const CsrView<double, I>& a, const I* indptr, const I* indices, double* data, const index_t* diagonal,
          index_t count, bool finite, double* sums) {
    const index_t nnz = indptr[a.rows];
    if (std::memcmp(a.indptr, indptr, static_cast<std::size_t>(a.rows + 1) * sizeof(I)) != 0 ||
        std::memcmp(a.indices, indices, static_cast<std::size_t>(nnz) * sizeof(I)) != 0) {
        return renewal_other;
    }
    if (finite && any_not_finite(a.data, 0, nnz)) {
        return renewal_not_finite;
    }
    int out = 0;
    double total = 0.0;
    std::int64_t top = 0;  // without their sign, the bits of two numbers compare as the numbers do
    for (index_t b = 0; b < nnz; b += solve_grain) {
        const index_t e = b + solve_grain < nnz ? b + solve_grain : nnz;
        double s[solve_lanes] = {};
        index_t k = b;
        for (; k + solve_lanes <= e; k += solve_lanes) {
            for (int j = 0; j < solve_lanes; ++j) {
                s[j] += a.data[k + j];
            }
        }
        for (int j = 0; k + j < e; ++j) {
            s[j] += a.data[k + j];
        }
        total += lane_sum(s);
        for (index_t i = b; i < e; ++i) {
            const std::int64_t v = std::bit_cast<std::int64_t>(a.data[i]) & 0x7fffffffffffffffLL;
            top = v > top ? v : top;
        }
        const auto bytes = static_cast<std::size_t>(e - b) * sizeof(double);
        if (std::memcmp(a.data + b, data + b, bytes) != 0) {
            std::memcpy(data + b, a.data + b, bytes);
            out = renewal_changed;
        }
    }
    double middle = 0.0;
    for (index_t k = 0; k < count; ++k) {
        middle += a.data[diagonal[k]];
    }
    sums[0] = total;
    sums[1] = middle;
    sums[2] = top <= 0x7ff0000000000000LL ? std::bit_cast<double>(top) : std::numeric_limits<double>::infinity();
    return out;
}

KRISS_NAMESPACE_END
