// Blocks of consecutive rows that the sweeps of Gauss-Seidel may visit side by side, with the iterates of the natural
// order.
//
// Two blocks are coupled if some entry a_ij or a_ji has i in the one and j in the other. Visiting the blocks in any
// order that keeps coupled ones in their order gives every row the operands, and so the bits, of the sweep in natural
// order (E. Anderson, Y. Saad, "Solving sparse triangular linear systems on parallel computers", Int. J. High Speed
// Comput. 1 (1989), section 2, for single rows). Blocks are claimed level by level; one waits until those before it
// that it is coupled to are done. The first unfinished block never waits, and no barrier stands between levels.
#pragma once

#include <cstdint>

#include "kriss/config.hpp"
#include "kriss/executor.hpp"
#include "kriss/solve/wait.hpp"

namespace kriss {

struct RowBlocks {
    index_t count = 0;                      // 0: not worth it, sweep serially
    const std::int32_t* start = nullptr;    // (count + 1) first rows
    const std::int32_t* order[2] = {};      // (count) for a forward, a backward sweep: blocks by level
    const std::int32_t* coupled = nullptr;  // neighbours of each block, increasing
    const std::int32_t* first = nullptr;    // (count + 1) where those of a block begin
    index_t* done = nullptr;   // ((count + 1) row_block_stride) zero before the first sweep; the last: claims
    index_t* epoch = nullptr;  // one more with each sweep
};

inline constexpr index_t row_block_stride = 8;  // a cache line between two flags

}  // namespace kriss

KRISS_NAMESPACE_BEGIN

// range(begin, end) for each block of rows: at most ex.workers at a time, coupled ones in the order
// of the sweep. Inside a range a backward sweep goes from end - 1 down to begin.
template <class Range>
void block_sweep(const RowBlocks& s, bool forward, const Executor& ex, Range range) {
    const index_t base = ++*s.epoch;
    index_t* claims = s.done + s.count * row_block_stride;
    *claims = 0;
    const std::int32_t* order = s.order[forward ? 0 : 1];
    ex.parallel_for(ex.workers, 1, [&, order](index_t, index_t) {
        for (;;) {
            const index_t turn = __atomic_fetch_add(claims, 1, __ATOMIC_RELAXED);
            if (turn >= s.count) {
                return;
            }
            const std::int32_t block = order[turn];
            for (std::int32_t k = s.first[block]; k < s.first[block + 1]; ++k) {
                const std::int32_t other = s.coupled[k];
                if (forward ? other > block : other < block) {
                    continue;
                }
                const index_t* flag = s.done + other * row_block_stride;
                if (!wait_until([=] { return __atomic_load_n(flag, __ATOMIC_ACQUIRE) >= base; }, ex)) {
                    return;
                }
            }
            range(index_t(s.start[block]), index_t(s.start[block + 1]));
            __atomic_store_n(s.done + block * row_block_stride, base, __ATOMIC_RELEASE);
        }
    });
}

KRISS_NAMESPACE_END
