// Twofold arithmetic: numbers as unevaluated sums high + low of two doubles, about 106 bits. On the host and on a
// device.
//
// Sums by Knuth's two-sum, products with their rounding error: by fma where the level has it, else by Dekker's
// splitting. Both are exact unless something under- or overflows, so every level rounds the same way.
// T. Ogita, S. M. Rump, S. Oishi, "Accurate sum and dot product", SIAM J. Sci. Comput. 26 (2005), algorithms 3.1
// to 3.5.
#pragma once

#include "kriss/config.hpp"

KRISS_NAMESPACE_BEGIN

// The rounding error of p = a * b, for doubles and for vectors of them.
template <class V>
KRISS_HD KRISS_ALWAYS_INLINE V split_product_error(V a, V b, V p) {
    const V a_big = a * 134217729.0;
    const V b_big = b * 134217729.0;
    const V a_high = a_big - (a_big - a);
    const V b_high = b_big - (b_big - b);
    const V a_low = a - a_high;
    const V b_low = b - b_high;
    return a_low * b_low - (((p - a_high * b_high) - a_low * b_high) - a_high * b_low);
}

KRISS_HD KRISS_ALWAYS_INLINE double product_error(double a, double b, double p) {
#if defined(KRISS_FMA)
    return KRISS_FMA(a, b, -p);
#else
    return split_product_error(a, b, p);
#endif
}

// high + low += x, the rounding error of the sum into low. V: double or a vector of them.
template <class V>
KRISS_HD KRISS_ALWAYS_INLINE void twofold_add(V& high, V& low, V x) {
    const V sum = high + x;
    const V part = sum - high;
    low = low + ((high - (sum - part)) + (x - part));
    high = sum;
}

// high + low += a * (b_high + b_low).
KRISS_HD KRISS_ALWAYS_INLINE void twofold_fma(double& high, double& low, double a, double b_high, double b_low) {
    const double p = a * b_high;
    const double rest = product_error(a, b_high, p) + a * b_low;
    twofold_add(high, low, p);
    low = low + rest;
}

// |high| >= |low| and high = fl(high + low) afterwards.
KRISS_HD KRISS_ALWAYS_INLINE void twofold_normalise(double& high, double& low) {
    const double sum = high + low;
    low = low - (sum - high);
    high = sum;
}

KRISS_NAMESPACE_END
