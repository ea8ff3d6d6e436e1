// The two passes of one step of classical Gram-Schmidt whose second orthogonalisation is put off by a step.
//
// Twice is enough for an orthogonal basis (L. Giraud, J. Langou, M. Rozloznik, "The loss of orthogonality in the
// Gram-Schmidt orthogonalization process", Comput. Math. Appl. 50 (2005), section 3), but done at once it takes a third
// pass over the basis. Put off, the products of the vector u that was orthogonalised once are taken together with those
// of the next one, w, and both are corrected together: K. Swirydowicz, J. Langou, S. Ananthan, U. Yang, S. Thomas, "Low
// synchronization Gram-Schmidt and generalized minimal residual algorithms", Numer. Linear Algebra Appl. 28 (2021),
// section 3; D. Bielich, J. Langou, S. Thomas, K. Swirydowicz, I. Yamazaki, E. G. Boman, "Low-synch Gram-Schmidt with
// delayed reorthogonalization for Krylov solvers", Parallel Comput. 112 (2022), algorithm 2.
//
// Bytes in float64 for m vectors: 8 n (m + 2) in the first pass, 8 n (m + 4) in the second. They run in opposite
// directions, over chunks and inside each, so that either begins where the caches still hold what the other has read.
//
// Sums and their order: as solve/krylov.hpp. Neither the direction nor the number of workers changes a bit.
#pragma once

#include "kriss/config.hpp"
#include "kriss/executor.hpp"
#include "kriss/solve/krylov.hpp"
#include "kriss/solve/reduce.hpp"
#include "kriss/solve/scalar.hpp"
#include "kriss/solve/strand.hpp"

namespace kriss {

// Rows [begin, end) of y = F x; apply is null if F has no such form.
template <class T>
struct RowsMap {
    void* self = nullptr;
    void (*apply)(void* self, const T* x, T* y, index_t begin, index_t end) = nullptr;
    index_t reach = -1;  // the farthest column from the diagonal; -1 if not known
};

template <class T>
struct DelayedPass {
    index_t n = 0;
    int count = 0;                   // m
    const T* const* list = nullptr;  // (m) vectors of n items
    T* u = nullptr;                  // (n)
    T* w = nullptr;                  // (n)
    bool once = false;               // u needs no second orthogonalisation: its products with the list are left out
    RowsMap<T> product;              // w = F x on the way; null: w is there
    const T* x = nullptr;            // (n)
    const Wide<T>* of_u = nullptr;   // (m) coefficients to take off u
    const Wide<T>* of_w = nullptr;   // (m) coefficients to take off w
    Wide<T> cross = {};              // coefficient of the new u to take off w
    double scale_u = 1.0;            // u is multiplied by it at the end, w at the end
    double scale_w = 1.0;
};

}  // namespace kriss

KRISS_NAMESPACE_BEGIN

// The chunk that comes in the place of chunk c when every worker's share is done from its end.
KRISS_ALWAYS_INLINE index_t mirrored(index_t c, index_t chunks, index_t workers) {
    const index_t shares = workers < 1 ? 1 : workers < chunks ? workers : chunks;
    index_t k = c * shares / chunks;
    while (chunks * k / shares > c) {
        --k;
    }
    while (chunks * (k + 1) / shares <= c) {
        ++k;
    }
    return chunks * k / shares + chunks * (k + 1) / shares - 1 - c;
}

