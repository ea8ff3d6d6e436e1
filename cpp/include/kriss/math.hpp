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
KRISS_HD KRISS_ALWAYS_INLINE Reduced64 exp_reduced(double x, double k) {
    const double hi = x - k * 0x1.62e42feep-1;
    const double lo = k * 0x1.a39ef35793c76p-33;
    const double r = hi - lo;
    const double z = r * r;
    const double odd = 0x1.5555555555562p-5 +
                       z * (0x1.6c16c16c08aa2p-10 +
                            z * (0x1.a01a023ff8bdfp-16 + z * (0x1.27e2c82e63b12p-22 + z * 0x1.23e0bf78bd520p-29)));
    const double even = 0x1.5555555555558p-3 +
                        z * (0x1.111111110fb0ep-7 +
                             z * (0x1.a01a01aff3c42p-13 + z * (0x1.71ddf340b0f6fp-19 + z * 0x1.af6eedca5715ep-26)));
    return {hi, lo, z * (0.5 + r * (even + r * odd))};
}
KRISS_HD KRISS_ALWAYS_INLINE Reduced32 exp_reduced(float x, float k) {
    const float hi = x - k * 0x1.62e4p-1F;
    const float lo = k * 0x1.7f7d1cp-20F;
    const float r = hi - lo;
    const float z = r * r;
    const float odd = 0x1.555488p-5F + z * 0x1.6d76d6p-10F;
    const float even = 0x1.555494p-3F + z * 0x1.1235fcp-7F;
    return {hi, lo, z * (0.5F + r * (even + r * odd))};
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

}  // namespace detail

// exp(x): at most 0.6 ULP for double, 0.7 for float; 0.8 where the result is subnormal (two roundings).
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

}  // namespace math

KRISS_NAMESPACE_END
