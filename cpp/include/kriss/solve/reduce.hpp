// Sums whose bits depend neither on the number of workers nor on the instruction-set level.
//
// A vector is cut into chunks of `solve_grain` items. Inside a chunk eight partial sums run side by side (item i goes
// to lane i mod 8 of the chunk) and are added as a fixed tree; the chunks' results are added in order. Sums are kept in
// double for both precisions, so that the norm of a float32 vector neither over- nor underflows.
#pragma once

#include "kriss/config.hpp"
#include "kriss/executor.hpp"

KRISS_NAMESPACE_BEGIN

inline constexpr index_t solve_grain = 4096;  // items per chunk; 32 KiB of float64
inline constexpr int solve_lanes = 8;

KRISS_ALWAYS_INLINE index_t chunk_count(index_t n) { return (n + solve_grain - 1) / solve_grain; }

KRISS_ALWAYS_INLINE double lane_sum(const double* s) {
    return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}

// sum of part[0..count) in order
KRISS_ALWAYS_INLINE double chunk_sum(const double* part, index_t count) {
    double s = 0.0;
    for (index_t k = 0; k < count; ++k) {
        s += part[k];
    }
    return s;
}

// lane[l] += sum of x[i] y[i] over i = l mod 8. A block other than the last of its chunk has a multiple of 8 items.
KRISS_ALWAYS_INLINE void add_products(const double* KRISS_RESTRICT x, const double* KRISS_RESTRICT y, index_t n,
                                      double* KRISS_RESTRICT lane) {
    double s[solve_lanes];
    for (int l = 0; l < solve_lanes; ++l) {
        s[l] = lane[l];
    }
    index_t i = 0;
    for (; i + solve_lanes <= n; i += solve_lanes) {
        for (int l = 0; l < solve_lanes; ++l) {
            s[l] += x[i + l] * y[i + l];
        }
    }
    for (int l = 0; i + l < n; ++l) {
        s[l] += x[i + l] * y[i + l];
    }
    for (int l = 0; l < solve_lanes; ++l) {
        lane[l] = s[l];
    }
}

inline constexpr index_t solve_block = 512;  // items that pass through the first-level cache together

// x as double: x itself, or converted into room for solve_block items
KRISS_ALWAYS_INLINE const double* as_double(const double* x, index_t, double*) { return x; }
KRISS_ALWAYS_INLINE const double* as_double(const float* KRISS_RESTRICT x, index_t n, double* KRISS_RESTRICT room) {
    for (index_t i = 0; i < n; ++i) {
        room[i] = static_cast<double>(x[i]);
    }
    return room;
}

// x'y over one chunk
template <class T>
KRISS_ALWAYS_INLINE double dot_chunk(const T* x, const T* y, index_t n) {
    double s[solve_lanes] = {};
    if constexpr (sizeof(T) == sizeof(double)) {
        add_products(x, y, n, s);
    } else {
        double wide_x[solve_block];
        double wide_y[solve_block];
        for (index_t b = 0; b < n; b += solve_block) {
            const index_t m = b + solve_block < n ? solve_block : n - b;
            add_products(as_double(x + b, m, wide_x), as_double(y + b, m, wide_y), m, s);
        }
    }
    return lane_sum(s);
}

// x'y; part: (chunk_count(n)) scratch. Reads 16 n bytes in float64.
template <class T>
double fixed_dot(index_t n, const T* x, const T* y, double* part, const Executor& ex) {
    ex.parallel_for(n, solve_grain,
                    [=](index_t b, index_t e) { part[b / solve_grain] = dot_chunk(x + b, y + b, e - b); });
    return chunk_sum(part, chunk_count(n));
}

KRISS_NAMESPACE_END
