// What the Walsh-Hadamard family does per element, on any device: butterflies, signs by counter, features of a
// projection. Sources: fwht.hpp, srht.hpp, random_features.hpp.
#pragma once

#include <cstdint>

#include "kriss/config.hpp"
#include "kriss/math.hpp"
#include "kriss/philox.hpp"

KRISS_NAMESPACE_BEGIN

// Butterflies of all strides below Radix on a[0..Radix), from the widest.
template <int Radix, class V>
KRISS_HD KRISS_ALWAYS_INLINE void fwht_butterfly(V* a) {
    for (int h = Radix / 2; h >= 1; h /= 2) {
        for (int i = 0; i < Radix; ++i) {
            if ((i & h) == 0) {
                const V x = a[i];
                const V y = a[i + h];
                a[i] = x + y;
                a[i + h] = x - y;
            }
        }
    }
}

// Low words of the counters: 0 for the signs of rows, 1 to 15 for keys, from 16 on for vectors of signs.
constexpr std::uint64_t sign_vectors = 16;

KRISS_HD KRISS_ALWAYS_INLINE bool random_bit(const PhiloxBlock& block, index_t bit) {
    return ((block.v[bit / 32] >> (bit % 32)) & 1U) != 0U;
}

// The blocks that hold the sign of row i of a matrix without an end, and sign i of vector number `which`.
KRISS_HD KRISS_ALWAYS_INLINE PhiloxBlock row_sign_block(std::uint64_t seed, index_t i) {
    return philox4x32(seed, static_cast<std::uint64_t>(i / 128), 0);
}
KRISS_HD KRISS_ALWAYS_INLINE PhiloxBlock vector_sign_block(std::uint64_t seed, index_t which, index_t i) {
    return philox4x32(seed, static_cast<std::uint64_t>(which), sign_vectors + static_cast<std::uint64_t>(i / 128));
}

enum class FeatureMap : int { project = 0, fourier = 1, step = 2, ramp = 3 };

// Of projection number k of its block. Rows with one entry meet projections of exactly zero: half of them step up.
template <class T>
KRISS_HD KRISS_ALWAYS_INLINE T step_feature(T p, index_t k, T unit) {
    return p > T(0) || (p == T(0) && (k & 1) != 0) ? unit : T(0);
}
template <class T>
KRISS_HD KRISS_ALWAYS_INLINE T ramp_feature(T p, T unit) {
    return p > T(0) ? p * unit : T(0);
}

KRISS_NAMESPACE_END
