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
// directions, so that the second begins where the caches still hold what the first has just read.
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
};

template <class T>
struct DelayedPass {
    index_t n = 0;
    int count = 0;                   // m
    const T* const* list = nullptr;  // (m) vectors of n items
    T* u = nullptr;                  // (n)
    T* w = nullptr;                  // (n)
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

// lane += conj(x) u, then conj(x) w behind it, over a block: as add_conj_products, x read once
template <class T>
KRISS_ALWAYS_INLINE void add_both_products(const T* x, const T* u, const T* w, index_t n, double* lane) {
    if constexpr (!ScalarTraits<T>::is_complex) {
        double room[3][solve_block];
        add_two_products(as_double(x, n, room[0]), as_double(u, n, room[1]), as_double(w, n, room[2]), n, lane);
    } else if constexpr (sizeof(T) == sizeof(Cplx<double>)) {
        const T* const both[2] = {u, w};
        add_conj_strands<2>(x, both, n, lane);
    } else {
        add_conj_products(x, u, n, lane);
        add_conj_products(x, w, n, lane + 2 * solve_lanes);
    }
}

inline constexpr int side_by_side = 32;  // vectors whose sums grow together, block after block of u and w

// out: (2 m + 1): list_j^H u for all j, list_j^H w for all j, u^H w.  norms: ||u||^2, ||w||^2
// part: (chunk_count(n), 2 m + 3) scratch
template <class T>
void delayed_products(const DelayedPass<T>& f, Wide<T>* out, double* norms, Wide<T>* part, const Executor& ex) {
    constexpr int width = ScalarTraits<T>::is_complex ? 2 * solve_lanes : solve_lanes;
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
            const int to = from + side_by_side < m ? from + side_by_side : m;
            double lane[side_by_side][2 * width];
            for (int j = 0; j < to - from; ++j) {
                for (int l = 0; l < 2 * width; ++l) {
                    lane[j][l] = 0.0;
                }
            }
            for (index_t b = begin; b < end; b += solve_block) {
                const index_t size = b + solve_block < end ? solve_block : end - b;
                for (int j = from; j < to; ++j) {
                    add_both_products(f.list[j] + b, u + b, w + b, size, lane[j - from]);
                }
            }
            for (int j = from; j < to; ++j) {
                mine[j] = lanes_sum<T>(lane[j - from]);
                mine[m + j] = lanes_sum<T>(lane[j - from] + width);
            }
        }
        double lane[3 * width] = {};
        for (index_t b = begin; b < end; b += solve_block) {
            const index_t size = b + solve_block < end ? solve_block : end - b;
            add_conj_products(u + b, w + b, size, lane);
            add_conj_products(u + b, u + b, size, lane + width);
            add_conj_products(w + b, w + b, size, lane + 2 * width);
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

// u -= sum of Count terms, w -= sum of Count terms, over n items; v read once
template <class T, int Count>
KRISS_ALWAYS_INLINE void take_off(const T* const* list, const Wide<T>* of_u, const Wide<T>* of_w, index_t at, index_t n,
                                  T* KRISS_RESTRICT u, T* KRISS_RESTRICT w) {
    const T* KRISS_RESTRICT v[Count];
    T a[Count];
    T c[Count];
    for (int j = 0; j < Count; ++j) {
        v[j] = list[j] + at;
        a[j] = narrow<T>(of_u[j]);
        c[j] = narrow<T>(of_w[j]);
    }
    index_t i = 0;
    if constexpr (ScalarTraits<T>::is_complex) {
        const T* from[Count];
        for (int j = 0; j < Count; ++j) {
            from[j] = v[j];
        }
        i = subtract_strands<typename ScalarTraits<T>::Real, Count>(from, a, c, n, u, w);
    }
    for (; i < n; ++i) {
        T s = u[i];
        T t = w[i];
        for (int j = 0; j < Count; ++j) {
            s = s - a[j] * v[j][i];
            t = t - c[j] * v[j][i];
        }
        u[i] = s;
        w[i] = t;
    }
}

// u = scale_u (u - sum of_u_j list_j), then w = scale_w (w - sum of_w_j list_j - cross u). Returns ||w||^2.
// part: (chunk_count(n)) scratch
template <class T>
double delayed_update(const DelayedPass<T>& f, Wide<T>* part, const Executor& ex) {
    constexpr int width = ScalarTraits<T>::is_complex ? 2 * solve_lanes : solve_lanes;
    using R = typename ScalarTraits<T>::Real;
    const index_t chunks = chunk_count(f.n);
    ex.parallel_for(f.n, solve_grain, [&f, &ex, part, chunks](index_t first, index_t) {
        const index_t chunk = mirrored(first / solve_grain, chunks, ex.workers);
        const index_t begin = chunk * solve_grain;
        const index_t end = begin + solve_grain < f.n ? begin + solve_grain : f.n;
        const R scale_u = static_cast<R>(f.scale_u);
        const R scale_w = static_cast<R>(f.scale_w);
        const T cross = narrow<T>(f.cross);
        double lane[width] = {};
        for (index_t b = begin; b < end; b += solve_block) {
            const index_t size = b + solve_block < end ? solve_block : end - b;
            T* KRISS_RESTRICT u = f.u + b;
            T* KRISS_RESTRICT w = f.w + b;
            int j = 0;
            for (; j + 4 <= f.count; j += 4) {
                take_off<T, 4>(f.list + j, f.of_u + j, f.of_w + j, b, size, u, w);
            }
            switch (f.count - j) {
                case 3: take_off<T, 3>(f.list + j, f.of_u + j, f.of_w + j, b, size, u, w); break;
                case 2: take_off<T, 2>(f.list + j, f.of_u + j, f.of_w + j, b, size, u, w); break;
                case 1: take_off<T, 1>(f.list + j, f.of_u + j, f.of_w + j, b, size, u, w); break;
                default: break;
            }
            for (index_t i = 0; i < size; ++i) {
                const T s = scale_u * u[i];
                u[i] = s;
                w[i] = scale_w * (w[i] - cross * s);
            }
            add_conj_products(static_cast<const T*>(w), static_cast<const T*>(w), size, lane);
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
