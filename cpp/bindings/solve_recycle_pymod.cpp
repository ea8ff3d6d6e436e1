// GCRO-DR over the linear maps of solve_krylov.
#include "solve_recycle_pymod.hpp"

#include <cstdint>
#include <vector>

#include "arrays.hpp"
#include "krylov_maps.hpp"
#include "solve_gcrodr.hpp"

namespace kriss::bind {

namespace {

template <class T>
void copy_vectors(const VectorList<T>& list, index_t n, std::vector<std::vector<T>>& to) {
    for (const T* v : list.at) {
        to.emplace_back(v, v + n);
    }
}

template <class T>
py::list to_list(const std::vector<std::vector<T>>& vectors) {
    py::list made;
    for (const auto& v : vectors) {
        made.append(py::array_t<Np<T>>(static_cast<py::ssize_t>(v.size()), reinterpret_cast<const Np<T>*>(v.data())));
    }
    return made;
}

template <class T>
void add_gcrodr(py::module_& m) {
    using N = Np<T>;
    m.def(
        "gcrodr",
        [](const Map<T>& a, const Map<T>& prec, const array<N>& b, array<N>& x, bool zero_start, int restart,
           int recycle, const py::list& space, const py::list& directions, double tol, double eps, std::int64_t maxiter,
           bool verify, const py::object& callback, int workers) {
            const index_t n = a->size();
            expect(static_cast<index_t>(b.size()) == n && x.size() == b.size(), "b and x must be (n)");
            expect(recycle >= 0 && recycle < restart && recycle <= max_panel, "recycle must be below restart and 65");
            expect(directions.empty() || directions.size() == space.size(), "space and directions must fit");
            RecycledVectors<T> given;
            RecycledVectors<T> left;
            copy_vectors(VectorList<T>(space, n, false), n, given.x);
            copy_vectors(VectorList<T>(directions, n, false), n, given.u);
            GcrodrOptions options;
            options.tol = tol;
            options.maxiter = static_cast<index_t>(maxiter);
            options.restart = restart;
            options.recycle = recycle;
            options.verify = verify;
            options.eps = eps;
            std::vector<double> norms;
            T* to = out<T>(x);
            const auto done = run_loop<T>(a, prec, callback, &norms, workers, [&](KrylovContext<T>& s) {
                return gcrodr(s, *a, in<T>(b), to, zero_start, options, given, left);
            });
            const GcrodrOutcome& o = done.first;
            return py::make_tuple(static_cast<int>(o.status), static_cast<std::int64_t>(o.iterations),
                                  static_cast<std::int64_t>(done.second), kept(norms), o.prepared || o.cycles > 0,
                                  to_list(left.x), to_list(left.u));
        },
        py::arg("a"), py::arg("m"), py::arg("b").noconvert(), py::arg("x").noconvert(), py::arg("zero_start"),
        py::arg("restart"), py::arg("recycle"), py::arg("space"), py::arg("directions"), py::arg("tol"), py::arg("eps"),
        py::arg("maxiter"), py::arg("verify"), py::arg("callback"), py::arg("workers"),
        "GCRO-DR; space: vectors to start from, directions: M times them or none.\n\n"
        "Returns (status, iterations, matvecs, history, whether a space was made, its vectors, M times them).");
}

}  // namespace

void add_solve_recycle(py::module_& m) {
    add_gcrodr<double>(m);
    add_gcrodr<float>(m);
    add_gcrodr<Cplx<double>>(m);
    add_gcrodr<Cplx<float>>(m);
}

}  // namespace kriss::bind
