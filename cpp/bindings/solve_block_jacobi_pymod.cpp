// Block Jacobi as a preconditioner object.
#include "solve_block_jacobi.hpp"

#include <cstdint>
#include <memory>

#include "arrays.hpp"
#include "families.hpp"

namespace kriss::bind {

namespace {

template <class T, class I, class Class>
void add_setup(Class& c) {
    c.def(
        "setup",
        [](BlockJacobi<T>& me, const array<I>& indptr, const array<I>& indices, const array<T>& data,
           const array<std::int64_t>& label, std::int64_t count, int workers) {
            const auto n = static_cast<index_t>(indptr.size()) - 1;
            const auto a = csr(indptr, indices, data, n);
            expect(static_cast<index_t>(label.size()) == n, "label must be (n)");
            for (index_t i = 0; i < n; ++i) {
                expect(label.data()[i] >= 0 && label.data()[i] < count, "labels must be below count");
            }
            static_assert(sizeof(index_t) == sizeof(std::int64_t));
            const auto* labels = reinterpret_cast<const index_t*>(label.data());
            const auto done =
                call(workers, [&](const Executor& ex) { return me.setup(a, labels, static_cast<index_t>(count), ex); });
            return py::make_tuple(done.kind, static_cast<std::int64_t>(done.block));
        },
        py::arg("indptr").noconvert(), py::arg("indices").noconvert(), py::arg("data").noconvert(),
        py::arg("label").noconvert(), py::arg("count"), py::arg("workers"),
        "Factorise the diagonal blocks: (kind, block): 0 or 1 (all definite) and -1; 2 (singular) or 3 (overflow) and "
        "the block.");
}

template <class T>
void add_one(py::module_& m, const char* name) {
    using Class = BlockJacobi<T>;
    py::class_<Class, NativePrecond<T>, std::shared_ptr<Class>> c(m, name, "Block Jacobi.");
    c.def(py::init<>());
    add_setup<T, std::int32_t>(c);
    add_setup<T, std::int64_t>(c);
    c.def_property_readonly("nbytes", [](const Class& b) { return static_cast<std::int64_t>(b.nbytes()); });
    c.def_property_readonly(
        "definite", [](const Class& b) { return static_cast<std::int64_t>(b.definite()); },
        "How many blocks are symmetric with positive pivots.");
}

}  // namespace

void add_solve_block_jacobi(py::module_& m) {
    add_one<double>(m, "BlockJacobi");
    add_one<float>(m, "BlockJacobiF32");
}

}  // namespace kriss::bind
