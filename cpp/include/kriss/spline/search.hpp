// Which interval holds x: a bucket index over sorted knots whose worst case is O(log n), in any order of queries.
//
// The range [x_0, x_{n-1}] is cut into equal buckets. bucket(x) = floor((x - x_0) * scale) is a monotone function of
// x also in floating point, so every knot in a lower bucket lies at or left of x. The table stores for each bucket
// the last interval that starts in a lower one; a short branch-free bisection over the knots that share the bucket
// finds the rest. `top` is the first step of that bisection: 1 on mildly graded knots, about n/2 when all knots share
// one bucket, where the search has become an ordinary bisection. Nearly uniform knots need no table at all.
//
// The index is a hint: the interval found is verified against the knots and found again by bisection if they do not
// bracket x (someone wrote into the knots). Nothing is remembered between queries, so any number of threads may share
// an index.
#pragma once

#include <cstdint>

#include "kriss/config.hpp"

KRISS_NAMESPACE_BEGIN

// Knots and their index. 2 <= n <= 2^30, knots sorted.
template <class T>
struct KnotIndex {
    const T* x = nullptr;                 // (n)
    index_t n = 0;                        //
    const std::int32_t* table = nullptr;  // (buckets), null: nearly uniform
    std::int32_t buckets = 0;             // <= 2^30
    std::int32_t top = 0;                 // largest step of the bisection inside a bucket, a power of two or 0
    T scale = T(0);                       // buckets per unit of x
};

template <class T>
KRISS_HD KRISS_ALWAYS_INLINE T bucket_scale(T first, T last, std::int32_t buckets) {
    return static_cast<T>(buckets) / (last - first);
}

// NaN and everything left of the range go to bucket 0; everything right of it to the last one.
template <class T>
KRISS_HD KRISS_ALWAYS_INLINE std::int32_t bucket_of(T x, T first, T scale, std::int32_t buckets) {
    T t = (x - first) * scale;
    t = t > T(0) ? t : T(0);
    t = t < static_cast<T>(buckets) ? t : static_cast<T>(buckets);
    const auto j = static_cast<std::int32_t>(t);
    return j < buckets ? j : buckets - 1;
}

// The largest i in [0, n - 2] with x[i] <= q, or 0. The reference, and the fallback.
template <class T>
KRISS_HD inline std::int32_t locate_bisect(const T* x, index_t n, T q) {
    index_t low = 0;
    index_t high = n - 1;
    while (high - low > 1) {
        const index_t mid = low + (high - low) / 2;
        if (q >= x[mid]) {
            low = mid;
        } else {
            high = mid;
        }
    }
    return static_cast<std::int32_t>(low);
}

template <class T>
KRISS_HD KRISS_ALWAYS_INLINE std::int32_t locate_step(const T* x, std::int32_t i, std::int32_t step, std::int32_t last,
                                                      T q) {
    const std::int32_t ahead = i + step;
    const std::int32_t next = ahead < last ? ahead : last;
    return q >= x[next] ? next : i;
}

// Whether i does not bracket q, counting the first and the last interval as open outwards. False for NaN.
template <class T>
KRISS_HD KRISS_ALWAYS_INLINE bool misses(const T* x, std::int32_t i, std::int32_t last, T q) {
    return ((q < x[i]) & (i > 0)) | ((q >= x[i + 1]) & (i < last));
}

// The interval of one point.
template <class T>
KRISS_HD inline std::int32_t locate(const KnotIndex<T>& ix, T q) {
    const auto last = static_cast<std::int32_t>(ix.n - 2);
    const std::int32_t j = bucket_of(q, ix.x[0], ix.scale, ix.buckets);
    std::int32_t i = 0;
    if (ix.table != nullptr) {
        i = ix.table[j];
        for (std::int32_t step = ix.top; step > 0; step >>= 1) {
            i = locate_step(ix.x, i, step, last, q);
        }
    } else {
        i = j;
        if (i > 0 && q < ix.x[i]) {
            --i;
        } else if (i < last && q >= ix.x[i + 1]) {
            ++i;
        }
    }
    return misses(ix.x, i, last, q) ? locate_bisect(ix.x, ix.n, q) : i;
}

