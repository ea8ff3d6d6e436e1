#include "solve_polynomial.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "solve.hpp"
#include "solve_polynomial_kernels.hpp"

namespace kriss {

// One application.
template <class T>
struct PolynomialBase<T>::Run {
    const T* r;
    T* z;
    double scale;
    double* part;
    const Executor& ex;
};

template <class T>
PolynomialBase<T>::PolynomialBase(index_t n, PolyForm form, double start, std::vector<PolyRow> rows, const T* d)
    : n_(n), form_(form), start_(start), rows_(std::move(rows)), d_(d) {}

template <class T>
void PolynomialBase<T>::make_room() {
    if (work_ != nullptr) {
        return;
    }
    const index_t pad = whole_lines<T>(halo());
    const index_t step = whole_lines<T>(n_) + pad;
    const index_t total = pad + 3 * step;
    work_ = aligned<T>(total);
    std::fill_n(work_.get(), total, T(0));
    for (int i = 0; i < 3; ++i) {
        room_[i] = work_.get() + pad + step * i;
    }
}

template <class T>
index_t PolynomialBase<T>::scratch_bytes() const {
    const index_t pad = whole_lines<T>(halo());
    return (pad + 3 * (whole_lines<T>(n_) + pad)) * static_cast<index_t>(sizeof(T));
}

template <class T>
double PolynomialBase<T>::apply_dot(const T* r, T* z, T scale, double* part, const Executor& executor) {
    const std::lock_guard lock(busy_);
    make_room();
    const Executor ex = for_size(executor, std::max(entries(), 4 * n_));
    Run run{r, z, static_cast<double>(scale), part, ex};
    switch (form_) {
        case PolyForm::chebyshev: return chebyshev(run);
        case PolyForm::horner: return horner(run);
        default: return roots(run);
    }
}

template <class T>
double PolynomialBase<T>::chebyshev(Run& run) {
    const auto start = [&](double c, T* to) {
        return polynomial_passes<T>().start(n_, static_cast<T>(c), d_, run.r, to, run.part, run.ex);
    };
    if (rows_.empty()) {
        return start(start_ * run.scale, run.z);
    }
    T* now = room_[0];
    T* before = room_[1];
    start(start_, now);
    for (std::size_t k = 0;; ++k) {
        const bool last = k + 1 == rows_.size();
        const double scale = last ? run.scale : 1.0;
        const PolyRow& row = rows_[k];
        PolyStep<T> s;
        s.x = now;
        s.y = k > 0 ? before : nullptr;
        s.r = run.r;
        s.d = d_;
        s.v = last ? run.z : before;
        s.a = static_cast<T>(row[0] * scale);
        s.b = static_cast<T>(row[1] * scale);
        s.c = static_cast<T>(row[2] * scale);
        s.e = -s.c;
        s.dotted = last ? run.r : nullptr;
        const double dot = step(s, run.part, run.ex);
        if (last || run.ex.interrupted()) {
            return dot;
        }
        std::swap(now, before);
    }
}

template <class T>
double PolynomialBase<T>::horner(Run& run) {
    const auto copy = [&](double c, T* to) {
        return polynomial_passes<T>().start(n_, static_cast<T>(c), nullptr, run.r, to, run.part, run.ex);
    };
    if (rows_.empty()) {
        return copy(start_ * run.scale, run.z);
    }
    const T* now = run.r;
    if (halo() > 0) {
        copy(1.0, room_[0]);
        now = room_[0];
    }
    for (std::size_t k = 0;; ++k) {
        const bool last = k + 1 == rows_.size();
        const double scale = last ? start_ * run.scale : 1.0;
        PolyStep<T> s;
        s.x = now;
        s.r = run.r;
        s.v = last ? run.z : now == room_[0] ? room_[1] : room_[0];
        s.c = static_cast<T>(scale);
        s.e = static_cast<T>(-rows_[k][0] * scale);
        s.dotted = last ? run.r : nullptr;
        const double dot = step(s, run.part, run.ex);
        if (last || run.ex.interrupted()) {
            return dot;
        }
        now = s.v;
    }
}

template <class T>
double PolynomialBase<T>::roots(Run& run) {
    const std::size_t count = rows_.size();
    const auto real = [&](std::size_t k) { return rows_[k][1] == 0.0; };
    // 1 / theta of a real root that ends the list: its step needs no product and joins the one before
    const auto ending = [&](std::size_t k) { return k + 1 == count && real(k) ? run.scale / rows_[k][0] : 0.0; };
    if (count == 1 && real(0)) {
        return polynomial_passes<T>().start(n_, static_cast<T>(ending(0)), nullptr, run.r, run.z, run.part, run.ex);
    }
    const T* product = run.r;  // the factors so far, times r
    int mine = -1;             // the room it is in
    if (halo() > 0) {
        polynomial_passes<T>().start(n_, T(1), nullptr, run.r, room_[0], run.part, run.ex);
        product = room_[0];
        mine = 0;
    }
    for (std::size_t k = 0;;) {
        const double re = rows_[k][0];
        const double square = re * re + rows_[k][1] * rows_[k][1];
        const double tail = ending(k + 1);
        const bool last = k + 1 == count || tail != 0.0;
        PolyStep<T> s;
        s.x = product;
        s.z = run.z;
        s.fresh = k == 0;
        const int free = mine == 0 ? 1 : 0;
        double dot = 0.0;
        if (real(k)) {
            s.v = last ? nullptr : room_[free];
            s.a = T(1);
            s.e = static_cast<T>(-1.0 / re);
            s.zx = static_cast<T>(run.scale / re);
            s.zv = static_cast<T>(tail);
            s.dotted = last ? run.r : nullptr;
            dot = step(s, run.part, run.ex);
        } else {
            const bool ends = k + 1 == count;
            s.v = ends ? nullptr : room_[2];
            s.a = static_cast<T>(2.0 * re);
            s.zv = static_cast<T>(run.scale / square);
            s.dotted = ends ? run.r : nullptr;
            dot = step(s, run.part, run.ex);
            if (!ends && !run.ex.interrupted()) {
                PolyStep<T> f;
                f.x = room_[2];
                f.y = product;
                f.b = T(1);
                f.e = static_cast<T>(-1.0 / square);
                f.v = last ? nullptr : room_[free];
                if (last) {
                    f.z = run.z;
                    f.zv = static_cast<T>(tail);
                    f.dotted = run.r;
                }
                dot = step(f, run.part, run.ex);
            }
        }
        if (last || run.ex.interrupted()) {
            return dot;
        }
        product = room_[free];
        mine = free;
        ++k;
    }
}

template <class T, class I>
double Polynomial<T, I>::step(const PolyStep<T>& s, double* part, const Executor& ex) const {
    if (diagonals_.used()) {
        return polynomial_passes<T>().diagonals(diagonals_.view, s, part, ex);
    }
    if constexpr (sizeof(I) == 4) {
        return polynomial_passes<T>().csr_i32(a_, s, part, ex);
    } else {
        return polynomial_passes<T>().csr_i64(a_, s, part, ex);
    }
}

template class PolynomialBase<float>;
template class PolynomialBase<double>;
template class Polynomial<float, std::int32_t>;
template class Polynomial<float, std::int64_t>;
template class Polynomial<double, std::int32_t>;
template class Polynomial<double, std::int64_t>;

}  // namespace kriss
