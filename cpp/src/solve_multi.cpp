#include "solve_multi.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>

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

// The panels r, p, q, x (and z) of one solve. Slots that hold no column are zero and stay so.
template <class T>
struct Panels {
    Aligned<T> work;
    T *r = nullptr, *p = nullptr, *q = nullptr, *x = nullptr, *z = nullptr;

    Panels(index_t n, index_t halo, int width, bool with_z) {
        const index_t size = whole_lines<T>(n * width);
        const index_t pad = whole_lines<T>(halo * width);
        work = aligned<T>(size * (with_z ? 5 : 4) + 2 * pad);
        p = work.get() + pad;
        std::fill(work.get(), p, T(0));
        r = p + size + pad;
        std::fill(p, r, T(0));
        q = r + size;
        x = q + size;
        z = with_z ? x + size : nullptr;
    }
};

// Moves the columns `slots` of a panel of `from` columns to the front of one of `to` columns, in place.
template <class T>
void compact(T* panel, index_t n, int from, int to, const std::vector<int>& slots) {
    T row[max_columns];
    for (index_t i = 0; i < n; ++i) {
        std::fill_n(row, max_columns, T(0));
        for (std::size_t c = 0; c < slots.size(); ++c) {
            row[c] = panel[i * from + slots[c]];
        }
        for (int c = 0; c < to; ++c) {
            panel[i * to + c] = row[c];
        }
    }
}

}  // namespace

