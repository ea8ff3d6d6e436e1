// solve/graph_network.hpp against sums written out in double precision.
#include "kriss/solve/graph_network.hpp"

#include <cstdint>
#include <vector>

#include "check.hpp"
#include "draw.hpp"

using namespace kriss;

namespace {

std::vector<float> some(Draw& draw, index_t count, float size) {
    std::vector<float> out(static_cast<std::size_t>(count));
    for (float& v : out) {
        v = size * draw();
    }
    return out;
}

double relu(double v) { return v > 0.0 ? v : 0.0; }

}  // namespace

// Two nodes, the edge between them, and an error that couples them: every sum has one term.
KRISS_CASE("one round between two nodes") {
    Draw draw;
    const std::vector<std::int32_t> indptr = {0, 0, 1}, starts = {0, 1, 1}, lost = {0, 1, 2};
    const std::vector<std::int32_t> row = {1}, column = {0}, places = {0}, with = {1, 0};
    const std::vector<float> weight = {-0.5F, -0.5F};
    const GraphView g = graph_view(indptr, row, column, starts, places, lost, with, weight);
    const int nodes = 2, edges = 3;
    const auto net = some(draw, graph_parameters(nodes, edges, 1), 0.4F);
    const auto fn = some(draw, g.n * nodes, 1.0F), fe = some(draw, g.m * edges, 1.0F);
    std::vector<float> room(static_cast<std::size_t>((3 * g.n + g.m) * graph_width)), node(2), edge(1);
    graph_network(g, fn.data(), nodes, fe.data(), edges, net.data(), 1, room.data(), node.data(), edge.data(), {});

    const float* w = net.data();
    constexpr int W = graph_width, S = W * W;
    double x[2][W], e[W], hidden[W];
    for (int i = 0; i < 2; ++i) {
        for (int h = 0; h < W; ++h) {
            double s = w[nodes * W + h];
            for (int k = 0; k < nodes; ++k) {
                s += static_cast<double>(fn[static_cast<std::size_t>(i * nodes + k)]) * w[k * W + h];
            }
            x[i][h] = relu(s);
        }
    }
    w += (nodes + 1) * W;
    for (int h = 0; h < W; ++h) {
        double s = w[edges * W + h];
        for (int k = 0; k < edges; ++k) {
            s += static_cast<double>(fe[static_cast<std::size_t>(k)]) * w[k * W + h];
        }
        e[h] = relu(s);
    }
    w += (edges + 1) * W;
    const float* const own = w + 2 * S;
    for (int h = 0; h < W; ++h) {
        double s = own[S + h];
        for (int k = 0; k < W; ++k) {
            s += e[k] * own[k * W + h] + x[1][k] * w[k * W + h] + x[0][k] * w[S + k * W + h];
        }
        hidden[h] = relu(s);
    }
    for (int h = 0; h < W; ++h) {
        double s = e[h] + own[2 * S + W + h];
        for (int k = 0; k < W; ++k) {
            s += hidden[k] * own[S + W + k * W + h];
        }
        e[h] = s;
    }
    w += 4 * S + 2 * W;
    double next[2][W];
    for (int i = 0; i < 2; ++i) {
        for (int h = 0; h < W; ++h) {
            double s = w[5 * S + h];
            for (int k = 0; k < W; ++k) {
                const double other = x[1 - i][k];
                s += x[i][k] * w[k * W + h] + 0.25 * e[k] * w[(i == 1 ? S : 2 * S) + k * W + h] -
                     0.5 * other * w[3 * S + k * W + h] + 0.5 * other * w[4 * S + k * W + h];
            }
            hidden[h] = relu(s);
        }
        for (int h = 0; h < W; ++h) {
            double s = x[i][h] + w[6 * S + W + h];
            for (int k = 0; k < W; ++k) {
                s += hidden[k] * w[5 * S + W + k * W + h];
            }
            next[i][h] = s;
        }
    }
    w += 6 * S + 2 * W;
    double a = w[W], b = w[W], c = w[2 * W + 1];
    for (int h = 0; h < W; ++h) {
        a += next[0][h] * w[h];
        b += next[1][h] * w[h];
        c += e[h] * w[W + 1 + h];
    }
    KRISS_NEAR(static_cast<double>(node[0]), a, 1e-4);
    KRISS_NEAR(static_cast<double>(node[1]), b, 1e-4);
    KRISS_NEAR(static_cast<double>(edge[0]), c, 1e-4);
    KRISS_CHECK(w + 2 * (W + 1) == net.data() + net.size());
}

