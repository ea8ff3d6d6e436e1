// Conjugate gradients on several right-hand sides, and the product of a matrix with a panel.
#include "solve_multi.hpp"

#include <cstdint>
#include <memory>

#include "arrays.hpp"
#include "families.hpp"
#include "hook.hpp"
#include "solve.hpp"
#include "solve_multi_kernels.hpp"

namespace kriss::bind {

namespace {

template <class T, class I>
void add_panels(py::module_& m) {
    m.def(
        "csr_matmat",
        [](const array<I>& indptr, const array<I>& indices, const array<T>& data, const array<T>& x, array<T>& y,
           int workers) {
            expect(x.ndim() == 2 && y.ndim() == 2 && x.shape(1) == y.shape(1), "x and y must be panels of one width");
            const auto width = static_cast<int>(x.shape(1));
            expect(width == 1 || width == 2 || width == 4 || width == 8, "x must have 1, 2, 4 or 8 columns");
            const auto a = csr(indptr, indices, data, static_cast<index_t>(x.shape(0)));
            expect(static_cast<index_t>(y.shape(0)) == a.rows && a.rows == a.cols, "A must be square and fit x and y");
            T* out = y.mutable_data();
            call(workers, [&](const Executor& ex) {
                const PanelKernels<T>& ks = panel_kernels<T>(width);
                const PanelProduct<T> product{&a, ks.template csr<I>(), a.rows};
                ks.multiply(a.rows, product, x.data(), out, for_size(ex, static_cast<index_t>(data.size()) * width));
            });
        },
        py::arg("indptr").noconvert(), py::arg("indices").noconvert(), py::arg("data").noconvert(),
        py::arg("x").noconvert(), py::arg("y").noconvert(), py::arg("workers"),
        "y = A x for a panel x of 1, 2, 4 or 8 columns.");
    m.def(
        "cg_multi",
        [](const array<I>& indptr, const array<I>& indices, const array<T>& data, const array<T>& b, array<T>& x,
           const array<T>& inverse, py::object product, py::object precond, const array<double>& tol,
           std::int64_t maxiter, bool zero_start, int workers) {
            expect(b.ndim() == 2 && x.ndim() == 2 && b.shape(0) == x.shape(0) && b.shape(1) == x.shape(1),
                   "b and x must be panels of one shape");
            MultiProblem<T> problem;
            problem.n = static_cast<index_t>(b.shape(0));
            problem.columns = static_cast<int>(b.shape(1));
            expect(problem.columns >= 1 && problem.columns <= max_columns, "b must have 1 to 8 columns");
            expect(static_cast<int>(tol.size()) == problem.columns, "tol must have an item per column");
            expect(inverse.size() == 0 || static_cast<index_t>(inverse.size()) == problem.n,
                   "inverse must be empty or (n)");
            Hook product_hook(std::move(product));
            Hook precond_hook(std::move(precond));
            struct Target {
                Hook* hook;
                index_t n;
            };
            Target targets[2] = {{&product_hook, problem.n}, {&precond_hook, problem.n}};
            const auto trampoline = [](void* self, const T* in, T* out, int width) {
                auto& target = *static_cast<Target*>(self);
                return target.hook->call(in, out, {target.n, static_cast<index_t>(width)});
            };
            CsrView<T, I> a{problem.n, problem.n, nullptr, nullptr, nullptr};
            if (product_hook.set()) {
                problem.product = {&targets[0], trampoline};
            } else {
                a = csr(indptr, indices, data, problem.n);
                expect(a.rows == problem.n, "indptr must have n + 1 items");
            }
            if (precond_hook.set()) {
                problem.precond = {&targets[1], trampoline};
            }
            problem.b = b.data();
            problem.x = x.mutable_data();
            problem.inverse = inverse.size() == 0 ? nullptr : inverse.data();
            problem.tol = tol.data();
            problem.maxiter = static_cast<index_t>(maxiter);
            problem.zero_start = zero_start;
            const MultiOutcome outcome =
                call(workers, [&](const Executor& ex) { return solve_cg_multi(a, problem, ex); });
            product_hook.rethrow();
            precond_hook.rethrow();
            py::list columns;
            for (const ColumnOutcome& c : outcome.columns) {
                columns.append(py::make_tuple(
                    static_cast<int>(c.status), static_cast<std::int64_t>(c.iterations), c.residual, c.norm,
                    py::array_t<double>(static_cast<py::ssize_t>(c.residuals.size()), c.residuals.data())));
            }
            return py::make_tuple(columns, static_cast<std::int64_t>(outcome.products), outcome.diagonals);
        },
        py::arg("indptr").noconvert(), py::arg("indices").noconvert(), py::arg("data").noconvert(),
        py::arg("b").noconvert(), py::arg("x").noconvert(), py::arg("inverse").noconvert(), py::arg("product"),
        py::arg("precond"), py::arg("tol").noconvert(), py::arg("maxiter"), py::arg("zero_start"), py::arg("workers"),
        "Conjugate gradients on the columns of b (n, k), k <= 8; returns (a tuple per column: status, iterations, "
        "residual by the recurrence, ||b - A x|| or NaN with a product of yours, history; products with a panel; "
        "number "
        "of diagonals or 0).\n\n"
        "product(X, Y) and precond(X, Y) write Y = A X and Y = M^-1 X for panels; None for the CSR matrix and for "
        "the diagonal `inverse` (empty: no preconditioner).");
}

template <class T>
void add_scan(py::module_& m) {
    m.def(
        "column_scan",
        [](const array<T>& x, array<double>& norms, array<double>& peaks, int workers) {
            expect(x.ndim() == 2 && norms.size() == x.shape(1) && peaks.size() == x.shape(1),
                   "x must be 2-D, norms and peaks have an item per column");
            const auto n = static_cast<index_t>(x.shape(0));
            const auto columns = static_cast<index_t>(x.shape(1));
            const std::unique_ptr<double[]> part(
                new double[static_cast<std::size_t>(2 * columns * chunk_count(n)) + 1]);
            double* out[2] = {norms.mutable_data(), peaks.mutable_data()};
            call(workers, [&](const Executor& ex) {
                const Executor sized = for_size(ex, n * columns);
                if constexpr (sizeof(T) == 4) {
                    multi_kernels().scan_f32(n, columns, x.data(), part.get(), out[0], out[1], sized);
                } else {
                    multi_kernels().scan_f64(n, columns, x.data(), part.get(), out[0], out[1], sized);
                }
            });
        },
        py::arg("x").noconvert(), py::arg("norms").noconvert(), py::arg("peaks").noconvert(), py::arg("workers"),
        "norms[c] = x[:, c]'x[:, c] and peaks[c] = max |x[:, c]|, which passes over NaN.");
}

}  // namespace

void add_solve_multi(py::module_& m) {
    add_panels<double, std::int32_t>(m);
    add_panels<double, std::int64_t>(m);
    add_panels<float, std::int32_t>(m);
    add_panels<float, std::int64_t>(m);
    add_scan<double>(m);
    add_scan<float>(m);
}

}  // namespace kriss::bind
