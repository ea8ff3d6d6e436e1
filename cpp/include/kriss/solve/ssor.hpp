// Symmetric successive over-relaxation as a preconditioner, in natural ordering.
//
// Y. Saad, "Iterative Methods for Sparse Linear Systems", 2nd ed., SIAM 2003, section 10.2; O. Axelsson, "Iterative
// Solution Methods", Cambridge 1994, section 7.4. With A = L + D + L' and E = D / omega,
//     M = (E + L) E^-1 (E + L') / (2 - omega),   0 < omega < 2,
// which is symmetric positive definite when A is. A zero diagonal is found beforehand, never skipped.
#pragma once

#include <cmath>

#include "kriss/config.hpp"
#include "kriss/executor.hpp"
#include "kriss/solve/canonical.hpp"
#include "kriss/solve/reduce.hpp"
#include "kriss/status.hpp"
#include "kriss/view.hpp"

namespace kriss {

// M of SSOR over a CSR matrix that somebody else owns.
template <class T, class I>
struct SsorView {
    CsrView<T, I> a;
    const I* where = nullptr;    // (n) position of the diagonal entry in data
    const T* inverse = nullptr;  // (n) 1 / a_ii
    T omega = 1;
};

}  // namespace kriss

KRISS_NAMESPACE_BEGIN

// where[i] = position of a_ii in data and inverse[i] = 1 / a_ii for rows [begin, end), sorted and without duplicates.
// Returns the first row whose a_ii is missing, zero, NaN or infinite, or whose 1 / a_ii overflows; -1 if there is none.
template <class T, class I>
index_t diagonal_rows(const CsrView<T, I>& a, index_t begin, index_t end, I* where, T* inverse) {
    for (index_t i = begin; i < end; ++i) {
        const index_t place = place_in_row(a, i, i);
        const bool found = place < a.indptr[i + 1] && a.indices[place] == i;
        const T v = found ? a.data[place] : T(0);
        const T inv = T(1) / v;
        if (!(v != 0) || !std::isfinite(v) || !std::isfinite(inv)) {
            return i;
        }
        where[i] = static_cast<I>(place);
        inverse[i] = inv;
    }
    return -1;
}

// The same for all rows: zero_diagonal with the first unusable one.  bad: (chunk_count(n)) scratch
template <class T, class I>
Info csr_diagonal(const CsrView<T, I>& a, I* where, T* inverse, index_t* bad, const Executor& ex) {
    ex.parallel_for(a.rows, solve_grain,
                    [=, &a](index_t b, index_t e) { bad[b / solve_grain] = diagonal_rows(a, b, e, where, inverse); });
    for (index_t c = 0; c < chunk_count(a.rows); ++c) {
        if (bad[c] >= 0) {
            return {Status::zero_diagonal, bad[c]};
        }
    }
    return {};
}

// z = M^-1 r; returns r'z.  r, z: (n); part: (chunk_count(n)) scratch
// Two sweeps: 2 (8 + sizeof(I)) nnz / 2 + 2 (16 + 2 sizeof(I) + 8) n + 8 n bytes in float64; 2 nnz + 4 n flops.
// The sweeps are a recurrence over the rows and run on the calling thread.
template <class T, class I>
double ssor_apply_dot(const SsorView<T, I>& m, const T* KRISS_RESTRICT r, T* KRISS_RESTRICT z, double* part,
                      const Executor& ex) {
    const CsrView<T, I>& a = m.a;
    const I* KRISS_RESTRICT where = m.where;
    const T* KRISS_RESTRICT inverse = m.inverse;
    const T omega = m.omega;
    const index_t n = a.rows;
    // Each row waits for its neighbour's result. Where the neighbour is the row just before, that one value is taken
    // last and from a register, so that only one product and one difference stand between two rows.
    // forward: (E + L) y = r, y stored in z
    T last = 0;
    for (index_t b = 0; b < n; b += solve_grain) {
        const index_t e = b + solve_grain < n ? b + solve_grain : n;
        for (index_t i = b; i < e; ++i) {
            const T w = omega * inverse[i];
            index_t k = a.indptr[i];
            const index_t stop = where[i];
            const bool next = stop > k && a.indices[stop - 1] == i - 1;
            T s = r[i];
            for (; k < stop - (next ? 1 : 0); ++k) {
                s -= a.data[k] * z[a.indices[k]];
            }
            last = next ? s * w - (a.data[k] * w) * last : s * w;
            z[i] = last;
        }
        if (ex.interrupted()) {
            return 0.0;
        }
    }
    // backward: (E + L') z = (2 - omega) E y, that is z_i = (2 - omega) y_i - omega / a_ii sum_j>i a_ij z_j
    last = 0;
    for (index_t b = (chunk_count(n) - 1) * solve_grain; b >= 0; b -= solve_grain) {
        const index_t e = b + solve_grain < n ? b + solve_grain : n;
        for (index_t i = e - 1; i >= b; --i) {
            const T w = omega * inverse[i];
            index_t k = where[i] + 1;
            const index_t stop = a.indptr[i + 1];
            const bool next = k < stop && a.indices[k] == i + 1;
            const T c = next ? a.data[k] * w : T(0);
            T s = 0;
            for (k += next ? 1 : 0; k < stop; ++k) {
                s += a.data[k] * z[a.indices[k]];
            }
            const T t = (T(2) - omega) * z[i] - w * s;
            last = next ? t - c * last : t;
            z[i] = last;
        }
        part[b / solve_grain] = dot_chunk(r + b, z + b, e - b);
        if (ex.interrupted()) {
            return 0.0;
        }
    }
    return chunk_sum(part, chunk_count(n));
}

KRISS_NAMESPACE_END
