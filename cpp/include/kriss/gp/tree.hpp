// Covariance functions built from others by + and *, evaluated as a program over chunks of columns.
//
// C. E. Rasmussen, C. K. I. Williams, "Gaussian Processes for Machine Learning", MIT Press 2006: the rational
// quadratic, equation (4.19); the periodic function, (4.31); dot products, (4.27); the Matern class, (4.14); sums and
// products, section 4.2.4. A. G. Wilson, R. P. Adams, "Gaussian Process Kernels for Pattern Discovery and
// Extrapolation", ICML 2013, equation (12): spectral mixtures, here products of a stationary function and cosines.
//
// A program is a list of nodes in postorder: a leaf, or the sum or the product of two earlier nodes. One row i and at
// most 256 columns j are done at a time, node by node, so that everything stays in the second-level cache. A leaf has
// derivatives in its own raw parameters (logarithms); those of a product follow by the chain rule in reverse order,
// where nothing is divided: a factor that is 0 does no harm.
#pragma once

#include "kriss/gp/assemble.hpp"

namespace kriss {

enum class LeafKind : int {
    rbf = 0,
    matern12 = 1,
    matern32 = 2,
    matern52 = 3,
    matern72 = 4,
    matern = 5,    // shape: the smoothness, tabulated
    rational = 6,  // shape: alpha
    periodic = 7,  // scale: 1 / l_q, second: 1 / period_q
    cosine = 8,    // scale: the frequency, one dimension
    dot = 9,       // (shape + sum_q scale_q x_q z_q)^degree
    white = 10,    // 1 where both points are the same item of the same set
    constant = 11,
};

inline constexpr int leaf_kinds = 12;
inline constexpr int node_width = 3;    // what (0 leaf, 1 sum, 2 product), left (or leaf), right
inline constexpr int leaf_width = 5;    // kind, first item of dim, items, first slot, offset in table or degree
inline constexpr int table_header = 6;  // low, 1 / width, panels, power, 1 - k(low), log slope(low)
inline constexpr int table_degree = 9;

// Every pointer is borrowed. Slots of a leaf: log variance, log shape, log of each scale (of the lengthscales where
// scale is their inverse), and for periodic the log of each period.
struct CovTree {
    index_t nodes = 0;
    const index_t* node = nullptr;  // (nodes, 3)
    index_t leaves = 0;
    const index_t* leaf = nullptr;   // (leaves, 5)
    const double* value = nullptr;   // (leaves, 2) variance, shape
    const index_t* dim = nullptr;    // columns of X
    const double* scale = nullptr;   // with dim
    const double* second = nullptr;  // with dim
    const double* table = nullptr;   // headers and panels of Matern leaves
    index_t slots = 0;
};

inline constexpr index_t tree_tasks = 32;  // items of work at most, each with its own scratch

}  // namespace kriss

KRISS_NAMESPACE_BEGIN

namespace tree {

inline constexpr double most_square = 1e300;
inline constexpr double pi = 3.14159265358979323846;

// Rows [begin, end) of one leaf's entries against a chunk; what the leaf functions share.
struct Chunk {
    const double* xt;
    index_t nx, i;
    const double* zt;
    index_t nz, j0, len;
    bool same;  // xt and zt are one set

