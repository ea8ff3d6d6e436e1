// Both passes of solve/gram_schmidt.hpp in one, for a matrix whose rows reach no further than a chunk.
//
// Once the coefficients of step j are known, rows of its vectors are finished, preconditioned and multiplied as soon as
// the rows that they need are, and their products for step j + 1 are taken while the basis is still in cache: it is
// read once for both passes. The idea is that of the matrix powers kernel: J. Demmel, M. Hoemmen, M. Mohiyuddin,
// K. Yelick, "Avoiding communication in sparse matrix computations", IPDPS 2008, section 3, with one power.
//
// Bytes in float64 for m vectors: 8 n (m + 8) beside the matrix, where the two passes move 16 n m + 48 n. Each worker
// has a share of the rows, of whole chunks; the chunks at its borders with others, whose products want rows of the
// neighbour, are left until all shares are done. The bits are those of the two passes.
#pragma once

#include "kriss/config.hpp"
#include "kriss/solve/gram_schmidt.hpp"
#include "kriss/solve/krylov.hpp"
#include "kriss/solve/reduce.hpp"
#include "kriss/solve/scalar.hpp"
#include "kriss/solve/strand.hpp"

namespace kriss {

inline constexpr int step_most = 96;       // vectors of the basis
inline constexpr index_t step_rows = 256;  // rows finished together: 4 KiB of complex numbers

// What lies between the update of one step and the products of the next.
template <class T>
struct StepBetween {
    const T* diagonal = nullptr;  // (n) of M^-1; null: none
    T* z = nullptr;               // (n) M^-1 w of the update, what the product is taken of; null: w itself is
    index_t reach = 0;            // the farthest column from the diagonal
};

}  // namespace kriss

KRISS_NAMESPACE_BEGIN

// delayed_update(f) over rows [begin, end) and delayed_products(g) over [first, last) among them: whole chunks, no
// nearer than the reach to an end where others own the rows beyond.  part: (chunk_count(n), delayed_columns(g.count)),
// whose last column takes the norms of the update
template <class T>
void step_share(const DelayedPass<T>& f, const DelayedPass<T>& g, const StepBetween<T>& between, index_t begin,
                index_t end, index_t first, index_t last, Wide<T>* part) {
    constexpr int width = lane_width<T>;
    const int columns = delayed_columns(g.count);
    const auto chunk_of = [part, columns](index_t stop) { return part + (stop - 1) / solve_grain * columns; };
    double of_norm[width] = {};
    double lane[step_most * 2 * width];
    double own[3 * width];
    index_t done = first;
    for (index_t b = begin; b < end; b += step_rows) {
        const index_t size = b + step_rows < end ? step_rows : end - b;
        const index_t updated = b + size;
        update_rows(f, b, size);
        const T* const w = f.w + b;
        add_conj_products<1>(&w, &w, size, of_norm);
        if (updated == end || updated % solve_grain == 0) {
            chunk_of(updated)[columns - 1] = lanes_sum<T>(of_norm);
            for (double& l : of_norm) {
                l = 0.0;
            }
        }
        if (between.diagonal != nullptr) {
            multiply_strands(between.diagonal + b, w, size, between.z + b);
        } else if (between.z != nullptr) {
            __builtin_memcpy(between.z + b, w, static_cast<std::size_t>(size) * sizeof(T));
        }
        while (done < last && (updated == end || done + step_rows + between.reach <= updated)) {
            const index_t rows = done + step_rows < last ? step_rows : last - done;
            if (done % solve_grain == 0) {
                for (int l = 0; l < g.count * delayed_width(g); ++l) {
                    lane[l] = 0.0;
                }
                for (double& l : own) {
                    l = 0.0;
                }
            }
            g.product.apply(g.product.self, g.x, g.w, done, done + rows);
            add_delayed(g, 0, g.count, done, rows, lane);
            add_delayed_own(g, done, rows, own);
            done += rows;
            if (done == last || done % solve_grain == 0) {
                store_delayed(g, 0, g.count, lane, chunk_of(done));
                store_delayed_own(g, own, chunk_of(done));
            }
        }
    }
}

// delayed_update(f), then delayed_products(g), which has g.product; returns ||w||^2 of the update. The reach is at most
// solve_grain.  out: (2 g.count + 1), norms: (2), part: (chunk_count(n), delayed_columns(g.count)) scratch
template <class T>
double delayed_step(const DelayedPass<T>& f, const DelayedPass<T>& g, const StepBetween<T>& between, Wide<T>* out,
                    double* norms, Wide<T>* part, const Executor& ex) {
    const index_t n = f.n;
    const index_t chunks = chunk_count(n);
    const int columns = delayed_columns(g.count);
    const index_t most = chunks / 2 < 1 ? 1 : chunks / 2;  // a share has a chunk at either end
    const index_t shares = ex.workers < 1 ? 1 : ex.workers < most ? ex.workers : most;
    const auto border = [n, chunks, shares](index_t k) {
        const index_t row = chunks * k / shares * solve_grain;
        return row < n ? row : n;
    };
    ex.parallel_for(shares, 1, [&](index_t k, index_t) {
        const index_t begin = border(k);
        const index_t end = border(k + 1);
        step_share(f, g, between, begin, end, k > 0 ? begin + solve_grain : begin,
                   k + 1 < shares ? end - solve_grain : end, part);
    });
    ex.parallel_for(2 * (shares - 1), 1, [&](index_t k, index_t) {
        const index_t begin = border(1 + k / 2) - (k % 2 == 0 ? solve_grain : 0);
        const index_t end = begin + solve_grain < n ? begin + solve_grain : n;
        delayed_chunk(g, begin, end, part + begin / solve_grain * columns);
    });
    sum_delayed(g, part, out, norms);
    double norm = 0.0;
    for (index_t k = 0; k < chunks; ++k) {
        norm += real_of(part[k * columns + columns - 1]);
    }
    return norm;
}

KRISS_NAMESPACE_END
