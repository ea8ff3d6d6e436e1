// The Walsh-Hadamard transform y = H x, H[i][j] = (-1)^popcount(i & j), in the natural (Hadamard) order, unscaled.
//
// B. J. Fino, V. R. Algazi, "Unified matrix treatment of the fast Walsh-Hadamard transform", IEEE Trans. Comput. C-25
// (1976), section II. n log2(n) additions. Levels run from the widest butterfly, stride n/2, to the narrowest; three of
// them share a pass over the data, and the halves are finished one after the other once they fit a cache. None of this
// changes which numbers are added: the result is the same bits as that of the plain loop over the levels.
#pragma once

#include "kriss/config.hpp"
#include "kriss/executor.hpp"
#include "kriss/sketch/hadamard.hpp"
#include "kriss/sketch/panel.hpp"

KRISS_NAMESPACE_BEGIN

constexpr index_t fwht_block = 4096;  // a strip of 8 columns of so many float64 numbers is 256 KiB

// One register of numbers. Lanes never mix in a pass, so its width changes no result.
#if defined(__AVX__)
constexpr index_t fwht_bytes = 32;
#else
constexpr index_t fwht_bytes = 16;
#endif
template <class T>
struct FwhtLanes {
    static constexpr index_t width = fwht_bytes / static_cast<index_t>(sizeof(T));
    typedef T type __attribute__((vector_size(fwht_bytes)));
    typedef T stored __attribute__((vector_size(fwht_bytes), aligned(sizeof(T)), may_alias));
};
#define KRISS_FWHT_LANES(T, pointer) (*reinterpret_cast<typename FwhtLanes<T>::stored*>(pointer))

// The levels of strides (Radix / 2) apart, ..., apart on `count` neighbours, a multiple of 8: x[r apart + q], r <
// Radix, q < count. Reads and writes Radix count numbers once.
template <int Radix, class T>
KRISS_ALWAYS_INLINE void fwht_levels(T* x, index_t apart, index_t count) {
    for (index_t q = 0; q < count; q += FwhtLanes<T>::width) {
        typename FwhtLanes<T>::type a[Radix];
        for (int r = 0; r < Radix; ++r) {
            a[r] = KRISS_FWHT_LANES(T, x + r * apart + q);
        }
        fwht_butterfly<Radix>(a);
        for (int r = 0; r < Radix; ++r) {
            KRISS_FWHT_LANES(T, x + r * apart + q) = a[r];
        }
    }
}

// The same for one neighbour.
template <int Radix, class T>
KRISS_ALWAYS_INLINE void fwht_levels(T* x, index_t apart) {
    T a[Radix];
    for (int r = 0; r < Radix; ++r) {
        a[r] = x[r * apart];
    }
    fwht_butterfly<Radix>(a);
    for (int r = 0; r < Radix; ++r) {
        x[r * apart] = a[r];
    }
}

// The levels of strides n / 2, n / 4, ..., 8 over n >= 8 numbers: the transform of n / 8 rows of 8 columns each.
template <class T>
void fwht_rows(T* x, index_t n) {
    if (n >= 64) {
        const index_t part = n / 8;
        fwht_levels<8>(x, part, part);
        if (part > 8) {
            for (int r = 0; r < 8; ++r) {
                fwht_rows(x + r * part, part);
            }
        }
    } else if (n == 32) {
        fwht_levels<4>(x, 8, 8);
    } else if (n == 16) {
        fwht_levels<2>(x, 8, 8);
    }
}

