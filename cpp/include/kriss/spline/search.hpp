// Finding the interval of a point among sorted knots, for points in any order and knots of any grading.
//
// Points are mapped to buckets by a monotone function that costs a few operations, and a table holds, for bucket j,
// the last interval that starts in a lower bucket. So the interval of a point in bucket j lies between table[j] and
// table[j + 1]; a branch-free bisection over the knots of that one bucket finds it. There are three maps:
//   map = 0   floor((x - x_0) * scale), equal buckets;
//   map > 0   the bits of x - x_0 shifted right by `map`: buckets equal within each octave of the distance from the
//             left end, for knots graded towards it (logarithmic grids);
//   map < 0   the same from the right end.
// Each is monotone also in floating point: subtraction rounds monotonically, and the bits of positive numbers order as
// the numbers do. The map is the one with the fewest knots per bucket, as a knot sees it. Knots that share a bucket
// under every map cost a bisection among them, log2(n) steps at most; no walk grows with n. Nearly uniform knots need
// no table at all.
//
// Points of a batch that come sorted and close together are found by counting knots instead, without the table.
//
// The index is a hint: the interval found is verified against the knots and found again by bisection if they do not
// bracket x (someone wrote into the knots). Nothing is remembered between queries, so any number of threads may share
// an index.
#pragma once

#include <cstdint>

#include "kriss/config.hpp"

KRISS_NAMESPACE_BEGIN

namespace detail {

KRISS_HD KRISS_ALWAYS_INLINE std::int64_t order_bits(double x) { return __builtin_bit_cast(std::int64_t, x); }
KRISS_HD KRISS_ALWAYS_INLINE std::int32_t order_bits(float x) { return __builtin_bit_cast(std::int32_t, x); }

template <class T>
struct KeyOf {
    using type = std::int64_t;
};
template <>
struct KeyOf<float> {
    using type = std::int32_t;
};

}  // namespace detail

template <class T>
using knot_key = typename detail::KeyOf<T>::type;

// Knots and their index. 2 <= n <= 2^30, knots sorted.
template <class T>
struct KnotIndex {
    const T* x = nullptr;                 // (n)
    index_t n = 0;                        //
    const std::int32_t* table = nullptr;  // (buckets + 1), null: nearly uniform
    std::int32_t buckets = 0;             // < 2^30
    std::int32_t map = 0;                 // see above
    T scale = T(0);                       // map = 0: buckets per unit of x
    knot_key<T> base = 0;                 // else: key of the shortest distance that is not in the first bucket
};

template <class T>
KRISS_HD KRISS_ALWAYS_INLINE T bucket_scale(T first, T last, std::int32_t buckets) {
    return static_cast<T>(buckets) / (last - first);
}

// The index over a table that is filled, from the end knots x_0, x_1, x_{n-2}, x_{n-1} given by value (x itself may be
// in device memory). buckets: n - 1 without a table.
template <class T>
KnotIndex<T> knot_index(const T* x, index_t n, T first, T second, T before, T last, const std::int32_t* table,
                        std::int32_t buckets, std::int32_t map) {
    KnotIndex<T> ix{x, n, table, buckets, map, bucket_scale(first, last, buckets), 0};
    if (map > 0) {
        ix.base = detail::order_bits(second - first) >> map;
    } else if (map < 0) {
        ix.base = detail::order_bits(last - before) >> -map;
    }
    return ix;
}

template <class T>
KnotIndex<T> knot_index(const T* x, index_t n, const std::int32_t* table, std::int32_t buckets, std::int32_t map) {
    return knot_index(x, n, x[0], x[1], x[n - 2], x[n - 1], table, buckets, map);
}

// NaN and everything left of the range go to bucket 0; everything right of it to the last one.
template <class T>
KRISS_HD KRISS_ALWAYS_INLINE std::int32_t bucket_linear(T x, T first, T scale, std::int32_t buckets) {
    T t = (x - first) * scale;
    t = t > T(0) ? t : T(0);
    t = t < static_cast<T>(buckets) ? t : static_cast<T>(buckets);
    const auto j = static_cast<std::int32_t>(t);
    return j < buckets ? j : buckets - 1;
}