    KRISS_ALWAYS_INLINE double x(index_t q) const { return xt[q * nx + i]; }
    KRISS_ALWAYS_INLINE const double* z(index_t q) const { return zt + q * nz + j0; }
    // Which column of the chunk has the row's own number; -1 if none.
    KRISS_ALWAYS_INLINE index_t own() const { return i >= j0 && i < j0 + len ? i - j0 : -1; }
};

struct Leaf {
    LeafKind kind;
    index_t dims, slot, extra;
    const index_t* dim;
    const double* scale;
    const double* second;
    double variance, shape;
};

KRISS_HD inline Leaf leaf_of(const CovTree& t, index_t l) {
    const index_t* r = t.leaf + leaf_width * l;
    return {
        static_cast<LeafKind>(r[0]), r[2], r[3], r[4], t.dim + r[1], t.scale + r[1], t.second + r[1], t.value[2 * l],
        t.value[2 * l + 1]};
}

inline void squared_distances(const Leaf& f, const Chunk& c, double* KRISS_RESTRICT s2) {
    for (index_t j = 0; j < c.len; ++j) {
        s2[j] = 0.0;
    }
    index_t p = 0;
    for (; p + 2 <= f.dims; p += 2) {  // two columns of X in one pass over the sums, which are added in the same order
        const double x = c.x(f.dim[p]);
        const double y = c.x(f.dim[p + 1]);
        const double inv = f.scale[p];
        const double jnv = f.scale[p + 1];
        const double* KRISS_RESTRICT z = c.z(f.dim[p]);
        const double* KRISS_RESTRICT w = c.z(f.dim[p + 1]);
        for (index_t j = 0; j < c.len; ++j) {
            const double delta = (x - z[j]) * inv;
            const double epsilon = (y - w[j]) * jnv;
            s2[j] = (s2[j] + delta * delta) + epsilon * epsilon;
        }
    }
    for (; p < f.dims; ++p) {
        const double x = c.x(f.dim[p]);
        const double inv = f.scale[p];
        const double* KRISS_RESTRICT z = c.z(f.dim[p]);
        for (index_t j = 0; j < c.len; ++j) {
            const double delta = (x - z[j]) * inv;
            s2[j] += delta * delta;
        }
    }
}

// u - the nearest integer to u, exactly; 0 where u has no fraction or overflowed.
KRISS_HD KRISS_ALWAYS_INLINE double fraction(double u) {
    constexpr double shift = 0x1.8p52;
    const double rest = u - ((u + shift) - shift);
    return math::detail::magnitude(u) >= 0x1p51 ? 0.0 : rest;
}

template <CovKind K>
inline void closed_form(const Leaf& f, index_t len, const double* KRISS_RESTRICT s2, double* KRISS_RESTRICT out,
                        double* KRISS_RESTRICT slope) {
    const double variance = f.variance;
    if (slope == nullptr) {
        for (index_t j = 0; j < len; ++j) {
            out[j] = variance * cov_value<K>(cov_clamp(s2[j]));
        }
        return;
    }
    for (index_t j = 0; j < len; ++j) {
        const CovPoint<double> k = cov_point<K>(cov_clamp(s2[j]));
        out[j] = variance * k.value;
        slope[j] = variance * k.slope;
    }
}

inline void matern72(const Leaf& f, index_t len, const double* KRISS_RESTRICT s2, double* KRISS_RESTRICT out,
                     double* KRISS_RESTRICT slope) {
    for (index_t j = 0; j < len; ++j) {
        const double q = cov_clamp(s2[j]);
        const double a = 2.6457513110645905905 * std::sqrt(q);
        const double e = math::exp(-a);
        const double b = 1.0 + a;
        out[j] = f.variance * ((b + q * (2.8 + 0.46666666666666666667 * a)) * e);
        if (slope != nullptr) {
            slope[j] = f.variance * (1.4 * (b + 2.3333333333333333333 * q) * e);
        }
    }
}

// (1 + w)^-alpha, w = s2 / (2 alpha); shape slope: its derivative in log alpha.
inline void rational(const Leaf& f, index_t len, const double* KRISS_RESTRICT s2, double* KRISS_RESTRICT out,
                     double* KRISS_RESTRICT slope, double* KRISS_RESTRICT by_shape) {
    const double alpha = f.shape;
    const double half = 0.5 / alpha;
    for (index_t j = 0; j < len; ++j) {
        const double w = (s2[j] > most_square ? most_square : s2[j]) * half;
        const double grown = math::log1p(w);
        const double k = f.variance * math::exp(-alpha * grown);
        out[j] = k;
        if (slope != nullptr) {
            const double over = 1.0 / (1.0 + w);
            slope[j] = k * over;
            // Below 2^-20 both terms of the difference are w to nearly all digits.
            const double less = w < 0x1p-20 ? w * w * (0.66666666666666666667 * w - 0.5) : w * over - grown;
            by_shape[j] = k * (alpha * less);
        }
    }
}

// Matern of any smoothness: polynomials in log(s2), panel by panel, for log k, log slope and d log k / d log nu. Below
// the table 1 - k and the slope are powers of s2, above it both are 0.
inline void tabulated(const CovTree& t, const Leaf& f, index_t len, const double* KRISS_RESTRICT s2,
                      double* KRISS_RESTRICT out, double* KRISS_RESTRICT slope, double* KRISS_RESTRICT by_shape) {
    const double* head = t.table + f.extra;
    const double low = head[0];
    const double inv_width = head[1];
    const double panels = head[2];
    const double last = panels - 1.0;
    const index_t one = static_cast<index_t>(panels) * (table_degree + 1);
    alignas(64) double local[cov_chunk];
    alignas(64) double place[cov_chunk];
    alignas(64) int panel[cov_chunk];
    int below = 0;
    for (index_t j = 0; j < len; ++j) {
        const double u = (math::log(s2[j]) - low) * inv_width;
        const double v = u > 0.0 ? (u < last ? u : last) : 0.0;  // NaN, too, reads inside the table
        panel[j] = static_cast<int>(v);
        place[j] = u;
        local[j] = 2.0 * (u - static_cast<double>(panel[j])) - 1.0;
        below |= u < 0.0 ? 1 : 0;
    }
    double* outputs[3] = {out, slope, by_shape};
    for (int k = 0; k < (slope == nullptr ? 1 : 3); ++k) {
        const double* KRISS_RESTRICT table = head + table_header + k * one;
        double* KRISS_RESTRICT o = outputs[k];
        for (index_t j = 0; j < len; ++j) {
            const double* KRISS_RESTRICT c = table + (table_degree + 1) * panel[j];
            const double x = local[j];
            const double xx = x * x;
            const double even = c[0] + xx * (c[2] + xx * (c[4] + xx * (c[6] + xx * c[8])));
            const double odd = c[1] + xx * (c[3] + xx * (c[5] + xx * (c[7] + xx * c[9])));
            o[j] = even + x * odd;
        }
    }
    for (index_t j = 0; j < len; ++j) {
        const double k = math::exp(out[j]);
        out[j] = f.variance * (place[j] > panels ? 0.0 : k);
    }
    if (slope != nullptr) {
        for (index_t j = 0; j < len; ++j) {
            const double k = math::exp(slope[j]);
            slope[j] = f.variance * (place[j] > panels ? 0.0 : k);
            by_shape[j] = place[j] > panels ? 0.0 : out[j] * by_shape[j];
        }
    }
    if (below == 0) {
        return;
    }
    for (index_t j = 0; j < len; ++j) {
        if (place[j] < 0.0) {
            const double y = place[j] / inv_width;  // log(s2) - low
            const double fade = math::exp(head[3] * y);
            out[j] = f.variance * (1.0 - head[4] * fade);
            if (slope != nullptr) {
                slope[j] = s2[j] < 1e-300 ? 0.0 : f.variance * math::exp(head[5] + (head[3] - 1.0) * y);
                by_shape[j] = 0.0;
            }
        }
    }
}

// exp(-2 sum_q (sin(pi u_q) / l_q)^2), u_q = (x_q - z_q) / period_q.
inline void periodic(const Leaf& f, const Chunk& c, double* KRISS_RESTRICT out) {
    for (index_t j = 0; j < c.len; ++j) {
        out[j] = 0.0;
    }
    for (index_t p = 0; p < f.dims; ++p) {
        const double x = c.x(f.dim[p]);
        const double inv = f.scale[p];
        const double rate = f.second[p];
        const double* KRISS_RESTRICT z = c.z(f.dim[p]);
        for (index_t j = 0; j < c.len; ++j) {
            const double s = math::sin_bounded(pi * fraction((x - z[j]) * rate)) * inv;
            out[j] += s * s;
        }
    }
    for (index_t j = 0; j < c.len; ++j) {
        out[j] = f.variance * math::exp(-2.0 * out[j]);
    }
}

// cos(2 pi u), u = frequency (x - z); slope: its derivative in u.
inline void cosine(const Leaf& f, const Chunk& c, double* KRISS_RESTRICT out, double* KRISS_RESTRICT slope) {
    const double x = c.x(f.dim[0]);
    const double rate = f.scale[0];
    const double* KRISS_RESTRICT z = c.z(f.dim[0]);
    for (index_t j = 0; j < c.len; ++j) {
        const auto y = math::sincos_bounded((2.0 * pi) * fraction((x - z[j]) * rate));
        out[j] = f.variance * y.cos;
        if (slope != nullptr) {
            slope[j] = f.variance * ((-2.0 * pi) * y.sin);
        }
    }
}

// (shape + sum_q scale_q x_q z_q)^degree; slope: degree times the power below.
inline void dot(const Leaf& f, const Chunk& c, double* KRISS_RESTRICT out, double* KRISS_RESTRICT slope) {
    alignas(64) double base[cov_chunk];
    for (index_t j = 0; j < c.len; ++j) {
        base[j] = f.shape;
    }
    for (index_t p = 0; p < f.dims; ++p) {
        const double x = c.x(f.dim[p]) * f.scale[p];
        const double* KRISS_RESTRICT z = c.z(f.dim[p]);
        for (index_t j = 0; j < c.len; ++j) {
            base[j] += x * z[j];
        }
    }
    for (index_t j = 0; j < c.len; ++j) {
        out[j] = f.variance;
    }
    for (index_t k = 1; k < f.extra; ++k) {
        for (index_t j = 0; j < c.len; ++j) {
            out[j] *= base[j];
        }
    }
    for (index_t j = 0; j < c.len; ++j) {
        if (slope != nullptr) {
            slope[j] = static_cast<double>(f.extra) * out[j];
        }
        out[j] *= base[j];
    }
}

// Values of one leaf, and if slope is given what its derivatives need. slope, by_shape: (len) or both null.
inline void leaf_values(const CovTree& t, const Leaf& f, const Chunk& c, double* KRISS_RESTRICT out,
                        double* KRISS_RESTRICT slope, double* KRISS_RESTRICT by_shape) {
    alignas(64) double s2[cov_chunk];
    if (f.kind <= LeafKind::rational) {
        squared_distances(f, c, s2);
    }
    switch (f.kind) {
        case LeafKind::rbf: closed_form<CovKind::rbf>(f, c.len, s2, out, slope); break;
        case LeafKind::matern12: closed_form<CovKind::matern12>(f, c.len, s2, out, slope); break;
        case LeafKind::matern32: closed_form<CovKind::matern32>(f, c.len, s2, out, slope); break;
        case LeafKind::matern52: closed_form<CovKind::matern52>(f, c.len, s2, out, slope); break;
        case LeafKind::matern72: matern72(f, c.len, s2, out, slope); break;
        case LeafKind::matern: tabulated(t, f, c.len, s2, out, slope, by_shape); break;
        case LeafKind::rational: rational(f, c.len, s2, out, slope, by_shape); break;
        case LeafKind::periodic: periodic(f, c, out); break;
        case LeafKind::cosine: cosine(f, c, out, slope); break;
        case LeafKind::dot: dot(f, c, out, slope); break;
        default: {
            const double all = f.kind == LeafKind::constant ? f.variance : 0.0;
            for (index_t j = 0; j < c.len; ++j) {
                out[j] = all;
            }
            if (c.same && c.own() >= 0) {
                out[c.own()] = f.variance;
            }
        }
    }
}

// Values of every node for one chunk, node after node in `values` (nodes, cov_chunk); the last is the covariance.
// slopes: (leaves, 2, cov_chunk), or null.
inline void forward(const CovTree& t, const Chunk& c, double* values, double* slopes) {
    for (index_t k = 0; k < t.nodes; ++k) {
        const index_t* node = t.node + node_width * k;
        double* KRISS_RESTRICT out = values + k * cov_chunk;
        if (node[0] == 0) {
            double* slope = slopes == nullptr ? nullptr : slopes + 2 * node[1] * cov_chunk;
            leaf_values(t, leaf_of(t, node[1]), c, out, slope, slope == nullptr ? nullptr : slope + cov_chunk);
            continue;
        }
        const double* KRISS_RESTRICT a = values + node[1] * cov_chunk;
        const double* KRISS_RESTRICT b = values + node[2] * cov_chunk;
        if (node[0] == 1) {
            for (index_t j = 0; j < c.len; ++j) {
                out[j] = a[j] + b[j];
            }
        } else {
            for (index_t j = 0; j < c.len; ++j) {
                out[j] = a[j] * b[j];
            }
        }
    }
}

inline index_t row_blocks(index_t n) { return (n + cov_rows - 1) / cov_rows; }

inline index_t tasks(index_t n) { return row_blocks(n) < tree_tasks ? row_blocks(n) : tree_tasks; }

}  // namespace tree

