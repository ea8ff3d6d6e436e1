// A message-passing network over the graph of an incomplete factor, as python/kriss/solve/learned/_graph_network.py
// describes it, and the convolutions of its twin on grids.
//
// Encoder, rounds of messages between nodes and edges, and one number per node and per edge at the end: Y. Li, P. Y.
// Chen, T. Du, W. Matusik, "Learning preconditioners for conjugate gradient PDE solvers", ICML 2023, section 4.2. Here
// nodes also hear from those they have lost fill with, along the error of the factor.
//
// Gather, both layers and the scatter of a round are one pass over the edges and one over the nodes, 64 at a time in
// the first-level cache. With width 16, per round: an edge 1.1 kflop and 128 bytes of its own (its state read and
// written in the pass over edges, and read twice in the one over nodes: 128 more) beside the gathered 128 of its ends,
// which neighbouring rows share; a node 4.6 kflop and 320 bytes. Sums run in the order of storage: the bits do not
// depend on the workers.
#pragma once

#include <cstdint>

#include "kriss/config.hpp"
#include "kriss/executor.hpp"
#include "kriss/solve/graph_steps.hpp"

namespace kriss {

inline constexpr index_t graph_block = 64;
inline constexpr index_t graph_grain = 1024;  // a multiple of graph_block

}  // namespace kriss

KRISS_NAMESPACE_BEGIN

#ifdef KRISS_HAVE_VECTOR_TYPES
typedef float GraphLanes __attribute__((vector_size(32)));
typedef float GraphStored __attribute__((vector_size(32), aligned(sizeof(float)), may_alias));

// out[r] += in[r] w for R rows at once.  w: (inputs, width)
template <int R>
KRISS_ALWAYS_INLINE void graph_rows(const float* in, int inputs, const float* w, float* out) {
    GraphLanes low[R], high[R];
    for (int r = 0; r < R; ++r) {
        low[r] = *reinterpret_cast<const GraphStored*>(out + r * graph_width);
        high[r] = *reinterpret_cast<const GraphStored*>(out + r * graph_width + 8);
    }
    for (int k = 0; k < inputs; ++k) {
        const GraphLanes one = *reinterpret_cast<const GraphStored*>(w + k * graph_width);
        const GraphLanes two = *reinterpret_cast<const GraphStored*>(w + k * graph_width + 8);
        for (int r = 0; r < R; ++r) {
            const float v = in[r * inputs + k];
            low[r] += one * v;
            high[r] += two * v;
        }
    }
    for (int r = 0; r < R; ++r) {
        *reinterpret_cast<GraphStored*>(out + r * graph_width) = low[r];
        *reinterpret_cast<GraphStored*>(out + r * graph_width + 8) = high[r];
    }
}
#else
template <int R>
KRISS_ALWAYS_INLINE void graph_rows(const float* in, int inputs, const float* w, float* out) {
    for (int r = 0; r < R; ++r) {
        for (int k = 0; k < inputs; ++k) {
            for (int h = 0; h < graph_width; ++h) {
                out[r * graph_width + h] += in[r * inputs + k] * w[k * graph_width + h];
            }
        }
    }
}
#endif

// out += in w.  in: (rows, inputs), w: (inputs, width), out: (rows, width)
KRISS_NOINLINE inline void graph_product(index_t rows, const float* in, int inputs, const float* w, float* out) {
    index_t r = 0;
    for (; r + 4 <= rows; r += 4) {
        graph_rows<4>(in + r * inputs, inputs, w, out + r * graph_width);
    }
    for (; r < rows; ++r) {
        graph_rows<1>(in + r * inputs, inputs, w, out + r * graph_width);
    }
}

KRISS_ALWAYS_INLINE void graph_start(index_t rows, const float* bias, float* out) {
    for (index_t r = 0; r < rows; ++r) {
        for (int h = 0; h < graph_width; ++h) {
            out[r * graph_width + h] = bias[h];
        }
    }
}

// NaN stays, so that the caller sees it.
KRISS_ALWAYS_INLINE void graph_rectify(index_t rows, float* out) {
    for (index_t k = 0; k < rows * graph_width; ++k) {
        out[k] = out[k] < 0.0F ? 0.0F : out[k];
    }
}

// Activations of a layer on features.  in: (count, inputs), net: (inputs + 1, width), the bias last
inline void graph_encode(index_t count, const float* in, int inputs, const float* net, float* out, const Executor& ex) {
    ex.parallel_for(count, graph_grain, [=](index_t begin, index_t end) {
        float* const to = out + begin * graph_width;
        graph_start(end - begin, net + inputs * graph_width, to);
        graph_product(end - begin, in + begin * inputs, inputs, net, to);
        graph_rectify(end - begin, to);
    });
}

// e += relu(a + e Ae + P[row] + Q[column]) B + b
inline void graph_edges(const GraphView& g, const float* net, const float* left, const float* right, float* e,
                        const Executor& ex) {
    constexpr int square = graph_width * graph_width;
    const float* const bias = net + square;
    const float* const out = bias + graph_width;
    const std::int32_t* const row = g.row;
    const std::int32_t* const column = g.column;
    ex.parallel_for(g.m, graph_grain, [=](index_t begin, index_t end) {
        float h[graph_block * graph_width];
        for (index_t s = begin; s < end; s += graph_block) {
            const index_t many = end - s < graph_block ? end - s : graph_block;
            graph_start(many, bias, h);
            for (index_t k = 0; k < many; ++k) {
                graph_add(left + row[s + k] * index_t{graph_width}, h + k * graph_width);
                graph_add(right + column[s + k] * index_t{graph_width}, h + k * graph_width);
            }
            float* const mine = e + s * graph_width;
            graph_product(many, mine, graph_width, net, h);
            graph_rectify(many, h);
            for (index_t k = 0; k < many; ++k) {
                graph_add(out + square, mine + k * graph_width);
            }
            graph_product(many, h, graph_width, out, mine);
        }
    });
}