// Strides 4, 2 and 1 of n / 8 groups of eight.
#if defined(__AVX__)
KRISS_ALWAYS_INLINE void fwht_eights(float* x, index_t n) {
    using V = FwhtLanes<float>::type;
    for (index_t i = 0; i < n; i += 8) {
        V a = KRISS_FWHT_LANES(float, x + i);
        V b = __builtin_shufflevector(a, a, 4, 5, 6, 7, 0, 1, 2, 3);
        a = __builtin_shufflevector(a + b, b - a, 0, 1, 2, 3, 12, 13, 14, 15);
        b = __builtin_shufflevector(a, a, 2, 3, 0, 1, 6, 7, 4, 5);
        a = __builtin_shufflevector(a + b, b - a, 0, 1, 10, 11, 4, 5, 14, 15);
        b = __builtin_shufflevector(a, a, 1, 0, 3, 2, 5, 4, 7, 6);
        KRISS_FWHT_LANES(float, x + i) = __builtin_shufflevector(a + b, b - a, 0, 9, 2, 11, 4, 13, 6, 15);
    }
}
KRISS_ALWAYS_INLINE void fwht_eights(double* x, index_t n) {
    using V = FwhtLanes<double>::type;
    for (index_t i = 0; i < n; i += 8) {
        const V low = KRISS_FWHT_LANES(double, x + i);
        const V high = KRISS_FWHT_LANES(double, x + i + 4);
        for (int half = 0; half < 2; ++half) {
            V a = half == 0 ? low + high : low - high;
            V b = __builtin_shufflevector(a, a, 2, 3, 0, 1);
            a = __builtin_shufflevector(a + b, b - a, 0, 1, 6, 7);
            b = __builtin_shufflevector(a, a, 1, 0, 3, 2);
            KRISS_FWHT_LANES(double, x + i + 4 * half) = __builtin_shufflevector(a + b, b - a, 0, 5, 2, 7);
        }
    }
}
#else
template <class T>
KRISS_ALWAYS_INLINE void fwht_eights(T* x, index_t n) {
    for (index_t i = 0; i < n; i += 8) {
        fwht_levels<8>(x + i, index_t{1});
    }
}
#endif

// One contiguous line of n numbers, n a power of two.
template <class T>
void fwht_line(T* x, index_t n) {
    if (n > fwht_block) {
        const index_t part = n / 8;
        fwht_levels<8>(x, part, part);
        for (int r = 0; r < 8; ++r) {
            fwht_line(x + r * part, part);
        }
    } else if (n >= 8) {
        fwht_rows(x, n);
        fwht_eights(x, n);
    } else if (n == 4) {
        fwht_levels<4>(x, index_t{1});
    } else if (n == 2) {
        fwht_levels<2>(x, index_t{1});
    }
}

// A batch of lines in place: x[o outer_stride + i stride + j inner_stride], transformed along i < n for all o < outer
// and j < inner, then multiplied by scale. Strides are any that do not overlap.
template <class T>
struct FwhtBatch {
    T* data;
    index_t outer, n, inner;
    index_t outer_stride, stride, inner_stride;
    T scale;
};

// How many workspaces of fwht_space(n) numbers fwht_batch wants; affects no result.
KRISS_ALWAYS_INLINE index_t fwht_space(index_t n) { return strip_width * (n < fwht_block ? n : fwht_block); }

// `count` neighbours of the three levels that are `apart`, 2 apart and 4 apart.
template <class T>
KRISS_ALWAYS_INLINE void fwht_wide_run(T* x, index_t apart, index_t count) {
    const index_t whole = count / 8 * 8;
    fwht_levels<8>(x, apart, whole);
    for (index_t q = whole; q < count; ++q) {
        fwht_levels<8>(x + q, apart);
    }
}

// One pass of three levels over one block at x: places q0 to q1 of its eighths, which are `part` long.
template <class T>
KRISS_ALWAYS_INLINE void fwht_wide(const FwhtBatch<T>& b, T* x, index_t part, index_t q0, index_t q1) {
    const index_t apart = part * b.stride;
    if (b.inner_stride == 1 && b.inner > 1) {
        for (index_t q = q0; q < q1; ++q) {
            fwht_wide_run(x + q * b.stride, apart, b.inner);
        }
        return;
    }
    for (index_t j = 0; j < b.inner; ++j) {
        T* line = x + j * b.inner_stride;
        if (b.stride == 1) {
            fwht_wide_run(line + q0, apart, q1 - q0);
            continue;
        }
        for (index_t q = q0; q < q1; ++q) {
            fwht_levels<8>(line + q * b.stride, apart);
        }
    }
}

