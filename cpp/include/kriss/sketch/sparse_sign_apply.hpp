// SA for a dense or CSR matrix A and the sparse-sign sketch S (sparse_sign.hpp).
//
// Every entry of SA is the sum of its terms in the order of A's rows, whoever computes it: work is cut by columns of A
// and by blocks of S, never by rows. So SA is the same bits for any number of workers, for C and Fortran order, for
// dense and CSR input, and when A arrives in consecutive blocks that are added to the same `out`.
#pragma once

#include "kriss/executor.hpp"
#include "kriss/sketch/panel.hpp"
#include "kriss/sketch/sparse_sign.hpp"
#include "kriss/status.hpp"

KRISS_NAMESPACE_BEGIN

constexpr index_t sketch_rows = 64;           // rows of A per panel; the bindings allocate for it
constexpr index_t sketch_stride = 32 * 1024;  // rows of A between two looks at the interrupt flag

// Entries of columns [i0, i0 + rows) of S for the blocks [e0, e1): offset[(e - e0) * 64 + i] = width * row of S and
// sign[...] = +-1. All of a Philox block is computed even if fewer than 4 of its words are wanted.
template <class T>
KRISS_ALWAYS_INLINE void sparse_sign_panel(std::uint64_t seed, index_t d, int zeta, index_t i0, index_t rows, int e0,
                                           int e1, index_t width, std::int64_t* KRISS_RESTRICT offset,
                                           T* KRISS_RESTRICT sign) {
    for (int q = e0 / 4; 4 * q < e1; ++q) {
        std::uint32_t words[4][sketch_rows];
        for (index_t i = 0; i < sketch_rows; ++i) {  // full length, so that it vectorises
            const PhiloxBlock block =
                philox4x32(seed, static_cast<std::uint64_t>(i0 + i), static_cast<std::uint64_t>(q));
            words[0][i] = block.v[0];
            words[1][i] = block.v[1];
            words[2][i] = block.v[2];
            words[3][i] = block.v[3];
        }
        for (int t = 0; t < 4; ++t) {
            const int e = 4 * q + t;
            if (e < e0 || e >= e1) {
                continue;
            }
            const index_t first = sparse_sign_border(d, zeta, e);
            const auto size = static_cast<std::uint32_t>(sparse_sign_border(d, zeta, e + 1) - first);
            for (index_t i = 0; i < rows; ++i) {
                const std::uint32_t word = words[t][i];
                offset[(e - e0) * sketch_rows + i] =
                    width * (first + static_cast<index_t>(sparse_sign_place(word, size)));
                sign[(e - e0) * sketch_rows + i] = random_sign<T>(word);
            }
        }
    }
}

// Adds `rows` rows of Count neighbouring packed strips to the rows of S that `offset` and `sign` name.
template <int Count, class Out>
KRISS_ALWAYS_INLINE void add_terms(const Out* panel, index_t rows, int entries, Out unit, const std::int64_t* offset,
                                   const Out* sign, Out* sum, index_t apart) {
    using P = Piece<Out>;
    for (index_t i = 0; i < rows; ++i) {
        typename P::type term[Count][P::count];
#pragma GCC unroll 4
        for (int c = 0; c < Count; ++c) {
#pragma GCC unroll 4
            for (int v = 0; v < P::count; ++v) {
                term[c][v] = P::load(panel + (c * sketch_rows + i) * strip_width + v * P::lanes) * unit;
            }
        }
        for (int e = 0; e < entries; ++e) {
            Out* place = sum + offset[e * sketch_rows + i];
            const Out factor = sign[e * sketch_rows + i];
#pragma GCC unroll 4
            for (int c = 0; c < Count; ++c) {
#pragma GCC unroll 4
                for (int v = 0; v < P::count; ++v) {
                    Out* at = place + c * apart + v * P::lanes;
                    P::store(at, P::load(at) + factor * term[c][v]);
                }
            }
        }
    }
}

// How the work on SA is cut: `columns` groups of strips times `blocks` groups of blocks of S. Affects no result.
struct SketchPlan {
    index_t columns = 1;
    int blocks = 1;
    index_t group = 1;  // strips per column group
    int per = 1;        // blocks of S per block group
    index_t tasks() const { return columns * blocks; }
};

KRISS_ALWAYS_INLINE SketchPlan sketch_plan(index_t cols, int zeta, int workers) {
    SketchPlan p;
    const index_t ns = strips(cols);
    const index_t want = workers < 1 ? 1 : workers;
    p.columns = ns < want ? ns : want;
    if (p.columns < (ns + 31) / 32) {
        p.columns = (ns + 31) / 32;
    }
    p.group = (ns + p.columns - 1) / p.columns;
    p.columns = (ns + p.group - 1) / p.group;
    const index_t parts = p.columns >= want ? 1 : (want + p.columns - 1) / p.columns;
    p.blocks = static_cast<int>(parts < zeta ? parts : zeta);
    p.per = (zeta + p.blocks - 1) / p.blocks;
    p.blocks = (zeta + p.per - 1) / p.per;
    return p;
}

// Scratch of sparse_sign_dense, in numbers of type Out and of int64.
KRISS_ALWAYS_INLINE index_t sketch_scratch(const SketchPlan& p, index_t d, int zeta) {
    return p.tasks() * (p.group * strip_width * (d + sketch_rows) + zeta * sketch_rows);
}
KRISS_ALWAYS_INLINE index_t sketch_offsets(const SketchPlan& p, int zeta) { return p.tasks() * zeta * sketch_rows; }

