// Convolutional networks that turn a residual on a grid into a search direction: A. Kaneda, O. Akar, J. Chen, V. Kala,
// D. Hyde, J. Teran, "A deep conjugate direction method for iteratively solving linear systems", ICML 2023, section 4.
//
// A network is a list of steps over images of several channels: convolutions of 3^d points, means over 2^d points, the
// way back, a weighted sum of the channels. Images are float, channel by channel, a line along the last axis after the
// other; a line starts with `direction_lanes` zeros and its points are filled up to a multiple of that number, one line
// of zeros (in three dimensions one plane) lies on either side. Every step multiplies what it writes by a gate that is
// 0 outside the domain, so these zeros stay.
//
// A convolution from C to D channels takes 2 * 3^d C D flops per point and moves 4 (C + D) bytes, 4 D more to add what
// it skips: with eight channels in two dimensions 1152 flops to 64 bytes, so the arithmetic limits it. Four outputs
// times one vector of points, or more where there are registers, are summed up together; each sum runs over the inputs,
// the lines and the points in this order, with a rounding after each product, whatever the instruction set.
#pragma once

#include <cmath>
#include <cstdint>

#include "kriss/config.hpp"
#include "kriss/executor.hpp"
#include "kriss/solve/direction_steps.hpp"

namespace kriss {

inline constexpr int direction_lines = 9;  // that a point of the result reads in three dimensions

}  // namespace kriss

KRISS_NAMESPACE_BEGIN

#ifdef KRISS_HAVE_VECTOR_TYPES
// One register, so that functions may return it. With AVX-512 there are 32 of them, else 16.
#if defined(__AVX512F__)
inline constexpr index_t direction_width = 16;
inline constexpr int direction_vectors = 4;
#elif defined(__AVX2__)
inline constexpr index_t direction_width = 8;
inline constexpr int direction_vectors = 2;
#else
inline constexpr index_t direction_width = 4;
inline constexpr int direction_vectors = 2;
#endif
typedef float DirectionLanes __attribute__((vector_size(4 * direction_width)));
typedef float DirectionStored __attribute__((vector_size(4 * direction_width), aligned(sizeof(float)), may_alias));
KRISS_ALWAYS_INLINE DirectionLanes direction_load(const float* p) {
    return *reinterpret_cast<const DirectionStored*>(p);
}
KRISS_ALWAYS_INLINE void direction_store(float* p, DirectionLanes v) { *reinterpret_cast<DirectionStored*>(p) = v; }
KRISS_ALWAYS_INLINE DirectionLanes direction_filled(float v) { return DirectionLanes{} + v; }
// NaN stays, so that the caller sees it.
KRISS_ALWAYS_INLINE DirectionLanes direction_rectified(DirectionLanes v) { return v < 0.0F ? DirectionLanes{} : v; }
#else
inline constexpr index_t direction_width = 1;
inline constexpr int direction_vectors = 1;
typedef float DirectionLanes;
KRISS_ALWAYS_INLINE DirectionLanes direction_load(const float* p) { return *p; }
KRISS_ALWAYS_INLINE void direction_store(float* p, DirectionLanes v) { *p = v; }
KRISS_ALWAYS_INLINE DirectionLanes direction_filled(float v) { return v; }
KRISS_ALWAYS_INLINE DirectionLanes direction_rectified(DirectionLanes v) { return v < 0.0F ? 0.0F : v; }
#endif

// What a convolution does besides: a sum of its outputs that comes next, and whether anyone else reads them.
struct DirectionAlso {
    const DirectionStep* sum = nullptr;
    bool keep = true;
};

