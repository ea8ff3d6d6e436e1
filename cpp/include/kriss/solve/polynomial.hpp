// One step of a polynomial in a matrix applied to a vector: the product fused with everything around it.
//
// Chebyshev's recurrence (Y. Saad, "Iterative Methods for Sparse Linear Systems", 2nd ed., SIAM 2003, algorithm 12.1),
// a Horner rule (N. Doikov, A. Rodomanov, "Polynomial preconditioning for gradient methods", ICML 2023, section 3) and
// a product of factors 1 - A / theta (J. A. Loe, R. B. Morgan, "Toward efficient polynomial preconditioning for GMRES",
// Numer. Linear Algebra Appl. 29 (2022), algorithms 2 and 3) are all made of
//     v = d (c r + e A x) + a x + b y,     z += zx x + zv v,
// row by row, some of the terms missing. Rows of the product wait in the first-level cache for the rest of their step.
//
// Bytes per step in float64, S = traffic of the coefficients of A (12 nnz + 4 n for CSR with int32 indices):
//     Chebyshev        S + 40 n with a diagonal d, S + 32 n without      x 8, y 8, r 8, d 8, v over y 8
//                      (the first step: 8 n less, as there is no y)
//     Horner           S + 24 n                                         x 8, r 8, v 8
//     real root        S + 32 n                                         x 8, v 8, z 16
//     pair of roots    2 S + 56 n                                       x 8, v 8, z 16; x 8, y over v 16
// and 2 nnz + (3 to 7) n flops.
#pragma once

#include "kriss/config.hpp"
#include "kriss/executor.hpp"
#include "kriss/solve/reduce.hpp"
#include "kriss/solve/spmv.hpp"
#include "kriss/solve/stencil.hpp"
#include "kriss/view.hpp"

namespace kriss {

template <class T>
struct PolyStep {
    const T* x = nullptr;  // (n), between as many zeros as the storage of A asks for
    const T* y = nullptr;  // (n) or null
    const T* r = nullptr;  // (n) or null
    const T* d = nullptr;  // (n) or null for 1
    T* v = nullptr;        // (n), may be y but not x; null: not stored
    T* z = nullptr;        // (n) or null
    T a = T(0), b = T(0), c = T(1), e = T(-1);
    T zx = T(0), zv = T(0);
    bool fresh = false;         // z is set, not added to
    const T* dotted = nullptr;  // (n): the inner product of this with z (v if z is null) is wanted
};

}  // namespace kriss

KRISS_NAMESPACE_BEGIN

// m rows from `at`; v: their part of A x on entry
template <class T, bool R, bool D, bool Y>
KRISS_ALWAYS_INLINE void poly_values(const PolyStep<T>& s, index_t at, index_t m, T* KRISS_RESTRICT v) {
    const T* KRISS_RESTRICT x = s.x + at;
    const T* KRISS_RESTRICT r = R ? s.r + at : nullptr;
    const T* KRISS_RESTRICT d = D ? s.d + at : nullptr;
    const T* KRISS_RESTRICT y = Y ? s.y + at : nullptr;
    const T a = s.a, b = s.b, c = s.c, e = s.e;
    for (index_t i = 0; i < m; ++i) {
        T w = e * v[i];
        if constexpr (R) {
            w = c * r[i] + w;
        }
        if constexpr (D) {
            w = d[i] * w;
        }
        w = w + a * x[i];
        if constexpr (Y) {
            w = w + b * y[i];
        }
        v[i] = w;
    }
}

template <class T>
KRISS_ALWAYS_INLINE void poly_block(const PolyStep<T>& s, index_t at, index_t m, T* KRISS_RESTRICT v) {
    const int form = (s.r != nullptr ? 4 : 0) + (s.d != nullptr ? 2 : 0) + (s.y != nullptr ? 1 : 0);
    switch (form) {
        case 7: poly_values<T, true, true, true>(s, at, m, v); break;
        case 6: poly_values<T, true, true, false>(s, at, m, v); break;
        case 5: poly_values<T, true, false, true>(s, at, m, v); break;
        case 4: poly_values<T, true, false, false>(s, at, m, v); break;
        case 1: poly_values<T, false, false, true>(s, at, m, v); break;
        default: poly_values<T, false, false, false>(s, at, m, v); break;
    }
    if (s.v != nullptr) {
        T* KRISS_RESTRICT out = s.v + at;
        for (index_t i = 0; i < m; ++i) {
            out[i] = v[i];
        }
    }
    if (s.z == nullptr) {
        return;
    }
    T* KRISS_RESTRICT z = s.z + at;
    const T* KRISS_RESTRICT x = s.x + at;
    const T zx = s.zx, zv = s.zv;
    if (s.fresh) {
        for (index_t i = 0; i < m; ++i) {
            z[i] = zx * x[i] + zv * v[i];
        }
    } else {
        for (index_t i = 0; i < m; ++i) {
            z[i] = z[i] + (zx * x[i] + zv * v[i]);
        }
    }
}

// rows(begin, m, x, v): v = the rows begin ... begin + m of A x, m at most solve_block.
// part: (chunk_count(n)) scratch. Returns dotted'z, 0 if not wanted.
template <class T, class Rows>
KRISS_ALWAYS_INLINE double poly_rows(index_t n, const PolyStep<T>& s, double* part, const Executor& ex,
                                     const Rows& rows) {
    ex.parallel_for(n, solve_grain, [&s, part, &rows](index_t begin, index_t end) {
        double lane[solve_lanes] = {};
        T v[solve_block];
        double wide_x[solve_block];
        double wide_y[solve_block];
        for (index_t b = begin; b < end; b += solve_block) {
            const index_t m = b + solve_block < end ? solve_block : end - b;
            rows(b, m, s.x, static_cast<T*>(v));
            poly_block(s, b, m, static_cast<T*>(v));
            if (s.dotted != nullptr) {
                const T* const out = s.z != nullptr ? s.z + b : static_cast<const T*>(v);
                add_products(as_double(s.dotted + b, m, wide_x), as_double(out, m, wide_y), m, lane);
            }
        }
        part[begin / solve_grain] = lane_sum(lane);
    });
    return s.dotted != nullptr ? chunk_sum(part, chunk_count(n)) : 0.0;
}

template <class T, class I>
double poly_step_csr(const CsrView<T, I>& a, const PolyStep<T>& s, double* part, const Executor& ex) {
    return poly_rows<T>(a.rows, s, part, ex, [&a](index_t begin, index_t m, const T* x, T* v) {
        const CsrView<T, I> some{m, a.cols, a.indptr + begin, a.indices, a.data};
        csr_rows(some, 0, m, x, v);
    });
}

template <class T>
double poly_step_diagonals(const DiagonalView<T>& a, const PolyStep<T>& s, double* part, const Executor& ex) {
    return poly_rows<T>(a.n, s, part, ex, [&a](index_t begin, index_t m, const T* x, T* v) {
        diagonal_block(terms_of(a), begin, m, x, v);
    });
}

// out = c d r (d null: c r); returns r'out.  16 n bytes in float64, 24 n with d
template <class T>
double poly_start(index_t n, T c, const T* d, const T* r, T* out, double* part, const Executor& ex) {
    ex.parallel_for(n, solve_grain, [=](index_t begin, index_t end) {
        for (index_t i = begin; i < end; ++i) {
            out[i] = d != nullptr ? c * (d[i] * r[i]) : c * r[i];
        }
        part[begin / solve_grain] = dot_chunk(r + begin, out + begin, end - begin);
    });
    return chunk_sum(part, chunk_count(n));
}

KRISS_NAMESPACE_END
