// Launchers of cuda/solve.hpp with integer pointers; kriss/solve/_cuda.py calls them with CuPy's.
#include "solve.hpp"

#include <pybind11/pybind11.h>

#include <cstdint>
#include <stdexcept>
#include <string>

#include "families.hpp"

namespace kriss::cuda {

namespace {

using address = std::uintptr_t;

template <class T>
T* at(address a) {
    return reinterpret_cast<T*>(a);
}

void check_launch(const char* what) {
    const cudaError_t error = cudaGetLastError();
    if (error != cudaSuccess) {
        throw std::runtime_error(std::string(what) + ": " + cudaGetErrorString(error));
    }
}

template <class T>
void direction(std::int64_t n, address inverse, address r, address state, address p, stream_t stream) {
    cg_direction(n, at<const T>(inverse), at<const T>(r), at<const double>(state), at<T>(p), stream);
    check_launch("cg_direction");
}

template <class T>
void step(std::int64_t n, address p, address q, address part, address state, stream_t stream) {
    cg_step(n, at<const T>(p), at<const T>(q), at<double>(part), at<double>(state), stream);
    check_launch("cg_step");
}

template <class T>
void update(std::int64_t n, address inverse, address p, address q, address x, address r, address part, address state,
            address history, std::int64_t length, stream_t stream) {
    cg_update(n, at<const T>(inverse), at<const T>(p), at<const T>(q), at<T>(x), at<T>(r), at<double>(part),
              at<double>(state), at<double>(history), length, stream);
    check_launch("cg_update");
}

}  // namespace

void add_solve(pybind11::module_& m) {
    m.attr("CG_STATE_SIZE") = static_cast<int>(cg_state_size);
    m.def(
        "cg_partials", [](std::int64_t n) { return static_cast<std::int64_t>(cg_partials(n)); },
        "Partial sums per reduction over n items.");
    m.def("cg_direction_f32", &direction<float>, "p = D^-1 r + beta p.");
    m.def("cg_direction_f64", &direction<double>, "p = D^-1 r + beta p.");
    m.def("cg_step_f32", &step<float>, "alpha = rho / p'q.");
    m.def("cg_step_f64", &step<double>, "alpha = rho / p'q.");
    m.def("cg_update_f32", &update<float>, "x += alpha p, r -= alpha q, beta, status.");
    m.def("cg_update_f64", &update<double>, "x += alpha p, r -= alpha q, beta, status.");
}

}  // namespace kriss::cuda
