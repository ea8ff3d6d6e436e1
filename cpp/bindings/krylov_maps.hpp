// What the bindings of the Krylov methods share: NumPy arrays as vectors, maps, and the way a loop is run.
#pragma once

#include <algorithm>
#include <complex>
#include <memory>
#include <utility>
#include <vector>

#include "arrays.hpp"
#include "hook.hpp"
#include "solve_krylov.hpp"

namespace kriss::bind {

// NumPy's type for T, laid out alike.
template <class T>
struct NumpyType {
    using type = T;
};
template <class R>
struct NumpyType<Cplx<R>> {
    using type = std::complex<R>;
};
template <class T>
using Np = typename NumpyType<T>::type;

template <class T>
const T* in(const array<Np<T>>& a) {
    return reinterpret_cast<const T*>(a.data());
}
template <class T>
T* out(array<Np<T>>& a) {
    return reinterpret_cast<T*>(a.mutable_data());
}
template <class T>
Np<Wide<T>> to_numpy(Wide<T> a) {
    if constexpr (ScalarTraits<T>::is_complex) {
        return {a.re, a.im};
    } else {
        return a;
    }
}
template <class T>
Wide<T> from_numpy(Np<Wide<T>> a) {
    if constexpr (ScalarTraits<T>::is_complex) {
        return {a.real(), a.imag()};
    } else {
        return a;
    }
}

template <class T>
using Map = std::shared_ptr<LinearMap<T>>;

// A map together with the arrays that it points into.
template <class Inside>
class Owning : public Inside {
   public:
    template <class... Args>
    explicit Owning(std::vector<py::object> arrays, Args&&... args)
        : Inside(std::forward<Args>(args)...), arrays_(std::move(arrays)) {}

   private:
    std::vector<py::object> arrays_;
};

// A list of vectors of n items.
template <class T>
struct VectorList {
    std::vector<array<Np<T>>> arrays;
    std::vector<T*> at;

    VectorList(const py::list& list, index_t n, bool writable) {
        for (const py::handle& item : list) {
            auto a = py::cast<array<Np<T>>>(item);
            expect(a.ptr() == item.ptr() && static_cast<index_t>(a.size()) == n,
                   "vectors must be contiguous arrays of n items of one dtype");
            expect(!writable || a.writeable(), "a vector to be written is read-only");
            at.push_back(const_cast<T*>(in<T>(a)));
            arrays.push_back(std::move(a));
        }
    }
};

// Runs loop(context) with the two maps, records and callback; throws again what a callable threw.
template <class T, class F>
auto run_loop(const Map<T>& a, const Map<T>& m, const py::object& callback, std::vector<double>* norms, int workers,
              F&& loop) {
    expect(m == nullptr || m->size() == a->size(), "A and M must have one size");
    Hook hook(callback);
    auto result = call(workers, [&](const Executor& ex) {
        Bench<T> bench(*a, m.get(), ex);
        if (norms != nullptr) {
            bench.context.record_self = norms;
            bench.context.record = [](void* self, double norm) {
                static_cast<std::vector<double>*>(self)->push_back(norm);
            };
        }
        if (hook.set()) {
            bench.context.callback_self = &hook;
            bench.context.callback = [](void* self) { return static_cast<Hook*>(self)->call(); };
        }
        auto outcome = loop(bench.context);
        return std::make_pair(outcome, bench.context.matvecs);
    });
    hook.rethrow();
    a->rethrow();
    if (m != nullptr) {
        m->rethrow();
    }
    return result;
}

inline py::array_t<double> kept(const std::vector<double>& norms) {
    return py::array_t<double>(static_cast<py::ssize_t>(norms.size()), norms.data());
}

}  // namespace kriss::bind
