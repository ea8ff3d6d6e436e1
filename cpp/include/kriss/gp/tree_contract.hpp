// Derivatives of covariance functions built by + and *, summed against weights and never stored.
//
// C. E. Rasmussen, C. K. I. Williams, "Gaussian Processes for Machine Learning", MIT Press 2006, equation (5.9): the
// gradient of the log marginal likelihood is 1/2 sum_ij W_ij dK_ij/dtheta_t with W = alpha alpha' - K^-1. The chain
// rule through sums and products runs backwards over the program, chunk by chunk (A. Griewank, A. Walther, "Evaluating
// Derivatives", SIAM 2008, section 3.2): about three times the work of an evaluation, whatever the number of
// parameters, and one pass over the weights.
#pragma once

#include "kriss/gp/gradient.hpp"
#include "kriss/gp/tree.hpp"

namespace kriss {

// How weights are read: alpha alpha' - W from the lower triangle of W, or W itself, square and not symmetric, or W
// between two sets of points.
enum class Weights : int { likelihood = 0, square = 1, cross = 2 };

}  // namespace kriss

KRISS_NAMESPACE_BEGIN

namespace tree {

// acc[l] += sum over j = l mod 8 of a[j], in increasing j.
inline void lane_add(index_t len, double* KRISS_RESTRICT acc, const double* KRISS_RESTRICT a) {
    double part[grad_lanes];
    for (index_t l = 0; l < grad_lanes; ++l) {
        part[l] = acc[l];
    }
    index_t j = 0;
    for (; j + grad_lanes <= len; j += grad_lanes) {
        for (index_t l = 0; l < grad_lanes; ++l) {
            part[l] += a[j + l];
        }
    }
    for (index_t l = 0; j < len; ++j, ++l) {
        part[l] += a[j];
    }
    for (index_t l = 0; l < grad_lanes; ++l) {
        acc[l] = part[l];
    }
}

KRISS_HD KRISS_ALWAYS_INLINE double capped(double square) { return square > most_square ? most_square : square; }

// (x - z) rate, kept finite so that its product with a sine that is 0 is 0.
KRISS_HD KRISS_ALWAYS_INLINE double turns(double x, double z, double rate) {
    const double u = (x - z) * rate;
    return u > most_square ? most_square : u < -most_square ? -most_square : u;
}

// Adds to the slots of one leaf: a[j] is the weight of its value. work: (3, cov_chunk).
inline void contract_leaf(const Leaf& f, const Chunk& c, const double* KRISS_RESTRICT a,
                          const double* KRISS_RESTRICT value, const double* KRISS_RESTRICT slope,
                          const double* KRISS_RESTRICT by_shape, double* acc, double* KRISS_RESTRICT work) {
    double* KRISS_RESTRICT ws = work + cov_chunk;
    double* own = acc + f.slot * grad_lanes;
    detail::lane_sum(c.len, own, [=](index_t j) { return a[j] * value[j]; });
    if (f.kind == LeafKind::matern || f.kind == LeafKind::rational) {
        detail::lane_sum(c.len, own + grad_lanes, [=](index_t j) { return a[j] * by_shape[j]; });
    }
    if (f.kind == LeafKind::periodic) {
        for (index_t j = 0; j < c.len; ++j) {
            ws[j] = a[j] * value[j];
        }
    } else if (f.dims > 0) {
        for (index_t j = 0; j < c.len; ++j) {
            ws[j] = a[j] * slope[j];
        }
    }
    if (f.kind == LeafKind::dot && f.shape > 0.0) {
        for (index_t j = 0; j < c.len; ++j) {
            work[j] = f.shape * ws[j];
        }
        lane_add(c.len, own + grad_lanes, work);
    }
    for (index_t p = 0; p < f.dims; ++p) {
        const double x = c.x(f.dim[p]);
        const double scale = f.scale[p];
        const double* KRISS_RESTRICT z = c.z(f.dim[p]);
        double* lanes = own + (2 + p) * grad_lanes;
        switch (f.kind) {
            case LeafKind::periodic: {
                const double rate = f.second[p];
                const double front = 4.0 * (scale * scale);
                double* KRISS_RESTRICT more = work + 2 * cov_chunk;
                for (index_t j = 0; j < c.len; ++j) {
                    const double u = turns(x, z[j], rate);
                    const auto y = math::sincos_bounded(pi * fraction(u));
                    work[j] = ws[j] * (front * (y.sin * y.sin));
                    more[j] = ws[j] * (front * (y.sin * y.cos) * (pi * u));
                }
                lane_add(c.len, lanes, work);
                lane_add(c.len, lanes + f.dims * grad_lanes, more);
                break;
            }
            case LeafKind::cosine:
                for (index_t j = 0; j < c.len; ++j) {
                    work[j] = ws[j] * turns(x, z[j], scale);
                }
                lane_add(c.len, lanes, work);
                break;
            case LeafKind::dot:
                for (index_t j = 0; j < c.len; ++j) {
                    work[j] = ws[j] * ((x * scale) * z[j]);
                }
                lane_add(c.len, lanes, work);
                break;
            default:
                detail::lane_sum(c.len, lanes, [=](index_t j) {
                    const double delta = (x - z[j]) * scale;
                    return ws[j] * capped(delta * delta);
                });
        }
    }
}

// From the weight of node k to those of its two parts.
inline void split(const index_t* node, index_t len, const double* values, double* adjoint, index_t k) {
    const double* KRISS_RESTRICT up = adjoint + k * cov_chunk;
    double* KRISS_RESTRICT a = adjoint + node[1] * cov_chunk;
    double* KRISS_RESTRICT b = adjoint + node[2] * cov_chunk;
    const double* KRISS_RESTRICT va = values + node[1] * cov_chunk;
    const double* KRISS_RESTRICT vb = values + node[2] * cov_chunk;
    const bool product = node[0] == 2;
    for (index_t j = 0; j < len; ++j) {
        a[j] = product ? up[j] * vb[j] : up[j];
        b[j] = product ? up[j] * va[j] : up[j];
    }
}

// The weights of row i.
inline void weigh(Weights how, const Chunk& c, const double* alpha, const double* w, double* KRISS_RESTRICT out) {
    const double* KRISS_RESTRICT row = w + c.i * c.nz + c.j0;
    const index_t own = how == Weights::cross ? -1 : c.own();
    if (how == Weights::likelihood) {
        const double front = alpha[c.i];
        const double* KRISS_RESTRICT back = alpha + c.j0;
        for (index_t j = 0; j < c.len; ++j) {
            out[j] = front * back[j] - row[j];
        }
        if (own >= 0) {
            out[own] *= 0.5;  // the diagonal counts once, each entry below it twice
        }
        return;
    }
    for (index_t j = 0; j < c.len; ++j) {
        out[j] = row[j];
    }
    if (how == Weights::square) {
        for (index_t j = 0; j < c.len; ++j) {
            out[j] += w[(c.j0 + j) * c.nz + c.i];
        }
        if (own >= 0) {
            out[own] = row[own];
        }
    }
}

// What one task works in; all of it out of one piece of scratch.
struct Work {
    double* values;   // (nodes, cov_chunk)
    double* adjoint;  // (nodes, cov_chunk)
    double* slopes;   // (leaves, 2, cov_chunk)
    double* columns;  // (columns + 3, cov_chunk)
    double* acc;      // (slots, grad_lanes)
};

inline Work work_of(const CovTree& t, index_t columns, double* scratch, index_t task) {
    const index_t each = (2 * t.nodes + 2 * t.leaves + columns + 3) * cov_chunk + t.slots * grad_lanes;
    double* const p = scratch + task * each;
    double* const slopes = p + 2 * t.nodes * cov_chunk;
    double* const rest = slopes + 2 * t.leaves * cov_chunk;
    return {p, p + t.nodes * cov_chunk, slopes, rest, rest + (columns + 3) * cov_chunk};
}

inline void contract_chunk(const CovTree& t, const Chunk& c, const Work& s) {
    for (index_t k = t.nodes - 1; k >= 0; --k) {
        const index_t* node = t.node + node_width * k;
        if (node[0] != 0) {
            split(node, c.len, s.values, s.adjoint, k);
            continue;
        }
        const double* slope = s.slopes + 2 * node[1] * cov_chunk;
        contract_leaf(leaf_of(t, node[1]), c, s.adjoint + k * cov_chunk, s.values + k * cov_chunk, slope,
                      slope + cov_chunk, s.acc, s.columns);
    }
}

// Adds d k / d x_q of one leaf, times its weight a, to g (d, cov_chunk).
inline void leaf_by_point(const Leaf& f, const Chunk& c, const double* KRISS_RESTRICT a,
                          const double* KRISS_RESTRICT value, const double* KRISS_RESTRICT slope, double* g) {
    // At zero distance a function as rough as this has no derivative: NaN rather than 0.
    const bool rough = f.kind == LeafKind::matern12 || (f.kind == LeafKind::matern && f.shape <= 0.5);
    alignas(64) double s2[cov_chunk];
    if (rough) {
        squared_distances(f, c, s2);
    }
    for (index_t p = 0; p < f.dims; ++p) {
        const double x = c.x(f.dim[p]);
        const double scale = f.scale[p];
        const double* KRISS_RESTRICT z = c.z(f.dim[p]);
        double* KRISS_RESTRICT out = g + f.dim[p] * cov_chunk;
        switch (f.kind) {
            case LeafKind::periodic: {
                const double rate = f.second[p];
                const double front = -4.0 * (scale * scale) * (pi * rate);
                for (index_t j = 0; j < c.len; ++j) {
                    const auto y = math::sincos_bounded(pi * fraction((x - z[j]) * rate));
                    out[j] += a[j] * (value[j] * (front * (y.sin * y.cos)));
                }
                break;
            }
            case LeafKind::cosine:
                for (index_t j = 0; j < c.len; ++j) {
                    out[j] += a[j] * (slope[j] * scale);
                }
                break;
            case LeafKind::dot:
                for (index_t j = 0; j < c.len; ++j) {
                    out[j] += a[j] * (slope[j] * (scale * z[j]));
                }
                break;
            default:
                for (index_t j = 0; j < c.len; ++j) {
                    const double delta = (x - z[j]) * scale;
                    const double most = delta > 1e150 ? 1e150 : delta < -1e150 ? -1e150 : delta;
                    const double d = -(slope[j] * most) * scale;
                    out[j] += a[j] * (rough && s2[j] == 0.0 ? math::detail::nan64() : d);
                }
        }
    }
}

}  // namespace tree

