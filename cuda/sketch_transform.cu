// Walsh-Hadamard transforms, the SRHT and random features: shells over kriss/sketch/hadamard.hpp.
//
// Every thread does one butterfly of 8 (or 4, or 2) numbers in registers, three levels of the transform, in the order
// of the CPU kernels, and nothing is summed in parallel: the results are the CPU's bits but for sine and cosine of
// arguments where compilers differ. No shared memory; neighbouring threads take neighbouring columns, or neighbouring
// places of a line where there is one column.
#include "sketch_transform.hpp"

#include <cmath>

#include "kriss/sketch/hadamard.hpp"
#include "panel.hpp"

namespace kriss::cuda {
namespace {

// Item: (outer, block, place in its Radix-th, column), the last running fastest.
template <int Radix, class T>
struct LevelsBody {
    T* x;
    index_t n, inner, len;
    index_t outer_stride, stride, inner_stride;
    T scale;  // applied in the last pass, when len = Radix
    KRISS_HD bool live(index_t) const { return true; }
    KRISS_HD void operator()(index_t item, index_t) const {
        const index_t part = len / Radix;
        const index_t j = item % inner;
        const index_t q = item / inner % part;
        const index_t block = item / (inner * part) % (n / len);
        const index_t o = item / (inner * part * (n / len));
        T* at = x + o * outer_stride + (block * len + q) * stride + j * inner_stride;
        T a[Radix];
        for (int r = 0; r < Radix; ++r) {
            a[r] = at[r * part * stride];
        }
        fwht_butterfly<Radix>(a);
        for (int r = 0; r < Radix; ++r) {
            at[r * part * stride] = part == 1 && scale != T(1) ? a[r] * scale : a[r];
        }
    }
};

template <class T>
struct ScaleBody {
    T* x;
    index_t inner, outer_stride, inner_stride;
    T scale;
    KRISS_HD bool live(index_t) const { return true; }
    KRISS_HD void operator()(index_t item, index_t) const {
        x[item / inner * outer_stride + item % inner * inner_stride] *= scale;
    }
};

template <class T>
struct Zero {
    T* x;
    KRISS_HD bool live(index_t) const { return true; }
    KRISS_HD void operator()(index_t item, index_t) const { x[item] = T(0); }
};

// Row i of a, signed, to its place in the workspace of its tile.
template <class T>
struct SpreadBody {
    const T* a;
    index_t first, n, row_stride, col_stride;  // `first`: the first row of this round, counted within a
    std::uint64_t seed;
    const std::int32_t* place;
    index_t tile, row_offset, t0;
    T* work;
    KRISS_HD bool live(index_t) const { return true; }
    KRISS_HD void operator()(index_t item, index_t) const {
        const index_t i = first + item / n;
        const index_t j = item % n;
        const index_t global = row_offset + i;
        const T sign = random_bit(row_sign_block(seed, global), global % 128) ? T(-1) : T(1);
        const index_t to = (global / tile - t0) * tile + static_cast<index_t>(place[global % tile]);
        work[to * n + j] = sign * a[i * row_stride + j * col_stride];
    }
};

// out[k, j] += the chosen rows of `count` tiles, in their order.
template <class T>
struct PickBody {
    const T* work;
    index_t n, count;
    std::uint64_t seed;
    const std::int32_t* row;
    index_t tile, t0;
    T unit;
    T* out;
    KRISS_HD bool live(index_t) const { return true; }
    KRISS_HD void operator()(index_t item, index_t) const {
        const index_t k = item / n;
        T total = out[item];
        for (index_t r = 0; r < count; ++r) {
            const T left = random_bit(vector_sign_block(seed, t0 + r, k), k % 128) ? T(-1) : T(1);
            total = total + left * (work[(r * tile + static_cast<index_t>(row[k])) * n + item % n] * unit);
        }
        out[item] = total;
    }
};

// work[i, j] = x[i, j] / lengthscale * sign, zero beyond the columns of x.
template <class T>
struct LoadBody {
    const T* x;
    index_t n, p, row_stride, col_stride;
    const T* inverse;
    const T* signs;
    T* work;
    KRISS_HD bool live(index_t) const { return true; }
    KRISS_HD void operator()(index_t item, index_t) const {
        const index_t i = item / p;
        const index_t j = item % p;
        work[item] = j < n ? x[i * row_stride + j * col_stride] * inverse[j] * signs[j] : T(0);
    }
};

template <class T>
struct SignBody {
    index_t p;
    const T* signs;
    T* work;
    KRISS_HD bool live(index_t) const { return true; }
    KRISS_HD void operator()(index_t item, index_t) const { work[item] *= signs[item % p]; }
};

template <class T>
struct FeatureBody {
    const T* work;
    const T* stretch;
    index_t p, count, k0, frequencies, width;
    FeatureMap map;
    T unit;
    T* out;
    KRISS_HD bool live(index_t) const { return true; }
    KRISS_HD void operator()(index_t item, index_t) const {
        const index_t i = item / count;
        const index_t k = item % count;
        const T projection = work[i * p + k] * stretch[k0 + k];
        T* to = out + i * width + k0 + k;
        if (map == FeatureMap::fourier) {
            const auto y = math::sincos(projection);
            to[0] = unit * y.cos;
            to[frequencies] = unit * y.sin;
        } else if (map == FeatureMap::step) {
            to[0] = step_feature(projection, k, unit);
        } else if (map == FeatureMap::ramp) {
            to[0] = ramp_feature(projection, unit);
        } else {
            to[0] = projection * unit;
        }
    }
};

}  // namespace

template <class T>
void fwht(T* x, index_t outer, index_t n, index_t inner, index_t outer_stride, index_t stride, index_t inner_stride,
          T scale, stream_t s) {
    const index_t lines = outer * inner;
    if (lines <= 0) {
        return;
    }
    if (n == 1) {
        if (scale != T(1)) {
            rows(lines, 1, ScaleBody<T>{x, inner, outer_stride, inner_stride, scale}, s);
        }
        return;
    }
    index_t len = n;
    for (; len >= 8; len /= 8) {
        rows(lines * n / 8, 1, LevelsBody<8, T>{x, n, inner, len, outer_stride, stride, inner_stride, scale}, s);
    }
    if (len == 4) {
        rows(lines * n / 4, 1, LevelsBody<4, T>{x, n, inner, len, outer_stride, stride, inner_stride, scale}, s);
    } else if (len == 2) {
        rows(lines * n / 2, 1, LevelsBody<2, T>{x, n, inner, len, outer_stride, stride, inner_stride, scale}, s);
    }
}

template <class T>
void srht(const T* a, index_t m, index_t n, index_t row_stride, index_t col_stride, std::uint64_t seed,
          const std::int32_t* place, index_t tile, const std::int32_t* row, index_t d, index_t row_offset,
          index_t round, T* work, T* out, stream_t s) {
    if (m <= 0 || n <= 0) {
        return;
    }
    const T unit = static_cast<T>(1.0 / std::sqrt(static_cast<double>(d)));
    const index_t t_end = (row_offset + m - 1) / tile + 1;
    for (index_t t0 = row_offset / tile; t0 < t_end; t0 += round) {
        const index_t count = t_end - t0 < round ? t_end - t0 : round;
        const index_t begin = t0 * tile > row_offset ? t0 * tile - row_offset : 0;
        const index_t end = (t0 + count) * tile - row_offset < m ? (t0 + count) * tile - row_offset : m;
        if (end - begin < count * tile) {
            rows(count * tile * n, 1, Zero<T>{work}, s);
        }
        rows((end - begin) * n, 1,
             SpreadBody<T>{a, begin, n, row_stride, col_stride, seed, place, tile, row_offset, t0, work}, s);
        fwht<T>(work, count, tile, n, tile * n, n, 1, T(1), s);
        rows(d * n, 1, PickBody<T>{work, n, count, seed, row, tile, t0, unit, out}, s);
    }
}

template <class T>
void random_features(const T* x, index_t m, index_t n, index_t row_stride, index_t col_stride, const T* inverse,
                     const T* signs, index_t p, const T* stretch, index_t frequencies, int map, T unit, T* work, T* out,
                     stream_t s) {
    if (m <= 0) {
        return;
    }
    const auto what = static_cast<FeatureMap>(map);
    const index_t width = what == FeatureMap::fourier ? 2 * frequencies : frequencies;
    for (index_t k0 = 0; k0 < frequencies; k0 += p) {
        const index_t count = frequencies - k0 < p ? frequencies - k0 : p;
        const T* own = signs + 3 * k0;
        rows(m * p, 1, LoadBody<T>{x, n, p, row_stride, col_stride, inverse, own, work}, s);
        for (index_t round = 0; round < 3; ++round) {
            if (round > 0) {
                rows(m * p, 1, SignBody<T>{p, own + round * p, work}, s);
            }
            fwht<T>(work, m, p, 1, p, 1, 1, T(1), s);
        }
        rows(m * count, 1, FeatureBody<T>{work, stretch, p, count, k0, frequencies, width, what, unit, out}, s);
    }
}

template void fwht<float>(float*, index_t, index_t, index_t, index_t, index_t, index_t, float, stream_t);
template void fwht<double>(double*, index_t, index_t, index_t, index_t, index_t, index_t, double, stream_t);
template void srht<float>(const float*, index_t, index_t, index_t, index_t, std::uint64_t, const std::int32_t*, index_t,
                          const std::int32_t*, index_t, index_t, index_t, float*, float*, stream_t);
template void srht<double>(const double*, index_t, index_t, index_t, index_t, std::uint64_t, const std::int32_t*,
                           index_t, const std::int32_t*, index_t, index_t, index_t, double*, double*, stream_t);
template void random_features<float>(const float*, index_t, index_t, index_t, index_t, const float*, const float*,
                                     index_t, const float*, index_t, int, float, float*, float*, stream_t);
template void random_features<double>(const double*, index_t, index_t, index_t, index_t, const double*, const double*,
                                      index_t, const double*, index_t, int, double, double*, double*, stream_t);

}  // namespace kriss::cuda
