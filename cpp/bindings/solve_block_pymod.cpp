// Block conjugate gradients over linear maps.
#include "solve_block.hpp"

#include <cstdint>
#include <memory>
#include <vector>

#include "arrays.hpp"
#include "families.hpp"
#include "hook.hpp"
#include "solve_krylov.hpp"

namespace kriss::bind {

namespace {

template <class T>
using Map = std::shared_ptr<LinearMap<T>>;

template <class T>
void add_block(py::module_& m) {
    m.def(
        "block_cg",
        [](const Map<T>& a, const Map<T>& prec, const array<T>& b, array<T>& x, bool zero_start,
           const array<double>& tol, std::int64_t maxiter, const py::object& callback, int workers) {
            const index_t n = a->size();
            expect(b.ndim() == 2 && x.ndim() == 2 && b.shape(0) == x.shape(0) && b.shape(1) == x.shape(1) &&
                       static_cast<index_t>(b.shape(1)) == n,
                   "b and x must be (k, n)");
            const auto k = static_cast<int>(b.shape(0));
            expect(k >= 1 && k <= max_block && static_cast<int>(tol.size()) == k, "at most 64 columns, a tol for each");
            expect(prec == nullptr || prec->size() == n, "A and M must have one size");
            std::vector<const T*> from;
            std::vector<T*> to;
            for (int j = 0; j < k; ++j) {
                from.push_back(b.data() + j * n);
                to.push_back(x.mutable_data() + j * n);
            }
            Hook hook(callback);
            index_t matvecs = 0;
            const BlockOutcome out = call(workers, [&](const Executor& ex) {
                Bench<T> bench(*a, prec.get(), ex);
                if (hook.set()) {
                    bench.context.callback_self = &hook;
                    bench.context.callback = [](void* self) { return static_cast<Hook*>(self)->call(); };
                }
                BlockOptions options;
                options.tol = tol.data();
                options.maxiter = static_cast<index_t>(maxiter);
                options.zero_start = zero_start;
                options.halo = a->halo();
                auto done = solve_block_cg(bench.context, k, from.data(), to.data(), options);
                matvecs = bench.context.matvecs;
                return done;
            });
            hook.rethrow();
            a->rethrow();
            if (prec != nullptr) {
                prec->rethrow();
            }
            return py::make_tuple(static_cast<int>(out.status), static_cast<std::int64_t>(out.iterations),
                                  static_cast<std::int64_t>(matvecs), out.rank,
                                  py::array_t<double>(static_cast<py::ssize_t>(out.norms.size()), out.norms.data()));
        },
        py::arg("a"), py::arg("m"), py::arg("b").noconvert(), py::arg("x").noconvert(), py::arg("zero_start"),
        py::arg("tol").noconvert(), py::arg("maxiter"), py::arg("callback"), py::arg("workers"),
        "Block CG on the rows of b (k, n); returns (status, iterations, products with vectors, smallest rank of an "
        "iteration, residuals by the recurrence: k before the first iteration and k after each).");
}

}  // namespace

void add_solve_block(py::module_& m) {
    add_block<double>(m);
    add_block<float>(m);
}

}  // namespace kriss::bind
