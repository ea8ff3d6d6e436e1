// Interpolation of a nine-point stencil from a small network, as python/kriss/solve/learned/_network.py describes it.
//
// At points between two coarse ones the network returns the logit of a share, at points between four the logits of
// their shares, of the row sum of Dendy's interpolation (J. E. Dendy, "Black box multigrid", J. Comput. Phys. 48
// (1982), section 2); the idea of weights from local coefficients: D. Greenfeld, M. Galun, R. Kimmel, I. Yavneh, R.
// Basri, "Learning to optimize multigrid PDE solvers", ICML 2019, section 3. Logits are q times those of Dendy's
// weights plus g.
//
// Blocks of up to 64 points go through both layers while their features and activations are in the first-level cache:
// 830 flops per point and orientation, 6.7 kflop per coarse point in all eight; 200 bytes per coarse point.
#pragma once

#include "kriss/math.hpp"
#include "kriss/solve/box_grid.hpp"

namespace kriss {

inline constexpr int net_hidden = 16;
inline constexpr int net_inputs = 8;
inline constexpr index_t net_block = 64;
inline constexpr index_t net_lanes = 16;  // lines of coarse grids are short: a block is filled up to a multiple of this
// w1 (hidden, inputs), b1, w2 (hidden, hidden), b2, w3 (2, hidden), b3
inline constexpr int net_size = net_hidden * (net_inputs + 1) + net_hidden * (net_hidden + 1) + 2 * (net_hidden + 1);

}  // namespace kriss

KRISS_NAMESPACE_BEGIN

inline constexpr double net_floor = 1e-6;  // of a weight whose logarithm is taken

KRISS_ALWAYS_INLINE index_t net_filled(index_t many) { return (many + net_lanes - 1) / net_lanes * net_lanes; }

// Features left, right, up, down, upper left, upper right, lower left, lower right; what each is in a reflected view.
inline constexpr int net_views[4][net_inputs] = {
    {0, 1, 2, 3, 4, 5, 6, 7}, {1, 0, 2, 3, 5, 4, 7, 6}, {0, 1, 3, 2, 6, 7, 4, 5}, {1, 0, 3, 2, 7, 6, 5, 4}};

#ifdef KRISS_HAVE_VECTOR_TYPES
typedef float NetLanes __attribute__((vector_size(4 * net_lanes)));
typedef float NetStored __attribute__((vector_size(4 * net_lanes), aligned(sizeof(float)), may_alias));
#endif

// R rows of out = w in + b, negative numbers and NaN set to 0 if `Rectify`, at the points from `p` on: net_lanes of
// them. w: (R, K), in: K rows of net_block numbers, as out. Left to itself the compiler sums up one point after the
// other.
template <int K, int R, bool Rectify>
KRISS_ALWAYS_INLINE void net_rows(index_t p, const float* w, const float* b, const float* const* in, float* out) {
#ifdef KRISS_HAVE_VECTOR_TYPES
    NetLanes s[R];
    for (int h = 0; h < R; ++h) {
        s[h] = NetLanes{} + b[h];
    }
    for (int k = 0; k < K; ++k) {
        const NetLanes x = *reinterpret_cast<const NetStored*>(in[k] + p);
        for (int h = 0; h < R; ++h) {
            s[h] += x * w[h * K + k];
        }
    }
    for (int h = 0; h < R; ++h) {
        *reinterpret_cast<NetStored*>(out + h * net_block + p) = Rectify ? (s[h] > 0.0F ? s[h] : NetLanes{}) : s[h];
    }
#else
    for (int h = 0; h < R; ++h) {
        for (index_t l = p; l < p + net_lanes; ++l) {
            float s = b[h];
            for (int k = 0; k < K; ++k) {
                s += w[h * K + k] * in[k][l];
            }
            out[h * net_block + l] = Rectify ? (s > 0.0F ? s : 0.0F) : s;
        }
    }
#endif
}

template <int K, int Rows, bool Rectify>
KRISS_ALWAYS_INLINE void net_layer(index_t size, const float* w, const float* b, const float* const* in, float* out) {
    constexpr int R = Rows < 4 ? Rows : 4;
    for (int h = 0; h < Rows; h += R) {
        for (index_t p = 0; p < size; p += net_lanes) {
            net_rows<K, R, Rectify>(p, w + h * K, b + h, in, out + h * net_block);
        }
    }
}

