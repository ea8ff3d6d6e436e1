#include "sketch_transform.hpp"

#include <string>

#include "families.hpp"
#include "pymod.hpp"

namespace py = pybind11;

namespace kriss::cuda {

namespace {

template <class T>
void add(py::module_& m, const std::string& suffix) {
    m.def(("fwht" + suffix).c_str(),
          [](std::uintptr_t x, index_t outer, index_t n, index_t inner, index_t outer_stride, index_t stride,
             index_t inner_stride, double scale, stream_t s) {
              fwht<T>(at<T>(x), outer, n, inner, outer_stride, stride, inner_stride, static_cast<T>(scale), s);
              check_launch("fwht");
          },
          py::arg("x"), py::arg("outer"), py::arg("n"), py::arg("inner"), py::arg("outer_stride"), py::arg("stride"),
          py::arg("inner_stride"), py::arg("scale"), py::arg("stream"),
          "Walsh-Hadamard transform in place; a device pointer, strides in elements.");
    m.def(("srht" + suffix).c_str(),
          [](std::uintptr_t a, index_t rows, index_t n, index_t row_stride, index_t col_stride, std::uint64_t seed,
             std::uintptr_t place, index_t tile, std::uintptr_t row, index_t d, index_t row_offset, index_t round,
             std::uintptr_t work, std::uintptr_t out, stream_t s) {
              srht<T>(at<const T>(a), rows, n, row_stride, col_stride, seed, at<const std::int32_t>(place), tile,
                      at<const std::int32_t>(row), d, row_offset, round, at<T>(work), at<T>(out), s);
              check_launch("srht");
          },
          py::arg("a"), py::arg("m"), py::arg("n"), py::arg("row_stride"), py::arg("col_stride"), py::arg("seed"),
          py::arg("place"), py::arg("tile"), py::arg("row"), py::arg("d"), py::arg("row_offset"), py::arg("round"),
          py::arg("work"), py::arg("out"), py::arg("stream"), "out += S[:, row_offset:row_offset + m] a.");
    m.def(("random_features" + suffix).c_str(),
          [](std::uintptr_t x, index_t rows, index_t n, index_t row_stride, index_t col_stride, std::uintptr_t inverse,
             std::uintptr_t signs, index_t p, std::uintptr_t stretch, index_t frequencies, int map, double unit,
             std::uintptr_t work, std::uintptr_t out, stream_t s) {
              random_features<T>(at<const T>(x), rows, n, row_stride, col_stride, at<const T>(inverse),
                                 at<const T>(signs), p, at<const T>(stretch), frequencies, map, static_cast<T>(unit),
                                 at<T>(work), at<T>(out), s);
              check_launch("random_features");
          },
          py::arg("x"), py::arg("m"), py::arg("n"), py::arg("row_stride"), py::arg("col_stride"), py::arg("inverse"),
          py::arg("signs"), py::arg("p"), py::arg("stretch"), py::arg("frequencies"), py::arg("map"), py::arg("unit"),
          py::arg("work"), py::arg("out"), py::arg("stream"), "Structured random features; work: (m, p).");
}

}  // namespace

void add_sketch_transform(py::module_& m) {
    add<float>(m, "_f32");
    add<double>(m, "_f64");
}

}  // namespace kriss::cuda
