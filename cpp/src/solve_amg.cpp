#include "solve_amg.hpp"

#include <algorithm>
#include <cmath>

#include "kriss/solve/reduce.hpp"
#include "solve_amg_kernels.hpp"
#include "solve_multigrid_kernels.hpp"

namespace kriss {

template <class T>
template <class U>
U* Amg<T>::keep(std::vector<std::vector<U>>& where, index_t n, const U* from) {
    where.emplace_back(static_cast<std::size_t>(n));
    bytes_ += static_cast<std::size_t>(n) * sizeof(U);
    if (from != nullptr) {
        std::copy(from, from + n, where.back().begin());
    }
    return where.back().data();
}

template <class T>
typename Amg<T>::Matrix Amg<T>::copy(const Matrix& m) {
    const index_t nnz = m.indptr[m.rows];
    return {m.rows, m.cols, keep(indices_, m.rows + 1, m.indptr), keep(indices_, nnz, m.indices),
            keep(numbers_, nnz, m.data)};
}

template <class T>
index_t Amg<T>::add(const Matrix& a, const Matrix* p, const Matrix* r, AmgSmoother<T> pre, AmgSmoother<T> post) {
    const std::lock_guard lock(busy_);
    AmgLevel<T> g;
    g.a = copy(a);
    const index_t n = a.rows;
    if (p != nullptr) {
        g.p = copy(*p);
        g.r = copy(*r);
        g.pre = pre;
        g.post = post;
        std::int32_t* place = keep<std::int32_t>(indices_, n, nullptr);
        T* inverse = keep<T>(numbers_, n, nullptr);
        for (index_t i = 0; i < n; ++i) {
            const std::int32_t* first = g.a.indices + g.a.indptr[i];
            const std::int32_t* last = g.a.indices + g.a.indptr[i + 1];
            const std::int32_t* at = std::lower_bound(first, last, static_cast<std::int32_t>(i));
            const T d = at != last && *at == i ? g.a.data[at - g.a.indices] : T(0);
            inverse[i] = T(1) / d;
            if (d == T(0) || !std::isfinite(d) || !std::isfinite(inverse[i])) {
                return i;
            }
            place[i] = static_cast<std::int32_t>(at - g.a.indices);
        }
        g.place = place;
        g.inverse = inverse;
        g.residual = keep<T>(numbers_, n, nullptr);
        g.half = keep<T>(numbers_, n, nullptr);
    }
    if (!levels_.empty() || p == nullptr) {
        g.x = keep<T>(numbers_, n, nullptr);
        g.b = keep<T>(numbers_, n, nullptr);
    } else {
        g.x = keep<T>(numbers_, n, nullptr);
    }
    levels_.push_back(g);
    return -1;
}

template <class T>
void Amg<T>::finish(const T* coarse, AmgCycle cycle) {
    const std::lock_guard lock(busy_);
    const index_t m = levels_.back().a.rows;
    hierarchy_.count = static_cast<int>(levels_.size());
    hierarchy_.level = levels_.data();
    hierarchy_.coarse = keep(numbers_, m * m, coarse);
    hierarchy_.cycle = cycle;
    if (cycle == AmgCycle::k) {
        for (std::size_t l = 1; l + 1 < levels_.size(); ++l) {
            for (T*& v : levels_[l].k) {
                v = keep<T>(numbers_, levels_[l].a.rows, nullptr);
            }
        }
    }
    part_.resize(static_cast<std::size_t>(chunk_count(size())) + 1);
    hierarchy_.part = part_.data();
}

template <class T>
double Amg<T>::apply_dot(const T* r, T* z, T scale, double* part, const Executor& ex) {
    const std::lock_guard lock(busy_);
    T* x = levels_.front().x;
    if constexpr (sizeof(T) == 4) {
        amg_kernels().cycle_f32(hierarchy_, r, x, ex);
    } else {
        amg_kernels().cycle_f64(hierarchy_, r, x, ex);
    }
    return box_kernels<T>().scaled_dot(size(), r, x, scale, z, part, ex);
}

template class Amg<float>;
template class Amg<double>;

}  // namespace kriss
