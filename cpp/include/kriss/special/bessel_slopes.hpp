// Derivatives of log I_v(x) and log K_v(x) in order and argument, and the ratios I_{v+1} / I_v and K_{v+1} / K_v.
//
// The regions and sources of bessel.hpp; every formula there is differentiated term by term, so nothing is a difference
// of nearby values. A ratio is not the exponential of a difference of logarithms, which would lose the digits of the
// logarithms: it comes from the derivative in x (DLMF 10.29.2) or from one more step of the recurrence.
//
// One element at a time, with branches: about 100 to 700 flops each.
#pragma once

#include <cmath>

#include "kriss/special/bessel.hpp"

KRISS_NAMESPACE_BEGIN

namespace special {

struct Slopes {
    double order, argument;  // derivatives of the logarithm
    double ratio;            // the function of the next order over this one
};

struct UniformSums {
    double s, by_g, by_tau;
};

KRISS_HD inline UniformSums uniform_sums(int terms, double g, double tau) {
    double total = 0.0;
    double by_g = 0.0;
    double by_tau = 0.0;
    for (int k = terms; k >= 1; --k) {
        const double* c = sc::uniform[k].c;
        double p = c[k];
        double q = 0.0;
        for (int j = k - 1; j >= 0; --j) {
            q = q * tau + p;
            p = p * tau + c[j];
        }
        by_g = by_g * g + total;
        by_tau = by_tau * g + q;
        total = total * g + p;
    }
    return {1.0 + total * g, by_g * g + total, by_tau * g};
}

template <int Kind>
KRISS_HD inline Slopes uniform_finish(double v, double x, double rho, double inv, double t, double c, double angled,
                                      double dv, double dx) {
    const double tail = -0.5 * c * inv + dx;
    return {-Kind * angled - 0.5 * t * inv + dv, Kind * (rho / x) + tail,
            Kind > 0 ? x / (rho + v) + tail : (rho + v) / x - tail};
}

template <int Kind>
KRISS_HD inline Slopes uniform_slopes(double v, double x) {
    const double rho2 = v * v + x * x;
    const double rho = std::sqrt(rho2);
    const double inv = 1.0 / rho;
    const double t = v * inv;
    const double c = x * inv;
    const UniformSums u = uniform_sums(uniform_terms(rho2), Kind * inv, t * t);
    const double by_g = Kind * u.by_g;
    const double common = inv / u.s;
    const double dv = (2.0 * t * c * c * u.by_tau - t * inv * by_g) * common;
    const double dx = (-2.0 * c * t * t * u.by_tau - c * inv * by_g) * common;
    return uniform_finish<Kind>(v, x, rho, inv, t, c, angle(v, x, rho), dv, dx);
}

template <int Kind>
KRISS_HD inline Slopes extreme_slopes(double v, double x) {
    const bool far = v > huge || x > huge;
    const double scale = far ? 0x1p-600 : 1.0;
    const double shift = far ? 600.0 * ln2 : 0.0;
    const double a = v * scale;
    const double b = x * scale;
    const double rho = std::sqrt(a * a + b * b);
    const double angled = b >= tiny ? angle(a, b, rho) : math::log(a + rho) + shift - math::log(x);
    const double inv = 1.0 / rho;
    double dv = 0.0;
    if (!far) {
        const UniformSums u = uniform_sums(13, Kind * inv, 1.0);
        dv = -(inv * Kind * u.by_g) * (inv / u.s);
    }
    return uniform_finish<Kind>(a, b, rho, inv * scale, a * inv, b * inv, angled, dv, 0.0);
}

KRISS_HD inline double series_value(int terms, double v, double x) {
    const double q = 0.25 * x * x;
    double h = 1.0;
    for (int k = terms; k >= 1; --k) {
        h = 1.0 + (q / (k * (k + v))) * h;
    }
    return h;
}

struct ValueSlope {
    double value, slope;
};

KRISS_HD inline ValueSlope series_slope(int terms, double v, double x) {
    const double q = 0.25 * x * x;
    double h = 1.0;
    double d = 0.0;
    for (int k = terms; k >= 1; --k) {
        const double r = 1.0 / (k + v);
        const double c = (q / k) * r;
        d = c * (d - r * h);
        h = 1.0 + c * h;
    }
    return {h, d};
}

KRISS_HD inline ValueSlope reciprocal_gamma_slope(double m) {
    double s = sc::reciprocal_gamma[22];
    double d = 0.0;
    for (int k = 21; k >= 0; --k) {
        d = d * m + s;
        s = s * m + sc::reciprocal_gamma[k];
    }
    return {s, d};
}

// psi(v) - ln v + 1 / (2 v), negated
KRISS_HD inline double digamma_rest(double v) {
    const double z = 1.0 / (v * v);
    double g = sc::digamma[8];
    for (int k = 7; k >= 0; --k) {
        g = g * z + sc::digamma[k];
    }
    return g * z;
}

KRISS_HD inline Slopes series_slopes(double v, double x) {
    const int terms = series_terms(x);
    const ValueSlope h = series_slope(terms, v, x);
    const double ratio = (0.5 * x / (v + 1.0)) * (series_value(terms, v + 1.0, x) / h.value);
    double order = 0.0;
    if (v < stirling_from) {
        const double n = std::floor(v + 0.5);
        const double m = v - n;
        const ValueSlope r = reciprocal_gamma_slope(m);
        order = log_half(x) + r.slope / r.value;
        for (int j = 1; j <= static_cast<int>(n); ++j) {
            order = order - 1.0 / (m + j);
        }
        order = order + h.slope / h.value;
    } else {
        const double base = x < tiny ? math::log(x) - math::log(v) : math::log(x / v);
        order = ((base - ln2) - 0.5 / v) + (digamma_rest(v) + h.slope / h.value);
    }
    return {order, v / x + ratio, ratio};
}

// Values at orders m and m + 1 and their derivatives in m.
struct PairSlopes {
    double k0, k1, d0, d1;
};

KRISS_HD inline PairSlopes temme_slopes(int terms, double m, double x) {
    const double big = -log_half(x);
    const double s = m * big;
    const double z = m * m;
    const double* const c0 = sc::reciprocal_gamma;
    double odd = c0[21];
    double even = c0[22];
    double odd_z = 0.0;
    double even_z = 0.0;
    for (int k = 19; k >= 1; k -= 2) {
        odd_z = odd_z * z + odd;
        even_z = even_z * z + even;
        odd = odd * z + c0[k];
        even = even * z + c0[k + 1];
    }
    even_z = even_z * z + even;
    even = even * z + c0[0];
    const double odd_m = 2.0 * m * odd_z;
    const double even_m = 2.0 * m * even_z;
    const double up = even + m * odd;
    const double down = even - m * odd;
    const double up_m = (even_m + odd + m * odd_m) / up;
    const double down_m = (even_m - odd - m * odd_m) / down;
    const double a = math::detail::magnitude(s);
    const double em = math::expm1(a);
    const double e = em + 1.0;
    const double ei = 1.0 / e;
    const double cosh = 0.5 * (e + ei);
    const double sinh = 0.5 * (em + em * ei);
    const double sinhc = a > 0.0 ? sinh / a : 1.0;
    double sinhc_s = 0.0;
    if (a < 0.5) {
        // sum of 2 k s^(2 k - 1) / (2 k + 1)!
        const double y = s * s;
        sinhc_s =
            s * (1.0 / 3 +
                 y * (1.0 / 30 + y * (1.0 / 840 + y * (1.0 / 45360 + y * (1.0 / 3991680 + y * (1.0 / 518918400))))));
    } else {
        sinhc_s = (cosh - sinhc) / s;
    }
    const double signed_sinh = s >= 0.0 ? sinh : -sinh;
    const double b = even * big * sinhc - odd * cosh;
    const double b_m = even_m * big * sinhc + even * big * big * sinhc_s - odd_m * cosh - odd * big * signed_sinh;
    const double w = 1.0 / (up * down);
    double f = b * w;
    double df = b_m * w - f * (up_m + down_m);
    double p = 0.5 * (s >= 0.0 ? e : ei) / up;
    double dp = p * (big - up_m);
    double q = 0.5 * (s >= 0.0 ? ei : e) / down;
    double dq = q * (-big - down_m);
    const double h = 0.25 * x * x;
    double c = 1.0;
    PairSlopes y{f, p, df, dp};
    for (int k = 1; k < terms; ++k) {
        const double r = 1.0 / (k * k - z);
        f = (k * f + (p + q)) * r;
        df = ((k * df + (dp + dq)) + 2.0 * m * f) * r;
        p = p * ((k + m) * r);
        dp = (dp + p) * ((k + m) * r);
        q = q * ((k - m) * r);
        dq = (dq - q) * ((k - m) * r);
        c = c * (h / k);
        y.k0 = y.k0 + c * f;
        y.k1 = y.k1 + c * (p - k * f);
        y.d0 = y.d0 + c * df;
        y.d1 = y.d1 + c * (dp - k * df);
    }
    return y;
}

// two_way and its derivative in s
template <class Table>
KRISS_HD inline ValueSlope two_way_slope(const Table& table, double y, double s) {
    double a = 0.0;
    double da = 0.0;
    for (int i = 15; i >= 0; --i) {
        double p = table[i].c[6];
        double d = 0.0;
        for (int j = 5; j >= 0; --j) {
            d = d * s + p;
            p = p * s + table[i].c[j];
        }
        a = a * y + p;
        da = da * y + d;
    }
    return {a, da};
}

KRISS_HD inline PairSlopes interpolated_slopes(double m, double x) {
    const double y = ((x - 1.0) / (x + 1.0) - sc::k_centre) * sc::k_half;
    const double s = 8.0 * (m * m) - 1.0;
    const ValueSlope a = two_way_slope(sc::k_value, y, s);
    const ValueSlope b = two_way_slope(sc::k_slope, y, s);
    const double da = 16.0 * m * a.slope;
    const double db = 16.0 * m * b.slope;
    return {a.value, (m / x) * a.value + b.value, da, (a.value + m * da) / x + db};
}

KRISS_HD inline PairSlopes climb_slopes(int n, double m, PairSlopes k, double by_order, double by_previous) {
    for (int j = 1; j <= n; ++j) {
        const double w = (m + j) * by_order;
        const double k2 = w * k.k1 + by_previous * k.k0;
        const double d2 = (w * k.d1 + by_previous * k.d0) + by_order * k.k1;
        k = {k.k1, k2, k.d1, d2};
    }
    return k;
}

KRISS_HD inline Slopes small_k_slopes(double v, double x) {
    const double nearest = std::floor(v + 0.5);
    const double m = v - nearest;
    const int n = static_cast<int>(nearest);
    PairSlopes k{};
    double ratio = 0.0;
    if (x <= 2.0) {
        k = climb_slopes(n, m, temme_slopes(temme_terms(x), m, x), 1.0, 0.25 * x * x);
        ratio = x > tiny ? k.k1 / k.k0 / (0.5 * x) : k.k1 / k.k0 / x * 2.0;
    } else {
        k = climb_slopes(n, m, interpolated_slopes(m, x), 2.0 / x, 1.0);
        ratio = k.k1 / k.k0;
    }
    return {k.d0 / k.k0, v / x - ratio, ratio};
}

// v >= 0 (K: > -1/2 for the ratio alone), x > 0, both finite
template <int Kind>
KRISS_HD inline Slopes slopes(double v, double x) {
    if (is_extreme(v, x)) {
        return extreme_slopes<Kind>(v, x);
    }
    if (v * v + x * x >= uniform_from) {
        return uniform_slopes<Kind>(v, x);
    }
    if constexpr (Kind > 0) {
        return series_slopes(v, x);
    } else {
        return small_k_slopes(v, x);
    }
}

// With the limits at 0 and infinity; NaN outside the domain.
template <int Kind>
KRISS_HD inline Slopes slopes_anywhere(double v0, double x) {
    const double inf = math::detail::infinity64();
    const double nan = math::detail::nan64();
    const double v = Kind < 0 ? math::detail::magnitude(v0) : v0;
    if (!(v >= 0.0) || !(x >= 0.0) || (v == inf && x == inf)) {
        return {nan, nan, nan};
    }
    Slopes y{};
    if (v == inf) {
        y = {-Kind * inf, Kind * inf, Kind > 0 ? 0.0 : inf};
    } else if (x == inf) {
        y = {-Kind * 0.0, Kind * 1.0, 1.0};
    } else if (x == 0.0) {
        y = {Kind < 0 && v == 0.0 ? 0.0 : -Kind * inf, Kind > 0 ? (v > 0.0 ? inf : 0.0) : -inf, Kind > 0 ? 0.0 : inf};
    } else {
        y = slopes<Kind>(v, x);
    }
    if (Kind < 0 && v0 < 0.0) {
        return {-y.order, y.argument, nan};  // even in the order; no ratio there
    }
    return y;
}

}  // namespace special

KRISS_NAMESPACE_END
