// What the networks of graph_network.hpp are made of: plain data, one row of each pass for a thread of a device, and
// the order of the passes. The processor takes many rows at a time, with the same sums in the same order.
#pragma once

#include <cstdint>

#include "kriss/config.hpp"

namespace kriss {

inline constexpr int graph_width = 16;
inline constexpr float graph_mean = 0.25F;  // of a sum of messages: edges have about four on either side

// A strict lower triangle by rows with n nodes and m edges, by columns too, and the off-diagonal error of the factor.
struct GraphView {
    index_t n = 0, m = 0;
    const std::int32_t* indptr = nullptr;  // (n + 1) of the rows
    const std::int32_t* row = nullptr;     // (m)
    const std::int32_t* column = nullptr;  // (m)
    const std::int32_t* starts = nullptr;  // (n + 1) of the columns
    const std::int32_t* places = nullptr;  // (m): edges column by column
    const std::int32_t* lost = nullptr;    // (n + 1) of the rows of the error
    const std::int32_t* with = nullptr;    // (lost[n])
    const float* weight = nullptr;         // (lost[n])
};

constexpr index_t graph_parameters(int nodes, int edges, int rounds) {
    const index_t square = graph_width * graph_width;
    return (nodes + edges + 2) * graph_width + rounds * (10 * square + 4 * graph_width) + 2 * (graph_width + 1);
}

}  // namespace kriss

KRISS_NAMESPACE_BEGIN

// Every pass of a network. `Passes` has encode(count, in, inputs, net, out), project(x, net, left, right),
// edges(net, left, right, e), nodes(net, x, e, next) and decode(count, x, w, out).
// node: (n), edge: (m).  fn: (n, nodes), fe: (m, edges); net: (graph_parameters); room: (4 n + m, width)
template <class Passes>
void graph_passes(const Passes& pass, index_t n, index_t m, const float* fn, int nodes, const float* fe, int edges,
                  const float* net, int rounds, float* room, float* node, float* edge) {
    constexpr index_t square = graph_width * graph_width;
    const index_t size = n * graph_width;
    float* x = room;
    float* next = room + size;
    float* const left = room + 2 * size;
    float* const right = room + 3 * size;
    float* const e = room + 4 * size;
    pass.encode(n, fn, nodes, net, x);
    net += (nodes + 1) * graph_width;
    pass.encode(m, fe, edges, net, e);
    net += (edges + 1) * graph_width;
    for (int round = 0; round < rounds; ++round) {
        pass.project(x, net, left, right);
        net += 2 * square;
        pass.edges(net, left, right, e);
        net += 2 * (square + graph_width);
        pass.nodes(net, x, e, next);
        net += 6 * square + 2 * graph_width;
        float* const swap = x;
        x = next;
        next = swap;
    }
    pass.decode(n, x, net, node);
    pass.decode(m, e, net + graph_width + 1, edge);
}

KRISS_HD KRISS_ALWAYS_INLINE void graph_add(const float* KRISS_RESTRICT from, float* KRISS_RESTRICT to) {
    for (int h = 0; h < graph_width; ++h) {
        to[h] += from[h];
    }
}

// Sums of messages at node i, (width) each: from earlier and later nodes, signed and absolute error.
KRISS_HD KRISS_ALWAYS_INLINE void graph_heard(const GraphView& g, index_t i, const float* x, const float* e,
                                              float* before, float* after, float* error, float* size) {
    float s[graph_width] = {}, t[graph_width] = {}, f[graph_width] = {}, a[graph_width] = {};
    for (index_t p = g.indptr[i]; p < g.indptr[i + 1]; ++p) {
        graph_add(e + p * graph_width, s);
    }
    for (index_t p = g.starts[i]; p < g.starts[i + 1]; ++p) {
        graph_add(e + g.places[p] * index_t{graph_width}, t);
    }
    for (index_t p = g.lost[i]; p < g.lost[i + 1]; ++p) {
        const float w = g.weight[p], v = w < 0.0F ? -w : w;
        const float* KRISS_RESTRICT other = x + g.with[p] * index_t{graph_width};
        for (int h = 0; h < graph_width; ++h) {
            f[h] += w * other[h];
            a[h] += v * other[h];
        }
    }
    for (int h = 0; h < graph_width; ++h) {
        before[h] = graph_mean * s[h];
        after[h] = graph_mean * t[h];
        error[h] = f[h];
        size[h] = a[h];
    }
}