// lane[0..8) += x u, lane[8..16) += x w over a block, item by item as add_products. In registers by name: the compiler
// makes shuffles of the plain loops, at a tenth of the speed.
KRISS_ALWAYS_INLINE void add_two_products(const double* x, const double* u, const double* w, index_t n, double* lane) {
#if defined(__AVX512F__)
    constexpr int bytes = 64;
#elif defined(__AVX2__)
    constexpr int bytes = 32;
#else
    constexpr int bytes = 16;
#endif
    typedef double Pack __attribute__((vector_size(bytes)));
    typedef double Stored __attribute__((vector_size(bytes), aligned(8), may_alias));
    constexpr int each = bytes / static_cast<int>(sizeof(double));
    constexpr int packs = solve_lanes / each;
    const auto load = [](const double* p) -> Pack { return *reinterpret_cast<const Stored*>(p); };
    Pack s[packs];
    Pack t[packs];
    for (int k = 0; k < packs; ++k) {
        s[k] = load(lane + k * each);
        t[k] = load(lane + solve_lanes + k * each);
    }
    index_t i = 0;
    for (; i + solve_lanes <= n; i += solve_lanes) {
        for (int k = 0; k < packs; ++k) {
            const Pack a = load(x + i + k * each);
            s[k] += a * load(u + i + k * each);
            t[k] += a * load(w + i + k * each);
        }
    }
    for (int k = 0; k < packs; ++k) {
        *reinterpret_cast<Stored*>(lane + k * each) = s[k];
        *reinterpret_cast<Stored*>(lane + solve_lanes + k * each) = t[k];
    }
    for (int l = 0; i + l < n; ++l) {
        lane[l] += x[i + l] * u[i + l];
        lane[solve_lanes + l] += x[i + l] * w[i + l];
    }
}

// lane += conj(x) u, then conj(x) w behind it, over a block: x read once
template <class T>
KRISS_ALWAYS_INLINE void add_both_products(const T* x, const T* u, const T* w, index_t n, double* lane) {
    using W = Wide<T>;
    constexpr index_t size = sizeof(T) == sizeof(W) ? 1 : solve_block;
    W room[3][size];
    const W* const from = as_wide(x, n, room[0]);
    const W* const both[2] = {as_wide(u, n, room[1]), as_wide(w, n, room[2])};
    if constexpr (ScalarTraits<T>::is_complex) {
        add_conj_strands<1, 2>(&from, both, n, lane);
    } else {
        add_two_products(from, both[0], both[1], n, lane);
    }
}

inline constexpr int side_by_side = 32;  // vectors whose sums grow together, block after block of u and w

// out: (2 m + 1): list_j^H u for all j (0 if `once`), list_j^H w for all j, u^H w.  norms: ||u||^2
// (likewise), ||w||^2.  part: (chunk_count(n), 2 m + 3) scratch
template <class T>
void delayed_products(const DelayedPass<T>& f, Wide<T>* out, double* norms, Wide<T>* part, const Executor& ex) {
    constexpr int width = lane_width<T>;
    const int m = f.count;
    const int columns = 2 * m + 3;
    ex.parallel_for(f.n, solve_grain, [&f, part, m, columns](index_t begin, index_t end) {
        if (f.product.apply != nullptr) {
            f.product.apply(f.product.self, f.x, f.w, begin, end);
        }
        Wide<T>* mine = part + begin / solve_grain * columns;
        const T* const u = f.u;
        const T* const w = f.w;
        for (int from = 0; from < m; from += side_by_side) {
            const int some = from + side_by_side < m ? side_by_side : m - from;
            double lane[side_by_side * 2 * width];
            for (int l = 0; l < some * 2 * width; ++l) {
                lane[l] = 0.0;
            }
            for (index_t b = begin; b < end; b += solve_block) {
                const index_t size = b + solve_block < end ? solve_block : end - b;
                if (f.once) {
                    add_list_products(f.list + from, some, b, w + b, size, lane);
                } else {
                    for (int j = 0; j < some; ++j) {
                        add_both_products(f.list[from + j] + b, u + b, w + b, size, lane + j * 2 * width);
                    }
                }
            }
            for (int j = 0; j < some; ++j) {
                mine[from + j] = f.once ? Wide<T>{} : lanes_sum<T>(lane + 2 * j * width);
                mine[m + from + j] = lanes_sum<T>(lane + (f.once ? j : 2 * j + 1) * width);
            }
        }
        double lane[3 * width] = {};
        for (index_t b = begin; b < end; b += solve_block) {
            const index_t size = b + solve_block < end ? solve_block : end - b;
            const T* const of[2] = {u + b, w + b};
            add_conj_products<1>(of, w + b, size, lane);
            if (!f.once) {
                add_conj_products<1>(of, u + b, size, lane + width);
            }
            add_conj_products<1>(of + 1, w + b, size, lane + 2 * width);
        }
        for (int j = 0; j < 3; ++j) {
            mine[2 * m + j] = lanes_sum<T>(lane + j * width);
        }
    });
    const index_t chunks = chunk_count(f.n);
    for (int j = 0; j < columns; ++j) {
        Wide<T> s = {};
        for (index_t k = 0; k < chunks; ++k) {
            s = s + part[k * columns + j];
        }
        if (j <= 2 * m) {
            out[j] = s;
        } else {
            norms[j - 2 * m - 1] = real_of(s);
        }
    }
}

