#include "arrays.hpp"
#include "families.hpp"
#include "kriss/philox.hpp"
#include "kriss/vector.hpp"
#include "math_kernels.hpp"

namespace kriss::bind {

namespace {

// One overload per precision: f(x, out, workers) fills out, which has x's size and may be x.
template <class T>
void add_unary(py::module_& m, const char* name, typename ElementaryKernels<T>::Unary ElementaryKernels<T>::* kernel,
               const char* doc) {
    m.def(
        name,
        [kernel](const array<T>& x, array<T>& out, int workers) {
            if (x.size() != out.size()) {
                throw py::value_error("out must have the size of x");
            }
            call(workers, [&](const Executor& ex) {
                (elementary<T>(math_kernels()).*kernel)(static_cast<index_t>(x.size()), x.data(), out.mutable_data(),
                                                        ex);
            });
        },
        py::arg("x").noconvert(), py::arg("out").noconvert(), py::arg("workers"), doc);
}

template <class T>
void add_elementary(py::module_& m) {
    using K = ElementaryKernels<T>;
    add_unary<T>(m, "exp", &K::exp, "out = exp(x)");
    add_unary<T>(m, "expm1", &K::expm1, "out = exp(x) - 1");
    add_unary<T>(m, "log", &K::log, "out = log(x)");
    add_unary<T>(m, "log1p", &K::log1p, "out = log(1 + x)");
    add_unary<T>(m, "erfc", &K::erfc, "out = erfc(x)");
    add_unary<T>(m, "sin", &K::sin, "out = sin(x)");
    add_unary<T>(m, "cos", &K::cos, "out = cos(x)");
    m.def(
        "sincos",
        [](const array<T>& x, array<T>& sine, array<T>& cosine, int workers) {
            if (x.size() != sine.size() || x.size() != cosine.size()) {
                throw py::value_error("sine and cosine must have the size of x");
            }
            call(workers, [&](const Executor& ex) {
                elementary<T>(math_kernels())
                    .sincos(static_cast<index_t>(x.size()), x.data(), sine.mutable_data(), cosine.mutable_data(), ex);
            });
        },
        py::arg("x").noconvert(), py::arg("sine").noconvert(), py::arg("cosine").noconvert(), py::arg("workers"),
        "sine = sin(x), cosine = cos(x)");
}

}  // namespace

void add_math(py::module_& m) {
    m.def(
        "triad",
        [](double s, const array<double>& b, const array<double>& c, array<double>& a, int workers) {
            call(workers, [&](const Executor& ex) {
                math_kernels().triad(static_cast<index_t>(a.size()), s, b.data(), c.data(), a.mutable_data(), ex);
            });
        },
        py::arg("s"), py::arg("b").noconvert(), py::arg("c").noconvert(), py::arg("a").noconvert(), py::arg("workers"),
        "a = b + s * c: the yardstick of memory bandwidth.");
    m.def(
        "multiply_adds",
        [](std::int64_t rounds, float factor, float addend, array<float>& x) {
            expect(rounds >= 0 && x.size() == yardstick_size, "x must have 256 items, rounds must not be negative");
            float* const values = x.mutable_data();
            py::gil_scoped_release release;
            return math_kernels().multiply_adds(rounds, factor, addend, values);
        },
        py::arg("rounds"), py::arg("factor"), py::arg("addend"), py::arg("x").noconvert(),
        "x = x factor + addend for a part of x, rounds times; returns the flops: the yardstick of arithmetic.");
    add_elementary<double>(m);
    add_elementary<float>(m);
    m.def(
        "philox4x32",
        [](std::uint64_t key, std::uint64_t counter_hi, std::uint64_t counter_lo) {
            const PhiloxBlock b = philox4x32(key, counter_hi, counter_lo);
            return py::make_tuple(b.v[0], b.v[1], b.v[2], b.v[3]);
        },
        py::arg("key"), py::arg("counter_hi"), py::arg("counter_lo"), "One block of the counter-based generator.");
    m.def(
        "normal_pair",
        [](std::uint64_t key, std::uint64_t counter_hi, std::uint64_t counter_lo) {
            const NormalPair z = normal_pair(philox4x32(key, counter_hi, counter_lo));
            return py::make_tuple(z.first, z.second);
        },
        py::arg("key"), py::arg("counter_hi"), py::arg("counter_lo"), "Two standard normals from one block.");
}

}  // namespace kriss::bind
