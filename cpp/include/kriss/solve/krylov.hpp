// The one vector pass that all Krylov methods are made of:
//     y = beta y + c_1 v_1 + ... + c_m v_m,   then   out_j = w_j^H y  and  ||y||^2,
// so that a vector that has just been formed is still in cache when its inner products are taken. Orthogonalising
// against m vectors twice (classical Gram-Schmidt with reorthogonalisation: L. Giraud, J. Langou, M. Rozloznik, "The
// loss of orthogonality in the Gram-Schmidt orthogonalization process", Comput. Math. Appl. 50 (2005), section 3) is
// three such passes instead of 2 m.
//
// Bytes in float64: 8 n per distinct v or w, 16 n for y (8 n if it is not read or not written).
//
// Sums are kept in double (Cplx<double>) in the chunks and lanes of solve/reduce.hpp: bits do not depend on the number
// of workers. y is formed in working precision, the terms added in the order of the list.
#pragma once

#include "kriss/config.hpp"
#include "kriss/executor.hpp"
#include "kriss/solve/reduce.hpp"
#include "kriss/solve/scalar.hpp"
#include "kriss/solve/strand.hpp"
#include "kriss/view.hpp"

namespace kriss {

inline constexpr int max_terms = 64;  // vectors in one pass

template <class T>
struct FusedPass {
    index_t n = 0;
    int terms = 0;               // m
    const T* v[max_terms] = {};  // (n) each
    T c[max_terms] = {};
    T beta = {};     // y is not read if beta is 0 and terms > 0, not written if beta is 1 and terms = 0
    T* y = nullptr;  // (n)
    int dots = 0;
    const T* w[max_terms] = {};  // (n) each; y itself is allowed
    bool norm = false;           // wanted: ||y||^2
};

}  // namespace kriss

KRISS_NAMESPACE_BEGIN

template <class T>
KRISS_ALWAYS_INLINE bool is_zero(T a) {
    return a == T(0);
}
template <class R>
KRISS_ALWAYS_INLINE bool is_zero(Cplx<R> a) {
    return a.re == R(0) && a.im == R(0);
}
template <class T>
KRISS_ALWAYS_INLINE bool is_one(T a) {
    return a == T(1);
}
template <class R>
KRISS_ALWAYS_INLINE bool is_one(Cplx<R> a) {
    return a.re == R(1) && a.im == R(0);
}

// y += sum of c_j v_j over m items from `at` on, with `minus` y -= sum. Four at a time, the terms in order; `far` if
// the v_j outgrow the caches. c: (count) of T or of the type of sums; y: item `at` of its vector
template <class T, class C>
KRISS_ALWAYS_INLINE void add_combination(const T* const* v, const C* c, int count, bool minus, bool far, index_t at,
                                         index_t m, T* y) {
    const T* from[4];
    const T* next[4];
    T by[4];
    for (int k = 0; k < count; k += 4) {
        const int some = count - k < 4 ? count - k : 4;
        take_vectors<4>(v, k, count, at, from);
        take_vectors<4>(v, k + 4, count, at, next);
        for (int j = 0; j < some; ++j) {
            by[j] = minus ? -narrow<T>(widen(c[k + j])) : narrow<T>(widen(c[k + j]));
        }
        switch (some) {
            case 4: add_terms<T, 4>(from, by, m, y, far ? next : nullptr); break;
            case 3: add_terms<T, 3>(from, by, m, y, far ? next : nullptr); break;
            case 2: add_terms<T, 2>(from, by, m, y, far ? next : nullptr); break;
            default: add_terms<T, 1>(from, by, m, y, far ? next : nullptr); break;
        }
    }
}

template <class T>
KRISS_ALWAYS_INLINE void combine_block(const FusedPass<T>& f, index_t at, index_t m, T* y) {
    if (f.terms == 0 && is_one(f.beta)) {
        return;
    }
    if (is_zero(f.beta)) {
        for (index_t i = 0; i < m; ++i) {
            y[i] = T{};
        }
    } else if (!is_one(f.beta)) {
        scale_strands(f.beta, m, y);
    }
    add_combination(f.v, f.c, f.terms, false, outgrow<T>(f.n, f.terms), at, m, y);
}

// x as numbers of the type of sums: x itself, or converted into room for solve_block items
KRISS_ALWAYS_INLINE const double* as_wide(const double* x, index_t, double*) { return x; }
KRISS_ALWAYS_INLINE const double* as_wide(const float* x, index_t m, double* room) { return as_double(x, m, room); }
KRISS_ALWAYS_INLINE const Cplx<double>* as_wide(const Cplx<double>* x, index_t, Cplx<double>*) { return x; }
KRISS_ALWAYS_INLINE const Cplx<double>* as_wide(const Cplx<float>* KRISS_RESTRICT x, index_t m,
                                                Cplx<double>* KRISS_RESTRICT room) {
    for (index_t i = 0; i < m; ++i) {
        room[i] = {static_cast<double>(x[i].re), static_cast<double>(x[i].im)};
    }
    return room;
}

// Lanes of the sums of one product: see solve/strand.hpp.
template <class T>
inline constexpr int lane_width = ScalarTraits<T>::is_complex ? 2 * solve_lanes : solve_lanes;

