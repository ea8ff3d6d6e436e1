// The network over the graph of a factor.
#include "solve_graph_pymod.hpp"

#include <cstdint>
#include <cstdlib>
#include <new>

#include "arrays.hpp"
#include "solve_graph_kernels.hpp"
#include "solve_storage.hpp"

namespace kriss::bind {

namespace {

using Index = array<std::int32_t>;
using Real = array<float>;

// Offsets that rise from 0 to `size`.
void offsets(const Index& a, index_t n, index_t size) {
    expect(static_cast<index_t>(a.size()) == n + 1 && a.data()[0] == 0 && a.data()[n] == size, "offsets disagree");
    for (index_t i = 0; i < n; ++i) {
        expect(a.data()[i] <= a.data()[i + 1], "offsets fall");
    }
}

void below(const Index& a, index_t size, index_t bound) {
    expect(static_cast<index_t>(a.size()) == size, "indices disagree");
    for (index_t k = 0; k < size; ++k) {
        expect(a.data()[k] >= 0 && a.data()[k] < bound, "an index is out of range");
    }
}

// n numbers. The heap keeps what is smaller from call to call; more comes with new pages each time, best in huge ones.
Aligned<float> scratch(index_t n) {
    constexpr index_t kept = index_t{24} << 20;
    const index_t bytes = whole_lines<float>(n) * static_cast<index_t>(sizeof(float));
    if (bytes > kept) {
        return aligned<float>(n);
    }
    Aligned<float> room(static_cast<float*>(std::aligned_alloc(64, static_cast<std::size_t>(bytes))));
    if (room == nullptr && bytes > 0) {
        throw std::bad_alloc();
    }
    return room;
}

}  // namespace

void add_solve_graph(py::module_& m) {
    m.def(
        "network",
        [](const Index& indptr, const Index& row, const Index& column, const Index& starts, const Index& places,
           const Index& lost, const Index& with, const Real& weight, const Real& fn, const Real& fe, const Real& net,
           int rounds, Real& node, Real& edge, int workers) {
            const GraphView g = graph_view(indptr, row, column, starts, places, lost, with, weight);
            expect(g.n >= 0 && rounds >= 0, "rounds must not be negative");
            offsets(indptr, g.n, g.m);
            offsets(starts, g.n, g.m);
            offsets(lost, g.n, static_cast<index_t>(with.size()));
            below(row, g.m, g.n);
            below(column, g.m, g.n);
            below(places, g.m, g.m);
            below(with, static_cast<index_t>(weight.size()), g.n);
            expect(fn.ndim() == 2 && fe.ndim() == 2 && fn.shape(0) == g.n && fe.shape(0) == g.m && node.size() == g.n &&
                       edge.size() == g.m,
                   "features and results must be one row per node and edge");
            const int nodes = static_cast<int>(fn.shape(1)), edges = static_cast<int>(fe.shape(1));
            expect(static_cast<index_t>(net.size()) == graph_parameters(nodes, edges, rounds),
                   "net has another number of parameters");
            const float* const from = fn.data();
            const float* const also = fe.data();
            const float* const weights = net.data();
            float* const out = node.mutable_data();
            float* const other = edge.mutable_data();
            const auto room = scratch((3 * g.n + g.m) * graph_width);
            call(workers, [&](const Executor& ex) {
                solve_graph_kernels().network(g, from, nodes, also, edges, weights, rounds, room.get(), out, other, ex);
            });
        },
        py::arg("indptr").noconvert(), py::arg("row").noconvert(), py::arg("column").noconvert(),
        py::arg("starts").noconvert(), py::arg("places").noconvert(), py::arg("lost").noconvert(),
        py::arg("with_").noconvert(), py::arg("weight").noconvert(), py::arg("fn").noconvert(),
        py::arg("fe").noconvert(), py::arg("net").noconvert(), py::arg("rounds"), py::arg("node").noconvert(),
        py::arg("edge").noconvert(), py::arg("workers"),
        "One number per node and per edge from their features, by rounds of messages.");
    m.def(
        "convolve",
        [](const Real& x, const Real& w, const Real& b, bool rectify, Real& out, int workers) {
            expect(x.ndim() == 3 && out.ndim() == 3 && x.shape(0) >= 2 && x.shape(1) >= 2 &&
                       out.shape(0) == x.shape(0) && out.shape(1) == x.shape(1) && out.shape(2) == graph_width,
                   "out must be (n0 + 2, n1 + 2, 16)");
            const int inputs = static_cast<int>(x.shape(2));
            expect(w.size() == 9 * x.shape(2) * graph_width && b.size() == graph_width, "w must be (9, inputs, 16)");
            const float* const from = x.data();
            const float* const weights = w.data();
            const float* const bias = b.data();
            float* const to = out.mutable_data();
            const index_t n0 = static_cast<index_t>(x.shape(0)) - 2, n1 = static_cast<index_t>(x.shape(1)) - 2;
            call(workers, [&](const Executor& ex) {
                solve_graph_kernels().convolve(n0, n1, from, inputs, weights, bias, rectify, to, ex);
            });
        },
        py::arg("x").noconvert(), py::arg("w").noconvert(), py::arg("b").noconvert(), py::arg("rectify"),
        py::arg("out").noconvert(), py::arg("workers"), "Three by three points, between margins that are left alone.");
}

}  // namespace kriss::bind
