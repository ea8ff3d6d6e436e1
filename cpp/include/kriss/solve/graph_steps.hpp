// What the networks of graph_network.hpp are made of: plain data, some rows of each pass, and the order of the passes.
// A device takes one row per thread and the processor several at a time, with the same sums in the same order.
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

// Of arrays with size() and data(), which must stay.
template <class Index, class Real>
GraphView graph_view(const Index& indptr, const Index& row, const Index& column, const Index& starts,
                     const Index& places, const Index& lost, const Index& with, const Real& weight) {
    return {static_cast<index_t>(indptr.size()) - 1,
            static_cast<index_t>(row.size()),
            indptr.data(),
            row.data(),
            column.data(),
            starts.data(),
            places.data(),
            lost.data(),
            with.data(),
            weight.data()};
}

constexpr index_t graph_parameters(int nodes, int edges, int rounds) {
    const index_t square = graph_width * graph_width;
    return (nodes + edges + 2) * graph_width + rounds * (10 * square + 4 * graph_width) + 2 * (graph_width + 1);
}

}  // namespace kriss

KRISS_NAMESPACE_BEGIN

// Every pass of a network. `Passes` has encode(count, in, inputs, net, out), project(x, net, left, right),
// edges(net, left, right, e), nodes(net, x, e, next) and decode(count, x, w, out).
// node: (n), edge: (m).  fn: (n, nodes), fe: (m, edges); net: (graph_parameters); room: (3 n + m, width)
template <class Passes>
void graph_passes(const Passes& pass, index_t n, index_t m, const float* fn, int nodes, const float* fe, int edges,
                  const float* net, int rounds, float* room, float* node, float* edge) {
    constexpr index_t square = graph_width * graph_width;
    const index_t size = n * graph_width;
    float* x = room;
    float* left = room + size;  // and what comes after x: it is not needed any more by then
    float* const right = room + 2 * size;
    float* const e = room + 3 * size;
    pass.encode(n, fn, nodes, net, x);
    net += (nodes + 1) * graph_width;
    pass.encode(m, fe, edges, net, e);
    net += (edges + 1) * graph_width;
    for (int round = 0; round < rounds; ++round) {
        pass.project(x, net, left, right);
        net += 2 * square;
        pass.edges(net, left, right, e);
        net += 2 * (square + graph_width);
        pass.nodes(net, x, e, left);
        net += 6 * square + 2 * graph_width;
        float* const swap = x;
        x = left;
        left = swap;
    }
    pass.decode(n, x, net, node);
    pass.decode(m, e, net + graph_width + 1, edge);
}

// ---- R rows of a pass ----------------------------------------------------------------------------------------------
// A Row holds graph_width numbers: Row::read(from), write(to), add(row), add(row, factor), scale(factor), rectify().
// A thread of a device takes one row, the processor as many as its registers hold.

// out[r] += in[r] w.  in: (R, inputs), rows `stride` apart, w: (inputs, width)
template <int R, class Row>
KRISS_HD KRISS_ALWAYS_INLINE void graph_through(const float* in, index_t stride, int inputs, const float* w, Row* out) {
    KRISS_UNROLL_4
    for (int k = 0; k < inputs; ++k) {
        const Row one = Row::read(w + k * graph_width);
        for (int r = 0; r < R; ++r) {
            out[r].add(one, in[r * stride + k]);
        }
    }
}

// out = relu(in w + b).  net: (inputs + 1, width), the bias last
template <class Row, int R>
KRISS_HD KRISS_ALWAYS_INLINE void graph_encoded(const float* in, int inputs, const float* net, float* out) {
    Row row[R];
    for (int r = 0; r < R; ++r) {
        row[r] = Row::read(net + inputs * graph_width);
    }
    graph_through<R>(in, inputs, inputs, net, row);
    for (int r = 0; r < R; ++r) {
        row[r].rectify();
        row[r].write(out + r * graph_width);
    }
}

// out = x w
template <class Row, int R>
KRISS_HD KRISS_ALWAYS_INLINE void graph_projected(const float* x, const float* w, float* out) {
    Row row[R] = {};
    graph_through<R>(x, graph_width, graph_width, w, row);
    for (int r = 0; r < R; ++r) {
        row[r].write(out + r * graph_width);
    }
}

// to = state + relu(h) B + b.  net: B, b; hidden: (R, width) scratch; to may be state
template <class Row, int R>
KRISS_HD KRISS_ALWAYS_INLINE void graph_stepped(Row* h, float* hidden, const float* state, const float* net,
                                                float* to) {
    for (int r = 0; r < R; ++r) {
        h[r].rectify();
        h[r].write(hidden + r * graph_width);
        h[r] = Row::read(state + r * graph_width);
        h[r].add(Row::read(net + graph_width * graph_width));
    }
    graph_through<R>(hidden, graph_width, graph_width, net, h);
    for (int r = 0; r < R; ++r) {
        h[r].write(to + r * graph_width);
    }
}

