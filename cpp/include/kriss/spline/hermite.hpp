// Cubic pieces from values and first derivatives, and two ways to choose those from values alone.
//
// With slopes s_i = (y_{i+1} - y_i) / h_i and derivatives d_i, on [x_i, x_{i+1}] in powers of x - x_i
//     c_0 = t / h,  c_1 = (s - d_i) / h - t,  c_2 = d_i,  c_3 = y_i,   t = (d_i + d_{i+1} - 2 s) / h.
//
// PCHIP. F. N. Fritsch, J. Butland, A method for constructing local monotone piecewise cubic interpolants, SIAM J. Sci.
// Stat. Comput. 5 (1984), eq. (5) with the weights of Brodlie: d_i = 0 where s_{i-1}, s_i differ in sign or vanish,
// else the harmonic mean (w_1 + w_2) / (w_1 / s_{i-1} + w_2 / s_i), w_1 = 2 h_i + h_{i-1}, w_2 = h_i + 2 h_{i-1}. At
// the ends the three-point derivative, held to shape: C. Moler, Numerical Computing with MATLAB, 2004, section 3.6.
//
// Akima. H. Akima, A new method of interpolation and smooth curve fitting based on local procedures, J. ACM 17 (1970),
// eq. (1): d_i = s_{i-1} + (f_2 / (f_1 + f_2)) (s_i - s_{i-1}), f_1 = |s_{i+1} - s_i|, f_2 = |s_{i-1} - s_{i-2}|, two
// slopes added at each end by linear extrapolation. Modified: |s_{i+1} + s_i| / 2 and |s_{i-1} + s_{i-2}| / 2 are added
// (C. Moler, C. Ionita, Makima Piecewise Cubic Interpolation, 2019). Where f_1 + f_2 is below 1e-9 of its maximum the
// quotient says nothing, and d_i = (s_{i-2} + s_{i+1}) / 2. The maximum is taken over a column, or over all columns as
// scipy.interpolate.Akima1DInterpolator does.
//
// The operations and their order are SciPy's, so that both round alike.
// Traffic per knot and column in float64: slopes 24 B, derivatives 16 to 24 B, pieces 56 B. Divisions: 1 + 4 + 3.
#pragma once

#include <limits>

#include "kriss/config.hpp"
#include "kriss/executor.hpp"
#include "kriss/status.hpp"

KRISS_NAMESPACE_BEGIN

enum class Local : int { pchip = 0, akima = 1, makima = 2 };

// Rows of a chunk: its border depends on the number of columns alone.
inline index_t hermite_grain(index_t m) { return m < 4096 ? 8192 / (m < 1 ? 1 : m) + 1 : 3; }

// Items of T that `local_cubic` needs as scratch: derivatives (n, m), maxima (m), one flag a chunk.
inline index_t local_cubic_work(index_t n, index_t m) { return n * m + m + n / hermite_grain(m) + 2; }

template <class T>
KRISS_HD KRISS_ALWAYS_INLINE T magnitude(T a) {
    return a < T(0) ? -a : a;
}

template <class T>
KRISS_HD KRISS_ALWAYS_INLINE int sign_of(T a) {
    return static_cast<int>(a > T(0)) - static_cast<int>(a < T(0));
}

// Derivative between cells of widths h0, h1 and slopes s0, s1.
template <class T>
KRISS_HD KRISS_ALWAYS_INLINE T pchip_inside(T h0, T h1, T s0, T s1) {
    const T w1 = T(2) * h1 + h0;
    const T w2 = h1 + T(2) * h0;
    const T mean = T(1) / ((w1 / s0 + w2 / s1) / (w1 + w2));
    const bool same = ((s0 > T(0)) & (s1 > T(0))) | ((s0 < T(0)) & (s1 < T(0)));
    return same ? mean : T(0);
}

// Derivative at an end: h0, s0 belong to the end cell.
template <class T>
KRISS_HD KRISS_ALWAYS_INLINE T pchip_end(T h0, T h1, T s0, T s1) {
    const T d = ((T(2) * h0 + h1) * s0 - h0 * s1) / (h0 + h1);
    if (sign_of(d) != sign_of(s0)) {
        return T(0);
    }
    return sign_of(s0) != sign_of(s1) && magnitude(d) > T(3) * magnitude(s0) ? T(3) * s0 : d;
}

