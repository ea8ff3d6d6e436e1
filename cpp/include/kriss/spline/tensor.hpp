// Tensor-product B-splines in two variables: interpolation on a grid, values at scattered points and on grids.
//
// C. de Boor, A Practical Guide to Splines, 1978, chapter XVII: the coefficients of the tensor-product interpolant come
// from one banded system for each axis with all lines of the grid as right-hand sides, O(nx ny). The collocation matrix
// of splines is totally positive and needs no pivoting (de Boor, Pinkus, Backward error analysis for totally positive
// linear systems, 1977).
//
// Each axis holds for every cell the K = degree + 1 B-splines that do not vanish there as polynomials in the distance
// from the left end of the cell, basis: (cells, K, K), power by B-spline, and the number of the first, start: (cells).
// A point then costs two searches, 2 K^2 multiply-adds for the weights of both axes and K^2 + K for the sum; K rows of
// K coefficients are touched, against K^2 per cell, 2 K^2 times as much memory, in piecewise polynomial form.
//
// Traffic per point in float64: 16 B read and 8 B written (16 B with write-allocate) of streams; 2 (16 + 8 K^2) B of
// axis tables out of the first cache; K rows of 8 K B of coefficients, K to 2 K lines of 64 B out of whichever cache
// holds them.
#pragma once

#include <cmath>
#include <cstdint>

#include "kriss/config.hpp"
#include "kriss/executor.hpp"
#include "kriss/spline/eval.hpp"
#include "kriss/spline/search.hpp"
#include "kriss/status.hpp"

KRISS_NAMESPACE_BEGIN

// One axis of a tensor-product spline.
template <class T>
struct TensorAxis {
    KnotIndex<T> ix;                      // the distinct knots, ix.n - 1 cells
    const std::int32_t* start = nullptr;  // (cells) first B-spline that does not vanish
    const T* basis = nullptr;             // (cells, K, K)
};

// Derivative nu of the K B-splines of a cell at distance s from its left end; NaN if s is NaN.
template <class T, int K>
KRISS_HD KRISS_ALWAYS_INLINE void tensor_weights(const T* KRISS_RESTRICT basis, T s, int nu, T* KRISS_RESTRICT w) {
    for (int j = 0; j < K; ++j) {
        w[j] = s == s ? T(0) : s;
    }
    for (int p = K - 1; p >= nu; --p) {
        const T f = falling<T>(p, nu);
        for (int j = 0; j < K; ++j) {
            w[j] = w[j] * s + basis[p * K + j] * f;
        }
    }
}

// Cell of q and distance from its left end; the distance is NaN outside where outside is NaN.
template <class T>
KRISS_HD KRISS_ALWAYS_INLINE std::int32_t tensor_locate(const TensorAxis<T>& axis, T q, Beyond beyond, T* s) {
    const bool known = beyond == Beyond::extend ? q == q : (q >= axis.ix.x[0] && q <= axis.ix.x[axis.ix.n - 1]);
    if (!known) {
        *s = static_cast<T>(NAN);
        return 0;
    }
    const std::int32_t i = locate(axis.ix, q);
    *s = q - axis.ix.x[i];
    return i;
}

// The K B-splines that do not vanish on the cell [t[at], t[at + 1]) as polynomials in the distance from its left end,
// by the recurrence on the degree (de Boor, chapter X). t: knots with multiplicity, basis: (K, K), power by B-spline.
template <class T, int K>
KRISS_HD inline void tensor_basis(const T* KRISS_RESTRICT t, index_t at, T* KRISS_RESTRICT basis) {
    T p[K * K] = {};
    p[K - 1] = T(1);
    const T left = t[at];
    for (int d = 1; d < K; ++d) {
        T low[K + 1] = {};
        T high[K + 1] = {};
        T rate[K + 1] = {};
        for (int j = K - d; j < K; ++j) {
            const T* const mine = t + at - (K - 1) + j;  // the j-th B-spline of degree d - 1 begins here
            const T width = mine[d] - mine[0];
            low[j] = (left - mine[0]) / width;
            high[j] = (mine[d] - left) / width;
            rate[j] = T(1) / width;
        }
        // Upwards in j and downwards in the power, so that nothing is read after it was overwritten.
        for (int j = K - 1 - d; j < K; ++j) {
            for (int q = d; q >= 0; --q) {
                T sum = low[j] * p[q * K + j];
                sum += q > 0 ? rate[j] * p[(q - 1) * K + j] : T(0);
                if (j + 1 < K) {
                    sum += high[j + 1] * p[q * K + j + 1];
                    sum -= q > 0 ? rate[j + 1] * p[(q - 1) * K + j + 1] : T(0);
                }
                p[q * K + j] = sum;
            }
        }
    }
    for (int i = 0; i < K * K; ++i) {
        basis[i] = p[i];
    }
}

