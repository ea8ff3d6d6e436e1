// The steps of the networks of direction_network.hpp: plain data, and one point of each step for a thread of a device.
#pragma once

#include <cstdint>

#include "kriss/config.hpp"

namespace kriss {

inline constexpr index_t direction_lanes = 16;
inline constexpr int direction_block = 4;  // channels are a multiple of it
inline constexpr int direction_fields = 3;

// One level: n0 = 1 in two dimensions.
struct DirectionGrid {
    index_t n0 = 1, n1 = 0, n2 = 0;
    bool flat = true;  // two dimensions
    // (3, image): 1 in the domain; there too, how much of the diagonal its walls without flux took; what is outside
    const float* fields = nullptr;

    KRISS_HD index_t line() const {
        return direction_lanes + (n2 + direction_lanes - 1) / direction_lanes * direction_lanes;
    }
    KRISS_HD index_t plane() const { return (n1 + 2) * line(); }
    KRISS_HD index_t image() const { return (flat ? 1 : n0 + 2) * plane() + direction_lanes; }
    KRISS_HD index_t lines() const { return n0 * n1; }
    KRISS_HD index_t points() const { return lines() * n2; }
    KRISS_HD index_t place(index_t point) const { return at(point / n2) + point % n2; }
    // Where the points of a line start.
    KRISS_HD index_t at(index_t k) const {
        return (k / n1 + (flat ? 0 : 1)) * plane() + (k % n1 + 1) * line() + direction_lanes;
    }
};

enum class DirectionKind : std::int32_t { convolve = 0, halve = 1, enlarge = 2, sum = 3 };

// out = skip + gate * relu(w * in + b).  convolve: w (inputs, 3^d, outputs), b (outputs) and slopes (2, outputs) of the
// gate 1 + s0 walls + s1 outside; halve: means of 2^d points; enlarge: out = skip + in[half];
// sum: w (inputs), b (1), one output
struct DirectionStep {
    DirectionKind kind = DirectionKind::convolve;
    int inputs = 0, outputs = 0;
    bool rectify = false;
    const float* in = nullptr;
    const float* skip = nullptr;  // or null; may be out
    const float* w = nullptr;
    const float* b = nullptr;       // or null
    const float* slopes = nullptr;  // or null: gate 1
    float* out = nullptr;
};

// A program: steps on a hierarchy of grids, from a residual to a direction.
struct DirectionProgram {
    const DirectionGrid* grids = nullptr;
    const DirectionStep* steps = nullptr;
    const int* levels = nullptr;  // of the steps: the finer one for halve and enlarge
    int count = 0;
    index_t n = 0;
    const std::int64_t* cells = nullptr;  // (n), increasing: where the unknowns are in an image of the finest grid
    float* first = nullptr;               // the image that the residual goes to
    const float* last = nullptr;          // the image that the direction comes from
};

// A step as Python writes it: kind, level, inputs, outputs, rectify, offsets of in, skip (-1: none), w, b (-1: none),
// slopes (-1: none), out.
inline constexpr index_t direction_items = 11;

inline DirectionStep direction_decoded(const std::int64_t* item, const float* weights, float* images) {
    DirectionStep s;
    s.kind = static_cast<DirectionKind>(item[0]);
    s.inputs = static_cast<int>(item[2]);
    s.outputs = static_cast<int>(item[3]);
    s.rectify = item[4] != 0;
    s.in = images + item[5];
    s.skip = item[6] < 0 ? nullptr : images + item[6];
    s.w = weights + item[7];
    s.b = item[8] < 0 ? nullptr : weights + item[8];
    s.slopes = item[9] < 0 ? nullptr : weights + item[9];
    s.out = images + item[10];
    return s;
}

// ---- One point -----------------------------------------------------------------------------------------------------

// direction_block outputs from channel `first` on at the place p: the sums of direction_point, in the same order.
KRISS_HD inline void direction_convolved(const DirectionGrid& g, const DirectionStep& s, int first, index_t p) {
    const index_t image = g.image(), line = g.line(), plane = g.plane();
    const int high = g.flat ? 0 : 1;
    float sum[direction_block];
    for (int o = 0; o < direction_block; ++o) {
        sum[o] = s.b != nullptr ? s.b[first + o] : 0.0F;
    }
    const float* w = s.w + first;
    for (int c = 0; c < s.inputs; ++c) {
        for (int z = -high; z <= high; ++z) {
            for (int y = -1; y <= 1; ++y) {
                const float* const from = s.in + c * image + p + z * plane + y * line;
                for (int d = -1; d <= 1; ++d) {
                    for (int o = 0; o < direction_block; ++o) {
                        sum[o] += from[d] * w[o];
                    }
                    w += s.outputs;
                }
            }
        }
    }
    for (int o = 0; o < direction_block; ++o) {
        float gate = g.fields[p];
        if (s.slopes != nullptr) {
            gate += g.fields[image + p] * s.slopes[first + o];
            gate += g.fields[2 * image + p] * s.slopes[s.outputs + first + o];
        }
        const float value = (s.rectify && sum[o] < 0.0F ? 0.0F : sum[o]) * gate;  // NaN stays
        const index_t to = (first + o) * image + p;
        s.out[to] = s.skip != nullptr ? s.skip[to] + value : value;
    }
}

// Point `point` of the coarser grid g, channel c.
KRISS_HD inline void direction_halved(const DirectionGrid& f, const DirectionGrid& g, const DirectionStep& s, int c,
                                      index_t point) {
    const index_t k = point / g.n2, next = f.line(), p = g.place(point);
    const index_t z = f.flat ? 0 : 2 * (k / g.n1) + 1, y = 2 * (k % g.n1) + 1;
    const float* const a = s.in + c * f.image() + z * f.plane() + y * next + direction_lanes + 2 * (point % g.n2);
    float sum = (a[0] + a[1]) + (a[next] + a[next + 1]);
    if (!f.flat) {
        const float* const b = a + f.plane();
        sum = sum + ((b[0] + b[1]) + (b[next] + b[next + 1]));
    }
    s.out[c * g.image() + p] = (f.flat ? 0.25F : 0.125F) * sum * g.fields[p];
}

// Point `point` of the finer grid f, channel c.
KRISS_HD inline void direction_enlarged(const DirectionGrid& f, const DirectionGrid& g, const DirectionStep& s, int c,
                                        index_t point) {
    const index_t k = point / f.n2, p = f.place(point), to = c * f.image() + p;
    const index_t z = f.flat ? 0 : k / f.n1 / 2 + 1, y = k % f.n1 / 2 + 1;
    const index_t from = z * g.plane() + y * g.line() + direction_lanes + point % f.n2 / 2;
    const float value = s.in[c * g.image() + from] * f.fields[p];
    s.out[to] = s.skip != nullptr ? s.skip[to] + value : value;
}

KRISS_HD inline void direction_summed(const DirectionGrid& g, const DirectionStep& s, index_t p) {
    float sum = s.b != nullptr ? s.b[0] : 0.0F;
    for (int c = 0; c < s.inputs; ++c) {
        sum += s.w[c] * s.in[c * g.image() + p];
    }
    s.out[p] = sum;
}

}  // namespace kriss
