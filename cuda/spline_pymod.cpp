#include <cuda_runtime_api.h>
#include <pybind11/stl.h>

#include <array>
#include <stdexcept>
#include <string>

#include "families.hpp"
#include "spline.hpp"

namespace kriss::cuda {

namespace py = pybind11;

namespace {

template <class T>
const T* at(std::uintptr_t p) {
    return reinterpret_cast<const T*>(p);
}

template <class T>
void add_evaluate(py::module_& m, const char* name) {
    m.def(
        name,
        [](std::uintptr_t x, index_t n, std::array<T, 4> ends, std::uintptr_t table, std::int32_t buckets,
           std::int32_t map, std::uintptr_t c, index_t order, index_t columns, std::uintptr_t q, index_t points, int nu,
           int beyond, std::uintptr_t out, stream_t stream) {
            const int error =
                spline_evaluate<T>(at<T>(x), n, ends.data(), at<std::int32_t>(table), buckets, map, at<T>(c), order,
                                   columns, at<T>(q), points, nu, beyond, reinterpret_cast<T*>(out), stream);
            if (error != 0) {
                throw std::runtime_error(std::string("spline evaluation: ") +
                                         cudaGetErrorString(static_cast<cudaError_t>(error)));
            }
        },
        py::arg("x"), py::arg("n"), py::arg("ends"), py::arg("table"), py::arg("buckets"), py::arg("map"), py::arg("c"),
        py::arg("order"), py::arg("columns"), py::arg("q"), py::arg("points"), py::arg("nu"), py::arg("beyond"),
        py::arg("out"), py::arg("stream"),
        "Derivative nu of a piecewise polynomial at q (points) into out (points, columns); all pointers on the "
        "device, table may be 0.");
}

template <class T>
void add_cubic(py::module_& m, const char* name) {
    m.def(
        name,
        [](std::uintptr_t x, index_t n, std::uintptr_t y, index_t columns, int left_end, std::uintptr_t left,
           int right_end, std::uintptr_t right, std::uintptr_t c, std::uintptr_t work, std::uintptr_t flag,
           stream_t stream) {
            const int error = spline_cubic<T>(at<T>(x), n, at<T>(y), columns, left_end, at<T>(left), right_end,
                                              at<T>(right), reinterpret_cast<T*>(c), reinterpret_cast<T*>(work),
                                              reinterpret_cast<int*>(flag), stream);
            if (error != 0) {
                throw std::runtime_error(std::string("cubic splines: ") +
                                         cudaGetErrorString(static_cast<cudaError_t>(error)));
            }
        },
        py::arg("x"), py::arg("n"), py::arg("y"), py::arg("m"), py::arg("left_end"), py::arg("left"),
        py::arg("right_end"), py::arg("right"), py::arg("c"), py::arg("work"), py::arg("flag"), py::arg("stream"),
        "Coefficients c (4, n - 1, m) of the cubic splines through y (n, m), one column to a thread; work holds "
        "n * (m + 4) items, flag one int32; all pointers on the device.");
}

}  // namespace

void add_spline(py::module_& m) {
    add_evaluate<double>(m, "evaluate_float64");
    add_evaluate<float>(m, "evaluate_float32");
    add_cubic<double>(m, "cubic_float64");
    add_cubic<float>(m, "cubic_float32");
}

}  // namespace kriss::cuda
