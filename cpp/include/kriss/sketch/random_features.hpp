// Structured random features: z(x) with z(x)'z(y) close to a kernel k(x, y), the projection never stored.
//
// F. X. Yu, A. T. Suresh, K. M. Choromanski, D. N. Holtmann-Rice, S. Kumar, "Orthogonal random features", NIPS 2016,
// section 4: a random orthogonal matrix as the product H D1 H D2 H D3 of Walsh-Hadamard transforms and random signs,
// padded to a power of two. Row k of a block is stretched to a random length, so that it has the spectral density of
// the kernel: A. Rahimi, B. Recht, "Random features for large-scale kernel machines", NIPS 2007, theorem 1 (sine and
// cosine); Y. Cho, L. K. Saul, "Kernel methods for deep learning", NIPS 2009, equation 1 (step and ramp).
#pragma once

#include <cmath>
#include <cstdint>

#include "kriss/config.hpp"
#include "kriss/executor.hpp"
#include "kriss/math.hpp"
#include "kriss/sketch/fwht.hpp"
#include "kriss/view.hpp"

KRISS_NAMESPACE_BEGIN

// What makes features of a projection.
template <class T>
struct FeatureRules {
    FeatureMap map;
    T unit;
};

// cos and sin of p, in whole runs so that they vectorise; past trig_limit one by one.
template <class T>
KRISS_ALWAYS_INLINE void fourier_features(const T* KRISS_RESTRICT p, index_t count, T unit, T* KRISS_RESTRICT cosine,
                                          T* KRISS_RESTRICT sine) {
    T largest = T(0);
    for (index_t k = 0; k < count; ++k) {
        const T size = p[k] < T(0) ? -p[k] : p[k];
        largest = size > largest ? size : largest;
    }
    if (largest <= static_cast<T>(math::trig_limit)) {
        for (index_t k = 0; k < count; ++k) {
            const auto y = math::sincos_bounded(p[k]);
            cosine[k] = unit * y.cos;
            sine[k] = unit * y.sin;
        }
        return;
    }
    for (index_t k = 0; k < count; ++k) {
        const auto y = math::sincos(p[k]);
        cosine[k] = unit * y.cos;
        sine[k] = unit * y.sin;
    }
}

// One block of one row: work[0..p) = the padded x on entry; its first `count` projections on exit.
// signs: (3, p) of +-1, D3 first; 3 p (log2 p + 1) flops.
template <class T>
KRISS_ALWAYS_INLINE void orthogonal_block(index_t p, index_t count, const T* KRISS_RESTRICT signs,
                                          const T* KRISS_RESTRICT stretch, T* KRISS_RESTRICT work) {
    for (int round = 0; round < 3; ++round) {
        const T* d = signs + round * p;
        for (index_t i = 0; i < p; ++i) {
            work[i] *= d[i];
        }
        index_t kept = p;
        if (round == 2) {
            // Of the last transform only the first rows are wanted: the upper halves of its first levels go.
            while (kept / 2 >= count) {
                kept /= 2;
                for (index_t i = 0; i < kept; ++i) {
                    work[i] += work[i + kept];
                }
            }
        }
        fwht_line(work, kept);
    }
    for (index_t k = 0; k < count; ++k) {
        work[k] *= stretch[k];
    }
}

// out: (m, width) row-major; width is twice the frequencies for the Fourier map (cosines, then sines), else as many.
// x: (m, n) any strides; inverse: (n) factors of the columns; signs: (blocks, 3, p); stretch: (frequencies); works:
// (tasks, 2 p). Per row: reads n numbers, writes width, and blocks * 3 p signs from the second cache.
template <class In, class T>
void random_features(const View2<const In>& x, const T* inverse, index_t p, const T* signs, const T* stretch,
                     index_t frequencies, FeatureRules<T> rules, T* out, index_t tasks, T* works, const Executor& ex) {
    const index_t n = x.cols;
    const index_t width = rules.map == FeatureMap::fourier ? 2 * frequencies : frequencies;
    ex.parallel_for(tasks, 1, [=](index_t task, index_t) {
        T* from = works + task * 2 * p;
        T* work = from + p;
        for (index_t i = x.rows * task / tasks; i < x.rows * (task + 1) / tasks && !ex.interrupted(); ++i) {
            const In* row = x.data + i * x.row_stride;
            for (index_t j = 0; j < n; ++j) {
                from[j] = static_cast<T>(row[j * x.col_stride]) * inverse[j];
            }
            for (index_t j = n; j < p; ++j) {
                from[j] = T(0);
            }
            T* to = out + i * width;
            for (index_t k0 = 0; k0 < frequencies; k0 += p) {
                const index_t count = frequencies - k0 < p ? frequencies - k0 : p;
                for (index_t j = 0; j < p; ++j) {
                    work[j] = from[j];
                }
                orthogonal_block(p, count, signs + 3 * k0, stretch + k0, work);
                switch (rules.map) {
                    case FeatureMap::fourier:
                        fourier_features(work, count, rules.unit, to + k0, to + frequencies + k0);
                        break;
                    case FeatureMap::step:
                        for (index_t k = 0; k < count; ++k) {
                            to[k0 + k] = step_feature(work[k], k, rules.unit);
                        }
                        break;
                    case FeatureMap::ramp:
                        for (index_t k = 0; k < count; ++k) {
                            to[k0 + k] = ramp_feature(work[k], rules.unit);
                        }
                        break;
                    default:
                        for (index_t k = 0; k < count; ++k) {
                            to[k0 + k] = work[k] * rules.unit;
                        }
                }
            }
        }
    });
}

KRISS_NAMESPACE_END