// x . w + w[width].  x: (width)
KRISS_HD KRISS_ALWAYS_INLINE float graph_decoded(const float* x, const float* w) {
    float s = w[graph_width];
    for (int h = 0; h < graph_width; ++h) {
        s += x[h] * w[h];
    }
    return s;
}

// ---- One row on a device -------------------------------------------------------------------------------------------

struct GraphRow {
    float v[graph_width];
};

KRISS_HD inline GraphRow graph_read(const float* from) {
    GraphRow row;
    for (int h = 0; h < graph_width; ++h) {
        row.v[h] = from[h];
    }
    return row;
}

KRISS_HD inline void graph_write(const GraphRow& row, float* to) {
    for (int h = 0; h < graph_width; ++h) {
        to[h] = row.v[h];
    }
}

// out += in w.  in: (inputs), w: (inputs, width)
KRISS_HD inline void graph_through(const float* in, int inputs, const float* w, GraphRow& out) {
    KRISS_UNROLL_4
    for (int k = 0; k < inputs; ++k) {
        const float v = in[k];
        for (int h = 0; h < graph_width; ++h) {
            out.v[h] += w[k * graph_width + h] * v;
        }
    }
}

// NaN stays, so that the caller sees it.
KRISS_HD inline void graph_rectified(GraphRow& row) {
    for (int h = 0; h < graph_width; ++h) {
        row.v[h] = row.v[h] < 0.0F ? 0.0F : row.v[h];
    }
}

KRISS_HD inline void graph_encoded(const float* in, int inputs, const float* net, float* out) {
    GraphRow row = graph_read(net + inputs * graph_width);
    graph_through(in, inputs, net, row);
    graph_rectified(row);
    graph_write(row, out);
}

KRISS_HD inline void graph_projected(const float* x, const float* net, float* out) {
    GraphRow row{};
    graph_through(x, graph_width, net, row);
    graph_write(row, out);
}

KRISS_HD inline void graph_edge(const GraphView& g, const float* net, const float* left, const float* right, float* e,
                                index_t k) {
    constexpr int square = graph_width * graph_width;
    const float* const out = net + square + graph_width;
    GraphRow h = graph_read(net + square);
    graph_add(left + g.row[k] * index_t{graph_width}, h.v);
    graph_add(right + g.column[k] * index_t{graph_width}, h.v);
    GraphRow mine = graph_read(e + k * graph_width);
    graph_through(mine.v, graph_width, net, h);
    graph_rectified(h);
    graph_add(out + square, mine.v);
    graph_through(h.v, graph_width, out, mine);
    graph_write(mine, e + k * graph_width);
}

KRISS_HD inline void graph_node(const GraphView& g, const float* net, const float* x, const float* e, float* next,
                                index_t i) {
    constexpr int square = graph_width * graph_width;
    const float* const out = net + 5 * square + graph_width;
    GraphRow sums[4];
    graph_heard(g, i, x, e, sums[0].v, sums[1].v, sums[2].v, sums[3].v);
    GraphRow h = graph_read(net + 5 * square);
    GraphRow mine = graph_read(x + i * graph_width);
    graph_through(mine.v, graph_width, net, h);
    for (int k = 0; k < 4; ++k) {
        graph_through(sums[k].v, graph_width, net + (k + 1) * square, h);
    }
    graph_rectified(h);
    graph_add(out + square, mine.v);
    graph_through(h.v, graph_width, out, mine);
    graph_write(mine, next + i * graph_width);
}

// Point (i, j) of grid_convolve.  line: n1 + 2
KRISS_HD inline void grid_convolved(index_t line, const float* in, int inputs, const float* w, const float* b,
                                    bool rectify, float* out, index_t i, index_t j) {
    GraphRow row = graph_read(b);
    for (int k = 0; k < 9; ++k) {
        const float* const from = in + ((i + k / 3) * line + j + k % 3) * inputs;
        graph_through(from, inputs, w + k * inputs * graph_width, row);
    }
    if (rectify) {
        graph_rectified(row);
    }
    graph_write(row, out + ((i + 1) * line + j + 1) * graph_width);
}

KRISS_NAMESPACE_END
