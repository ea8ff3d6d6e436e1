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

// Items a chunk leaves behind: the products of delayed_products and the squared norm of delayed_update.
KRISS_ALWAYS_INLINE int delayed_columns(int count) { return 2 * count + 4; }

// Lanes of the products of one of the list with [u and] w.
template <class T>
KRISS_ALWAYS_INLINE int delayed_width(const DelayedPass<T>& f) {
    return f.once ? lane_width<T> : 2 * lane_width<T>;
}

// lane += the products of `some` of the list, from number `first` on, with [u and] w over rows [b, b + size).
// lane: (some, delayed_width)
template <class T>
KRISS_ALWAYS_INLINE void add_delayed(const DelayedPass<T>& f, int first, int some, index_t b, index_t size,
                                     double* lane) {
    const T* const of[2] = {f.u + b, f.w + b};
    const bool far = outgrow<T>(f.n, f.count);
    if (f.once) {
        add_list_products(f.list + first, some, far, b, of + 1, size, lane);
    } else {
        add_list_products<2>(f.list + first, some, far, b, of, size, lane);
    }
}

// lane += u^H w, u^H u, w^H w over rows [b, b + size).  lane: (3, lane_width)
template <class T>
KRISS_ALWAYS_INLINE void add_delayed_own(const DelayedPass<T>& f, index_t b, index_t size, double* lane) {
    const T* const of[2] = {f.u + b, f.w + b};
    add_conj_products<1>(of, of + 1, size, lane);
    if (!f.once) {
        add_conj_products<1>(of, of, size, lane + lane_width<T>);
    }
    add_conj_products<1>(of + 1, of + 1, size, lane + 2 * lane_width<T>);
}

// The sums of add_delayed among those of its chunk.  mine: (delayed_columns)
template <class T>
KRISS_ALWAYS_INLINE void store_delayed(const DelayedPass<T>& f, int first, int some, const double* lane,
                                       Wide<T>* mine) {
    for (int j = 0; j < some; ++j) {
        const double* const of = lane + j * delayed_width(f);
        mine[first + j] = f.once ? Wide<T>{} : lanes_sum<T>(of);
        mine[f.count + first + j] = lanes_sum<T>(f.once ? of : of + lane_width<T>);
    }
}
template <class T>
KRISS_ALWAYS_INLINE void store_delayed_own(const DelayedPass<T>& f, const double* lane, Wide<T>* mine) {
    for (int j = 0; j < 3; ++j) {
        mine[2 * f.count + j] = lanes_sum<T>(lane + j * lane_width<T>);
    }
}

inline constexpr int side_by_side = 32;  // vectors whose sums grow together, block after block of u and w

// The products of one chunk, rows [begin, end), after its rows of F x.  mine: (delayed_columns)
template <class T>
void delayed_chunk(const DelayedPass<T>& f, index_t begin, index_t end, Wide<T>* mine) {
    constexpr int width = lane_width<T>;
    if (f.product.apply != nullptr) {
        f.product.apply(f.product.self, f.x, f.w, begin, end);
    }
    for (int first = 0; first < f.count; first += side_by_side) {
        const int some = first + side_by_side < f.count ? side_by_side : f.count - first;
        double lane[side_by_side * 2 * width];
        for (int l = 0; l < some * 2 * width; ++l) {
            lane[l] = 0.0;
        }
        for (index_t b = begin; b < end; b += solve_block) {
            add_delayed(f, first, some, b, b + solve_block < end ? solve_block : end - b, lane);
        }
        store_delayed(f, first, some, lane, mine);
    }
    double lane[3 * width] = {};
    for (index_t b = begin; b < end; b += solve_block) {
        add_delayed_own(f, b, b + solve_block < end ? solve_block : end - b, lane);
    }
    store_delayed_own(f, lane, mine);
}

// The sums of the chunks in order.  part: (chunks, delayed_columns); out, norms: as of delayed_products
template <class T>
void sum_delayed(const DelayedPass<T>& f, const Wide<T>* part, Wide<T>* out, double* norms) {
    const index_t chunks = chunk_count(f.n);
    for (int j = 0; j < 2 * f.count + 3; ++j) {
        Wide<T> s = {};
        for (index_t k = 0; k < chunks; ++k) {
            s = s + part[k * delayed_columns(f.count) + j];
        }
        if (j <= 2 * f.count) {
            out[j] = s;
        } else {
            norms[j - 2 * f.count - 1] = real_of(s);
        }
    }
}

// out: (2 m + 1): list_j^H u for all j (0 if `once`), list_j^H w for all j, u^H w.  norms: ||u||^2
// (likewise), ||w||^2.  part: (chunk_count(n), delayed_columns) scratch
template <class T>
void delayed_products(const DelayedPass<T>& f, Wide<T>* out, double* norms, Wide<T>* part, const Executor& ex) {
    ex.parallel_for(f.n, solve_grain, [&f, part](index_t begin, index_t end) {
        delayed_chunk(f, begin, end, part + begin / solve_grain * delayed_columns(f.count));
    });
    sum_delayed(f, part, out, norms);
}

// u -= sum of of_u_j list_j, w -= sum of of_w_j list_j over m items from `at` on; u and w: item `at` of their vectors
template <class T>
KRISS_ALWAYS_INLINE void take_off_both(const DelayedPass<T>& f, index_t at, index_t m, T* u, T* w) {
    const T* from[4];
    const T* next[4];
    T a[4];
    T c[4];
    const bool far = outgrow<T>(f.n, f.count);
    for (int k = 0; k < f.count; k += 4) {
        const int some = f.count - k < 4 ? f.count - k : 4;
        take_vectors<4>(f.list, k, f.count, at, from);
        take_vectors<4>(f.list, k + 4, f.count, at, next);
        for (int j = 0; j < some; ++j) {
            a[j] = -narrow<T>(f.of_u[k + j]);
            c[j] = -narrow<T>(f.of_w[k + j]);
        }
        switch (some) {
            case 4: add_terms_to_both<T, 4>(from, a, c, m, u, w, far ? next : nullptr); break;
            case 3: add_terms_to_both<T, 3>(from, a, c, m, u, w, far ? next : nullptr); break;
            case 2: add_terms_to_both<T, 2>(from, a, c, m, u, w, far ? next : nullptr); break;
            default: add_terms_to_both<T, 1>(from, a, c, m, u, w, far ? next : nullptr); break;
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
        add_combination(f.list, f.of_w, f.count, true, outgrow<T>(f.n, f.count), b, size, w);
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
            add_conj_products<1>(&done, &done, b + solve_block < end ? solve_block : end - b, lane);
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
