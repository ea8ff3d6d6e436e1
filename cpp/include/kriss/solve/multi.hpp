// Passes of conjugate gradients on K right-hand sides at once: one product with the matrix for all of them.
//
// Block layout: a panel is (n, K), row-major, so that the K numbers of a row lie side by side. The columns do not mix:
// each has its own scalars, as in K separate solves (Y. Saad, "Iterative Methods for Sparse Linear Systems", 2nd ed.,
// SIAM 2003, algorithm 9.1), and every sum of a column runs over the same chunks and lanes as in solve/reduce.hpp. A
// column of a panel therefore has the bits of the single solve.
//
// Bytes per iteration and column in float64, S = traffic of the coefficients of A (12 nnz + 4 n for CSR), d = 1 with a
// Jacobi preconditioner, else 0:
//     pass 1  x += alpha p;  p = z + beta p      (40 + 8 d / K) n
//     pass 2  q = A p;  p'q                      16 n + S / K
//     pass 3  r -= alpha q;  r'r;  r'D^-1 r      (24 + 8 d / K) n
// together (80 + 16 d / K) n + S / K, without write-allocate; 2 nnz + (10 + 3 d) n flops.
#pragma once

#include "kriss/config.hpp"
#include "kriss/executor.hpp"
#include "kriss/solve/reduce.hpp"
#include "kriss/solve/stencil.hpp"
#include "kriss/view.hpp"

namespace kriss {

inline constexpr int max_columns = 8;

}  // namespace kriss

KRISS_NAMESPACE_BEGIN

inline constexpr index_t multi_grain = solve_grain;  // rows per chunk; the borders of single solves

// lane[l * K + c] += sum of x[i, c] y[i, c] over the rows i = l mod 8 of a chunk whose first row is a multiple of 8
template <class T, int K>
KRISS_ALWAYS_INLINE void add_rows(const T* KRISS_RESTRICT x, const T* KRISS_RESTRICT y, index_t rows,
                                  double* KRISS_RESTRICT lane) {
    constexpr int group = solve_lanes * K;
    const index_t size = rows * K;
    index_t t = 0;
    for (; t + group <= size; t += group) {
        for (int l = 0; l < group; ++l) {
            lane[l] += static_cast<double>(x[t + l]) * static_cast<double>(y[t + l]);
        }
    }
    for (int l = 0; t + l < size; ++l) {
        lane[l] += static_cast<double>(x[t + l]) * static_cast<double>(y[t + l]);
    }
}

// out[c] = the sum of the lanes of column c
template <int K>
KRISS_ALWAYS_INLINE void column_sums(const double* lane, double* out) {
    for (int c = 0; c < K; ++c) {
        double s[solve_lanes];
        for (int l = 0; l < solve_lanes; ++l) {
            s[l] = lane[l * K + c];
        }
        out[c] = lane_sum(s);
    }
}

// part: (chunks, width) -> out: (width), each column summed in order
KRISS_ALWAYS_INLINE void chunk_sums(const double* part, index_t count, int width, double* out) {
    for (int c = 0; c < width; ++c) {
        double s = 0.0;
        for (index_t k = 0; k < count; ++k) {
            s += part[k * width + c];
        }
        out[c] = s;
    }
}

// y[i, :] = sum_k a_ik x[k, :] for rows [begin, end)
template <class T, class I, int K>
KRISS_ALWAYS_INLINE void csr_rows_multi(const CsrView<T, I>& a, index_t begin, index_t end, const T* KRISS_RESTRICT x,
                                        T* KRISS_RESTRICT y) {
    const I* KRISS_RESTRICT indices = a.indices;
    const T* KRISS_RESTRICT data = a.data;
    index_t k = a.indptr[begin];
    for (index_t i = begin; i < end; ++i) {
        const index_t stop = a.indptr[i + 1];
        T s[K] = {};
        for (; k < stop; ++k) {
            const T v = data[k];
            const T* row = x + static_cast<index_t>(indices[k]) * K;
            for (int c = 0; c < K; ++c) {
                s[c] += v * row[c];
            }
        }
        for (int c = 0; c < K; ++c) {
            y[i * K + c] = s[c];
        }
    }
}

// The same by diagonals, for `rows` rows from `begin`; x has d.halo rows of zeros before and after it.
template <class T, int K>
KRISS_ALWAYS_INLINE void diagonal_rows_multi(const DiagonalView<T>& d, index_t begin, index_t rows, const T* x,
                                             T* KRISS_RESTRICT y) {
    const index_t size = rows * K;
    for (index_t t = 0; t < size; ++t) {
        y[t] = T(0);
    }
    for (int k = 0; k < d.count; ++k) {
        const T* KRISS_RESTRICT shifted = x + (begin + d.offset[k]) * K;
        if (d.stream[k] == nullptr) {
            const T v = d.constant[k];
            for (index_t t = 0; t < size; ++t) {
                y[t] += v * shifted[t];
            }
        } else {
            const T* KRISS_RESTRICT stream = d.stream[k] + begin;
            for (index_t i = 0; i < rows; ++i) {
                for (int c = 0; c < K; ++c) {
                    y[i * K + c] += stream[i] * shifted[i * K + c];
                }
            }
        }
    }
}

