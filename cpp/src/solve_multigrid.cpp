#include "solve_multigrid.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "kriss/solve/reduce.hpp"
#include "solve_multigrid_kernels.hpp"

namespace kriss {

namespace {

constexpr index_t direct_points = 64;      // at most so many are left to the Cholesky factor
constexpr double strong_coupling = 4.0;    // along a line against the weakest axis
constexpr double strong_share = 1.0 / 32;  // of the blocks of a grid

}  // namespace

template <class T>
void BlackBox<T>::clear() {
    grids_.clear();
    memory_.clear();
    hierarchy_ = {};
}

template <class T>
template <class I>
BoxReport BlackBox<T>::setup(const CsrView<T, I>& a, const index_t* n, unsigned lines, int twice, const Executor& ex) {
    const std::lock_guard lock(busy_);
    clear();
    BoxReport report = build(a, n, lines, ex);
    if (report.stage == BoxReport::done) {
        hierarchy_.count = static_cast<int>(grids_.size());
        hierarchy_.grid = grids_.data();
        hierarchy_.twice = twice;
    } else {
        clear();
    }
    return report;
}

template <class T>
template <class I>
BoxReport BlackBox<T>::build(const CsrView<T, I>& a, const index_t* n, unsigned lines, const Executor& ex) {
    const BoxKernels<T>& ks = box_kernels<T>();
    const auto chunks = static_cast<std::size_t>(chunk_count(std::max<index_t>(a.rows, 1)));
    std::vector<index_t> bad(2 * chunks);
    std::vector<index_t> counts(chunks);
    std::vector<unsigned> masks(chunks);
    BoxReport report;

    BoxGrid<T> g;
    std::copy(n, n + 3, g.n);
    unsigned mask = 0;
    report.fit = box_csr_kernels<T, I>().scan(g, a, masks.data(), bad.data(), mask, ex);
    if (report.fit.kind != BoxFit::good) {
        report.stage = BoxReport::matrix;
        return report;
    }
    for (int code = 13; code < box_codes; ++code) {
        if (code <= 14 || ((mask >> code | mask >> (26 - code)) & 1U) != 0) {
            g.a[code - 13] = memory_.zeros<T>(g.size());
        }
    }
    report.fit = box_csr_kernels<T, I>().fill(g, a, bad.data(), counts.data(), ex);
    if (report.fit.kind != BoxFit::good) {
        report.stage = BoxReport::matrix;
        return report;
    }
    for (;; ++report.level) {
        if (ex.interrupted()) {
            report.stage = BoxReport::interrupted;
            return report;
        }
        g.inverse = memory_.zeros<T>(g.size());
        g.work = memory_.zeros<T>(g.size());
        g.x = memory_.zeros<T>(g.size());
        g.r = report.level > 0 || g.size() <= direct_points ? memory_.zeros<T>(g.size()) : nullptr;
        report.index = ks.invert(g);
        if (report.index >= 0) {
            report.stage = BoxReport::diagonal;
            return report;
        }
        if (g.size() <= direct_points) {
            grids_.push_back(g);
            hierarchy_.factor = memory_.zeros<T>(g.size() * g.size());
            report.index = ks.cholesky(g, hierarchy_.factor);
            report.stage = report.index >= 0 ? BoxReport::coarsest : BoxReport::done;
            return report;
        }
        if (lines == automatic) {
            double share[3];
            ks.anisotropy(g, strong_coupling, share);
            for (int axis = 0; axis < 3; ++axis) {
                g.lines |= share[axis] > strong_share ? 1U << axis : 0U;
            }
        } else {
            g.lines = lines;
        }
        for (int axis = 0; axis < 3; ++axis) {
            if ((g.lines >> axis & 1U) == 0) {
                continue;
            }
            if (g.n[axis] == 1) {
                g.lines &= ~(1U << axis);
                continue;
            }
            g.lower[axis] = memory_.zeros<T>(g.size());
            g.pivot[axis] = memory_.zeros<T>(g.size());
            std::vector<index_t> wrong(static_cast<std::size_t>(g.n[0] * g.n[1]));
            if (!ks.factor_lines(g, axis, wrong.data(), ex)) {
                report.stage = BoxReport::lines;
                return report;
            }
        }
        BoxGrid<T> c;
        for (int axis = 0; axis < 3; ++axis) {
            g.step[axis] = g.n[axis] >= 3 ? 2 : 1;
            c.n[axis] = g.n[axis] / g.step[axis];
        }
        for (int code = 0; code < box_codes; ++code) {
            bool leaves = false;
            bool coupled = true;
            for (int axis = 0; axis < 3; ++axis) {
                const int o = axis == 0 ? code / 9 - 1 : axis == 1 ? code / 3 % 3 - 1 : code % 3 - 1;
                leaves = leaves || (o != 0 && g.step[axis] == 1);
                coupled = coupled && (o == 0 || c.n[axis] > 1);
            }
            if (!leaves) {
                g.w[code] = memory_.zeros<T>(c.size());
            }
            if (code == 13 || code == 14 || (code > 13 && coupled)) {
                c.a[code - 13] = memory_.zeros<T>(c.size());
            }
        }
        ks.weights(g, c, ex);
        if (!ex.interrupted()) {
            ks.galerkin(g, c, ex);
        }
        grids_.push_back(g);
        g = c;
    }
}

template <class T>
double BlackBox<T>::apply_dot(const T* r, T* z, T scale, double* part, const Executor& ex) {
    const std::lock_guard lock(busy_);
    const BoxKernels<T>& ks = box_kernels<T>();
    BoxGrid<T>& fine = grids_.front();
    ks.cycle(hierarchy_, r, fine.x, ex);
    const double dot = ks.scaled_dot(fine.size(), r, fine.x, scale, z, part, ex);
    if (!std::isfinite(dot) || ex.interrupted()) {
        // what is left in the scratch is multiplied by 0 where lines end, and must be finite
        for (BoxGrid<T>& g : grids_) {
            for (T* v : {g.x, g.r, g.work}) {
                if (v != nullptr) {
                    std::fill_n(v, g.size(), T(0));
                }
            }
        }
    }
    return dot;
}

template class BlackBox<float>;
template class BlackBox<double>;
template BoxReport BlackBox<float>::setup(const CsrView<float, std::int32_t>&, const index_t*, unsigned, int,
                                          const Executor&);
template BoxReport BlackBox<float>::setup(const CsrView<float, std::int64_t>&, const index_t*, unsigned, int,
                                          const Executor&);
template BoxReport BlackBox<double>::setup(const CsrView<double, std::int32_t>&, const index_t*, unsigned, int,
                                           const Executor&);
template BoxReport BlackBox<double>::setup(const CsrView<double, std::int64_t>&, const index_t*, unsigned, int,
                                           const Executor&);

}  // namespace kriss
