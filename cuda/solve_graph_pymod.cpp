// Launchers of cuda/solve_graph.hpp with integer pointers; kriss/solve/_cuda_graph.py calls them. The arrays of the
// graph were checked where they were made, in host memory.
#include "solve_graph.hpp"

#include <pybind11/pybind11.h>

#include <cstdint>
#include <stdexcept>
#include <string>

#include "families.hpp"

namespace kriss::cuda {

namespace {

using address = std::uintptr_t;
using integer = std::int64_t;
using pybind11::arg;

template <class T>
T* at(address a) {
    return reinterpret_cast<T*>(a);
}

void launched(const char* name) {
    const cudaError_t error = cudaGetLastError();
    if (error != cudaSuccess) {
        throw std::runtime_error(std::string(name) + ": " + cudaGetErrorString(error));
    }
}

}  // namespace

void add_solve_graph(pybind11::module_& m) {
    m.def(
        "graph_network",
        [](integer n, integer edges, address indptr, address row, address column, address starts, address places,
           address lost, address with, address weight, address fn, int node_features, address fe, int edge_features,
           address net, int rounds, address room, address node, address edge, stream_t stream) {
            GraphView g;
            g.n = n;
            g.m = edges;
            g.indptr = at<const std::int32_t>(indptr);
            g.row = at<const std::int32_t>(row);
            g.column = at<const std::int32_t>(column);
            g.starts = at<const std::int32_t>(starts);
            g.places = at<const std::int32_t>(places);
            g.lost = at<const std::int32_t>(lost);
            g.with = at<const std::int32_t>(with);
            g.weight = at<const float>(weight);
            graph_network(g, at<const float>(fn), node_features, at<const float>(fe), edge_features,
                          at<const float>(net), rounds, at<float>(room), at<float>(node), at<float>(edge), stream);
            launched("graph_network");
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
            launched("grid_convolve");
        },
        "Three by three points, between margins that are left alone.", arg("n0"), arg("n1"), arg("in_"), arg("inputs"),
        arg("w"), arg("b"), arg("rectify"), arg("out"), arg("stream"));
}

}  // namespace kriss::cuda
