#include <vector>

#include "arrays.hpp"
#include "families.hpp"
#include "gp_tree_kernels.hpp"

namespace kriss::bind {

namespace {

using Ints = array<std::int64_t>;
using Reals = array<double>;

const index_t* items(const Ints& a) {
    static_assert(sizeof(std::int64_t) == sizeof(index_t));
    return reinterpret_cast<const index_t*>(a.data());
}

// Whether leaf l reads and writes nothing outside its arrays.
bool good_leaf(const CovTree& t, index_t l, index_t items, index_t columns, index_t table) {
    const index_t* r = t.leaf + leaf_width * l;
    const bool periodic = r[0] == static_cast<index_t>(LeafKind::periodic);
    if (r[0] < 0 || r[0] >= leaf_kinds || r[1] < 0 || r[2] < 0 || r[1] > items - r[2] || r[3] < 0 ||
        r[3] + 2 + (periodic ? 2 : 1) * r[2] > t.slots || r[4] < 0) {
        return false;
    }
    for (index_t p = r[1]; p < r[1] + r[2]; ++p) {
        if (t.dim[p] < 0 || t.dim[p] >= columns) {
            return false;
        }
    }
    switch (static_cast<LeafKind>(r[0])) {
        case LeafKind::cosine: return r[2] == 1;
        case LeafKind::dot: return r[4] >= 1;
        case LeafKind::matern: {
            if (r[4] > table - table_header) {
                return false;
            }
            const double panels = t.table[r[4] + 2];
            return panels >= 1.0 && panels <= 1e6 &&
                   r[4] + table_header + 3 * (table_degree + 1) * static_cast<index_t>(panels) <= table;
        }
        default: return true;
    }
}

// The program, checked against the number of columns of X so that no index can read outside it.
CovTree tree_of(const Ints& nodes, const Ints& leaves, const Reals& values, const Ints& dim, const Reals& scale,
                const Reals& second, const Reals& table, index_t slots, index_t columns) {
    const index_t n = static_cast<index_t>(nodes.size()) / node_width;
    const index_t l = static_cast<index_t>(leaves.size()) / leaf_width;
    const index_t used = static_cast<index_t>(dim.size());
    const CovTree t = {
        n, items(nodes), l, items(leaves), values.data(), items(dim), scale.data(), second.data(), table.data(), slots};
    bool good = n >= 1 && static_cast<index_t>(nodes.size()) == n * node_width &&
                static_cast<index_t>(leaves.size()) == l * leaf_width && values.size() == 2 * l &&
                scale.size() == dim.size() && second.size() == dim.size() && slots >= 0;
    for (index_t k = 0; good && k < n; ++k) {
        const index_t* r = t.node + node_width * k;
        good = r[0] == 0 ? r[1] >= 0 && r[1] < l
                         : (r[0] == 1 || r[0] == 2) && r[1] >= 0 && r[1] < k && r[2] >= 0 && r[2] < k && r[1] != r[2];
    }
    for (index_t k = 0; good && k < l; ++k) {
        good = good_leaf(t, k, used, columns, static_cast<index_t>(table.size()));
    }
    if (!good) {
        throw py::value_error("inconsistent description of a covariance function");
    }
    return t;
}

std::vector<double> scratch_for(const CovTree& t, index_t n, bool derivatives, index_t columns) {
    return std::vector<double>(static_cast<std::size_t>(gp_tree_kernels().scratch(t, n, derivatives, columns)));
}

}  // namespace

void add_gp_tree(py::module_& m) {
    m.def(
        "symmetric",
        [](const Ints& nodes, const Ints& leaves, const Reals& values, const Ints& dim, const Reals& scale,
           const Reals& second, const Reals& table, index_t slots, const Reals& xt, const Reals& diagonal, Reals& out,
           bool mirror, int workers) {
            const auto x = view2(xt);
            const CovTree t = tree_of(nodes, leaves, values, dim, scale, second, table, slots, x.rows);
            expect(out.ndim() == 2 && out.shape(0) == x.cols && out.shape(1) == x.cols, "out must be (n, n)");
            expect(diagonal.size() == 0 || diagonal.size() == x.cols, "diagonal must be (n)");
            const double* add = diagonal.size() == 0 ? nullptr : diagonal.data();
            double* o = out.mutable_data();
            auto scratch = scratch_for(t, x.cols, false, 0);
            call(workers, [&](const Executor& ex) {
                gp_tree_kernels().symmetric(t, x.data, x.cols, add, o, mirror, scratch.data(), ex);
            });
        },
        py::arg("nodes").noconvert(), py::arg("leaves").noconvert(), py::arg("values").noconvert(),
        py::arg("dim").noconvert(), py::arg("scale").noconvert(), py::arg("second").noconvert(),
        py::arg("table").noconvert(), py::arg("slots"), py::arg("xt").noconvert(), py::arg("diagonal").noconvert(),
        py::arg("out").noconvert(), py::arg("mirror"), py::arg("workers"),
        "out = k(x_i, x_j) + diag(diagonal) in the lower triangle (and the upper one if mirror); xt: (d, n).");
    m.def(
        "cross",
        [](const Ints& nodes, const Ints& leaves, const Reals& values, const Ints& dim, const Reals& scale,
           const Reals& second, const Reals& table, index_t slots, const Reals& xt, const Reals& zt, Reals& out,
           int workers) {
            const auto x = view2(xt);
            const auto z = view2(zt);
            const CovTree t = tree_of(nodes, leaves, values, dim, scale, second, table, slots, x.rows);
            expect(x.rows == z.rows, "xt and zt must have as many rows");
            expect(out.ndim() == 2 && out.shape(0) == x.cols && out.shape(1) == z.cols, "out must be (nx, nz)");
            double* o = out.mutable_data();
            auto scratch = scratch_for(t, x.cols, false, 0);
            call(workers, [&](const Executor& ex) {
                gp_tree_kernels().cross(t, x.data, x.cols, z.data, z.cols, o, scratch.data(), ex);
            });
        },
        py::arg("nodes").noconvert(), py::arg("leaves").noconvert(), py::arg("values").noconvert(),
        py::arg("dim").noconvert(), py::arg("scale").noconvert(), py::arg("second").noconvert(),
        py::arg("table").noconvert(), py::arg("slots"), py::arg("xt").noconvert(), py::arg("zt").noconvert(),
        py::arg("out").noconvert(), py::arg("workers"), "out = k(x_i, z_j); xt: (d, nx), zt: (d, nz).");
    m.def(
        "contract",
        [](const Ints& nodes, const Ints& leaves, const Reals& values, const Ints& dim, const Reals& scale,
           const Reals& second, const Reals& table, index_t slots, const Reals& xt, const Reals& zt, int how,
           const Reals& alpha, const Reals& weights, Reals& out, int workers) {
            const auto x = view2(xt);
            const auto z = view2(zt);
            const CovTree t = tree_of(nodes, leaves, values, dim, scale, second, table, slots, x.rows);
            expect(how >= 0 && how <= 2 && x.rows == z.rows, "xt and zt must have as many rows");
            expect(how == 2 || (x.data == z.data && x.cols == z.cols), "xt and zt must be one array");
            expect(how != 0 || alpha.size() == x.cols, "alpha must be (n)");
            expect(weights.ndim() == 2 && weights.shape(0) == x.cols && weights.shape(1) == z.cols,
                   "weights must be (nx, nz)");
            expect(out.size() == slots, "out must be (slots)");
            double* o = out.mutable_data();
            auto scratch = scratch_for(t, x.cols, true, 0);
            call(workers, [&](const Executor& ex) {
                gp_tree_kernels().contract(t, x.data, x.cols, z.data, z.cols, static_cast<Weights>(how), alpha.data(),
                                           weights.data(), o, scratch.data(), ex);
            });
        },
        py::arg("nodes").noconvert(), py::arg("leaves").noconvert(), py::arg("values").noconvert(),
        py::arg("dim").noconvert(), py::arg("scale").noconvert(), py::arg("second").noconvert(),
        py::arg("table").noconvert(), py::arg("slots"), py::arg("xt").noconvert(), py::arg("zt").noconvert(),
        py::arg("how"), py::arg("alpha").noconvert(), py::arg("weights").noconvert(), py::arg("out").noconvert(),
        py::arg("workers"),
        "out[slot] = sum of weights times derivatives; how: 0 alpha alpha' - lower triangle (half of it), 1 square, "
        "2 two sets.");
    m.def(
        "gradient_x",
        [](const Ints& nodes, const Ints& leaves, const Reals& values, const Ints& dim, const Reals& scale,
           const Reals& second, const Reals& table, index_t slots, const Reals& xt, const Reals& zt, Reals& out,
           int workers) {
            const auto x = view2(xt);
            const auto z = view2(zt);
            const CovTree t = tree_of(nodes, leaves, values, dim, scale, second, table, slots, x.rows);
            expect(x.rows == z.rows, "xt and zt must have as many rows");
            expect(out.ndim() == 3 && out.shape(0) == x.cols && out.shape(1) == z.cols && out.shape(2) == x.rows,
                   "out must be (nx, nz, d)");
            double* o = out.mutable_data();
            auto scratch = scratch_for(t, x.cols, true, x.rows);
            call(workers, [&](const Executor& ex) {
                gp_tree_kernels().gradient_x(t, x.data, x.rows, x.cols, z.data, z.cols, o, scratch.data(), ex);
            });
        },
        py::arg("nodes").noconvert(), py::arg("leaves").noconvert(), py::arg("values").noconvert(),
        py::arg("dim").noconvert(), py::arg("scale").noconvert(), py::arg("second").noconvert(),
        py::arg("table").noconvert(), py::arg("slots"), py::arg("xt").noconvert(), py::arg("zt").noconvert(),
        py::arg("out").noconvert(), py::arg("workers"), "out = d k(x_i, z_j) / d x_i; xt: (d, nx), zt: (d, nz).");
}

}  // namespace kriss::bind
