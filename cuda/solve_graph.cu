// Shells over kriss/solve/graph_steps.hpp: one launch per pass, a thread per node, edge or point, which keeps its row
// of 16 numbers to itself; the weights, the same for all threads, come from the cache. Bytes and flops are those of
// the processor, and so are the bits.
#include "solve_graph.hpp"

namespace kriss::cuda {

namespace {

// A row of a thread.
struct GraphRow {
    float v[graph_width];

    KRISS_HD static GraphRow read(const float* from) {
        GraphRow row;
        for (int h = 0; h < graph_width; ++h) {
            row.v[h] = from[h];
        }
        return row;
    }
    KRISS_HD void write(float* to) const {
        for (int h = 0; h < graph_width; ++h) {
            to[h] = v[h];
        }
    }
    KRISS_HD void add(const GraphRow& other) {
        for (int h = 0; h < graph_width; ++h) {
            v[h] += other.v[h];
        }
    }
    KRISS_HD void add(const GraphRow& other, float factor) {
        for (int h = 0; h < graph_width; ++h) {
            v[h] += other.v[h] * factor;
        }
    }
    KRISS_HD void scale(float factor) {
        for (int h = 0; h < graph_width; ++h) {
            v[h] = v[h] * factor;
        }
    }
    // NaN stays, so that the caller sees it.
    KRISS_HD void rectify() {
        for (int h = 0; h < graph_width; ++h) {
            v[h] = v[h] < 0.0F ? 0.0F : v[h];
        }
    }
};

struct EncodeBody {
    const float* in;
    int inputs;
    const float* net;
    float* out;
    KRISS_HD bool live(index_t) const { return true; }
    KRISS_HD void operator()(index_t k, index_t) const {
        graph_encoded<GraphRow, 1>(in + k * inputs, inputs, net, out + k * graph_width);
    }
};

// Both projections of a node: column 0 to the left, column 1 to the right.
struct ProjectBody {
    const float* x;
    const float* net;
    float* left;
    float* right;
    KRISS_HD bool live(index_t) const { return true; }
    KRISS_HD void operator()(index_t k, index_t side) const {
        float* const to = side == 0 ? left : right;
        graph_projected<GraphRow, 1>(x + k * graph_width, net + side * graph_width * graph_width, to + k * graph_width);
    }
};

struct EdgeBody {
    GraphView g;
    const float* net;
    const float* left;
    const float* right;
    float* e;
    KRISS_HD bool live(index_t) const { return true; }
    KRISS_HD void operator()(index_t k, index_t) const { graph_edge<GraphRow, 1>(g, net, left, right, e, k); }
};

struct NodeBody {
    GraphView g;
    const float* net;
    const float* x;
    const float* e;
    float* next;
    KRISS_HD bool live(index_t) const { return true; }
    KRISS_HD void operator()(index_t i, index_t) const { graph_node<GraphRow>(g, net, x, e, next, i); }
};

struct DecodeBody {
    const float* x;
    const float* w;
    float* out;
    KRISS_HD bool live(index_t) const { return true; }
    KRISS_HD void operator()(index_t k, index_t) const { out[k] = graph_decoded(x + k * graph_width, w); }
};

struct ConvolveBody {
    index_t n1;
    const float* in;
    int inputs;
    const float* w;
    const float* b;
    bool rectify;
    float* out;
    KRISS_HD bool live(index_t) const { return true; }
    KRISS_HD void operator()(index_t point, index_t) const {
        grid_convolved<GraphRow, 1>(n1 + 2, in, inputs, w, b, rectify, out, point / n1, point % n1);
    }
};

struct Launches {
    const GraphView& g;
    stream_t s;
    void encode(index_t count, const float* in, int inputs, const float* net, float* out) const {
        rows(count, 1, EncodeBody{in, inputs, net, out}, s);
    }
    void project(const float* x, const float* net, float* left, float* right) const {
        rows(g.n, 2, ProjectBody{x, net, left, right}, s);
    }
    void edges(const float* net, const float* left, const float* right, float* e) const {
        rows(g.m, 1, EdgeBody{g, net, left, right, e}, s);
    }
    void nodes(const float* net, const float* x, const float* e, float* next) const {
        rows(g.n, 1, NodeBody{g, net, x, e, next}, s);
    }
    void decode(index_t count, const float* x, const float* w, float* out) const {
        rows(count, 1, DecodeBody{x, w, out}, s);
    }
};

}  // namespace

void graph_network(const GraphView& g, const float* fn, int nodes, const float* fe, int edges, const float* net,
                   int rounds, float* room, float* node, float* edge, stream_t s) {
    graph_passes(Launches{g, s}, g.n, g.m, fn, nodes, fe, edges, net, rounds, room, node, edge);
}

void grid_convolve(index_t n0, index_t n1, const float* in, int inputs, const float* w, const float* b, bool rectify,
                   float* out, stream_t s) {
    rows(n0 * n1, 1, ConvolveBody{n1, in, inputs, w, b, rectify, out}, s);
}

}  // namespace kriss::cuda