// The intervals i of W points and the distances s = q - x[i]: the same result, in stages so that the loads of all
// points are in flight together.
template <class T, int W>
KRISS_ALWAYS_INLINE void locate_batch(const KnotIndex<T>& ix, const T* KRISS_RESTRICT q, std::int32_t* KRISS_RESTRICT i,
                                      T* KRISS_RESTRICT s) {
    const auto last = static_cast<std::int32_t>(ix.n - 2);
    const T* const x = ix.x;
    const T first = x[0];
    const T scale = ix.scale;
    const std::int32_t buckets = ix.buckets;
    for (int l = 0; l < W; ++l) {
        i[l] = bucket_of(q[l], first, scale, buckets);
    }
    if (ix.table != nullptr) {
        const std::int32_t* const table = ix.table;
        for (int l = 0; l < W; ++l) {
            i[l] = table[i[l]];
        }
        for (std::int32_t step = ix.top; step > 0; step >>= 1) {
            for (int l = 0; l < W; ++l) {
                i[l] = locate_step(x, i[l], step, last, q[l]);
            }
        }
    }
    int wrong = 0;
    for (int l = 0; l < W; ++l) {
        const T left = x[i[l]];
        const T right = x[i[l] + 1];
        s[l] = q[l] - left;
        wrong |= static_cast<int>((q[l] < left) & (i[l] > 0)) | static_cast<int>((q[l] >= right) & (i[l] < last));
    }
    if (wrong != 0) {
        for (int l = 0; l < W; ++l) {
            i[l] = locate(ix, q[l]);
            s[l] = q[l] - x[i[l]];
        }
    }
}

// Whether every knot lies within 1/1024 of a cell of where equal spacing would put it: then bucket(x) is the interval
// but for points that close to a knot, and no table is needed.
template <class T>
bool knots_nearly_uniform(const T* x, index_t n) {
    const auto cells = static_cast<std::int32_t>(n - 1);
    const T first = x[0];
    const T scale = bucket_scale(first, x[n - 1], cells);
    constexpr T slack = T(1) / T(1024);
    // In blocks, so that the test vectorises and graded knots stop it early.
    for (index_t begin = 1; begin < n - 1; begin += 1024) {
        const index_t end = begin + 1024 < n - 1 ? begin + 1024 : n - 1;
        int off = 0;
        for (index_t i = begin; i < end; ++i) {
            const T d = (x[i] - first) * scale - static_cast<T>(static_cast<std::int32_t>(i));
            off |= static_cast<int>(!((d <= slack) & (d >= -slack)));
        }
        if (off != 0) {
            return false;
        }
    }
    return true;
}

// Fills the table and returns `top`. x: (n) sorted, table: (buckets).
template <class T>
std::int32_t build_bucket_table(const T* x, index_t n, std::int32_t* table, std::int32_t buckets) {
    const T first = x[0];
    const T scale = bucket_scale(first, x[n - 1], buckets);
    std::int32_t filled = 0;  // entries of the table that are final
    std::int32_t most = 0;
    std::int32_t run = 0;
    for (index_t i = 1; i < n - 1; ++i) {
        const std::int32_t j = bucket_of(x[i], first, scale, buckets);
        // Buckets up to j start at interval i - 1 unless an earlier knot already lies in bucket j.
        run = j < filled ? run + 1 : 1;
        most = run > most ? run : most;
        for (; filled <= j; ++filled) {
            table[filled] = static_cast<std::int32_t>(i - 1);
        }
    }
    for (; filled < buckets; ++filled) {
        table[filled] = static_cast<std::int32_t>(n - 2);
    }
    std::int32_t top = most > 0 ? 1 : 0;  // steps top, top/2, ..., 1 reach 2 top - 1 knots further
    while (top != 0 && 2 * static_cast<index_t>(top) - 1 < most) {
        top *= 2;
    }
    return top;
}

KRISS_NAMESPACE_END
