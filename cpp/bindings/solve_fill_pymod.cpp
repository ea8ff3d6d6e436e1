// Incomplete factorisations with fill, and pairs of triangles as preconditioner objects.
#include "solve_fill.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "arrays.hpp"
#include "families.hpp"
#include "kriss/solve/fill.hpp"

namespace kriss::bind {

namespace {

template <class V>
array<V> copied(const std::vector<V>& v) {
    return array<V>(static_cast<py::ssize_t>(v.size()), v.data());
}

template <class T, class I>
py::tuple copied(const StrictRows<T, I>& rows) {
    return py::make_tuple(copied(rows.indptr), copied(rows.indices), copied(rows.data));
}

template <class T, class I>
CsrView<T, I> square(const array<I>& indptr, const array<I>& indices, const array<T>& data) {
    return csr(indptr, indices, data, static_cast<index_t>(indptr.size()) - 1);
}

// A pair of triangles together with the arrays that it points into.
template <class T, class I>
class OwningFactors final : public Factors<T, I> {
   public:
    template <class... Args>
    explicit OwningFactors(std::vector<py::object> arrays, Args&&... args)
        : Factors<T, I>(std::forward<Args>(args)...), arrays_(std::move(arrays)) {}

   private:
    std::vector<py::object> arrays_;
};

template <class T, class I>
void add_one(py::module_& m, const char* name) {
    m.def(
        "ict_factor",
        [](const array<I>& indptr, const array<I>& indices, const array<T>& data, const array<I>& where, double drop,
           std::int64_t fill, double shift, double tau, int workers) -> py::tuple {
            const auto a = square(indptr, indices, data);
            expect(static_cast<index_t>(where.size()) == a.rows && fill >= 0, "where must be (n), fill not negative");
            StrictRows<T, I> u;
            std::vector<T> root;
            const FillOptions opt{drop, static_cast<index_t>(fill), shift, tau};
            const Info info = call(workers, [&](const Executor& ex) { return ict(a, where.data(), opt, u, root, ex); });
            if (info.status != Status::ok) {
                return py::make_tuple(static_cast<int>(info.status), static_cast<std::int64_t>(info.index), py::none(),
                                      py::none());
            }
            return py::make_tuple(0, std::int64_t(-1), copied(u), copied(root));
        },
        py::arg("indptr").noconvert(), py::arg("indices").noconvert(), py::arg("data").noconvert(),
        py::arg("where").noconvert(), py::arg("drop"), py::arg("fill"), py::arg("shift"), py::arg("tau"),
        py::arg("workers"), "U of M = U'U: (status, row, strict rows of U, its diagonal).");
    m.def(
        "ilut_factor",
        [](const array<I>& indptr, const array<I>& indices, const array<T>& data, double drop, std::int64_t fill,
           double tau, int workers) -> py::tuple {
            const auto a = square(indptr, indices, data);
            expect(fill >= 0, "fill must not be negative");
            StrictRows<T, I> l;
            StrictRows<T, I> u;
            std::vector<T> inverse;
            const FillOptions opt{drop, static_cast<index_t>(fill), 0.0, tau};
            const Info info = call(workers, [&](const Executor& ex) { return ilut(a, opt, l, u, inverse, ex); });
            if (info.status != Status::ok) {
                const double pivot = info.status == Status::singular
                                         ? static_cast<double>(inverse[static_cast<std::size_t>(info.index)])
                                         : 0.0;
                return py::make_tuple(static_cast<int>(info.status), static_cast<std::int64_t>(info.index), pivot,
                                      py::none(), py::none());
            }
            return py::make_tuple(0, std::int64_t(-1), copied(l), copied(u), copied(inverse));
        },
        py::arg("indptr").noconvert(), py::arg("indices").noconvert(), py::arg("data").noconvert(), py::arg("drop"),
        py::arg("fill"), py::arg("tau"), py::arg("workers"),
        "(0, -1, strict rows of L, strict rows of U, inverse diagonal of U), or (status, row, pivot, None, None).");
    using Class = OwningFactors<T, I>;
    py::class_<Class, NativePrecond<T>, std::shared_ptr<Class>>(m, name, "Two triangles between two permutations.")
        .def_property_readonly(
            "nbytes", [](const Class& f) { return static_cast<std::int64_t>(f.nbytes()); },
            "Memory beyond the arrays given, in bytes.");
    m.def(
        "factors",
        [](const array<I>& first_indptr, const array<I>& first_indices, const array<T>& first_data,
           const array<T>& first_inverse, bool first_lower, const array<I>& second_indptr,
           const array<I>& second_indices, const array<T>& second_data, const array<T>& second_inverse,
           bool second_lower, const array<I>& rows, const array<I>& columns) {
            const auto triangle = [](const array<I>& indptr, const array<I>& indices, const array<T>& data,
                                     const array<T>& inverse, bool lower) {
                const TriangleView<T, I> t{square(indptr, indices, data),
                                           inverse.size() == 0 ? nullptr : inverse.data(), lower};
                expect(inverse.size() == 0 || inverse.size() == indptr.size() - 1, "inverse must be empty or (n)");
                return t;
            };
            const auto first = triangle(first_indptr, first_indices, first_data, first_inverse, first_lower);
            const auto second = triangle(second_indptr, second_indices, second_data, second_inverse, second_lower);
            const index_t n = first.strict.rows;
            expect(second.strict.rows == n && rows.size() == columns.size() &&
                       (rows.size() == 0 || static_cast<index_t>(rows.size()) == n),
                   "both triangles must have n rows, the permutations n items or none");
            for (index_t i = 0; i < static_cast<index_t>(rows.size()); ++i) {
                expect(rows.data()[i] >= 0 && rows.data()[i] < n && columns.data()[i] >= 0 && columns.data()[i] < n,
                       "permutations must be below n");
            }
            return std::make_shared<Class>(
                std::vector<py::object>{first_indptr, first_indices, first_data, first_inverse, second_indptr,
                                        second_indices, second_data, second_inverse, rows, columns},
                first, second, rows.size() == 0 ? nullptr : rows.data(),
                columns.size() == 0 ? nullptr : columns.data());
        },
        py::arg("first_indptr").noconvert(), py::arg("first_indices").noconvert(), py::arg("first_data").noconvert(),
        py::arg("first_inverse").noconvert(), py::arg("first_lower"), py::arg("second_indptr").noconvert(),
        py::arg("second_indices").noconvert(), py::arg("second_data").noconvert(),
        py::arg("second_inverse").noconvert(), py::arg("second_lower"), py::arg("rows").noconvert(),
        py::arg("columns").noconvert(),
        "Two strict triangles and their inverse diagonals (empty: ones) as a preconditioner; empty rows and columns: "
        "no permutations.");
}

}  // namespace

void add_solve_fill(py::module_& m) {
    add_one<double, std::int32_t>(m, "FactorsF64I32");
    add_one<double, std::int64_t>(m, "FactorsF64I64");
    add_one<float, std::int32_t>(m, "FactorsF32I32");
    add_one<float, std::int64_t>(m, "FactorsF32I64");
}

}  // namespace kriss::bind
