// Twofold arithmetic on vectors: twofold_number.hpp, eight numbers at a time.
#pragma once

#include "kriss/sketch/tile.hpp"
#include "kriss/sketch/twofold_number.hpp"

KRISS_NAMESPACE_BEGIN

KRISS_ALWAYS_INLINE Simd::vec lanes_product_error(Simd::vec a, Simd::vec b, Simd::vec p) {
#if defined(__AVX512F__)
    return _mm512_fmsub_pd(a, b, p);
#elif defined(__AVX2__) && defined(__FMA__)
    return _mm256_fmsub_pd(a, b, p);
#else
    return split_product_error(a, b, p);
#endif
}

// high + low += a * (b_high + b_low).
KRISS_ALWAYS_INLINE void twofold_fma(Simd::vec& high, Simd::vec& low, Simd::vec a, Simd::vec b_high, Simd::vec b_low) {
    const Simd::vec p = a * b_high;
    const Simd::vec rest = lanes_product_error(a, b_high, p) + a * b_low;
    twofold_add(high, low, p);
    low = low + rest;
}

KRISS_NAMESPACE_END