// Sums by windows, in the order of their lengths and with rows asked for in advance, against node by node.
KRISS_CASE("nodes of a large graph have the sums of each by itself") {
    Draw draw;
    const index_t n = 45000;
    std::vector<std::int32_t> indptr = {0}, row, column, lost = {0}, with;
    std::vector<std::vector<std::int32_t>> later(static_cast<std::size_t>(n));
    for (index_t i = 0; i < n; ++i) {
        const index_t terms = i % 97 == 0 ? 12 : i % 7;
        for (index_t t = terms < i ? terms : i; t > 0; --t) {
            const index_t j = i - t * (1 + i % 3) > 0 ? i - t * (1 + i % 3) : i - t;
            later[static_cast<std::size_t>(j)].push_back(static_cast<std::int32_t>(row.size()));
            row.push_back(static_cast<std::int32_t>(i));
            column.push_back(static_cast<std::int32_t>(j));
        }
        indptr.push_back(static_cast<std::int32_t>(row.size()));
        for (index_t t = 0; t < (i % 89 == 0 ? 11 : i % 4); ++t) {
            with.push_back(static_cast<std::int32_t>((i + 31 * t + 5) % n));
        }
        lost.push_back(static_cast<std::int32_t>(with.size()));
    }
    std::vector<std::int32_t> starts = {0}, places;
    for (const auto& edges : later) {
        places.insert(places.end(), edges.begin(), edges.end());
        starts.push_back(static_cast<std::int32_t>(places.size()));
    }
    const auto m = static_cast<index_t>(row.size());
    KRISS_CHECK(m >= graph_distant);
    const auto weight = some(draw, static_cast<index_t>(with.size()), 0.1F);
    const GraphView g = graph_view(indptr, row, column, starts, places, lost, with, weight);
    const auto net = some(draw, 6 * graph_width * graph_width + 2 * graph_width, 0.3F);
    const auto x = some(draw, n * graph_width, 1.0F), e = some(draw, m * graph_width, 1.0F);
    std::vector<float> all(x.size()), one(x.size());
    GraphPasses{g, {}}.nodes(net.data(), x.data(), e.data(), all.data());
    for (index_t i = 0; i < n; ++i) {
        graph_node<GraphLine>(g, net.data(), x.data(), e.data(), one.data(), i);
    }
    KRISS_CHECK(all == one);
}

KRISS_CASE("convolution of a small image") {
    Draw draw;
    const index_t n0 = 3, n1 = 70, line = n1 + 2;
    const int inputs = 2;
    std::vector<float> in(static_cast<std::size_t>((n0 + 2) * line * inputs), 0.0F);
    for (index_t i = 1; i <= n0; ++i) {
        for (index_t j = inputs; j < (n1 + 1) * inputs; ++j) {
            in[static_cast<std::size_t>(i * line * inputs + j)] = draw();
        }
    }
    const auto w = some(draw, 9 * inputs * graph_width, 1.0F), b = some(draw, graph_width, 1.0F);
    std::vector<float> out(static_cast<std::size_t>((n0 + 2) * line * graph_width), 0.0F);
    grid_convolve(n0, n1, in.data(), inputs, w.data(), b.data(), true, out.data(), {});
    for (index_t i = 0; i < n0; ++i) {
        for (index_t j = 0; j < n1; ++j) {
            for (int h = 0; h < graph_width; ++h) {
                double s = b[static_cast<std::size_t>(h)];
                for (int k = 0; k < 9; ++k) {
                    for (int c = 0; c < inputs; ++c) {
                        const index_t at = ((i + k / 3) * line + j + k % 3) * inputs + c;
                        s += static_cast<double>(in[static_cast<std::size_t>(at)]) *
                             static_cast<double>(w[static_cast<std::size_t>((k * inputs + c) * graph_width + h)]);
                    }
                }
                const index_t place = ((i + 1) * line + j + 1) * graph_width + h;
                KRISS_NEAR(static_cast<double>(out[static_cast<std::size_t>(place)]), relu(s), 1e-5);
            }
        }
    }
    for (int h = 0; h < graph_width; ++h) {
        KRISS_CHECK(out[static_cast<std::size_t>(h)] == 0.0F);  // the margin
    }
}
