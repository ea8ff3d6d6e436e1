// Multigrid hierarchies as objects, and conjugate gradients preconditioned by an object.
#include "solve_multigrid.hpp"

#include <pybind11/stl.h>

#include <array>
#include <cstdint>
#include <memory>
#include <tuple>
#include <vector>

#include "arrays.hpp"
#include "families.hpp"
#include "kriss/solve/reduce.hpp"
#include "solve.hpp"
#include "solve_native.hpp"

namespace kriss::bind {

namespace {

template <class T>
void add_native(py::module_& m, const char* name) {
    py::class_<NativePrecond<T>, std::shared_ptr<NativePrecond<T>>>(m, name, "A preconditioner for compiled loops.")
        .def_property_readonly("size", [](const NativePrecond<T>& p) { return static_cast<std::int64_t>(p.size()); })
        .def(
            "apply",
            [](NativePrecond<T>& p, const array<T>& r, array<T>& z, double scale, int workers) {
                const index_t n = p.size();
                expect(static_cast<index_t>(r.size()) == n && r.size() == z.size(), "r and z must have `size` items");
                const std::unique_ptr<double[]> part(new double[static_cast<std::size_t>(chunk_count(n)) + 1]);
                T* out = z.mutable_data();
                return call(workers, [&](const Executor& ex) {
                    return p.apply_dot(r.data(), out, static_cast<T>(scale), part.get(), ex);
                });
            },
            py::arg("r").noconvert(), py::arg("z").noconvert(), py::arg("scale"), py::arg("workers"),
            "z = scale M^-1 r; returns r'z.")
        .def(
            "apply_multi",
            [](NativePrecond<T>& p, const array<T>& r, array<T>& z, double scale, int workers) {
                const index_t n = p.size();
                expect(r.ndim() == 2 && z.ndim() == 2 && static_cast<index_t>(r.shape(0)) == n &&
                           static_cast<index_t>(z.shape(0)) == n && r.shape(1) == z.shape(1),
                       "r and z must be (size, k)");
                const auto k = static_cast<index_t>(r.shape(1));
                const std::unique_ptr<double[]> part(new double[static_cast<std::size_t>(chunk_count(n)) + 1]);
                const std::unique_ptr<T[]> column(new T[2 * static_cast<std::size_t>(n)]);
                const T* in = r.data();
                T* out = z.mutable_data();
                call(workers, [&](const Executor& ex) {
                    for (index_t j = 0; j < k && !ex.interrupted(); ++j) {
                        for (index_t i = 0; i < n; ++i) {
                            column[static_cast<std::size_t>(i)] = in[i * k + j];
                        }
                        p.apply_dot(column.get(), column.get() + n, static_cast<T>(scale), part.get(), ex);
                        for (index_t i = 0; i < n; ++i) {
                            out[i * k + j] = column[static_cast<std::size_t>(n + i)];
                        }
                    }
                });
            },
            py::arg("r").noconvert(), py::arg("z").noconvert(), py::arg("scale"), py::arg("workers"),
            "z = scale M^-1 r for each column.");
}

template <class T, class I>
void add_setup(py::class_<BlackBox<T>, NativePrecond<T>, std::shared_ptr<BlackBox<T>>>& c) {
    c.def(
        "setup",
        [](BlackBox<T>& box, const array<I>& indptr, const array<I>& indices, const array<T>& data, std::int64_t n0,
           std::int64_t n1, std::int64_t n2, int lines, int twice, int workers) {
            const auto rows = static_cast<index_t>(indptr.size()) - 1;
            const auto a = csr(indptr, indices, data, rows);
            const index_t n[3] = {static_cast<index_t>(n0), static_cast<index_t>(n1), static_cast<index_t>(n2)};
            expect(n0 > 0 && n1 > 0 && n2 > 0 && n[0] * n[1] * n[2] == rows, "the grid must have a point per row");
            const unsigned axes = lines < 0 ? BlackBox<T>::automatic : static_cast<unsigned>(lines);
            const BoxReport report =
                call(workers, [&](const Executor& ex) { return box.setup(a, n, axes, twice, ex); });
            return py::make_tuple(static_cast<int>(report.stage), report.level, static_cast<int>(report.fit.kind),
                                  static_cast<std::int64_t>(report.fit.row),
                                  static_cast<std::int64_t>(report.fit.column),
                                  static_cast<std::int64_t>(report.index));
        },
        py::arg("indptr").noconvert(), py::arg("indices").noconvert(), py::arg("data").noconvert(), py::arg("n0"),
        py::arg("n1"), py::arg("n2"), py::arg("lines"), py::arg("twice"), py::arg("workers"),
        "Build the hierarchy; returns (stage, level, kind, row, column, index), stage 0 if it is ready.");
}

template <class T>
void add_box(py::module_& m, const char* name) {
    py::class_<BlackBox<T>, NativePrecond<T>, std::shared_ptr<BlackBox<T>>> c(m, name, "Black-Box multigrid.");
    c.def(py::init<>());
    add_setup<T, std::int32_t>(c);
    add_setup<T, std::int64_t>(c);
    c.def_property_readonly("nbytes", [](const BlackBox<T>& box) { return static_cast<std::int64_t>(box.nbytes()); });
    c.def(
        "grids",
        [](const BlackBox<T>& box) {
            std::vector<std::tuple<std::array<std::int64_t, 3>, unsigned>> out;
            for (const BoxGrid<T>& g : box.grids()) {
                out.push_back({{g.n[0], g.n[1], g.n[2]}, g.lines});
            }
            return out;
        },
        "((n0, n1, n2), axes relaxed by lines as a bit mask) per level.");
    c.def(
        "stencil",
        [](const BlackBox<T>& box, int level, int half) {
            const auto& g = box.grids().at(static_cast<std::size_t>(level));
            expect(half >= 0 && half < box_half, "half must be 0 to 13");
            const T* s = g.a[half];
            array<T> out(s == nullptr ? 0 : g.size());
            std::copy(s, s + out.size(), out.mutable_data());
            return out;
        },
        py::arg("level"), py::arg("half"), "Couplings of a level to the neighbour with code 13 + half; empty if none.");
}

template <class T, class I>
void add_cg(py::module_& m) {
    m.def(
        "cg_native",
        [](const array<I>& indptr, const array<I>& indices, const array<T>& data, const array<T>& b, array<T>& x,
           std::shared_ptr<NativePrecond<T>> M, double scale, double tol, std::int64_t maxiter, bool zero_start,
           bool history, int workers) {
            const auto n = static_cast<index_t>(b.size());
            expect(static_cast<index_t>(indptr.size()) == n + 1, "indptr must have n + 1 items");
            expect(x.size() == b.size() && M->size() == n, "b, x and M must have as many items");
            const auto a = csr(indptr, indices, data, n);
            std::vector<double> norms;
            CgProblem problem;
            problem.options.tol = tol;
            problem.options.maxiter = static_cast<index_t>(maxiter);
            problem.options.zero_start = zero_start;
            problem.residuals = history ? &norms : nullptr;
            CgStorage storage;
            T* out = x.mutable_data();
            const NativeHandle<T> handle{M.get(), static_cast<T>(scale)};
            const CgOutcome outcome = call(workers, [&](const Executor& ex) {
                return solve_cg_with(a, b.data(), out, handle.for_cg(), problem, storage, ex);
            });
            py::array_t<double> kept(static_cast<py::ssize_t>(norms.size()), norms.data());
            return py::make_tuple(static_cast<int>(outcome.status), static_cast<std::int64_t>(outcome.iterations),
                                  static_cast<std::int64_t>(outcome.matvecs), outcome.residual, kept, storage.kind,
                                  static_cast<std::int64_t>(storage.product_bytes));
        },
        py::arg("indptr").noconvert(), py::arg("indices").noconvert(), py::arg("data").noconvert(),
        py::arg("b").noconvert(), py::arg("x").noconvert(), py::arg("M"), py::arg("scale"), py::arg("tol"),
        py::arg("maxiter"), py::arg("zero_start"), py::arg("history"), py::arg("workers"),
        "Conjugate gradients with a preconditioner object; returns what solve.cg_csr returns.");
}

}  // namespace

void add_solve_multigrid(py::module_& m) {
    add_native<double>(m, "NativePrecond");
    add_native<float>(m, "NativePrecondF32");
    add_box<double>(m, "BlackBox");
    add_box<float>(m, "BlackBoxF32");
    add_cg<double, std::int32_t>(m);
    add_cg<double, std::int64_t>(m);
    add_cg<float, std::int32_t>(m);
    add_cg<float, std::int64_t>(m);
}

}  // namespace kriss::bind
