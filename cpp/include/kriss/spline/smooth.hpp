// Cubic smoothing splines: minimise sum_i w_i (y_i - f(x_i))^2 + lam int f''^2, for many lam at once.
//
// G. Wahba, Improper priors, spline smoothing and the problem of guarding against model errors in regression, J. R.
// Stat. Soc. B 40, 1978: f is the mean of an integrated Wiener process with a diffuse start, given data with variances
// lam / w_i. W. E. Wecker, C. F. Ansley, The signal extraction approach to nonlinear regression and spline smoothing,
// J. Am. Stat. Assoc. 78, 1983: its state (f, f') obeys over a step h
//     F = [1 h; 0 1],   process covariance [h^3/3 h^2/2; h^2/2 h],
// so that a Kalman filter and a backward pass solve the problem in O(n). P. de Jong, Smoothing and interpolation with
// the state-space model, J. Am. Stat. Assoc. 84, 1989: with innovations v_t, variances S_t, gains m_t, and r, N from
// the last point backwards (r~ = F'r, N~ = F'NF),
//     u_t = v_t / S_t - m_t'r~,   D_t = 1 / S_t + m_t'N~ m_t,   r = r~ + e_1 u_t,
//     N = (I - m e_1')'N~ (I - m e_1') + e_1 e_1' / S_t.
// Then y_t - f_t = lam u_t / w_t, the leverage is 1 - lam D_t / w_t, f'' = r~_2, and (de Boor's and Reinsch's) energy,
// min sum w (y - f)^2 + lam int f''^2 = lam sum v_t^2 / S_t. The first two points fix the diffuse start exactly.
//
// Reinsch's banded equations R + lam Q'W^-1 Q cost the same but lose lam / lam0 units of their last place, which rules
// them out for many points: their fourth differences cancel. Here every variance is a sum of positive terms.
//
// The chain of divisions makes one filter slow, and lam enters only through one number a row: eight values of lam are
// taken together, in vector lanes; each lane does what it would do alone.
#pragma once

#include "kriss/config.hpp"
#include "kriss/executor.hpp"
#include "kriss/math.hpp"
#include "kriss/spline/lanes.hpp"
#include "kriss/status.hpp"

KRISS_NAMESPACE_BEGIN

constexpr index_t smooth_lanes = 8;

// Items of T that smooth_scan and smooth_fit need as scratch, for n points and `count` values of lam.
inline index_t smooth_scan_work(index_t n, index_t count) {
    return (count + smooth_lanes - 1) / smooth_lanes * smooth_lanes * 4 * n;
}
inline index_t smooth_fit_work(index_t n) { return 4 * n; }