// f_1 (from s_i, s_{i+1}) or f_2 (from s_{i-2}, s_{i-1}).
template <class T>
KRISS_HD KRISS_ALWAYS_INLINE T akima_weight(T a, T b, bool modified) {
    const T w = magnitude(b - a);
    return modified ? w + T(0.5) * magnitude(b + a) : w;
}

// Derivative from the slopes of the four cells around a knot; `least` is the smallest f_1 + f_2 that counts.
template <class T>
KRISS_HD KRISS_ALWAYS_INLINE T akima_inside(T s0, T s1, T s2, T s3, bool modified, T least) {
    const T f1 = akima_weight(s2, s3, modified);
    const T f2 = akima_weight(s0, s1, modified);
    const T f = f1 + f2;
    return f > least ? s1 + (f2 / f) * (s2 - s1) : T(0.5) * (s3 + s0);
}

// The piece of width h between (y, d0) and a knot with derivative d1.
template <class T>
KRISS_HD KRISS_ALWAYS_INLINE void hermite_cell(T h, T s, T d0, T d1, T y, T* c0, T* c1, T* c2, T* c3) {
    const T t = (d0 + d1 - T(2) * s) / h;
    *c0 = t / h;
    *c1 = (s - d0) / h - t;
    *c2 = d0;
    *c3 = y;
}