// lane += conj(x_p) y_q over a block of at most solve_block items, for Xs vectors x_p and Ys vectors y_q, each read
// once; next: Xs more x, or null.  lane: (Xs, Ys, lane_width)
template <int Xs, int Ys = 1, class T>
KRISS_ALWAYS_INLINE void add_conj_products(const T* const* x, const T* const* y, index_t m, double* lane,
                                           const T* const* next = nullptr) {
    using W = Wide<T>;
    constexpr bool same = sizeof(T) == sizeof(W);
    constexpr index_t size = same ? 1 : solve_block;
    W room[Xs + Ys][size];
    const W* from[Xs];
    const W* to[Ys];
    for (int p = 0; p < Xs; ++p) {
        from[p] = as_wide(x[p], m, room[p]);
    }
    for (int q = 0; q < Ys; ++q) {
        to[q] = as_wide(y[q], m, room[Xs + q]);
    }
    const W* const* more = nullptr;
    if constexpr (same) {
        more = next;
    }
    if constexpr (ScalarTraits<T>::is_complex) {
        add_conj_strands<Xs, Ys>(from, to, m, lane, more);
    } else {
        add_product_strands<Xs, Ys>(from, to, m, lane, more);
    }
}

// lane += conj(list_j) y_q for all of a list, as many at a time as the registers take; `far` if it outgrows the caches.
// list_j: from item `at` on; lane: (count, Ys, lane_width)
template <int Ys = 1, class T>
KRISS_ALWAYS_INLINE void add_list_products(const T* const* list, int count, bool far, index_t at, const T* const* y,
                                           index_t m, double* lane) {
    constexpr int of_complex = Ys == 1 ? complex_abreast : 1;
    constexpr int of_reals = Ys == 1 ? reals_abreast : reals_abreast_twice;
    constexpr int abreast = ScalarTraits<T>::is_complex ? of_complex : of_reals;
    constexpr int width = Ys * lane_width<T>;
    const T* x[abreast];
    const T* next[abreast];
    int j = 0;
    for (; j + abreast <= count; j += abreast) {
        take_vectors<abreast>(list, j, count, at, x);
        take_vectors<abreast>(list, j + abreast, count, at, next);
        add_conj_products<abreast, Ys>(x, y, m, lane + j * width, far ? next : nullptr);
    }
    for (; j < count; ++j) {
        take_vectors<1>(list, j, count, at, x);
        add_conj_products<1, Ys>(x, y, m, lane + j * width);
    }
}

template <class T>
KRISS_ALWAYS_INLINE Wide<T> lanes_sum(const double* lane) {
    if constexpr (ScalarTraits<T>::is_complex) {
        double re[solve_lanes / 2];
        double im[solve_lanes / 2];
        for (int l = 0; l < solve_lanes / 2; ++l) {
            re[l] = lane[2 * l] + lane[2 * l + 1];
            im[l] = lane[solve_lanes + 2 * l] - lane[solve_lanes + 2 * l + 1];
        }
        return {(re[0] + re[2]) + (re[1] + re[3]), (im[0] + im[2]) + (im[1] + im[3])};
    } else {
        return lane_sum(lane);
    }
}

// out: (dots); part: (chunk_count(n), dots + 1) scratch. Returns ||y||^2 if wanted, else 0.
template <class T>
double fused_pass(const FusedPass<T>& f, Wide<T>* out, Wide<T>* part, const Executor& ex) {
    constexpr int width = lane_width<T>;
    const int columns = f.dots + 1;
    ex.parallel_for(f.n, solve_grain, [&f, part, columns](index_t begin, index_t end) {
        double lane[(max_terms + 1) * width];
        for (int k = 0; k < columns * width; ++k) {
            lane[k] = 0.0;
        }
        for (index_t b = begin; b < end; b += solve_block) {
            const index_t m = b + solve_block < end ? solve_block : end - b;
            combine_block(f, b, m, f.y + b);
            const T* const y = f.y + b;
            add_list_products(f.w, f.dots, outgrow<T>(f.n, f.dots), b, &y, m, lane);
            if (f.norm) {
                add_conj_products<1>(&y, &y, m, lane + f.dots * width);
            }
        }
        Wide<T>* mine = part + begin / solve_grain * columns;
        for (int j = 0; j < columns; ++j) {
            mine[j] = lanes_sum<T>(lane + j * width);
        }
    });
    const index_t count = chunk_count(f.n);
    double norm = 0.0;
    for (int j = 0; j < columns; ++j) {
        Wide<T> s = {};
        for (index_t k = 0; k < count; ++k) {
            s = s + part[k * columns + j];
        }
        if (j < f.dots) {
            out[j] = s;
        } else {
            norm = real_of(s);
        }
    }
    return norm;
}

// z = d * r, item by item
template <class T>
void scale_items(index_t n, const T* d, const T* r, T* z, const Executor& ex) {
    ex.parallel_for(n, solve_grain, [=](index_t begin, index_t end) {
        multiply_strands(d + begin, r + begin, end - begin, z + begin);
    });
}

// Rows [begin, end) of y = A x for a CSR matrix of any of the four types: as csr_rows of solve/spmv.hpp
template <class T, class I>
void any_csr_rows(const CsrView<T, I>& a, const T* x, T* y, index_t begin, index_t end) {
    index_t k = a.indptr[begin];
    for (index_t i = begin; i < end; ++i) {
        const index_t stop = a.indptr[i + 1];
        T s{};
        for (; k < stop; ++k) {
            s = plus_product(s, a.data[k], x[a.indices[k]]);
        }
        y[i] = s;
    }
}

// y = A x
template <class T, class I>
void any_csr_matvec(const CsrView<T, I>& a, const T* x, T* y, const Executor& ex) {
    ex.parallel_for(a.rows, solve_grain, [&a, x, y](index_t begin, index_t end) { any_csr_rows(a, x, y, begin, end); });
}

KRISS_NAMESPACE_END
