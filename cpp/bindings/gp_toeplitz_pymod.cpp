// Symmetric Toeplitz matrices: Durbin's recursion.
#include <memory>

#include "arrays.hpp"
#include "families.hpp"
#include "gp_toeplitz_kernels.hpp"

namespace kriss::bind {

void add_gp_toeplitz(py::module_& m) {
    m.def(
        "durbin",
        [](const array<double>& r, double limit, array<double>& error, array<double>& x, int workers) {
            const auto n = static_cast<index_t>(r.size());
            expect(error.size() == n && x.size() == n, "r, error and x disagree on n");
            const auto scratch = std::make_unique_for_overwrite<double[]>(static_cast<std::size_t>(2 * n));
            double* const e = error.mutable_data();
            double* const out = x.mutable_data();
            return call(workers, [&](const Executor& ex) {
                return gp_toeplitz_kernels().durbin(n, r.data(), limit, e, out, scratch.get(), ex);
            });
        },
        py::arg("r").noconvert(), py::arg("limit"), py::arg("error").noconvert(), py::arg("x").noconvert(),
        py::arg("workers"),
        "error (n): prediction errors; x (n): first column of the inverse. Returns the first k whose error is not "
        "above "
        "limit, or -1.");
}

}  // namespace kriss::bind