namespace detail {

// Slopes (N, m) of rows [begin, end); whether every width is positive and every slope finite.
template <class T>
inline bool hermite_slopes(const T* KRISS_RESTRICT x, const T* KRISS_RESTRICT y, index_t m, index_t begin, index_t end,
                           T* KRISS_RESTRICT s) {
    constexpr T big = std::numeric_limits<T>::max();
    int bad = 0;
    if (m == 1) {
        for (index_t i = begin; i < end; ++i) {
            const T h = x[i + 1] - x[i];
            const T v = (y[i + 1] - y[i]) / h;
            bad |= static_cast<int>(!((h > T(0)) & (h <= big) & (v <= big) & (v >= -big)));
            s[i] = v;
        }
        return bad == 0;
    }
    for (index_t i = begin; i < end; ++i) {
        const T h = x[i + 1] - x[i];
        bad |= static_cast<int>(!((h > T(0)) & (h <= big)));
        for (index_t t = 0; t < m; ++t) {
            const T v = (y[(i + 1) * m + t] - y[i * m + t]) / h;
            bad |= static_cast<int>(!((v <= big) & (v >= -big)));
            s[i * m + t] = v;
        }
    }
    return bad == 0;
}

// Slope k of one column, k in [-2, N + 1]; `m` apart. N >= 2.
template <class T>
KRISS_ALWAYS_INLINE T akima_slope(const T* s, index_t N, index_t m, index_t k) {
    if (k >= 0 && k < N) {
        return s[k * m];
    }
    const T a = k < 0 ? s[0] : s[(N - 1) * m];
    const T b = k < 0 ? s[m] : s[(N - 2) * m];
    const T once = T(2) * a - b;
    return k == -1 || k == N ? once : T(2) * once - a;
}

// f_1 + f_2 at knot i of one column.
template <class T>
KRISS_ALWAYS_INLINE T akima_sum(const T* s, index_t N, index_t m, index_t i, bool modified) {
    return akima_weight(akima_slope(s, N, m, i), akima_slope(s, N, m, i + 1), modified) +
           akima_weight(akima_slope(s, N, m, i - 2), akima_slope(s, N, m, i - 1), modified);
}

// Largest f_1 + f_2 over knots [begin, end) of one column; infinite sums count, NaN (from infinite ones) becomes that.
template <class T>
inline T akima_peak(const T* KRISS_RESTRICT s, index_t N, index_t m, index_t begin, index_t end, bool modified) {
    constexpr T inf = std::numeric_limits<T>::infinity();
    constexpr int lanes = 16;
    T peak[lanes] = {};
    index_t i = begin;
    const index_t plain = end < N - 1 ? end : N - 1;
    for (; i < end && i < 2; ++i) {
        const T f = akima_sum(s, N, m, i, modified);
        peak[0] = f <= peak[0] ? peak[0] : f == f ? f : inf;
    }
    if (m == 1) {
        for (; i + lanes <= plain; i += lanes) {
            for (int l = 0; l < lanes; ++l) {
                const T* const at = s + i + l;
                const T f = akima_weight(at[0], at[1], modified) + akima_weight(at[-2], at[-1], modified);
                const T known = f == f ? f : inf;
                peak[l] = known > peak[l] ? known : peak[l];
            }
        }
    }
    for (; i < end; ++i) {
        const T f = akima_sum(s, N, m, i, modified);
        const T known = f == f ? f : inf;
        peak[0] = known > peak[0] ? known : peak[0];
    }
    for (int l = 1; l < lanes; ++l) {
        peak[0] = peak[l] > peak[0] ? peak[l] : peak[0];
    }
    return peak[0];
}

// Derivatives at knots [begin, end). s: (N, m), least: (m), d: (n, m).
template <class T>
inline void local_derivatives(Local kind, const T* KRISS_RESTRICT x, const T* KRISS_RESTRICT s, index_t n, index_t m,
                              const T* KRISS_RESTRICT least, index_t begin, index_t end, T* KRISS_RESTRICT d) {
    const index_t N = n - 1;
    const bool modified = kind == Local::makima;
    const index_t lo = kind == Local::pchip ? 1 : 2;
    const index_t hi = kind == Local::pchip ? N : N - 1;  // rows [lo, hi) see slopes on both sides
    for (index_t i = begin; i < end; ++i) {
        if (i >= lo && i < hi) {
            if (m > 1) {
                const T* const at = s + i * m;
                if (kind == Local::pchip) {
                    const T h0 = x[i] - x[i - 1];
                    const T h1 = x[i + 1] - x[i];
                    for (index_t t = 0; t < m; ++t) {
                        d[i * m + t] = pchip_inside(h0, h1, at[t - m], at[t]);
                    }
                } else {
                    for (index_t t = 0; t < m; ++t) {
                        d[i * m + t] = akima_inside(at[t - 2 * m], at[t - m], at[t], at[t + m], modified, least[t]);
                    }
                }
                continue;
            }
            const index_t stop = end < hi ? end : hi;
            if (kind == Local::pchip) {
                for (; i < stop; ++i) {
                    d[i] = pchip_inside(x[i] - x[i - 1], x[i + 1] - x[i], s[i - 1], s[i]);
                }
            } else {
                const T cut = least[0];
                for (; i < stop; ++i) {
                    d[i] = akima_inside(s[i - 2], s[i - 1], s[i], s[i + 1], modified, cut);
                }
            }
            --i;
            continue;
        }
        for (index_t t = 0; t < m; ++t) {
            const T* const col = s + t;
            T value;
            if (N == 1) {
                value = col[0];
            } else if (kind == Local::pchip) {
                value = i == 0 ? pchip_end(x[1] - x[0], x[2] - x[1], col[0], col[m])
                               : pchip_end(x[N] - x[N - 1], x[N - 1] - x[N - 2], col[(N - 1) * m], col[(N - 2) * m]);
            } else {
                value = akima_inside(akima_slope(col, N, m, i - 2), akima_slope(col, N, m, i - 1),
                                     akima_slope(col, N, m, i), akima_slope(col, N, m, i + 1), modified, least[t]);
            }
            d[i * m + t] = value;
        }
    }
}

// Pieces [begin, end); c0 holds the slopes on entry.
template <class T>
inline void hermite_cells(const T* KRISS_RESTRICT x, const T* KRISS_RESTRICT y, const T* KRISS_RESTRICT d, index_t m,
                          index_t begin, index_t end, T* KRISS_RESTRICT c0, T* KRISS_RESTRICT c1, T* KRISS_RESTRICT c2,
                          T* KRISS_RESTRICT c3) {
    if (m == 1) {
        for (index_t i = begin; i < end; ++i) {
            hermite_cell(x[i + 1] - x[i], c0[i], d[i], d[i + 1], y[i], c0 + i, c1 + i, c2 + i, c3 + i);
        }
        return;
    }
    for (index_t i = begin; i < end; ++i) {
        const T h = x[i + 1] - x[i];
        for (index_t k = i * m; k < (i + 1) * m; ++k) {
            hermite_cell(h, c0[k], d[k], d[k + m], y[k], c0 + k, c1 + k, c2 + k, c3 + k);
        }
    }
}

template <class T>
Info checked_slopes(const T* x, const T* y, index_t n, index_t m, T* s, T* flags, const Executor& ex) {
    const index_t grain = hermite_grain(m);
    ex.parallel_for(n - 1, grain, [=](index_t begin, index_t end) {
        flags[begin / grain] = hermite_slopes(x, y, m, begin, end, s) ? T(0) : T(1);
    });
    if (ex.interrupted()) {
        return {Status::interrupted, -1};
    }
    for (index_t i = 0; i < (n - 1 + grain - 1) / grain; ++i) {
        if (flags[i] != T(0)) {
            return {Status::not_monotone, -1};
        }
    }
    return {};
}

template <class T>
Info all_cells(const T* x, const T* y, const T* d, index_t n, index_t m, T* c, const Executor& ex) {
    const index_t size = (n - 1) * m;
    ex.parallel_for(n - 1, hermite_grain(m), [=](index_t begin, index_t end) {
        hermite_cells(x, y, d, m, begin, end, c, c + size, c + 2 * size, c + 3 * size);
    });
    return {ex.interrupted() ? Status::interrupted : Status::ok, -1};
}

}  // namespace detail