// direction_block outputs from channel `first` on at V vectors of points from `p` on.  lines: offsets of what is read;
// also: what follows; slopes: those of the step, or null where they change nothing
template <int V>
KRISS_ALWAYS_INLINE void direction_point(const DirectionGrid& g, const DirectionStep& s, const DirectionAlso& also,
                                         const float* slopes, const index_t* lines, int many, index_t image, int first,
                                         index_t p) {
    constexpr int B = direction_block;
    DirectionLanes acc[B][V];
    for (int o = 0; o < B; ++o) {
        const float start = s.b != nullptr ? s.b[first + o] : 0.0F;
        for (int v = 0; v < V; ++v) {
            acc[o][v] = direction_filled(start);
        }
    }
    const float* w = s.w + first;
    for (int c = 0; c < s.inputs; ++c) {
        const float* const in = s.in + c * image + p;
        for (int k = 0; k < many; ++k) {
            const float* const from = in + lines[k];
            // all nine loads at once leave no registers for the sums
            KRISS_NO_UNROLL
            for (int d = -1; d <= 1; ++d) {
                DirectionLanes x[V];
                for (int v = 0; v < V; ++v) {
                    x[v] = direction_load(from + d + v * direction_width);
                }
                for (int o = 0; o < B; ++o) {
                    const float weight = w[o];
                    for (int v = 0; v < V; ++v) {
                        acc[o][v] += x[v] * weight;
                    }
                }
                w += s.outputs;
            }
        }
    }
    // copies: a store of a vector may change anything that is read through a reference
    const float* const fields = g.fields;
    const float* const skip = s.skip;
    const float* const sum = also.sum != nullptr ? also.sum->w : nullptr;
    float* const out = s.out + first * image;
    float* const summed = also.sum != nullptr ? also.sum->out : nullptr;
    const index_t from = first * image;
    const int second = s.outputs + first;
    const bool rectify = s.rectify, keep = also.keep;
    KRISS_UNROLLED
    for (int v = 0; v < V; ++v) {
        const index_t at = p + v * direction_width;
        const DirectionLanes inside = direction_load(fields + at);
        DirectionLanes walls{}, outside{}, total{};
        if (slopes != nullptr) {
            walls = direction_load(fields + image + at);
            outside = direction_load(fields + 2 * image + at);
        }
        KRISS_UNROLLED
        for (int o = 0; o < B; ++o) {
            DirectionLanes value = acc[o][v];
            if (rectify) {
                value = direction_rectified(value);
            }
            DirectionLanes gate = inside;
            if (slopes != nullptr) {
                gate += walls * slopes[first + o];
                gate += outside * slopes[second + o];
            }
            value = value * gate;
            if (skip != nullptr) {
                value = direction_load(skip + from + o * image + at) + value;
            }
            if (keep) {
                direction_store(out + o * image + at, value);
            }
            if (sum != nullptr) {
                total += value * sum[o];
            }
        }
        if (sum != nullptr) {
            direction_store(summed + at, total);
        }
    }
}

// Whether a gate with slopes differs from one without on the line that starts at `at`.
KRISS_ALWAYS_INLINE bool direction_sloped(const DirectionGrid& g, index_t image, index_t at, index_t size) {
    const float* const walls = g.fields + image + at;
    const float* const outside = g.fields + 2 * image + at;
    unsigned any = 0;
    for (index_t p = 0; p < size; ++p) {
        any |= static_cast<unsigned>(walls[p] != 0.0F) | static_cast<unsigned>(outside[p] != 0.0F);
    }
    return any != 0;
}

// Lines from `begin` to `end`, of each four outputs after the other.
KRISS_NOINLINE inline void direction_convolve(const DirectionGrid& g, const DirectionStep& s, const DirectionAlso& also,
                                              index_t begin, index_t end) {
    index_t lines[direction_lines];
    int many = 0;
    for (int z = g.flat ? 0 : -1; z <= (g.flat ? 0 : 1); ++z) {
        for (int y = -1; y <= 1; ++y) {
            lines[many++] = z * g.plane() + y * g.line();
        }
    }
    const index_t size = g.line() - direction_lanes, image = g.image();
    constexpr index_t step = direction_vectors * direction_width;
    for (index_t k = begin; k < end; ++k) {
        const index_t at = g.at(k);
        const float* const slopes = s.slopes != nullptr && direction_sloped(g, image, at, size) ? s.slopes : nullptr;
        for (int first = 0; first < s.outputs; first += direction_block) {
            index_t p = 0;
            for (; p + step <= size; p += step) {
                direction_point<direction_vectors>(g, s, also, slopes, lines, many, image, first, at + p);
            }
            const index_t left = (size - p) / direction_width;
            if (direction_vectors > 3 && left == 3) {
                direction_point<3>(g, s, also, slopes, lines, many, image, first, at + p);
            } else if (direction_vectors > 2 && left == 2) {
                direction_point<2>(g, s, also, slopes, lines, many, image, first, at + p);
            } else if (direction_vectors > 1) {
                for (; p < size; p += direction_width) {
                    direction_point<1>(g, s, also, slopes, lines, many, image, first, at + p);
                }
            }
        }
    }
}

// Means of 2^d points of the finer grid `f`; points beyond it count as 0.
KRISS_NOINLINE inline void direction_halve(const DirectionGrid& f, const DirectionGrid& g, const DirectionStep& s,
                                           index_t k) {
    const index_t from = f.image(), to = g.image(), at = g.at(k);
    const index_t z = f.flat ? 0 : 2 * (k / g.n1), y = 2 * (k % g.n1);
    const index_t high = f.plane(), next = f.line();
    const index_t start = (z + (f.flat ? 0 : 1)) * high + (y + 1) * next + direction_lanes;
    for (int c = 0; c < s.outputs; ++c) {
        const float* const a = s.in + c * from + start;
        float* KRISS_RESTRICT out = s.out + c * to + at;
        const float* KRISS_RESTRICT inside = g.fields + at;
        if (f.flat) {
            for (index_t p = 0; p < g.n2; ++p) {
                const float sum = (a[2 * p] + a[2 * p + 1]) + (a[next + 2 * p] + a[next + 2 * p + 1]);
                out[p] = 0.25F * sum * inside[p];
            }
        } else {
            for (index_t p = 0; p < g.n2; ++p) {
                const float* const b = a + high;
                const float low = (a[2 * p] + a[2 * p + 1]) + (a[next + 2 * p] + a[next + 2 * p + 1]);
                const float sum = low + ((b[2 * p] + b[2 * p + 1]) + (b[next + 2 * p] + b[next + 2 * p + 1]));
                out[p] = 0.125F * sum * inside[p];
            }
        }
    }
}

