// Small dense factorisations, row-major and serial.
//
// Between two passes over A there is an n x n problem to solve. A threaded BLAS would do it, but its threads go on
// spinning for a while after each call and take the cores from the next pass, and on a busy machine they wait for each
// other far longer than the work takes. These plain loops run along rows, so they vectorise, and are as fast up to
// n = 200 or so; above, the callers use LAPACK.
//
// Singular values: one-sided Jacobi on the rows of a triangular factor, J. Demmel, K. Veselic, "Jacobi's method is more
// accurate than QR", SIAM J. Matrix Anal. Appl. 13 (1992), algorithm 4.1.
#pragma once

#include <cmath>

#include "kriss/config.hpp"

KRISS_NAMESPACE_BEGIN

// Eight partial sums, joined in pairs.
KRISS_ALWAYS_INLINE double dense_dot(index_t n, const double* KRISS_RESTRICT x, const double* KRISS_RESTRICT y) {
    double sum[8] = {};
    index_t j = 0;
    for (; j + 8 <= n; j += 8) {
        for (index_t c = 0; c < 8; ++c) {
            sum[c] += x[j + c] * y[j + c];
        }
    }
    for (index_t c = 0; j < n; ++j, ++c) {
        sum[c] += x[j] * y[j];
    }
    return ((sum[0] + sum[4]) + (sum[1] + sum[5])) + ((sum[2] + sum[6]) + (sum[3] + sum[7]));
}

KRISS_ALWAYS_INLINE void dense_axpy(index_t n, double s, const double* KRISS_RESTRICT x, double* KRISS_RESTRICT y) {
    for (index_t j = 0; j < n; ++j) {
        y[j] += s * x[j];
    }
}

// R of the Householder QR factorisation, in place: a (rows, cols), rows >= steps; afterwards the upper triangle of the
// first `steps` rows holds R (its columns beyond `steps` too) and the rest below the diagonal is zero in the first
// `steps` columns. work: (rows + cols). 2 rows cols^2 flops; each step passes twice over what is left of a.
inline void householder_r(index_t rows, index_t cols, index_t steps, double* a, double* work) {
    double* v = work;
    double* w = work + rows;
    for (index_t k = 0; k < steps; ++k) {
        double norm = 0.0;
        for (index_t i = k; i < rows; ++i) {
            v[i] = a[i * cols + k];
            norm += v[i] * v[i];
        }
        norm = std::sqrt(norm);
        if (!(norm > 0.0)) {
            continue;
        }
        const double alpha = v[k] > 0.0 ? -norm : norm;
        v[k] -= alpha;
        const double beta = 1.0 / (norm * (norm + std::fabs(a[k * cols + k])));  // 2 / |v|^2
        const index_t left = cols - k - 1;
        for (index_t j = 0; j < left; ++j) {
            w[j] = 0.0;
        }
        for (index_t i = k; i < rows; ++i) {
            dense_axpy(left, v[i], a + i * cols + k + 1, w);
        }
        for (index_t i = k; i < rows; ++i) {
            dense_axpy(left, -beta * v[i], w, a + i * cols + k + 1);
            a[i * cols + k] = 0.0;
        }
        a[k * cols + k] = alpha;
    }
}

// The upper Cholesky factor U, U'U = g, in place (the lower triangle is cleared). Returns the first pivot that is not
// positive, or -1. n^3 / 3 flops.
inline index_t cholesky_upper(index_t n, double* g) {
    for (index_t k = 0; k < n; ++k) {
        double* row = g + k * n;
        if (!(row[k] > 0.0) || !std::isfinite(row[k])) {
            return k;
        }
        const double d = std::sqrt(row[k]);
        for (index_t j = 0; j < k; ++j) {
            row[j] = 0.0;
        }
        for (index_t j = k; j < n; ++j) {
            row[j] /= d;
        }
        for (index_t i = k + 1; i < n; ++i) {
            dense_axpy(n - i, -row[i], row + i, g + i * n + i);
        }
    }
    return -1;
}

// b := U^-1 b, or U^-T b. u: (n, n) upper triangular; b: (n, k). n^2 k flops.
inline void solve_upper(index_t n, index_t k, bool transposed, const double* u, double* b) {
    for (index_t t = 0; t < n; ++t) {
        const index_t i = transposed ? t : n - 1 - t;
        double* row = b + i * k;
        const double d = u[i * n + i];
        for (index_t q = 0; q < k; ++q) {
            row[q] /= d;
        }
        if (transposed) {
            for (index_t j = i + 1; j < n; ++j) {
                dense_axpy(k, -u[i * n + j], row, b + j * k);
            }
        } else {
            for (index_t j = 0; j < i; ++j) {
                dense_axpy(k, -u[j * n + i], row, b + j * k);
            }
        }
    }
}

