// Waiting for another worker of the same parallel region.
#pragma once

#include <thread>

#include "kriss/config.hpp"
#include "kriss/executor.hpp"

KRISS_NAMESPACE_BEGIN

// Spins until ready() is true; false if the work was stopped. After a moment it offers its core to whoever else is
// ready: where the system put both workers on one core, the one that spins keeps the other from its work.
template <class Ready>
KRISS_ALWAYS_INLINE bool wait_until(Ready ready, const Executor& ex) {
    for (int spins = 1; !ready(); ++spins) {
#if defined(__x86_64__)
        __builtin_ia32_pause();
#endif
        if (spins % 128 == 0) {
            if (ex.interrupted()) {
                return false;
            }
            std::this_thread::yield();
        }
    }
    return true;
}

// f(i) for the rows 0, 1, ..., n - 1 (backward: n - 1, ..., 0), each of which may wait in it for the rows before it. A
// worker claims the next `grain` rows when it is done with its own, so that the rows that somebody waits for are always
// in somebody's hands. f returns false to stop.  claims: one number, 0 beforehand
template <class F>
void self_scheduled(index_t n, index_t grain, bool backward, index_t* claims, const Executor& ex, F f) {
    ex.parallel_for(ex.workers, 1, [=, &ex](index_t, index_t) {
        for (;;) {
            const index_t first = __atomic_fetch_add(claims, grain, __ATOMIC_RELAXED);
            if (first >= n || ex.interrupted()) {
                return;
            }
            const index_t last = first + grain < n ? first + grain : n;
            for (index_t turn = first; turn < last; ++turn) {
                if (!f(backward ? n - 1 - turn : turn)) {
                    return;
                }
            }
        }
    });
}

// v[0 .. n) = -1, which `awaited` waits for.
template <class I>
void unknown_everywhere(index_t n, I* v, const Executor& ex) {
    ex.parallel_for(n, 65536, [=](index_t first, index_t last) {
        for (index_t i = first; i < last; ++i) {
            v[i] = I(-1);
        }
    });
}

// One more than the largest of v[0 .. n), or -1 if one is still negative.
template <class I>
index_t one_above_largest(index_t n, const I* v) {
    I most = -1;
    bool known = true;
    for (index_t i = 0; i < n; ++i) {
        known = known && v[i] >= 0;
        most = v[i] > most ? v[i] : most;
    }
    return known ? static_cast<index_t>(most) + 1 : -1;
}

// What another worker stores in *place, waited for while it is negative; negative if the work was stopped.
template <class I>
KRISS_ALWAYS_INLINE I awaited(const I* place, const Executor& ex) {
    I v = __atomic_load_n(place, __ATOMIC_ACQUIRE);
    if (v < 0) {
        wait_until([&] { return (v = __atomic_load_n(place, __ATOMIC_ACQUIRE)) >= 0; }, ex);
    }
    return v;
}

KRISS_NAMESPACE_END
