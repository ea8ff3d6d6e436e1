// Evaluation of piecewise polynomials of any order and their derivatives at many points.
//
// S(x) = sum_p c[k-1-p, i] (x - x_i)^p on interval i, summed from p = 0 upwards as scipy.interpolate.PPoly does, so
// that both round alike. Points are taken in batches: first all intervals, then all coefficients, so that the cache
// misses of a batch overlap.
//
// Traffic per point for one column in float64: 8 B read, 8 B written (16 B with write-allocate) of streams; from the
// table 4 B of index, 16 B of knots and 32 B of cubic coefficients, out of whichever cache holds them. A table beyond
// the caches costs up to 6 lines of 64 B per point in random order.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

#include "kriss/config.hpp"
#include "kriss/executor.hpp"
#include "kriss/spline/search.hpp"

KRISS_NAMESPACE_BEGIN

// Beyond the knots: NaN, the end polynomials, the periodic image, the value at the nearer end (whose derivatives are
// 0), or 0. A point that is NaN gives NaN in each case.
enum class Beyond : int { nan = 0, extend = 1, wrap = 2, constant = 3, zero = 4 };

// Whether results beyond the knots are set to 0.
KRISS_HD KRISS_ALWAYS_INLINE bool zero_outside(Beyond beyond, int nu) {
    return beyond == Beyond::zero || (beyond == Beyond::constant && nu > 0);
}

template <class T>
KRISS_HD KRISS_ALWAYS_INLINE T clamp_to(T x, T first, T last) {
    return x < first ? first : x > last ? last : x;  // NaN stays
}

// Coefficients as scipy.interpolate.PPoly stores them: c: (order, cells, columns), highest power first.
template <class T>
struct Pieces {
    const T* c = nullptr;
    index_t order = 0;
    index_t cells = 0;
    index_t columns = 1;

    KRISS_HD KRISS_ALWAYS_INLINE const T* at(index_t power, index_t cell) const {
        return c + ((order - 1 - power) * cells + cell) * columns;
    }
};

// x mapped into [first, first + period), the remainder having the sign of the period as in NumPy.
template <class T>
KRISS_HD inline T wrap_periodic(T x, T first, T last) {
    const T period = last - first;
    const T d = x - first;
    if (d > T(0) && d < period) {
        const T inside = first + d;
        return inside < last ? inside : last;
    }
    T r = std::fmod(d, period);
    r = r < T(0) ? r + period : r;
    const T image = first + r;
    return image > last ? last : image;  // rounding must not push the image outside
}

// power (power - 1) ... (power - nu + 1)
template <class T>
KRISS_HD KRISS_ALWAYS_INLINE T falling(index_t power, int nu) {
    T f = T(1);
    for (int j = 0; j < nu; ++j) {
        f *= static_cast<T>(power - j);
    }
    return f;
}

// Derivative nu of column t of piece i at distance s from its knot.
template <class T>
KRISS_HD inline T piece_value(const Pieces<T>& pp, index_t i, T s, int nu, index_t t) {
    T sum = T(0);
    T z = T(1);
    for (index_t p = nu; p < pp.order; ++p) {
        sum += pp.at(p, i)[t] * z * falling<T>(p, nu);
        z *= s;
    }
    return sum;
}

// One point, one column: what a CUDA thread does.
template <class T>
KRISS_HD inline T evaluate_one(const KnotIndex<T>& ix, const Pieces<T>& pp, T x, int nu, Beyond beyond, index_t t) {
    const T first = ix.x[0];
    const T last = ix.x[ix.n - 1];
    const T q = beyond == Beyond::wrap       ? wrap_periodic(x, first, last)
                : beyond == Beyond::constant ? clamp_to(x, first, last)
                                             : x;
    if (zero_outside(beyond, nu) && (x < first || x > last)) {
        return T(0);
    }
    const bool known = beyond == Beyond::extend ? q == q : (q >= first && q <= last);
    if (!known) {
        const T missing = static_cast<T>(NAN);
        return missing;
    }
    const std::int32_t i = locate(ix, q);
    return piece_value(pp, i, q - ix.x[i], nu, t);
}