template <class T, class I>
MultiOutcome solve_cg_multi(const CsrView<T, I>& a, const MultiProblem<T>& problem, const Executor& executor) {
    const index_t n = problem.n;
    const bool hooked = problem.product.apply != nullptr;
    const bool with_z = problem.precond.apply != nullptr;
    const Diagonals<T> diagonals = hooked ? Diagonals<T>() : by_diagonals(a);
    MultiOutcome out;
    out.columns.resize(static_cast<std::size_t>(problem.columns));
    out.diagonals = diagonals.used() ? diagonals.view.count : 0;
    const Executor ex = for_size(executor, hooked ? n * problem.columns : a.indptr[n] * problem.columns);

    int width = width_for(problem.columns);
    Panels<T> panels(n, diagonals.view.halo, width, with_z);
    const std::unique_ptr<double[]> part(new double[2 * max_columns * static_cast<std::size_t>(chunk_count(n))]);
    T *const r = panels.r, *const p = panels.p, *const q = panels.q, *const x = panels.x, *const z = panels.z;
    bool interrupted = false;

    const auto product = [&](const T* v, T* y, double* vy) {
        ++out.products;
        const PanelKernels<T>& ks = panel_kernels<T>(width);
        if (hooked) {
            if (!problem.product.apply(problem.product.self, v, y, width)) {
                out.stopped = true;
                return;
            }
            ks.dot(n, v, y, part.get(), vy, ex);
        } else if (diagonals.used()) {
            ks.diagonal(diagonals.view, v, y, part.get(), vy, ex);
        } else if constexpr (sizeof(I) == 4) {
            ks.csr_i32(a, v, y, part.get(), vy, ex);
        } else {
            ks.csr_i64(a, v, y, part.get(), vy, ex);
        }
    };

    double rr[max_columns] = {}, rho[max_columns] = {}, next[max_columns] = {}, pq[max_columns] = {};
    double peak[max_columns] = {};
    T alpha[max_columns] = {}, beta[max_columns] = {};
    int column[max_columns];  // what a slot holds, -1 for nothing
    std::fill_n(column, max_columns, -1);
    int active = problem.columns;
    for (index_t i = 0; i < n; ++i) {
        for (int c = 0; c < width; ++c) {
            const bool real = c < problem.columns;
            r[i * width + c] = real ? problem.b[i * problem.columns + c] : T(0);
            x[i * width + c] = real ? problem.x[i * problem.columns + c] : T(0);
        }
    }
    std::fill_n(p, n * width, T(0));
    for (int c = 0; c < problem.columns; ++c) {
        column[c] = c;
    }
    if (!problem.zero_start) {
        std::copy_n(x, n * width, p);  // p has the zeros around it that a product by diagonals needs
        product(p, q, pq);
        std::fill_n(alpha, width, T(-1));
    } else {
        std::fill_n(q, n * width, T(0));
    }
    if (!out.stopped) {
        panel_kernels<T>(width).update(n, problem.inverse, alpha, q, r, part.get(), rr, next, ex);
        std::fill_n(p, n * width, T(0));
    }
    std::fill_n(alpha, max_columns, T(0));
    for (int c = 0; c < problem.columns; ++c) {
        peak[c] = rr[c];
        out.columns[static_cast<std::size_t>(c)].residuals.push_back(std::sqrt(rr[c]));
    }

    // Hands a column back: x + alpha p, as pass 1 of the next iteration would have made it.
    const auto retire = [&](int slot, Status status, index_t iterations) {
        const int c = column[slot];
        auto& col = out.columns[static_cast<std::size_t>(c)];
        col.status = status;
        col.iterations = iterations;
        col.residual = std::sqrt(rr[slot]);
        for (index_t i = 0; i < n; ++i) {
            const index_t t = i * width + slot;
            problem.x[i * problem.columns + c] = alpha[slot] != T(0) ? x[t] + alpha[slot] * p[t] : x[t];
        }
        alpha[slot] = beta[slot] = T(0);
        column[slot] = -1;
        --active;
    };

    for (index_t iteration = 0; active > 0 && !out.stopped; ++iteration) {
        for (int s = 0; s < width; ++s) {
            if (column[s] < 0) {
                continue;
            }
            const double tol = problem.tol[column[s]];
            const bool finite = std::isfinite(rr[s]);
            if (finite && (std::sqrt(rr[s]) <= tol || rr[s] <= 1e-60 * peak[s])) {
                retire(s, Status::ok, iteration);
            } else if (!finite) {
                retire(s, Status::non_finite, iteration);
            } else if (iteration >= problem.maxiter) {
                retire(s, Status::maxiter, iteration);
            }
        }
        if (active == 0) {
            break;
        }
        const int narrower = width_for(active);
        if (narrower < width) {
            std::vector<int> slots;
            for (int s = 0; s < width; ++s) {
                if (column[s] >= 0) {
                    slots.push_back(s);
                }
            }
            compact(r, n, width, narrower, slots);
            compact(p, n, width, narrower, slots);
            compact(x, n, width, narrower, slots);
            // what lies behind the narrower panel must be zeros again
            std::fill(p + n * narrower, p + n * width, T(0));
            for (int c = 0; c < max_columns; ++c) {
                const bool real = c < static_cast<int>(slots.size());
                const int s = real ? slots[static_cast<std::size_t>(c)] : 0;
                column[c] = real ? column[s] : -1;
                rr[c] = rr[s];
                rho[c] = rho[s];
                next[c] = next[s];
                peak[c] = peak[s];
                alpha[c] = real ? alpha[s] : T(0);
                beta[c] = real ? beta[s] : T(0);
            }
            width = narrower;
        }
        const PanelKernels<T>& ks = panel_kernels<T>(width);
        if (with_z) {
            if (!problem.precond.apply(problem.precond.self, r, z, width)) {
                out.stopped = true;
                break;
            }
            ks.dot(n, r, z, part.get(), next, ex);
        }
        for (int s = 0; s < width; ++s) {
            if (column[s] < 0) {
                continue;
            }
            if (!(next[s] > 0.0 && std::isfinite(next[s]))) {
                retire(s, std::isfinite(next[s]) ? Status::indefinite_precond : Status::non_finite, iteration);
                continue;
            }
            beta[s] = iteration > 0 ? static_cast<T>(next[s] / rho[s]) : T(0);
            rho[s] = next[s];
        }
        if (active == 0) {
            break;
        }
        ks.direction(n, problem.inverse, with_z ? z : r, beta, alpha, p, x, ex);
        std::fill_n(alpha, max_columns, T(0));
        product(p, q, pq);
        interrupted = ex.interrupted();
        if (out.stopped || interrupted) {
            break;
        }
        T minus[max_columns] = {};
        for (int s = 0; s < width; ++s) {
            if (column[s] < 0) {
                continue;
            }
            if (!(pq[s] > 0.0 && std::isfinite(pq[s]))) {
                retire(s, std::isfinite(pq[s]) ? Status::indefinite_matrix : Status::non_finite, iteration);
                continue;
            }
            const double step = rho[s] / pq[s];
            alpha[s] = static_cast<T>(step);
            minus[s] = static_cast<T>(-step);
        }
        if (active == 0) {
            break;
        }
        ks.update(n, problem.inverse, minus, q, r, part.get(), rr, next, ex);
        for (int s = 0; s < width; ++s) {
            if (column[s] >= 0) {
                peak[s] = std::max(peak[s], rr[s]);
                out.columns[static_cast<std::size_t>(column[s])].residuals.push_back(std::sqrt(rr[s]));
            }
        }
    }
    return out;
}

template MultiOutcome solve_cg_multi(const CsrView<float, std::int32_t>&, const MultiProblem<float>&, const Executor&);
template MultiOutcome solve_cg_multi(const CsrView<float, std::int64_t>&, const MultiProblem<float>&, const Executor&);
template MultiOutcome solve_cg_multi(const CsrView<double, std::int32_t>&, const MultiProblem<double>&,
                                     const Executor&);
template MultiOutcome solve_cg_multi(const CsrView<double, std::int64_t>&, const MultiProblem<double>&,
                                     const Executor&);

}  // namespace kriss
