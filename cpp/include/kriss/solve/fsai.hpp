// Factorised sparse approximate inverses: G'G close to the inverse of a symmetric positive definite A, G lower
// triangular on a given pattern, and two products in a row as a preconditioner.
//
// L. Y. Kolotilin, A. Y. Yeremin, "Factorized sparse approximate inverse preconditionings I. Theory", SIAM J. Matrix
// Anal. Appl. 14 (1993), section 2: with J the pattern of row i, A(J, J) g = e_i and row i of G is g / sqrt(g_i). With
// A(J, J) = C C' that row is the last one of the inverse of C, so that neither the division nor the root is needed:
// C' g = e. Among all G of its pattern it minimises tr(G A G') / n over the n-th root of det(G A G').
#pragma once

#include <cmath>

#include "kriss/config.hpp"
#include "kriss/executor.hpp"
#include "kriss/solve/reduce.hpp"
#include "kriss/view.hpp"

KRISS_NAMESPACE_BEGIN

// The entries of A in the rows and columns of a sorted list J, lower triangle.  c: (count, count), row-major
template <class T, class I>
KRISS_ALWAYS_INLINE void fsai_block(const CsrView<T, I>& a, const I* list, index_t count, T* c) {
    for (index_t p = 0; p < count; ++p) {
        T* const to = c + p * count;
        index_t k = a.indptr[list[p]];
        const index_t stop = a.indptr[list[p] + 1];
        for (index_t q = 0; q <= p; ++q) {
            while (k < stop && a.indices[k] < list[q]) {
                ++k;
            }
            to[q] = k < stop && a.indices[k] == list[q] ? a.data[k] : T(0);
        }
    }
}

// C C' = c in place, row by row; the place of the first pivot that is not above tau times its diagonal entry, or -1.
// count**3 / 3 flops
template <class T>
KRISS_ALWAYS_INLINE index_t fsai_cholesky(index_t count, T* c, T tau) {
    for (index_t p = 0; p < count; ++p) {
        T* const row = c + p * count;
        const T own = row[p];
        for (index_t q = 0; q < p; ++q) {
            const T* const other = c + q * count;
            T s = row[q];
            for (index_t m = 0; m < q; ++m) {
                s -= row[m] * other[m];
            }
            row[q] = s / other[q];
        }
        T pivot = own;
        for (index_t m = 0; m < p; ++m) {
            pivot -= row[m] * row[m];
        }
        if (!(pivot > tau * own) || !(pivot > T(0)) || !std::isfinite(pivot)) {
            return p;
        }
        row[p] = std::sqrt(pivot);
    }
    return -1;
}

// Rows [begin, end) of G. Rows of A are sorted, its lower triangle is read; pattern: (g_indptr, g_indices), rows
// sorted, each ending with its diagonal entry.  room: the square of the longest row. The first row whose block of A is
// not positive definite, or -1; `column` is then that of the pivot. Per row with k entries k**3 / 3 + k**2 flops.
template <class T, class I>
index_t fsai_rows(const CsrView<T, I>& a, const I* g_indptr, const I* g_indices, index_t begin, index_t end, T tau,
                  T* room, T* g, index_t* column) {
    for (index_t i = begin; i < end; ++i) {
        const I* const list = g_indices + g_indptr[i];
        const index_t count = g_indptr[i + 1] - g_indptr[i];
        fsai_block(a, list, count, room);
        const index_t bad = fsai_cholesky(count, room, tau * static_cast<T>(count));
        if (bad >= 0) {
            *column = list[bad];
            return i;
        }
        T* const x = g + g_indptr[i];
        for (index_t p = count - 1; p >= 0; --p) {
            T s = p == count - 1 ? T(1) : T(0);
            for (index_t q = p + 1; q < count; ++q) {
                s -= room[q * count + p] * x[q];
            }
            x[p] = s / room[p * count + p];
        }
    }
    return -1;
}

// z = scale (S y + e r), e null: nothing; returns r'z, the chunk of z still in cache.  part: (chunk_count(n)) scratch
// Moves (8 + sizeof(I)) nnz + (24 + sizeof(I)) n bytes in float64, 8 n more with e; y counted once.
template <class T, class I>
double second_product(const CsrView<T, I>& s, const T* KRISS_RESTRICT y, const T* KRISS_RESTRICT e,
                      const T* KRISS_RESTRICT r, T scale, T* KRISS_RESTRICT z, double* part, const Executor& ex) {
    ex.parallel_for(s.rows, solve_grain, [=](index_t begin, index_t end) {
        const I* KRISS_RESTRICT indices = s.indices;
        const T* KRISS_RESTRICT data = s.data;
        index_t k = s.indptr[begin];
        for (index_t i = begin; i < end; ++i) {
            const index_t stop = s.indptr[i + 1];
            T sum = 0;
            for (; k < stop; ++k) {
                sum += data[k] * y[indices[k]];
            }
            if (e != nullptr) {
                sum += e[i] * r[i];
            }
            z[i] = scale * sum;
        }
        part[begin / solve_grain] = dot_chunk(r + begin, z + begin, end - begin);
    });
    return chunk_sum(part, chunk_count(s.rows));
}

KRISS_NAMESPACE_END