// out: (2, block): g and q before its sigmoid.  f: (8, block)
KRISS_NOINLINE inline void net_evaluate(index_t size, const float* net, const float* f, const int* view, float* out) {
    float first[net_hidden * net_block];
    float second[net_hidden * net_block];
    const float* in[net_hidden];
    for (int k = 0; k < net_inputs; ++k) {
        in[k] = f + view[k] * net_block;
    }
    const float* w = net;
    net_layer<net_inputs, net_hidden, true>(size, w, w + net_hidden * net_inputs, in, first);
    w += net_hidden * (net_inputs + 1);
    for (int k = 0; k < net_hidden; ++k) {
        in[k] = first + k * net_block;
    }
    net_layer<net_hidden, net_hidden, true>(size, w, w + net_hidden * net_hidden, in, second);
    w += net_hidden * (net_hidden + 1);
    for (int k = 0; k < net_hidden; ++k) {
        in[k] = second + k * net_block;
    }
    net_layer<net_hidden, 2, false>(size, w, w + 2 * net_hidden, in, out);
}

KRISS_ALWAYS_INLINE double net_sigmoid(double x) { return 1.0 / (1.0 + math::exp(-x)); }

// In a loop of its own: next to the floor the compiler branches for the logarithm of that, and no vector is left.
KRISS_ALWAYS_INLINE void net_logarithms(index_t size, double* v) {
    for (index_t p = 0; p < size; ++p) {
        v[p] = math::log(v[p]);
    }
}

KRISS_ALWAYS_INLINE double net_floored(double x) { return x > net_floor ? x : net_floor; }

// Couplings of `many` points of line i from column `start` on, every other one: (8, block), and their diagonal entries.
KRISS_ALWAYS_INLINE void net_gather(const BoxGrid<double>& g, index_t i, index_t start, index_t many, double* a,
                                    double* centre) {
    const index_t n = g.n[2];
    const index_t at = i * n + start;
    const double* streams[net_inputs] = {};
    streams[0] = g.a[1] + at - 1;
    streams[1] = g.a[1] + at;
    if (i > 0) {
        streams[2] = g.a[3] + at - n;
        streams[4] = g.a[4] + at - n - 1;
        streams[5] = g.a[2] + at - n + 1;
    }
    streams[3] = g.a[3] + at;
    streams[6] = g.a[2] + at;
    streams[7] = g.a[4] + at;
    for (int k = 0; k < net_inputs; ++k) {
        double* KRISS_RESTRICT to = a + k * net_block;
        for (index_t p = 0; p < net_filled(many); ++p) {
            to[p] = 0.0;
        }
        if (streams[k] != nullptr) {
            for (index_t p = 0; p < many; ++p) {
                to[p] = streams[k][2 * p];
            }
        }
    }
    for (index_t p = 0; p < net_filled(many); ++p) {
        centre[p] = p < many ? g.a[0][at + 2 * p] : 1.0;
    }
}

KRISS_ALWAYS_INLINE void net_features(index_t size, const double* a, const double* centre, const int* order, float* f) {
    for (int k = 0; k < net_inputs; ++k) {
        const double* KRISS_RESTRICT from = a + order[k] * net_block;
        float* KRISS_RESTRICT to = f + k * net_block;
        for (index_t p = 0; p < size; ++p) {
            to[p] = static_cast<float>(from[p] / centre[p]);
        }
    }
}

