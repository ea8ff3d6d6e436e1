// A message-passing network over the graph of an incomplete factor, as python/kriss/solve/learned/_graph_network.py
// describes it, and the convolutions of its twin on grids.
//
// Encoder, rounds of messages between nodes and edges, and one number per node and per edge at the end: Y. Li, P. Y.
// Chen, T. Du, W. Matusik, "Learning preconditioners for conjugate gradient PDE solvers", ICML 2023, section 4.2. Here
// nodes also hear from those they have lost fill with, along the error of the factor.
//
// Gather, both layers and the scatter of a round are one pass over the edges and one over the nodes, several rows at a
// time in registers. With width 16, per round: an edge 1.1 kflop and 128 bytes of its own (its state read and written
// in the pass over edges, and read twice in the one over nodes: 128 more) beside the gathered 128 of its ends, which
// neighbouring rows share; a node 4.6 kflop and 320 bytes. Sums run in the order of storage: the bits do not depend on
// the workers.
#pragma once

#include "kriss/config.hpp"
#include "kriss/executor.hpp"
#include "kriss/solve/graph_steps.hpp"

namespace kriss {

inline constexpr index_t graph_ahead = 128;   // rows asked for before they are needed
inline constexpr index_t graph_leap = 512;    // at most
inline constexpr index_t graph_grain = 1024;  // a multiple of the rows taken at a time

}  // namespace kriss

KRISS_NAMESPACE_BEGIN

// As many rows as give both units independent sums; with AVX-512 there are 32 registers, and one holds a row.
#if defined(KRISS_HAVE_VECTOR_TYPES) && defined(__AVX512F__)
inline constexpr int graph_lanes = 16;
inline constexpr int graph_many = 8;
#elif defined(KRISS_HAVE_VECTOR_TYPES)
inline constexpr int graph_lanes = 8;
inline constexpr int graph_many = 4;
#else
inline constexpr int graph_lanes = 1;
inline constexpr int graph_many = 1;
#endif

#ifdef KRISS_HAVE_VECTOR_TYPES
typedef float GraphLanes __attribute__((vector_size(4 * graph_lanes)));
typedef float GraphStored __attribute__((vector_size(4 * graph_lanes), aligned(sizeof(float)), may_alias));
#else
typedef float GraphLanes;
typedef float GraphStored;
#endif

// A row in registers.
struct GraphLine {
    static constexpr int parts = graph_width / graph_lanes;
    GraphLanes v[parts];

    KRISS_ALWAYS_INLINE static GraphLine read(const float* from) {
        GraphLine row;
        for (int p = 0; p < parts; ++p) {
            row.v[p] = *reinterpret_cast<const GraphStored*>(from + p * graph_lanes);
        }
        return row;
    }
    KRISS_ALWAYS_INLINE void write(float* to) const {
        for (int p = 0; p < parts; ++p) {
            *reinterpret_cast<GraphStored*>(to + p * graph_lanes) = v[p];
        }
    }
    KRISS_ALWAYS_INLINE void add(const GraphLine& other) {
        for (int p = 0; p < parts; ++p) {
            v[p] += other.v[p];
        }
    }
    KRISS_ALWAYS_INLINE void add(const GraphLine& other, float factor) {
        for (int p = 0; p < parts; ++p) {
            v[p] += other.v[p] * factor;
        }
    }
    KRISS_ALWAYS_INLINE void scale(float factor) {
        for (int p = 0; p < parts; ++p) {
            v[p] = v[p] * factor;
        }
    }
    // NaN stays, so that the caller sees it.
    KRISS_ALWAYS_INLINE void rectify() {
        for (int p = 0; p < parts; ++p) {
            v[p] = v[p] < 0.0F ? GraphLanes{} : v[p];
        }
    }
};

template <int R>
struct GraphMany {
    static constexpr int value = R;
};

// f(rows, k): `rows` of them from k on, graph_many at a time and then one by one.
template <class F>
KRISS_ALWAYS_INLINE void graph_each(index_t begin, index_t end, const F& f) {
    index_t k = begin;
    for (; k + graph_many <= end; k += graph_many) {
        f(GraphMany<graph_many>{}, k);
    }
    for (; k < end; ++k) {
        f(GraphMany<1>{}, k);
    }
}

