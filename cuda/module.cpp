// kriss._cuda: imports without a driver and says what it finds.
#include <cuda_runtime_api.h>
#include <pybind11/pybind11.h>

#include <string>

#include "families.hpp"

namespace py = pybind11;

namespace {

int device_count() {
    int n = 0;
    return cudaGetDeviceCount(&n) == cudaSuccess ? n : 0;
}

std::string describe() {
    int n = 0;
    const cudaError_t error = cudaGetDeviceCount(&n);
    if (error != cudaSuccess) {
        cudaGetLastError();  // clear it: a machine without a driver is not an error
        return std::string("built, no device (") + cudaGetErrorString(error) + ")";
    }
    if (n == 0) {
        return "built, no device";
    }
    cudaDeviceProp prop{};
    cudaGetDeviceProperties(&prop, 0);
    return std::string(prop.name) + ", " + std::to_string(n) + " device(s)";
}

}  // namespace

PYBIND11_MODULE(_cuda, m) {
    m.doc() = "CUDA kernels of KRISS. Private: called with device pointers by kriss._device.";
    m.def("device_count", &device_count, "Usable CUDA devices; 0 where there is no driver.");
    m.def("describe", &describe, "One line on the device, or on why there is none.");
    py::module_ spline = m.def_submodule("spline", "Piecewise polynomials.");
    kriss::cuda::add_spline(spline);
    py::module_ sketch = m.def_submodule("sketch", "Sketches.");
    kriss::cuda::add_sketch(sketch);
    py::module_ transform = m.def_submodule("sketch_transform", "Dense sketches and random features.");
    kriss::cuda::add_sketch_transform(transform);
    py::module_ solve = m.def_submodule("solve", "Iterative solvers.");
    kriss::cuda::add_solve(solve);
    kriss::cuda::add_solve_direction(solve);
    kriss::cuda::add_solve_graph(solve);
    py::module_ gp = m.def_submodule("gp", "Covariance assembly.");
    kriss::cuda::add_gp(gp);
    py::module_ tree = m.def_submodule("gp_tree", "Covariance functions built by + and *; Vecchia's factors.");
    kriss::cuda::add_gp_tree(tree);
    py::module_ special = m.def_submodule("special", "Special functions.");
    kriss::cuda::add_special(special);
}
