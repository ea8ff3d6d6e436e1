// Elementary functions that a compiler can vectorise: branch-free, no tables, no calls, no errno.
//
// `for (i...) y[i] = math::exp(x[i])` becomes vector code at every instruction-set level under -O3 -fno-trapping-math.
// Nothing here uses fused multiply-add: x86-64-v2 has none in hardware, and leaving it out is what makes every level,
// the Numba twins and a device compiled with --fmad=false return the same bits. Splittings after Cody and Waite stand
// in for it where an argument is reduced.
//
// W. J. Cody, W. Waite, "Software Manual for the Elementary Functions", 1980, chapters 6 and 8. J.-M. Muller,
// "Elementary Functions: Algorithms and Implementation", 3rd ed., 2016, chapters 4 (Fast2Sum), 11 (reduction).
// Polynomials: tools/minimax.py. Error bounds are in units in the last place of the result ("ULP"), subnormal results
// included; tests/core/test_math_ulp.py holds them against multi-precision references.
#pragma once

#include <cstdint>

#include "kriss/config.hpp"

KRISS_NAMESPACE_BEGIN

namespace math {

namespace detail {

KRISS_HD KRISS_ALWAYS_INLINE std::uint64_t bits(double x) { return __builtin_bit_cast(std::uint64_t, x); }
KRISS_HD KRISS_ALWAYS_INLINE std::uint32_t bits(float x) { return __builtin_bit_cast(std::uint32_t, x); }
KRISS_HD KRISS_ALWAYS_INLINE double from_bits(std::uint64_t u) { return __builtin_bit_cast(double, u); }
KRISS_HD KRISS_ALWAYS_INLINE float from_bits(std::uint32_t u) { return __builtin_bit_cast(float, u); }

// An integer k as a number and as `u`, whose low bits hold k + bias; and the factors 2^floor(k/2) and 2^(k-floor(k/2)).
// Scaling in two steps reaches infinity and the subnormals with one rounding.
struct Power64 {
    double k;
    std::uint64_t u;

    KRISS_HD KRISS_ALWAYS_INLINE double first() const { return from_bits(((u & 0xFFFU) >> 1) << 52); }
    KRISS_HD KRISS_ALWAYS_INLINE double second() const {
        const std::uint64_t n = u & 0xFFFU;
        return from_bits((n - (n >> 1)) << 52);
    }
};
struct Power32 {
    float k;
    std::uint32_t u;

