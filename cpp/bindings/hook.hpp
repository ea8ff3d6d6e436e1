// A Python callable as a function pointer that a compiled loop may call without holding the GIL.
#pragma once

#include <exception>
#include <initializer_list>
#include <utility>
#include <vector>

#include "arrays.hpp"

namespace kriss::bind {

// The exception of the callable is kept and thrown again by rethrow(), on the thread that owns the call.
class Hook {
   public:
    explicit Hook(py::object fn) : fn_(std::move(fn)) {}
    Hook(const Hook&) = delete;
    Hook& operator=(const Hook&) = delete;

    bool set() const { return !fn_.is_none(); }

    // fn(x, y) with views: x to be read, y to be written; false once it has raised.
    template <class X, class Y>
    bool call(const X* x, Y* y, std::initializer_list<index_t> shape) {
        py::gil_scoped_acquire gil;
        try {
            const std::vector<py::ssize_t> dims(shape.begin(), shape.end());
            const py::capsule nobody(this, [](void*) {});
            py::array_t<X> in(dims, x, nobody);
            py::detail::array_proxy(in.ptr())->flags &= ~py::detail::npy_api::NPY_ARRAY_WRITEABLE_;
            fn_(in, py::array_t<Y>(dims, y, nobody));
            return true;
        } catch (...) {
            error_ = std::current_exception();
            return false;
        }
    }

    // fn(arguments...)
    template <class... Args>
    bool call(const Args&... args) {
        py::gil_scoped_acquire gil;
        try {
            fn_(args...);
            return true;
        } catch (...) {
            error_ = std::current_exception();
            return false;
        }
    }

    // Once: the hook can be used again afterwards.
    void rethrow() {
        if (error_) {
            std::rethrow_exception(std::exchange(error_, nullptr));
        }
    }

   private:
    py::object fn_;
    std::exception_ptr error_;
};

}  // namespace kriss::bind
