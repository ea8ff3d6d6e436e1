// Factorised preconditioners: Eisenstat's form of CG, incomplete factorisations, triangular solves by levels.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "arrays.hpp"
#include "families.hpp"
#include "solve.hpp"
#include "solve_eisenstat.hpp"
#include "solve_factor_kernels.hpp"
#include "solve_grid.hpp"

namespace kriss::bind {

namespace {

template <class T, class I>
CsrView<T, I> square(const array<I>& indptr, const array<I>& indices, const array<T>& data) {
    return csr(indptr, indices, data, static_cast<index_t>(indptr.size()) - 1);
}

std::int64_t code(const Info& info) { return info.status == Status::ok ? -1 : static_cast<std::int64_t>(info.index); }

template <class T, class I>
void add_eisenstat(py::module_& m, const char* name) {
    using Plan = EisenstatPlan<T, I>;
    py::class_<Plan, std::shared_ptr<Plan>>(m, name, "The scaled triangles of a matrix, for `eisenstat_solve`.")
        .def_property_readonly(
            "storage", [](const Plan& p) { return p.grid() ? strips_of(p.shape()) : std::string("rows"); },
            "How the triangles are stored.")
        .def_property_readonly("nbytes", [](const Plan& p) { return static_cast<std::int64_t>(p.bytes()); })
        .def(
            "pivots",
            [](const Plan& p, array<T>& out) {
                expect(static_cast<index_t>(out.size()) == p.rows(), "out must be (n)");
                T* to = out.mutable_data();
                call(0, [&](const Executor& ex) { p.pivots(to, ex); });
            },
            py::arg("out").noconvert(), "Write the pivots of a plan from mic_plan.");
    m.def(
        "mic_plan",
        [](const array<I>& indptr, const array<I>& indices, const array<T>& data, double relax, double shift,
           double tau, int workers) {
            const auto a = square(indptr, indices, data);
            const auto plan = call(workers, [&](const Executor& ex) {
                return std::make_shared<Plan>(a, MicOptions{relax, shift, tau}, ex);
            });
            return plan->empty() ? py::object(py::none()) : py::object(py::cast(plan));
        },
        py::arg("indptr").noconvert(), py::arg("indices").noconvert(), py::arg("data").noconvert(), py::arg("relax"),
        py::arg("shift"), py::arg("tau"), py::arg("workers"),
        "eisenstat_plan with the pivots of modified incomplete Cholesky; None off grids, or if a pivot is not sound.");
    m.def(
        "eisenstat_plan",
        [](const array<I>& indptr, const array<I>& indices, const array<T>& data, const array<T>& pivot, int workers) {
            const auto a = square(indptr, indices, data);
            expect(static_cast<index_t>(pivot.size()) == a.rows, "pivot must be (n)");
            const auto plan =
                call(workers, [&](const Executor& ex) { return std::make_shared<Plan>(a, pivot.data(), ex); });
            return py::object(py::cast(plan));
        },
        py::arg("indptr").noconvert(), py::arg("indices").noconvert(), py::arg("data").noconvert(),
        py::arg("pivot").noconvert(), py::arg("workers"), "E^-1/2 A E^-1/2 split into triangles; pivot is E.");
    m.def(
        "eisenstat_solve",
        [](const Plan& plan, const array<I>& indptr, const array<I>& indices, const array<T>& data, const array<T>& b,
           array<T>& x, double tol, std::int64_t maxiter, bool zero_start, bool history, int workers) {
            const auto a = square(indptr, indices, data);
            const auto n = static_cast<index_t>(b.size());
            expect(a.rows == n && plan.rows() == n && static_cast<index_t>(x.size()) == n,
                   "the matrix, its plan, b and x must have as many rows");
            CgOptions options;
            options.tol = tol;
            options.maxiter = static_cast<index_t>(maxiter);
            options.zero_start = zero_start;
            std::vector<double> norms;
            T* out = x.mutable_data();
            const CgOutcome done = call(workers, [&](const Executor& ex) {
                return plan.solve(a, b.data(), out, options, history ? &norms : nullptr, ex);
            });
            py::array_t<double> kept(static_cast<py::ssize_t>(norms.size()), norms.data());
            return py::make_tuple(static_cast<int>(done.status), static_cast<std::int64_t>(done.iterations),
                                  static_cast<std::int64_t>(done.matvecs), done.residual, kept);
        },
        py::arg("plan"), py::arg("indptr").noconvert(), py::arg("indices").noconvert(), py::arg("data").noconvert(),
        py::arg("b").noconvert(), py::arg("x").noconvert(), py::arg("tol"), py::arg("maxiter"), py::arg("zero_start"),
        py::arg("history"), py::arg("workers"),
        "Conjugate gradients in Eisenstat's form; returns (status, iterations, matvecs, residual norm, history).");
}

template <class T, class I>
void add_factors(py::module_& m) {
    m.def(
        "first_triangle",
        [](const array<I>& indptr, const array<I>& indices, const array<T>& data) {
            const auto a = square(indptr, indices, data);
            std::vector<I> mark(static_cast<std::size_t>(a.rows));
            return static_cast<std::int64_t>(factor_kernels<T, I>().first_triangle(a, mark.data()));
        },
        py::arg("indptr").noconvert(), py::arg("indices").noconvert(), py::arg("data").noconvert(),
        "The first row that closes a triangle in the graph, or -1.");
    m.def(
        "mic_diagonal",
        [](const array<I>& indptr, const array<I>& indices, const array<T>& data, double relax, double shift,
           double tau, array<T>& pivot) {
            const auto a = square(indptr, indices, data);
            expect(static_cast<index_t>(pivot.size()) == a.rows, "pivot must be (n)");
            std::vector<T> upper(static_cast<std::size_t>(a.rows));
            return code(factor_kernels<T, I>().mic_diagonal(a, static_cast<T>(relax), static_cast<T>(shift),
                                                            static_cast<T>(tau), pivot.mutable_data(), upper.data()));
        },
        py::arg("indptr").noconvert(), py::arg("indices").noconvert(), py::arg("data").noconvert(), py::arg("relax"),
        py::arg("shift"), py::arg("tau"), py::arg("pivot").noconvert(),
        "Pivots of diagonal-only modified incomplete Cholesky; returns the failing row, or -1.");
    m.def(
        "mic_factor",
        [](const array<I>& indptr, const array<I>& indices, array<T>& data, double relax, double shift, double tau,
           int workers) {
            const auto a = square(indptr, indices, data);
            std::vector<T> diagonal(static_cast<std::size_t>(a.rows));
            T* out = data.mutable_data();
            return call(workers, [&](const Executor& ex) {
                return code(factor_kernels<T, I>().mic_factor(a.rows, a.indptr, a.indices, out, static_cast<T>(relax),
                                                              static_cast<T>(shift), static_cast<T>(tau),
                                                              diagonal.data(), ex));
            });
        },
        py::arg("indptr").noconvert(), py::arg("indices").noconvert(), py::arg("data").noconvert(), py::arg("relax"),
        py::arg("shift"), py::arg("tau"), py::arg("workers"),
        "U of M = U'U in place of the upper triangle of A (diagonal first); returns the failing row, or -1.");
    m.def(
        "ilu0_factor",
        [](const array<I>& indptr, const array<I>& indices, array<T>& data, const array<I>& where, double tau,
           int workers) {
            const auto a = square(indptr, indices, data);
            expect(static_cast<index_t>(where.size()) == a.rows, "where must be (n)");
            std::vector<I> place(static_cast<std::size_t>(a.rows), I(-1));
            T* out = data.mutable_data();
            return call(workers, [&](const Executor& ex) {
                return code(factor_kernels<T, I>().ilu0_factor(a.rows, a.indptr, a.indices, out, where.data(),
                                                               static_cast<T>(tau), place.data(), ex));
            });
        },
        py::arg("indptr").noconvert(), py::arg("indices").noconvert(), py::arg("data").noconvert(),
        py::arg("where").noconvert(), py::arg("tau"), py::arg("workers"),
        "L (unit diagonal, not stored) and U in place of A; returns the failing row, or -1.");
    m.def(
        "triangle_solve",
        [](const array<I>& indptr, const array<I>& indices, const array<T>& data, const array<T>& inverse, bool lower,
           const array<T>& r, array<T>& z, int workers) {
            const TriangleView<T, I> a{square(indptr, indices, data), inverse.size() == 0 ? nullptr : inverse.data(),
                                       lower};
            const index_t n = a.strict.rows;
            expect(inverse.size() == 0 || static_cast<index_t>(inverse.size()) == n, "inverse must be empty or (n)");
            expect(r.ndim() == z.ndim() && r.size() == z.size() && r.shape(0) == n && z.shape(0) == n,
                   "r and z must have n rows and one shape");
            T* out = z.mutable_data();
            const index_t columns = r.ndim() == 1 ? 1 : static_cast<index_t>(r.shape(1));
            call(workers, [&](const Executor& ex) {
                if (columns == 1) {
                    factor_kernels<T, I>().solve(a, r.data(), out, ex);
                } else {
                    factor_kernels<T, I>().solve_multi(a, columns, r.data(), out, ex);
                }
            });
        },
        py::arg("indptr").noconvert(), py::arg("indices").noconvert(), py::arg("data").noconvert(),
        py::arg("inverse").noconvert(), py::arg("lower"), py::arg("r").noconvert(), py::arg("z").noconvert(),
        py::arg("workers"),
        "z = T^-1 r, rows in natural order: strict triangle, inverse diagonal (empty: ones); r, z: (n) or (n, k).");
    m.def(
        "triangle_levels",
        [](const array<I>& indptr, const array<I>& indices, const array<T>& data, bool lower, array<I>& level,
           int workers) {
            const TriangleView<T, I> a{square(indptr, indices, data), nullptr, lower};
            expect(static_cast<index_t>(level.size()) == a.strict.rows, "level must be (n)");
            I* out = level.mutable_data();
            return call(workers, [&](const Executor& ex) {
                return static_cast<std::int64_t>(
                    factor_kernels<T, I>().levels(a, out, for_size(ex, a.strict.indptr[a.strict.rows])));
            });
        },
        py::arg("indptr").noconvert(), py::arg("indices").noconvert(), py::arg("data").noconvert(), py::arg("lower"),
        py::arg("level").noconvert(), py::arg("workers"),
        "The level of each row of a strict triangle; returns how many there are.");
    m.def(
        "level_schedule",
        [](const array<I>& indptr, const array<I>& indices, const array<T>& data, const array<I>& level,
           std::int64_t levels, array<I>& order, array<I>& sorted_indptr, array<I>& sorted_indices,
           array<T>& sorted_data, array<I>& need, int workers) {
            const auto a = square(indptr, indices, data);
            const index_t n = a.rows;
            expect(static_cast<index_t>(level.size()) == n && static_cast<index_t>(order.size()) == n &&
                       static_cast<index_t>(sorted_indptr.size()) == n + 1 && sorted_indices.size() == indices.size() &&
                       sorted_data.size() == data.size() &&
                       static_cast<index_t>(need.size()) == (n + level_chunk - 1) / level_chunk,
                   "sizes of the schedule");
            for (index_t i = 0; i < n; ++i) {
                expect(level.data()[i] >= 0 && level.data()[i] < levels, "level must be below levels");
            }
            std::vector<I> scratch(static_cast<std::size_t>(std::max<index_t>(levels + 1, n)));
            I* rows = order.mutable_data();
            I* ptr = sorted_indptr.mutable_data();
            I* to = sorted_indices.mutable_data();
            T* value = sorted_data.mutable_data();
            I* waits = need.mutable_data();
            call(workers, [&](const Executor& given) {
                const Executor ex = for_size(given, a.indptr[n]);
                factor_kernels<T, I>().level_order(n, levels, level.data(), scratch.data(), rows);
                factor_kernels<T, I>().level_rows(a, rows, ptr, to, value, ex);
                factor_kernels<T, I>().level_needs({n, n, ptr, to, value}, rows, scratch.data(), waits, ex);
            });
        },
        py::arg("indptr").noconvert(), py::arg("indices").noconvert(), py::arg("data").noconvert(),
        py::arg("level").noconvert(), py::arg("levels"), py::arg("order").noconvert(),
        py::arg("sorted_indptr").noconvert(), py::arg("sorted_indices").noconvert(), py::arg("sorted_data").noconvert(),
        py::arg("need").noconvert(), py::arg("workers"),
        "Rows of a triangle sorted by level, and what each chunk of rows waits for.");
    m.def(
        "triangle_solve_levels",
        [](const array<I>& indptr, const array<I>& indices, const array<T>& data, const array<T>& inverse, bool lower,
           const array<I>& order, const array<I>& need, const array<T>& r, array<T>& z, int workers) {
            const LevelView<T, I> a{
                {square(indptr, indices, data), inverse.size() == 0 ? nullptr : inverse.data(), lower},
                order.data(),
                need.data(),
                static_cast<index_t>(need.size())};
            const index_t n = a.sorted.strict.rows;
            expect(inverse.size() == 0 || static_cast<index_t>(inverse.size()) == n, "inverse must be empty or (n)");
            expect(static_cast<index_t>(order.size()) == n && static_cast<index_t>(r.size()) == n &&
                       static_cast<index_t>(z.size()) == n && a.chunks == (n + level_chunk - 1) / level_chunk,
                   "order, r and z must be (n)");
            std::vector<index_t> done(static_cast<std::size_t>(a.chunks + 1));
            T* out = z.mutable_data();
            call(workers,
                 [&](const Executor& ex) { factor_kernels<T, I>().solve_levels(a, r.data(), out, done.data(), ex); });
        },
        py::arg("indptr").noconvert(), py::arg("indices").noconvert(), py::arg("data").noconvert(),
        py::arg("inverse").noconvert(), py::arg("lower"), py::arg("order").noconvert(), py::arg("need").noconvert(),
        py::arg("r").noconvert(), py::arg("z").noconvert(), py::arg("workers"),
        "triangle_solve with the rows of a level_schedule, on all workers; the same bits.");
}

}  // namespace

void add_solve_factor(py::module_& m) {
    m.attr("level_chunk") = static_cast<std::int64_t>(level_chunk);
    add_eisenstat<double, std::int32_t>(m, "EisenstatPlanF64I32");
    add_eisenstat<double, std::int64_t>(m, "EisenstatPlanF64I64");
    add_eisenstat<float, std::int32_t>(m, "EisenstatPlanF32I32");
    add_eisenstat<float, std::int64_t>(m, "EisenstatPlanF32I64");
    add_factors<double, std::int32_t>(m);
    add_factors<double, std::int64_t>(m);
    add_factors<float, std::int32_t>(m);
    add_factors<float, std::int64_t>(m);
}

}  // namespace kriss::bind