// Asks for rows of numbers before they are needed. Nodes meet their edges to later nodes, and those they have lost fill
// with, in no order that a processor could foresee, but the farthest so far moves on steadily: it is followed, row by
// row.
struct GraphFront {
    const float* from = nullptr;
    index_t asked = 0, end = 0;

    // Up to a few rows behind `far`; where that leaps, what is skipped comes when it is needed.
    KRISS_ALWAYS_INLINE void follow(index_t far) {
        const index_t to = far + graph_ahead < end ? far + graph_ahead : end;
        asked = asked < to - graph_leap ? to - graph_leap : asked;
        for (; asked < to; ++asked) {
#ifdef __GNUC__
            __builtin_prefetch(from + asked * graph_width);
#endif
        }
    }
};

// The passes over rows on the processor.
struct GraphPasses {
    const GraphView& g;
    const Executor& ex;

    void encode(index_t count, const float* in, int inputs, const float* net, float* out) const {
        ex.parallel_for(count, graph_grain, [=](index_t begin, index_t end) {
            graph_each(begin, end, [&](auto rows, index_t k) {
                graph_encoded<GraphLine, rows.value>(in + k * inputs, inputs, net, out + k * graph_width);
            });
        });
    }
    void project(const float* x, const float* net, float* left, float* right) const {
        ex.parallel_for(g.n, graph_grain, [=](index_t begin, index_t end) {
            graph_each(begin, end, [&](auto rows, index_t k) {
                const index_t at = k * graph_width;
                graph_projected<GraphLine, rows.value>(x + at, net, left + at);
                graph_projected<GraphLine, rows.value>(x + at, net + graph_width * graph_width, right + at);
            });
        });
    }
    void edges(const float* net, const float* left, const float* right, float* e) const {
        ex.parallel_for(g.m, graph_grain, [=, view = g](index_t begin, index_t end) {
            graph_each(begin, end, [&](auto rows, index_t k) {
                graph_edge<GraphLine, rows.value>(view, net, left, right, e, k);
            });
        });
    }
    void nodes(const float* net, const float* x, const float* e, float* next) const {
        ex.parallel_for(g.n, graph_grain, [=, view = g](index_t begin, index_t end) {
            GraphFront edge{e, view.indptr[begin], view.m}, node{x, begin, view.n};
            graph_each(begin, end, [&](auto rows, index_t k) {
                const index_t last = k + rows.value;
                if (view.starts[last] > view.starts[last - 1]) {
                    edge.follow(view.places[view.starts[last] - 1]);
                }
                if (view.lost[last] > view.lost[last - 1]) {
                    node.follow(view.with[view.lost[last] - 1]);
                }
                graph_node<GraphLine, rows.value>(view, net, x, e, next, k);
            });
        });
    }
    void decode(index_t count, const float* x, const float* w, float* out) const {
        ex.parallel_for(count, graph_grain, [=](index_t begin, index_t end) {
            for (index_t k = begin; k < end; ++k) {
                out[k] = graph_decoded(x + k * graph_width, w);
            }
        });
    }
};

// out = b + the sum over the nine neighbours of in w, 0 or more if `rectify`; both images lie between margins of one
// point. in: (n0 + 2, n1 + 2, inputs), w: (9, inputs, width), out: (n0 + 2, n1 + 2, width) 288 inputs flops per point,
// each line of the image read three times from the caches.
inline void grid_convolve(index_t n0, index_t n1, const float* in, int inputs, const float* w, const float* b,
                          bool rectify, float* out, const Executor& ex) {
    const index_t grain = n1 < graph_grain ? graph_grain / (n1 > 0 ? n1 : 1) : 1;
    ex.parallel_for(n0, grain, [=](index_t begin, index_t end) {
        for (index_t i = begin; i < end; ++i) {
            graph_each(0, n1, [=](auto rows, index_t j) {
                grid_convolved<GraphLine, rows.value>(n1 + 2, in, inputs, w, b, rectify, out, i, j);
            });
        }
    });
}

// node: (n), edge: (m).  fn: (n, nodes), fe: (m, edges); net: (graph_parameters); room: (3 n + m, width)
inline void graph_network(const GraphView& g, const float* fn, int nodes, const float* fe, int edges, const float* net,
                          int rounds, float* room, float* node, float* edge, const Executor& ex) {
    graph_passes(GraphPasses{g, ex}, g.n, g.m, fn, nodes, fe, edges, net, rounds, room, node, edge);
}

KRISS_NAMESPACE_END