// Weights of the coarse points on either side along one axis; where one of them does not exist, the other takes their
// sum. order: features of a point seen along that axis
KRISS_NOINLINE inline void net_edges(index_t size, const float* net, const double* a, const double* centre,
                                     const int* order, double* one, double* two) {
    float f[net_inputs * net_block] = {};
    float here[2 * net_block];
    float back[2 * net_block];
    net_features(size, a, centre, order, f);
    net_evaluate(size, net, f, net_views[0], here);
    net_evaluate(size, net, f, net_views[1], back);
    double first[net_block], second[net_block], total[net_block], logit[net_block];
    const auto of = [=](int k) { return a + order[k] * net_block; };
    const double *const v0 = of(0), *const v1 = of(1), *const v2 = of(2), *const v3 = of(3), *const v4 = of(4),
                        *const v5 = of(5), *const v6 = of(6), *const v7 = of(7);
    for (index_t p = 0; p < size; ++p) {
        const double left = v0[p] + v4[p] + v6[p];
        const double right = v1[p] + v5[p] + v7[p];
        const double middle = centre[p] + v2[p] + v3[p];
        const bool good = middle > 0.0;
        first[p] = good ? -left / middle : 0.5;
        second[p] = good ? -right / middle : 0.5;
        const double sum = good ? first[p] + second[p] : 1.0;
        total[p] = sum < 0.0 ? 0.0 : sum > 1.0 ? 1.0 : sum;
    }
    double low[2][net_block];
    for (index_t p = 0; p < size; ++p) {
        low[0][p] = net_floored(first[p]);
        low[1][p] = net_floored(second[p]);
    }
    net_logarithms(size, low[0]);
    net_logarithms(size, low[1]);
    for (index_t p = 0; p < size; ++p) {
        const double q = net_sigmoid(0.5 * static_cast<double>(here[net_block + p] + back[net_block + p]));
        const bool sound = first[p] >= 0.0 && second[p] >= 0.0;
        const double value = sound ? q * (low[0][p] - low[1][p]) : 0.0;
        logit[p] = value + static_cast<double>(here[p] - back[p]);
    }
    for (index_t p = 0; p < size; ++p) {
        one[p] = total[p] * net_sigmoid(logit[p]);
        two[p] = total[p] - one[p];
    }
}

inline constexpr double net_missing = -1e300;  // in place of the couplings towards a corner that does not exist

// Shares of four corners from minus their classical weights times the centre, and what the network says of each.
KRISS_NOINLINE inline void net_shares(index_t size, const double (*base)[net_block], const double* centre,
                                      const float (*seen)[2 * net_block], double (*share)[net_block]) {
    double q[net_block], total[net_block], largest[net_block], sum[net_block];
    for (index_t p = 0; p < size; ++p) {
        q[p] = net_sigmoid(0.25 *
                           (static_cast<double>(seen[0][net_block + p]) + static_cast<double>(seen[1][net_block + p]) +
                            static_cast<double>(seen[2][net_block + p]) + static_cast<double>(seen[3][net_block + p])));
        total[p] = 0.0;
        largest[p] = net_missing;
        sum[p] = 0.0;
    }
    for (int v = 0; v < 4; ++v) {
        const double* KRISS_RESTRICT from = base[v];
        const float* KRISS_RESTRICT g = seen[v];
        double* KRISS_RESTRICT logit = share[v];
        for (index_t p = 0; p < size; ++p) {
            const double weight = -from[p] / centre[p];
            logit[p] = net_floored(weight);
            total[p] += from[p] != net_missing ? weight : 0.0;
        }
        net_logarithms(size, logit);
        for (index_t p = 0; p < size; ++p) {
            const double value = q[p] * logit[p] + static_cast<double>(g[p]);
            logit[p] = from[p] != net_missing ? value : net_missing;
            largest[p] = logit[p] > largest[p] ? logit[p] : largest[p];
        }
    }
    for (int v = 0; v < 4; ++v) {
        double* KRISS_RESTRICT out = share[v];
        for (index_t p = 0; p < size; ++p) {
            const bool exists = out[p] != net_missing;
            const double value = math::exp(out[p] - largest[p]);
            out[p] = exists ? value : 0.0;
            sum[p] += out[p];
        }
    }
    for (int v = 0; v < 4; ++v) {
        for (index_t p = 0; p < size; ++p) {
            const double kept = total[p] < 0.0 ? 0.0 : total[p] > 1.0 ? 1.0 : total[p];
            share[v][p] *= kept / sum[p];
        }
    }
}

