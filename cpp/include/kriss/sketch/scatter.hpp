// Rows of A added to the rows of a result, each with its sign: a CountSketch whose places and signs were drawn
// elsewhere.
#pragma once

#include <cstdint>

#include "kriss/config.hpp"
#include "kriss/executor.hpp"
#include "kriss/view.hpp"

KRISS_NAMESPACE_BEGIN

constexpr index_t scatter_stride = 64 * 1024;  // rows of A between two looks at the interrupt flag

// out[place[i]] += a[i] where minus[i] is 0, else -= a[i], in the order of i. a: (m, n) any strides; out: (d, n)
// row-major. Cut by columns, so the same bits for any number of workers; reads a once, m n additions.
template <class In, class Out>
void scatter_rows(const View2<const In>& a, const std::int64_t* place, const std::int64_t* minus, Out* out,
                  const Executor& ex) {
    const index_t n = a.cols;
    // Whole cache lines of a row of `out` to each worker, and long pieces of a row of a: one worker reads whole rows as
    // fast as two read halves of them.
    const index_t most = n / 256 > 1 ? n / 256 : 1;
    const index_t parts = ex.workers < most ? (ex.workers > 1 ? ex.workers : 1) : most;
    const index_t grain = ((n + parts - 1) / parts + 7) / 8 * 8;
    // Tiles of rows where the columns lie far apart.
    const index_t rows = a.col_stride == 1 ? 1 : 512;
    for (index_t begin = 0; begin < a.rows; begin += scatter_stride) {
        const index_t end = begin + scatter_stride < a.rows ? begin + scatter_stride : a.rows;
        ex.parallel_for(n, grain, [=](index_t c0, index_t c1) {
            for (index_t i0 = begin; i0 < end; i0 += rows) {
                if (a.col_stride == 1) {
                    const In* KRISS_RESTRICT from = a.data + i0 * a.row_stride;
                    Out* KRISS_RESTRICT to = out + place[i0] * n;
                    const Out sign = minus[i0] == 0 ? Out(1) : Out(-1);
                    for (index_t c = c0; c < c1; ++c) {
                        to[c] += sign * static_cast<Out>(from[c]);
                    }
                    continue;
                }
                const index_t i1 = i0 + rows < end ? i0 + rows : end;
                for (index_t c = c0; c < c1; ++c) {
                    const In* from = a.data + c * a.col_stride;
                    for (index_t i = i0; i < i1; ++i) {
                        const Out sign = minus[i] == 0 ? Out(1) : Out(-1);
                        out[place[i] * n + c] += sign * static_cast<Out>(from[i * a.row_stride]);
                    }
                }
            }
        });
        if (ex.interrupted()) {
            return;
        }
    }
}

KRISS_NAMESPACE_END