// out = u x or u' x for upper triangular u (n, n); x, out: (n, k).
inline void multiply_upper(index_t n, index_t k, bool transposed, const double* u, const double* x, double* out) {
    for (index_t i = 0; i < n * k; ++i) {
        out[i] = 0.0;
    }
    for (index_t i = 0; i < n; ++i) {
        for (index_t j = i; j < n; ++j) {
            if (transposed) {
                dense_axpy(k, u[i * n + j], x + i * k, out + j * k);
            } else {
                dense_axpy(k, u[i * n + j], x + j * k, out + i * k);
            }
        }
    }
}

// Rows of a, (n, n), and their keys by falling key.
inline void sort_rows(index_t n, double* a, double* key) {
    for (index_t i = 0; i + 1 < n; ++i) {
        index_t top = i;
        for (index_t j = i + 1; j < n; ++j) {
            top = key[j] > key[top] ? j : top;
        }
        if (top != i) {
            const double hold = key[i];
            key[i] = key[top];
            key[top] = hold;
            for (index_t c = 0; c < n; ++c) {
                const double x = a[i * n + c];
                a[i * n + c] = a[top * n + c];
                a[top * n + c] = x;
            }
        }
    }
}

// Singular values of a, (n, n), falling, and in place of a the right singular vectors as rows (zero for a zero value).
// Rows are rotated in pairs until all are orthogonal to sqrt(n) eps. Returns the sweeps, or -1 if 40 do not suffice.
// A row goes through some n * sweeps rotations, each with its rounding; so large singular values are taken once more as
// |A v| for their vector v, where an error of v counts by its square only. work: (n, n).
inline int jacobi_rows(index_t n, double* a, double* s, double* work) {
    // The rounding of a product of rows, as in LAPACK's gesvj.
    const double tight = 0x1p-52 * std::sqrt(static_cast<double>(n < 16 ? 16 : n));
    int sweep = 0;
    for (index_t k = 0; k < n * n; ++k) {
        work[k] = a[k];
    }
    for (bool turned = true; turned; ++sweep) {
        if (sweep == 40) {
            return -1;
        }
        turned = false;
        // Rows by falling norm: converges faster, and small rows keep their accuracy.
        for (index_t i = 0; i < n; ++i) {
            s[i] = dense_dot(n, a + i * n, a + i * n);
        }
        sort_rows(n, a, s);
        for (index_t i = 0; i + 1 < n; ++i) {
            for (index_t j = i + 1; j < n; ++j) {
                double* KRISS_RESTRICT x = a + i * n;
                double* KRISS_RESTRICT y = a + j * n;
                const double dot = dense_dot(n, x, y);
                const double size = std::sqrt(s[i]) * std::sqrt(s[j]);
                if (!(std::fabs(dot) > tight * size)) {
                    continue;
                }
                turned = true;
                const double zeta = (s[j] - s[i]) / (2.0 * dot);
                const double t = (zeta >= 0.0 ? 1.0 : -1.0) / (std::fabs(zeta) + std::sqrt(1.0 + zeta * zeta));
                const double c = 1.0 / std::sqrt(1.0 + t * t);
                const double sn = c * t;
                for (index_t k = 0; k < n; ++k) {
                    const double xk = x[k];
                    const double yk = y[k];
                    x[k] = c * xk - sn * yk;
                    y[k] = sn * xk + c * yk;
                }
                s[i] = dense_dot(n, x, x);
                s[j] = dense_dot(n, y, y);
            }
        }
    }
    for (index_t i = 0; i < n; ++i) {
        s[i] = std::sqrt(s[i]);
        const double scale = s[i] > 0.0 ? 1.0 / s[i] : 0.0;
        for (index_t k = 0; k < n; ++k) {
            a[i * n + k] *= scale;
        }
    }
    sort_rows(n, a, s);
    const double large = n > 0 ? 1e-3 * s[0] : 0.0;
    for (index_t i = 0; i < n && s[i] > large; ++i) {
        double squares = 0.0;
        for (index_t k = 0; k < n; ++k) {
            const double part = dense_dot(n, work + k * n, a + i * n);
            squares += part * part;
        }
        s[i] = std::sqrt(squares / dense_dot(n, a + i * n, a + i * n));
    }
    sort_rows(n, a, s);
    return sweep;
}

KRISS_NAMESPACE_END
