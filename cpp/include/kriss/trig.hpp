// sin and cos, in double; float goes through double. Included by kriss/math.hpp.
//
// Up to trig_limit = 2^20 pi/2 the argument is reduced after Cody and Waite ("Software Manual for the Elementary
// Functions", 1980, chapter 8) with pi/2 in four parts, and the code is branch-free. Beyond it, after M. H. Payne and
// R. N. Hanek, "Radian reduction for trigonometric functions", ACM SIGNUM Newsletter 18(1), 1983: 192 bits of 2/pi
// around the place that matters, in integer arithmetic.
#pragma once

#include "kriss/math.hpp"

KRISS_NAMESPACE_BEGIN

namespace math {

// The largest |x| of the vectorisable forms sin_bounded, cos_bounded and sincos_bounded.
constexpr double trig_limit = 0x1.921fb54442d18p+20;

template <class T>
struct SinCos {
    T sin, cos;
};

namespace detail {

// x = quadrant pi/2 + hi + lo, |hi| <= pi/4 and a little; only the low two bits of quadrant count.
struct Angle {
    double hi, lo;
    std::uint64_t quadrant;
};

// k has at most 20 bits and each of the first three parts of pi/2 has 33, so those products are exact. A double below
// trig_limit comes no nearer to a multiple of pi/2 than about 2^-62; what is left out is below 2^-130.
KRISS_HD KRISS_ALWAYS_INLINE Angle reduce_bounded(double x) {
    constexpr double shift = 0x1.8p52;
    const double t = x * 0x1.45f306dc9c883p-1 + shift;
    const double k = t - shift;
    const Sum a = two_sum(x - k * 0x1.921fb544p+0, -(k * 0x1.0b4611a6p-34));
    const Sum b = two_sum(a.sum, -(k * 0x1.3198a2ep-69));
    const Sum r = fast_two_sum(b.sum, (a.error + b.error) - k * 0x1.b839a252049c1p-104);
    return {r.sum, r.error, bits(t)};
}

KRISS_HD KRISS_NOINLINE inline Angle reduce_huge(double x) {
    constexpr std::uint32_t two_over_pi[] = {
        0x00000000U, 0x00000000U, 0xA2F9836EU, 0x4E441529U, 0xFC2757D1U, 0xF534DDC0U, 0xDB629599U,
        0x3C439041U, 0xFE5163ABU, 0xDEBBC561U, 0xB7246E3AU, 0x424DD2E0U, 0x06492EEAU, 0x09D1921CU,
        0xFE1DEB1CU, 0xB129A73EU, 0xE88235F5U, 0x2EBB4484U, 0xE99C7026U, 0xB45F7E41U, 0x3991D639U,
        0x835339F4U, 0x9C845F8BU, 0xBDF9283BU, 0x1FF897FFU, 0xDE05980FU, 0xEF2F118BU, 0x5A0A6D1FU,
        0x6D367ECFU, 0x27CB09B7U, 0x4F463F66U, 0x9E5FEA2DU, 0x7527BAC7U, 0xEBE5F17BU, 0x3D0739F7U,
        0x8A5292EAU, 0x6BFB5FB1U, 0x1F8D5D08U, 0x56033046U, 0xFC7B6BABU, 0xF0CFBC20U, 0x9AF4361DU};
    const std::uint64_t u = bits(x);
    const int exponent = static_cast<int>((u >> 52) & 0x7FFU) - 1023 - 52;  // |x| = m 2^exponent
    const std::uint64_t m = (u & 0x000FFFFFFFFFFFFFU) | 0x0010000000000000U;
    // Bits of 2/pi that contribute multiples of 4 are left out; the table starts with 64 zero bits.
    const int first = exponent - 2 + 64;
    const int word = first / 32;
    const int shift = first % 32;
    std::uint32_t product[6] = {};  // least significant first, modulo 2^192
    for (int half = 0; half < 2; ++half) {
        const std::uint64_t factor = half == 0 ? (m & 0xFFFFFFFFU) : (m >> 32);
        std::uint64_t carry = 0;
        for (int j = 0; j + half < 6; ++j) {
            const int at = word + 5 - j;
            const std::uint64_t pair = (static_cast<std::uint64_t>(two_over_pi[at]) << 32) | two_over_pi[at + 1];
            const std::uint64_t w = ((pair << shift) >> 32) & 0xFFFFFFFFU;
            const std::uint64_t v = w * factor + product[j + half] + carry;
            product[j + half] = static_cast<std::uint32_t>(v);
            carry = v >> 32;
        }
    }
    std::uint64_t c2 = (static_cast<std::uint64_t>(product[5]) << 32) | product[4];
    std::uint64_t c1 = (static_cast<std::uint64_t>(product[3]) << 32) | product[2];
    std::uint64_t c0 = (static_cast<std::uint64_t>(product[1]) << 32) | product[0];
    std::uint64_t quadrant = c2 >> 62;
    c2 = (c2 << 2) | (c1 >> 62);
    c1 = (c1 << 2) | (c0 >> 62);
    c0 <<= 2;
    // The fraction of a quadrant, to the nearest: beyond one half it is negative and the quadrant is the next.
    bool negative = (c2 >> 63) != 0;
    if (negative) {
        ++quadrant;
        c2 = ~c2;
        c1 = ~c1;
        c0 = ~c0;
        c0 += 1;
        c1 += c0 == 0 ? 1 : 0;
        c2 += c0 == 0 && c1 == 0 ? 1 : 0;
    }
    double scale = 1.0;
    for (int k = 0; k < 128 && (c2 >> 63) == 0; ++k) {
        c2 = (c2 << 1) | (c1 >> 63);
        c1 = (c1 << 1) | (c0 >> 63);
        c0 <<= 1;
        scale *= 0.5;
    }
    const double high = static_cast<double>(static_cast<std::int64_t>(c2 >> 11)) * 0x1p-53;
    const double low = static_cast<double>(static_cast<std::int64_t>(((c2 & 0x7FFU) << 42) | (c1 >> 22))) * 0x1p-106;
    const Sum r = two_product(high, 0x1.921fb54442d18p+0);
    const Sum y = fast_two_sum(r.sum, r.error + (high * 0x1.1a62633145c07p-54 + low * 0x1.921fb54442d18p+0));
    // An odd function of x: the sign turns the quadrant around.
    const bool minus = (u >> 63) != 0;
    const double sign = negative != minus ? -scale : scale;
    return {sign * y.sum, sign * y.error, minus ? 0U - quadrant : quadrant};
}

KRISS_HD KRISS_ALWAYS_INLINE SinCos<double> sincos_of(const Angle& a) {
    const double r = a.hi;
    const double z = r * r;
    const double h = 0.5 * z;
    const double s = -0x1.5555555555549p-3 +
                     z * (0x1.111111110f8a6p-7 +
                          z * (-0x1.a01a019c16042p-13 +
                               z * (0x1.71de357afa5f2p-19 + z * (-0x1.ae5e687c5dc30p-26 + z * 0x1.5d9398897a3f9p-33))));
    const double c = 0x1.555555555554cp-5 +
                     z * (-0x1.6c16c16c1521ep-10 +
                          z * (0x1.a01a019cbf363p-16 + z * (-0x1.27e4f8128e141p-22 +
                                                            z * (0x1.1ee9f1351b578p-29 + z * -0x1.8fb1226ea3b7ap-37))));
    const double sine = r + (z * r * s + a.lo * (1.0 - h));
    const double w = 1.0 - h;
    const double cosine = w + (((1.0 - w) - h) + (z * z * c - r * a.lo));
    const bool swap = (a.quadrant & 1U) != 0;
    const double first = swap ? cosine : sine;
    const double second = swap ? sine : cosine;
    return {from_bits(bits(first) ^ ((a.quadrant & 2U) << 62)),
            from_bits(bits(second) ^ (((a.quadrant + 1U) & 2U) << 62))};
}

KRISS_HD KRISS_ALWAYS_INLINE Angle reduce(double x) {
    const double size = magnitude(x);
    // NaN and infinity take the first way and become NaN.
    return size > trig_limit && size < infinity64() ? reduce_huge(x) : reduce_bounded(x);
}

}  // namespace detail

// sin and cos of one argument, |x| <= trig_limit: at most 0.8 ULP (float: 0.51). Meaningless beyond the limit;
// branch-free.
KRISS_HD KRISS_ALWAYS_INLINE SinCos<double> sincos_bounded(double x) {
    const SinCos<double> y = detail::sincos_of(detail::reduce_bounded(x));
    return {x == 0.0 ? x : y.sin, y.cos};  // keeps the sign of zero
}
KRISS_HD KRISS_ALWAYS_INLINE SinCos<float> sincos_bounded(float x) {
    const SinCos<double> y = sincos_bounded(static_cast<double>(x));
    return {static_cast<float>(y.sin), static_cast<float>(y.cos)};
}
template <class T>
KRISS_HD KRISS_ALWAYS_INLINE T sin_bounded(T x) {
    return sincos_bounded(x).sin;
}
template <class T>
KRISS_HD KRISS_ALWAYS_INLINE T cos_bounded(T x) {
    return sincos_bounded(x).cos;
}

// sin and cos of any argument: at most 0.8 ULP (float: 0.51). NaN for infinity and NaN. Not vectorisable, for the
// branch.
KRISS_HD KRISS_ALWAYS_INLINE SinCos<double> sincos(double x) {
    const SinCos<double> y = detail::sincos_of(detail::reduce(x));
    return {x == 0.0 ? x : y.sin, y.cos};
}
KRISS_HD KRISS_ALWAYS_INLINE SinCos<float> sincos(float x) {
    const SinCos<double> y = sincos(static_cast<double>(x));
    return {static_cast<float>(y.sin), static_cast<float>(y.cos)};
}
template <class T>
KRISS_HD KRISS_ALWAYS_INLINE T sin(T x) {
    return sincos(x).sin;
}
template <class T>
KRISS_HD KRISS_ALWAYS_INLINE T cos(T x) {
    return sincos(x).cos;
}

}  // namespace math

KRISS_NAMESPACE_END
