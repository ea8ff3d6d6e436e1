// Algebraic multigrid hierarchies as preconditioner objects.
#include "solve_amg.hpp"

#include <cstdint>
#include <memory>

#include "arrays.hpp"
#include "families.hpp"

namespace kriss::bind {

namespace {

template <class T>
void add_one(py::module_& m, const char* name) {
    using I = std::int32_t;
    using Matrix = CsrView<T, I>;
    py::class_<Amg<T>, NativePrecond<T>, std::shared_ptr<Amg<T>>> c(m, name, "A hierarchy of algebraic multigrid.");
    c.def(py::init<>());
    c.def(
        "add",
        [](Amg<T>& amg, const array<I>& a_indptr, const array<I>& a_indices, const array<T>& a_data,
           const array<I>& p_indptr, const array<I>& p_indices, const array<T>& p_data, const array<I>& r_indptr,
           const array<I>& r_indices, const array<T>& r_data, int pre, int pre_iterations, double pre_omega, int post,
           int post_iterations, double post_omega) {
            const auto n = static_cast<index_t>(a_indptr.size()) - 1;
            const auto coarse = static_cast<index_t>(r_indptr.size()) - 1;
            const Matrix a = csr(a_indptr, a_indices, a_data, n);
            expect(pre >= 0 && pre <= 4 && post >= 0 && post <= 4, "smoothers are numbered 0 to 4");
            if (p_indptr.size() == 0) {
                return static_cast<std::int64_t>(amg.add(a, nullptr, nullptr, {}, {}));
            }
            const Matrix p = csr(p_indptr, p_indices, p_data, coarse);
            const Matrix r = csr(r_indptr, r_indices, r_data, n);
            expect(p.rows == n, "p must have a row per row of a");
            return static_cast<std::int64_t>(
                amg.add(a, &p, &r, {static_cast<AmgSweep>(pre), pre_iterations, static_cast<T>(pre_omega)},
                        {static_cast<AmgSweep>(post), post_iterations, static_cast<T>(post_omega)}));
        },
        py::arg("a_indptr").noconvert(), py::arg("a_indices").noconvert(), py::arg("a_data").noconvert(),
        py::arg("p_indptr").noconvert(), py::arg("p_indices").noconvert(), py::arg("p_data").noconvert(),
        py::arg("r_indptr").noconvert(), py::arg("r_indices").noconvert(), py::arg("r_data").noconvert(),
        py::arg("pre"), py::arg("pre_iterations"), py::arg("pre_omega"), py::arg("post"), py::arg("post_iterations"),
        py::arg("post_omega"),
        "Add a level, fine to coarse; empty p and r: the coarsest. Returns the first row with an unusable diagonal "
        "entry, or -1. Smoothers: 0 none, 1 forward, 2 backward, 3 symmetric Gauss-Seidel, 4 Jacobi.");
    c.def(
        "finish",
        [](Amg<T>& amg, const array<T>& coarse, int cycle) {
            expect(amg.levels() > 0 && coarse.ndim() == 2 && coarse.shape(0) == coarse.shape(1),
                   "coarse must be square, and there must be a level");
            expect(cycle >= 0 && cycle <= 3, "cycle must be 0 (V), 1 (W), 2 (K) or 3 (additive)");
            amg.finish(coarse.data(), static_cast<AmgCycle>(cycle));
        },
        py::arg("coarse").noconvert(), py::arg("cycle"), "The inverse of the coarsest operator, and the cycle.");
    c.def_property_readonly("nbytes", [](const Amg<T>& amg) { return static_cast<std::int64_t>(amg.nbytes()); });
    c.def_property_readonly(
        "shared_sweeps", [](const Amg<T>& amg) { return amg.shared_sweeps(); },
        "Directions of sweeps, over all levels, that several workers share.");
    c.def_property_readonly(
        "accompanied_sweeps", [](const Amg<T>& amg) { return static_cast<std::int64_t>(amg.accompanied_sweeps()); },
        "Sweeps so far, over all levels, whose products others made meanwhile.");
}

}  // namespace

void add_solve_amg(py::module_& m) {
    add_one<double>(m, "Amg");
    add_one<float>(m, "AmgF32");
}

}  // namespace kriss::bind
