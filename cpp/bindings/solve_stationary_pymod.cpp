// Stationary iterations: sweeps, their schedules, colouring.
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "arrays.hpp"
#include "families.hpp"
#include "solve.hpp"
#include "solve_colors.hpp"
#include "solve_grid.hpp"
#include "solve_order.hpp"
#include "solve_stationary_kernels.hpp"

namespace kriss::bind {

namespace {

template <class T, class I>
CsrView<T, I> square(const array<I>& indptr, const array<I>& indices, const array<T>& data) {
    return csr(indptr, indices, data, static_cast<index_t>(indptr.size()) - 1);
}

template <class T, class I>
void add_sweeps(py::module_& m) {
    m.def(
        "relax_sweeps",
        [](const array<I>& indptr, const array<I>& indices, const array<T>& data, const array<T>& inverse, double omega,
           const array<T>& b, array<T>& x, const array<I>& rows, const array<I>& need, const array<I>& back_need,
           bool forward, bool backward, std::int64_t count, int workers) {
            const auto a = square(indptr, indices, data);
            const index_t n = a.rows;
            const index_t chunks = (n + sweep_chunk - 1) / sweep_chunk;
            expect(static_cast<index_t>(inverse.size()) == n && static_cast<index_t>(b.size()) == n &&
                       static_cast<index_t>(x.size()) == n,
                   "inverse, b and x must be (n)");
            const bool ordered = rows.size() > 0;
            expect(!ordered || (static_cast<index_t>(rows.size()) == n && static_cast<index_t>(need.size()) == chunks &&
                                static_cast<index_t>(back_need.size()) == chunks),
                   "sizes of the schedule");
            std::vector<index_t> done(static_cast<std::size_t>(chunks + 1));
            T* out = x.mutable_data();
            call(workers, [&](const Executor& given) {
                const Executor ex = for_size(given, static_cast<index_t>(data.size()));
                for (std::int64_t k = 0; k < count && !ex.interrupted(); ++k) {
                    for (const bool back : {false, true}) {
                        if (back ? !backward : !forward) {
                            continue;
                        }
                        const SweepOrder<I> order{ordered ? rows.data() : nullptr,
                                                  ordered ? (back ? back_need.data() : need.data()) : nullptr, back};
                        stationary_kernels<T, I>().relax(a, inverse.data(), static_cast<T>(omega), b.data(), out, order,
                                                         done.data(), ex);
                    }
                }
            });
        },
        py::arg("indptr").noconvert(), py::arg("indices").noconvert(), py::arg("data").noconvert(),
        py::arg("inverse").noconvert(), py::arg("omega"), py::arg("b").noconvert(), py::arg("x").noconvert(),
        py::arg("rows").noconvert(), py::arg("need").noconvert(), py::arg("back_need").noconvert(), py::arg("forward"),
        py::arg("backward"), py::arg("count"), py::arg("workers"),
        "count times a forward and/or a backward SOR sweep over x, rows in the order given (empty: natural).");
    m.def(
        "jacobi_sweeps",
        [](const array<I>& indptr, const array<I>& indices, const array<T>& data, const array<T>& inverse, double omega,
           const array<T>& b, array<T>& x, std::int64_t count, int workers) {
            const auto a = square(indptr, indices, data);
            const index_t n = a.rows;
            expect(static_cast<index_t>(inverse.size()) == n && static_cast<index_t>(b.size()) == n &&
                       static_cast<index_t>(x.size()) == n,
                   "inverse, b and x must be (n)");
            std::vector<T> other(static_cast<std::size_t>(n));
            T* out = x.mutable_data();
            call(workers, [&](const Executor& given) {
                const Executor ex = for_size(given, static_cast<index_t>(data.size()));
                T* now = out;
                T* next = other.data();
                for (std::int64_t k = 0; k < count && !ex.interrupted(); ++k) {
                    stationary_kernels<T, I>().jacobi(a, inverse.data(), static_cast<T>(omega), b.data(), now, next,
                                                      ex);
                    std::swap(now, next);
                }
                if (now != out) {
                    for (index_t i = 0; i < n; ++i) {
                        out[i] = now[i];
                    }
                }
            });
        },
        py::arg("indptr").noconvert(), py::arg("indices").noconvert(), py::arg("data").noconvert(),
        py::arg("inverse").noconvert(), py::arg("omega"), py::arg("b").noconvert(), py::arg("x").noconvert(),
        py::arg("count"), py::arg("workers"), "count sweeps of damped Jacobi over x.");
    m.def(
        "sweep_needs",
        [](const array<I>& indptr, const array<I>& indices, const array<T>& data, const array<I>& rows, bool backward,
           array<I>& need, int workers) {
            const auto a = square(indptr, indices, data);
            expect(static_cast<index_t>(rows.size()) == a.rows &&
                       static_cast<index_t>(need.size()) == (a.rows + sweep_chunk - 1) / sweep_chunk,
                   "sizes of the schedule");
            for (index_t k = 0; k < a.rows; ++k) {
                expect(rows.data()[k] >= 0 && rows.data()[k] < a.rows, "rows must be below n");
            }
            std::vector<I> place(static_cast<std::size_t>(a.rows));
            I* waits = need.mutable_data();
            call(workers, [&](const Executor& ex) {
                stationary_kernels<T, I>().needs(a, rows.data(), backward, place.data(), waits,
                                                 for_size(ex, a.indptr[a.rows]));
            });
        },
        py::arg("indptr").noconvert(), py::arg("indices").noconvert(), py::arg("data").noconvert(),
        py::arg("rows").noconvert(), py::arg("backward"), py::arg("need").noconvert(), py::arg("workers"),
        "What each chunk of an order of rows waits for.");
    m.def(
        "greedy_colors",
        [](const array<I>& indptr, const array<I>& indices, const array<T>& data, array<I>& color, int workers) {
            const auto a = square(indptr, indices, data);
            expect(static_cast<index_t>(color.size()) == a.rows, "color must be (n)");
            I* out = color.mutable_data();
            return call(workers, [&](const Executor& ex) {
                return static_cast<std::int64_t>(
                    stationary_kernels<T, I>().colors(a, out, for_size(ex, a.indptr[a.rows])));
            });
        },
        py::arg("indptr").noconvert(), py::arg("indices").noconvert(), py::arg("data").noconvert(),
        py::arg("color").noconvert(), py::arg("workers"),
        "Greedy colouring in natural order; returns how many colours there are.");
    m.def(
        "pattern_symmetric",
        [](const array<I>& indptr, const array<I>& indices, const array<T>& data, int workers) {
            const auto a = square(indptr, indices, data);
            std::vector<unsigned char> bad(static_cast<std::size_t>(a.rows / 4096 + 1));
            return call(workers, [&](const Executor& ex) {
                return stationary_kernels<T, I>().symmetric(a, bad.data(), for_size(ex, a.indptr[a.rows]));
            });
        },
        py::arg("indptr").noconvert(), py::arg("indices").noconvert(), py::arg("data").noconvert(), py::arg("workers"),
        "Whether each entry has its counterpart on the other side of the diagonal; rows sorted.");
}

template <class Plan, class T>
void add_moves(py::class_<Plan, std::shared_ptr<Plan>>& made) {
    made.def(
            "sweep",
            [](Plan& p, double omega, bool forward, bool backward, std::int64_t count, int workers) {
                call(workers, [&](const Executor& ex) {
                    p.sweep(static_cast<T>(omega), forward, backward, static_cast<index_t>(count), ex);
                });
            },
            py::arg("omega"), py::arg("forward"), py::arg("backward"), py::arg("count"), py::arg("workers"),
            "count times a forward and/or a backward SOR sweep.")
        .def(
            "read",
            [](const Plan& p, array<T>& x, int workers) {
                expect(static_cast<index_t>(x.size()) == p.rows(), "x must be (n)");
                T* out = x.mutable_data();
                call(workers, [&](const Executor& ex) { p.read(out, ex); });
            },
            py::arg("x").noconvert(), py::arg("workers"), "Write x.");
}

// Sweeps over strips of a grid, and colour by colour: objects that hold the matrix in another order, b and x.
template <class T, class I>
void add_grid(py::module_& m, const char* name) {
    using Plan = GridRelaxation<T, I>;
    py::class_<Plan, std::shared_ptr<Plan>> made(m, name, "A stencil matrix in strips of its grid, with b and x.");
    add_moves<Plan, T>(made);
    made.def_property_readonly(
            "storage", [](const Plan& p) { return strips_of(p.shape()); }, "How the matrix is stored.")
        .def(
            "jacobi",
            [](Plan& p, double omega, std::int64_t count, int workers) {
                call(workers,
                     [&](const Executor& ex) { p.jacobi(static_cast<T>(omega), static_cast<index_t>(count), ex); });
            },
            py::arg("omega"), py::arg("count"), py::arg("workers"), "count sweeps of damped Jacobi.")
        .def(
            "residual2",
            [](Plan& p, int workers) { return call(workers, [&](const Executor& ex) { return p.residual2(ex); }); },
            py::arg("workers"), "The square of the norm of b - A x.");
    m.def(
        "relax_grid",
        [](const array<I>& indptr, const array<I>& indices, const array<T>& data, const array<T>& b, const array<T>& x,
           int workers) {
            const auto a = square(indptr, indices, data);
            expect(static_cast<index_t>(b.size()) == a.rows && static_cast<index_t>(x.size()) == a.rows,
                   "b and x must be (n)");
            const auto plan =
                call(workers, [&](const Executor& ex) { return std::make_shared<Plan>(a, b.data(), x.data(), ex); });
            return plan->empty() ? py::object(py::none()) : py::object(py::cast(plan));
        },
        py::arg("indptr").noconvert(), py::arg("indices").noconvert(), py::arg("data").noconvert(),
        py::arg("b").noconvert(), py::arg("x").noconvert(), py::arg("workers"),
        "The matrix in strips, or None: it is no stencil on a grid, or a diagonal entry cannot be divided by.");
}

template <class T, class I>
void add_colors(py::module_& m, const char* name) {
    using Plan = ColorSweeps<T, I>;
    py::class_<Plan, std::shared_ptr<Plan>> made(m, name, "A matrix with its rows sorted by colour, with b and x.");
    add_moves<Plan, T>(made);
    m.def(
        "color_sweeps",
        [](const array<I>& indptr, const array<I>& indices, const array<T>& data, const array<I>& color,
           std::int64_t colors, const array<T>& inverse, const array<T>& b, const array<T>& x, int workers) {
            const auto a = square(indptr, indices, data);
            const index_t n = a.rows;
            expect(static_cast<index_t>(color.size()) == n && static_cast<index_t>(inverse.size()) == n &&
                       static_cast<index_t>(b.size()) == n && static_cast<index_t>(x.size()) == n,
                   "color, inverse, b and x must be (n)");
            for (index_t i = 0; i < n; ++i) {
                expect(color.data()[i] >= 0 && color.data()[i] < colors, "color must be below colors");
            }
            return py::object(py::cast(call(workers, [&](const Executor& ex) {
                return std::make_shared<Plan>(a, color.data(), static_cast<index_t>(colors), inverse.data(), b.data(),
                                              x.data(), ex);
            })));
        },
        py::arg("indptr").noconvert(), py::arg("indices").noconvert(), py::arg("data").noconvert(),
        py::arg("color").noconvert(), py::arg("colors"), py::arg("inverse").noconvert(), py::arg("b").noconvert(),
        py::arg("x").noconvert(), py::arg("workers"), "The matrix with its rows sorted by colour.");
}

}  // namespace

template <class I>
void add_order(py::module_& m) {
    m.def(
        "rcm_order",
        [](const array<I>& indptr, const array<I>& indices, array<I>& order, int workers) {
            const auto n = static_cast<index_t>(indptr.size()) - 1;
            expect(n >= 0 && static_cast<index_t>(order.size()) == n, "order must be (n)");
            expect(static_cast<index_t>(indptr.data()[n]) <= static_cast<index_t>(indices.size()),
                   "indptr and indices disagree");
            I* out = order.mutable_data();
            call(workers, [&](const Executor&) { reverse_cuthill_mckee(n, indptr.data(), indices.data(), out); });
        },
        py::arg("indptr").noconvert(), py::arg("indices").noconvert(), py::arg("order").noconvert(), py::arg("workers"),
        "Reverse Cuthill-McKee order of a symmetric pattern.");
}

void add_solve_stationary(py::module_& m) {
    add_order<std::int32_t>(m);
    add_order<std::int64_t>(m);
    m.attr("sweep_chunk") = static_cast<std::int64_t>(sweep_chunk);
    add_sweeps<double, std::int32_t>(m);
    add_sweeps<double, std::int64_t>(m);
    add_sweeps<float, std::int32_t>(m);
    add_sweeps<float, std::int64_t>(m);
    add_grid<double, std::int32_t>(m, "GridRelaxationF64I32");
    add_grid<double, std::int64_t>(m, "GridRelaxationF64I64");
    add_grid<float, std::int32_t>(m, "GridRelaxationF32I32");
    add_grid<float, std::int64_t>(m, "GridRelaxationF32I64");
    add_colors<double, std::int32_t>(m, "ColorSweepsF64I32");
    add_colors<double, std::int64_t>(m, "ColorSweepsF64I64");
    add_colors<float, std::int32_t>(m, "ColorSweepsF32I32");
    add_colors<float, std::int64_t>(m, "ColorSweepsF32I64");
}

}  // namespace kriss::bind