namespace detail {

// One group of eight lam. store: (n, 4, 8). Per row and lane 50 flops and one division; 256 B written and read again.
template <class T>
inline void smooth_group(index_t n, const T* KRISS_RESTRICT h, const T* KRISS_RESTRICT rw, const T* KRISS_RESTRICT vr,
                         const T* KRISS_RESTRICT y, const T* lam, T* KRISS_RESTRICT store, T* edf, T* rss, T* energy,
                         T* logdet) {
    using V = typename LanesOf<T>::real;
    using I = typename LanesOf<T>::whole;
    using L = LanesOf<T>;
    const V zero = {};
    V lambda;
    for (int l = 0; l < 8; ++l) {
        lambda[l] = lam[l];
    }
    // State at point 1 after the first two data, and its covariance.
    const T h0 = h[0];
    V value = zero + y[1];
    V slope = zero + (y[1] - y[0]) / h0;
    V p00 = lambda * rw[1];
    V p01 = p00 / h0;
    V p11 = lambda * (rw[0] + rw[1]) / (h0 * h0) + h0 / T(3);
    V quadratic = zero;
    V product = zero + T(1);
    I exponents = {};
    V logs = zero;
    constexpr index_t block = 64;
    for (index_t first = 2; first < n; first += block) {
        const index_t stop = first + block < n ? first + block : n;
        for (index_t t = first; t < stop; ++t) {
            const T step = h[t - 1];
            value += step * slope;
            p00 += step * (T(2) * p01 + step * p11) + step * step * step / T(3);
            p01 += step * p11 + step * step / T(2);
            p11 += step;
            const V noise = lambda * rw[t];
            const V variance = p00 + noise;
            const V inverse = T(1) / variance;
            const V m0 = p00 * inverse;
            const V m1 = p01 * inverse;
            const V innovation = y[t] - value;
            const V scaled = innovation * inverse;
            const V rest = noise * inverse;
            value += p00 * scaled;
            slope += p01 * scaled;
            p11 -= p01 * m1;
            p00 *= rest;
            p01 *= rest;
            quadratic += innovation * scaled;
            const I word = __builtin_bit_cast(I, variance);
            exponents += ((word >> L::fraction) & L::mask) - L::bias;
            product *= __builtin_bit_cast(V, (word & L::keep) | L::half);
            V* const s = reinterpret_cast<V*>(store) + 4 * t;
            __builtin_memcpy(s, &m0, sizeof(V));
            __builtin_memcpy(s + 1, &m1, sizeof(V));
            __builtin_memcpy(s + 2, &inverse, sizeof(V));
            __builtin_memcpy(s + 3, &scaled, sizeof(V));
        }
        for (int l = 0; l < 8; ++l) {
            logs[l] += math::log(product[l]);
        }
        product = zero + T(1);
    }
    V r0 = zero;
    V r1 = zero;
    V n00 = zero;
    V n01 = zero;
    V n11 = zero;
    V trace = zero;
    V squares = zero;
    for (index_t t = n - 1; t >= 2; --t) {
        V m0;
        V m1;
        V inverse;
        V scaled;
        const V* const s = reinterpret_cast<const V*>(store) + 4 * t;
        __builtin_memcpy(&m0, s, sizeof(V));
        __builtin_memcpy(&m1, s + 1, sizeof(V));
        __builtin_memcpy(&inverse, s + 2, sizeof(V));
        __builtin_memcpy(&scaled, s + 3, sizeof(V));
        const V noise = lambda * rw[t];
        const V rest = noise * inverse;
        const V u = scaled - m0 * r0 - m1 * r1;
        const V own = m1 * m1 * n11;
        const V d = inverse + m0 * (m0 * n00 + T(2) * m1 * n01) + own;
        n00 = rest * (rest * n00 - T(2) * m1 * n01) + own + inverse;
        n01 = rest * n01 - m1 * n11;
        r0 += u;
        trace += T(1) - noise * d;
        squares += vr[t] * (u * u);
        // To the point before.
        const T step = h[t - 1];
        r1 += step * r0;
        n11 += step * (T(2) * n01 + step * n00);
        n01 += step * n00;
    }
    const V u0 = r1 / h0;
    const V u1 = -r0 - u0;
    const V d0 = n11 / (h0 * h0);
    const V d1 = n00 + T(2) * n01 / h0 + d0;
    trace += T(1) - lambda * rw[1] * d1;
    trace += T(1) - lambda * rw[0] * d0;
    squares += vr[1] * (u1 * u1);
    squares += vr[0] * (u0 * u0);
    for (int l = 0; l < 8; ++l) {
        edf[l] = trace[l];
        rss[l] = lam[l] * lam[l] * squares[l];
        energy[l] = lam[l] * quadratic[l];
        logdet[l] = logs[l] + T(0.6931471805599453094172321214581766) * static_cast<T>(exponents[l]);
    }
}

}  // namespace detail

// For each lam: edf = tr A, rss = lam^2 sum vr_i u_i^2 (the weighted sum of squared residuals if vr = rw, the plain one
// if vr = rw^2), energy = min sum w (y - f)^2 + lam int f''^2, and logdet = sum log S_t, the log-determinant of
// lam times the covariance of the contrasts, up to a constant that does not depend on lam.
// h: (n - 1) widths; rw: (n) 1/w; vr: (n); y: (n); n >= 3.
template <class T>
Info smooth_scan(index_t n, const T* h, const T* rw, const T* vr, const T* y, const T* lam, index_t count, T* edf,
                 T* rss, T* energy, T* logdet, T* work, const Executor& ex) {
    const index_t groups = (count + smooth_lanes - 1) / smooth_lanes;
    ex.parallel_for(groups, 1, [=](index_t begin, index_t end) {
        for (index_t g = begin; g < end; ++g) {
            T some[8];
            T out[32];
            for (index_t l = 0; l < 8; ++l) {
                const index_t i = 8 * g + l;
                some[l] = lam[i < count ? i : count - 1];
            }
            detail::smooth_group(n, h, rw, vr, y, some, work + g * 32 * n, out, out + 8, out + 16, out + 24);
            for (index_t l = 0; l < 8 && 8 * g + l < count; ++l) {
                edf[8 * g + l] = out[l];
                rss[8 * g + l] = out[8 + l];
                energy[8 * g + l] = out[16 + l];
                logdet[8 * g + l] = out[24 + l];
            }
        }
    });
    return {ex.interrupted() ? Status::interrupted : Status::ok, -1};
}