// out[slot] = sum_ij w_ij d k(x_i, z_j) / d slot, half of it for Weights::likelihood, where w is the lower triangle of
// K^-1 and alpha (n) is K^-1 y. w: (nx, nz) row-major. scratch: tree_scratch(t, nx, true, 0) doubles. Each task adds
// its rows in order and the tasks are added in order: the same bits for any number of workers.
inline void tree_contract(const CovTree& t, const double* xt, index_t nx, const double* zt, index_t nz, Weights how,
                          const double* alpha, const double* w, double* out, double* scratch, const Executor& ex) {
    const index_t blocks = tree::row_blocks(nx);
    const index_t tasks = tree::tasks(nx);
    const bool same = how != Weights::cross;
    ex.parallel_for(tasks, 1, [&](index_t begin, index_t) {
        const tree::Work s = tree::work_of(t, 0, scratch, begin);
        for (index_t k = 0; k < t.slots * grad_lanes; ++k) {
            s.acc[k] = 0.0;
        }
        for (index_t b = begin; b < blocks && !ex.interrupted(); b += tasks) {
            const index_t i0 = b * cov_rows;
            const index_t i1 = i0 + cov_rows < nx ? i0 + cov_rows : nx;
            const index_t columns = same ? i1 : nz;
            for (index_t j0 = 0; j0 < columns; j0 += cov_chunk) {
                for (index_t i = same && j0 > i0 ? j0 : i0; i < i1; ++i) {
                    const index_t rest = (same ? i + 1 : nz) - j0;
                    const tree::Chunk c = {xt, nx, i, zt, nz, j0, rest < cov_chunk ? rest : cov_chunk, same};
                    tree::forward(t, c, s.values, s.slopes);
                    tree::weigh(how, c, alpha, w, s.adjoint + (t.nodes - 1) * cov_chunk);
                    tree::contract_chunk(t, c, s);
                }
            }
        }
    });
    for (index_t k = 0; k < t.slots; ++k) {
        double total = 0.0;
        for (index_t task = 0; task < tasks; ++task) {
            total += detail::lane_total(tree::work_of(t, 0, scratch, task).acc + k * grad_lanes);
        }
        out[k] = total;
    }
}

