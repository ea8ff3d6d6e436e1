// The logarithms of bessel.hpp over arrays: elements are sorted by region, block by block, and each region runs as one
// vector loop over what fell into it. An element's result does not depend on its neighbours.
//
// Traffic: 24 bytes per element (float: 12); some 60 flops per logarithm and 30 to 450 for the expansion.
#pragma once

#include <limits>
#include <type_traits>

#include "kriss/executor.hpp"
#include "kriss/special/bessel.hpp"

KRISS_NAMESPACE_BEGIN

namespace special {

inline constexpr index_t map_block = 1024;
inline constexpr index_t map_grain = 4096;
inline constexpr index_t lanes = 8;

// What is returned: the logarithm, or the function itself.
enum class Form : int { logarithm, value };

template <Form F>
KRISS_ALWAYS_INLINE double finish(Parts p) {
    if constexpr (F == Form::logarithm) {
        return p.high + p.low;
    } else {
        const math::detail::Sum s = math::detail::two_sum(p.high, p.low);
        const double e = math::exp(s.sum);
        // The error may be 0, and infinity times that is NaN.
        return e < math::detail::infinity64() ? e + e * s.error : e;
    }
}

enum Region : int {
    region_single = 0,  // one by one: outside the domain, infinities, extremes
    region_uniform4,
    region_uniform6,
    region_uniform9,
    region_uniform13,
    region_band,
    region_small0,  // I: series with 12, 24, 42 terms, then the same for v >= 8.5; K: Temme 6, 14, polynomial
    region_small1,
    region_small2,
    region_small3,
    region_small4,
    region_small5,
    regions
};

// Branch-free: a sum of comparisons each worth a region.
template <int Kind, bool Scaled>
KRISS_ALWAYS_INLINE int region_of(double v, double x) {
    const double rho2 = v * v + x * x;
    const int uniform = region_uniform4 + (rho2 < 490000.0) + (rho2 < 19600.0) + (rho2 < 2304.0);
    const int outer = !Scaled && in_band(v, x) ? static_cast<int>(region_band) : uniform;
    int inner = 0;
    if constexpr (Kind > 0) {
        inner = region_small0 + (x > 2.0) + (x > 8.0) + (v >= stirling_from ? 3 : 0);
    } else {
        inner = region_small0 + (x > 0.1) + (x > 2.0);
    }
    const bool plain = v >= 0.0 && x > 0.0 && v <= huge && x <= huge && !(x < tiny && v >= 25.0);
    return plain ? (rho2 >= uniform_from ? outer : inner) : static_cast<int>(region_single);
}

// Limits, and arguments outside the domain (NaN). For I the order must not be negative; K is even in it.
template <int Kind, bool Scaled, Form F>
inline double single(double v, double x) {
    constexpr double inf = std::numeric_limits<double>::infinity();
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    if constexpr (Kind < 0) {
        v = math::detail::magnitude(v);
    }
    if (!(v >= 0.0) || !(x >= 0.0) || (v == inf && x == inf)) {
        return nan;
    }
    double y = 0.0;
    if (x == 0.0 || v == inf) {
        y = Kind < 0 ? inf : (v == 0.0 ? 0.0 : -inf);
    } else if (x == inf) {
        y = Kind > 0 && !Scaled ? inf : -inf;
    } else if (is_extreme(v, x)) {
        return finish<F>(extreme_parts<Kind, Scaled>(v, x));
    } else {
        return nan;  // not reached from bessel_block
    }
    return F == Form::logarithm ? y : math::exp(y);
}

template <class F>
KRISS_ALWAYS_INLINE void run_region(const double* KRISS_RESTRICT v, const double* KRISS_RESTRICT x,
                                    double* KRISS_RESTRICT out, index_t n, F f) {
    // n is a multiple of `lanes`: no remainder loop.
    const index_t groups = n / lanes;
    for (index_t g = 0; g < groups * lanes; ++g) {
        out[g] = f(v[g], x[g]);
    }
}

template <int Kind, bool Scaled, Form F>
KRISS_NOINLINE void region_run(int region, const double* v, const double* x, double* out, index_t n) {
#define KRISS_REGION(call)                                                                                             \
    run_region(v, x, out, n, [](double p, double q) __attribute__((always_inline)) { return finish<F>(call(p, q)); }); \
    break
    switch (region) {
        case region_uniform4: KRISS_REGION((uniform_parts<Kind, Scaled, 4, false>));
        case region_uniform6: KRISS_REGION((uniform_parts<Kind, Scaled, 6, false>));
        case region_uniform9: KRISS_REGION((uniform_parts<Kind, Scaled, 9, false>));
        case region_uniform13: KRISS_REGION((uniform_parts<Kind, Scaled, 13, false>));
        case region_band:
            if constexpr (!Scaled) {
                KRISS_REGION((uniform_parts<Kind, Scaled, 13, true>));
            }
            break;
        default: break;
    }
    if constexpr (Kind < 0) {
        switch (region) {
            case region_small0: KRISS_REGION((temme_parts<Scaled, 6>));
            case region_small1: KRISS_REGION((temme_parts<Scaled, 14>));
            case region_small2: KRISS_REGION((interpolated_parts<Scaled>));
            default: break;
        }
    } else {
        switch (region) {
            case region_small0: KRISS_REGION((series_parts<Scaled, false, 12>));
            case region_small1: KRISS_REGION((series_parts<Scaled, false, 24>));
            case region_small2: KRISS_REGION((series_parts<Scaled, false, 42>));
            case region_small3: KRISS_REGION((series_parts<Scaled, true, 12>));
            case region_small4: KRISS_REGION((series_parts<Scaled, true, 24>));
            case region_small5: KRISS_REGION((series_parts<Scaled, true, 42>));
            default: break;
        }
    }
#undef KRISS_REGION
}

// A strided array of NumPy's: element i is `at + i step` bytes away.
template <class T>
struct Strided {
    char* at;
    index_t step;

