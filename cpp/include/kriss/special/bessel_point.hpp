// log I_v(x) and log K_v(x) one element at a time, for whoever has a thread per element: the regions, formulas and
// order of operations of bessel.hpp and bessel_map.hpp, hence their bits, with loops over terms in the place of
// unrolled ones and branches in the place of regions. Sources: bessel.hpp.
//
// 100 to 500 flops and 16 bytes read per element; neighbours in one region run alike.
#pragma once

#include "kriss/special/bessel.hpp"

KRISS_NAMESPACE_BEGIN

namespace special {

namespace point {

// c[0] + c[1] x + ... + c[n - 1] x^(n - 1)
KRISS_HD inline double polynomial(const double* c, int n, double x) {
    double s = c[n - 1];
    for (int k = n - 2; k >= 0; --k) {
        s = s * x + c[k];
    }
    return s;
}

KRISS_HD inline double uniform_series(int terms, double g, double tau) {
    double total = 0.0;
    for (int k = terms; k >= 1; --k) {
        total = total * g + polynomial(sc::uniform[k].c, k + 1, tau);
    }
    return 1.0 + total * g;
}

// E where x / v is next to its zero.
KRISS_HD inline double exponent_in_band(double v, double x) {
    const math::detail::Sum p = math::detail::two_product(sc::eta_zero, v);
    const double d = (((x - p.sum) - p.error) - sc::eta_zero_low * v) / v;
    return v * (d * polynomial(sc::eta_taylor, 16, d));
}

template <int Kind>
KRISS_HD inline double uniform(bool scaled, double v, double x) {
    const double rho2 = v * v + x * x;
    const double rho = std::sqrt(rho2);
    const double inv = 1.0 / rho;
    const double t = v * inv;
    const bool band = !scaled && in_band(v, x);
    double e = 0.0;
    if (band) {
        e = exponent_in_band(v, x);
    } else {
        e = (scaled ? v * (v / (rho + x)) : rho) - v * angle(v, x, rho);
    }
    const double s = uniform_series(band ? 13 : uniform_terms(rho2), Kind * inv, t * t);
    return Kind * e + 0.5 * math::log(s * s * inv * (Kind > 0 ? two_pi_inv : half_pi));
}

template <int Kind>
KRISS_HD inline double extreme(bool scaled, double v, double x) {
    const bool far = v > huge || x > huge;
    const double scale = far ? 0x1p-600 : 1.0;
    const double shift = far ? 600.0 * ln2 : 0.0;
    const double a = v * scale;
    const double b = x * scale;
    const double rho = std::sqrt(a * a + b * b);
    const double angled = b >= tiny ? angle(a, b, rho) : math::log(a + rho) + shift - math::log(x);
    double e = 0.0;
    if (scaled) {
        e = a * (a / (rho + b)) - a * angled;
    } else {
        e = in_band(a, b) ? exponent_in_band(a, b) : rho - a * angled;
    }
    double s = 1.0;
    if (!far) {
        s = uniform_series(13, Kind / rho, (a / rho) * (a / rho));
    }
    return Kind * (e / scale) + 0.5 * (math::log(s * s * (Kind > 0 ? two_pi_inv : half_pi) / rho) - shift);
}

KRISS_HD inline double small_i(bool scaled, double v, double x) {
    const double q = 0.25 * x * x;
    double s = 1.0;
    for (int k = series_terms(x); k >= 1; --k) {
        s = 1.0 + (q / (k * (k + v))) * s;
    }
    const double less = scaled ? x : 0.0;
    if (v >= stirling_from) {
        const bool apart = x < tiny;
        const double base = math::log(apart ? x : x / v) - (apart ? math::log(v) : 0.0);
        const double r = 1.0 / v;
        const double rest = polynomial(sc::stirling, 9, r * r) * r;
        return v * (base + (1.0 - ln2)) + ((0.5 * math::log(s * s * two_pi_inv / v) - rest) - less);
    }
    const double n = std::floor(v + 0.5);
    const double m = v - n;
    double product = 1.0;
    for (int j = 1; j <= static_cast<int>(n); ++j) {
        product = product * (m + j);
    }
    return v * log_half(x) + (math::log(s * polynomial(sc::reciprocal_gamma, 23, m) / product) - less);
}

KRISS_HD inline Pair temme(int terms, double m, double x, double big) {
    const double s = m * big;
    const double z = m * m;
    double odd = sc::reciprocal_gamma[21];
    double even = sc::reciprocal_gamma[22];
    for (int i = 0; i < 10; ++i) {
        odd = odd * z + sc::reciprocal_gamma[19 - 2 * i];
        even = even * z + sc::reciprocal_gamma[20 - 2 * i];
    }
    even = even * z + sc::reciprocal_gamma[0];
    const double up = even + m * odd;
    const double down = even - m * odd;
    const double a = math::detail::magnitude(s);
    const double em = math::expm1(a);
    const double e = em + 1.0;
    const double ei = 1.0 / e;
    const double cosh = 0.5 * (e + ei);
    const double sinhc = a > 0.0 ? 0.5 * (em + em * ei) / a : 1.0;
    double f = (even * big * sinhc - odd * cosh) / (up * down);
    double p = 0.5 * (s >= 0.0 ? e : ei) / up;
    double q = 0.5 * (s >= 0.0 ? ei : e) / down;
    const double h = 0.25 * x * x;
    double c = 1.0;
    double k0 = f;
    double k1 = p;
    for (int k = 1; k < terms; ++k) {
        const double r = 1.0 / (k * k - z);
        f = (k * f + (p + q)) * r;
        p = p * ((k + m) * r);
        q = q * ((k - m) * r);
        c = c * (h / k);
        k0 = k0 + c * f;
        k1 = k1 + c * (p - k * f);
    }
    return {k0, k1};
}

template <class Table>
KRISS_HD inline double two_way_point(const Table& table, double y, double s) {
    double total = 0.0;
    for (int i = 15; i >= 0; --i) {
        total = total * y + polynomial(table[i].c, 7, s);
    }
    return total;
}

KRISS_HD inline double small_k(bool scaled, double v, double x) {
    const double n = std::floor(v + 0.5);
    const double m = v - n;
    const bool near = x <= 2.0;
    const double big = near ? -log_half(x) : 0.0;
    Pair k{};
    if (near) {
        k = temme(temme_terms(x), m, x, big);
    } else {
        const double y = ((x - 1.0) / (x + 1.0) - sc::k_centre) * sc::k_half;
        const double s = 8.0 * (m * m) - 1.0;
        const double a = two_way_point(sc::k_value, y, s);
        k = {a, (m / x) * a + two_way_point(sc::k_slope, y, s)};
    }
    const double by_order = near ? 1.0 : 2.0 / x;
    const double by_previous = near ? 0.25 * x * x : 1.0;
    for (int j = 1; j <= static_cast<int>(n); ++j) {
        k = {k.second, ((m + j) * by_order) * k.second + by_previous * k.first};
    }
    if (near) {
        return (n * big + (scaled ? x : 0.0)) + math::log(k.first);
    }
    return (scaled ? 0.0 : -x) + math::log(k.first * std::sqrt(half_pi / x));
}

}  // namespace point

// Kind: 1 for I, -1 for K. The logarithm with its limits; NaN outside the domain.
template <int Kind>
KRISS_HD inline double log_point(bool scaled, double v0, double x) {
    const double inf = math::detail::infinity64();
    const double v = Kind < 0 ? math::detail::magnitude(v0) : v0;
    if (!(v >= 0.0) || !(x >= 0.0) || (v == inf && x == inf)) {
        return math::detail::nan64();
    }
    if (x == 0.0 || v == inf) {
        return Kind < 0 ? inf : (v == 0.0 ? 0.0 : -inf);
    }
    if (x == inf) {
        return Kind > 0 && !scaled ? inf : -inf;
    }
    if (is_extreme(v, x)) {
        return point::extreme<Kind>(scaled, v, x);
    }
    if (v * v + x * x >= uniform_from) {
        return point::uniform<Kind>(scaled, v, x);
    }
    return Kind > 0 ? point::small_i(scaled, v, x) : point::small_k(scaled, v, x);
}

}  // namespace special

KRISS_NAMESPACE_END