// Sums of messages at `many` nodes from `first` on: from earlier and later nodes, signed and absolute error.
KRISS_NOINLINE inline void graph_gather(const GraphView& g, index_t first, index_t many, const float* x, const float* e,
                                        float* before, float* after, float* error, float* size) {
    for (index_t k = 0; k < many; ++k) {
        const index_t to = k * graph_width;
        graph_heard(g, first + k, x, e, before + to, after + to, error + to, size + to);
    }
}

// next = x + relu(c + x Cx + s Cs + t Ct + f Cf + a Ca) D + d
inline void graph_nodes(const GraphView& g, const float* net, const float* x, const float* e, float* next,
                        const Executor& ex) {
    constexpr int square = graph_width * graph_width;
    const float* const bias = net + 5 * square;
    const float* const out = bias + graph_width;
    ex.parallel_for(g.n, graph_grain, [=, &g](index_t begin, index_t end) {
        float h[graph_block * graph_width], sums[4][graph_block * graph_width];
        for (index_t s = begin; s < end; s += graph_block) {
            const index_t many = end - s < graph_block ? end - s : graph_block;
            const float* const mine = x + s * graph_width;
            graph_gather(g, s, many, x, e, sums[0], sums[1], sums[2], sums[3]);
            graph_start(many, bias, h);
            graph_product(many, mine, graph_width, net, h);
            for (int k = 0; k < 4; ++k) {
                graph_product(many, sums[k], graph_width, net + (k + 1) * square, h);
            }
            graph_rectify(many, h);
            float* const to = next + s * graph_width;
            for (index_t k = 0; k < many * graph_width; ++k) {
                to[k] = mine[k] + out[square + k % graph_width];
            }
            graph_product(many, h, graph_width, out, to);
        }
    });
}

KRISS_ALWAYS_INLINE void graph_project(index_t n, const float* x, const float* net, float* left, float* right,
                                       const Executor& ex) {
    ex.parallel_for(n, graph_grain, [=](index_t begin, index_t end) {
        const index_t at = begin * graph_width;
        for (index_t k = at; k < end * graph_width; ++k) {
            left[k] = 0.0F;
            right[k] = 0.0F;
        }
        graph_product(end - begin, x + at, graph_width, net, left + at);
        graph_product(end - begin, x + at, graph_width, net + graph_width * graph_width, right + at);
    });
}

// out[k] = x[k] . w + w[width]
inline void graph_decode(index_t count, const float* x, const float* w, float* out, const Executor& ex) {
    ex.parallel_for(count, graph_grain, [=](index_t begin, index_t end) {
        for (index_t k = begin; k < end; ++k) {
            out[k] = graph_decoded(x + k * graph_width, w);
        }
    });
}

// out = b + the sum over the nine neighbours of in w, 0 or more if `rectify`; both images lie between margins of one
// point. in: (n0 + 2, n1 + 2, inputs), w: (9, inputs, width), out: (n0 + 2, n1 + 2, width) 288 inputs flops per point,
// each line of the image read three times from the caches.
inline void grid_convolve(index_t n0, index_t n1, const float* in, int inputs, const float* w, const float* b,
                          bool rectify, float* out, const Executor& ex) {
    const index_t line = n1 + 2;
    const index_t grain = n1 < graph_grain ? graph_grain / (n1 > 0 ? n1 : 1) : 1;
    ex.parallel_for(n0, grain, [=](index_t begin, index_t end) {
        for (index_t i = begin; i < end; ++i) {
            for (index_t s = 0; s < n1; s += graph_block) {
                const index_t many = n1 - s < graph_block ? n1 - s : graph_block;
                float* const to = out + ((i + 1) * line + s + 1) * graph_width;
                graph_start(many, b, to);
                for (int k = 0; k < 9; ++k) {
                    const float* const from = in + ((i + k / 3) * line + s + k % 3) * inputs;
                    graph_product(many, from, inputs, w + k * inputs * graph_width, to);
                }
                if (rectify) {
                    graph_rectify(many, to);
                }
            }
        }
    });
}

// The passes over rows on the processor.
struct GraphPasses {
    const GraphView& g;
    const Executor& ex;
    void encode(index_t count, const float* in, int inputs, const float* net, float* out) const {
        graph_encode(count, in, inputs, net, out, ex);
    }
    void project(const float* x, const float* net, float* left, float* right) const {
        graph_project(g.n, x, net, left, right, ex);
    }
    void edges(const float* net, const float* left, const float* right, float* e) const {
        graph_edges(g, net, left, right, e, ex);
    }
    void nodes(const float* net, const float* x, const float* e, float* next) const {
        graph_nodes(g, net, x, e, next, ex);
    }
    void decode(index_t count, const float* x, const float* w, float* out) const { graph_decode(count, x, w, out, ex); }
};

// node: (n), edge: (m).  fn: (n, nodes), fe: (m, edges); net: (graph_parameters); room: (4 n + m, width)
inline void graph_network(const GraphView& g, const float* fn, int nodes, const float* fe, int edges, const float* net,
                          int rounds, float* room, float* node, float* edge, const Executor& ex) {
    graph_passes(GraphPasses{g, ex}, g.n, g.m, fn, nodes, fe, edges, net, rounds, room, node, edge);
}

KRISS_NAMESPACE_END
