// A preconditioner object that compiled loops apply without going through Python.
#pragma once

#include "kriss/config.hpp"
#include "kriss/executor.hpp"
#include "kriss/solve/cg.hpp"

namespace kriss {

template <class T>
class NativePrecond {
   public:
    NativePrecond() = default;
    NativePrecond(const NativePrecond&) = delete;
    NativePrecond& operator=(const NativePrecond&) = delete;
    virtual ~NativePrecond() = default;

    virtual index_t size() const = 0;
    // z = scale M^-1 r; returns r'z.  r, z: (size()); part: (chunk_count(size())) scratch. Safe from several threads.
    virtual double apply_dot(const T* r, T* z, T scale, double* part, const Executor& ex) = 0;
};

// As the loops take it; `scale` is a power of two that makes up for a scaling of A.
template <class T>
struct NativeHandle {
    NativePrecond<T>* object = nullptr;
    T scale = T(1);

    CgPreconditioner<T> for_cg() const {
        CgPreconditioner<T> m;
        m.self = this;
        m.apply_dot = [](const void* self, const T* r, T* z, double* part, const Executor& ex) {
            const auto& me = *static_cast<const NativeHandle*>(self);
            return me.object->apply_dot(r, z, me.scale, part, ex);
        };
        return m;
    }
};

}  // namespace kriss
