// A Gauss-Seidel sweep by one worker with the products before and after it made by the others meanwhile.
//
// The chain from row to row leaves a sweep to one worker where amg_front.hpp finds no way. The sums over the far
// columns that it starts from are needed only chunk by chunk, and the residual of a row is known as soon as the sweep
// has passed the last row that it reads: both are claimed in chunks by whoever is free, the sweep's own worker too.
// Each row is computed as in three passes one after the other: the same bits.
#pragma once

#include <cstdint>

#include "kriss/config.hpp"
#include "kriss/executor.hpp"
#include "kriss/solve/amg_front.hpp"

namespace kriss {

inline constexpr index_t amg_chunk = 512;  // rows

struct AmgCompany {
    // One line of the cache each: chunks of the first product claimed, of the last, rows swept; then one number for
    // each chunk, its first product done. Null: passes one after the other.
    index_t* scratch = nullptr;
    index_t* epoch = nullptr;  // one more with each sweep
    // Rows between a row and the last one before or after it that it reads.
    index_t reach[2] = {0, 0};
};

inline constexpr index_t amg_company_size(index_t n) { return 3 * amg_line + (n + amg_chunk - 1) / amg_chunk; }

}  // namespace kriss

KRISS_NAMESPACE_BEGIN

// before(first, last), sweep(first, last) and after(first, last) for all chunks of [0, n), counted in the order of the
// sweep: `before` ahead of the sweep, `after` once it has done `reach` rows more. Either may be left out.
template <class Before, class Sweep, class After>
struct AmgCompanyTask {
    const AmgCompany& company;
    index_t n;
    index_t base;   // of this sweep's numbers
    index_t reach;  // rows
    bool has_before;
    bool has_after;
    const Executor& ex;
    Before before;
    Sweep sweep;
    After after;

    KRISS_ALWAYS_INLINE index_t chunks() const { return (n + amg_chunk - 1) / amg_chunk; }
    KRISS_ALWAYS_INLINE index_t end(index_t t) const { return (t + 1) * amg_chunk < n ? (t + 1) * amg_chunk : n; }
    KRISS_ALWAYS_INLINE index_t* line(int which) const { return company.scratch + amg_line * which; }
    KRISS_ALWAYS_INLINE index_t claim(int which) const { return __atomic_fetch_add(line(which), 1, __ATOMIC_RELAXED); }
    KRISS_ALWAYS_INLINE index_t* done(index_t t) const { return line(3) + t; }

    // The next chunk of the first product; false if there is none.
    KRISS_ALWAYS_INLINE bool prepare() const {
        const index_t t = claim(0);
        if (t >= chunks()) {
            return false;
        }
        before(t * amg_chunk, end(t));
        __atomic_store_n(done(t), base, __ATOMIC_RELEASE);
        return true;
    }

    KRISS_ALWAYS_INLINE bool lead() const {
        for (index_t t = 0; t < chunks(); ++t) {
            if (has_before) {
                while (__atomic_load_n(line(0), __ATOMIC_RELAXED) <= t && prepare()) {
                }
                if (!amg_reached(done(t), base, ex)) {
                    return false;
                }
            }
            sweep(t * amg_chunk, end(t));
            __atomic_store_n(line(2), base + end(t), __ATOMIC_RELEASE);
        }
        return true;
    }

    KRISS_ALWAYS_INLINE void operator()(index_t task, index_t) const {
        if (task == 0) {
            if (!lead()) {
                return;
            }
        } else if (has_before) {
            while (prepare()) {
                if (ex.interrupted()) {
                    return;
                }
            }
        }
        if (has_after) {
            for (index_t t = claim(1); t < chunks(); t = claim(1)) {
                const index_t goal = end(t) + reach < n ? end(t) + reach : n;
                if (!amg_reached(line(2), base + goal, ex)) {
                    return;
                }
                after(t * amg_chunk, end(t));
            }
        }
    }
};

KRISS_NAMESPACE_END