// Doubles of scratch of the functions below, for n rows.
inline index_t tree_scratch(const CovTree& t, index_t n, bool derivatives, index_t columns) {
    const index_t buffers = derivatives ? 2 * t.nodes + 2 * t.leaves + columns + 3 : t.nodes;
    return tree::tasks(n) * (buffers * cov_chunk + t.slots * 8);
}

// xt: (d, n), out: (n, n) row-major; out[i][j] = k(x_i, x_j) + (i == j) * diagonal[i] for j <= i, and above the
// diagonal if `mirror`. diagonal: (n) or null.
inline void tree_symmetric(const CovTree& t, const double* xt, index_t n, const double* diagonal, double* out,
                           bool mirror, double* scratch, const Executor& ex) {
    const index_t blocks = tree::row_blocks(n);
    const index_t tasks = tree::tasks(n);
    ex.parallel_for(tasks, 1, [&](index_t begin, index_t) {
        double* values = scratch + begin * t.nodes * cov_chunk;
        const double* result = values + (t.nodes - 1) * cov_chunk;
        for (index_t b = begin; b < blocks && !ex.interrupted(); b += tasks) {
            const index_t i0 = b * cov_rows;
            const index_t i1 = i0 + cov_rows < n ? i0 + cov_rows : n;
            for (index_t i = i0; i < i1; ++i) {
                for (index_t j0 = 0; j0 <= i; j0 += cov_chunk) {
                    const index_t len = i + 1 - j0 < cov_chunk ? i + 1 - j0 : cov_chunk;
                    tree::forward(t, {xt, n, i, xt, n, j0, len, true}, values, nullptr);
                    double* KRISS_RESTRICT row = out + i * n + j0;
                    for (index_t j = 0; j < len; ++j) {
                        row[j] = result[j];
                    }
                }
                if (diagonal != nullptr) {
                    out[i * n + i] += diagonal[i];
                }
            }
            for (index_t j = 0; mirror && j < i1; ++j) {
                for (index_t i = i0 > j + 1 ? i0 : j + 1; i < i1; ++i) {
                    out[j * n + i] = out[i * n + j];
                }
            }
        }
    });
}

