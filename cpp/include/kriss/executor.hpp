// How a kernel runs in parallel and learns that it should stop, without knowing about threads or Python.
//
// A kernel receives an Executor and calls parallel_for. Work is cut into chunks of `grain` items whose borders do
// not depend on the number of workers; a reduction stores one partial per chunk and adds them in a fixed order, so
// results are the same bits for any number of workers. The thread pool behind it is in cpp/src/pool.cpp; a user of
// the headers alone gets the serial executor.
#pragma once

#include <type_traits>

#include "kriss/config.hpp"

namespace kriss {

struct Executor {
    using Task = void (*)(void* ctx, index_t begin, index_t end);

    // Runs task(ctx, begin, end) over [0, n) in chunks of `grain`; null means serial.
    void (*run)(void* self, index_t n, index_t grain, Task task, void* ctx) = nullptr;
    // True once the kernel should return Status::interrupted; null means never. In a region nested in a chunk it may be
    // asked by a worker; only the thread that started the outer region can learn of anything new.
    bool (*poll)(void* self) = nullptr;
    void* self = nullptr;
    int workers = 1;

    // f(begin, end) for consecutive chunks of at most `grain` items. Chunk number = begin / grain.
    template <class F>
    KRISS_ALWAYS_INLINE void parallel_for(index_t n, index_t grain, F&& f) const {
        if (n <= 0) {
            return;
        }
        if (run == nullptr || workers <= 1 || n <= grain) {
            for (index_t begin = 0; begin < n; begin += grain) {
                f(begin, begin + grain < n ? begin + grain : n);
                if (interrupted()) {
                    return;
                }
            }
            return;
        }
        using Fn = std::remove_reference_t<F>;
        const Task task = [](void* ctx, index_t begin, index_t end) { (*static_cast<Fn*>(ctx))(begin, end); };
        run(self, n, grain, task, const_cast<void*>(static_cast<const void*>(&f)));
    }

    KRISS_ALWAYS_INLINE bool interrupted() const { return poll != nullptr && poll(self); }
};

}  // namespace kriss
