#include <stdexcept>
#include <string>

#include "families.hpp"
#include "gp_tree.hpp"
#include "gp_vecchia.hpp"
#include "pymod.hpp"

namespace kriss::cuda {

namespace py = pybind11;
using py::arg;

namespace {

const double* in(address a) { return reinterpret_cast<const double*>(a); }
double* out(address a) { return reinterpret_cast<double*>(a); }
const index_t* integers(address a) { return reinterpret_cast<const index_t*>(a); }

// A program or a sum whose arrays lie on the device; Python keeps them alive.
CovTree program(index_t nodes, address node, index_t leaves, address leaf, address value, address dim, address scale,
                address second, address table, index_t slots) {
    if (nodes < 1 || nodes > point_nodes || leaves > point_leaves || slots > point_slots) {
        throw std::invalid_argument("the program has " + std::to_string(nodes) + " nodes, " + std::to_string(leaves) +
                                    " leaves and " + std::to_string(slots) + " slots, expected at most " +
                                    std::to_string(point_nodes) + ", " + std::to_string(point_leaves) + " and " +
                                    std::to_string(point_slots));
    }
    return {nodes,         integers(node), leaves,     integers(leaf), in(value),
            integers(dim), in(scale),      in(second), in(table),      slots};
}

CovSum<double> sum(index_t terms, address kind, address variance, address first, address dim, address inv) {
    return {terms, reinterpret_cast<const int*>(kind), in(variance), integers(first), integers(dim), in(inv)};
}

VecchiaView view(index_t n, index_t count, index_t d, index_t m, address xt, address zt, address noise, address own,
                 address near) {
    return {n, count, d, m, in(xt), in(zt), in(noise), in(own), integers(near)};
}

}  // namespace

void add_gp_tree(py::module_& m) {
    m.attr("most_nodes") = point_nodes;
    m.attr("most_leaves") = point_leaves;
    m.attr("most_slots") = point_slots;
    py::class_<CovTree>(m, "Program", "A covariance function as a program whose arrays lie on the device.")
        .def(py::init(&program), arg("nodes"), arg("node"), arg("leaves"), arg("leaf"), arg("value"), arg("dim"),
             arg("scale"), arg("second"), arg("table"), arg("slots"));
    py::class_<CovSum<double>>(m, "Sum", "A sum of covariance functions whose arrays lie on the device.")
        .def(py::init(&sum), arg("terms"), arg("kind"), arg("variance"), arg("first"), arg("dim"),
             arg("inv_lengthscale"));
    m.def("workers", &tree_workers, arg("nx"), arg("nz"), "Threads that share the pairs of a contraction.");
    m.def("tiles", &product_tiles, arg("nx"), arg("nz"), "Tiles of columns of a product.");
    m.def(
        "assemble",
        [](const CovTree& t, address xt, index_t nx, address zt, index_t nz, bool same, address diagonal, address to,
           stream_t stream) {
            tree_assemble(t, in(xt), nx, in(zt), nz, same, in(diagonal), out(to), stream);
            check_launch("covariance assembly");
        },
        arg("program"), arg("xt"), arg("nx"), arg("zt"), arg("nz"), arg("same"), arg("diagonal"), arg("out"),
        arg("stream"), "out[i][j] = k(x_i, z_j) + (i == j) * diagonal[i]; diagonal may be 0.");
    m.def(
        "contract",
        [](const CovTree& t, address xt, index_t nx, address zt, index_t nz, bool same, int how, address alpha,
           address w, address left, address right, index_t k, address to, address work, stream_t stream) {
            tree_contract(t, in(xt), nx, in(zt), nz, same, how, in(alpha), in(w), in(left), in(right), k, out(to),
                          out(work), stream);
            check_launch("contraction");
        },
        arg("program"), arg("xt"), arg("nx"), arg("zt"), arg("nz"), arg("same"), arg("how"), arg("alpha"), arg("w"),
        arg("left"), arg("right"), arg("k"), arg("out"), arg("work"), arg("stream"),
        "Weighted sums of derivatives per slot; weights: how = 0 alpha alpha' - w (half), 1 w, 2 w between two sets, 3 "
        "left right'. work: workers(nx, nz) * slots + 8192 doubles.");
    m.def(
        "product",
        [](const CovTree& t, address xt, index_t nx, address zt, index_t nz, bool same, address v, index_t k,
           address to, address part, stream_t stream) {
            tree_product(t, in(xt), nx, in(zt), nz, same, in(v), k, out(to), out(part), stream);
            check_launch("covariance product");
        },
        arg("program"), arg("xt"), arg("nx"), arg("zt"), arg("nz"), arg("same"), arg("v"), arg("k"), arg("out"),
        arg("part"), arg("stream"), "out (nx, k) = K V; part: tiles(nx, nz) * nx * 8 doubles.");
    m.def(
        "sum_product",
        [](const CovSum<double>& c, address xt, index_t nx, address zt, index_t nz, address v, index_t k, address to,
           address part, stream_t stream) {
            sum_product(c, in(xt), nx, in(zt), nz, in(v), k, out(to), out(part), stream);
            check_launch("covariance product");
        },
        arg("sum"), arg("xt"), arg("nx"), arg("zt"), arg("nz"), arg("v"), arg("k"), arg("out"), arg("part"),
        arg("stream"), "The same for a sum of terms.");
    m.def("vecchia_workers", &vecchia_workers, arg("count"), "Threads that share the points.");
    m.def("vecchia_item", &vecchia_point_item, arg("d"), arg("m"), "Doubles of work space per thread.");
    m.def(
        "vecchia_factor",
        [](const CovSum<double>& c, index_t n, index_t count, index_t d, index_t neighbours, address xt, address zt,
           address noise, address own, address near, address b, address v, address bad, address work, stream_t stream) {
            vecchia_factor(c, view(n, count, d, neighbours, xt, zt, noise, own, near), out(b), out(v),
                           reinterpret_cast<std::int32_t*>(bad), out(work), stream);
            check_launch("Vecchia's factor");
        },
        arg("sum"), arg("n"), arg("count"), arg("d"), arg("m"), arg("xt"), arg("zt"), arg("noise"), arg("own"),
        arg("near"), arg("b"), arg("v"), arg("bad"), arg("work"), arg("stream"),
        "Weights (count, m), variances and flags (count) of the conditionals; own may be 0.");
    m.def(
        "vecchia_gradient",
        [](const CovSum<double>& c, index_t parameters, index_t n, index_t d, index_t neighbours, address xt,
           address noise, address near, address y, address to, address work, stream_t stream) {
            if (parameters + 1 > vecchia_point_slots) {
                throw std::invalid_argument("the kernel has " + std::to_string(parameters) +
                                            " raw parameters, expected at most " +
                                            std::to_string(vecchia_point_slots - 1));
            }
            vecchia_gradient(c, parameters, view(n, n, d, neighbours, xt, xt, noise, noise, near), in(y), out(to),
                             out(work), stream);
            check_launch("Vecchia's gradient");
        },
        arg("sum"), arg("parameters"), arg("n"), arg("d"), arg("m"), arg("xt"), arg("noise"), arg("near"), arg("y"),
        arg("out"), arg("work"), arg("stream"),
        "Raw gradient (parameters + 1); work: vecchia_workers(n) * (vecchia_item(d, m) + parameters + 1) + 8192.");
}

}  // namespace kriss::cuda
