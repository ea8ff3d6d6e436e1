// Panels of K columns: their sums, and their products with a matrix a few rows at a time.
//
// A panel is (n, K), row-major, so that the K numbers of a row lie side by side. The columns do not mix, and every sum
// of a column runs over the same chunks and lanes as in solve/reduce.hpp: a column of a panel has the bits of a single
// vector. With K = 1 a panel is a vector.
//
// Products are summed as in solve/spmv.hpp and solve/stencil.hpp (Y. Saad, "Iterative Methods for Sparse Linear
// Systems", 2nd ed., SIAM 2003, section 3.4). Per row and column they cost 2 flops per entry, and 1/K of the traffic of
// the coefficients.
#pragma once

#include "kriss/config.hpp"
#include "kriss/executor.hpp"
#include "kriss/solve/reduce.hpp"
#include "kriss/solve/spmv.hpp"
#include "kriss/solve/stencil.hpp"
#include "kriss/view.hpp"

namespace kriss {

inline constexpr int max_columns = 8;

// `rows` rows of y = A x from row `begin` on; y: their place, or a room for them. Row i reads the rows i - reach to
// i + reach of x, of which those outside [0, n) must be zeros if the matrix is held by diagonals.
template <class T>
struct PanelProduct {
    const void* self = nullptr;
    void (*apply)(const void* self, index_t begin, index_t rows, const T* x, T* y) = nullptr;
    index_t reach = 0;
};

}  // namespace kriss

KRISS_NAMESPACE_BEGIN

template <int K>
inline constexpr index_t panel_block = solve_block / K;  // rows that pass through the first-level cache together

// lane[l * K + c] += sum of x[i, c] y[i, c] over the rows i = l mod 8 of a chunk whose first row is a multiple of 8.
// Sixteen sums at a time stay in registers.
template <class T, int K>
KRISS_ALWAYS_INLINE void add_rows(const T* KRISS_RESTRICT x, const T* KRISS_RESTRICT y, index_t rows,
                                  double* KRISS_RESTRICT lane) {
    constexpr int group = solve_lanes * K;
    constexpr int some = group < 16 ? group : 16;
    const index_t size = rows * K;
    const index_t whole = size / group * group;
    for (int g = 0; g < group; g += some) {
        double s[some];
        for (int l = 0; l < some; ++l) {
            s[l] = lane[g + l];
        }
        for (index_t t = g; t < whole; t += group) {
            for (int l = 0; l < some; ++l) {
                s[l] += static_cast<double>(x[t + l]) * static_cast<double>(y[t + l]);
            }
        }
        for (int l = 0; l < some; ++l) {
            lane[g + l] = s[l];
        }
    }
    for (int l = 0; whole + l < size; ++l) {
        lane[l] += static_cast<double>(x[whole + l]) * static_cast<double>(y[whole + l]);
    }
}

// out[c] = the sum of the lanes of column c
template <int K>
KRISS_ALWAYS_INLINE void column_sums(const double* lane, double* out) {
    for (int c = 0; c < K; ++c) {
        double s[solve_lanes];
        for (int l = 0; l < solve_lanes; ++l) {
            s[l] = lane[l * K + c];
        }
        out[c] = lane_sum(s);
    }
}

// part: (chunks, width) -> out: (width), each column summed in order
KRISS_ALWAYS_INLINE void chunk_sums(const double* part, index_t count, int width, double* out) {
    for (int c = 0; c < width; ++c) {
        double s = 0.0;
        for (index_t k = 0; k < count; ++k) {
            s += part[k * width + c];
        }
        out[c] = s;
    }
}

#if defined(KRISS_HAVE_VECTOR_TYPES)
template <class T, int W>
struct VectorOf {
    typedef T type __attribute__((vector_size(W * sizeof(T)), aligned(alignof(T)), may_alias));
};
template <class T>
struct VectorOf<T, 1> {
    using type = T;
};
#endif

// The K numbers of a row in vector registers. Left to itself the compiler vectorises loops over rows and columns along
// the rows, and spends its time on shuffles.
template <class T, int K>
struct PanelRow {
#if defined(__AVX512F__)
    static constexpr int native = 64 / static_cast<int>(sizeof(T));
#elif defined(__AVX__)
    static constexpr int native = 32 / static_cast<int>(sizeof(T));
#else
    static constexpr int native = 16 / static_cast<int>(sizeof(T));
#endif
    static constexpr int width = K < native ? K : native;
    static constexpr int parts = K / width;
#if defined(KRISS_HAVE_VECTOR_TYPES)
    using Part = typename VectorOf<T, width>::type;
    Part v[parts];

    KRISS_ALWAYS_INLINE static PanelRow load(const T* x) {
        PanelRow out;
        for (int j = 0; j < parts; ++j) {
            out.v[j] = *reinterpret_cast<const Part*>(x + j * width);
        }
        return out;
    }
    KRISS_ALWAYS_INLINE void store(T* x) const {
        for (int j = 0; j < parts; ++j) {
            *reinterpret_cast<Part*>(x + j * width) = v[j];
        }
    }
#else
    T v[K];

    static PanelRow load(const T* x) {
        PanelRow out;
        for (int j = 0; j < K; ++j) {
            out.v[j] = x[j];
        }
        return out;
    }
    void store(T* x) const {
        for (int j = 0; j < K; ++j) {
            x[j] = v[j];
        }
    }
#endif
    static constexpr int count = static_cast<int>(sizeof(v) / sizeof(v[0]));