    KRISS_HD KRISS_ALWAYS_INLINE float first() const { return from_bits(((u & 0x1FFU) >> 1) << 23); }
    KRISS_HD KRISS_ALWAYS_INLINE float second() const {
        const std::uint32_t n = u & 0x1FFU;
        return from_bits((n - (n >> 1)) << 23);
    }
};

// k = round(x / ln 2) by adding 1.5 * 2^52 plus the bias 2 * 1023: the sum's last place is 1.
KRISS_HD KRISS_ALWAYS_INLINE Power64 nearest_power(double x) {
    constexpr double shift = 0x1.8p52 + 2046.0;
    const double t = x * 0x1.71547652b82fep+0 + shift;
    return {t - shift, bits(t)};
}
KRISS_HD KRISS_ALWAYS_INLINE Power32 nearest_power(float x) {
    constexpr float shift = 0x1.8p23F + 254.0F;
    const float t = x * 0x1.715476p+0F + shift;
    return {t - shift, bits(t)};
}

// x = k ln 2 + hi - lo, with k * ln2_hi exact (32 + 12 bits; float: 15 + 9) and so is hi.
// tail = exp(r) - 1 - r for r = hi - lo, |r| <= ln(2) / 2.
struct Reduced64 {
    double hi, lo, tail;
};
struct Reduced32 {
    float hi, lo, tail;
};
KRISS_HD KRISS_ALWAYS_INLINE double exp_tail(double r) {
    const double z = r * r;
    const double odd = 0x1.5555555555562p-5 +
                       z * (0x1.6c16c16c08aa2p-10 +
                            z * (0x1.a01a023ff8bdfp-16 + z * (0x1.27e2c82e63b12p-22 + z * 0x1.23cdfd1022360p-29)));
    const double even = 0x1.5555555555558p-3 +
                        z * (0x1.111111110fb0ep-7 +
                             z * (0x1.a01a01aff3c42p-13 + z * (0x1.71ddf340b0f6fp-19 + z * 0x1.af6f5f18affb0p-26)));
    return z * (0.5 + r * (even + r * odd));
}
KRISS_HD KRISS_ALWAYS_INLINE float exp_tail(float r) {
    const float z = r * r;
    const float odd = 0x1.555488p-5F + z * 0x1.6d76d6p-10F;
    const float even = 0x1.555494p-3F + z * 0x1.1235fcp-7F;
    return z * (0.5F + r * (even + r * odd));
}
KRISS_HD KRISS_ALWAYS_INLINE Reduced64 exp_reduced(double x, double k) {
    const double hi = x - k * 0x1.62e42feep-1;
    const double lo = k * 0x1.a39ef35793c76p-33;
    return {hi, lo, exp_tail(hi - lo)};
}
// The same for x - less.
KRISS_HD KRISS_ALWAYS_INLINE Reduced64 exp_reduced(double x, double k, double less) {
    const double hi = x - k * 0x1.62e42feep-1;
    const double lo = k * 0x1.a39ef35793c76p-33 + less;
    return {hi, lo, exp_tail(hi - lo)};
}
KRISS_HD KRISS_ALWAYS_INLINE Reduced32 exp_reduced(float x, float k) {
    const float hi = x - k * 0x1.62e4p-1F;
    const float lo = k * 0x1.7f7d1cp-20F;
    return {hi, lo, exp_tail(hi - lo)};
}

template <class T>
struct ExpRange;
template <>
struct ExpRange<double> {
    static constexpr double limit = 1000.0;  // beyond it the result is 0 or infinity all the same
};
template <>
struct ExpRange<float> {
    static constexpr float limit = 150.0F;
};

// NaN fails both comparisons and passes through.
template <class T>
KRISS_HD KRISS_ALWAYS_INLINE T clamp(T x, T low, T high) {
    const T y = x > high ? high : x;
    return y < low ? low : y;
}

// a + b = sum + error exactly (Knuth).
struct Sum {
    double sum, error;
};
KRISS_HD KRISS_ALWAYS_INLINE Sum two_sum(double a, double b) {
    const double s = a + b;
    const double t = s - a;
    return {s, (a - (s - t)) + (b - t)};
}
// The same for |a| >= |b| or a = 0 (Dekker).
KRISS_HD KRISS_ALWAYS_INLINE Sum fast_two_sum(double a, double b) {
    const double s = a + b;
    return {s, (a - s) + b};
}
// a * b = sum + error exactly, by Veltkamp's splitting; no overflow below 2^996.
KRISS_HD KRISS_ALWAYS_INLINE Sum two_product(double a, double b) {
    constexpr double splitter = 134217729.0;
    const double ca = splitter * a;
    const double cb = splitter * b;
    const double ah = ca - (ca - a);
    const double bh = cb - (cb - b);
    const double al = a - ah;
    const double bl = b - bh;
    const double p = a * b;
    return {p, ((ah * bh - p) + ah * bl + al * bh) + al * bl};
}

KRISS_HD KRISS_ALWAYS_INLINE double infinity64() { return from_bits(std::uint64_t{0x7FF0000000000000U}); }
KRISS_HD KRISS_ALWAYS_INLINE double nan64() { return from_bits(std::uint64_t{0x7FF8000000000000U}); }
KRISS_HD KRISS_ALWAYS_INLINE double magnitude(double x) {
    return from_bits(bits(x) & std::uint64_t{0x7FFFFFFFFFFFFFFFU});
}

// x = 2^k (1 + f), sqrt(1/2) <= 1 + f < sqrt(2), for positive normal x. The exponent becomes a number by way of the
// bits of 2^52 + exponent, since below AVX-512 there is no conversion of 64-bit integers.
struct Binade64 {
    double k, f;
};
struct Binade32 {
    float k, f;
};
KRISS_HD KRISS_ALWAYS_INLINE Binade64 binade(double x) {
    constexpr std::uint64_t root_half = 0x3FE6A09E667F3BCDU;
    const std::uint64_t u = bits(x) + (0x3FF0000000000000U - root_half);
    const double k = from_bits((u >> 52) | 0x4330000000000000U) - (0x1p52 + 1023.0);
    return {k, from_bits((u & 0x000FFFFFFFFFFFFFU) + root_half) - 1.0};
}
KRISS_HD KRISS_ALWAYS_INLINE Binade32 binade(float x) {
    constexpr std::uint32_t root_half = 0x3F3504F3U;
    const std::uint32_t u = bits(x) + (0x3F800000U - root_half);
    const float k = from_bits((u >> 23) | 0x4B000000U) - (0x1p23F + 127.0F);
    return {k, from_bits((u & 0x007FFFFFU) + root_half) - 1.0F};
}

// k ln 2 + log(1 + f) + less, |less| far below the rest: with s = f / (2 + f), log(1 + f) = f - (h - s (h + R)),
// h = f^2 / 2, R = s^2 L(s^2). The two leading sums are made with Fast2Sum.
KRISS_HD KRISS_ALWAYS_INLINE double log_sum(double k, double f, double less) {
    const double s = f / (2.0 + f);
    const double z = s * s;
    const double y = z * z;
    const double even =
        0x1.5555555555592p-1 + y * (0x1.24924941e3cdep-2 + y * (0x1.74663daa1ead1p-3 + y * 0x1.2f04ae788b497p-3));
    const double odd = 0x1.999999997ff05p-2 + y * (0x1.c71c52116a92dp-3 + y * 0x1.39a1d2e0d3a10p-3);
    const double h = 0.5 * f * f;
    const double tail = s * (h + z * (even + z * odd));
    const Sum w = fast_two_sum(f, -h);
    const Sum t = fast_two_sum(k * 0x1.62e42feep-1, w.sum);
    return t.sum + (t.error + (w.error + (tail + (k * 0x1.a39ef35793c76p-33 + less))));
}
KRISS_HD KRISS_ALWAYS_INLINE float log_sum(float k, float f) {
    const float s = f / (2.0F + f);
    const float z = s * s;
    const float y = z * z;
    const float even = 0x1.555554p-1F + y * 0x1.23d3acp-2F;
    const float odd = 0x1.999c26p-2F + y * 0x1.f14728p-3F;
    const float h = 0.5F * f * f;
    const float tail = s * (h + z * (even + z * odd));
    const float w = f - h;
    const float we = (f - w) - h;
    const float large = k * 0x1.62e4p-1F;
    const float t = large + w;
    const float te = (large - t) + w;
    return t + (te + (we + (tail + k * 0x1.7f7d1cp-20F)));
}

KRISS_HD KRISS_ALWAYS_INLINE double log64(double x) {
    const bool subnormal = x < 0x1p-1022;
    const Binade64 b = binade(subnormal ? x * 0x1p54 : x);
    const double y = log_sum(b.k - (subnormal ? 54.0 : 0.0), b.f, 0.0);
    const double special = x == 0.0 ? -infinity64() : x < 0.0 ? nan64() : x;
    return x > 0.0 && x < infinity64() ? y : special;
}
KRISS_HD KRISS_ALWAYS_INLINE float log32(float x) {
    const float inf = static_cast<float>(infinity64());
    const bool subnormal = x < 0x1p-126F;
    const Binade32 b = binade(subnormal ? x * 0x1p25F : x);
    const float y = log_sum(b.k - (subnormal ? 25.0F : 0.0F), b.f);
    const float special = x == 0.0F ? -inf : x < 0.0F ? static_cast<float>(nan64()) : x;
    return x > 0.0F && x < inf ? y : special;
}

KRISS_HD KRISS_ALWAYS_INLINE double log1p64(double x) {
    const double u = 1.0 + x;
    // What 1 + x lost, relative to u.
    const double lost = (x > 1.0 ? 1.0 - (u - x) : x - (u - 1.0)) / u;
    const Binade64 b = binade(u);
    const bool near = b.k == 0.0;
    const double y = log_sum(b.k, near ? x : b.f, near ? 0.0 : lost);
    const double special = x == -1.0 ? -infinity64() : x < -1.0 ? nan64() : x;
    return x > -1.0 && x < infinity64() && x != 0.0 ? y : special;
}

// 2^k ((1 - 2^-k) + (exp(r) - 1)), every sum but the last with its error.
KRISS_HD KRISS_ALWAYS_INLINE double expm1_64(double x0) {
    const double x = clamp(x0, -40.0, 1000.0);
    const Power64 p = nearest_power(x);
    const Reduced64 e = exp_reduced(x, p.k);
    // 2^-k, or 0 in effect once k > 100; k >= -58 here.
    const double kept = p.k > 100.0 ? 100.0 : p.k;
    const double inverse = from_bits(bits((0x1.8p52 + 1023.0) - kept) << 52);
    const bool negative = kept < 0.0;
    const Sum q = fast_two_sum(negative ? -inverse : 1.0, negative ? 1.0 : -inverse);
    const Sum v = fast_two_sum(q.sum, e.hi);
    const double y = v.sum + (v.error + (q.error + (e.tail - e.lo)));
    return x0 == 0.0 ? x0 : (y * p.first()) * p.second();
}

// erfc(a) = exp(-a^2) (1.125 / (1 + 2 a)) (1 + P(q)), q = (a - 3.75) / (a + 3.75), for a = |x|: the form of M. M.
// Shepherd and J. G. Laframboise, "Chebyshev approximation of (1 + 2x) exp(x^2) erfc x in 0 <= x < inf", Math. Comp.
// 36, 1981. Beyond a = 3/4, P stays below 0.14 and its rounding counts little; the square, the exponential, the
// quotient and the product carry their errors along.
KRISS_HD KRISS_ALWAYS_INLINE double erfc64(double x) {
    const double whole = magnitude(x);
    const double a = whole > 30.0 ? 30.0 : whole;  // erfc(27.3) is already below the smallest subnormal
    const double q = (a - 3.75) / (a + 3.75);
    const double y = q * q;
    const double y2 = y * y;
    // clang-format off
    const double e0 = 0x1.99a55f6f6fc95p-4 + y * 0x1.a1bb2eabdda83p-9 +
                      y2 * ((-0x1.8c249cfacdea2p-4 + y * -0x1.ab646cd3b4600p-5) +
                      y2 * ((-0x1.1be3c3b51ecf6p-7 + y * 0x1.11c2c4fc6a78ap-12) +
                      y2 * ((0x1.812107d47e371p-15 + y * -0x1.5564aac74a67cp-17) +
                      y2 * ((0x1.a2bb395dfadc5p-20 + y * -0x1.f38a62a976989p-23) +
                      y2 * (0x1.2f13e66974c38p-25 + y * -0x1.1a7695e7c64b2p-28)))));
    const double o0 = -0x1.fe99b63ff2d98p-4 + y * 0x1.2b8f7a8085b54p-4 +
                      y2 * ((0x1.5011dcecfd2e8p-4 + y * 0x1.9d0e3bfd39b6cp-6) +
                      y2 * ((0x1.9917298e21f39p-10 + y * -0x1.0e717e3607474p-12) +
                      y2 * ((0x1.4dd418139cc8bp-16 + y * -0x1.d1acb9649b749p-21) +
                      y2 * ((-0x1.92607427ccc91p-25 + y * 0x1.0e147f07c1f6cp-26) +
                      y2 * (0x1.dbec746e46394p-34 + y * -0x1.9b6f91f445b3fp-31)))));
    // clang-format on
    const double poly = e0 + q * o0;

    const Sum d = two_sum(1.0, 2.0 * a);
    const double g = 1.125 / d.sum;
    const Sum gd = two_product(g, d.sum);
    const double rest = ((1.125 - gd.sum) - gd.error) - g * d.error;  // 1.125 = g (d.sum + d.error) + rest

    const Sum square = two_product(a, a);
    const Power64 p = nearest_power(-square.sum);
    const Reduced64 e = exp_reduced(-square.sum, p.k, square.error);
    const Sum s = fast_two_sum(1.0, e.hi);
    const Sum ex = fast_two_sum(s.sum, s.error + (e.tail - e.lo));

    const Sum w = two_product(ex.sum, g);
    const double z = w.sum + (w.error + (ex.error * g + w.sum * (poly + rest * (1.0 / 1.125))));
    const double positive = (z * p.first()) * p.second();
    const double far = x < 0.0 ? 2.0 - positive : positive;

    // For |x| < 3/4, where 1 + P(q) loses digits to cancellation: 1 - x - x (erf(x) / x - 1).
    const double u = x * x;
    const double u2 = u * u;
    const double even =
        0x1.06eba8214db68p-3 +
        u2 * (0x1.ce2f21a040eebp-4 +
              u2 * (0x1.565bccf4201f2p-8 +
                    u2 * (0x1.f9a25b1797126p-14 + u2 * (0x1.b8c6a377f067cp-20 + u2 * 0x1.7ff57c3d33726p-27))));
    const double odd =
        -0x1.812746b0379bdp-2 +
        u2 * (-0x1.b82ce311f4993p-6 +
              u2 * (-0x1.c02dae4bee535p-11 + u2 * (-0x1.f4bfa49ae21c6p-17 + u2 * -0x1.547a46d562fb1p-23)));
    const Sum t = two_sum(1.0, -x);
    const double near = t.sum + (t.error - x * (even + u * odd));
    return a < 0.75 ? near : far;
}

}  // namespace detail

// exp(x): at most 0.7 ULP; 0.8 where the result is subnormal (two roundings).
// exp(-inf) = 0, exp(inf) = inf, exp(NaN) = NaN; overflow gives inf, underflow is gradual.
template <class T>
KRISS_HD KRISS_ALWAYS_INLINE T exp(T x) {
    x = detail::clamp(x, -detail::ExpRange<T>::limit, detail::ExpRange<T>::limit);
    const auto p = detail::nearest_power(x);
    const auto e = detail::exp_reduced(x, p.k);
    // 1 + hi by Fast2Sum, its error joins the small terms.
    const T s = T(1) + e.hi;
    const T y = s + (((T(1) - s) + e.hi) + (e.tail - e.lo));
    return (y * p.first()) * p.second();
}

// log(x): at most 0.75 ULP. log(0) = -inf, log(x < 0) = NaN, log(inf) = inf, subnormal x included.
KRISS_HD KRISS_ALWAYS_INLINE double log(double x) { return detail::log64(x); }
KRISS_HD KRISS_ALWAYS_INLINE float log(float x) { return detail::log32(x); }

// log(1 + x): at most 0.75 ULP (float: 0.51). log1p(-1) = -inf, log1p(x < -1) = NaN, log1p(-0) = -0.
// In float this and what follows is computed in double and rounded once.
KRISS_HD KRISS_ALWAYS_INLINE double log1p(double x) { return detail::log1p64(x); }
KRISS_HD KRISS_ALWAYS_INLINE float log1p(float x) { return static_cast<float>(detail::log1p64(x)); }

// exp(x) - 1: at most 1 ULP (float: 0.51). expm1(-inf) = -1, expm1(-0) = -0.
KRISS_HD KRISS_ALWAYS_INLINE double expm1(double x) { return detail::expm1_64(x); }
KRISS_HD KRISS_ALWAYS_INLINE float expm1(float x) { return static_cast<float>(detail::expm1_64(x)); }

// The complementary error function: at most 1.3 ULP (float: 0.51). erfc(inf) = 0, erfc(-inf) = 2.
KRISS_HD KRISS_ALWAYS_INLINE double erfc(double x) { return detail::erfc64(x); }
KRISS_HD KRISS_ALWAYS_INLINE float erfc(float x) { return static_cast<float>(detail::erfc64(x)); }

}  // namespace math

KRISS_NAMESPACE_END

#include "kriss/trig.hpp"
