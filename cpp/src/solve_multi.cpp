#include "solve_multi.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <utility>

#include "kriss/solve/reduce.hpp"
#include "solve.hpp"
#include "solve_multi_kernels.hpp"
#include "solve_storage.hpp"

namespace kriss {

namespace {

int width_for(int columns) {
    int w = 1;
    while (w < columns) {
        w *= 2;
    }
    return w;
}

// One solve. Slots of a panel that hold no column are zero and stay so.
template <class T, class I>
class Loop {
   public:
    Loop(const CsrView<T, I>& a, const MultiProblem<T>& problem, const Executor& executor)
        : a_(a),
          problem_(problem),
          n_(problem.n),
          hooked_(problem.product.apply != nullptr),
          with_z_(problem.precond.apply != nullptr),
          ex_(for_size(executor, hooked_ ? n_ * problem.columns : a.indptr[n_] * problem.columns)),
          width_(width_for(problem.columns)),
          active_(problem.columns),
          part_(new double[2 * max_columns * static_cast<std::size_t>(chunk_count(n_))]) {
        out_.columns.resize(static_cast<std::size_t>(problem.columns));
        if (!hooked_) {
            store();
        }
        const index_t pad = whole_lines<T>(halo_ * width_);
        const index_t size = whole_lines<T>(n_ * width_);
        p_room_ = aligned<T>(size + 2 * pad);
        p_ = p_room_.get() + pad;
        std::fill(p_room_.get(), p_, T(0));
        std::fill(p_ + n_ * width_, p_ + size + pad, T(0));
        r_ = aligned<T>(size);
        if (hooked_ || keep_) {
            q_ = aligned<T>(size);
        }
        if (with_z_) {
            z_ = aligned<T>(size);
        }
        std::fill_n(column_, max_columns, -1);
        for (int c = 0; c < problem.columns; ++c) {
            column_[c] = c;
        }
        x_ = problem.x;
        if (width_ != problem.columns) {
            own_x(problem.columns);
        }
    }

    MultiOutcome run() {
        start();
        for (iteration_ = 0; active_ > 0 && !out_.stopped; ++iteration_) {
            if (!iterate()) {
                break;
            }
        }
        if (!out_.stopped && !ex_.interrupted()) {
            recompute();
        }
        return std::move(out_);
    }

   private:
    void store() {
        diagonals_ = by_diagonals(a_, ex_);
        index_t bytes = a_.indptr[n_] * static_cast<index_t>(sizeof(T) + sizeof(I));
        // a gathered entry costs several times one of a diagonal
        double work = 4.0 * static_cast<double>(a_.indptr[n_]) / static_cast<double>(n_);
        if (diagonals_.used()) {
            out_.diagonals = diagonals_.view.count;
            halo_ = reach_ = diagonals_.view.halo;
            bytes = diagonals_.stored * static_cast<index_t>(sizeof(T));
            work = diagonals_.view.count;
        } else {
            reach_ = bandwidth(a_);
        }
        keep_ = !again_pays<T>(bytes, work, n_, width_);
    }

    const PanelKernels<T>& kernels() const { return panel_kernels<T>(width_); }

    PanelProduct<T> by_rows() const { return {&a_, kernels().template csr<I>(), reach_}; }

    PanelProduct<T> stored() const {
        return diagonals_.used() ? PanelProduct<T>{&diagonals_.view, kernels().diagonal, reach_} : by_rows();
    }

    // `from` of `columns` columns as a panel of width_, the rest zeros
    void pad_columns(const T* from, int columns, T* to) const {
        const int width = width_;
        ex_.parallel_for(n_, solve_grain, [=](index_t begin, index_t end) {
            for (index_t i = begin; i < end; ++i) {
                for (int c = 0; c < width; ++c) {
                    to[i * width + c] = c < columns ? from[i * columns + c] : T(0);
                }
            }
        });
    }

    // A panel of its own for x; x_ has `columns` columns now
    void own_x(int columns) {
        Aligned<T> mine = aligned<T>(whole_lines<T>(n_ * width_));
        pad_columns(x_, columns, mine.get());
        x_room_ = std::move(mine);
        x_ = x_room_.get();
    }

    bool hook(const PanelHook<T>& h, const T* from, T* to) {
        out_.stopped = !h.apply(h.self, from, to, width_);
        return !out_.stopped;
    }

