#include "solve_eisenstat.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "kriss/solve/reduce.hpp"
#include "solve.hpp"
#include "solve_factor_kernels.hpp"
#include "solve_kernels.hpp"

namespace kriss {

namespace {

// The grid of which the lower triangle of a is a five- or seven-point stencil in natural order; nx = 0 if there is none
// worth the strips.
template <class T, class I>
FrontShape find_grid(const CsrView<T, I>& a) {
    const index_t n = a.rows;
    index_t offset[3] = {};
    int count = 0;
    for (index_t i = 0; i < n; ++i) {
        for (index_t k = a.indptr[i]; k < a.indptr[i + 1] && a.indices[k] < i; ++k) {
            const index_t o = i - static_cast<index_t>(a.indices[k]);
            if (count > 0 && (o == offset[0] || (count > 1 && o == offset[1]) || (count > 2 && o == offset[2]))) {
                continue;
            }
            if (count == 3) {
                return {};
            }
            offset[count++] = o;
        }
    }
    std::sort(offset, offset + count);
    if (count < 2 || offset[0] != 1) {
        return {};
    }
    const index_t nx = offset[1];
    const index_t plane = count == 3 ? offset[2] : n;
    if (plane % nx != 0 || n % plane != 0) {
        return {};
    }
    FrontShape shape{nx, plane / nx, n / plane};
    if (nx < 2 * front_lanes || shape.ny < front_lanes / 2 ||
        static_cast<double>(shape.size()) > 2.0 * static_cast<double>(n)) {
        return {};
    }
    // no entry may reach across the edge of the grid
    for (index_t i = 0; i < n; ++i) {
        const bool first = i % nx == 0;
        const bool edge = i % plane < nx;
        if (!first && !edge) {
            continue;
        }
        for (index_t k = a.indptr[i]; k < a.indptr[i + 1] && a.indices[k] < i; ++k) {
            const index_t o = i - static_cast<index_t>(a.indices[k]);
            if ((first && o == 1) || (edge && o == nx)) {
                return {};
            }
        }
    }
    return shape;
}

template <class T>
Aligned<T> zeros(index_t n) {
    Aligned<T> out = aligned<T>(n);
    std::fill_n(out.get(), n, T(0));
    return out;
}

// f(row, place) over the unknowns of the strips [first, last)
template <class F>
void each_unknown(const FrontShape& s, index_t first, index_t last, F f) {
    for (index_t g = first; g < last; ++g) {
        const index_t k = g / s.strips();
        const index_t j0 = g % s.strips() * front_lanes;
        const index_t lanes = std::min(front_lanes, s.ny - j0);
        const index_t row = (k * s.ny + j0) * s.nx;
        const index_t place = s.place(0, j0, k);
        for (index_t i = 0; i < s.nx; ++i) {
            for (index_t l = 0; l < lanes; ++l) {
                f(row + l * s.nx + i, place + (i + l) * front_lanes + l);
            }
        }
    }
}

}  // namespace

template <class T, class I>
EisenstatPlan<T, I>::EisenstatPlan(const CsrView<T, I>& a, const T* pivot, const Executor& ex)
    : n_(a.rows), shape_(find_grid(a)) {
    const int most = sizeof(T) == 4 ? 100 : 1000;
    unit_ = n_ > 0 ? std::ldexp(T(1), std::clamp(-std::ilogb(pivot[0]), -most, most)) : T(1);
    if (grid()) {
        build_grid(a, pivot, for_size(ex, a.indptr[n_]));
    } else {
        build_rows(a, pivot);
    }
}

template <class T, class I>
void EisenstatPlan<T, I>::build_grid(const CsrView<T, I>& a, const T* pivot, const Executor& ex) {
    const index_t size = shape_.size();
    const index_t step = shape_.steps() * front_lanes;
    for (Aligned<T>* v : {&west_, &south_, &rest_, &scale_}) {
        *v = aligned<T>(size);
    }
    if (shape_.nz > 1) {
        below_ = aligned<T>(size);
    }
    bytes_ = size * static_cast<index_t>(sizeof(T)) * (shape_.nz > 1 ? 5 : 4);
    const index_t nx = shape_.nx;
    const Aligned<T> over = aligned<T>(n_ + 1);  // E^-1/2
    T* g = over.get();
    ex.parallel_for(n_, solve_grain, [&](index_t first, index_t last) {
        for (index_t i = first; i < last; ++i) {
            g[i] = T(1) / std::sqrt(unit_ * pivot[i]);
        }
    });
    ex.parallel_for(shape_.strips() * shape_.nz, 1, [&](index_t first, index_t last) {
        for (T* v : {west_.get(), south_.get(), below_.get(), rest_.get(), scale_.get()}) {
            if (v != nullptr) {
                std::fill(v + first * step, v + last * step, T(0));
            }
        }
        each_unknown(shape_, first, last, [&](index_t i, index_t at) {
            const T root = std::sqrt(unit_ * pivot[i]);
            scale_[static_cast<std::size_t>(at)] = root;
            for (index_t k = a.indptr[i]; k < a.indptr[i + 1]; ++k) {
                const index_t o = i - static_cast<index_t>(a.indices[k]);
                if (o < 0) {
                    break;
                }
                if (o == 0) {
                    rest_[static_cast<std::size_t>(at)] = a.data[k] / pivot[i] - T(2);
                } else {
                    Aligned<T>& v = o == 1 ? west_ : o == nx ? south_ : below_;
                    v[static_cast<std::size_t>(at)] = unit_ * a.data[k] * g[i] * g[i - o];
                }
            }
        });
    });
}

template <class T, class I>
void EisenstatPlan<T, I>::build_rows(const CsrView<T, I>& a, const T* pivot) {
    rest_ = aligned<T>(n_);
    scale_ = aligned<T>(n_);
    const Aligned<T> over = aligned<T>(n_ + 1);  // E^-1/2
    T* g = over.get();
    lower_ptr_.assign(1, I(0));
    upper_ptr_.assign(1, I(0));
    lower_ptr_.reserve(static_cast<std::size_t>(n_ + 1));
    upper_ptr_.reserve(static_cast<std::size_t>(n_ + 1));
    const auto half = static_cast<std::size_t>(a.indptr[n_] > n_ ? (a.indptr[n_] - n_) / 2 + 1 : 0);
    lower_indices_.reserve(half);
    lower_data_.reserve(half);
    upper_indices_.reserve(half);
    upper_data_.reserve(half);
    for (index_t i = 0; i < n_; ++i) {
        scale_[static_cast<std::size_t>(i)] = std::sqrt(unit_ * pivot[i]);
        g[i] = T(1) / scale_[static_cast<std::size_t>(i)];
    }
    for (index_t i = 0; i < n_; ++i) {
        for (index_t k = a.indptr[i]; k < a.indptr[i + 1]; ++k) {
            const index_t j = a.indices[k];
            const T v = a.data[k];
            if (j == i) {
                rest_[static_cast<std::size_t>(i)] = v / pivot[i] - T(2);
                continue;
            }
            const T scaled = unit_ * v * g[i] * g[j];
            (j < i ? lower_indices_ : upper_indices_).push_back(static_cast<I>(j));
            (j < i ? lower_data_ : upper_data_).push_back(scaled);
        }
        lower_ptr_.push_back(static_cast<I>(lower_data_.size()));
        upper_ptr_.push_back(static_cast<I>(upper_data_.size()));
    }
    bytes_ = static_cast<index_t>((lower_data_.size() + upper_data_.size()) * (sizeof(T) + sizeof(I))) +
             n_ * static_cast<index_t>(2 * sizeof(T) + 2 * sizeof(I));
}

template <class T, class I>
void EisenstatPlan<T, I>::scatter(const T* from, T* to, const Executor& ex) const {
    if (!grid()) {
        for (index_t i = 0; i < n_; ++i) {
            to[i] = from[i] / scale_[static_cast<std::size_t>(i)];
        }
        return;
    }
    const index_t step = shape_.steps() * front_lanes;
    ex.parallel_for(shape_.strips() * shape_.nz, 1, [&](index_t first, index_t last) {
        std::fill(to + first * step, to + last * step, T(0));
        each_unknown(shape_, first, last,
                     [&](index_t i, index_t at) { to[at] = from[i] / scale_[static_cast<std::size_t>(at)]; });
    });
}

template <class T, class I>
void EisenstatPlan<T, I>::add_back(const T* from, T* to, const Executor& ex) const {
    if (!grid()) {
        for (index_t i = 0; i < n_; ++i) {
            to[i] += unit_ * (from[i] / scale_[static_cast<std::size_t>(i)]);
        }
        return;
    }
    ex.parallel_for(shape_.strips() * shape_.nz, 1, [&](index_t first, index_t last) {
        each_unknown(shape_, first, last, [&](index_t i, index_t at) {
            to[i] += unit_ * (from[at] / scale_[static_cast<std::size_t>(at)]);
        });
    });
}

template <class T, class I>
CgOutcome EisenstatPlan<T, I>::solve(const CsrView<T, I>& a, const T* b, T* x, const CgOptions& opt,
                                     std::vector<double>* residuals, const Executor& given) const {
    // a sweep waits for neighbours all along: it pays later than a pass over vectors
    const Executor ex = for_size(given, a.indptr[n_] / 4);
    FrontView<T> front;
    EisenstatRows<T, I> rows;
    EisenstatOps<T> ops;
    Aligned<T> carry;
    std::vector<index_t> progress;
    index_t epoch = 0;
    if (grid()) {
        const index_t strips = shape_.strips() * shape_.nz;
        carry = zeros<T>((strips + 1) * shape_.carry());
        progress.assign(static_cast<std::size_t>(strips + 1) * 8, 0);
        front = {shape_,       west_.get(), south_.get(),    below_.get(), rest_.get(),
                 scale_.get(), carry.get(), progress.data(), &epoch};
        ops = front_kernels<T>().ops(&front);
    } else {
        rows = {{n_, n_, lower_ptr_.data(), lower_indices_.data(), lower_data_.data()},
                {n_, n_, upper_ptr_.data(), upper_indices_.data(), upper_data_.data()},
                rest_.get(),
                scale_.get()};
        ops = factor_kernels<T, I>().ops(&rows);
    }
    const index_t size = whole_lines<T>(ops.n);
    // a vector of 2^k bytes would put all of them into the same cache sets
    const index_t gap = 8 * front_lanes;
    const Aligned<T> work = zeros<T>(5 * (size + gap));
    T* f = work.get();
    T* d = f + size + gap;
    T* r = d + size + gap;
    T* p = r + size + gap;
    T* t = p + size + gap;
    const Aligned<T> residual = aligned<T>(2 * n_ + 1);
    T* res = residual.get();
    T* image = res + n_;
    const index_t parts = std::max(ops.parts, 2 * chunk_count(n_));
    const std::unique_ptr<double[]> part(new double[static_cast<std::size_t>(parts)]);

    CgOutcome out;
    const auto recompute = [&](bool product) {
        if (product) {
            csr_kernels<T, I>().matvec(a, x, image, ex);
            ++out.matvecs;
        }
        std::copy(b, b + n_, res);
        return std::sqrt(
            cg_kernels<T>().update(n_, nullptr, product ? T(-1) : T(0), product ? image : b, res, part.get(), ex).rr);
    };
    CgOptions options = opt;
    options.ctx = residuals;
    options.record = nullptr;
    if (residuals != nullptr) {
        options.record = [](void* ctx, double norm) { static_cast<std::vector<double>*>(ctx)->push_back(norm); };
    }
    out.residual = recompute(!opt.zero_start);
    if (residuals != nullptr) {
        residuals->push_back(out.residual);
    }
    const auto met = [&] { return std::isfinite(out.residual) && out.residual <= opt.tol; };
    for (int round = 0; !met(); ++round) {
        if (!std::isfinite(out.residual)) {
            out.status = Status::non_finite;
            return out;
        }
        if (round == 2) {
            out.status = Status::stagnated;
            return out;
        }
        options.maxiter = opt.maxiter - out.iterations;
        scatter(res, f, ex);
        const CgOutcome done = front_kernels<T>().cg(ops, f, d, r, p, t, options, part.get(), ex);
        out.iterations += done.iterations;
        out.matvecs += done.matvecs;
        out.status = done.status;
        if (out.status == Status::interrupted) {
            return out;
        }
        add_back(d, x, ex);
        out.residual = recompute(true);
        if (out.status != Status::ok) {
            break;
        }
    }
    if (met()) {
        out.status = Status::ok;
    }
    return out;
}

template class EisenstatPlan<float, std::int32_t>;
template class EisenstatPlan<float, std::int64_t>;
template class EisenstatPlan<double, std::int32_t>;
template class EisenstatPlan<double, std::int64_t>;

}  // namespace kriss