// x: (n), y, d: (n, m), c: (4, n - 1, m) as PPoly stores it, flags: (n / hermite_grain(m) + 2). n >= 2.
// Status not_monotone: some x does not increase, or a width or slope is not finite.
template <class T>
Info hermite_cubic(const T* x, const T* y, const T* d, index_t n, index_t m, T* c, T* flags, const Executor& ex) {
    const Info checked = detail::checked_slopes(x, y, n, m, c, flags, ex);
    return checked.status == Status::ok ? detail::all_cells(x, y, d, n, m, c, ex) : checked;
}

// x: (n), y: (n, m), c: (4, n - 1, m) as PPoly stores it, work: local_cubic_work(n, m). n >= 2; with n = 2 a straight
// line. shared: Akima's cut is taken over all columns. Status not_monotone as above; non_finite: the weights overflow.
template <class T>
Info local_cubic(Local kind, const T* x, const T* y, index_t n, index_t m, bool shared, T* c, T* work,
                 const Executor& ex) {
    const index_t N = n - 1;
    const index_t grain = hermite_grain(m);
    T* const d = work;              // (n, m)
    T* const least = work + n * m;  // (m)
    T* const flags = least + m;     // one a chunk
    const Info checked = detail::checked_slopes(x, y, n, m, c, flags, ex);
    if (checked.status != Status::ok) {
        return checked;
    }
    const T* const s = c;
    if (kind != Local::pchip && N > 1) {
        const bool modified = kind == Local::makima;
        if (m == 1) {
            ex.parallel_for(n, grain, [=](index_t begin, index_t end) {
                flags[begin / grain] = detail::akima_peak(s, N, index_t(1), begin, end, modified);
            });
            least[0] = T(0);
            for (index_t i = 0; i < (n + grain - 1) / grain; ++i) {
                least[0] = flags[i] > least[0] ? flags[i] : least[0];
            }
        } else {
            ex.parallel_for(m, 8, [=](index_t begin, index_t end) {
                for (index_t t = begin; t < end; ++t) {
                    least[t] = detail::akima_peak(s + t, N, m, index_t(0), n, modified);
                }
            });
        }
        if (ex.interrupted()) {
            return {Status::interrupted, -1};
        }
        T most = T(0);
        for (index_t t = 0; t < m; ++t) {
            most = least[t] > most ? least[t] : most;
        }
        if (most > std::numeric_limits<T>::max()) {
            return {Status::non_finite, -1};
        }
        for (index_t t = 0; t < m; ++t) {
            least[t] = T(1e-9) * (shared ? most : least[t]);
        }
    }
    ex.parallel_for(n, grain, [=](index_t begin, index_t end) {
        detail::local_derivatives(kind, x, s, n, m, least, begin, end, d);
    });
    if (ex.interrupted()) {
        return {Status::interrupted, -1};
    }
    return detail::all_cells(x, y, d, n, m, c, ex);
}

KRISS_NAMESPACE_END
