// Panels of a tall matrix, packed for the caches: a block of rows, converted to the working precision, its columns
// scaled, cut into strips of 8 columns. Strip s holds columns 8s..8s+7, row after row (8 numbers a row); what sticks
// out of the matrix is zero. Every tall kernel of this family works on such panels, whatever the order of the input.
#pragma once

#include "kriss/config.hpp"
#include "kriss/view.hpp"

KRISS_NAMESPACE_BEGIN

constexpr index_t strip_width = 8;

KRISS_ALWAYS_INLINE index_t strips(index_t cols) { return (cols + strip_width - 1) / strip_width; }

// Eight lanes as one value. The compiler lowers it to what the level has; lanes never mix, so all levels agree.
template <class T>
struct Lanes {
    typedef T type __attribute__((vector_size(8 * sizeof(T))));
    typedef T stored __attribute__((vector_size(8 * sizeof(T)), aligned(sizeof(T)), may_alias));
};

#define KRISS_CLANES(T, pointer) (*reinterpret_cast<const typename ::kriss::Lanes<T>::stored*>(pointer))

// The eight lanes in pieces as wide as a register of the level. Wider vectors than that are lawful, and what the
// compiler makes of them in a loop is slow; where it matters, loops run over the pieces. Lanes do not mix either way.
#if defined(__AVX512F__)
constexpr std::size_t register_bytes = 64;
#elif defined(__AVX2__)
constexpr std::size_t register_bytes = 32;
#else
constexpr std::size_t register_bytes = 16;
#endif

template <class T>
struct Piece {
    static constexpr int lanes = static_cast<int>(register_bytes / sizeof(T) < 8 ? register_bytes / sizeof(T) : 8);
    static constexpr int count = 8 / lanes;
    typedef T type __attribute__((vector_size(lanes * sizeof(T))));
    typedef T stored __attribute__((vector_size(lanes * sizeof(T)), aligned(sizeof(T)), may_alias));
    KRISS_ALWAYS_INLINE static type load(const T* p) { return *reinterpret_cast<const stored*>(p); }
    KRISS_ALWAYS_INLINE static void store(T* p, type x) { *reinterpret_cast<stored*>(p) = x; }
};

// out[8 * i + c] = column[c][i] for 8 x 8 numbers: four squares of 4 x 4, as shuffles of wider vectors become many.
template <class T>
KRISS_ALWAYS_INLINE void transpose8(const T* const* column, index_t i, T* out) {
    typedef T V __attribute__((vector_size(4 * sizeof(T))));
    typedef T Stored __attribute__((vector_size(4 * sizeof(T)), aligned(sizeof(T)), may_alias));
    for (int c = 0; c < 8; c += 4) {
        for (int r = 0; r < 8; r += 4) {
            V a[4];
            for (int k = 0; k < 4; ++k) {
                a[k] = *reinterpret_cast<const Stored*>(column[c + k] + i + r);
            }
            const V even0 = __builtin_shufflevector(a[0], a[1], 0, 4, 2, 6);
            const V odd0 = __builtin_shufflevector(a[0], a[1], 1, 5, 3, 7);
            const V even1 = __builtin_shufflevector(a[2], a[3], 0, 4, 2, 6);
            const V odd1 = __builtin_shufflevector(a[2], a[3], 1, 5, 3, 7);
            T* to = out + 8 * r + c;
            *reinterpret_cast<Stored*>(to) = __builtin_shufflevector(even0, even1, 0, 1, 4, 5);
            *reinterpret_cast<Stored*>(to + 8) = __builtin_shufflevector(odd0, odd1, 0, 1, 4, 5);
            *reinterpret_cast<Stored*>(to + 16) = __builtin_shufflevector(even0, even1, 2, 3, 6, 7);
            *reinterpret_cast<Stored*>(to + 24) = __builtin_shufflevector(odd0, odd1, 2, 3, 6, 7);
        }
    }
}

// Eight neighbours converted, times factor[0..8), by pieces.
template <class In, class Out>
KRISS_ALWAYS_INLINE void pack_row(const In* in, const Out* factor, Out* out) {
    using P = Piece<Out>;
    typedef In Stored __attribute__((vector_size(P::lanes * sizeof(In)), aligned(sizeof(In)), may_alias));
#pragma GCC unroll 4
    for (int v = 0; v < P::count; ++v) {
        const auto piece = *reinterpret_cast<const Stored*>(in + v * P::lanes);
        P::store(out + v * P::lanes, __builtin_convertvector(piece, typename P::type) * P::load(factor + v * P::lanes));
    }
}

