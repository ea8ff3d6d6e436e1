#include "solve_eisenstat.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "kriss/solve/reduce.hpp"
#include "solve.hpp"
#include "solve_factor_kernels.hpp"
#include "solve_grid.hpp"
#include "solve_kernels.hpp"

namespace kriss {

template <class T, class I>
EisenstatPlan<T, I>::EisenstatPlan(const CsrView<T, I>& a, const T* pivot, const Executor& given)
    : n_(a.rows), unit_(n_ > 0 ? unit_of(pivot[0]) : T(1)) {
    const Executor ex = for_size(given, a.indptr[n_]);
    shape_ = find_grid(a, false, ex);
    if (grid()) {
        build_grid(a, pivot, ex);
    } else {
        build_rows(a, pivot);
    }
}

template <class T, class I>
EisenstatPlan<T, I>::EisenstatPlan(const CsrView<T, I>& a, const MicOptions& mic, const Executor& given) : n_(a.rows) {
    const Executor ex = for_size(given, a.indptr[n_]);
    shape_ = find_grid(a, false, ex);
    if (!grid() || !build_mic(a, mic, ex)) {
        n_ = -1;
    }
}

template <class T, class I>
T EisenstatPlan<T, I>::unit_of(T pivot) {
    const int most = sizeof(T) == 4 ? 100 : 1000;
    return std::ldexp(T(1), std::clamp(-std::ilogb(pivot), -most, most));
}

template <class T, class I>
bool EisenstatPlan<T, I>::build_mic(const CsrView<T, I>& a, const MicOptions& mic, const Executor& ex) {
    const index_t size = shape_.size();
    const index_t block = shape_.steps() * front_lanes;
    const index_t strips = shape_.strips() * shape_.nz;
    for (Aligned<T>* v : {&west_, &south_, &rest_, &scale_, &pivot_}) {
        *v = aligned<T>(size);
    }
    const bool deep = shape_.nz > 1;
    if (deep) {
        below_ = aligned<T>(size);
    }
    bytes_ = size * static_cast<index_t>(sizeof(T)) * (deep ? 6 : 5);
    const Aligned<T> room = aligned<T>(size);
    T* const west = west_.get();
    T* const south = south_.get();
    T* const below = below_.get();
    T* const diagonal = rest_.get();
    T* const upper = room.get();
    const index_t nx = shape_.nx;
    const index_t sides = deep ? 7 : 5;
    ex.parallel_for(strips, 1, [&](index_t first, index_t last) {
        for (T* v : {west, south, below, upper}) {
            if (v != nullptr) {
                std::fill(v + first * block, v + last * block, T(0));
            }
        }
        std::fill(diagonal + first * block, diagonal + last * block, T(1));
        each_unknown(shape_, first, last, [&](index_t i, index_t at) {
            index_t k = a.indptr[i];
            const index_t stop = a.indptr[i + 1];
            T sum = 0;
            // a full row is so sorted; whatever stands above the diagonal is summed in order
            if (stop - k == sides && static_cast<index_t>(a.indices[k + sides / 2]) == i) {
                if (deep) {
                    below[at] = a.data[k++];
                }
                south[at] = a.data[k++];
                west[at] = a.data[k++];
                diagonal[at] = a.data[k++];
            } else {
                diagonal[at] = T(0);  // unsound if it is missing
                for (; k < stop; ++k) {
                    const index_t o = i - static_cast<index_t>(a.indices[k]);
                    if (o < 0) {
                        break;
                    }
                    (o == 0 ? diagonal : o == 1 ? west : o == nx ? south : below)[at] = a.data[k];
                }
            }
            for (; k < stop; ++k) {
                sum += a.data[k];
            }
            upper[at] = sum;
        });
    });
    const index_t length = block + 2 * front_margin;
    const Aligned<T> beyond = zeros<T>(2 * length);
    std::fill_n(beyond.get() + length, length, T(1));
    std::vector<index_t> progress(static_cast<std::size_t>(strips + 1) * 8);
    index_t epoch = 0;
    PivotView<T> view;
    view.front.shape = shape_;
    view.front.west = west;
    view.front.south = south;
    view.front.below = below;
    view.front.progress = progress.data();
    view.front.epoch = &epoch;
    view.diagonal = diagonal;
    view.upper = upper;
    view.zero = beyond.get() + front_margin;
    view.one = beyond.get() + length + front_margin;
    std::vector<unsigned char> sound(static_cast<std::size_t>(strips));
    if (!front_kernels<T>().pivots(view, static_cast<T>(mic.relax), static_cast<T>(mic.shift), static_cast<T>(mic.tau),
                                   pivot_.get(), sound.data(), ex)) {
        return false;
    }
    unit_ = unit_of(pivot_[0]);
    T* const over = upper;  // no longer needed
    front_kernels<T>().roots(shape_, unit_, pivot_.get(), scale_.get(), over, ex);
    front_kernels<T>().scaled(view, unit_, pivot_.get(), over, west, south, below, diagonal, ex);
    return true;
}

template <class T, class I>
void EisenstatPlan<T, I>::pivots(T* out, const Executor& ex) const {
    for_size(ex, n_).parallel_for(shape_.strips() * shape_.nz, 1, [&](index_t first, index_t last) {
        each_unknown(shape_, first, last,
                     [&](index_t i, index_t at) { out[i] = pivot_[static_cast<std::size_t>(at)]; });
    });
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
    const bool deep = shape_.nz > 1;
    const index_t plane = nx * shape_.ny;
    const index_t sides = deep ? 7 : 5;
    const Aligned<T> over = aligned<T>(2 * n_ + 1);  // E^-1/2 and E^1/2
    T* g = over.get();
    T* roots = g + n_;
    ex.parallel_for(n_, solve_grain, [&](index_t first, index_t last) {
        for (index_t i = first; i < last; ++i) {
            roots[i] = std::sqrt(unit_ * pivot[i]);
            g[i] = T(1) / roots[i];
        }
    });
    ex.parallel_for(shape_.strips() * shape_.nz, 1, [&](index_t first, index_t last) {
        for (T* v : {west_.get(), south_.get(), below_.get(), rest_.get(), scale_.get()}) {
            if (v != nullptr) {
                std::fill(v + first * step, v + last * step, T(0));
            }
        }
        each_unknown(shape_, first, last, [&](index_t i, index_t at) {
            const auto to = static_cast<std::size_t>(at);
            index_t k = a.indptr[i];
            const index_t stop = a.indptr[i + 1];
            scale_[to] = roots[i];
            // a full row is so sorted
            if (stop - k == sides && static_cast<index_t>(a.indices[k + sides / 2]) == i) {
                if (deep) {
                    below_[to] = unit_ * a.data[k++] * g[i] * g[i - plane];
                }
                south_[to] = unit_ * a.data[k++] * g[i] * g[i - nx];
                west_[to] = unit_ * a.data[k++] * g[i] * g[i - 1];
                rest_[to] = a.data[k] / pivot[i] - T(2);
                return;
            }
            for (; k < stop; ++k) {
                const index_t o = i - static_cast<index_t>(a.indices[k]);
                if (o < 0) {
                    break;
                }
                if (o == 0) {
                    rest_[to] = a.data[k] / pivot[i] - T(2);
                } else {
                    Aligned<T>& v = o == 1 ? west_ : o == nx ? south_ : below_;
                    v[to] = unit_ * a.data[k] * g[i] * g[i - o];
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
