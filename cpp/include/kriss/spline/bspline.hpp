// Values, derivatives and integrals of splines given by knots and B-spline coefficients, of any degree.
//
// C. de Boor, A Practical Guide to Splines, Springer 1978, chapter X: the recurrence (14)-(15) for all B-splines that
// do not vanish at a point, and (12)-(16) for derivatives. The order of operations is the one in which
// scipy.interpolate.BSpline adds, so that both round alike. An interval of length zero contributes zero.
//
// Knots t: (n + k + 1), not decreasing; coefficients c: (n, columns), row-major. The base interval is [t_k, t_n]; a
// point belongs to the span ell, the largest in [k, n - 1] with t_ell <= x.
//
// Work per point: k (k + 1) / 2 divisions and 2 k^2 flops for the basis, 2 (k + 1) flops per column. Traffic per point
// in float64 with one column: 16 B of streams, 4 B of index, 16 k B of knots and 8 (k + 1) B of coefficients, which are
// neighbours in memory (a cache line or two each).
#pragma once

#include <cstdint>
#include <limits>

#include "kriss/config.hpp"
#include "kriss/executor.hpp"
#include "kriss/spline/eval.hpp"
#include "kriss/spline/search.hpp"

KRISS_NAMESPACE_BEGIN

constexpr int bspline_max_degree = 31;

template <class T>
struct BSplineView {
    const T* t = nullptr;  // (n + k + 1)
    const T* c = nullptr;  // (n, columns)
    index_t n = 0;
    index_t columns = 1;
    int k = 0;
};

// Derivative nu <= k of the k + 1 B-splines of degree k that live on span ell, at x. tl = t + ell, h: (k + 1),
// scratch: (k + 1).
template <class T>
KRISS_HD KRISS_ALWAYS_INLINE void basis_at(const T* tl, int k, T x, int nu, T* h, T* scratch) {
    h[0] = T(1);
    for (int j = 1; j <= k; ++j) {
        for (int m = 0; m < j; ++m) {
            scratch[m] = h[m];
        }
        h[0] = T(0);
        for (int m = 1; m <= j; ++m) {
            const T right = tl[m];
            const T left = tl[m - j];
            if (right == left) {
                h[m] = T(0);
                continue;
            }
            if (j <= k - nu) {
                const T w = scratch[m - 1] / (right - left);
                h[m - 1] += w * (right - x);
                h[m] = w * (x - left);
            } else {
                const T w = static_cast<T>(j) * scratch[m - 1] / (right - left);
                h[m - 1] -= w;
                h[m] = w;
            }
        }
    }
}

// One point, one column: what a CUDA thread does. ix indexes the knots t_k ... t_n. K is a bound of the degree.
template <class T, int K = bspline_max_degree>
KRISS_HD inline T bspline_one(const KnotIndex<T>& ix, const BSplineView<T>& s, T x, int nu, Beyond beyond,
                              index_t column) {
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
        return static_cast<T>(NAN);
    }
    if (nu > s.k) {
        return T(0);
    }
    const index_t i = locate(ix, q);
    T h[K + 1];
    T scratch[K + 1];
    basis_at(s.t + i + s.k, s.k, q, nu, h, scratch);
    T sum = T(0);
    for (int a = 0; a <= s.k; ++a) {
        sum += s.c[(i + a) * s.columns + column] * h[a];
    }
    return sum;
}

