// Launchers of cuda/solve_graph.hpp with integer pointers; kriss/solve/_cuda_graph.py calls them. The arrays of the
// graph were checked where they were made, in host memory.
#include "solve_graph.hpp"

#include <cstdint>

#include "families.hpp"
#include "pymod.hpp"

namespace kriss::cuda {

namespace {

using pybind11::arg;

}  // namespace

void add_solve_graph(pybind11::module_& m) {
    m.def(
        "graph_network",
        [](integer n, integer edges, address indptr, address row, address column, address starts, address places,
           address lost, address with, address weight, address fn, int node_features, address fe, int edge_features,
           address net, int rounds, address room, address node, address edge, stream_t stream) {
            using Index = const std::int32_t;
            const GraphView g{n,
                              edges,
                              at<Index>(indptr),
                              at<Index>(row),
                              at<Index>(column),
                              at<Index>(starts),
                              at<Index>(places),
                              at<Index>(lost),
                              at<Index>(with),
                              at<const float>(weight)};
            graph_network(g, at<const float>(fn), node_features, at<const float>(fe), edge_features,
                          at<const float>(net), rounds, at<float>(room), at<float>(node), at<float>(edge), stream);
            check_launch("graph_network");
        },
        "A number per node and per edge.", arg("n"), arg("m"), arg("indptr"), arg("row"), arg("column"), arg("starts"),
        arg("places"), arg("lost"), arg("with_"), arg("weight"), arg("fn"), arg("nodes"), arg("fe"), arg("edges"),
        arg("net"), arg("rounds"), arg("room"), arg("node"), arg("edge"), arg("stream"));
    m.def(
        "grid_convolve",
        [](integer n0, integer n1, address in, int inputs, address w, address b, bool rectify, address out,
           stream_t stream) {
            grid_convolve(n0, n1, at<const float>(in), inputs, at<const float>(w), at<const float>(b), rectify,
                          at<float>(out), stream);
            check_launch("grid_convolve");
        },
        "Three by three points, between margins that are left alone.", arg("n0"), arg("n1"), arg("in_"), arg("inputs"),
        arg("w"), arg("b"), arg("rectify"), arg("out"), arg("stream"));
}

}  // namespace kriss::cuda
