// The launchers of cuda/solve_graph.cu, built for the host, where cuda/panel.hpp replays every thread of every block,
// against the networks of the processor, to the bit. No device is involved.
#include "../../cuda/solve_graph.cu"

#include <numeric>

#include "device.hpp"
#include "draw.hpp"
#include "kriss/solve/graph_network.hpp"

namespace {

std::vector<float> some(Draw& draw, index_t count, float size) {
    std::vector<float> out(at(count));
    for (float& v : out) {
        v = size * draw();
    }
    return out;
}

// The strict lower triangle of a matrix, by columns too, with its entries outside the diagonal as the error.
struct Graph {
    std::vector<I> indptr{0}, row, column, starts, places, lost{0}, with;
    std::vector<float> weight;

    explicit Graph(const Sparse<double>& a) {
        for (index_t i = 0; i < a.n; ++i) {
            for (I p = a.indptr[at(i)]; p < a.indptr[at(i + 1)]; ++p) {
                const I j = a.indices[at(p)];
                if (j < i) {
                    row.push_back(static_cast<I>(i));
                    column.push_back(j);
                }
                if (j != i) {
                    with.push_back(j);
                    weight.push_back(static_cast<float>(0.1 * a.data[at(p)] * (p % 2 == 0 ? 1.0 : -1.0)));
                }
            }
            indptr.push_back(static_cast<I>(row.size()));
            lost.push_back(static_cast<I>(with.size()));
        }
        starts.assign(at(a.n) + 1, 0);
        for (const I j : column) {
            ++starts[at(j + 1)];
        }
        std::partial_sum(starts.begin(), starts.end(), starts.begin());
        std::vector<I> next(starts.begin(), starts.end() - 1);
        places.resize(column.size());
        for (std::size_t k = 0; k < column.size(); ++k) {
            places[at(next[at(column[k])]++)] = static_cast<I>(k);
        }
    }

    GraphView view() const { return kriss::graph_view(indptr, row, column, starts, places, lost, with, weight); }
};

}  // namespace

KRISS_CASE("messages over a graph") {
    Draw draw;
    for (index_t m : {1, 2, 33}) {
        const Graph graph(mesh<double>(m));
        const GraphView g = graph.view();
        for (int rounds : {0, 1, 3}) {
            const int nodes = 7, edges = 5;
            const auto net = some(draw, graph_parameters(nodes, edges, rounds), 0.3F);
            const auto fn = some(draw, g.n * nodes, 1.0F), fe = some(draw, g.m * edges, 1.0F);
            std::vector<float> room(at((3 * g.n + g.m) * graph_width)), node(at(g.n)), edge(at(g.m));
            kriss::graph_network(g, fn.data(), nodes, fe.data(), edges, net.data(), rounds, room.data(), node.data(),
                                 edge.data(), Executor());
            std::vector<float> there(node.size() + edge.size(), -1.0F);
            either_way(there, [&] {
                cuda::graph_network(g, fn.data(), nodes, fe.data(), edges, net.data(), rounds, room.data(),
                                    there.data(), there.data() + g.n, 0);
            });
            std::vector<float> here = node;
            here.insert(here.end(), edge.begin(), edge.end());
            KRISS_CHECK(there == here);
        }
    }
}

KRISS_CASE("NaN passes through a network on a device") {
    Draw draw;
    const Graph graph(mesh<double>(3));
    const GraphView g = graph.view();
    const auto net = some(draw, graph_parameters(1, 1, 1), 0.3F);
    auto fn = some(draw, g.n, 1.0F);
    fn[4] = std::numeric_limits<float>::quiet_NaN();
    const auto fe = some(draw, g.m, 1.0F);
    std::vector<float> room(at((3 * g.n + g.m) * graph_width)), node(at(g.n)), edge(at(g.m));
    cuda::graph_network(g, fn.data(), 1, fe.data(), 1, net.data(), 1, room.data(), node.data(), edge.data(), 0);
    KRISS_CHECK(std::isnan(node[4]));
}

KRISS_CASE("convolutions of grids") {
    Draw draw;
    for (index_t n0 : {1, 5}) {
        for (index_t n1 : {1, 67}) {
            for (int inputs : {11, graph_width}) {
                const index_t points = (n0 + 2) * (n1 + 2);
                const auto in = some(draw, points * inputs, 1.0F);
                const auto w = some(draw, 9 * inputs * graph_width, 0.3F), b = some(draw, graph_width, 0.3F);
                for (bool rectify : {false, true}) {
                    std::vector<float> here(at(points * graph_width), 2.0F), there = here;
                    kriss::grid_convolve(n0, n1, in.data(), inputs, w.data(), b.data(), rectify, here.data(),
                                         Executor());
                    either_way(there, [&] {
                        cuda::grid_convolve(n0, n1, in.data(), inputs, w.data(), b.data(), rectify, there.data(), 0);
                    });
                    KRISS_CHECK(there == here);
                }
            }
        }
    }
}