// e += relu(a + e Ae + P[row] + Q[column]) B + b for the edges from k on.  net: Ae, a, B, b; left, right: P and Q
template <class Row, int R>
KRISS_HD KRISS_ALWAYS_INLINE void graph_edge(const GraphView& g, const float* net, const float* left,
                                             const float* right, float* e, index_t k) {
    constexpr int square = graph_width * graph_width;
    float* const mine = e + k * graph_width;
    float hidden[R * graph_width];
    Row h[R];
    for (int r = 0; r < R; ++r) {
        h[r] = Row::read(net + square);
        h[r].add(Row::read(left + g.row[k + r] * index_t{graph_width}));
        h[r].add(Row::read(right + g.column[k + r] * index_t{graph_width}));
    }
    graph_through<R>(mine, graph_width, graph_width, net, h);
    graph_stepped<Row, R>(h, hidden, mine, net + square + graph_width, mine);
}

// The sums of messages at a node, (width) each. Those of the `count` edges from p on, to earlier nodes:
template <class Row>
KRISS_HD KRISS_ALWAYS_INLINE void graph_before(const float* e, index_t p, index_t count, float* out) {
    Row s{};
    for (index_t k = 0; k < count; ++k) {
        s.add(Row::read(e + (p + k) * graph_width));
    }
    s.scale(graph_mean);
    s.write(out);
}

// of the `count` edges in places from p on, to later nodes:
template <class Row>
KRISS_HD KRISS_ALWAYS_INLINE void graph_after(const GraphView& g, const float* e, index_t p, index_t count,
                                              float* out) {
    Row s{};
    for (index_t k = 0; k < count; ++k) {
        s.add(Row::read(e + g.places[p + k] * index_t{graph_width}));
    }
    s.scale(graph_mean);
    s.write(out);
}

// and of the `count` entries of the error from p on, signed and absolute.
template <class Row>
KRISS_HD KRISS_ALWAYS_INLINE void graph_missed(const GraphView& g, const float* x, index_t p, index_t count,
                                               float* error, float* size) {
    Row f{}, a{};
    for (index_t k = 0; k < count; ++k) {
        const float w = g.weight[p + k], v = w < 0.0F ? -w : w;
        const Row other = Row::read(x + g.with[p + k] * index_t{graph_width});
        f.add(other, w);
        a.add(other, v);
    }
    f.write(error);
    a.write(size);
}

// next = x + relu(c + x Cx + s Cs + t Ct + f Cf + a Ca) D + d.  net: the C, c, D, d; x, next: (R, width); sums: s, t, f
// and a, `apart` numbers from each other, (R, width) each; s is overwritten
template <class Row, int R>
KRISS_HD KRISS_ALWAYS_INLINE void graph_moved(const float* net, const float* x, float* sums, index_t apart,
                                              float* next) {
    constexpr int square = graph_width * graph_width;
    Row h[R];
    for (int r = 0; r < R; ++r) {
        h[r] = Row::read(net + 5 * square);
    }
    graph_through<R>(x, graph_width, graph_width, net, h);
    for (int k = 0; k < 4; ++k) {
        graph_through<R>(sums + k * apart, graph_width, graph_width, net + (k + 1) * square, h);
    }
    graph_stepped<Row, R>(h, sums, x, net + 5 * square + graph_width, next);
}

// Node i of a round.
template <class Row>
KRISS_HD KRISS_ALWAYS_INLINE void graph_node(const GraphView& g, const float* net, const float* x, const float* e,
                                             float* next, index_t i) {
    float sums[4 * graph_width];
    graph_before<Row>(e, g.indptr[i], g.indptr[i + 1] - g.indptr[i], sums);
    graph_after<Row>(g, e, g.starts[i], g.starts[i + 1] - g.starts[i], sums + graph_width);
    graph_missed<Row>(g, x, g.lost[i], g.lost[i + 1] - g.lost[i], sums + 2 * graph_width, sums + 3 * graph_width);
    graph_moved<Row, 1>(net, x + i * graph_width, sums, graph_width, next + i * graph_width);
}

// x . w + w[width].  x: (width)
KRISS_HD KRISS_ALWAYS_INLINE float graph_decoded(const float* x, const float* w) {
    float s = w[graph_width];
    for (int h = 0; h < graph_width; ++h) {
        s += x[h] * w[h];
    }
    return s;
}

// R points from `first` on of a line of grid_convolve.  line: n1 + 2
template <class Row, int R>
KRISS_HD KRISS_ALWAYS_INLINE void grid_convolved(index_t line, const float* in, int inputs, const float* w,
                                                 const float* b, bool rectify, float* out, index_t i, index_t first) {
    Row row[R];
    for (int r = 0; r < R; ++r) {
        row[r] = Row::read(b);
    }
    for (int k = 0; k < 9; ++k) {
        const float* const from = in + ((i + k / 3) * line + first + k % 3) * inputs;
        graph_through<R>(from, inputs, inputs, w + k * inputs * graph_width, row);
    }
    for (int r = 0; r < R; ++r) {
        if (rectify) {
            row[r].rectify();
        }
        row[r].write(out + ((i + 1) * line + first + 1 + r) * graph_width);
    }
}

KRISS_NAMESPACE_END
