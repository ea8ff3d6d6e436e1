// Multigrid whose interpolation comes from a network, smoothed by incomplete factors.
#include "solve_learned_pymod.hpp"

#include <pybind11/stl.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "arrays.hpp"
#include "solve_learned.hpp"

namespace kriss::bind {

namespace {

py::tuple told(const BoxReport& report) {
    return py::make_tuple(static_cast<int>(report.stage), report.level, static_cast<int>(report.fit.kind),
                          static_cast<std::int64_t>(report.fit.row), static_cast<std::int64_t>(report.fit.column),
                          static_cast<std::int64_t>(report.index));
}

// The parameters of both networks one after the other, or null if there are none.
const float* network(const array<float>& net) {
    expect(net.size() == 0 || net.size() == 2 * net_size, "net must have 2 net_size items or none");
    return net.size() > 0 ? net.data() : nullptr;
}

// (count, n0, n1, n2): arrays over the points of g, zeros for those that are null.
array<double> streams(const BoxGrid<double>& g, double* const* from, int count) {
    array<double> out({static_cast<index_t>(count), g.n[0], g.n[1], g.n[2]});
    for (int k = 0; k < count; ++k) {
        double* to = out.mutable_data() + k * g.size();
        if (from[k] == nullptr) {
            std::fill_n(to, g.size(), 0.0);
        } else {
            std::copy_n(from[k], g.size(), to);
        }
    }
    return out;
}

template <class I>
void add_begin(py::class_<FactoredBox, NativePrecond<double>, std::shared_ptr<FactoredBox>>& c) {
    c.def(
        "begin",
        [](FactoredBox& box, const array<I>& indptr, const array<I>& indices, const array<double>& data,
           std::int64_t n0, std::int64_t n1, std::int64_t n2, int workers) {
            const auto rows = static_cast<index_t>(indptr.size()) - 1;
            const auto a = csr(indptr, indices, data, rows);
            expect(n0 > 0 && n1 > 0 && n2 > 0 && n0 * n1 * n2 == rows, "the grid must have a point per row");
            return told(call(workers, [&](const Executor& ex) { return box.begin(a, n0, n1, n2, ex); }));
        },
        py::arg("indptr").noconvert(), py::arg("indices").noconvert(), py::arg("data").noconvert(), py::arg("n0"),
        py::arg("n1"), py::arg("n2"), py::arg("workers"),
        "The finest grid, n0 = 1 for two axes; returns (stage, level, kind, row, column, index), stage 0 if all is "
        "well.");
}

template <class I>
void add_couplings(py::module_& m) {
    m.def(
        "couplings",
        [](const array<I>& indptr, const array<I>& indices, const array<double>& data, const array<std::int64_t>& rows,
           const array<std::int64_t>& columns, std::int64_t n1, array<double>& out) {
            const auto n = static_cast<index_t>(indptr.size()) - 1;
            const auto a = csr(indptr, indices, data, n);
            const auto many = static_cast<index_t>(rows.size()), wide = static_cast<index_t>(columns.size());
            expect(n1 > 0 && n % n1 == 0 && out.size() == 5 * many * wide, "n1 or out disagree");
            const auto fits = [](const array<std::int64_t>& at, index_t side) {
                return std::all_of(at.data(), at.data() + at.size(),
                                   [=](std::int64_t v) { return v >= 0 && v + 3 <= side; });
            };
            expect(fits(rows, n / n1) && fits(columns, n1), "a place is outside the grid");
            box_couplings(a, rows.data(), many, columns.data(), wide, n1, out.mutable_data());
        },
        py::arg("indptr").noconvert(), py::arg("indices").noconvert(), py::arg("data").noconvert(),
        py::arg("rows").noconvert(), py::arg("columns").noconvert(), py::arg("n1"), py::arg("out").noconvert(),
        "(5, rows, columns): couplings to the point itself, right, lower left, below, lower right, over 3 by 3 "
        "points.");
}

}  // namespace

void add_solve_learned(py::module_& m) {
    add_couplings<std::int32_t>(m);
    add_couplings<std::int64_t>(m);
    py::class_<FactoredBox, NativePrecond<double>, std::shared_ptr<FactoredBox>> c(
        m, "FactoredBox", "Multigrid smoothed by incomplete factors.");
    c.def(py::init<>());
    add_begin<std::int32_t>(c);
    add_begin<std::int64_t>(c);
    c.def_property_readonly("nbytes", [](const FactoredBox& box) { return static_cast<std::int64_t>(box.nbytes()); });
    c.def(
        "grids",
        [](const FactoredBox& box) {
            std::vector<std::array<std::int64_t, 3>> out;
            for (const auto& g : box.grids()) {
                out.push_back({g.n[0], g.n[1], g.n[2]});
            }
            return out;
        },
        "(n0, n1, n2) per level.");
    c.def(
        "stencil",
        [](const FactoredBox& box, int level) {
            const auto& g = box.grids().at(static_cast<std::size_t>(level));
            return streams(g, g.a, box_half);
        },
        py::arg("level"), "(14, n0, n1, n2): the diagonal, and couplings to the later neighbours.");
    c.def(
        "weights",
        [](FactoredBox& box, const array<float>& net, int workers) {
            expect(!box.grids().empty(), "begin comes first");
            const float* from = network(net);
            call(workers, [&](const Executor& ex) { box.weights(from, ex); });
            return streams(box.next(), box.grid().w, box_codes);
        },
        py::arg("net").noconvert(), py::arg("workers"),
        "(27, m0, m1, m2): the weight of each coarse point at the points beside it; net empty: Dendy's.");
    c.def(
        "coarsen",
        [](FactoredBox& box, const array<float>& net, int orders, int workers) {
            expect(!box.grids().empty(), "begin comes first");
            expect(orders >= 1 && orders <= (box.solid() ? 15 : 3), "orders must be 1 to 3, or 15 with three axes");
            const float* from = network(net);
            return told(call(workers, [&](const Executor& ex) { return box.coarsen(from, orders, ex); }));
        },
        py::arg("net").noconvert(), py::arg("orders"), py::arg("workers"),
        "Factor the last grid and add the next; net empty: Dendy's weights; orders: 1 natural, 2 mirrored, 4 turned, 8 "
        "both, added up: two are taken.");
    c.def(
        "finish",
        [](FactoredBox& box, int twice) {
            expect(!box.grids().empty(), "begin comes first");
            return told(box.finish(twice));
        },
        py::arg("twice"), "Factor the coarsest grid; levels 1 to `twice` correct from the next grid twice.");
}

}  // namespace kriss::bind
