// Covariance functions built by + and *, and their derivatives, one pair of points at a time, for whoever has a thread
// per entry: the functions of tree.hpp and tree_contract.hpp in the same order of operations, hence the same bits, with
// one number per node in the place of a chunk of columns. Sources: tree.hpp, tree_contract.hpp.
//
// A value costs 3 d flops and an exponential per leaf and 16 bytes of local memory per node; with derivatives about
// three times as much. All pairs run the same program, so neighbouring threads take the same branches.
#pragma once

#include "kriss/gp/tree_contract.hpp"

namespace kriss {

inline constexpr index_t point_nodes = 64;   // of a program that is evaluated point by point
inline constexpr index_t point_leaves = 32;  // as postorder allows with so many nodes
inline constexpr index_t point_slots = 128;

}  // namespace kriss

KRISS_NAMESPACE_BEGIN

namespace tree {

struct Entry {
    const double* xt;
    index_t nx, i;
    const double* zt;
    index_t nz, j;
    bool same;  // xt and zt are one set

    KRISS_HD double x(index_t q) const { return xt[q * nx + i]; }
    KRISS_HD double z(index_t q) const { return zt[q * nz + j]; }
};

struct LeafPoint {
    double value, slope, by_shape;
};

KRISS_HD inline double squared_distance(const Leaf& f, const Entry& e) {
    double s2 = 0.0;
    for (index_t p = 0; p < f.dims; ++p) {
        const double delta = (e.x(f.dim[p]) - e.z(f.dim[p])) * f.scale[p];
        s2 += delta * delta;
    }
    return s2;
}

template <CovKind K>
KRISS_HD inline LeafPoint closed_point(double variance, double s2) {
    const CovPoint<double> k = cov_point<K>(cov_clamp(s2));
    return {variance * k.value, variance * k.slope, 0.0};
}

KRISS_HD inline double table_polynomial(const double* c, double x) {
    const double xx = x * x;
    const double even = c[0] + xx * (c[2] + xx * (c[4] + xx * (c[6] + xx * c[8])));
    const double odd = c[1] + xx * (c[3] + xx * (c[5] + xx * (c[7] + xx * c[9])));
    return even + x * odd;
}

KRISS_HD inline LeafPoint tabulated_point(const CovTree& t, const Leaf& f, double s2, bool slopes) {
    const double* head = t.table + f.extra;
    const double panels = head[2];
    const double last = panels - 1.0;
    const index_t one = static_cast<index_t>(panels) * (table_degree + 1);
    const double u = (math::log(s2) - head[0]) * head[1];
    const double v = u > 0.0 ? (u < last ? u : last) : 0.0;  // NaN, too, reads inside the table
    const int panel = static_cast<int>(v);
    const double x = 2.0 * (u - static_cast<double>(panel)) - 1.0;
    const double* c = head + table_header + (table_degree + 1) * panel;
    const bool beyond = u > panels;
    LeafPoint y{f.variance * (beyond ? 0.0 : math::exp(table_polynomial(c, x))), 0.0, 0.0};
    if (slopes) {
        y.slope = f.variance * (beyond ? 0.0 : math::exp(table_polynomial(c + one, x)));
        y.by_shape = beyond ? 0.0 : y.value * table_polynomial(c + 2 * one, x);
    }
    if (u < 0.0) {
        const double under = u / head[1];  // log(s2) - low
        y.value = f.variance * (1.0 - head[4] * math::exp(head[3] * under));
        if (slopes) {
            y.slope = s2 < 1e-300 ? 0.0 : f.variance * math::exp(head[5] + (head[3] - 1.0) * under);
            y.by_shape = 0.0;
        }
    }
    return y;
}

KRISS_HD inline LeafPoint rational_point(const Leaf& f, double s2) {
    const double alpha = f.shape;
    const double w = (s2 > most_square ? most_square : s2) * (0.5 / alpha);
    const double grown = math::log1p(w);
    const double k = f.variance * math::exp(-alpha * grown);
    const double over = 1.0 / (1.0 + w);
    const double less = w < 0x1p-20 ? w * w * (0.66666666666666666667 * w - 0.5) : w * over - grown;
    return {k, k * over, k * (alpha * less)};
}

KRISS_HD inline LeafPoint dot_point(const Leaf& f, const Entry& e) {
    double base = f.shape;
    for (index_t p = 0; p < f.dims; ++p) {
        base += (e.x(f.dim[p]) * f.scale[p]) * e.z(f.dim[p]);
    }
    double power = f.variance;
    for (index_t k = 1; k < f.extra; ++k) {
        power *= base;
    }
    return {power * base, static_cast<double>(f.extra) * power, 0.0};
}

// A leaf's value, and what its derivatives need if `slopes`.
KRISS_HD inline LeafPoint leaf_point(const CovTree& t, const Leaf& f, const Entry& e, bool slopes) {
    const double s2 = f.kind <= LeafKind::rational ? squared_distance(f, e) : 0.0;
    switch (f.kind) {
        case LeafKind::rbf: return closed_point<CovKind::rbf>(f.variance, s2);
        case LeafKind::matern12: return closed_point<CovKind::matern12>(f.variance, s2);
        case LeafKind::matern32: return closed_point<CovKind::matern32>(f.variance, s2);
        case LeafKind::matern52: return closed_point<CovKind::matern52>(f.variance, s2);
        case LeafKind::matern72: {
            const double q = cov_clamp(s2);
            const double a = 2.6457513110645905905 * std::sqrt(q);
            const double k = math::exp(-a);
            const double b = 1.0 + a;
            return {f.variance * ((b + q * (2.8 + 0.46666666666666666667 * a)) * k),
                    f.variance * (1.4 * (b + 2.3333333333333333333 * q) * k), 0.0};
        }
        case LeafKind::matern: return tabulated_point(t, f, s2, slopes);
        case LeafKind::rational: return rational_point(f, s2);
        case LeafKind::periodic: {
            double total = 0.0;
            for (index_t p = 0; p < f.dims; ++p) {
                const double u = (e.x(f.dim[p]) - e.z(f.dim[p])) * f.second[p];
                const double s = math::sin_bounded(pi * fraction(u)) * f.scale[p];
                total += s * s;
            }
            return {f.variance * math::exp(-2.0 * total), 0.0, 0.0};
        }
        case LeafKind::cosine: {
            const auto y = math::sincos_bounded((2.0 * pi) * fraction((e.x(f.dim[0]) - e.z(f.dim[0])) * f.scale[0]));
            return {f.variance * y.cos, f.variance * ((-2.0 * pi) * y.sin), 0.0};
        }
        case LeafKind::dot: return dot_point(f, e);
        default: break;
    }
    const bool one = f.kind == LeafKind::constant || (e.same && e.i == e.j);
    return {one ? f.variance : 0.0, 0.0, 0.0};
}

// Adds to the slots of one leaf, slot k at acc[k]: a is the weight of its value.
KRISS_HD inline void contract_leaf_point(const Leaf& f, const Entry& e, double a, const LeafPoint& y, double* acc) {
    double* const own = acc + f.slot;
    own[0] += a * y.value;
    if (f.kind == LeafKind::matern || f.kind == LeafKind::rational) {
        own[1] += a * y.by_shape;
    }
    const double ws = a * (f.kind == LeafKind::periodic ? y.value : y.slope);
    if (f.kind == LeafKind::dot && f.shape > 0.0) {
        own[1] += f.shape * ws;
    }
    for (index_t p = 0; p < f.dims; ++p) {
        const double x = e.x(f.dim[p]);
        const double z = e.z(f.dim[p]);
        const double scale = f.scale[p];
        if (f.kind == LeafKind::periodic) {
            const double front = 4.0 * (scale * scale);
            const double u = turns(x, z, f.second[p]);
            const auto w = math::sincos_bounded(pi * fraction(u));
            own[2 + p] += ws * (front * (w.sin * w.sin));
            own[2 + f.dims + p] += ws * (front * (w.sin * w.cos) * (pi * u));
        } else if (f.kind == LeafKind::cosine) {
            own[2 + p] += ws * turns(x, z, scale);
        } else if (f.kind == LeafKind::dot) {
            own[2 + p] += ws * ((x * scale) * z);
        } else {
            const double delta = (x - z) * scale;
            own[2 + p] += ws * capped(delta * delta);
        }
    }
}

}  // namespace tree

