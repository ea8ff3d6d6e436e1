// Both passes of solve/gram_schmidt.hpp in one, for a matrix whose rows reach no further than a block or so.
//
// Once the coefficients of step j are known, rows of its vectors are finished, preconditioned and multiplied as soon as
// the rows that they need are, and their products for step j + 1 are taken while the basis is still in cache: it is
// read once for both passes. The idea is that of the matrix powers kernel: J. Demmel, M. Hoemmen, M. Mohiyuddin,
// K. Yelick, "Avoiding communication in sparse matrix computations", IPDPS 2008, section 3, with one power.
//
// Bytes in float64 for m vectors: 8 n (m + 8) beside the matrix, where the two passes move 16 n m + 48 n. For one
// worker; the bits are those of the two passes.
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

// delayed_update(f), then delayed_products(g) with g.once and g.product; returns ||w||^2 of the update.
// out: (2 g.count + 1), norms: (2)
template <class T>
double delayed_step(const DelayedPass<T>& f, const DelayedPass<T>& g, const StepBetween<T>& between, Wide<T>* out,
                    double* norms) {
    constexpr int width = lane_width<T>;
    const index_t n = f.n;
    const int m = g.count;
    double norm = 0.0;
    double of_norm[width] = {};
    double lane[(step_most + 2) * width];  // list_j^H w, u^H w, w^H w
    for (int j = 0; j <= 2 * m; ++j) {
        out[j] = Wide<T>{};
    }
    norms[0] = norms[1] = 0.0;
    index_t done = 0;  // rows whose products are taken
    for (index_t b = 0; b < n; b += step_rows) {
        const index_t size = b + step_rows < n ? step_rows : n - b;
        const index_t updated = b + size;
        update_rows(f, b, size);
        const T* const w = f.w + b;
        add_conj_products<1>(&w, w, size, of_norm);
        if (updated == n || updated % solve_grain == 0) {
            norm += real_of(lanes_sum<T>(of_norm));
            for (double& l : of_norm) {
                l = 0.0;
            }
        }
        if (between.diagonal != nullptr) {
            multiply_strands(between.diagonal + b, w, size, between.z + b);
        } else if (between.z != nullptr) {
            __builtin_memcpy(between.z + b, w, static_cast<std::size_t>(size) * sizeof(T));
        }
        while (done < n && (updated == n || done + step_rows + between.reach <= updated)) {
            const index_t rows = done + step_rows < n ? step_rows : n - done;
            if (done % solve_grain == 0) {
                for (int l = 0; l < (m + 2) * width; ++l) {
                    lane[l] = 0.0;
                }
            }
            g.product.apply(g.product.self, g.x, g.w, done, done + rows);
            const T* const to = g.w + done;
            const T* const last[2] = {g.u + done, to};
            add_list_products(g.list, m, done, to, rows, lane);
            add_conj_products<1>(last, to, rows, lane + m * width);
            add_conj_products<1>(last + 1, to, rows, lane + (m + 1) * width);
            done += rows;
            if (done == n || done % solve_grain == 0) {
                for (int j = 0; j <= m; ++j) {
                    out[m + j] = out[m + j] + lanes_sum<T>(lane + j * width);
                }
                norms[1] += real_of(lanes_sum<T>(lane + (m + 1) * width));
            }
        }
    }
    return norm;
}

KRISS_NAMESPACE_END
