// A step of the pivoted Cholesky factorisation, by rows of the factor: H. Harbrecht, M. Peters, R. Schneider, "On the
// low-rank approximation by the pivoted Cholesky decomposition", Appl. Numer. Math. 62 (2012), algorithm 1.
//
// Bytes for t rows: 8 n (t + 5); 2 n (t + 2) flops. Terms are subtracted one after the other: bits depend neither on
// the number of workers nor on the instruction-set level.
#pragma once

#include "kriss/config.hpp"
#include "kriss/executor.hpp"

KRISS_NAMESPACE_BEGIN

inline constexpr index_t pivot_grain = 2048;  // columns: 16 KiB of the new row stay in the first-level cache

// y -= sum of c_s rows_s over m items, for `Count` rows, ld apart
template <int Count>
KRISS_ALWAYS_INLINE void subtract_rows(const double* KRISS_RESTRICT rows, index_t ld, const double* c, index_t m,
                                       double* KRISS_RESTRICT y) {
    for (index_t i = 0; i < m; ++i) {
        double s = y[i];
        for (int j = 0; j < Count; ++j) {
            s -= c[j] * rows[j * ld + i];
        }
        y[i] = s;
    }
}

// row = (row - sum of rows_s[pivot] rows_s) / scale, variance = max(variance - row^2, 0).
// rows: (t, n), row, variance: (n)
inline void pivot_row(index_t t, index_t n, const double* rows, index_t pivot, double scale, double* row,
                      double* variance, const Executor& ex) {
    ex.parallel_for(n, pivot_grain, [=](index_t begin, index_t end) {
        const index_t m = end - begin;
        double* KRISS_RESTRICT y = row + begin;
        double* KRISS_RESTRICT left = variance + begin;
        constexpr int abreast = 8;
        double c[abreast];
        index_t s = 0;
        for (; s + abreast <= t; s += abreast) {
            for (int j = 0; j < abreast; ++j) {
                c[j] = rows[(s + j) * n + pivot];
            }
            subtract_rows<abreast>(rows + s * n + begin, n, c, m, y);
        }
        for (; s < t; ++s) {
            subtract_rows<1>(rows + s * n + begin, n, rows + s * n + pivot, m, y);
        }
        for (index_t i = 0; i < m; ++i) {
            y[i] /= scale;
            const double v = left[i] - y[i] * y[i];
            left[i] = v < 0.0 ? 0.0 : v;
        }
    });
}

KRISS_NAMESPACE_END