    // r = b - A x and its norms
    void start() {
        const T* from = problem_.b;
        const int columns = problem_.columns;
        const int width = width_;
        T* const r = r_.get();
        if (width != columns) {
            pad_columns(problem_.b, columns, r);
            from = r;
        }
        const T* q = nullptr;
        const T* p = nullptr;
        T minus[max_columns];
        std::fill_n(minus, max_columns, T(-1));
        if (!problem_.zero_start) {
            ++out_.products;
            std::copy_n(x_, n_ * width, p_);  // p has the zeros around it that a product by diagonals needs
            p = p_;
            if (hooked_ && !hook(problem_.product, p_, q_.get())) {
                return;
            }
            q = hooked_ ? q_.get() : nullptr;
        }
        kernels().update(n_, hooked_ ? PanelProduct<T>{} : stored(), problem_.inverse, minus, p, q, from, r,
                         part_.get(), rr_, next_, ex_);
        for (int c = 0; c < columns; ++c) {
            peak_[c] = rr_[c];
            out_.columns[static_cast<std::size_t>(c)].residuals.push_back(std::sqrt(rr_[c]));
        }
    }

    // The norms of b - A x. The panels have done their work and hold b and x where these need to be wider.
    void recompute() {
        const int columns = problem_.columns;
        double norms[max_columns];
        std::fill_n(norms, max_columns, std::numeric_limits<double>::quiet_NaN());
        if (!hooked_) {
            width_ = width_for(columns);
            const T* b = problem_.b;
            const T* x = problem_.x;
            if (width_ != columns) {
                pad_columns(b, columns, r_.get());
                pad_columns(x, columns, p_);
                b = r_.get();
                x = p_;
            }
            kernels().residual(n_, by_rows(), b, x, part_.get(), norms, ex_);
        }
        for (int c = 0; c < columns; ++c) {
            out_.columns[static_cast<std::size_t>(c)].norm = std::sqrt(norms[c]);
        }
    }

    void leave(int slot, Status status) {
        leaving_[slot] = status;
        leaves_[slot] = true;
    }

    // Hands the columns marked by leave() back: x + alpha p, as the next step would have made it. False if none is
    // left.
    bool retire() {
        int slots[max_columns];
        int places[max_columns];
        int count = 0;
        T step[max_columns];
        for (int s = 0; s < width_; ++s) {
            if (!leaves_[s]) {
                continue;
            }
            auto& col = out_.columns[static_cast<std::size_t>(column_[s])];
            col.status = leaving_[s];
            col.iterations = iteration_;
            col.residual = std::sqrt(rr_[s]);
            step[count] = alpha_[s];
            slots[count] = s;
            places[count++] = column_[s];
            leaves_[s] = false;
            alpha_[s] = beta_[s] = T(0);
            column_[s] = -1;
            --active_;
        }
        if (count == 0) {
            return active_ > 0;
        }
        if (active_ > 0 && x_ == problem_.x) {
            own_x(width_);  // what has left must not change any more
        }
        const T* const x = x_;
        const T* const p = p_;
        T* const to = problem_.x;
        const int columns = problem_.columns;
        const int width = width_;
        ex_.parallel_for(n_, solve_grain, [=](index_t begin, index_t end) {
            for (index_t i = begin; i < end; ++i) {
                for (int k = 0; k < count; ++k) {
                    const index_t t = i * width + slots[k];
                    to[i * columns + places[k]] = step[k] != T(0) ? x[t] + step[k] * p[t] : x[t];
                }
            }
        });
        return active_ > 0;
    }

    // Moves the columns `slots` of a panel to the front of one of `to` columns, in place.
    void compact(T* panel, int to, const int* slots, int count) const {
        T row[max_columns];
        for (index_t i = 0; i < n_; ++i) {
            std::fill_n(row, max_columns, T(0));
            for (int c = 0; c < count; ++c) {
                row[c] = panel[i * width_ + slots[c]];
            }
            for (int c = 0; c < to; ++c) {
                panel[i * to + c] = row[c];
            }
        }
    }

    void narrow() {
        const int to = width_for(active_);
        if (to >= width_) {
            return;
        }
        int slots[max_columns];
        int count = 0;
        for (int s = 0; s < width_; ++s) {
            if (column_[s] >= 0) {
                slots[count++] = s;
            }
        }
        for (T* panel : {r_.get(), p_, x_}) {
            compact(panel, to, slots, count);
        }
        // what lies behind the narrower panel must be zeros again
        std::fill(p_ + n_ * to, p_ + n_ * to + halo_ * to, T(0));
        for (int c = 0; c < max_columns; ++c) {
            const bool real = c < count;
            const int s = real ? slots[c] : 0;
            column_[c] = real ? column_[s] : -1;
            rr_[c] = rr_[s];
            rho_[c] = rho_[s];
            next_[c] = next_[s];
            peak_[c] = peak_[s];
            alpha_[c] = real ? alpha_[s] : T(0);
            beta_[c] = real ? beta_[s] : T(0);
        }
        width_ = to;
    }