// One lam >= 0. y, f, g: (m, n); f the values, g the second derivatives at the data, zero at both ends; leverage: (n),
// the diagonal of A. lam = 0 interpolates. Info: non_finite if the problem left the range of T.
template <class T>
Info smooth_fit(index_t n, index_t m, const T* h, const T* rw, const T* y, T lam, T* f, T* g, T* leverage, T* work) {
    T* const gain0 = work;
    T* const gain1 = work + n;
    T* const inv = work + 2 * n;
    T* const innovations = work + 3 * n;
    const T h0 = h[0];
    T p00 = lam * rw[1];
    T p01 = p00 / h0;
    T p11 = lam * (rw[0] + rw[1]) / (h0 * h0) + h0 / T(3);
    bool good = true;
    for (index_t t = 2; t < n; ++t) {
        const T step = h[t - 1];
        p00 += step * (T(2) * p01 + step * p11) + step * step * step / T(3);
        p01 += step * p11 + step * step / T(2);
        p11 += step;
        const T noise = lam * rw[t];
        const T variance = p00 + noise;
        const T inverse = T(1) / variance;
        good = good && variance > T(0) && inverse > T(0);
        gain0[t] = p00 * inverse;
        gain1[t] = p01 * inverse;
        inv[t] = inverse;
        const T rest = noise * inverse;
        p11 -= p01 * gain1[t];
        p00 *= rest;
        p01 *= rest;
    }
    if (!good) {
        return {Status::non_finite, -1};
    }
    T n00 = T(0);
    T n01 = T(0);
    T n11 = T(0);
    for (index_t t = n - 1; t >= 2; --t) {
        const T noise = lam * rw[t];
        const T rest = noise * inv[t];
        const T m0 = gain0[t];
        const T m1 = gain1[t];
        const T own = m1 * m1 * n11;
        leverage[t] = T(1) - noise * (inv[t] + m0 * (m0 * n00 + T(2) * m1 * n01) + own);
        n00 = rest * (rest * n00 - T(2) * m1 * n01) + own + inv[t];
        n01 = rest * n01 - m1 * n11;
        const T step = h[t - 1];
        n11 += step * (T(2) * n01 + step * n00);
        n01 += step * n00;
    }
    const T d0 = n11 / (h0 * h0);
    leverage[1] = T(1) - lam * rw[1] * (n00 + T(2) * n01 / h0 + d0);
    leverage[0] = T(1) - lam * rw[0] * d0;
    for (index_t c = 0; c < m; ++c) {
        const T* const yc = y + c * n;
        T* const fc = f + c * n;
        T* const gc = g + c * n;
        T value = yc[1];
        T slope = (yc[1] - yc[0]) / h0;
        for (index_t t = 2; t < n; ++t) {
            value += h[t - 1] * slope;
            const T innovation = yc[t] - value;
            innovations[t] = innovation * inv[t];
            value += gain0[t] * innovation;
            slope += gain1[t] * innovation;
        }
        T r0 = T(0);
        T r1 = T(0);
        for (index_t t = n - 1; t >= 2; --t) {
            const T u = innovations[t] - gain0[t] * r0 - gain1[t] * r1;
            gc[t] = r1;
            fc[t] = yc[t] - lam * rw[t] * u;
            r0 += u;
            r1 += h[t - 1] * r0;
        }
        gc[1] = r1;
        gc[0] = T(0);
        const T u0 = r1 / h0;
        fc[1] = yc[1] - lam * rw[1] * (-r0 - u0);
        fc[0] = yc[0] - lam * rw[0] * u0;
    }
    return {};
}

KRISS_NAMESPACE_END
