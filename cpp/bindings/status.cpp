#include "arrays.hpp"

namespace kriss::bind {

namespace {

[[noreturn]] void raise_linalg(const std::string& message) {
    const py::object type = py::module_::import("numpy.linalg").attr("LinAlgError");
    PyErr_SetString(type.ptr(), message.c_str());
    throw py::error_already_set();
}

}  // namespace

void raise_status(const Info& info, const std::string& what) {
    const std::string at = info.index >= 0 ? std::to_string(info.index) : std::string("?");
    switch (info.status) {
        case Status::ok: return;
        case Status::interrupted: throw py::error_already_set();
        case Status::not_positive_definite:
            raise_linalg(what + ": the matrix is not positive definite: pivot " + at + " is not positive");
        case Status::zero_diagonal: raise_linalg(what + ": zero or missing diagonal entry in row " + at);
        case Status::singular: raise_linalg(what + ": the matrix is singular");
        case Status::non_finite: throw py::value_error(what + ": NaN or infinity at index " + at);
        case Status::out_of_range: throw py::value_error(what + ": column index out of range in row " + at);
        case Status::not_monotone: throw py::value_error(what + ": values must increase, but do not at index " + at);
        default:
            throw std::runtime_error(what + ": failed with status " + std::to_string(static_cast<int>(info.status)));
    }
}

}  // namespace kriss::bind