    KRISS_ALWAYS_INLINE T& operator[](index_t i) const { return *reinterpret_cast<T*>(at + i * step); }
};

template <class T, int Kind, bool Scaled, Form F>
void bessel_block(Strided<const T> v, Strided<const T> x, Strided<T> out, index_t begin, index_t n) {
    double vs[map_block], xs[map_block], gv[map_block + regions * lanes], gx[map_block + regions * lanes];
    double gy[map_block + regions * lanes];
    unsigned char code[map_block];
    unsigned short place[map_block];
    for (index_t i = 0; i < n; ++i) {
        const double p = static_cast<double>(v[begin + i]);
        vs[i] = Kind < 0 ? math::detail::magnitude(p) : p;
        xs[i] = static_cast<double>(x[begin + i]);
    }
    for (index_t i = 0; i < n; ++i) {
        code[i] = static_cast<unsigned char>(region_of<Kind, Scaled>(vs[i], xs[i]));
    }
    // Four quarters of the block, counted and placed side by side: each has counters of its own, so that consecutive
    // elements of one region do not wait for each other.
    constexpr int streams = 4;
    index_t from[streams], length[streams], seen[streams][regions] = {}, next[streams][regions];
    const index_t quarter = (n + streams - 1) / streams;
    for (int q = 0; q < streams; ++q) {
        from[q] = q * quarter < n ? q * quarter : n;
        length[q] = n - from[q] < quarter ? n - from[q] : quarter;
    }
    const auto each = [&](auto visit) {
        const index_t common = length[streams - 1];
        for (index_t i = 0; i < common; ++i) {
            for (int q = 0; q < streams; ++q) {
                visit(q, from[q] + i);
            }
        }
        for (int q = 0; q < streams - 1; ++q) {
            for (index_t i = common; i < length[q]; ++i) {
                visit(q, from[q] + i);
            }
        }
    };
    each([&](int q, index_t i) { ++seen[q][code[i]]; });
    index_t first[regions], count[regions];
    index_t total = 0;
    for (int r = 0; r < regions; ++r) {
        first[r] = total;
        index_t at = total;
        for (int q = 0; q < streams; ++q) {
            next[q][r] = at;
            at += seen[q][r];
        }
        count[r] = at - total;
        total += (count[r] + lanes - 1) / lanes * lanes;
    }
    each([&](int q, index_t i) {
        const index_t at = next[q][code[i]]++;
        place[i] = static_cast<unsigned short>(at);
        gv[at] = vs[i];
        gx[at] = xs[i];
    });
    for (index_t i = 0; i < count[region_single]; ++i) {
        gy[i] = single<Kind, Scaled, F>(gv[i], gx[i]);
    }
    for (int r = region_single + 1; r < regions; ++r) {
        if (count[r] == 0) {
            continue;
        }
        const index_t end = first[r] + (count[r] + lanes - 1) / lanes * lanes;
        for (index_t i = first[r] + count[r]; i < end; ++i) {
            gv[i] = gv[first[r]];
            gx[i] = gx[first[r]];
        }
        region_run<Kind, Scaled, F>(r, gv + first[r], gx + first[r], gy + first[r], end - first[r]);
    }
    for (index_t i = 0; i < n; ++i) {
        out[begin + i] = static_cast<T>(gy[place[i]]);
    }
}

}  // namespace special

KRISS_NAMESPACE_END
