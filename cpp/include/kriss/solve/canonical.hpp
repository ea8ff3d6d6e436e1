// One look at the arrays of a CSR matrix: are they what every kernel relies on?
//
// Y. Saad, "Iterative Methods for Sparse Linear Systems", 2nd ed., SIAM 2003, section 3.4 (the format). The rows are
// sorted without duplicates where the places at which the column index does not grow are all beginnings of rows: both
// are counted, so that the pass over the indices is a vector loop which knows nothing of rows.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "kriss/config.hpp"
#include "kriss/executor.hpp"
#include "kriss/solve/reduce.hpp"
#include "kriss/view.hpp"

namespace kriss {

// What may be wrong with a CSR matrix; the numbers are added.
inline constexpr int csr_malformed = 1;   // indptr decreases, leaves the arrays, or a column index leaves the matrix
inline constexpr int csr_unsorted = 2;    // a row is not sorted, or holds a column twice
inline constexpr int csr_not_finite = 4;  // an entry is NaN or infinite

}  // namespace kriss

KRISS_NAMESPACE_BEGIN

// Whether one of data[first .. last) is NaN or infinite.
template <class T>
KRISS_ALWAYS_INLINE bool any_not_finite(const T* data, index_t first, index_t last) {
    using Bits = std::conditional_t<sizeof(T) == 8, std::uint64_t, std::uint32_t>;
    const Bits mask = sizeof(T) == 8 ? static_cast<Bits>(0x7ff0000000000000ULL) : static_cast<Bits>(0x7f800000U);
    Bits bad = 0;
    for (index_t k = first; k < last; ++k) {
        bad |= (std::bit_cast<Bits>(data[k]) & mask) == mask ? Bits(1) : Bits(0);
    }
    return bad != 0;
}

// How often indices[k] <= indices[k - 1] for k in (first, last), and the largest index as an unsigned number.
template <class I>
KRISS_ALWAYS_INLINE index_t descents(const I* indices, index_t first, index_t last, std::make_unsigned_t<I>& most) {
    using U = std::make_unsigned_t<I>;
    index_t down = 0;
    U top = most;
    for (index_t b = first; b < last; b += solve_grain) {
        const index_t e = b + solve_grain < last ? b + solve_grain : last;
        I here = 0;
        for (index_t k = b > first ? b : first + 1; k < e; ++k) {
            here = static_cast<I>(here + (indices[k] <= indices[k - 1] ? 1 : 0));
        }
        for (index_t k = b; k < e; ++k) {
            const U c = static_cast<U>(indices[k]);
            top = c > top ? c : top;
        }
        down += here;
    }
    most = top;
    return down;
}

// What is wrong with the rows [begin, end). Nothing outside the arrays is read. stored: length of indices and data
template <class T, class I>
int canonical_rows(const CsrView<T, I>& a, index_t stored, bool finite, index_t begin, index_t end) {
    const I* KRISS_RESTRICT indptr = a.indptr;
    const index_t first = indptr[begin];
    const index_t last = indptr[end];
    I falls = 0;
    for (index_t i = begin; i < end; ++i) {
        falls |= indptr[i + 1] < indptr[i] ? I(1) : I(0);
    }
    if (falls != 0 || first < 0 || last > stored || (begin == 0 && first != 0)) {
        return csr_malformed;
    }
    if (first == last) {
        return 0;
    }
    std::make_unsigned_t<I> most = 0;
    index_t down = descents(a.indices, first, last, most);
    if (static_cast<std::uint64_t>(most) >= static_cast<std::uint64_t>(a.cols)) {
        return csr_malformed;
    }
    for (index_t i = begin + 1; i < end; ++i) {
        const index_t s = indptr[i];
        if (s > first && s < indptr[i + 1]) {
            down -= a.indices[s] <= a.indices[s - 1] ? 1 : 0;
        }
    }
    return (down != 0 ? csr_unsorted : 0) + (finite && any_not_finite(a.data, first, last) ? csr_not_finite : 0);
}

// The first place in row i whose column is not below j; rows sorted.
template <class T, class I>
KRISS_ALWAYS_INLINE index_t place_in_row(const CsrView<T, I>& a, index_t i, index_t j) {
    index_t low = a.indptr[i];
    index_t high = a.indptr[i + 1];
    while (high - low > 16) {
        const index_t mid = low + (high - low) / 2;
        if (a.indices[mid] < j) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    // counted rather than searched: a mispredicted branch costs more than a short row
    index_t before = 0;
    for (index_t k = low; k < high; ++k) {
        before += a.indices[k] < j ? 1 : 0;
    }
    return low + before;
}

// The largest magnitude of x; NaN if one is.  part: (chunk_count(n)) scratch
template <class T>
T largest(index_t n, const T* x, double* part, const Executor& ex) {
    using Bits = std::conditional_t<sizeof(T) == 8, std::int64_t, std::int32_t>;
    ex.parallel_for(n, solve_grain, [=](index_t b, index_t e) {
        // without their sign, the bits of two numbers compare as the numbers do, NaN above infinity
        constexpr Bits mask = std::numeric_limits<Bits>::max();
        Bits top = 0;
        for (index_t i = b; i < e; ++i) {
            const Bits v = static_cast<Bits>(std::bit_cast<Bits>(x[i]) & mask);
            top = v > top ? v : top;
        }
        part[b / solve_grain] = static_cast<double>(std::bit_cast<T>(top));
    });
    double most = 0.0;
    for (index_t c = 0; c < chunk_count(n); ++c) {
        most = part[c] <= most ? most : part[c];
        if (most != most) {
            break;
        }
    }
    return static_cast<T>(most);
}

// What is wrong with a matrix, 0 for nothing.  found: (chunk_count(rows)) scratch
// Reads each array once: (sizeof(T) + sizeof(I)) nnz + sizeof(I) n bytes.
template <class T, class I>
int csr_canonical(const CsrView<T, I>& a, index_t stored, bool finite, unsigned char* found, const Executor& ex) {
    if (a.rows == 0) {
        return a.indptr[0] != 0 ? csr_malformed : 0;
    }
    ex.parallel_for(a.rows, solve_grain, [=, &a](index_t b, index_t e) {
        found[b / solve_grain] = static_cast<unsigned char>(canonical_rows(a, stored, finite, b, e));
    });
    int out = 0;
    for (index_t c = 0; c < chunk_count(a.rows); ++c) {
        out |= found[c];
    }
    return out;
}

KRISS_NAMESPACE_END
