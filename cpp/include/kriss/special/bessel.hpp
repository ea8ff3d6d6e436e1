// Logarithms of the modified Bessel functions I_v(x) and K_v(x) for v >= 0 and x > 0.
//
// A. Plesner, H. H. B. Sorensen, S. Hauberg, "Accurate computation of the logarithm of modified Bessel functions on
// GPUs", 2024: the idea, one formula per region, each in the logarithm. What differs, region by region:
//
// - rho = sqrt(v^2 + x^2) >= 25. The uniform expansion (NIST DLMF 10.41.3 and 10.41.4) written in rho, where one switch
//   variable rules the truncation and v = 0 is included:
//       log I = E - log(2 pi rho) / 2 + log S(1 / rho),    log K = -E + log(pi / (2 rho)) / 2 + log S(-1 / rho),
//       E = rho - v asinh(v / x),   S(g) = 1 + sum_{k <= n} g^k p_k((v / rho)^2),   u_k(t) = t^k p_k(t^2),
//   with n = 13, 9, 6 or 4 terms from rho = 25, 48, 140 and 700 (truncation below 4e-15). Next to x = 0.6627 v, where
//   both terms of E cancel, E comes from its Taylor series about that zero, whose distance is known exactly.
// - I below that: the power series (DLMF 10.25.2), with ln Gamma from 1/Gamma(1 + t) or from Stirling's series.
// - K for x <= 2: N. M. Temme, "On the numerical evaluation of the modified Bessel function of the third kind", J.
// Comput.
//   Phys. 19, 1975: the series for orders m and m + 1, |m| <= 1/2, then the recurrence, scaled so that it neither
//   overflows nor divides.
// - K for 2 <= x with rho < 25: a polynomial in (x - 1) / (x + 1) and m^2, then the recurrence.
//
// Every function returns two numbers whose sum is the logarithm. Nothing branches, so that loops over one region
// vectorise; loops over terms are unrolled by templates. Coefficients: tools/special_coefficients.py.
#pragma once

#include <cmath>
#include <utility>

#include "kriss/config.hpp"
#include "kriss/math.hpp"
#include "kriss/special/coefficients.hpp"

KRISS_NAMESPACE_BEGIN