// y = A x and pq[c] = x[:, c]'y[:, c].  part: (chunks, K) scratch
template <class T, class I, int K>
void csr_matmat_dot(const CsrView<T, I>& a, const T* x, T* y, double* part, double* pq, const Executor& ex) {
    ex.parallel_for(a.rows, multi_grain, [&a, x, y, part](index_t begin, index_t end) {
        double lane[solve_lanes * K] = {};
        constexpr index_t step = solve_block / K;
        for (index_t b = begin; b < end; b += step) {
            const index_t e = b + step < end ? b + step : end;
            csr_rows_multi<T, I, K>(a, b, e, x, y);
            add_rows<T, K>(x + b * K, y + b * K, e - b, lane);
        }
        column_sums<K>(lane, part + begin / multi_grain * K);
    });
    chunk_sums(part, chunk_count(a.rows), K, pq);
}

template <class T, int K>
void diagonal_matmat_dot(const DiagonalView<T>& d, const T* x, T* y, double* part, double* pq, const Executor& ex) {
    ex.parallel_for(d.n, multi_grain, [&d, x, y, part](index_t begin, index_t end) {
        double lane[solve_lanes * K] = {};
        constexpr index_t step = solve_block / K;
        for (index_t b = begin; b < end; b += step) {
            const index_t rows = b + step < end ? step : end - b;
            diagonal_rows_multi<T, K>(d, b, rows, x, y + b * K);
            add_rows<T, K>(x + b * K, y + b * K, rows, lane);
        }
        column_sums<K>(lane, part + begin / multi_grain * K);
    });
    chunk_sums(part, chunk_count(d.n), K, pq);
}

// out[c] = x[:, c]'y[:, c].  part: (chunks, K) scratch
template <class T, int K>
void multi_dot(index_t n, const T* x, const T* y, double* part, double* out, const Executor& ex) {
    ex.parallel_for(n, multi_grain, [=](index_t begin, index_t end) {
        double lane[solve_lanes * K] = {};
        add_rows<T, K>(x + begin * K, y + begin * K, end - begin, lane);
        column_sums<K>(lane, part + begin / multi_grain * K);
    });
    chunk_sums(part, chunk_count(n), K, out);
}

// x += alpha p, then p = D^-1 z + beta p, a column at a time its own alpha and beta.  inverse: (n) or null for D = 1
template <class T, int K>
void multi_direction(index_t n, const T* inverse, const T* z, const T* beta, const T* alpha, T* p, T* x,
                     const Executor& ex) {
    ex.parallel_for(n, multi_grain, [=](index_t begin, index_t end) {
        T al[K];
        T be[K];
        for (int c = 0; c < K; ++c) {
            al[c] = alpha[c];
            be[c] = beta[c];
        }
        T* KRISS_RESTRICT xo = x;
        T* KRISS_RESTRICT po = p;
        const T* KRISS_RESTRICT zi = z;
        for (index_t i = begin; i < end; ++i) {
            for (int c = 0; c < K; ++c) {
                const index_t t = i * K + c;
                const T pi = po[t];
                xo[t] = xo[t] + al[c] * pi;
                po[t] = (inverse != nullptr ? inverse[i] * zi[t] : zi[t]) + be[c] * pi;
            }
        }
    });
}

// r += alpha q; rr[c] = r'r and rho[c] = r'D^-1 r of each column.  part: (chunks, 2 K) scratch
template <class T, int K, bool Diagonal>
void multi_update_as(index_t n, const T* inverse, const T* alpha, const T* q, T* r, double* part, double* rr,
                     double* rho, const Executor& ex) {
    ex.parallel_for(n, multi_grain, [=](index_t begin, index_t end) {
        double s[solve_lanes * K] = {};
        double w[solve_lanes * K] = {};
        T al[K];
        for (int c = 0; c < K; ++c) {
            al[c] = alpha[c];
        }
        T* KRISS_RESTRICT ro = r;
        const T* KRISS_RESTRICT qi = q;
        double scaled[solve_block];
        constexpr index_t step = solve_block / K;
        for (index_t b = begin; b < end; b += step) {
            const index_t e = b + step < end ? b + step : end;
            for (index_t i = b; i < e; ++i) {
                for (int c = 0; c < K; ++c) {
                    ro[i * K + c] = ro[i * K + c] + al[c] * qi[i * K + c];
                }
            }
            add_rows<T, K>(ro + b * K, ro + b * K, e - b, s);
            if constexpr (Diagonal) {
                double wide[solve_block];
                for (index_t i = b; i < e; ++i) {
                    const double d = static_cast<double>(inverse[i]);
                    for (int c = 0; c < K; ++c) {
                        wide[(i - b) * K + c] = static_cast<double>(ro[i * K + c]);
                        scaled[(i - b) * K + c] = d * wide[(i - b) * K + c];
                    }
                }
                add_rows<double, K>(wide, scaled, e - b, w);
            }
        }
        double* out = part + begin / multi_grain * (2 * K);
        column_sums<K>(s, out);
        column_sums<K>(Diagonal ? w : s, out + K);
    });
    double both[2 * K];
    chunk_sums(part, chunk_count(n), 2 * K, both);
    for (int c = 0; c < K; ++c) {
        rr[c] = both[c];
        rho[c] = both[K + c];
    }
}

template <class T, int K>
void multi_update(index_t n, const T* inverse, const T* alpha, const T* q, T* r, double* part, double* rr, double* rho,
                  const Executor& ex) {
    if (inverse != nullptr) {
        multi_update_as<T, K, true>(n, inverse, alpha, q, r, part, rr, rho, ex);
    } else {
        multi_update_as<T, K, false>(n, nullptr, alpha, q, r, part, rr, rho, ex);
    }
}

KRISS_NAMESPACE_END
