#include <stdexcept>
#include <string>

#include "families.hpp"
#include "sketch.hpp"

namespace py = pybind11;

namespace kriss::cuda {

namespace {

template <class T>
void launch(std::uintptr_t a, index_t m, index_t n, index_t row_stride, index_t col_stride, std::uint64_t seed,
            index_t d, int zeta, index_t row_offset, std::uintptr_t partial, std::uintptr_t out, stream_t s) {
    const cudaError_t error = sparse_sign<T>(reinterpret_cast<const T*>(a), m, n, row_stride, col_stride, seed, d, zeta,
                                             row_offset, reinterpret_cast<T*>(partial), reinterpret_cast<T*>(out), s);
    if (error != cudaSuccess) {
        throw std::runtime_error(std::string("sparse_sign: ") + cudaGetErrorString(error));
    }
}

template <class T>
void add(py::module_& m, const char* name) {
    m.def(name, &launch<T>, py::arg("a"), py::arg("m"), py::arg("n"), py::arg("row_stride"), py::arg("col_stride"),
          py::arg("seed"), py::arg("d"), py::arg("zeta"), py::arg("row_offset"), py::arg("partial"), py::arg("out"),
          py::arg("stream"), "out += S[:, row_offset:row_offset + m] a; device pointers, strides in elements.");
}

}  // namespace

void add_sketch(py::module_& m) {
    m.def("sparse_sign_slots", &sparse_sign_slots, py::arg("m"), py::arg("n"), py::arg("d"),
          "Scratch of sparse_sign in units of d * n numbers.");
    add<float>(m, "sparse_sign_f32");
    add<double>(m, "sparse_sign_f64");
}

}  // namespace kriss::cuda
