#include <stdexcept>
#include <string>

#include "families.hpp"
#include "pymod.hpp"
#include "sketch.hpp"
#include "sketch_residual.hpp"

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

template <class T>
void add_residual(py::module_& m, const char* name) {
    m.def(
        name,
        [](std::uintptr_t a, index_t rows, index_t n, index_t row_stride, index_t col_stride, std::uintptr_t b,
           index_t nrhs, index_t b_row_stride, index_t b_col_stride, std::uintptr_t scale, std::uintptr_t bscale,
           std::uintptr_t z_high, std::uintptr_t z_low, std::uintptr_t scratch, std::uintptr_t g_high,
           std::uintptr_t g_low, std::uintptr_t rr, stream_t s) {
            const auto number = [](std::uintptr_t p) { return reinterpret_cast<double*>(p); };
            const Tall<T> p{reinterpret_cast<const T*>(a),
                            reinterpret_cast<const T*>(b),
                            rows,
                            n,
                            nrhs,
                            row_stride,
                            col_stride,
                            b_row_stride,
                            b_col_stride,
                            number(scale),
                            number(bscale),
                            number(z_high),
                            number(z_low)};
            tall_residual(p, number(scratch), number(g_high), number(g_low), number(rr), s);
            check_launch("tall_residual");
        },
        py::arg("a"), py::arg("m"), py::arg("n"), py::arg("row_stride"), py::arg("col_stride"), py::arg("b"),
        py::arg("nrhs"), py::arg("b_row_stride"), py::arg("b_col_stride"), py::arg("scale"), py::arg("bscale"),
        py::arg("z_high"), py::arg("z_low"), py::arg("scratch"), py::arg("g_high"), py::arg("g_low"), py::arg("rr"),
        py::arg("stream"), "Gradient and |R|^2 of R = b diag(bscale) - a diag(scale) z in twofold arithmetic.");
}

}  // namespace

void add_sketch(py::module_& m) {
    m.def("sparse_sign_slots", &sparse_sign_slots, py::arg("m"), py::arg("n"), py::arg("d"),
          "Scratch of sparse_sign in units of d * n numbers.");
    add<float>(m, "sparse_sign_f32");
    add<double>(m, "sparse_sign_f64");
    m.def("residual_scratch", &residual_scratch, py::arg("m"), py::arg("n"), py::arg("nrhs"),
          "Numbers of scratch of tall_residual.");
    add_residual<float>(m, "tall_residual_f32");
    add_residual<double>(m, "tall_residual_f64");
}

}  // namespace kriss::cuda