// sum_a wx[a] sum_b wy[b] c[a, b], the rows first. c: stride `row` between rows, `step` between columns.
template <class T, int K>
KRISS_HD KRISS_ALWAYS_INLINE T tensor_sum(const T* KRISS_RESTRICT c, index_t row, index_t step,
                                          const T* KRISS_RESTRICT wx, const T* KRISS_RESTRICT wy) {
    T rows[K];
    for (int b = 0; b < K; ++b) {
        rows[b] = T(0);
    }
    for (int a = 0; a < K; ++a) {
        for (int b = 0; b < K; ++b) {
            rows[b] += wx[a] * c[a * row + b * step];
        }
    }
    T sum = T(0);
    for (int b = 0; b < K; ++b) {
        sum += wy[b] * rows[b];
    }
    return sum;
}

// One point, one component: what a CUDA thread does. c: (nx, ny, m).
template <class T, int K>
KRISS_HD inline T tensor_one(const TensorAxis<T>& ax, const TensorAxis<T>& ay, const T* c, index_t ny, index_t m, T x,
                             T y, int nux, int nuy, Beyond beyond, index_t t) {
    T sx;
    T sy;
    const index_t i = tensor_locate(ax, x, beyond, &sx);
    const index_t j = tensor_locate(ay, y, beyond, &sy);
    T wx[K];
    T wy[K];
    tensor_weights<T, K>(ax.basis + i * K * K, sx, nux, wx);
    tensor_weights<T, K>(ay.basis + j * K * K, sy, nuy, wy);
    return tensor_sum<T, K>(c + (ax.start[i] * ny + ay.start[j]) * m + t, ny * m, m, wx, wy);
}

// x, y: (points), c: (nx, ny, m), out: (points, m). Points in any order; batches so that the misses of the
// coefficients of several points overlap.
template <class T, int K>
void tensor_scattered(const TensorAxis<T>& ax, const TensorAxis<T>& ay, const T* c, index_t ny, index_t m, const T* x,
                      const T* y, index_t points, int nux, int nuy, Beyond beyond, T* out, const Executor& ex) {
    constexpr int W = 16;
    const index_t grain = m <= 1 ? 4096 : 4096 / m < W ? W : 4096 / m;
    ex.parallel_for(points, grain, [&](index_t begin, index_t end) {
        detail::Batch<T, W> bx;
        detail::Batch<T, W> by;
        index_t at[W];
        for (index_t q = begin; q < end; q += W) {
            const index_t count = end - q < W ? end - q : W;
            if (count == W) {
                detail::start_batch(ax.ix, x + q, beyond, bx);
                detail::start_batch(ay.ix, y + q, beyond, by);
            } else {
                for (index_t l = 0; l < count; ++l) {
                    bx.cell[l] = tensor_locate(ax, x[q + l], beyond, bx.s + l);
                    by.cell[l] = tensor_locate(ay, y[q + l], beyond, by.s + l);
                }
            }
            for (index_t l = 0; l < count; ++l) {
                at[l] = (ax.start[bx.cell[l]] * ny + ay.start[by.cell[l]]) * m;
#if defined(__GNUC__)
                for (int a = 0; a < K; ++a) {
                    __builtin_prefetch(c + at[l] + a * ny * m);
                    __builtin_prefetch(c + at[l] + a * ny * m + K - 1);
                }
                __builtin_prefetch(ax.basis + static_cast<index_t>(bx.cell[l]) * K * K);
                __builtin_prefetch(ay.basis + static_cast<index_t>(by.cell[l]) * K * K);
#endif
            }
            for (index_t l = 0; l < count; ++l) {
                T wx[K];
                T wy[K];
                tensor_weights<T, K>(ax.basis + static_cast<index_t>(bx.cell[l]) * K * K, bx.s[l], nux, wx);
                tensor_weights<T, K>(ay.basis + static_cast<index_t>(by.cell[l]) * K * K, by.s[l], nuy, wy);
                if (m == 1) {
                    out[q + l] = tensor_sum<T, K>(c + at[l], ny, 1, wx, wy);
                } else {
                    for (index_t t = 0; t < m; ++t) {
                        out[(q + l) * m + t] = tensor_sum<T, K>(c + at[l] + t, ny * m, m, wx, wy);
                    }
                }
            }
        }
    });
}

