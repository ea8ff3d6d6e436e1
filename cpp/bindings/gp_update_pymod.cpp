#include <cstdint>
#include <limits>
#include <vector>

#include "arrays.hpp"
#include "families.hpp"
#include "gp_update.hpp"
#include "gp_update_kernels.hpp"
#include "kriss/gp/update.hpp"

namespace kriss::bind {

namespace {

index_t stride_of(const array<double>& a, index_t n) {
    expect(a.ndim() == 2 && a.shape(0) >= n && a.shape(1) >= n, "a must have n rows and columns or more");
    expect(a.shape(1) <= std::numeric_limits<int>::max(), "a is too large for a BLAS with 32-bit integers");
    return static_cast<index_t>(a.shape(1));
}

// Increasing, within 0..n-1.
const index_t* rows_of(const array<std::int64_t>& rows, index_t n) {
    static_assert(sizeof(std::int64_t) == sizeof(index_t));
    std::int64_t last = -1;
    for (py::ssize_t i = 0; i < rows.size(); ++i) {
        expect(rows.data()[i] > last && rows.data()[i] < n, "rows must increase within the factor");
        last = rows.data()[i];
    }
    return reinterpret_cast<const index_t*>(rows.data());
}

}  // namespace

void add_gp_update(py::module_& m) {
    m.def(
        "solve",
        [](const array<double>& a, array<double>& b, bool half, int workers) {
            expect(b.ndim() == 2, "b must be (rhs, n)");
            const index_t n = static_cast<index_t>(b.shape(1));
            const index_t rhs = static_cast<index_t>(b.shape(0));
            const index_t ld = stride_of(a, n);
            double* p = b.mutable_data();
            raise_status(
                call(workers, [&](const Executor& ex) { return gp_update_solve(n, ld, a.data(), rhs, p, half, ex); }),
                "solve");
        },
        py::arg("a").noconvert(), py::arg("b").noconvert(), py::arg("half"), py::arg("workers"),
        "Rows of b (rhs, n) to (L L')^-1 b, or to L^-1 b if half, in place; L: the first n rows and columns of a.");
    m.def(
        "drop",
        [](const array<double>& a, const array<std::int64_t>& keep, const array<std::int64_t>& lost, array<double>& out,
           int workers) {
            const index_t kept = static_cast<index_t>(keep.size());
            const index_t q = static_cast<index_t>(lost.size());
            const index_t lda = stride_of(a, kept + q);
            const index_t ldo = stride_of(out, kept);
            const index_t* stay = rows_of(keep, kept + q);
            const index_t* go = rows_of(lost, kept + q);
            std::vector<double> scratch(static_cast<std::size_t>(drop_scratch(kept, q)));
            double* o = out.mutable_data();
            raise_status(call(workers,
                              [&](const Executor& ex) {
                                  return gp_update_kernels().drop_rows(lda, a.data(), kept, stay, q, go, o, ldo,
                                                                       scratch.data(), ex);
                              }),
                         "drop");
        },
        py::arg("a").noconvert(), py::arg("keep").noconvert(), py::arg("lost").noconvert(), py::arg("out").noconvert(),
        py::arg("workers"), "Lower triangle of out: the factor of K without the rows `lost`; `keep`: the others.");
}

}  // namespace kriss::bind