// out = skip + in[half] on the finer grid `f`.
KRISS_NOINLINE inline void direction_enlarge(const DirectionGrid& f, const DirectionGrid& g, const DirectionStep& s,
                                             index_t k) {
    const index_t at = f.at(k), from = g.image(), to = f.image();
    const index_t z = f.flat ? 0 : k / f.n1 / 2, y = k % f.n1 / 2;
    const index_t start = (z + (f.flat ? 0 : 1)) * g.plane() + (y + 1) * g.line() + direction_lanes;
    for (int c = 0; c < s.outputs; ++c) {
        const float* KRISS_RESTRICT a = s.in + c * from + start;
        const float* const skip = s.skip != nullptr ? s.skip + c * to + at : nullptr;
        float* const out = s.out + c * to + at;
        const float* KRISS_RESTRICT inside = f.fields + at;
        const index_t pairs = f.n2 / 2;
        for (index_t p = 0; p < pairs; ++p) {
            const float first = a[p] * inside[2 * p], second = a[p] * inside[2 * p + 1];
            out[2 * p] = skip != nullptr ? skip[2 * p] + first : first;
            out[2 * p + 1] = skip != nullptr ? skip[2 * p + 1] + second : second;
        }
        if (f.n2 % 2 != 0) {
            const float last = a[pairs] * inside[f.n2 - 1];
            out[f.n2 - 1] = skip != nullptr ? skip[f.n2 - 1] + last : last;
        }
    }
}

KRISS_NOINLINE inline void direction_sum(const DirectionGrid& g, const DirectionStep& s, index_t k) {
    const index_t at = g.at(k), image = g.image();
    float* KRISS_RESTRICT out = s.out + at;
    const float start = s.b != nullptr ? s.b[0] : 0.0F;
    for (index_t p = 0; p < g.n2; ++p) {
        out[p] = start;
    }
    for (int c = 0; c < s.inputs; ++c) {
        const float* KRISS_RESTRICT in = s.in + c * image + at;
        const float weight = s.w[c];
        for (index_t p = 0; p < g.n2; ++p) {
            out[p] += weight * in[p];
        }
    }
}

// g: the grid of the result, or of the finer side of halve and enlarge, whose other side is `coarse`
inline void direction_step(const DirectionGrid& g, const DirectionGrid& coarse, const DirectionStep& s,
                           const DirectionAlso& also, const Executor& ex) {
    const DirectionGrid& over = s.kind == DirectionKind::halve ? coarse : g;
    const index_t work = (s.kind == DirectionKind::convolve ? s.inputs : 1) * s.outputs * over.n2;
    const index_t grain = work < 8192 ? 8192 / (work > 0 ? work : 1) : 1;
    ex.parallel_for(over.lines(), grain, [&](index_t begin, index_t end) {
        if (s.kind == DirectionKind::convolve) {
            direction_convolve(g, s, also, begin, end);
            return;
        }
        for (index_t k = begin; k < end; ++k) {
            switch (s.kind) {
                case DirectionKind::convolve: break;
                case DirectionKind::halve: direction_halve(g, coarse, s, k); break;
                case DirectionKind::enlarge: direction_enlarge(g, coarse, s, k); break;
                case DirectionKind::sum: direction_sum(g, s, k); break;
            }
        }
    });
}

