// Into a permuted order and back, fused with the scaling and the dot product that end a preconditioner.
//
// Y. Saad, "Iterative Methods for Sparse Linear Systems", 2nd ed., SIAM 2003, section 3.3.
#pragma once

#include "kriss/config.hpp"
#include "kriss/executor.hpp"
#include "kriss/solve/reduce.hpp"

KRISS_NAMESPACE_BEGIN

// z = scale y, y[at[i]] for z[i] (at null: y[i]; then y may be z); returns r'z.  part: (chunk_count(n)) scratch
template <class T, class Place>
double gather_dot(index_t n, const Place* at, const T* r, const T* y, T scale, T* z, double* part, const Executor& ex) {
    ex.parallel_for(n, solve_grain, [=](index_t b, index_t e) {
        for (index_t i = b; i < e; ++i) {
            z[i] = scale * y[at != nullptr ? static_cast<index_t>(at[i]) : i];
        }
        part[b / solve_grain] = dot_chunk(r + b, z + b, e - b);
    });
    return chunk_sum(part, chunk_count(n));
}

// y[at[i]] = r[i]
template <class T, class Place>
void scatter(index_t n, const Place* at, const T* r, T* y) {
    for (index_t i = 0; i < n; ++i) {
        y[at[i]] = r[i];
    }
}

KRISS_NAMESPACE_END
