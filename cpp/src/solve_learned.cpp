#include "solve_learned.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "kriss/solve/reduce.hpp"
#include "solve_learned_kernels.hpp"
#include "solve_multigrid_kernels.hpp"

namespace kriss {

// g has its couplings
BoxReport FactoredBox::add(const BoxGrid<double>& given) {
    BoxReport report;
    report.level = static_cast<int>(grids_.size());
    BoxGrid<double> g = given;
    g.inverse = memory_.zeros<double>(g.size());
    g.work = memory_.zeros<double>(g.size());
    g.x = memory_.zeros<double>(g.size());
    g.r = memory_.zeros<double>(g.size());
    report.index = box_kernels<double>().invert(g);
    if (report.index >= 0) {
        report.stage = BoxReport::diagonal;
        return report;
    }
    grids_.push_back(g);
    factored_.emplace_back();
    return report;
}

template <class I>
BoxReport FactoredBox::begin(const CsrView<double, I>& a, index_t n0, index_t n1, index_t n2, const Executor& ex) {
    grids_.clear();
    factored_.clear();
    memory_.clear();
    hierarchy_ = {};
    const auto chunks = static_cast<std::size_t>(chunk_count(std::max<index_t>(a.rows, 1)));
    std::vector<index_t> bad(2 * chunks);
    std::vector<index_t> counts(chunks);
    std::vector<unsigned> masks(chunks);
    BoxReport report;
    BoxGrid<double> g;
    g.n[0] = n0;
    g.n[1] = n1;
    g.n[2] = n2;
    unsigned mask = 0;
    report.fit = box_csr_kernels<double, I>().scan(g, a, masks.data(), bad.data(), mask, ex);
    if (report.fit.kind == BoxFit::good) {
        for (int half = 0; half < box_half; ++half) {
            const bool used = ((mask >> (13 + half) | mask >> (13 - half)) & 1U) != 0;
            if (half < 2 || used || (half < 5 && n0 == 1)) {
                g.a[half] = memory_.zeros<double>(g.size());
            }
        }
        report.fit = box_csr_kernels<double, I>().fill(g, a, bad.data(), counts.data(), ex);
    }
    if (report.fit.kind != BoxFit::good) {
        report.stage = BoxReport::matrix;
        return report;
    }
    room_ = memory_.zeros<double>(3 * (n2 + 2 * factor_pad));
    return add(g);
}

void FactoredBox::weights(const float* net, const Executor& ex) {
    BoxGrid<double>& g = grids_.back();
    next_ = {};
    for (int axis = 0; axis < 3; ++axis) {
        g.step[axis] = g.n[axis] >= 3 ? 2 : 1;
        next_.n[axis] = g.n[axis] / g.step[axis];
    }
    for (int code = 0; code < box_codes; ++code) {
        bool leaves = false;
        for (int axis = 0; axis < 3; ++axis) {
            leaves = leaves || (box_offset(code, axis) != 0 && g.step[axis] == 1);
        }
        if (!leaves && g.w[code] == nullptr) {
            g.w[code] = memory_.zeros<double>(next_.size());
        }
    }
    if (net != nullptr && !solid() && g.step[1] == 2 && g.step[2] == 2) {
        learned_kernels().network(g, next_, net, net + net_size, ex);
        return;
    }
    box_kernels<double>().weights(g, next_, ex);
}

BoxReport FactoredBox::coarsen(const float* net, int orders, const Executor& ex) {
    BoxReport report;
    report.level = static_cast<int>(grids_.size()) - 1;
    weights(net, ex);
    BoxGrid<double>& g = grids_.back();
    BoxGrid<double> c = next_;
    scratch_.resize(static_cast<std::size_t>(solid() ? (2 * g.n[1] * g.n[2] + 1) * factor_row
                                                     : factor_lines * (g.n[2] + 2 * box_pad)));
    FactoredGrid& own = factored_.back();
    for (int order = 0; order < 4 && own.count < factors_most; ++order) {
        if ((orders >> order & 1) == 0) {
            continue;
        }
        BoxFactor& f = own.factor[own.count++];
        f.mirrored = order % 2 == 1;
        f.turned = order / 2 == 1;
        f.inverse = memory_.zeros<double>(g.size());
        f.line = memory_.zeros<float>(g.size());
        for (int j = 0; j < (solid() ? 12 : 3); ++j) {
            f.off[j] = memory_.zeros<float>(g.size());
        }
        report.index = solid() ? learned_kernels().factorise3(g, f, scratch_.data())
                               : learned_kernels().factorise(g, f, scratch_.data());
        if (report.index >= 0) {
            report.stage = BoxReport::lines;
            return report;
        }
    }
    for (int half = 0; half < box_half; ++half) {
        bool coupled = half < 2;
        if (half > 1) {
            coupled = true;
            for (int axis = 0; axis < 3; ++axis) {
                coupled = coupled && (box_offset(half + 13, axis) == 0 || c.n[axis] > 1);
            }
        }
        if (coupled) {
            c.a[half] = memory_.zeros<double>(c.size());
        }
    }
    box_kernels<double>().galerkin(g, c, ex);
    if (ex.interrupted()) {
        report.stage = BoxReport::interrupted;
        return report;
    }
    return add(c);
}

BoxReport FactoredBox::finish(int twice) {
    BoxReport report;
    report.level = static_cast<int>(grids_.size()) - 1;
    const BoxGrid<double>& g = grids_.back();
    hierarchy_.factor = memory_.zeros<double>(g.size() * g.size());
    report.index = box_kernels<double>().cholesky(g, hierarchy_.factor);
    if (report.index >= 0) {
        report.stage = BoxReport::coarsest;
        return report;
    }
    hierarchy_.count = static_cast<int>(grids_.size());
    hierarchy_.grid = grids_.data();
    hierarchy_.twice = twice;
    scratch_.clear();
    scratch_.shrink_to_fit();
    return report;
}

double FactoredBox::apply_dot(const double* r, double* z, double scale, double* part, const Executor& ex) {
    const std::lock_guard lock(busy_);
    const BoxGrid<double>& fine = grids_.front();
    learned_kernels().cycle(hierarchy_, factored_.data(), r, fine.x, room_, ex);
    const double dot = box_kernels<double>().scaled_dot(fine.size(), r, fine.x, scale, z, part, ex);
    if (!std::isfinite(dot) || ex.interrupted()) {
        // what is left in the scratch is multiplied by 0 where lines end, and must be finite
        for (BoxGrid<double>& g : grids_) {
            for (double* v : {g.x, g.r, g.work}) {
                std::fill_n(v, g.size(), 0.0);
            }
        }
    }
    return dot;
}

template BoxReport FactoredBox::begin(const CsrView<double, std::int32_t>&, index_t, index_t, index_t, const Executor&);
template BoxReport FactoredBox::begin(const CsrView<double, std::int64_t>&, index_t, index_t, index_t, const Executor&);

template <class I>
void box_couplings(const CsrView<double, I>& a, const std::int64_t* rows, index_t many, const std::int64_t* columns,
                   index_t wide, index_t n1, double* out) {
    const index_t wanted[5] = {0, 1, n1 - 1, n1, n1 + 1};
    for (index_t p = 0; p < many; ++p) {
        for (index_t q = 0; q < wide; ++q) {
            double sum[5] = {};
            for (index_t point = 0; point < 9; ++point) {
                const index_t i = (rows[p] + point / 3) * n1 + columns[q] + point % 3;
                // columns are sorted: from the last one back to the diagonal
                for (index_t k = a.indptr[i + 1]; k-- > a.indptr[i];) {
                    const index_t offset = static_cast<index_t>(a.indices[k]) - i;
                    if (offset < 0) {
                        break;
                    }
                    for (int d = 0; d < 5; ++d) {
                        sum[d] += offset == wanted[d] ? a.data[k] : 0.0;
                    }
                }
            }
            for (int d = 0; d < 5; ++d) {
                out[(d * many + p) * wide + q] = sum[d];
            }
        }
    }
}

template void box_couplings(const CsrView<double, std::int32_t>&, const std::int64_t*, index_t, const std::int64_t*,
                            index_t, index_t, double*);
template void box_couplings(const CsrView<double, std::int64_t>&, const std::int64_t*, index_t, const std::int64_t*,
                            index_t, index_t, double*);

}  // namespace kriss
