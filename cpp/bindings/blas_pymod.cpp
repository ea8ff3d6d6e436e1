// Fills the BLAS/LAPACK table from the capsules of scipy.linalg.cython_blas and cython_lapack.
#include <pybind11/pybind11.h>

#include <string>

#include "blas.hpp"
#include "dense_table.hpp"
#include "families.hpp"

namespace py = pybind11;

namespace kriss::bind {
namespace {

// The capsule's name is the C signature. Integers passed by pointer must be "int *": anything else is a build with
// 64-bit integers, whose functions would read past ours.
template <class Fn>
void take(const py::dict& capi, const std::string& name, Fn& slot) {
    if (!capi.contains(name.c_str())) {
        throw py::import_error("scipy does not export " + name);
    }
    const py::object capsule = capi[name.c_str()];
    const char* signature = PyCapsule_GetName(capsule.ptr());
    if (signature == nullptr) {
        throw py::error_already_set();
    }
    if (std::string(signature).find("int *") == std::string::npos ||
        std::string(signature).find("int64") != std::string::npos ||
        std::string(signature).find("long") != std::string::npos) {
        throw py::import_error("scipy's " + name + " does not take 32-bit integers; its signature is " + signature);
    }
    void* pointer = PyCapsule_GetPointer(capsule.ptr(), signature);
    if (pointer == nullptr) {
        throw py::error_already_set();
    }
    slot = reinterpret_cast<Fn>(pointer);
}

template <class T>
void bind_precision(const py::dict& b, const py::dict& l, const std::string& p) {
    BlasTable<T> t;
    take(b, p + "gemm", t.gemm);
    take(b, p + "gemv", t.gemv);
    take(b, p + "syrk", t.syrk);
    take(b, p + "symm", t.symm);
    take(b, p + "trsm", t.trsm);
    take(b, p + "trmm", t.trmm);
    take(l, p + "potrf", t.potrf);
    take(l, p + "potri", t.potri);
    take(l, p + "potrs", t.potrs);
    take(l, p + "pocon", t.pocon);
    take(l, p + "trtri", t.trtri);
    take(l, p + "trtrs", t.trtrs);
    take(l, p + "lauum", t.lauum);
    take(l, p + "geqrf", t.geqrf);
    take(l, p + "ormqr", t.ormqr);
    take(l, p + "gesdd", t.gesdd);
    take(l, p + "gelsd", t.gelsd);
    take(l, p + "syevd", t.syevd);
    blas<T>() = t;
}

template <class T>
void bind_dense(const py::dict& l, const std::string& p, const std::string& multiply_q) {
    DenseTable<T> t;
    take(l, p + "geqrf", t.geqrf);
    take(l, p + multiply_q, t.ormqr);
    take(l, p + "trtrs", t.trtrs);
    take(l, p + "geev", t.geev);
    dense_table<T>() = t;
}

}  // namespace

void add_blas(py::module_& m) {
    m.def(
        "bind_blas",
        [] {
            if (blas<double>().bound()) {
                return;
            }
            const py::dict b = py::module_::import("scipy.linalg.cython_blas").attr("__pyx_capi__");
            const py::dict l = py::module_::import("scipy.linalg.cython_lapack").attr("__pyx_capi__");
            bind_precision<float>(b, l, "s");
            bind_dense<double>(l, "d", "ormqr");
            bind_dense<Cplx<double>>(l, "z", "unmqr");
            bind_precision<double>(b, l, "d");
        },
        "Take BLAS and LAPACK from SciPy; refuses builds whose integers are not 32 bits wide.");
    m.def("blas_bound", [] { return blas<double>().bound(); }, "Whether bind_blas() has run.");
}

}  // namespace kriss::bind