    KRISS_ALWAYS_INLINE static PanelRow zero() { return PanelRow{}; }
    // this + c x, and this + c x item by item
    KRISS_ALWAYS_INLINE void add(T c, const PanelRow& x) {
        for (int j = 0; j < count; ++j) {
            v[j] = v[j] + c * x.v[j];
        }
    }
    KRISS_ALWAYS_INLINE void add(const PanelRow& c, const PanelRow& x) {
        for (int j = 0; j < count; ++j) {
            v[j] = v[j] + c.v[j] * x.v[j];
        }
    }
    KRISS_ALWAYS_INLINE void scale(T c) {
        for (int j = 0; j < count; ++j) {
            v[j] = c * v[j];
        }
    }
};

// y[i, :] = sum_k a_ik x[k, :]
template <class T, class I, int K>
void csr_panel_rows(const void* self, index_t begin, index_t rows, const T* x, T* y) {
    const auto& a = *static_cast<const CsrView<T, I>*>(self);
    if constexpr (K == 1) {
        csr_rows(a, begin, begin + rows, x, y - begin);
        return;
    }
    const I* KRISS_RESTRICT indices = a.indices;
    const T* KRISS_RESTRICT data = a.data;
    index_t k = a.indptr[begin];
    for (index_t i = 0; i < rows; ++i) {
        const index_t stop = a.indptr[begin + i + 1];
        PanelRow<T, K> s = PanelRow<T, K>::zero();
        for (; k < stop; ++k) {
            s.add(data[k], PanelRow<T, K>::load(x + static_cast<index_t>(indices[k]) * K));
        }
        s.store(y + i * K);
    }
}

// y (+)= the Count diagonals from number k on, all of them constants
template <class T, int K, int Count, bool First>
KRISS_ALWAYS_INLINE void constant_diagonals(const DiagonalView<T>& d, int k, index_t begin, index_t rows, const T* x,
                                            T* KRISS_RESTRICT y) {
    const T* KRISS_RESTRICT shifted[Count];
    T constant[Count];
    for (int j = 0; j < Count; ++j) {
        shifted[j] = x + (begin + d.offset[k + j]) * K;
        constant[j] = d.constant[k + j];
    }
    const index_t size = rows * K;
    for (index_t t = 0; t < size; ++t) {
        T s = First ? T(0) : y[t];
        for (int j = 0; j < Count; ++j) {
            s += constant[j] * shifted[j][t];
        }
        y[t] = s;
    }
}

// the same for any mixture of constants and streams
template <class T, int K, int Count, bool First>
KRISS_ALWAYS_INLINE void mixed_diagonals(const DiagonalView<T>& d, int k, index_t begin, index_t rows, const T* x,
                                         T* KRISS_RESTRICT y) {
    const T* KRISS_RESTRICT shifted[Count];
    const T* KRISS_RESTRICT factor[Count];
    index_t step[Count];
    for (int j = 0; j < Count; ++j) {
        const bool stream = d.stream[k + j] != nullptr;
        shifted[j] = x + (begin + d.offset[k + j]) * K;
        factor[j] = stream ? d.stream[k + j] + begin : d.constant + k + j;
        step[j] = stream ? 1 : 0;
    }
    for (index_t i = 0; i < rows; ++i) {
        PanelRow<T, K> s = First ? PanelRow<T, K>::zero() : PanelRow<T, K>::load(y + i * K);
        for (int j = 0; j < Count; ++j) {
            s.add(factor[j][i * step[j]], PanelRow<T, K>::load(shifted[j] + i * K));
        }
        s.store(y + i * K);
    }
}

template <class T, int K, int Count, bool First>
KRISS_ALWAYS_INLINE void panel_diagonals(const DiagonalView<T>& d, int k, index_t begin, index_t rows, const T* x,
                                         T* y) {
    bool streams = false;
    for (int j = 0; j < Count; ++j) {
        streams = streams || d.stream[k + j] != nullptr;
    }
    if (streams) {
        mixed_diagonals<T, K, Count, First>(d, k, begin, rows, x, y);
    } else {
        constant_diagonals<T, K, Count, First>(d, k, begin, rows, x, y);
    }
}

// At most panel_block<K> rows by diagonals, from the lowest to the highest: five in the first pass, then four at a
// time.
template <class T, int K>
void diagonal_panel_rows(const void* self, index_t begin, index_t rows, const T* x, T* y) {
    const auto& d = *static_cast<const DiagonalView<T>*>(self);
    if constexpr (K == 1) {
        diagonal_block(terms_of(d), begin, rows, x, y);
    } else {
        int k = d.count < 5 ? d.count : 5;
        switch (k) {
            case 1: panel_diagonals<T, K, 1, true>(d, 0, begin, rows, x, y); break;
            case 2: panel_diagonals<T, K, 2, true>(d, 0, begin, rows, x, y); break;
            case 3: panel_diagonals<T, K, 3, true>(d, 0, begin, rows, x, y); break;
            case 4: panel_diagonals<T, K, 4, true>(d, 0, begin, rows, x, y); break;
            default: panel_diagonals<T, K, 5, true>(d, 0, begin, rows, x, y);
        }
        for (; k + 4 <= d.count; k += 4) {
            panel_diagonals<T, K, 4, false>(d, k, begin, rows, x, y);
        }
        switch (d.count - k) {
            case 3: panel_diagonals<T, K, 3, false>(d, k, begin, rows, x, y); break;
            case 2: panel_diagonals<T, K, 2, false>(d, k, begin, rows, x, y); break;
            case 1: panel_diagonals<T, K, 1, false>(d, k, begin, rows, x, y); break;
            default: break;
        }
    }
}

KRISS_NAMESPACE_END