namespace detail {

template <class T, int W>
struct Batch {
    T s[W];                // distance from the knot; NaN outside where outside is NaN
    std::int32_t cell[W];  //
    bool same;             // known to be all one cell
};

template <class T, int W>
KRISS_ALWAYS_INLINE void start_batch(const KnotIndex<T>& ix, const T* KRISS_RESTRICT x, Beyond beyond, Batch<T, W>& b) {
    const T first = ix.x[0];
    const T last = ix.x[ix.n - 1];
    if (beyond == Beyond::wrap || beyond == Beyond::constant) {
        T q[W];
        for (int l = 0; l < W; ++l) {
            q[l] = beyond == Beyond::wrap ? wrap_periodic(x[l], first, last) : clamp_to(x[l], first, last);
        }
        b.same = locate_batch<T, W>(ix, q, b.cell, b.s);
    } else {
        b.same = locate_batch<T, W>(ix, x, b.cell, b.s);
        if (beyond == Beyond::nan) {
            for (int l = 0; l < W; ++l) {
                b.s[l] = ((x[l] >= first) & (x[l] <= last)) ? b.s[l] : std::numeric_limits<T>::quiet_NaN();
            }
        }
    }
}

// One column, one batch.
template <class T, int W>
KRISS_ALWAYS_INLINE void finish_batch(const Pieces<T>& pp, const Batch<T, W>& b, int nu, T* KRISS_RESTRICT out) {
    if (pp.order == 4 && nu == 0) {
        const T* const c0 = pp.c;
        const T* const c1 = pp.c + pp.cells;
        const T* const c2 = pp.c + 2 * pp.cells;
        const T* const c3 = pp.c + 3 * pp.cells;
        if (b.same) {
            const index_t i = b.cell[0];
            const T a0 = c0[i];
            const T a1 = c1[i];
            const T a2 = c2[i];
            const T a3 = c3[i];
            for (int l = 0; l < W; ++l) {
                const T s = b.s[l];
                const T s2 = s * s;
                out[l] = (((T(0) + a3) + a2 * s) + a1 * s2) + a0 * (s2 * s);
            }
            return;
        }
        for (int l = 0; l < W; ++l) {
            const index_t i = b.cell[l];
            const T s = b.s[l];
            const T s2 = s * s;
            out[l] = (((T(0) + c3[i]) + c2[i] * s) + c1[i] * s2) + c0[i] * (s2 * s);
        }
        return;
    }
    T z[W];
    T sum[W];
    for (int l = 0; l < W; ++l) {
        z[l] = T(1);
        sum[l] = T(0);
    }
    for (index_t p = nu; p < pp.order; ++p) {
        const T factor = falling<T>(p, nu);
        const T* const row = pp.at(p, 0);
        if (b.same) {
            const T a = row[b.cell[0]];
            for (int l = 0; l < W; ++l) {
                sum[l] += a * z[l] * factor;
                z[l] *= b.s[l];
            }
            continue;
        }
        for (int l = 0; l < W; ++l) {
            sum[l] += row[b.cell[l]] * z[l] * factor;
            z[l] *= b.s[l];
        }
    }
    for (int l = 0; l < W; ++l) {
        // A polynomial of degree 0, or 0 itself, does not look at s: NaN must pass through all the same.
        out[l] = b.s[l] == b.s[l] ? sum[l] : b.s[l];
    }
}

// Several columns, one point.
template <class T>
KRISS_ALWAYS_INLINE void finish_columns(const Pieces<T>& pp, index_t cell, T s, int nu, T* KRISS_RESTRICT out) {
    constexpr index_t V = 64 / sizeof(T);
    const index_t m = pp.columns;
    if (!(s == s)) {
        for (index_t t = 0; t < m; ++t) {
            out[t] = s;
        }
        return;
    }
    index_t t = 0;
    for (; t + V <= m; t += V) {
        T sum[V] = {};
        T z = T(1);
        for (index_t p = nu; p < pp.order; ++p) {
            const T factor = falling<T>(p, nu);
            const T* const c = pp.at(p, cell) + t;
            for (index_t v = 0; v < V; ++v) {
                sum[v] += c[v] * z * factor;
            }
            z *= s;
        }
        for (index_t v = 0; v < V; ++v) {
            out[t + v] = sum[v];
        }
    }
    for (; t < m; ++t) {
        out[t] = piece_value(pp, cell, s, nu, t);
    }
}

// Results of the points beyond the knots, set to 0.
template <class T>
inline void blank_outside(const KnotIndex<T>& ix, const T* x, index_t begin, index_t end, index_t m, T* out) {
    const T first = ix.x[0];
    const T last = ix.x[ix.n - 1];
    for (index_t q = begin; q < end; ++q) {
        if (x[q] < first || x[q] > last) {
            for (index_t t = 0; t < m; ++t) {
                out[q * m + t] = T(0);
            }
        }
    }
}

// Points [begin, end), `end - begin` a multiple of W.
template <class T, int W>
KRISS_ALWAYS_INLINE void evaluate_batches(const KnotIndex<T>& ix, const Pieces<T>& pp, const T* x, index_t begin,
                                          index_t end, int nu, Beyond beyond, T* out) {
    const index_t m = pp.columns;
    Batch<T, W> b;
    for (index_t q = begin; q < end; q += W) {
        start_batch(ix, x + q, beyond, b);
        if (m == 1) {
            finish_batch(pp, b, nu, out + q);
        } else {
            for (int l = 0; l < W; ++l) {
                finish_columns(pp, b.cell[l], b.s[l], nu, out + (q + l) * m);
            }
        }
    }
}

}  // namespace detail

// x: (points), out: (points, columns). Any order of points; no state is kept.
template <class T>
void evaluate(const KnotIndex<T>& ix, const Pieces<T>& pp, const T* x, index_t points, int nu, Beyond beyond, T* out,
              const Executor& ex) {
    constexpr index_t wide = 64;  // measured best: every stage has 64 loads in flight
    constexpr int small = 8;
    const index_t m = pp.columns;
    const index_t per_chunk = m <= 1 ? 16384 : 16384 / m < wide ? wide : 16384 / m / wide * wide;
    ex.parallel_for(points, per_chunk, [&](index_t begin, index_t end) {
        const index_t middle = begin + (end - begin) / wide * wide;
        const index_t rest = middle + (end - middle) / small * small;
        detail::evaluate_batches<T, wide>(ix, pp, x, begin, middle, nu, beyond, out);
        detail::evaluate_batches<T, small>(ix, pp, x, middle, rest, nu, beyond, out);
        if (rest < end) {
            // The last few, padded with the first knot.
            T xs[small];
            for (int l = 0; l < small; ++l) {
                xs[l] = rest + l < end ? x[rest + l] : ix.x[0];
            }
            detail::Batch<T, small> b;
            detail::start_batch(ix, xs, beyond, b);
            if (m == 1) {
                T values[small];
                detail::finish_batch(pp, b, nu, values);
                for (index_t q = rest; q < end; ++q) {
                    out[q] = values[q - rest];
                }
            } else {
                for (index_t q = rest; q < end; ++q) {
                    detail::finish_columns(pp, b.cell[q - rest], b.s[q - rest], nu, out + q * m);
                }
            }
        }
        if (zero_outside(beyond, nu)) {
            detail::blank_outside(ix, x, begin, end, m, out);
        }
    });
}

KRISS_NAMESPACE_END