// Weights of g, two axes of at least three points each.  edge, corner: (net_size)
inline void net_weights(const BoxGrid<double>& g, const BoxGrid<double>& c, const float* edge, const float* corner,
                        const Executor& ex) {
    const index_t n0 = g.n[1], n1 = g.n[2], m0 = c.n[1], m1 = c.n[2];
    const index_t h0 = (n0 + 1) / 2, h1 = (n1 + 1) / 2;
    constexpr int along[net_inputs] = {0, 1, 2, 3, 4, 5, 6, 7};
    constexpr int across[net_inputs] = {2, 3, 0, 1, 4, 6, 5, 7};
    double* const* w = g.w;
    for (int code = 9; code < 18; ++code) {
        for (index_t k = 0; k < c.size(); ++k) {
            w[code][k] = code == 13 ? 1.0 : 0.0;
        }
    }
    ex.parallel_for(m0, box_grain(n1), [&](index_t b, index_t e) {
        double a[net_inputs * net_block], centre[net_block], one[net_block], two[net_block];
        for (index_t i = b; i < e; ++i) {
            for (index_t s = 0; s < h1; s += net_block) {
                const index_t many = h1 - s < net_block ? h1 - s : net_block;
                net_gather(g, 2 * i + 1, 2 * s, many, a, centre);
                net_edges(net_filled(many), edge, a, centre, along, one, two);
                for (index_t p = 0; p < many; ++p) {
                    const index_t k = s + p;
                    if (k > 0) {
                        w[14][i * m1 + k - 1] = k < m1 ? one[p] : one[p] + two[p];
                    }
                    if (k < m1) {
                        w[12][i * m1 + k] = k > 0 ? two[p] : one[p] + two[p];
                    }
                }
            }
        }
    });
    ex.parallel_for(h0, box_grain(n1), [&](index_t b, index_t e) {
        double a[net_inputs * net_block], centre[net_block], one[net_block], two[net_block];
        for (index_t i = b; i < e; ++i) {
            for (index_t s = 0; s < m1; s += net_block) {
                const index_t many = m1 - s < net_block ? m1 - s : net_block;
                net_gather(g, 2 * i, 2 * s + 1, many, a, centre);
                net_edges(net_filled(many), edge, a, centre, across, one, two);
                for (index_t p = 0; p < many; ++p) {
                    const index_t k = s + p;
                    if (i > 0) {
                        w[16][(i - 1) * m1 + k] = i < m0 ? one[p] : one[p] + two[p];
                    }
                    if (i < m0) {
                        w[10][i * m1 + k] = i > 0 ? two[p] : one[p] + two[p];
                    }
                }
            }
        }
    });
    ex.parallel_for(h0, box_grain(n1), [&](index_t b, index_t e) {
        double a[net_inputs * net_block], centre[net_block], base[4][net_block], share[4][net_block];
        float f[net_inputs * net_block], seen[4][2 * net_block];
        for (index_t i = b; i < e; ++i) {
            const index_t above = (i - 1) * m1, below = i * m1;
            for (index_t s = 0; s < h1; s += net_block) {
                const index_t many = h1 - s < net_block ? h1 - s : net_block;
                net_gather(g, 2 * i, 2 * s, many, a, centre);
                const index_t size = net_filled(many);
                net_features(size, a, centre, along, f);
                for (int v = 0; v < 4; ++v) {
                    net_evaluate(size, corner, f, net_views[v], seen[v]);
                }
                for (index_t p = 0; p < size; ++p) {
                    const index_t k = s + p;
                    const bool up = i > 0, down = i < m0, left = p < many && k > 0, right = p < many && k < m1;
                    const double* v = a + p;
                    // row weights of the edges above and below, column weights of those left and right
                    base[0][p] = up && left ? v[4 * net_block] + v[2 * net_block] * w[14][above + k - 1] +
                                                  v[0] * w[16][above + k - 1]
                                            : net_missing;
                    base[1][p] = up && right ? v[5 * net_block] + v[2 * net_block] * w[12][above + k] +
                                                   v[net_block] * w[16][above + k]
                                             : net_missing;
                    base[2][p] = down && left ? v[6 * net_block] + v[3 * net_block] * w[14][below + k - 1] +
                                                    v[0] * w[10][below + k - 1]
                                              : net_missing;
                    base[3][p] = down && right ? v[7 * net_block] + v[3 * net_block] * w[12][below + k] +
                                                     v[net_block] * w[10][below + k]
                                               : net_missing;
                }
                net_shares(size, base, centre, seen, share);
                for (index_t p = 0; p < many; ++p) {
                    const index_t k = s + p;
                    const bool up = i > 0, down = i < m0, left = k > 0, right = k < m1;
                    if (up && left) {
                        w[17][above + k - 1] = share[0][p];
                    }
                    if (up && right) {
                        w[15][above + k] = share[1][p];
                    }
                    if (down && left) {
                        w[11][below + k - 1] = share[2][p];
                    }
                    if (down && right) {
                        w[9][below + k] = share[3][p];
                    }
                }
            }
        }
    });
}

KRISS_NAMESPACE_END
