// Incomplete factorisations without fill: IC(0), modified IC(0) with relaxation, ILU(0).
//
// I. Gustafsson, "A class of first order factorization methods", BIT 18 (1978), section 2; relaxed: O. Axelsson,
// G. Lindskog, "On the eigenvalue distribution of a class of preconditioning methods", Numer. Math. 48 (1986), section
// 2; ILU(0): Y. Saad, "Iterative Methods for Sparse Linear Systems", 2nd ed., SIAM 2003, algorithm 10.4. Fill outside
// the pattern of A is dropped; the modified form takes `relax` times it off the two diagonal entries of its row and
// column, so that with relax = 1 and no shift M e = A e. Each pivot must exceed tau times the diagonal entry of A (a
// test that NaN fails); the caller retries with the diagonal of A enlarged by a factor 1 + shift (T. A. Manteuffel, "An
// incomplete factorization technique for positive definite linear systems", Math. Comp. 34 (1980), section 4).
#pragma once

#include <cmath>

#include "kriss/config.hpp"
#include "kriss/executor.hpp"
#include "kriss/status.hpp"
#include "kriss/view.hpp"

KRISS_NAMESPACE_BEGIN

inline constexpr index_t poll_steps = 1 << 20;  // about as many updates lie between two looks for Ctrl-C

// The first row i that closes a triangle i, j, k with i > j > k in the graph of A, or -1.
// mark: (n) scratch.  O(sum of squared row lengths).
template <class T, class I>
index_t first_triangle(const CsrView<T, I>& a, I* mark) {
    for (index_t i = 0; i < a.rows; ++i) {
        mark[i] = I(-1);
    }
    for (index_t i = 0; i < a.rows; ++i) {
        for (index_t k = a.indptr[i]; k < a.indptr[i + 1] && a.indices[k] < i; ++k) {
            mark[a.indices[k]] = static_cast<I>(i);
        }
        for (index_t k = a.indptr[i]; k < a.indptr[i + 1] && a.indices[k] < i; ++k) {
            const index_t j = a.indices[k];
            for (index_t h = a.indptr[j]; h < a.indptr[j + 1] && a.indices[h] < j; ++h) {
                if (mark[a.indices[h]] == static_cast<I>(i)) {
                    return i;
                }
            }
        }
    }
    return -1;
}

// Pivots E of M = (E + L) E^-1 (E + L') for a symmetric A with sorted rows:
//     e_i = (1 + shift) a_ii - sum_(j<i) a_ij / e_j (a_ij + relax sum_(k>j, k!=i) a_jk).
// For a graph without triangles this is IC(0) (relax = 0) or modified IC(0) itself.
// upper: (n) scratch.  not_positive_definite with the row if a pivot fails; 5 nnz flops and n divisions.
template <class T, class I>
Info mic_diagonal(const CsrView<T, I>& a, T relax, T shift, T tau, T* pivot, T* upper) {
    for (index_t i = 0; i < a.rows; ++i) {
        T d = 0;
        T sum = 0;
        T u = 0;
        bool found = false;
        for (index_t k = a.indptr[i]; k < a.indptr[i + 1]; ++k) {
            const index_t j = a.indices[k];
            const T v = a.data[k];
            if (j < i) {
                sum += v / pivot[j] * (v + relax * (upper[j] - v));
            } else if (j == i) {
                d = v;
                found = true;
            } else {
                u += v;
            }
        }
        upper[i] = u;
        if (!found || !(d > T(0)) || !std::isfinite(d)) {
            return {Status::zero_diagonal, i};
        }
        const T e = (T(1) + shift) * d - sum;
        if (!(e > tau * d) || !std::isfinite(e)) {
            return {Status::not_positive_definite, i};
        }
        pivot[i] = e;
    }
    return {};
}

// M = U'U on the pattern of the upper triangle of A, in place.
// u: rows sorted, the diagonal entry first in each; holds A on entry (diagonal not shifted), U on exit.
// diagonal: (n) scratch.  not_positive_definite with the row if a pivot fails. O(sum of squared row lengths).
template <class T, class I>
Info mic_factor(index_t n, const I* indptr, const I* indices, T* data, T relax, T shift, T tau, T* diagonal,
                const Executor& ex) {
    for (index_t j = 0; j < n; ++j) {
        if (!(indptr[j] < indptr[j + 1]) || indices[indptr[j]] != j || !(data[indptr[j]] > T(0))) {
            return {Status::zero_diagonal, j};
        }
        diagonal[j] = data[indptr[j]];
        data[indptr[j]] = (T(1) + shift) * diagonal[j];
    }
    index_t work = 0;
    for (index_t j = 0; j < n; ++j) {
        const index_t start = indptr[j];
        const index_t stop = indptr[j + 1];
        if (!(data[start] > tau * diagonal[j]) || !std::isfinite(data[start])) {
            return {Status::not_positive_definite, j};
        }
        const T root = std::sqrt(data[start]);
        data[start] = root;
        for (index_t k = start + 1; k < stop; ++k) {
            data[k] /= root;
        }
        for (index_t k = start + 1; k < stop; ++k) {
            const index_t row = indices[k];
            const T v = data[k];
            index_t at = indptr[row];
            const index_t end = indptr[row + 1];
            data[at] -= v * v;
            ++at;
            for (index_t h = k + 1; h < stop; ++h) {
                const I column = indices[h];
                const T f = v * data[h];
                while (at < end && indices[at] < column) {
                    ++at;
                }
                if (at < end && indices[at] == column) {
                    data[at] -= f;
                } else {
                    data[indptr[column]] -= relax * f;
                    data[indptr[row]] -= relax * f;
                }
            }
        }
        work += (stop - start) * (stop - start);
        if (work > poll_steps) {
            work = 0;
            if (ex.interrupted()) {
                return {Status::interrupted, j};
            }
        }
    }
    return {};
}

// A = L U on the pattern of A, in place: strict lower part of L (unit diagonal) and U.
// where: (n) places of the diagonal entries; place: (n) scratch, -1 everywhere.
// singular with the row if a pivot is not above tau times the largest entry of its row.
template <class T, class I>
Info ilu0_factor(index_t n, const I* indptr, const I* indices, T* data, const I* where, T tau, I* place,
                 const Executor& ex) {
    index_t work = 0;
    for (index_t i = 0; i < n; ++i) {
        T largest = 0;
        for (index_t k = indptr[i]; k < indptr[i + 1]; ++k) {
            place[indices[k]] = static_cast<I>(k);
            const T v = std::fabs(data[k]);
            largest = v > largest ? v : largest;
        }
        for (index_t k = indptr[i]; k < where[i]; ++k) {
            const index_t j = indices[k];
            const T f = data[k] / data[where[j]];
            data[k] = f;
            for (index_t h = where[j] + 1; h < indptr[j + 1]; ++h) {
                const I at = place[indices[h]];
                if (at >= 0) {
                    data[at] -= f * data[h];
                }
            }
        }
        for (index_t k = indptr[i]; k < indptr[i + 1]; ++k) {
            place[indices[k]] = I(-1);
        }
        const T pivot = data[where[i]];
        if (!(std::fabs(pivot) > tau * largest) || !std::isfinite(pivot)) {
            return {Status::singular, i};
        }
        work += (where[i] - indptr[i] + 1) * (indptr[i + 1] - indptr[i]);
        if (work > poll_steps) {
            work = 0;
            if (ex.interrupted()) {
                return {Status::interrupted, i};
            }
        }
    }
    return {};
}

KRISS_NAMESPACE_END
