// Gauss-Seidel sweeps over the rows of any matrix in their own order, by several workers at once.
//
// Rows are cut into blocks that begin where a row couples to nothing near before it: at the lines and planes of a grid,
// which such matrices descend from. A worker claims the next block and goes through it in steps; before each it waits
// for the last row of an earlier block that the step reads. Blocks follow one another at a distance of a few steps (the
// hyperplane method, L. Lamport, "The parallel execution of DO loops", Comm. ACM 17 (1974), section 4, found from the
// matrix). Each row is computed as in a sweep by one worker: the same bits.
#pragma once

#include <cstdint>

#include "kriss/config.hpp"
#include "kriss/executor.hpp"
#include "kriss/solve/wait.hpp"

namespace kriss {

inline constexpr index_t amg_line = 8;    // numbers in a line of the cache
inline constexpr int amg_most_tasks = 8;  // blocks under way at once

// Rows are counted in the order of the sweep. A block is complete when its progress is its number of rows.
struct AmgFront {
    index_t blocks = 0;                    // 0: sweeps are left to one worker
    index_t stride = 0;                    // rows of a step
    const std::int32_t* border = nullptr;  // (blocks + 1) first row of each block
    const std::int32_t* step = nullptr;    // (blocks + 1) first step of each block
    const std::int32_t* block = nullptr;   // (steps) the last earlier block that a step reads; -1 if none
    const std::int32_t* rows = nullptr;    // (steps) how many of its rows must be done
    index_t* progress = nullptr;           // ((blocks + 1) amg_line) scratch, zero before the first sweep
    index_t* epoch = nullptr;              // one more with each sweep
};

}  // namespace kriss

KRISS_NAMESPACE_BEGIN

// Waits until another worker has brought the number there to the goal; false if the work was stopped.
KRISS_ALWAYS_INLINE bool amg_reached(const index_t* place, index_t goal, const Executor& ex) {
    return __atomic_load_n(place, __ATOMIC_ACQUIRE) >= goal ||
           wait_until([=] { return __atomic_load_n(place, __ATOMIC_ACQUIRE) >= goal; }, ex);
}

KRISS_ALWAYS_INLINE bool amg_front_wait(const AmgFront& f, index_t block, index_t goal, const Executor& ex) {
    return amg_reached(f.progress + block * amg_line, goal, ex);
}

// relax(first, last) for all rows [0, n) in order, as far as they read one another.
template <class Relax>
KRISS_ALWAYS_INLINE void amg_front_sweep(const AmgFront& f, index_t n, const Executor& ex, Relax relax) {
    if (f.blocks == 0 || ex.run == nullptr || ex.workers < 2) {
        relax(0, n);
        return;
    }
    const index_t tasks = ex.workers < amg_most_tasks ? ex.workers : amg_most_tasks;
    const index_t base = ++*f.epoch << 32;
    index_t* claims = f.progress + f.blocks * amg_line;
    *claims = 0;
    ex.parallel_for(tasks, 1, [=, &f, &ex](index_t, index_t) {
        for (;;) {
            const index_t t = __atomic_fetch_add(claims, 1, __ATOMIC_RELAXED);
            if (t >= f.blocks) {
                return;
            }
            // No more than `tasks` blocks are under way: all before `oldest` are complete.
            const index_t oldest = t - tasks + 1 > 0 ? t - tasks + 1 : 0;
            if (oldest > 0 && !amg_front_wait(f, oldest - 1, base + f.border[oldest] - f.border[oldest - 1], ex)) {
                return;
            }
            for (index_t u = f.step[t]; u < f.step[t + 1]; ++u) {
                const index_t last_read = f.block[u];
                for (index_t s = oldest; s < last_read; ++s) {
                    if (!amg_front_wait(f, s, base + f.border[s + 1] - f.border[s], ex)) {
                        return;
                    }
                }
                if (last_read >= oldest && !amg_front_wait(f, last_read, base + f.rows[u], ex)) {
                    return;
                }
                const index_t first = f.border[t] + (u - f.step[t]) * f.stride;
                const index_t last = first + f.stride < f.border[t + 1] ? first + f.stride : f.border[t + 1];
                relax(first, last);
                __atomic_store_n(f.progress + t * amg_line, base + last - f.border[t], __ATOMIC_RELEASE);
            }
        }
    });
}

KRISS_NAMESPACE_END