namespace special {

namespace sc = special_coefficients;

inline constexpr double uniform_from = 625.0;  // rho^2
inline constexpr double band = 0.066;          // |x / v - zero| of the expansion about the zero of E
inline constexpr double tiny = 1e-290;
inline constexpr double huge = 1e150;
inline constexpr double stirling_from = 8.5;
inline constexpr double ln2 = 0.693147180559945309417;
inline constexpr double half_pi = 1.57079632679489661923;
inline constexpr double two_pi_inv = 0.159154943091895335769;

// Their sum is the logarithm; `high` carries what grows.
struct Parts {
    double high, low;
};

// f(0), ..., f(N - 1), with constants for arguments.
template <int N, class F>
KRISS_ALWAYS_INLINE void unroll(F&& f) {
    [&]<int... I>(std::integer_sequence<int, I...>) __attribute__((always_inline)) {
        (f(std::integral_constant<int, I>{}), ...);
    }(std::make_integer_sequence<int, N>{});
}

// c[0] + c[1] x + ... + c[N - 1] x^(N - 1)
template <int N>
KRISS_ALWAYS_INLINE double horner(const double* c, double x) {
    double s = c[N - 1];
    unroll<N - 1>([&](auto i) __attribute__((always_inline)) { s = s * x + c[N - 2 - i]; });
    return s;
}

KRISS_HD KRISS_ALWAYS_INLINE int uniform_terms(double rho2) {
    return rho2 >= 490000.0 ? 4 : rho2 >= 19600.0 ? 6 : rho2 >= 2304.0 ? 9 : 13;
}
KRISS_HD KRISS_ALWAYS_INLINE int series_terms(double x) { return x <= 2.0 ? 12 : x <= 8.0 ? 24 : 42; }
KRISS_HD KRISS_ALWAYS_INLINE int temme_terms(double x) { return x <= 0.1 ? 6 : 14; }
KRISS_HD KRISS_ALWAYS_INLINE bool in_band(double v, double x) {
    return math::detail::magnitude(x - sc::eta_zero * v) <= band * v;
}
// Squares or v / x would leave the range of double.
KRISS_HD KRISS_ALWAYS_INLINE bool is_extreme(double v, double x) {
    return v > huge || x > huge || (x < tiny && v >= 25.0);
}

template <int Terms>
KRISS_ALWAYS_INLINE double uniform_sum(double g, double tau) {
    double total = 0.0;
    unroll<Terms>([&](auto i) __attribute__((always_inline)) {
        constexpr int k = Terms - i;
        total = total * g + horner<k + 1>(sc::uniform[k].c, tau);
    });
    return 1.0 + total * g;
}

// asinh(v / x)
KRISS_HD KRISS_ALWAYS_INLINE double angle(double v, double x, double rho) {
    return math::log1p((v + v * (v / (rho + x))) / x);
}

// E where x / v is next to its zero.
KRISS_ALWAYS_INLINE double exponent_near_zero(double v, double x) {
    const math::detail::Sum p = math::detail::two_product(sc::eta_zero, v);
    const double d = (((x - p.sum) - p.error) - sc::eta_zero_low * v) / v;
    return v * (d * horner<16>(sc::eta_taylor, d));
}

// Kind: 1 for I, -1 for K. Scaled: of exp(-x) I and exp(x) K.
template <int Kind, bool Scaled, int Terms, bool Band>
KRISS_ALWAYS_INLINE Parts uniform_parts(double v, double x) {
    const double rho = std::sqrt(v * v + x * x);
    const double inv = 1.0 / rho;
    const double t = v * inv;
    double e = 0.0;
    if constexpr (Scaled) {
        e = v * (v / (rho + x)) - v * angle(v, x, rho);
    } else if constexpr (Band) {
        e = exponent_near_zero(v, x);
    } else {
        e = rho - v * angle(v, x, rho);
    }
    const double s = uniform_sum<Terms>(Kind * inv, t * t);
    return {Kind * e, 0.5 * math::log(s * s * inv * (Kind > 0 ? two_pi_inv : half_pi))};
}

// log(x / 2), subnormal x included
KRISS_HD KRISS_ALWAYS_INLINE double log_half(double x) {
    const bool small = x < 1.0;
    return math::log(small ? x : 0.5 * x) - (small ? ln2 : 0.0);
}

// Sum of (x^2 / 4)^k / (k! (v + 1)_k)
template <int Terms>
KRISS_ALWAYS_INLINE double series(double v, double x) {
    const double q = 0.25 * x * x;
    double h = 1.0;
    unroll<Terms>([&](auto i) __attribute__((always_inline)) {
        constexpr double k = Terms - i;
        h = 1.0 + (q / (k * (k + v))) * h;
    });
    return h;
}

// 1 / Gamma(1 + m) for |m| <= 1/2
KRISS_ALWAYS_INLINE double reciprocal_gamma(double m) { return horner<23>(sc::reciprocal_gamma, m); }

// What Stirling's formula lacks: ln Gamma(v + 1) - (v + 1/2) ln v + v - ln(2 pi) / 2, from v = 8.5.
KRISS_ALWAYS_INLINE double stirling(double v) {
    const double r = 1.0 / v;
    return horner<9>(sc::stirling, r * r) * r;
}

template <bool Scaled, bool Large, int Terms>
KRISS_ALWAYS_INLINE Parts series_parts(double v, double x) {
    const double s = series<Terms>(v, x);
    const double less = Scaled ? x : 0.0;
    if constexpr (Large) {
        const bool apart = x < tiny;
        const double q = math::log(apart ? x : x / v);
        const double base = q - (apart ? math::log(v) : 0.0);
        return {v * (base + (1.0 - ln2)), (0.5 * math::log(s * s * two_pi_inv / v) - stirling(v)) - less};
    } else {
        const double n = std::floor(v + 0.5);
        const double m = v - n;
        double product = 1.0;
        unroll<8>([&](auto i) __attribute__((always_inline)) {
            constexpr double j = i + 1;
            product = j <= n ? product * (m + j) : product;
        });
        return {v * log_half(x), math::log(s * reciprocal_gamma(m) / product) - less};
    }
}

// Values at orders m and m + 1, in the scaling of the region.
struct Pair {
    double first, second;
};

// K_m(x) and (x / 2) K_{m+1}(x) for x <= 2; big = log(2 / x).
template <int Terms>
KRISS_ALWAYS_INLINE Pair temme(double m, double x, double big) {
    const double s = m * big;
    const double z = m * m;
    double odd = sc::reciprocal_gamma[21];
    double even = sc::reciprocal_gamma[22];
    unroll<10>([&](auto i) __attribute__((always_inline)) {
        odd = odd * z + sc::reciprocal_gamma[19 - 2 * i];
        even = even * z + sc::reciprocal_gamma[20 - 2 * i];
    });
    even = even * z + sc::reciprocal_gamma[0];
    const double up = even + m * odd;  // 1 / Gamma(1 + m)
    const double down = even - m * odd;
    const double a = math::detail::magnitude(s);
    const double em = math::expm1(a);
    const double e = em + 1.0;
    const double ei = 1.0 / e;
    const double cosh = 0.5 * (e + ei);
    const double quotient = 0.5 * (em + em * ei) / a;
    const double sinhc = a > 0.0 ? quotient : 1.0;
    double f = (even * big * sinhc - odd * cosh) / (up * down);
    double p = 0.5 * (s >= 0.0 ? e : ei) / up;
    double q = 0.5 * (s >= 0.0 ? ei : e) / down;
    const double h = 0.25 * x * x;
    double c = 1.0;
    double k0 = f;
    double k1 = p;
    unroll<Terms - 1>([&](auto i) __attribute__((always_inline)) {
        constexpr double k = i + 1;
        const double r = 1.0 / (k * k - z);
        f = (k * f + (p + q)) * r;
        p = p * ((k + m) * r);
        q = q * ((k - m) * r);
        c = c * (h / k);
        k0 = k0 + c * f;
        k1 = k1 + c * (p - k * f);
    });
    return {k0, k1};
}

template <int Size, int Rows, class Table>
KRISS_ALWAYS_INLINE double two_way(const Table& table, double y, double s) {
    double total = 0.0;
    unroll<Rows>([&](auto i) __attribute__((always_inline)) {
        // Rows are padded with zeros: adding them changes nothing.
        total = total * y + horner<Size>(table[Rows - 1 - i].c, s);
    });
    return total;
}

// sqrt(2 x / pi) e^x times K_m(x) and K_{m+1}(x), for 2 <= x <= 25
KRISS_ALWAYS_INLINE Pair interpolated(double m, double x) {
    const double y = ((x - 1.0) / (x + 1.0) - sc::k_centre) * sc::k_half;
    const double s = 8.0 * (m * m) - 1.0;
    const double a = two_way<7, 16>(sc::k_value, y, s);
    const double b = two_way<7, 16>(sc::k_slope, y, s);
    return {a, (m / x) * a + b};
}

inline constexpr int most_steps = 25;

// From orders m and m + 1 to m + n and m + n + 1: next = ((m + j) by_order) this + by_previous previous.
KRISS_ALWAYS_INLINE Pair climb(double n, double m, Pair k, double by_order, double by_previous) {
    unroll<most_steps>([&](auto i) __attribute__((always_inline)) {
        constexpr double j = i + 1;
        const double next = ((m + j) * by_order) * k.second + by_previous * k.first;
        const bool on = j <= n;
        k.first = on ? k.second : k.first;
        k.second = on ? next : k.second;
    });
    return k;
}

template <bool Scaled, int Terms>
KRISS_ALWAYS_INLINE Parts temme_parts(double v, double x) {
    const double n = std::floor(v + 0.5);
    const double m = v - n;
    const double big = -log_half(x);
    const Pair k = climb(n, m, temme<Terms>(m, x, big), 1.0, 0.25 * x * x);
    return {n * big + (Scaled ? x : 0.0), math::log(k.first)};
}

template <bool Scaled>
KRISS_ALWAYS_INLINE Parts interpolated_parts(double v, double x) {
    const double n = std::floor(v + 0.5);
    const double m = v - n;
    const Pair k = climb(n, m, interpolated(m, x), 2.0 / x, 1.0);
    return {Scaled ? 0.0 : -x, math::log(k.first * std::sqrt(half_pi / x))};
}

// The uniform expansion beyond the range of its squares and quotients; not for vector loops.
template <int Kind, bool Scaled>
inline Parts extreme_parts(double v, double x) {
    const bool far = v > huge || x > huge;
    const double scale = far ? 0x1p-600 : 1.0;
    const double shift = far ? 600.0 * ln2 : 0.0;
    const double a = v * scale;
    const double b = x * scale;
    const double rho = std::sqrt(a * a + b * b);
    const double angled = b >= tiny ? angle(a, b, rho) : math::log(a + rho) + shift - math::log(x);
    double e = 0.0;
    if constexpr (Scaled) {
        e = a * (a / (rho + b)) - a * angled;
    } else {
        e = in_band(a, b) ? exponent_near_zero(a, b) : rho - a * angled;
    }
    double s = 1.0;
    if (!far) {
        s = uniform_sum<13>(Kind / rho, (a / rho) * (a / rho));
    }
    return {Kind * (e / scale), 0.5 * (math::log(s * s * (Kind > 0 ? two_pi_inv : half_pi) / rho) - shift)};
}

}  // namespace special

KRISS_NAMESPACE_END