// xt: (d, nx), zt: (d, nz), out: (nx, nz) row-major; out[i][j] = k(x_i, z_j).
inline void tree_cross(const CovTree& t, const double* xt, index_t nx, const double* zt, index_t nz, double* out,
                       double* scratch, const Executor& ex) {
    const index_t blocks = tree::row_blocks(nx);
    const index_t tasks = tree::tasks(nx);
    ex.parallel_for(tasks, 1, [&](index_t begin, index_t) {
        double* values = scratch + begin * t.nodes * cov_chunk;
        const double* result = values + (t.nodes - 1) * cov_chunk;
        for (index_t b = begin; b < blocks && !ex.interrupted(); b += tasks) {
            const index_t i1 = (b + 1) * cov_rows < nx ? (b + 1) * cov_rows : nx;
            for (index_t i = b * cov_rows; i < i1; ++i) {
                for (index_t j0 = 0; j0 < nz; j0 += cov_chunk) {
                    const index_t len = nz - j0 < cov_chunk ? nz - j0 : cov_chunk;
                    tree::forward(t, {xt, nx, i, zt, nz, j0, len, false}, values, nullptr);
                    double* KRISS_RESTRICT row = out + i * nz + j0;
                    for (index_t j = 0; j < len; ++j) {
                        row[j] = result[j];
                    }
                }
            }
        }
    });
}

KRISS_NAMESPACE_END
