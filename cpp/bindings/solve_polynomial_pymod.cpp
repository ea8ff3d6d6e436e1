// Polynomials in a matrix as preconditioner objects.
#include "solve_polynomial.hpp"

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "arrays.hpp"
#include "families.hpp"

namespace kriss::bind {

namespace {

// With the arrays that it points into.
template <class T>
struct Held {
    std::vector<py::object> arrays;
    std::shared_ptr<PolynomialBase<T>> inside;
};

template <class T, class I>
void add_polynomial(py::module_& m) {
    using Base = PolynomialBase<T>;
    m.def(
        "polynomial",
        [](const array<I>& indptr, const array<I>& indices, const array<T>& data, const array<T>& d, int form,
           double start, const array<double>& rows) -> std::shared_ptr<Base> {
            const auto n = static_cast<index_t>(indptr.size()) - 1;
            const auto a = csr(indptr, indices, data, n);
            expect(d.size() == 0 || static_cast<index_t>(d.size()) == n, "d must have n items or none");
            expect(rows.ndim() == 2 && rows.shape(1) == 3, "rows must be (m, 3)");
            expect(form >= 0 && form <= 2 && (form != 2 || rows.shape(0) > 0), "form must be 0 to 2, with roots for 2");
            std::vector<PolyRow> table(static_cast<std::size_t>(rows.shape(0)));
            for (std::size_t k = 0; k < table.size(); ++k) {
                table[k] = {rows.data()[3 * k], rows.data()[3 * k + 1], rows.data()[3 * k + 2]};
            }
            auto held = std::make_shared<Held<T>>();
            held->arrays = {indptr, indices, data, d};
            held->inside = std::make_shared<Polynomial<T, I>>(a, static_cast<PolyForm>(form), start, std::move(table),
                                                              d.size() > 0 ? d.data() : nullptr);
            Base* const object = held->inside.get();
            return std::shared_ptr<Base>(std::move(held), object);
        },
        py::arg("indptr").noconvert(), py::arg("indices").noconvert(), py::arg("data").noconvert(),
        py::arg("d").noconvert(), py::arg("form"), py::arg("start"), py::arg("rows").noconvert(),
        "A polynomial in a CSR matrix; form 0: Chebyshev's recurrence, 1: Horner's rule, 2: roots.");
}

template <class T>
void add_class(py::module_& m, const char* name) {
    using Base = PolynomialBase<T>;
    py::class_<Base, NativePrecond<T>, std::shared_ptr<Base>>(m, name, "A polynomial in a matrix.")
        .def_property_readonly("diagonals", &Base::diagonals)
        .def_property_readonly("nbytes", [](const Base& p) { return static_cast<std::int64_t>(p.nbytes()); });
}

}  // namespace

void add_solve_polynomial(py::module_& m) {
    add_class<double>(m, "Polynomial");
    add_class<float>(m, "PolynomialF32");
    add_polynomial<double, std::int32_t>(m);
    add_polynomial<double, std::int64_t>(m);
    add_polynomial<float, std::int32_t>(m);
    add_polynomial<float, std::int64_t>(m);
}

}  // namespace kriss::bind