// out += S[:, row_offset : row_offset + m] a. a: (m, n) any strides; out: (d, n) row-major.
// Per row of A: zeta n multiply-adds, 8 zeta n bytes of traffic that stays in L1/L2 (a strip of SA is 64 d bytes);
// from memory m n sizeof(In) bytes, once.
template <class In, class Out>
void sparse_sign_dense(const View2<const In>& a, std::uint64_t seed, index_t d, int zeta, index_t row_offset, Out* out,
                       const SketchPlan& plan, Out* scratch, std::int64_t* offsets, const Executor& ex) {
    const index_t n = a.cols;
    const index_t per_task = sketch_scratch(plan, d, zeta) / (plan.tasks() > 0 ? plan.tasks() : 1);
    const Out unit = static_cast<Out>(1.0 / std::sqrt(static_cast<double>(zeta)));
    for (index_t begin = 0; begin < a.rows; begin += sketch_stride) {
        const index_t end = begin + sketch_stride < a.rows ? begin + sketch_stride : a.rows;
        const bool is_first = begin == 0;
        const bool is_last = end == a.rows;
        ex.parallel_for(plan.tasks(), 1, [=](index_t task, index_t) {
            const index_t s0 = task / plan.blocks * plan.group;
            const index_t s1 = s0 + plan.group < strips(n) ? s0 + plan.group : strips(n);
            const int e0 = static_cast<int>(task % plan.blocks) * plan.per;
            const int e1 = e0 + plan.per < zeta ? e0 + plan.per : zeta;
            const index_t first = sparse_sign_border(d, zeta, e0);
            const index_t last = sparse_sign_border(d, zeta, e1);
            Out* sum = scratch + task * per_task;                        // (strips, d, 8)
            Out* panel = sum + plan.group * strip_width * d;             // (strips, 64, 8)
            Out* sign = panel + plan.group * strip_width * sketch_rows;  // (zeta, 64)
            std::int64_t* offset = offsets + task * zeta * sketch_rows;  // (zeta, 64)
            View2<const In> ours = a;
            ours.data += s0 * strip_width * a.col_stride;
            ours.cols = (s1 * strip_width < n ? s1 * strip_width : n) - s0 * strip_width;
            if (is_first) {
                for (index_t s = s0; s < s1; ++s) {
                    for (index_t r = first; r < last; ++r) {
                        for (index_t c = 0; c < strip_width; ++c) {
                            const index_t j = s * strip_width + c;
                            sum[((s - s0) * d + r) * strip_width + c] = j < n ? out[r * n + j] : Out(0);
                        }
                    }
                }
            }
            for (index_t i0 = begin; i0 < end; i0 += sketch_rows) {
                const index_t rows = end - i0 < sketch_rows ? end - i0 : sketch_rows;
                pack_panel(ours, i0, rows, sketch_rows, nullptr, panel);
                sparse_sign_panel(seed, d, zeta, row_offset + i0, rows, e0, e1, strip_width, offset, sign);
                // Two strips at a time share the loads of places and signs.
                index_t s = s0;
                for (; s + 2 <= s1; s += 2) {
                    add_terms<2>(panel + (s - s0) * strip_width * sketch_rows, rows, e1 - e0, unit, offset, sign,
                                 sum + (s - s0) * d * strip_width, d * strip_width);
                }
                if (s < s1) {
                    add_terms<1>(panel + (s - s0) * strip_width * sketch_rows, rows, e1 - e0, unit, offset, sign,
                                 sum + (s - s0) * d * strip_width, d * strip_width);
                }
            }
            if (is_last) {
                for (index_t s = s0; s < s1; ++s) {
                    for (index_t r = first; r < last; ++r) {
                        for (index_t c = 0; c < strip_width && s * strip_width + c < n; ++c) {
                            out[r * n + s * strip_width + c] = sum[((s - s0) * d + r) * strip_width + c];
                        }
                    }
                }
            }
        });
        if (ex.interrupted()) {
            return;
        }
    }
}

// The same for CSR input; cut by blocks of S only. Zero terms of a dense row would not change the sum, so dense and
// CSR input give the same bits. offsets: (tasks, zeta, 64), signs likewise.
template <class In, class Index, class Out>
void sparse_sign_csr(const CsrView<In, Index>& a, std::uint64_t seed, index_t d, int zeta, index_t row_offset, Out* out,
                     int blocks, Out* signs, std::int64_t* offsets, const Executor& ex) {
    const index_t n = a.cols;
    const int per = (zeta + blocks - 1) / blocks;
    const Out unit = static_cast<Out>(1.0 / std::sqrt(static_cast<double>(zeta)));
    for (index_t begin = 0; begin < a.rows; begin += sketch_stride) {
        const index_t end = begin + sketch_stride < a.rows ? begin + sketch_stride : a.rows;
        ex.parallel_for((zeta + per - 1) / per, 1, [=](index_t task, index_t) {
            const int e0 = static_cast<int>(task) * per;
            const int e1 = e0 + per < zeta ? e0 + per : zeta;
            std::int64_t* offset = offsets + task * zeta * sketch_rows;
            Out* sign = signs + task * zeta * sketch_rows;
            for (index_t i0 = begin; i0 < end; i0 += sketch_rows) {
                const index_t rows = end - i0 < sketch_rows ? end - i0 : sketch_rows;
                sparse_sign_panel(seed, d, zeta, row_offset + i0, rows, e0, e1, n, offset, sign);
                for (index_t i = 0; i < rows; ++i) {
                    const Index from = a.indptr[i0 + i];
                    const Index to = a.indptr[i0 + i + 1];
                    for (int e = 0; e < e1 - e0; ++e) {
                        Out* row = out + offset[e * sketch_rows + i];
                        const Out factor = sign[e * sketch_rows + i];
                        for (Index k = from; k < to; ++k) {
                            Out& place = row[static_cast<index_t>(a.indices[k])];
                            place = place + factor * (static_cast<Out>(a.data[k]) * unit);
                        }
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