// What step k can take along: the sum that comes next, where it is over the channels that are in registers together and
// has no bias (so it is 0 wherever they are); then they are stored only if a later step reads them.
inline DirectionAlso direction_also(const DirectionProgram& p, int k) {
    DirectionAlso also;
    const DirectionStep& s = p.steps[k];
    if (k + 1 >= p.count || p.levels[k + 1] != p.levels[k] || s.kind != DirectionKind::convolve ||
        s.outputs != direction_block) {
        return also;
    }
    const DirectionStep& next = p.steps[k + 1];
    if (next.kind != DirectionKind::sum || next.inputs != s.outputs || next.in != s.out || next.b != nullptr) {
        return also;
    }
    const index_t image = p.grids[p.levels[k]].image();
    const auto meets = [&](const float* read, index_t channels) {
        return read != nullptr && read < next.out + image && next.out < read + channels * image;
    };
    if (meets(s.in, s.inputs) || meets(s.skip, s.outputs)) {
        return also;  // other lines have yet to read what the sum would overwrite
    }
    also.sum = &next;
    also.keep = false;
    const float* const end = s.out + s.outputs * image;
    for (int j = k + 2; j < p.count && !also.keep; ++j) {
        const DirectionStep& later = p.steps[j];
        const bool enlarge = later.kind == DirectionKind::enlarge, halve = later.kind == DirectionKind::halve;
        const index_t read = later.inputs * p.grids[p.levels[j] + (enlarge ? 1 : 0)].image();
        const index_t kept = later.outputs * p.grids[p.levels[j] + (halve ? 1 : 0)].image();
        also.keep = (later.in < end && s.out < later.in + read) ||
                    (later.skip != nullptr && later.skip < end && s.out < later.skip + kept);
        if (later.out == s.out && later.outputs == s.outputs && p.levels[j] == p.levels[k] && !halve) {
            break;  // written anew
        }
    }
    return also;
}

// The sum of squares of r unit other, in direction_lanes parts.
inline double direction_squares(index_t n, const double* r, double unit, double other) {
    double part[direction_lanes] = {};
    index_t i = 0;
    for (; i + direction_lanes <= n; i += direction_lanes) {
        for (index_t l = 0; l < direction_lanes; ++l) {
            const double a = r[i + l] * unit * other;
            part[l] += a * a;
        }
    }
    for (index_t l = 0; i + l < n; ++l) {
        const double a = r[i + l] * unit * other;
        part[l] += a * a;
    }
    double sum = 0.0;
    for (const double v : part) {
        sum += v;
    }
    return sum;
}

// f(i, place) for every unknown; where direction_lanes of them lie side by side, in a loop that can be in vectors.
template <class F>
KRISS_ALWAYS_INLINE void direction_unknowns(const DirectionProgram& p, const F& f) {
    index_t i = 0;
    while (i < p.n) {
        const index_t first = p.cells[i];
        if (i + direction_lanes <= p.n && p.cells[i + direction_lanes - 1] - first == direction_lanes - 1) {
            for (index_t l = 0; l < direction_lanes; ++l) {
                f(i + l, first + l);
            }
            i += direction_lanes;
        } else {
            f(i, first);
            ++i;
        }
    }
}

// out = scale |r| f(r / |r|), |.| the root of the mean square.  r, out: (n). Zero gives zero, NaN and infinity NaN.
inline void direction_run(const DirectionProgram& p, const double* r, double* out, double scale, const Executor& ex) {
    double unit = 1.0, other = 1.0;  // powers of two: the bits are the same where no square leaves the range
    double sum = direction_squares(p.n, r, unit, other);
    if (!(sum > 1e-200 && sum < 1e200)) {
        double largest = 0.0;
        bool finite = true;
        for (index_t i = 0; i < p.n; ++i) {
            const double a = r[i] < 0.0 ? -r[i] : r[i];
            finite = finite && std::isfinite(a);
            largest = a > largest ? a : largest;
        }
        if (!finite || !(largest > 0.0)) {
            for (index_t i = 0; i < p.n; ++i) {
                out[i] = finite ? 0.0 : std::nan("");
            }
            return;
        }
        int exponent = 0;
        std::frexp(largest, &exponent);
        unit = std::ldexp(1.0, -exponent / 2);
        other = std::ldexp(1.0, -exponent - (-exponent / 2));
        sum = direction_squares(p.n, r, unit, other);
    }
    const double norm = std::sqrt(sum / static_cast<double>(p.n));
    const double inverse = 1.0 / norm;
    float* KRISS_RESTRICT const first = p.first;
    direction_unknowns(
        p, [&](index_t i, index_t place) { first[place] = static_cast<float>(r[i] * unit * other * inverse); });
    for (int k = 0; k < p.count && !ex.interrupted(); ++k) {
        const DirectionGrid& g = p.grids[p.levels[k]];
        const bool two = p.steps[k].kind == DirectionKind::halve || p.steps[k].kind == DirectionKind::enlarge;
        const DirectionAlso also = direction_also(p, k);
        direction_step(g, two ? p.grids[p.levels[k] + 1] : g, p.steps[k], also, ex);
        k += also.sum != nullptr ? 1 : 0;
    }
    const float* KRISS_RESTRICT const last = p.last;
    const double back = 1.0 / unit, rest = 1.0 / other;
    direction_unknowns(
        p, [&](index_t i, index_t place) { out[i] = static_cast<double>(last[place]) * norm * scale * back * rest; });
}

KRISS_NAMESPACE_END
