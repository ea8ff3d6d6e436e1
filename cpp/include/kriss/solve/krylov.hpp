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

// y = (First: beta y or 0; else y) + sum of Count terms, over m items
template <class T, int Count>
KRISS_ALWAYS_INLINE void add_terms(const FusedPass<T>& f, int k, index_t at, index_t m, T* KRISS_RESTRICT y) {
    const T* KRISS_RESTRICT v[Count];
    T c[Count];
    for (int j = 0; j < Count; ++j) {
        v[j] = f.v[k + j] + at;
        c[j] = f.c[k + j];
    }
    index_t i = 0;
    if constexpr (ScalarTraits<T>::is_complex) {
        const T* from[Count];
        for (int j = 0; j < Count; ++j) {
            from[j] = v[j];
        }
        i = add_strands<typename ScalarTraits<T>::Real, Count>(from, c, m, y);
    }
    for (; i < m; ++i) {
        T s = y[i];
        for (int j = 0; j < Count; ++j) {
            s = s + c[j] * v[j][i];
        }
        y[i] = s;
    }
}

template <class T>
KRISS_ALWAYS_INLINE void combine_block(const FusedPass<T>& f, index_t at, index_t m, T* KRISS_RESTRICT y) {
    if (f.terms == 0 && is_one(f.beta)) {
        return;
    }
    if (is_zero(f.beta)) {
        for (index_t i = 0; i < m; ++i) {
            y[i] = T{};
        }
    } else if (!is_one(f.beta)) {
        const T beta = f.beta;
        for (index_t i = 0; i < m; ++i) {
            y[i] = beta * y[i];
        }
    }
    int k = 0;
    for (; k + 4 <= f.terms; k += 4) {
        add_terms<T, 4>(f, k, at, m, y);
    }
    switch (f.terms - k) {
        case 3: add_terms<T, 3>(f, k, at, m, y); break;
        case 2: add_terms<T, 2>(f, k, at, m, y); break;
        case 1: add_terms<T, 1>(f, k, at, m, y); break;
        default: break;
    }
}

// lane += conj(x) y over a block: lanes 0..7 hold real parts, 8..15 imaginary parts
template <class T>
KRISS_ALWAYS_INLINE void add_conj_products(const T* x, const T* y, index_t m, double* lane) {
    if constexpr (ScalarTraits<T>::is_complex && sizeof(T) == sizeof(Cplx<double>)) {
        add_conj_strands<1>(x, &y, m, lane);
    } else if constexpr (ScalarTraits<T>::is_complex) {
        double s[solve_lanes];
        double t[solve_lanes];
        for (int l = 0; l < solve_lanes; ++l) {
            s[l] = lane[l];
            t[l] = lane[solve_lanes + l];
        }
        const auto one = [&](index_t i, int l) {
            const double a = static_cast<double>(x[i].re);
            const double b = static_cast<double>(x[i].im);
            const double c = static_cast<double>(y[i].re);
            const double d = static_cast<double>(y[i].im);
            s[l] += a * c + b * d;
            t[l] += a * d - b * c;
        };
        index_t i = 0;
        for (; i + solve_lanes <= m; i += solve_lanes) {
            for (int l = 0; l < solve_lanes; ++l) {
                one(i + l, l);
            }
        }
        for (int l = 0; i + l < m; ++l) {
            one(i + l, l);
        }
        for (int l = 0; l < solve_lanes; ++l) {
            lane[l] = s[l];
            lane[solve_lanes + l] = t[l];
        }
    } else {
        double wide_x[solve_block];
        double wide_y[solve_block];
        add_products(as_double(x, m, wide_x), as_double(y, m, wide_y), m, lane);
    }
}

template <class T>
KRISS_ALWAYS_INLINE Wide<T> lanes_sum(const double* lane) {
    if constexpr (ScalarTraits<T>::is_complex) {
        return {lane_sum(lane), lane_sum(lane + solve_lanes)};
    } else {
        return lane_sum(lane);
    }
}

// out: (dots); part: (chunk_count(n), dots + 1) scratch. Returns ||y||^2 if wanted, else 0.
template <class T>
double fused_pass(const FusedPass<T>& f, Wide<T>* out, Wide<T>* part, const Executor& ex) {
    constexpr int width = ScalarTraits<T>::is_complex ? 2 * solve_lanes : solve_lanes;
    const int columns = f.dots + 1;
    ex.parallel_for(f.n, solve_grain, [&f, part, columns](index_t begin, index_t end) {
        double lane[(max_terms + 1) * width];
        for (int k = 0; k < columns * width; ++k) {
            lane[k] = 0.0;
        }
        for (index_t b = begin; b < end; b += solve_block) {
            const index_t m = b + solve_block < end ? solve_block : end - b;
            combine_block(f, b, m, f.y + b);
            for (int j = 0; j < f.dots; ++j) {
                add_conj_products(f.w[j] + b, static_cast<const T*>(f.y + b), m, lane + j * width);
            }
            if (f.norm) {
                add_conj_products(static_cast<const T*>(f.y + b), static_cast<const T*>(f.y + b), m,
                                  lane + f.dots * width);
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
void scale_items(index_t n, const T* KRISS_RESTRICT d, const T* KRISS_RESTRICT r, T* KRISS_RESTRICT z,
                 const Executor& ex) {
    ex.parallel_for(n, solve_grain, [=](index_t begin, index_t end) {
        for (index_t i = begin; i < end; ++i) {
            z[i] = d[i] * r[i];
        }
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
            s = s + a.data[k] * x[a.indices[k]];
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
