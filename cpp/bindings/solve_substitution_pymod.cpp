// Substitution with stored triangles.
#include <cstdint>

#include "arrays.hpp"
#include "families.hpp"
#include "solve_substitution_kernels.hpp"

namespace kriss::bind {

namespace {

template <class T, class I, class Kernel>
void add_one(py::module_& m, Kernel kernel) {
    m.def(
        "substitute",
        [kernel](const array<I>& indptr, const array<I>& indices, const array<T>& data, bool lower, bool columns,
                 bool unit, array<T>& x) {
            expect(indptr.size() > 0 && x.ndim() == 2 && x.shape(0) == indptr.size() - 1, "x must be (n, k)");
            StoredTriangle<T, I> a;
            a.n = static_cast<index_t>(indptr.size()) - 1;
            a.stored = static_cast<index_t>(indices.size() < data.size() ? indices.size() : data.size());
            a.indptr = indptr.data();
            a.indices = indices.data();
            a.data = data.data();
            a.lower = lower;
            a.columns = columns;
            a.unit = unit;
            T* out = x.mutable_data();
            const auto k = static_cast<index_t>(x.shape(1));
            const Info info =
                call(1, [&](const Executor& ex) { return (solve_substitution_kernels().*kernel)(a, k, out, ex); });
            return py::make_tuple(static_cast<int>(info.status), static_cast<std::int64_t>(info.index));
        },
        py::arg("indptr").noconvert(), py::arg("indices").noconvert(), py::arg("data").noconvert(), py::arg("lower"),
        py::arg("columns"), py::arg("unit"), py::arg("x").noconvert(),
        "x = T^-1 x with a triangle in compressed rows or columns; returns (status, line).\n\n"
        "status: 0; 8 where a diagonal entry is zero or missing; 13 where the storage is not that of a triangle.");
}

}  // namespace

void add_solve_substitution(py::module_& m) {
    add_one<double, std::int32_t>(m, &SolveSubstitutionKernels::f64_i32);
    add_one<double, std::int64_t>(m, &SolveSubstitutionKernels::f64_i64);
    add_one<float, std::int32_t>(m, &SolveSubstitutionKernels::f32_i32);
    add_one<float, std::int64_t>(m, &SolveSubstitutionKernels::f32_i64);
}

}  // namespace kriss::bind