// out[i][j][q] = d k(x_i, z_j) / d x_iq; out: (nx, nz, d) row-major. scratch: tree_scratch(t, nx, true, d) doubles.
inline void tree_gradient_x(const CovTree& t, const double* xt, index_t d, index_t nx, const double* zt, index_t nz,
                            double* out, double* scratch, const Executor& ex) {
    const index_t blocks = tree::row_blocks(nx);
    const index_t tasks = tree::tasks(nx);
    ex.parallel_for(tasks, 1, [&](index_t begin, index_t) {
        const tree::Work s = tree::work_of(t, d, scratch, begin);
        for (index_t b = begin; b < blocks && !ex.interrupted(); b += tasks) {
            const index_t i1 = (b + 1) * cov_rows < nx ? (b + 1) * cov_rows : nx;
            for (index_t i = b * cov_rows; i < i1; ++i) {
                for (index_t j0 = 0; j0 < nz; j0 += cov_chunk) {
                    const tree::Chunk c = {xt, nx, i, zt, nz, j0, nz - j0 < cov_chunk ? nz - j0 : cov_chunk, false};
                    tree::forward(t, c, s.values, s.slopes);
                    for (index_t j = 0; j < d * cov_chunk; ++j) {
                        s.columns[j] = 0.0;
                    }
                    for (index_t j = 0; j < c.len; ++j) {
                        s.adjoint[(t.nodes - 1) * cov_chunk + j] = 1.0;
                    }
                    for (index_t k = t.nodes - 1; k >= 0; --k) {
                        const index_t* node = t.node + node_width * k;
                        if (node[0] != 0) {
                            tree::split(node, c.len, s.values, s.adjoint, k);
                        } else {
                            tree::leaf_by_point(tree::leaf_of(t, node[1]), c, s.adjoint + k * cov_chunk,
                                                s.values + k * cov_chunk, s.slopes + 2 * node[1] * cov_chunk,
                                                s.columns);
                        }
                    }
                    double* KRISS_RESTRICT o = out + (i * nz + j0) * d;
                    for (index_t j = 0; j < c.len; ++j) {
                        for (index_t q = 0; q < d; ++q) {
                            o[j * d + q] = s.columns[q * cov_chunk + j];
                        }
                    }
                }
            }
        }
    });
}

KRISS_NAMESPACE_END
