// The counter-based generator Philox4x32-10.
//
// J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw, "Parallel random numbers: as easy as 1, 2, 3", Proc. SC 2011,
// section 3.3 (Philox), table 2 (constants). Each block of 128 random bits is a function of a 64-bit key and a 128-bit
// counter, so a kernel that indexes its draws by global row or column gets the same numbers for any number of workers,
// any chunking and on any device. Integer arithmetic only: 20 multiplications and 40 exclusive-ors a block.
#pragma once

#include <cmath>
#include <cstdint>

#include "kriss/config.hpp"
#include "kriss/math.hpp"

KRISS_NAMESPACE_BEGIN

struct PhiloxBlock {
    std::uint32_t v[4];
};

// The block of counter (counter_hi, counter_lo) under key. In the words of the reference implementation:
// ctr = {low(counter_lo), high(counter_lo), low(counter_hi), high(counter_hi)}, key = {low(key), high(key)}.
KRISS_HD KRISS_ALWAYS_INLINE PhiloxBlock philox4x32(std::uint64_t key, std::uint64_t counter_hi,
                                                    std::uint64_t counter_lo) {
    constexpr std::uint64_t m0 = 0xD2511F53U;
    constexpr std::uint64_t m1 = 0xCD9E8D57U;
    std::uint32_t k0 = static_cast<std::uint32_t>(key);
    std::uint32_t k1 = static_cast<std::uint32_t>(key >> 32);
    std::uint32_t c0 = static_cast<std::uint32_t>(counter_lo);
    std::uint32_t c1 = static_cast<std::uint32_t>(counter_lo >> 32);
    std::uint32_t c2 = static_cast<std::uint32_t>(counter_hi);
    std::uint32_t c3 = static_cast<std::uint32_t>(counter_hi >> 32);
    for (int round = 0; round < 10; ++round) {
        const std::uint64_t p0 = m0 * c0;
        const std::uint64_t p1 = m1 * c2;
        c0 = static_cast<std::uint32_t>(p1 >> 32) ^ c1 ^ k0;
        c1 = static_cast<std::uint32_t>(p1);
        c2 = static_cast<std::uint32_t>(p0 >> 32) ^ c3 ^ k1;
        c3 = static_cast<std::uint32_t>(p0);
        k0 += 0x9E3779B9U;
        k1 += 0xBB67AE85U;
    }
    return {{c0, c1, c2, c3}};
}

// Two 32-bit words as a double in (0, 1): (n + 1/2) / 2^52 for the top 52 bits n, so neither 0 nor 1 occurs and every
// value is exact. Spacing 2^-52.
KRISS_HD KRISS_ALWAYS_INLINE double uniform53(std::uint32_t high, std::uint32_t low) {
    const std::uint64_t n = ((static_cast<std::uint64_t>(high) << 32) | low) >> 12;
    return (static_cast<double>(static_cast<std::int64_t>(n)) + 0.5) * 0x1p-52;
}

// One 32-bit word as a float in (0, 1): (n + 1/2) / 2^23 for the top 23 bits n.
KRISS_HD KRISS_ALWAYS_INLINE float uniform24(std::uint32_t word) {
    return (static_cast<float>(static_cast<std::int32_t>(word >> 9)) + 0.5F) * 0x1p-23F;
}

// An integer in [0, bound), 1 <= bound < 2^32, by multiply and shift of 32 bits. Not exactly uniform: the probability
// of a value differs from 1/bound by less than 2^-32, a relative bias below bound / 2^32 (2e-7 for bound = 1000).
KRISS_HD KRISS_ALWAYS_INLINE std::uint32_t bounded32(std::uint32_t word, std::uint32_t bound) {
    return static_cast<std::uint32_t>((static_cast<std::uint64_t>(word) * bound) >> 32);
}

// The same from 64 random bits: relative bias below bound / 2^64, for 1 <= bound < 2^32. Only 32 x 32-bit products, so
// that every compiler and device does the same.
KRISS_HD KRISS_ALWAYS_INLINE std::uint32_t bounded64(std::uint32_t high, std::uint32_t low, std::uint32_t bound) {
    const std::uint64_t carry = (static_cast<std::uint64_t>(low) * bound) >> 32;
    return static_cast<std::uint32_t>((static_cast<std::uint64_t>(high) * bound + carry) >> 32);
}

// +1 or -1 from the top bit of a word.
template <class T>
KRISS_HD KRISS_ALWAYS_INLINE T random_sign(std::uint32_t word) {
    return (word >> 31) != 0U ? T(-1) : T(1);
}

// Two independent standard normals from one block: G. E. P. Box, M. E. Muller, "A note on the generation of random
// normal deviates", Ann. Math. Statist. 29, 1958. Uniforms have 52 bits, so |z| < 8.58.
struct NormalPair {
    double first, second;
};
KRISS_HD KRISS_ALWAYS_INLINE NormalPair normal_pair(const PhiloxBlock& b) {
    const double radius = std::sqrt(-2.0 * math::log(uniform53(b.v[0], b.v[1])));
    const auto turn = math::sincos_bounded(0x1.921fb54442d18p+2 * uniform53(b.v[2], b.v[3]));
    return {radius * turn.cos, radius * turn.sin};
}

KRISS_NAMESPACE_END
