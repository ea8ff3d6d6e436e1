// A message-passing network over the graph of an incomplete factor, as python/kriss/solve/learned/_graph_network.py
// describes it, and the convolutions of its twin on grids.
//
// Encoder, rounds of messages between nodes and edges, and one number per node and per edge at the end: Y. Li, P. Y.
// Chen, T. Du, W. Matusik, "Learning preconditioners for conjugate gradient PDE solvers", ICML 2023, section 4.2. Here
// nodes also hear from those they have lost fill with, along the error of the factor.
//
// Gather, both layers and the scatter of a round are one pass over the edges and one over the nodes, several rows at a
// time in registers. Nodes have few and varying terms in their sums, which no processor foresees: those of a window are
// taken in the order of how many they have, each number below 8 by a loop of its own length. With width 16, per round:
// an edge 1.1 kflop and 128 bytes of its own (its state read and written in the pass over edges, and read twice in the
// one over nodes: 128 more) beside the gathered 128 of its ends, which neighbouring rows share; a node 4.6 kflop and
// 320 bytes. Sums run in the order of storage: the bits do not depend on the workers.
#pragma once

#include "kriss/config.hpp"
#include "kriss/executor.hpp"
#include "kriss/solve/graph_steps.hpp"

namespace kriss {

inline constexpr index_t graph_window = 128;                // nodes whose sums are held at a time
inline constexpr index_t graph_ahead = 32;                  // rows asked for beyond what a window is seen to need
inline constexpr index_t graph_leap = 512;                  // at most
inline constexpr index_t graph_distant = index_t{1} << 17;  // edges from which on their rows come from main memory
inline constexpr index_t graph_grain = 1024;                // a multiple of the rows taken at a time, and of the window
static_assert(graph_grain % graph_window == 0);

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

    // Up to a few rows beyond `far`; where that leaps, what is skipped comes when it is needed.
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

// Both fronts of the pass over nodes, at node j.
struct GraphFronts {
    GraphFront edges, nodes;

    KRISS_ALWAYS_INLINE void follow(const GraphView& g, index_t j) {
        if (g.starts[j] > g.starts[j - 1]) {
            edges.follow(g.places[g.starts[j] - 1]);
        }
        if (g.lost[j] > g.lost[j - 1]) {
            nodes.follow(g.with[g.lost[j] - 1]);
        }
    }
};

// The nodes of a window by their number of terms, node k having those of [ptr[k], ptr[k + 1]).
class GraphOrder {
   public:
    KRISS_ALWAYS_INLINE GraphOrder(const std::int32_t* ptr, index_t count) : ptr_(ptr) {
        int sizes[most + 2] = {};
        for (index_t k = 0; k < count; ++k) {
            ++sizes[terms(k)];
        }
        int at = 0;
        for (int t = 0; t <= most; ++t) {
            first_[t] = at;
            at += sizes[t];
            sizes[t] = first_[t];
        }
        for (index_t k = 0; k < count; ++k) {
            node_[sizes[terms(k)]++] = static_cast<std::uint8_t>(k);
        }
        first_[most + 1] = at;
    }

    // f(k, first term, number of terms) for all of them; where there are few, their number is known when it is
    // compiled.
    template <class F>
    KRISS_ALWAYS_INLINE void each(const F& f) const {
        few<0>(f);
        for (int q = first_[most]; q < first_[most + 1]; ++q) {
            const int k = node_[q];
            f(k, ptr_[k], ptr_[k + 1] - ptr_[k]);
        }
    }

   private:
    static constexpr int most = 8;
    static_assert(graph_window <= 256);
    const std::int32_t* ptr_;
    int first_[most + 2];
    std::uint8_t node_[graph_window];

    KRISS_ALWAYS_INLINE int terms(index_t k) const {
        const int t = ptr_[k + 1] - ptr_[k];
        return t < most ? t : most;
    }
    template <int T, class F>
    KRISS_ALWAYS_INLINE void few(const F& f) const {
        if constexpr (T < most) {
            for (int q = first_[T]; q < first_[T + 1]; ++q) {
                f(node_[q], ptr_[node_[q]], T);
            }
            few<T + 1>(f);
        }
    }
};

// Nodes [begin, end), a window of them, of a round. sums: (4 graph_window width) scratch
KRISS_ALWAYS_INLINE void graph_nodes(const GraphView& g, const float* net, const float* x, const float* e, float* next,
                                     index_t begin, index_t end, float* sums, GraphFronts* fronts) {
    constexpr index_t apart = graph_window * graph_width;
    const index_t count = end - begin;
    GraphOrder(g.indptr + begin, count).each([&](int k, index_t p, index_t terms) __attribute__((always_inline)) {
        graph_before<GraphLine>(e, p, terms, sums + k * graph_width);
    });
    GraphOrder(g.starts + begin, count).each([&](int k, index_t p, index_t terms) __attribute__((always_inline)) {
        graph_after<GraphLine>(g, e, p, terms, sums + apart + k * graph_width);
    });
    GraphOrder(g.lost + begin, count).each([&](int k, index_t p, index_t terms) __attribute__((always_inline)) {
        float* const to = sums + 2 * apart + k * graph_width;
        graph_missed<GraphLine>(g, x, p, terms, to, to + apart);
    });
    graph_each(0, count, [&](auto rows, index_t k) {
        if (fronts != nullptr) {
            const index_t far = begin + k + rows.value + graph_window;
            fronts->follow(g, far < g.n ? far : g.n);
        }
        const index_t at = (begin + k) * graph_width;
        graph_moved<GraphLine, rows.value>(net, x + at, sums + k * graph_width, apart, next + at);
    });
}

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
            graph_each(begin, end,
                       [&](auto rows, index_t k) { graph_edge<GraphLine, rows.value>(view, net, left, right, e, k); });
        });
    }
    void nodes(const float* net, const float* x, const float* e, float* next) const {
        ex.parallel_for(g.n, graph_grain, [=, view = g](index_t begin, index_t end) {
            alignas(64) float sums[4 * graph_window * graph_width];
            GraphFronts fronts{{e, view.indptr[begin], view.m}, {x, begin, view.n}};
            for (index_t k = begin; k < end; k += graph_window) {
                const index_t to = k + graph_window < end ? k + graph_window : end;
                graph_nodes(view, net, x, e, next, k, to, sums, view.m < graph_distant ? nullptr : &fronts);
            }
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