// u -= sum of of_u_j list_j, w -= sum of of_w_j list_j over m items from `at` on; u and w: item `at` of their vectors
template <class T>
KRISS_ALWAYS_INLINE void take_off_both(const DelayedPass<T>& f, index_t at, index_t m, T* u, T* w) {
    const T* from[4];
    T a[4];
    T c[4];
    for (int k = 0; k < f.count; k += 4) {
        const int some = f.count - k < 4 ? f.count - k : 4;
        for (int j = 0; j < some; ++j) {
            from[j] = f.list[k + j] + at;
            a[j] = -narrow<T>(f.of_u[k + j]);
            c[j] = -narrow<T>(f.of_w[k + j]);
        }
        switch (some) {
            case 4: add_terms_to_both<T, 4>(from, a, c, m, u, w); break;
            case 3: add_terms_to_both<T, 3>(from, a, c, m, u, w); break;
            case 2: add_terms_to_both<T, 2>(from, a, c, m, u, w); break;
            default: add_terms_to_both<T, 1>(from, a, c, m, u, w); break;
        }
    }
}

// Rows [b, b + size) of delayed_update
template <class T>
KRISS_ALWAYS_INLINE void update_rows(const DelayedPass<T>& f, index_t b, index_t size) {
    using R = typename ScalarTraits<T>::Real;
    T* const u = f.u + b;
    T* const w = f.w + b;
    if (f.once) {
        add_combination(f.list, f.of_w, f.count, true, b, size, w);
    } else {
        take_off_both(f, b, size, u, w);
    }
    finish_strands(static_cast<R>(f.scale_u), static_cast<R>(f.scale_w), narrow<T>(f.cross), size, u, w);
}

// u = scale_u (u - sum of_u_j list_j), then w = scale_w (w - sum of_w_j list_j - cross u); if `once`, of_u is 0.
// Returns ||w||^2.  part: (chunk_count(n)) scratch
template <class T>
double delayed_update(const DelayedPass<T>& f, Wide<T>* part, const Executor& ex) {
    const index_t chunks = chunk_count(f.n);
    ex.parallel_for(f.n, solve_grain, [&f, &ex, part, chunks](index_t first, index_t) {
        const index_t chunk = mirrored(first / solve_grain, chunks, ex.workers);
        const index_t begin = chunk * solve_grain;
        const index_t end = begin + solve_grain < f.n ? begin + solve_grain : f.n;
        for (index_t b = begin + (end - begin - 1) / solve_block * solve_block; b >= begin; b -= solve_block) {
            update_rows(f, b, b + solve_block < end ? solve_block : end - b);
        }
        double lane[lane_width<T>] = {};
        for (index_t b = begin; b < end; b += solve_block) {
            const T* const done = f.w + b;
            add_conj_products<1>(&done, done, b + solve_block < end ? solve_block : end - b, lane);
        }
        part[chunk] = lanes_sum<T>(lane);
    });
    double norm = 0.0;
    for (index_t k = 0; k < chunks; ++k) {
        norm += real_of(part[k]);
    }
    return norm;
}

KRISS_NAMESPACE_END