    // false: stopped, or nobody is left
    bool iterate() {
        for (int s = 0; s < width_; ++s) {
            if (column_[s] < 0) {
                continue;
            }
            const double tol = problem_.tol[column_[s]];
            const bool finite = std::isfinite(rr_[s]);
            if (finite && (std::sqrt(rr_[s]) <= tol || rr_[s] <= 1e-60 * peak_[s])) {
                leave(s, Status::ok);
            } else if (!finite) {
                leave(s, Status::non_finite);
            } else if (iteration_ >= problem_.maxiter) {
                leave(s, Status::maxiter);
            }
        }
        if (!retire()) {
            return false;
        }
        narrow();
        const PanelKernels<T>& ks = kernels();
        const T* z = r_.get();
        if (with_z_) {
            if (!hook(problem_.precond, r_.get(), z_.get())) {
                return false;
            }
            z = z_.get();
            ks.dot(n_, r_.get(), z, part_.get(), next_, ex_);
        }
        for (int s = 0; s < width_; ++s) {
            if (column_[s] < 0) {
                continue;
            }
            if (!(next_[s] > 0.0 && std::isfinite(next_[s]))) {
                leave(s, std::isfinite(next_[s]) ? Status::indefinite_precond : Status::non_finite);
                continue;
            }
            beta_[s] = iteration_ > 0 ? static_cast<T>(next_[s] / rho_[s]) : T(0);
            rho_[s] = next_[s];
        }
        if (!retire()) {
            return false;
        }
        const bool first = iteration_ == 0;
        double pq[max_columns] = {};
        ++out_.products;
        if (hooked_) {
            ks.direction(n_, first, problem_.inverse, z, beta_, alpha_, p_, x_, ex_);
            std::fill_n(alpha_, max_columns, T(0));
            if (!hook(problem_.product, p_, q_.get())) {
                return false;
            }
            ks.dot(n_, p_, q_.get(), part_.get(), pq, ex_);
        } else {
            ks.step(n_, stored(), first, problem_.inverse, z, beta_, alpha_, p_, x_, q_.get(), part_.get(), pq, ex_);
            std::fill_n(alpha_, max_columns, T(0));
        }
        if (ex_.interrupted()) {
            return false;
        }
        T minus[max_columns] = {};
        for (int s = 0; s < width_; ++s) {
            if (column_[s] < 0) {
                continue;
            }
            if (!(pq[s] > 0.0 && std::isfinite(pq[s]))) {
                leave(s, std::isfinite(pq[s]) ? Status::indefinite_matrix : Status::non_finite);
                continue;
            }
            const double step = rho_[s] / pq[s];
            alpha_[s] = static_cast<T>(step);
            minus[s] = static_cast<T>(-step);
        }
        if (!retire()) {
            return false;
        }
        ks.update(n_, hooked_ ? PanelProduct<T>{} : stored(), problem_.inverse, minus, p_, q_.get(), r_.get(), r_.get(),
                  part_.get(), rr_, next_, ex_);
        for (int s = 0; s < width_; ++s) {
            if (column_[s] >= 0) {
                peak_[s] = std::max(peak_[s], rr_[s]);
                out_.columns[static_cast<std::size_t>(column_[s])].residuals.push_back(std::sqrt(rr_[s]));
            }
        }
        return true;
    }

    const CsrView<T, I>& a_;
    const MultiProblem<T>& problem_;
    const index_t n_;
    const bool hooked_;
    const bool with_z_;
    const Executor ex_;
    int width_;
    int active_;
    index_t iteration_ = 0;
    Diagonals<T> diagonals_;
    index_t halo_ = 0;   // rows of zeros around p
    index_t reach_ = 0;  // of a product
    bool keep_ = false;  // A p is stored
    MultiOutcome out_;
    const std::unique_ptr<double[]> part_;
    Aligned<T> p_room_, r_, q_, z_, x_room_;
    T* p_ = nullptr;
    T* x_ = nullptr;  // problem.x itself as long as all its columns are in the panel
    double rr_[max_columns] = {}, rho_[max_columns] = {}, next_[max_columns] = {}, peak_[max_columns] = {};
    T alpha_[max_columns] = {}, beta_[max_columns] = {};
    int column_[max_columns];  // what a slot holds, -1 for nothing
    Status leaving_[max_columns] = {};
    bool leaves_[max_columns] = {};
};

}  // namespace

template <class T, class I>
MultiOutcome solve_cg_multi(const CsrView<T, I>& a, const MultiProblem<T>& problem, const Executor& executor) {
    return Loop<T, I>(a, problem, executor).run();
}

template MultiOutcome solve_cg_multi(const CsrView<float, std::int32_t>&, const MultiProblem<float>&, const Executor&);
template MultiOutcome solve_cg_multi(const CsrView<float, std::int64_t>&, const MultiProblem<float>&, const Executor&);
template MultiOutcome solve_cg_multi(const CsrView<double, std::int32_t>&, const MultiProblem<double>&,
                                     const Executor&);
template MultiOutcome solve_cg_multi(const CsrView<double, std::int64_t>&, const MultiProblem<double>&,
                                     const Executor&);

}  // namespace kriss