namespace detail {

// One register of points. Written out in vectors, because the loops are too short for the compiler to make them so.
template <class T>
struct Lanes {
    static constexpr int count = 64 / static_cast<int>(sizeof(T));
    typedef T type __attribute__((vector_size(64)));
};
template <class T>
using lanes = typename Lanes<T>::type;

template <class T>
KRISS_ALWAYS_INLINE void gather(const T* base, const std::int32_t* cell, lanes<T>& out) {
    T v[Lanes<T>::count];
    for (int l = 0; l < Lanes<T>::count; ++l) {
        v[l] = base[cell[l]];
    }
    __builtin_memcpy(&out, v, sizeof v);
}

// out[j][l] = base[cell[l] + j] for j < N: four neighbours at a time, loaded together and transposed, where T is
// double. Gather instructions take several times as long.
template <class T, int N>
KRISS_ALWAYS_INLINE void neighbours(const T* base, const std::int32_t* cell, lanes<T>* out) {
    if constexpr (sizeof(T) == 8 && N >= 4) {
        typedef T Four __attribute__((vector_size(32)));
        using Eight = lanes<T>;
#pragma GCC unroll 8
        for (int start = 0; start < N; start += 4) {
            const int j = start + 4 <= N ? start : N - 4;
            Four r[8];
#pragma GCC unroll 8
            for (int l = 0; l < 8; ++l) {
                __builtin_memcpy(&r[l], base + cell[l] + j, sizeof(Four));
            }
            const Eight a = __builtin_shufflevector(r[0], r[4], 0, 1, 2, 3, 4, 5, 6, 7);
            const Eight b = __builtin_shufflevector(r[1], r[5], 0, 1, 2, 3, 4, 5, 6, 7);
            const Eight c = __builtin_shufflevector(r[2], r[6], 0, 1, 2, 3, 4, 5, 6, 7);
            const Eight d = __builtin_shufflevector(r[3], r[7], 0, 1, 2, 3, 4, 5, 6, 7);
            const Eight even_ab = __builtin_shufflevector(a, b, 0, 8, 2, 10, 4, 12, 6, 14);
            const Eight odd_ab = __builtin_shufflevector(a, b, 1, 9, 3, 11, 5, 13, 7, 15);
            const Eight even_cd = __builtin_shufflevector(c, d, 0, 8, 2, 10, 4, 12, 6, 14);
            const Eight odd_cd = __builtin_shufflevector(c, d, 1, 9, 3, 11, 5, 13, 7, 15);
            out[j] = __builtin_shufflevector(even_ab, even_cd, 0, 1, 8, 9, 4, 5, 12, 13);
            out[j + 1] = __builtin_shufflevector(odd_ab, odd_cd, 0, 1, 8, 9, 4, 5, 12, 13);
            out[j + 2] = __builtin_shufflevector(even_ab, even_cd, 2, 3, 10, 11, 6, 7, 14, 15);
            out[j + 3] = __builtin_shufflevector(odd_ab, odd_cd, 2, 3, 10, 11, 6, 7, 14, 15);
        }
    } else {
        for (int j = 0; j < N; ++j) {
            gather(base + j, cell, out[j]);
        }
    }
}

// basis_at for a register of points: h[m] of k + 1. cell[l] is the span less k; K >= 0 fixes the degree at compile
// time.
template <class T, int K, bool Plain>
KRISS_ALWAYS_INLINE void basis_batch(const T* t, int degree, const std::int32_t* cell, const T* points, int nu,
                                     lanes<T>* h) {
    using Vec = lanes<T>;
    const int k = K >= 0 ? K : degree;
    Vec x;
    __builtin_memcpy(&x, points, sizeof x);
    Vec knots[K > 0 ? 2 * K : 1];
    if constexpr (K > 0) {
        neighbours<T, 2 * K>(t + 1, cell, knots);
    }
    const Vec zero = {};
    h[0] = zero + T(1);
#pragma GCC unroll 8
    for (int j = 1; j <= k; ++j) {
        // h[m - 1] of the lower degree is read before h[m - 1] of this one is complete: carry it.
        Vec old = h[0];
        h[0] = zero;
        const bool lower = Plain || j <= k - nu;
#pragma GCC unroll 8
        for (int m = 1; m <= j; ++m) {
            Vec right;
            Vec left;
            if constexpr (K > 0) {
                right = knots[k + m - 1];
                left = knots[k + m - j - 1];
            } else {
                gather(t + k + m, cell, right);
                gather(t + k + m - j, cell, left);
            }
            const Vec next = m < j ? h[m] : zero;
            if (lower) {
                const Vec v = old / (right - left);
                const Vec w = right == left ? zero : v;
                h[m - 1] += w * (right - x);
                h[m] = w * (x - left);
            } else {
                const Vec v = static_cast<T>(j) * old / (right - left);
                const Vec w = right == left ? zero : v;
                h[m - 1] -= w;
                h[m] = w;
            }
            old = next;
        }
    }
}

// Where W points are: the span less k, and the point itself: its periodic image, NaN where that is the answer.
template <class T, int W>
KRISS_NOINLINE void place_batch(const KnotIndex<T>& ix, const T* KRISS_RESTRICT x, Beyond beyond,
                                std::int32_t* KRISS_RESTRICT cell, T* KRISS_RESTRICT q) {
    const T first = ix.x[0];
    const T last = ix.x[ix.n - 1];
    T from[W];  // distance from the knot, not needed here
    for (int l = 0; l < W; ++l) {
        q[l] = x[l];
    }
    if (beyond == Beyond::wrap) {
        for (int l = 0; l < W; ++l) {
            q[l] = wrap_periodic(x[l], first, last);
        }
    } else if (beyond == Beyond::constant) {
        for (int l = 0; l < W; ++l) {
            q[l] = clamp_to(x[l], first, last);
        }
    }
    locate_batch<T, W>(ix, q, cell, from);
    if (beyond == Beyond::nan) {
        for (int l = 0; l < W; ++l) {
            q[l] = ((q[l] >= first) & (q[l] <= last)) ? q[l] : std::numeric_limits<T>::quiet_NaN();
        }
    }
}

// A register of placed points, of which the first `count` count.
template <class T, int K, bool Plain>
KRISS_ALWAYS_INLINE void placed_batch(const BSplineView<T>& s, const std::int32_t* KRISS_RESTRICT cell,
                                      const T* KRISS_RESTRICT q, int nu, index_t count, T* KRISS_RESTRICT out) {
    constexpr int V = Lanes<T>::count;
    const int k = K >= 0 ? K : s.k;
    lanes<T> h[(K >= 0 ? K : bspline_max_degree) + 1];
    basis_batch<T, K, Plain>(s.t, k, cell, q, nu, h);
    const index_t m = s.columns;
    if (m == 1) {
        lanes<T> x;
        __builtin_memcpy(&x, q, sizeof x);
        lanes<T> sum = {};
        if constexpr (K >= 0) {
            lanes<T> c[K + 1];
            neighbours<T, K + 1>(s.c, cell, c);
#pragma GCC unroll 8
            for (int a = 0; a <= K; ++a) {
                sum += c[a] * h[a];
            }
        } else {
            for (int a = 0; a <= k; ++a) {
                lanes<T> c;
                gather(s.c + a, cell, c);
                sum += c * h[a];
            }
        }
        sum = x == x ? sum : x;  // degree 0 does not look at x
        if (count == V) {
            __builtin_memcpy(out, &sum, sizeof sum);
        } else {
            for (index_t l = 0; l < count; ++l) {
                out[l] = sum[l];
            }
        }
        return;
    }
    for (index_t l = 0; l < count; ++l) {
        const T* const c = s.c + static_cast<index_t>(cell[l]) * m;
        T* const row = out + l * m;
        const bool known = q[l] == q[l];
        index_t column = 0;
        for (; column + V <= m; column += V) {
            T sum[V] = {};
            for (int a = 0; a <= k; ++a) {
                const T* const ca = c + a * m + column;
                for (index_t v = 0; v < V; ++v) {
                    sum[v] += ca[v] * h[a][l];
                }
            }
            for (index_t v = 0; v < V; ++v) {
                row[column + v] = known ? sum[v] : q[l];
            }
        }
        for (; column < m; ++column) {
            T sum = T(0);
            for (int a = 0; a <= k; ++a) {
                sum += c[a * m + column] * h[a][l];
            }
            row[column] = known ? sum : q[l];
        }
    }
}

template <class T, int K, bool Plain>
KRISS_NOINLINE void placed_points(const BSplineView<T>& s, const std::int32_t* cell, const T* q, int nu, index_t points,
                                  T* out) {
    constexpr int V = 64 / sizeof(T);
    for (index_t p = 0; p < points; p += V) {
        const index_t count = points - p < V ? points - p : V;
        placed_batch<T, K, Plain>(s, cell + p, q + p, nu, count, out + p * s.columns);
    }
}

template <class T>
void bspline_points(const KnotIndex<T>& ix, const BSplineView<T>& s, const T* x, index_t points, int nu, Beyond beyond,
                    T* out, const Executor& ex) {
    constexpr index_t wide = 64;  // every stage of the search has 64 loads in flight
    constexpr index_t small = 64 / sizeof(T);
    const index_t m = s.columns;
    auto* const run = nu > 0     ? s.k == 3 ? &placed_points<T, 3, false> : &placed_points<T, -1, false>
                      : s.k == 1 ? &placed_points<T, 1, true>
                      : s.k == 2 ? &placed_points<T, 2, true>
                      : s.k == 3 ? &placed_points<T, 3, true>
                      : s.k == 4 ? &placed_points<T, 4, true>
                      : s.k == 5 ? &placed_points<T, 5, true>
                      : s.k == 7 ? &placed_points<T, 7, true>
                                 : &placed_points<T, -1, true>;
    const index_t per_chunk = m <= 1 ? 16384 : 16384 / m < wide ? wide : 16384 / m / wide * wide;
    ex.parallel_for(points, per_chunk, [&](index_t begin, index_t end) {
        T q[wide];
        std::int32_t cell[wide];
        index_t p = begin;
        for (; p + wide <= end; p += wide) {
            place_batch<T, wide>(ix, x + p, beyond, cell, q);
            run(s, cell, q, nu, wide, out + p * m);
        }
        for (; p < end; p += small) {
            T xs[small];  // the last few, padded with the first knot
            const index_t count = end - p < small ? end - p : small;
            for (index_t l = 0; l < small; ++l) {
                xs[l] = l < count ? x[p + l] : ix.x[0];
            }
            place_batch<T, small>(ix, xs, beyond, cell, q);
            run(s, cell, q, nu, count, out + p * m);
        }
        if (zero_outside(beyond, nu)) {
            blank_outside(ix, x, begin, end, m, out);
        }
    });
}

}  // namespace detail

// Derivative nu of the spline at x: (points), out: (points, columns). Any order of points; nothing is remembered.
// k <= bspline_max_degree.
template <class T>
void bspline_evaluate(const KnotIndex<T>& ix, const BSplineView<T>& s, const T* x, index_t points, int nu,
                      Beyond beyond, T* out, const Executor& ex) {
    if (nu > s.k) {
        // A derivative of order k + 1: zero wherever the spline is known.
        const T first = ix.x[0];
        const T last = ix.x[ix.n - 1];
        const index_t m = s.columns;
        ex.parallel_for(points, 16384 / (m < 16384 ? m : 16384) + 1, [&](index_t begin, index_t end) {
            for (index_t q = begin; q < end; ++q) {
                const T v = beyond == Beyond::wrap ? wrap_periodic(x[q], first, last) : x[q];
                const bool known = beyond == Beyond::nan ? (v >= first && v <= last) : v == v;  // not NaN
                for (index_t column = 0; column < m; ++column) {
                    out[q * m + column] = known ? T(0) : std::numeric_limits<T>::quiet_NaN();
                }
            }
        });
        return;
    }
    detail::bspline_points(ix, s, x, points, nu, beyond, out, ex);
}

KRISS_NAMESPACE_END