// Weights of one axis at q: (points), w: (points, K), first: (points) number of the first B-spline.
template <class T, int K>
void tensor_axis_weights(const TensorAxis<T>& axis, const T* q, index_t points, int nu, Beyond beyond, T* w,
                         std::int32_t* first, const Executor& ex) {
    ex.parallel_for(points, 8192, [&](index_t begin, index_t end) {
        for (index_t l = begin; l < end; ++l) {
            T s;
            const index_t i = tensor_locate(axis, q[l], beyond, &s);
            tensor_weights<T, K>(axis.basis + i * K * K, s, nu, w + l * K);
            first[l] = axis.start[i];
        }
    });
}

// out[o, j, :] = sum_b w[j, b] a[o, first[j] + b, :]. a: (outer, n, inner), w: (q, K), out: (outer, q, inner).
// Reads K rows of `inner` items and writes one for each o and j; 2 K flops an item.
template <class T, int K>
void tensor_contract(const T* a, index_t outer, index_t n, index_t inner, const T* w, const std::int32_t* first,
                     index_t q, T* out, const Executor& ex) {
    const index_t grain = inner >= 16384 ? 1 : 16384 / inner;
    ex.parallel_for(outer * q, grain, [&](index_t begin, index_t end) {
        for (index_t k = begin; k < end; ++k) {
            const index_t o = k / q;
            const index_t j = k - o * q;
            const T* const wj = w + j * K;
            const T* const from = a + (o * n + first[j]) * inner;
            T* KRISS_RESTRICT const to = out + k * inner;
            for (index_t t = 0; t < inner; ++t) {
                T sum = T(0);
                for (int b = 0; b < K; ++b) {
                    sum += wj[b] * from[b * inner + t];
                }
                to[t] = sum;
            }
        }
    });
}

// Solves the collocation system of one axis for all columns, in place. Row i holds w[i, :] from column first[i] on;
// w: (n, K), first: (n), band: (n, 2 K - 1) scratch, b: (n, columns). Elimination without pivoting: about 2 K^2 flops a
// row once and 4 (K - 1) a row and column. Status singular if the sites and knots do not interlace.
template <class T>
Info tensor_solve(const T* w, const std::int32_t* first, index_t n, int K, T* band, T* b, index_t columns,
                  const Executor& ex) {
    const index_t k = K - 1;
    const index_t stride = 2 * k + 1;  // band[i, k + j - i] = a[i, j]
    for (index_t i = 0; i < n; ++i) {
        for (index_t j = 0; j < stride; ++j) {
            band[i * stride + j] = T(0);
        }
        if (first[i] > i || first[i] + k < i || first[i] < 0 || first[i] + k >= n) {
            return {Status::singular, i};
        }
        for (index_t j = 0; j <= k; ++j) {
            band[i * stride + k + first[i] + j - i] = w[i * K + j];
        }
    }
    for (index_t i = 0; i < n; ++i) {
        const T pivot = band[i * stride + k];
        if (!(pivot > T(0))) {
            return {Status::singular, i};
        }
        const index_t last = i + k < n - 1 ? i + k : n - 1;
        for (index_t r = i + 1; r <= last; ++r) {
            T* const row = band + r * stride + k - r;  // row[j] = a[r, j]
            const T* const top = band + i * stride + k - i;
            const T factor = row[i] / pivot;
            row[i] = factor;
            for (index_t j = i + 1; j <= last; ++j) {
                row[j] -= factor * top[j];
            }
        }
    }
    ex.parallel_for(columns, 64, [=](index_t t0, index_t t1) {
        for (index_t i = 1; i < n; ++i) {
            for (index_t j = i > k ? i - k : 0; j < i; ++j) {
                const T factor = band[i * stride + k + j - i];
                if (factor != T(0)) {
                    for (index_t t = t0; t < t1; ++t) {
                        b[i * columns + t] -= factor * b[j * columns + t];
                    }
                }
            }
        }
        for (index_t i = n - 1; i >= 0; --i) {
            const index_t last = i + k < n - 1 ? i + k : n - 1;
            for (index_t j = i + 1; j <= last; ++j) {
                const T factor = band[i * stride + k + j - i];
                if (factor != T(0)) {
                    for (index_t t = t0; t < t1; ++t) {
                        b[i * columns + t] -= factor * b[j * columns + t];
                    }
                }
            }
            const T pivot = band[i * stride + k];
            for (index_t t = t0; t < t1; ++t) {
                b[i * columns + t] /= pivot;
            }
        }
    });
    return {ex.interrupted() ? Status::interrupted : Status::ok, -1};
}

KRISS_NAMESPACE_END