// Bucket by the bits of a distance d >= 0 from an end; negative ones and NaN go to either end of the range.
template <class T>
KRISS_HD KRISS_ALWAYS_INLINE std::int32_t bucket_octave(T d, std::int32_t shift, knot_key<T> base,
                                                        std::int32_t buckets) {
    // The keys of negative distances are negative, base is not: no overflow.
    knot_key<T> k = detail::order_bits(d);
    k = (k > 0 ? k : 0) >> shift;
    k = k > base ? k - base : 0;
    const auto most = static_cast<knot_key<T>>(buckets - 1);
    return static_cast<std::int32_t>(k < most ? k : most);
}

template <class T>
KRISS_HD KRISS_ALWAYS_INLINE std::int32_t bucket_of(const KnotIndex<T>& ix, T q) {
    if (ix.map == 0) {
        return bucket_linear(q, ix.x[0], ix.scale, ix.buckets);
    }
    if (ix.map > 0) {
        return bucket_octave(q - ix.x[0], ix.map, ix.base, ix.buckets);
    }
    return ix.buckets - 1 - bucket_octave(ix.x[ix.n - 1] - q, -ix.map, ix.base, ix.buckets);
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

// The first step of a bisection over `span` further knots: steps of this, its half, ..., 1 reach them all.
KRISS_HD KRISS_ALWAYS_INLINE std::int32_t first_step(std::int32_t span) {
    std::int32_t step = span > 0 ? 1 : 0;
    while (step != 0 && 2 * step - 1 < span) {
        step *= 2;
    }
    return step;
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
    const std::int32_t j = bucket_of(ix, q);
    std::int32_t i = j;
    if (ix.table != nullptr) {
        i = ix.table[j];
        const std::int32_t end = ix.table[j + 1];
        for (std::int32_t step = first_step(end - i); step > 0; step >>= 1) {
            i = locate_step(ix.x, i, step, end, q);
        }
    } else if (i > 0 && q < ix.x[i]) {
        --i;
    } else if (i < last && q >= ix.x[i + 1]) {
        ++i;
    }
    return misses(ix.x, i, last, q) ? locate_bisect(ix.x, ix.n, q) : i;
}

// The intervals i of W points and the distances s = q - x[i]: the same result as `locate`, in stages so that the loads
// of all points are in flight together. Returns whether all lie in interval i[0], known only where it is cheap to know.
template <class T, int W>
KRISS_ALWAYS_INLINE bool locate_batch(const KnotIndex<T>& ix, const T* KRISS_RESTRICT q, std::int32_t* KRISS_RESTRICT i,
                                      T* KRISS_RESTRICT s) {
    const auto last = static_cast<std::int32_t>(ix.n - 2);
    const T* const x = ix.x;
    if constexpr (W > 8) {
        constexpr std::int32_t near = 16;  // counting costs a comparison a knot, the table some 4 of them
        int falls = 0;
        for (int l = 0; l + 1 < W; ++l) {
            falls |= static_cast<int>(!(q[l] <= q[l + 1]));  // also NaN
        }
        if (falls == 0) {
            const std::int32_t from = locate(ix, q[0]);
            const std::int32_t to = locate(ix, q[W - 1]);
            if (to == from) {
                const T left = x[from];
                for (int l = 0; l < W; ++l) {
                    i[l] = from;
                    s[l] = q[l] - left;
                }
                return true;
            }
            if (to > from && to - from <= near) {
                for (int l = 0; l < W; ++l) {
                    i[l] = from;
                }
                for (std::int32_t k = from + 1; k <= to; ++k) {
                    const T knot = x[k];
                    for (int l = 0; l < W; ++l) {
                        i[l] += static_cast<std::int32_t>(q[l] >= knot);
                    }
                }
                for (int l = 0; l < W; ++l) {
                    s[l] = q[l] - x[i[l]];
                }
                return false;
            }
        }
    }
    const T first = x[0];
    const std::int32_t buckets = ix.buckets;
    if (ix.map == 0) {
        const T scale = ix.scale;
        for (int l = 0; l < W; ++l) {
            i[l] = bucket_linear(q[l], first, scale, buckets);
        }
    } else if (ix.map > 0) {
        for (int l = 0; l < W; ++l) {
            i[l] = bucket_octave(q[l] - first, ix.map, ix.base, buckets);
        }
    } else {
        const T right = x[ix.n - 1];
        for (int l = 0; l < W; ++l) {
            i[l] = buckets - 1 - bucket_octave(right - q[l], -ix.map, ix.base, buckets);
        }
    }
    if (ix.table != nullptr) {
        const std::int32_t* const table = ix.table;
        std::int32_t end[W];
        std::int32_t span = 0;
        for (int l = 0; l < W; ++l) {
            const std::int32_t j = i[l];
            i[l] = table[j];
            end[l] = table[j + 1];
            span = end[l] - i[l] > span ? end[l] - i[l] : span;
        }
        for (std::int32_t step = first_step(span); step > 0; step >>= 1) {
            for (int l = 0; l < W; ++l) {
                i[l] = locate_step(x, i[l], step, end[l], q[l]);
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
    return false;
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

// Entries of a table that suffices for every choice of `choose_map`.
inline index_t table_capacity(index_t n) {
    index_t buckets = 4;
    while (buckets < 2 * n && buckets < (index_t(1) << 29)) {
        buckets *= 2;
    }
    return buckets + 1;
}

// How knots fall into buckets.
struct BucketMap {
    std::int32_t map = 0;
    std::int32_t buckets = 0;
};

namespace detail {

// The mean number of knots in the bucket of a knot, times the number of knots; `most` is the largest bucket.
template <class T>
double crowding(const KnotIndex<T>& ix, std::int32_t* most) {
    double sum = 0.0;
    std::int32_t run = 0;
    std::int32_t before = -1;
    *most = 0;
    for (index_t i = 1; i < ix.n - 1; ++i) {
        const std::int32_t j = bucket_of(ix, ix.x[i]);
        run = j == before ? run + 1 : 1;
        before = j;
        sum += 2.0 * run - 1.0;  // sums to the square of the run
        *most = run > *most ? run : *most;
    }
    return sum;
}

// The finest map by octaves from one end that fits into `most` buckets; buckets = 0 if there is none.
template <class T>
BucketMap octave_map(T nearest, T farthest, std::int32_t most, bool from_right) {
    const auto low = order_bits(nearest);
    const auto high = order_bits(farthest);
    for (std::int32_t shift = 1; shift < static_cast<std::int32_t>(8 * sizeof(T)) - 1; ++shift) {
        const auto count = (high >> shift) - (low >> shift) + 1;
        if (count <= most) {
            return {from_right ? -shift : shift, static_cast<std::int32_t>(count)};
        }
    }
    return {0, 0};
}

}  // namespace detail

// The map with the fewest knots per bucket; equal buckets unless another halves that. x: (n) sorted.
template <class T>
BucketMap choose_map(const T* x, index_t n) {
    const auto limit = static_cast<std::int32_t>(table_capacity(n) - 1);
    BucketMap best{0, limit};
    std::int32_t most = 0;
    double least = detail::crowding(knot_index<T>(x, n, nullptr, limit, 0), &most);
    if (most <= 8) {
        return best;
    }
    for (const bool from_right : {false, true}) {
        const T nearest = from_right ? x[n - 1] - x[n - 2] : x[1] - x[0];
        const BucketMap other = detail::octave_map(nearest, x[n - 1] - x[0], limit, from_right);
        if (other.buckets > 0) {
            const double sum = detail::crowding(knot_index<T>(x, n, nullptr, other.buckets, other.map), &most);
            if (2.0 * sum < least) {
                least = sum;
                best = other;
            }
        }
    }
    return best;
}

// Fills the table. x: (n) sorted, table: (buckets + 1).
template <class T>
void fill_table(const T* x, index_t n, BucketMap how, std::int32_t* table) {
    const KnotIndex<T> ix = knot_index<T>(x, n, nullptr, how.buckets, how.map);
    std::int32_t filled = 0;  // entries of the table that are final
    for (index_t i = 1; i < n - 1; ++i) {
        const std::int32_t j = bucket_of(ix, x[i]);
        // Buckets up to j start at interval i - 1 unless an earlier knot already lies in bucket j.
        for (; filled <= j; ++filled) {
            table[filled] = static_cast<std::int32_t>(i - 1);
        }
    }
    for (; filled <= how.buckets; ++filled) {
        table[filled] = static_cast<std::int32_t>(n - 2);
    }
}

// The index of knots x (n), sorted, n >= 2. table: (table_capacity(n)), left alone where the knots are nearly uniform;
// knots and table must outlive the index. O(n).
template <class T>
KnotIndex<T> build_knot_index(const T* x, index_t n, std::int32_t* table) {
    if (knots_nearly_uniform(x, n)) {
        return knot_index<T>(x, n, nullptr, static_cast<std::int32_t>(n - 1), 0);
    }
    const BucketMap how = choose_map(x, n);
    fill_table(x, n, how, table);
    return knot_index<T>(x, n, table, how.buckets, how.map);
}

KRISS_NAMESPACE_END
