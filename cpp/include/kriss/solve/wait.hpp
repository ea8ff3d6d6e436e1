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

KRISS_NAMESPACE_END
