// Launchers of cuda/solve.hpp with integer pointers; kriss/solve/_cuda*.py call them with CuPy's. `starts` is the
// address of host memory, every other pointer one of device memory.
#include "solve.hpp"

#include <cstdint>
#include <string>

#include "families.hpp"
#include "pymod.hpp"

namespace kriss::cuda {

namespace {

using pybind11::arg;

template <class T>
Csr<T> csr(integer rows, address indptr, address indices, address data) {
    return {rows, rows, at<const std::int32_t>(indptr), at<const std::int32_t>(indices), at<const T>(data)};
}

template <class T>
void add_of(pybind11::module_& m, const std::string& suffix) {
    const auto name = [&](const char* stem) { return std::string(stem) + suffix; };
    m.def(
        name("cg_residual").c_str(),
        [](integer n, integer k, address inverse, address b, address q, address r, address part, address out,
           stream_t stream) {
            cg_residual(n, k, at<const T>(inverse), at<const T>(b), at<const T>(q), at<T>(r), at<double>(part),
                        at<double>(out), stream);
            check_launch("cg_residual");
        },
        "r = b - q, r'r and r'D^-1 r of each column.", arg("n"), arg("k"), arg("inverse"), arg("b"), arg("q"), arg("r"),
        arg("part"), arg("out"), arg("stream"));
    m.def(
        name("cg_direction").c_str(),
        [](integer n, integer k, address inverse, address z, address state, address p, stream_t stream) {
            cg_direction(n, k, at<const T>(inverse), at<const T>(z), at<const double>(state), at<T>(p), stream);
            check_launch("cg_direction");
        },
        "p = D^-1 z + beta p.", arg("n"), arg("k"), arg("inverse"), arg("z"), arg("state"), arg("p"), arg("stream"));
    m.def(
        name("cg_step").c_str(),
        [](integer n, integer k, address p, address q, address part, address state, stream_t stream) {
            cg_step(n, k, at<const T>(p), at<const T>(q), at<double>(part), at<double>(state), stream);
            check_launch("cg_step");
        },
        "alpha = rho / p'q.", arg("n"), arg("k"), arg("p"), arg("q"), arg("part"), arg("state"), arg("stream"));
    m.def(
        name("cg_update").c_str(),
        [](integer n, integer k, address inverse, address p, address q, address x, address r, address part,
           address state, address history, integer length, bool own, stream_t stream) {
            cg_update(n, k, at<const T>(inverse), at<const T>(p), at<const T>(q), at<T>(x), at<T>(r), at<double>(part),
                      at<double>(state), at<double>(history), length, own, stream);
            check_launch("cg_update");
        },
        "x += alpha p, r -= alpha q, status, and beta if there is no other M.", arg("n"), arg("k"), arg("inverse"),
        arg("p"), arg("q"), arg("x"), arg("r"), arg("part"), arg("state"), arg("history"), arg("length"), arg("own"),
        arg("stream"));
    m.def(
        name("cg_rho").c_str(),
        [](integer n, integer k, address r, address z, address part, address state, stream_t stream) {
            cg_rho(n, k, at<const T>(r), at<const T>(z), at<double>(part), at<double>(state), stream);
            check_launch("cg_rho");
        },
        "beta from r'z.", arg("n"), arg("k"), arg("r"), arg("z"), arg("part"), arg("state"), arg("stream"));
    m.def(
        name("csr_product").c_str(),
        [](integer rows, integer k, address indptr, address indices, address data, int kind, address x, address b,
           address y, stream_t stream) {
            csr_product(csr<T>(rows, indptr, indices, data), k, static_cast<Product>(kind), at<const T>(x),
                        at<const T>(b), at<T>(y), stream);
            check_launch("csr_product");
        },
        "y = A x (kind 0), b - A x (1) or b + A x (2).", arg("rows"), arg("k"), arg("indptr"), arg("indices"),
        arg("data"), arg("kind"), arg("x"), arg("b"), arg("y"), arg("stream"));
    m.def(
        name("jacobi_sweep").c_str(),
        [](integer rows, integer k, address indptr, address indices, address data, address inverse, double omega,
           address b, address x, address y, stream_t stream) {
            jacobi_sweep(csr<T>(rows, indptr, indices, data), k, at<const T>(inverse), static_cast<T>(omega),
                         at<const T>(b), at<const T>(x), at<T>(y), stream);
            check_launch("jacobi_sweep");
        },
        "y = x + omega D^-1 (b - A x).", arg("rows"), arg("k"), arg("indptr"), arg("indices"), arg("data"),
        arg("inverse"), arg("omega"), arg("b"), arg("x"), arg("y"), arg("stream"));
    m.def(
        name("group_sweep").c_str(),
        [](integer rows, integer k, address indptr, address indices, address data, integer groups, address starts,
           address order, bool backward, address inverse, double omega, address b, address x, stream_t stream) {
            group_sweep(csr<T>(rows, indptr, indices, data), k, groups, at<const std::int64_t>(starts),
                        at<const std::int32_t>(order), backward, at<const T>(inverse), static_cast<T>(omega),
                        at<const T>(b), at<T>(x), stream);
            check_launch("group_sweep");
        },
        "One relaxation sweep, colour by colour.", arg("rows"), arg("k"), arg("indptr"), arg("indices"), arg("data"),
        arg("groups"), arg("starts"), arg("order"), arg("backward"), arg("inverse"), arg("omega"), arg("b"), arg("x"),
        arg("stream"));
    m.def(
        name("triangle_levels_solve").c_str(),
        [](integer rows, integer k, address indptr, address indices, address data, address order, address inverse,
           address diagonal, bool lower, integer levels, address starts, address on_device, address r, address z,
           stream_t stream) {
            const Triangle<T> a{csr<T>(rows, indptr, indices, data),
                                at<const std::int32_t>(order),
                                at<const T>(inverse),
                                at<const T>(diagonal),
                                lower,
                                levels,
                                at<const std::int64_t>(starts),
                                at<const std::int64_t>(on_device)};
            triangle_levels_solve(a, k, at<const T>(r), at<T>(z), stream);
            check_launch("triangle_levels_solve");
        },
        "z = T^-1 diag(diagonal) r, level by level.", arg("rows"), arg("k"), arg("indptr"), arg("indices"), arg("data"),
        arg("order"), arg("inverse"), arg("diagonal"), arg("lower"), arg("levels"), arg("starts"), arg("on_device"),
        arg("r"), arg("z"), arg("stream"));
    m.def(
        name("chebyshev_iterate").c_str(),
        [](integer rows, integer k, address indptr, address indices, address data, address inverse, double low,
           double high, int degree, bool zero, address r, address z, address other, stream_t stream) {
            chebyshev_iterate(csr<T>(rows, indptr, indices, data), k, at<const T>(inverse), low, high, degree, zero,
                              at<const T>(r), at<T>(z), at<T>(other), stream);
            check_launch("chebyshev_iterate");
        },
        "degree + 1 steps of the Chebyshev iteration.", arg("rows"), arg("k"), arg("indptr"), arg("indices"),
        arg("data"), arg("inverse"), arg("low"), arg("high"), arg("degree"), arg("zero"), arg("r"), arg("z"),
        arg("other"), arg("stream"));
}

}  // namespace

void add_solve(pybind11::module_& m) {
    m.attr("CG_STATE_SIZE") = static_cast<int>(cg_state_size);
    m.attr("MAX_PANEL") = static_cast<int>(max_panel);
    m.def(
        "cg_partials", [](integer n, integer k) { return static_cast<integer>(cg_partials(n, k)); },
        "Partial sums of one quantity over n rows and k columns.", arg("n"), arg("k"));
    m.def(
        "color_rows_round",
        [](integer n, address indptr, address indices, bool by_hash, address before, address after, address part,
           address left, stream_t stream) {
            color_rows_round(n, at<const std::int32_t>(indptr), at<const std::int32_t>(indices), by_hash,
                             at<const std::int32_t>(before), at<std::int32_t>(after), at<double>(part),
                             at<double>(left), stream);
            check_launch("color_rows_round");
        },
        "One round of colouring.", arg("n"), arg("indptr"), arg("indices"), arg("by_hash"), arg("before"), arg("after"),
        arg("part"), arg("left"), arg("stream"));
    add_of<float>(m, "_f32");
    add_of<double>(m, "_f64");
}

}  // namespace kriss::cuda
