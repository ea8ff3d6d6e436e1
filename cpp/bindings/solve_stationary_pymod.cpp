// Stationary iterations: sweeps, their schedules, colouring.
#include <cstdint>
#include <utility>
#include <vector>

#include "arrays.hpp"
#include "families.hpp"
#include "solve.hpp"
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
           array<I>& need) {
            const auto a = square(indptr, indices, data);
            expect(static_cast<index_t>(rows.size()) == a.rows &&
                       static_cast<index_t>(need.size()) == (a.rows + sweep_chunk - 1) / sweep_chunk,
                   "sizes of the schedule");
            for (index_t k = 0; k < a.rows; ++k) {
                expect(rows.data()[k] >= 0 && rows.data()[k] < a.rows, "rows must be below n");
            }
            std::vector<I> place(static_cast<std::size_t>(a.rows));
            stationary_kernels<T, I>().needs(a, rows.data(), backward, place.data(), need.mutable_data());
        },
        py::arg("indptr").noconvert(), py::arg("indices").noconvert(), py::arg("data").noconvert(),
        py::arg("rows").noconvert(), py::arg("backward"), py::arg("need").noconvert(),
        "What each chunk of an order of rows waits for.");
    m.def(
        "greedy_colors",
        [](const array<I>& indptr, const array<I>& indices, const array<T>& data, array<I>& color) {
            const auto a = square(indptr, indices, data);
            expect(static_cast<index_t>(color.size()) == a.rows, "color must be (n)");
            std::vector<I> mark(static_cast<std::size_t>(a.rows + 1));
            return static_cast<std::int64_t>(stationary_kernels<T, I>().colors(a, color.mutable_data(), mark.data()));
        },
        py::arg("indptr").noconvert(), py::arg("indices").noconvert(), py::arg("data").noconvert(),
        py::arg("color").noconvert(), "Greedy colouring in natural order; returns how many colours there are.");
}

}  // namespace

void add_solve_stationary(py::module_& m) {
    m.attr("sweep_chunk") = static_cast<std::int64_t>(sweep_chunk);
    add_sweeps<double, std::int32_t>(m);
    add_sweeps<double, std::int64_t>(m);
    add_sweeps<float, std::int32_t>(m);
    add_sweeps<float, std::int64_t>(m);
}

}  // namespace kriss::bind