// The levels within `len` neighbours of up to eight lines, j0 and following; work: fwht_space(len).
template <class T>
KRISS_ALWAYS_INLINE void fwht_strip(const FwhtBatch<T>& b, T* KRISS_RESTRICT x, index_t len, index_t j0,
                                    T* KRISS_RESTRICT work) {
    const index_t width = b.inner - j0 < strip_width ? b.inner - j0 : strip_width;
    T* first = x + j0 * b.inner_stride;
    if (b.stride == 1) {
        for (index_t c = 0; c < width; ++c) {
            T* line = first + c * b.inner_stride;
            fwht_line(line, len);
            if (b.scale != T(1)) {
                for (index_t i = 0; i < len; ++i) {
                    line[i] *= b.scale;
                }
            }
        }
        return;
    }
    if (width == 1) {
        for (index_t i = 0; i < len; ++i) {
            work[i] = first[i * b.stride];
        }
        fwht_line(work, len);
        for (index_t i = 0; i < len; ++i) {
            first[i * b.stride] = work[i] * b.scale;
        }
        return;
    }
    if (width == strip_width && b.inner_stride == 1) {
        for (index_t i = 0; i < len; ++i) {
            for (index_t c = 0; c < strip_width; ++c) {
                work[strip_width * i + c] = first[i * b.stride + c];
            }
        }
        fwht_rows(work, strip_width * len);
        for (index_t i = 0; i < len; ++i) {
            for (index_t c = 0; c < strip_width; ++c) {
                first[i * b.stride + c] = work[strip_width * i + c] * b.scale;
            }
        }
        return;
    }
    for (index_t i = 0; i < len; ++i) {
        for (index_t c = 0; c < strip_width; ++c) {
            work[strip_width * i + c] = c < width ? first[i * b.stride + c * b.inner_stride] : T(0);
        }
    }
    fwht_rows(work, strip_width * len);
    for (index_t i = 0; i < len; ++i) {
        for (index_t c = 0; c < width; ++c) {
            first[i * b.stride + c * b.inner_stride] = work[strip_width * i + c] * b.scale;
        }
    }
}

// Passes over memory: one per three levels above fwht_block, and one for all levels below; 16 bytes per number and pass
// in float64. spaces: (tasks, fwht_space(n)).
template <class T>
void fwht_batch(const FwhtBatch<T>& b, index_t tasks, T* spaces, const Executor& ex) {
    index_t len = b.n;
    while (len > fwht_block) {
        const index_t part = len / 8;
        const index_t grain = b.inner >= 1024 ? 1 : 1024 / b.inner;
        const index_t chunks = (part + grain - 1) / grain;
        const index_t blocks = b.n / len;
        ex.parallel_for(b.outer * blocks * chunks, 1, [=](index_t begin, index_t end) {
            for (index_t k = begin; k < end; ++k) {
                const index_t q0 = k % chunks * grain;
                const index_t q1 = q0 + grain < part ? q0 + grain : part;
                const index_t block = k / chunks;
                T* x = b.data + block / blocks * b.outer_stride + block % blocks * len * b.stride;
                fwht_wide(b, x, part, q0, q1);
            }
        });
        if (ex.interrupted()) {
            return;
        }
        len = part;
    }
    const index_t blocks = b.n / len;
    const index_t columns = strips(b.inner);
    const index_t items = b.outer * blocks * columns;
    ex.parallel_for(tasks, 1, [=](index_t task, index_t) {
        T* work = spaces + task * fwht_space(b.n);
        for (index_t k = items * task / tasks; k < items * (task + 1) / tasks && !ex.interrupted(); ++k) {
            const index_t block = k / columns;
            T* x = b.data + block / blocks * b.outer_stride + block % blocks * len * b.stride;
            fwht_strip(b, x, len, k % columns * strip_width, work);
        }
    });
}

KRISS_NAMESPACE_END
