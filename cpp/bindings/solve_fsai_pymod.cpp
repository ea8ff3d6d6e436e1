// Factorised approximate inverses, and two products as a preconditioner object.
#include "solve_fsai_pymod.hpp"

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "arrays.hpp"
#include "solve_fsai.hpp"

namespace kriss::bind {

namespace {

// Offsets that rise from 0 to the number of indices, and indices below n.
template <class T, class I>
CsrView<T, I> checked(const array<I>& indptr, const array<I>& indices, const array<T>& data) {
    const auto a = csr(indptr, indices, data, static_cast<index_t>(indptr.size()) - 1);
    for (index_t i = 0; i < a.rows; ++i) {
        expect(a.indptr[i] <= a.indptr[i + 1], "indptr falls");
    }
    for (index_t k = 0; k < static_cast<index_t>(indices.size()); ++k) {
        expect(a.indices[k] >= 0 && a.indices[k] < a.rows, "an index is out of range");
    }
    return a;
}

// Two products together with the arrays that they point into.
template <class T, class I>
class OwningProducts final : public Products<T, I> {
   public:
    template <class... Args>
    explicit OwningProducts(std::vector<py::object> arrays, Args&&... args)
        : Products<T, I>(std::forward<Args>(args)...), arrays_(std::move(arrays)) {}

   private:
    std::vector<py::object> arrays_;
};

template <class T, class I>
void add_one(py::module_& m, const char* name) {
    m.def(
        "fsai",
        [](const array<I>& indptr, const array<I>& indices, const array<T>& data, const array<I>& g_indptr,
           const array<I>& g_indices, array<T>& g, int workers) {
            const auto a = checked(indptr, indices, data);
            const auto pattern = checked<T, I>(g_indptr, g_indices, g);
            expect(pattern.rows == a.rows, "G must have as many rows as A");
            for (index_t i = 0; i < a.rows; ++i) {
                const index_t stop = pattern.indptr[i + 1];
                expect(stop > pattern.indptr[i] && pattern.indices[stop - 1] == i,
                       "a row of G must end on its diagonal");
            }
            T* const out = g.mutable_data();
            index_t column = -1;
            const Info info = call(workers, [&](const Executor& ex) {
                return fsai(a, pattern.indptr, pattern.indices, out, &column, ex);
            });
            return py::make_tuple(static_cast<std::int64_t>(info.index), static_cast<std::int64_t>(column));
        },
        py::arg("indptr").noconvert(), py::arg("indices").noconvert(), py::arg("data").noconvert(),
        py::arg("g_indptr").noconvert(), py::arg("g_indices").noconvert(), py::arg("g").noconvert(), py::arg("workers"),
        "The entries of G on its pattern; returns the row whose block of A is not positive definite and the pivot's "
        "column, or (-1, -1).");
    using Class = OwningProducts<T, I>;
    py::class_<Class, NativePrecond<T>, std::shared_ptr<Class>>(m, name, "Two products, one after the other.")
        .def_property_readonly(
            "nbytes", [](const Class& p) { return static_cast<std::int64_t>(p.nbytes()); },
            "Memory beyond the arrays given, in bytes.");
    m.def(
        "products",
        [](const array<I>& first_indptr, const array<I>& first_indices, const array<T>& first_data,
           const array<I>& second_indptr, const array<I>& second_indices, const array<T>& second_data,
           const array<T>& extra) {
            const auto first = checked(first_indptr, first_indices, first_data);
            const auto second = checked(second_indptr, second_indices, second_data);
            expect(second.rows == first.rows && (extra.size() == 0 || static_cast<index_t>(extra.size()) == first.rows),
                   "both matrices must have n rows, extra n items or none");
            return std::make_shared<Class>(std::vector<py::object>{first_indptr, first_indices, first_data,
                                                                   second_indptr, second_indices, second_data, extra},
                                           first, second, extra.size() == 0 ? nullptr : extra.data());
        },
        py::arg("first_indptr").noconvert(), py::arg("first_indices").noconvert(), py::arg("first_data").noconvert(),
        py::arg("second_indptr").noconvert(), py::arg("second_indices").noconvert(), py::arg("second_data").noconvert(),
        py::arg("extra").noconvert(), "z = S (F r) + e r as a preconditioner; an empty e is zero.");
}

}  // namespace

void add_solve_fsai(py::module_& m) {
    add_one<double, std::int32_t>(m, "ProductsF64I32");
    add_one<double, std::int64_t>(m, "ProductsF64I64");
    add_one<float, std::int32_t>(m, "ProductsF32I32");
    add_one<float, std::int64_t>(m, "ProductsF32I64");
}

}  // namespace kriss::bind
