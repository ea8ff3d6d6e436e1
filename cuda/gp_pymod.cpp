#include <cuda_runtime_api.h>

#include <stdexcept>
#include <string>

#include "families.hpp"
#include "gp.hpp"

namespace kriss::cuda {

namespace py = pybind11;

namespace {

template <class T>
const T* at(std::uintptr_t p) {
    return reinterpret_cast<const T*>(p);
}

template <class T>
void add_assemble(py::module_& m, const char* name) {
    m.def(
        name,
        [](index_t terms, std::uintptr_t kind, std::uintptr_t variance, std::uintptr_t first, std::uintptr_t dim,
           std::uintptr_t inv, std::uintptr_t xt, index_t nx, std::uintptr_t zt, index_t nz, std::uintptr_t diagonal,
           std::uintptr_t out, stream_t stream) {
            const CovSum<T> cov{terms,     at<int>(kind), at<T>(variance), at<index_t>(first), at<index_t>(dim),
                                at<T>(inv)};
            const int error =
                assemble<T>(cov, at<T>(xt), nx, at<T>(zt), nz, at<T>(diagonal), reinterpret_cast<T*>(out), stream);
            if (error != 0) {
                throw std::runtime_error(std::string("covariance assembly: ") +
                                         cudaGetErrorString(static_cast<cudaError_t>(error)));
            }
        },
        py::arg("terms"), py::arg("kind"), py::arg("variance"), py::arg("first"), py::arg("dim"),
        py::arg("inv_lengthscale"), py::arg("xt"), py::arg("nx"), py::arg("zt"), py::arg("nz"), py::arg("diagonal"),
        py::arg("out"), py::arg("stream"),
        "out[i][j] = k(x_i, z_j) + (i == j) * diagonal[i]; all pointers on the device, diagonal may be 0.");
}

}  // namespace

void add_gp(py::module_& m) {
    add_assemble<double>(m, "assemble_float64");
    add_assemble<float>(m, "assemble_float32");
}

}  // namespace kriss::cuda
