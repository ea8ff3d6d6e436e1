// NumPy arrays to views and back, the executor that polls for Ctrl-C, and the one table from Status to exception.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>

#include "kriss/executor.hpp"
#include "kriss/status.hpp"
#include "kriss/view.hpp"
#include "pool.hpp"

namespace kriss::bind {

namespace py = pybind11;

// C-contiguous array arguments. Python has already validated and normalised them (kriss/_validate.py), so every
// binding declares its arrays with py::arg("x").noconvert(): a wrong dtype is a bug and raises TypeError.
template <class T>
using array = py::array_t<T, py::array::c_style>;

template <class T>
View2<const T> view2(const array<T>& a) {
    return {a.data(), static_cast<index_t>(a.shape(0)), static_cast<index_t>(a.shape(1)),
            static_cast<index_t>(a.shape(1)), 1};
}

template <class T>
View2<T> out2(array<T>& a) {
    return {a.mutable_data(), static_cast<index_t>(a.shape(0)), static_cast<index_t>(a.shape(1)),
            static_cast<index_t>(a.shape(1)), 1};
}

// Sizes of arguments that do not fit together are a bug of the caller: an exception instead of a read out of bounds.
inline void expect(bool good, const char* message) {
    if (!good) {
        throw py::value_error(message);
    }
}

template <class T, class I>
CsrView<T, I> csr(const array<I>& indptr, const array<I>& indices, const array<T>& data, index_t cols) {
    expect(indptr.size() > 0 && indices.size() == data.size() && indptr.data()[0] == 0 &&
               static_cast<index_t>(indptr.data()[indptr.size() - 1]) <= static_cast<index_t>(data.size()),
           "indptr, indices and data disagree");
    return {static_cast<index_t>(indptr.size()) - 1, cols, indptr.data(), indices.data(), data.data()};
}

// An executor over the pool for the length of one call. Construct it with the GIL held, then release the GIL around
// the kernel; poll() takes it back at most every 50 ms to look for signals.
class PyExecutor {
   public:
    // workers <= 0: the process-wide setting.
    explicit PyExecutor(int workers) : last_(clock::now()) {
        ex_.run = &PyExecutor::run;
        ex_.poll = &PyExecutor::poll;
        ex_.self = this;
        ex_.workers = workers > 0 ? workers : num_threads();
    }
    PyExecutor(const PyExecutor&) = delete;
    PyExecutor& operator=(const PyExecutor&) = delete;

    const Executor& get() const { return ex_; }

    // Call with the GIL held after the kernel: raises KeyboardInterrupt if a signal stopped it.
    void raise_if_interrupted() const {
        if (stopped_.load(std::memory_order_relaxed)) {
            throw py::error_already_set();
        }
    }

   private:
    using clock = std::chrono::steady_clock;

    static void run(void* self, index_t n, index_t grain, Executor::Task task, void* ctx) {
        auto& me = *static_cast<PyExecutor*>(self);
        pool_run(me.ex_.workers, n, grain, task, ctx, &PyExecutor::poll, self);
    }

    static bool poll(void* self) {
        auto& me = *static_cast<PyExecutor*>(self);
        if (me.stopped_.load(std::memory_order_relaxed)) {
            return true;
        }
        // A region nested in a worker's chunk asks from that worker, which must not touch Python or the clock.
        if (std::this_thread::get_id() != me.owner_) {
            return false;
        }
        const auto now = clock::now();
        if (now - me.last_ < std::chrono::milliseconds(50)) {
            return false;
        }
        me.last_ = now;
        py::gil_scoped_acquire gil;
        if (PyErr_CheckSignals() != 0) {
            // The Python error stays set on this thread; raise_if_interrupted() picks it up.
            me.stopped_.store(true, std::memory_order_relaxed);
        }
        return me.stopped_.load(std::memory_order_relaxed);
    }

    Executor ex_;
    clock::time_point last_;
    std::thread::id owner_ = std::this_thread::get_id();
    std::atomic<bool> stopped_{false};
};

// Runs kernel(executor) without the GIL and raises KeyboardInterrupt if it was interrupted.
template <class F>
auto call(int workers, F&& kernel) {
    PyExecutor ex(workers);
    if constexpr (std::is_void_v<decltype(kernel(ex.get()))>) {
        {
            py::gil_scoped_release nogil;
            kernel(ex.get());
        }
        ex.raise_if_interrupted();
    } else {
        auto result = [&] {
            py::gil_scoped_release nogil;
            return kernel(ex.get());
        }();
        ex.raise_if_interrupted();
        return result;
    }
}

// The one table from Status to exception, for kernels whose only good status is ok. Iterative solvers return their
// status to Python instead.
void raise_status(const Info& info, const std::string& what);

}  // namespace kriss::bind