// k(x_i, z_j) of a program of at most point_nodes nodes.
KRISS_HD inline double tree_point(const CovTree& t, const tree::Entry& e) {
    double value[point_nodes];
    for (index_t k = 0; k < t.nodes; ++k) {
        const index_t* node = t.node + node_width * k;
        if (node[0] == 0) {
            value[k] = tree::leaf_point(t, tree::leaf_of(t, node[1]), e, false).value;
        } else {
            const double a = value[node[1]];
            const double b = value[node[2]];
            value[k] = node[0] == 1 ? a + b : a * b;
        }
    }
    return value[t.nodes - 1];
}

// acc[slot] += weight * d k(x_i, z_j) / d slot, for a program within the limits above.
KRISS_HD inline void tree_contract_point(const CovTree& t, const tree::Entry& e, double weight, double* acc) {
    double value[point_nodes];
    double adjoint[point_nodes];
    tree::LeafPoint leaf[point_leaves];
    for (index_t k = 0; k < t.nodes; ++k) {
        const index_t* node = t.node + node_width * k;
        if (node[0] == 0) {
            leaf[node[1]] = tree::leaf_point(t, tree::leaf_of(t, node[1]), e, true);
            value[k] = leaf[node[1]].value;
        } else {
            const double a = value[node[1]];
            const double b = value[node[2]];
            value[k] = node[0] == 1 ? a + b : a * b;
        }
    }
    adjoint[t.nodes - 1] = weight;
    for (index_t k = t.nodes - 1; k >= 0; --k) {
        const index_t* node = t.node + node_width * k;
        if (node[0] == 0) {
            tree::contract_leaf_point(tree::leaf_of(t, node[1]), e, adjoint[k], leaf[node[1]], acc);
        } else {
            const bool product = node[0] == 2;
            const double a = value[node[1]];
            adjoint[node[1]] = product ? adjoint[k] * value[node[2]] : adjoint[k];
            adjoint[node[2]] = product ? adjoint[k] * a : adjoint[k];
        }
    }
}

KRISS_NAMESPACE_END
