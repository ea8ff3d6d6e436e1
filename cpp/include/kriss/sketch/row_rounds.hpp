// A pass over the rows of a tall matrix in chunks whose partial sums live in slots: chunk c of the matrix adds to slot
// c mod slots, and the slots are added in their order, so that borders and order of all sums depend on the shape alone
// and the result is the same for any number of workers.
#pragma once

#include "kriss/executor.hpp"
#include "kriss/sketch/panel.hpp"

KRISS_NAMESPACE_BEGIN

constexpr index_t row_chunk = 2048;  // rows per task
constexpr index_t row_panel = 128;   // rows packed at once

// Enough slots for the workers of a large machine, at most 64 MiB of square matrices.
KRISS_ALWAYS_INLINE index_t row_slots(index_t m, index_t n) {
    const index_t np = strip_width * strips(n);
    index_t count = 32;
    while (count > 4 && count * np * np > (index_t{1} << 23)) {
        count /= 2;
    }
    const index_t chunks = (m + row_chunk - 1) / row_chunk;
    return chunks < count ? (chunks > 0 ? chunks : 1) : count;
}

// One round. P offers sums(n), numbers at the start of a slot that are zeroed at first, scratch(n), all numbers of a
// slot, and chunk(p, begin, end, slot).
template <class P>
struct RowRound {
    const P& p;
    double* scratch;
    index_t start, stop;

    KRISS_ALWAYS_INLINE void operator()(index_t t, index_t) const {
        double* slot = scratch + t * P::scratch(p.a.cols);
        for (index_t k = 0; start == 0 && k < P::sums(p.a.cols); ++k) {
            slot[k] = 0.0;
        }
        const index_t begin = start + t * row_chunk;
        P::chunk(p, begin, begin + row_chunk < stop ? begin + row_chunk : stop, slot);
    }
};

// All rounds; false if interrupted.
template <class P>
KRISS_ALWAYS_INLINE bool row_rounds(const P& p, double* scratch, const Executor& ex) {
    const index_t m = p.a.rows;
    const index_t round = row_slots(m, p.a.cols) * row_chunk;
    for (index_t start = 0; start < m; start += round) {
        const index_t stop = start + round < m ? start + round : m;
        RowRound<P> task{p, scratch, start, stop};
        ex.parallel_for((stop - start + row_chunk - 1) / row_chunk, 1, task);
        if (ex.interrupted()) {
            return false;
        }
    }
    return true;
}

// out[k] = sum over the slots in use of slot[first + k], k < count.
KRISS_ALWAYS_INLINE void add_slots(index_t m, index_t n, index_t per_slot, index_t first, index_t count,
                                   const double* scratch, double* out) {
    const index_t chunks = (m + row_chunk - 1) / row_chunk;
    const index_t slots = row_slots(m, n);
    const index_t used = chunks < slots ? chunks : slots;
    for (index_t k = 0; k < count; ++k) {
        double total = 0.0;
        for (index_t t = 0; t < used; ++t) {
            total += scratch[t * per_slot + first + k];
        }
        out[k] = total;
    }
}

// The lower triangle from the upper one.
KRISS_ALWAYS_INLINE void mirror_upper(index_t np, double* gram) {
    for (index_t i = 0; i < np; ++i) {
        for (index_t j = 0; j < i; ++j) {
            gram[i * np + j] = gram[j * np + i];
        }
    }
}

// Rows of a panel, strips of (depth, 8), times factor[i].
KRISS_ALWAYS_INLINE void scale_rows(index_t ns, index_t depth, const double* factor, double* panel) {
    using S = Piece<double>;
    for (index_t s = 0; s < ns; ++s) {
        double* strip = panel + s * strip_width * depth;
        for (index_t i = 0; i < depth; ++i) {
#pragma GCC unroll 4
            for (int v = 0; v < S::count; ++v) {
                double* at = strip + 8 * i + v * S::lanes;
                S::store(at, S::load(at) * factor[i]);
            }
        }
    }
}

// Eight partial sums of a vector of a multiple of 8 numbers, added pairwise.
KRISS_ALWAYS_INLINE double lane_sum(const double* x, index_t n) {
    using S = Piece<double>;
    S::type sum[S::count] = {};
    for (index_t i = 0; i < n; i += 8) {
#pragma GCC unroll 4
        for (int v = 0; v < S::count; ++v) {
            sum[v] += S::load(x + i + v * S::lanes);
        }
    }
    double all[8];
    for (int v = 0; v < S::count; ++v) {
        S::store(all + v * S::lanes, sum[v]);
    }
    return ((all[0] + all[4]) + (all[1] + all[5])) + ((all[2] + all[6]) + (all[3] + all[7]));
}

KRISS_NAMESPACE_END