// One strip: rows [i0, i0 + rows) and columns [c0, c0 + 8) of a, times scale (one number per column, or null), to
// out: (padded, 8); rows past `rows` are zero.
template <class In, class Out>
KRISS_ALWAYS_INLINE void pack_strip(const View2<const In>& a, index_t i0, index_t rows, index_t padded, index_t c0,
                                    const double* scale, Out* KRISS_RESTRICT out) {
    const index_t width = a.cols - c0 < strip_width ? a.cols - c0 : strip_width;
    Out factor[strip_width];
    for (index_t c = 0; c < strip_width; ++c) {
        factor[c] = scale != nullptr && c < width ? static_cast<Out>(scale[c0 + c]) : Out(1);
    }
    const In* first = a.data + i0 * a.row_stride + c0 * a.col_stride;
    if (width == strip_width && a.col_stride == 1) {
        for (index_t i = 0; i < rows; ++i) {
            pack_row(first + i * a.row_stride, factor, out + 8 * i);
        }
    } else if (width == strip_width && a.row_stride == 1) {
        const In* column[8];
        for (index_t c = 0; c < 8; ++c) {
            column[c] = first + c * a.col_stride;
        }
        index_t i = 0;
        for (; i + 8 <= rows; i += 8) {
            In square[64];
            transpose8(column, i, square);
            for (index_t j = 0; j < 8; ++j) {
                pack_row(square + 8 * j, factor, out + 8 * (i + j));
            }
        }
        for (; i < rows; ++i) {
            for (index_t c = 0; c < 8; ++c) {
                out[8 * i + c] = static_cast<Out>(column[c][i]) * factor[c];
            }
        }
    } else if (a.row_stride == 1) {
        for (index_t c = 0; c < strip_width; ++c) {
            const In* column = first + (c < width ? c : 0) * a.col_stride;
            const Out times = c < width ? factor[c] : Out(0);
            for (index_t i = 0; i < rows; ++i) {
                out[8 * i + c] = c < width ? static_cast<Out>(column[i]) * times : Out(0);
            }
        }
    } else {
        for (index_t i = 0; i < rows; ++i) {
            for (index_t c = 0; c < strip_width; ++c) {
                out[8 * i + c] =
                    c < width ? static_cast<Out>(first[i * a.row_stride + c * a.col_stride]) * factor[c] : Out(0);
            }
        }
    }
    for (index_t i = 8 * rows; i < 8 * padded; ++i) {
        out[i] = Out(0);
    }
}

// All strips of a block of rows, strip after strip: out: (strips(n), padded, 8). A row-major matrix is read row by row,
// as memory likes it; strips of it would be read a cache line at a time.
template <class In, class Out>
KRISS_ALWAYS_INLINE void pack_panel(const View2<const In>& a, index_t i0, index_t rows, index_t padded,
                                    const double* scale, Out* KRISS_RESTRICT out) {
    const index_t full = a.cols / strip_width;
    const index_t strip = strip_width * padded;
    if (a.col_stride == 1 && full > 0 && (scale == nullptr || sizeof(Out) == sizeof(double))) {
        const Out ones[strip_width] = {1, 1, 1, 1, 1, 1, 1, 1};
        const Out* factor = scale != nullptr ? reinterpret_cast<const Out*>(scale) : ones;
        for (index_t i = 0; i < rows; ++i) {
            const In* row = a.data + (i0 + i) * a.row_stride;
            Out* to = out + strip_width * i;
            for (index_t s = 0; s < full; ++s) {
                pack_row(row + strip_width * s, factor + (scale != nullptr ? strip_width * s : 0), to + s * strip);
            }
            if (full * strip_width < a.cols) {
                for (index_t c = 0; c < strip_width; ++c) {
                    const index_t j = full * strip_width + c;
                    to[full * strip + c] =
                        j < a.cols ? static_cast<Out>(row[j]) * (scale != nullptr ? static_cast<Out>(scale[j]) : Out(1))
                                   : Out(0);
                }
            }
        }
        for (index_t s = 0; s < strips(a.cols); ++s) {
            for (index_t i = strip_width * rows; i < strip; ++i) {
                out[s * strip + i] = Out(0);
            }
        }
        return;
    }
    for (index_t s = 0; s < strips(a.cols); ++s) {
        pack_strip(a, i0, rows, padded, strip_width * s, scale, out + s * strip);
    }
}

KRISS_NAMESPACE_END
