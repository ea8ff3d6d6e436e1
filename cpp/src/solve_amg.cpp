#include "solve_amg.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "kriss/solve/reduce.hpp"
#include "solve_amg_kernels.hpp"
#include "solve_multigrid_kernels.hpp"

namespace kriss {

template <class T>
template <class U>
U* Amg<T>::keep(index_t n, const U* from) {
    constexpr std::size_t line = 64;
    constexpr std::size_t least = std::size_t{1} << 16;
    constexpr std::size_t most = std::size_t{1} << 25;
    const std::size_t bytes = static_cast<std::size_t>(n) * sizeof(U);
    const std::size_t whole = (bytes + line - 1) / line * line;
    if (rooms_.empty() || room_ - taken_ < whole) {
        room_ = std::max(whole, std::clamp(bytes_, least, most));
        bytes_ += room_;
        rooms_.push_back(aligned<std::byte>(static_cast<index_t>(room_)));
        taken_ = 0;
    }
    U* out = reinterpret_cast<U*>(rooms_.back().get() + taken_);
    taken_ += whole;
    if (from != nullptr) {
        std::copy(from, from + n, out);
    } else {
        std::fill(out, out + n, U(0));
    }
    return out;
}

template <class T>
typename Amg<T>::Matrix Amg<T>::copy(const Matrix& m) {
    const index_t nnz = m.indptr[m.rows];
    return {m.rows, m.cols, keep(m.rows + 1, m.indptr), keep(nnz, m.indices), keep(nnz, m.data)};
}

template <class T>
index_t Amg<T>::split(const Matrix& a, AmgLevel<T>& g) {
    const index_t n = a.rows;
    T* diagonal = keep<T>(n);
    T* inverse = keep<T>(n);
    std::int32_t* border[2] = {keep<std::int32_t>(n + 1), keep<std::int32_t>(n + 1)};
    std::vector<std::int32_t> place(static_cast<std::size_t>(n));
    for (index_t i = 0; i < n; ++i) {
        const std::int32_t* first = a.indices + a.indptr[i];
        const std::int32_t* last = a.indices + a.indptr[i + 1];
        const std::int32_t* at = std::lower_bound(first, last, static_cast<std::int32_t>(i));
        const T d = at != last && *at == i ? a.data[at - a.indices] : T(0);
        diagonal[i] = d;
        inverse[i] = T(1) / d;
        if (d == T(0) || !std::isfinite(d) || !std::isfinite(inverse[i])) {
            return i;
        }
        place[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(at - a.indices);
        border[0][i + 1] = border[0][i] + static_cast<std::int32_t>(at - first);
        border[1][i + 1] = border[1][i] + static_cast<std::int32_t>(last - at - 1);
    }
    for (int side = 0; side < 2; ++side) {
        const index_t entries = border[side][n];
        std::int32_t* indices = keep<std::int32_t>(entries);
        T* data = keep<T>(entries);
        for (index_t i = 0; i < n; ++i) {
            const index_t from = side == 0 ? a.indptr[i] : place[static_cast<std::size_t>(i)] + 1;
            const index_t count = border[side][i + 1] - border[side][i];
            std::copy_n(a.indices + from, count, indices + border[side][i]);
            std::copy_n(a.data + from, count, data + border[side][i]);
        }
        (side == 0 ? g.lower : g.upper) = {n, n, border[side], indices, data};
    }
    g.diagonal = diagonal;
    g.inverse = inverse;
    g.forward = front(g.lower, n, true);
    g.backward = front(g.upper, n, false);
    if (g.forward.blocks == 0 || g.backward.blocks == 0) {
        for (index_t i = 0; i < n; ++i) {  // columns are in order
            if (border[0][i] < border[0][i + 1]) {
                g.company.reach[0] = std::max(g.company.reach[0], i - g.lower.indices[border[0][i]]);
            }
            if (border[1][i] < border[1][i + 1]) {
                g.company.reach[1] = std::max(g.company.reach[1], g.upper.indices[border[1][i + 1] - 1] - i);
            }
        }
        g.company.scratch = keep<index_t>(amg_company_size(n));
        g.company.epoch = keep<index_t>(1);
    }
    return -1;
}

namespace {

// The steps of blocks of rows and what they wait for; see AmgFront.
struct Steps {
    index_t stride = 0;
    std::vector<std::int32_t> step{0};
    std::vector<std::int32_t> block;
    std::vector<std::int32_t> rows;
    double gain = 0.0;  // of two workers against one
};

template <class T>
Steps steps_of(const CsrView<T, std::int32_t>& side, const std::vector<std::int32_t>& border, bool forward,
               index_t stride) {
    // Entries that take as long as a look at another worker's progress, and as fetching a number that it has written.
    constexpr double look = 300.0;
    constexpr double fetch = 4.0;
    const index_t n = border.back();
    Steps out;
    out.stride = stride;
    std::vector<double> done;
    double ready[2] = {0.0, 0.0};  // when each worker can claim a block
    double whole = 0.0;
    for (std::size_t t = 0; t + 1 < border.size(); ++t) {
        double& now = ready[0] <= ready[1] ? ready[0] : ready[1];
        for (index_t first = border[t]; first < border[t + 1]; first += stride) {
            const index_t last = std::min<index_t>(first + stride, border[t + 1]);
            index_t need = -1;
            for (index_t q = first; q < last; ++q) {
                const index_t i = forward ? q : n - 1 - q;
                for (index_t k = side.indptr[i]; k < side.indptr[i + 1]; ++k) {
                    const index_t read = q - std::abs(i - side.indices[k]);
                    need = read < border[t] ? std::max(need, read) : need;
                }
            }
            const auto at = std::upper_bound(border.begin(), border.end(), static_cast<std::int32_t>(need));
            const index_t before = at - border.begin() - 1;
            const index_t rows = need < 0 ? 0 : need - *(at - 1) + 1;
            if (before >= 0) {
                const index_t u = out.step[static_cast<std::size_t>(before)] + (rows - 1) / stride;
                now = std::max(now, done[static_cast<std::size_t>(u)]);
            }
            const index_t low = forward ? first : n - last;
            const index_t high = forward ? last : n - first;
            const auto cost = static_cast<double>(side.indptr[high] - side.indptr[low] + 4 * (last - first));
            whole += cost;
            now += before >= 0 ? cost + look + fetch * static_cast<double>(last - first) : cost;
            done.push_back(now);
            out.block.push_back(static_cast<std::int32_t>(before));
            out.rows.push_back(static_cast<std::int32_t>(rows));
        }
        out.step.push_back(static_cast<std::int32_t>(out.block.size()));
    }
    out.gain = whole / std::max(ready[0], ready[1]);
    return out;
}

}  // namespace

template <class T>
AmgFront Amg<T>::front(const Matrix& side, index_t n, bool forward) {
    if (side.indptr[n] < amg_serial) {
        return {};
    }
    // In the order of the sweep: how far before row q the nearest row is that it reads.
    std::vector<index_t> gap(static_cast<std::size_t>(n));
    index_t band = 1;
    for (index_t q = 0; q < n; ++q) {
        const index_t i = forward ? q : n - 1 - q;
        index_t& nearest = gap[static_cast<std::size_t>(q)];
        nearest = q + 1;
        for (index_t k = side.indptr[i]; k < side.indptr[i + 1]; ++k) {
            const index_t apart = std::abs(i - side.indices[k]);
            nearest = std::min(nearest, apart);
            band = std::max(band, apart);
        }
    }
    if (4 * band > n) {
        return {};
    }
    std::vector<std::int32_t> border{0};
    while (border.back() < n) {
        const index_t from = std::min(n, border.back() + band / 2 + 1);
        const index_t to = std::min(n, border.back() + band / 2 * 3 + 2);
        const auto best = std::max_element(gap.begin() + from, gap.begin() + to);
        border.push_back(static_cast<std::int32_t>(to == n ? n : best - gap.begin()));
    }
    Steps best;
    for (index_t stride = 64; stride <= 512; stride *= 2) {
        Steps other = steps_of(side, border, forward, stride);
        if (other.gain > best.gain) {
            best = std::move(other);
        }
    }
    if (best.gain < 1.12) {
        return {};
    }
    AmgFront out;
    out.blocks = static_cast<index_t>(border.size()) - 1;
    out.stride = best.stride;
    out.border = keep(out.blocks + 1, border.data());
    out.step = keep(out.blocks + 1, best.step.data());
    out.block = keep(best.step.back(), best.block.data());
    out.rows = keep(best.step.back(), best.rows.data());
    out.progress = keep<index_t>((out.blocks + 1) * amg_line);
    out.epoch = keep<index_t>(1);
    return out;
}

template <class T>
index_t Amg<T>::add(const Matrix& a, const Matrix* p, const Matrix* r, AmgSmoother<T> pre, AmgSmoother<T> post) {
    const std::lock_guard lock(busy_);
    AmgLevel<T> g;
    const index_t n = a.rows;
    g.n = n;
    g.entries = a.indptr[n];
    if (p != nullptr) {
        g.p = copy(*p);
        g.r = copy(*r);
        g.pre = pre;
        g.post = post;
        const index_t row = split(a, g);
        if (row >= 0) {
            return row;
        }
        g.residual = keep<T>(n);
        g.half = keep<T>(n);
    }
    if (!levels_.empty() || p == nullptr) {
        g.x = keep<T>(n);
        g.b = keep<T>(n);
    } else {
        g.x = keep<T>(n);
    }
    levels_.push_back(g);
    return -1;
}

template <class T>
void Amg<T>::finish(const T* coarse, AmgCycle cycle) {
    const std::lock_guard lock(busy_);
    const index_t m = levels_.back().n;
    hierarchy_.count = static_cast<int>(levels_.size());
    hierarchy_.level = levels_.data();
    hierarchy_.coarse = keep(m * m, coarse);
    hierarchy_.cycle = cycle;
    if (cycle == AmgCycle::k) {
        for (std::size_t l = 1; l + 1 < levels_.size(); ++l) {
            for (T*& v : levels_[l].k) {
                v = keep<T>(levels_[l].n);
            }
        }
    }
    part_.resize(static_cast<std::size_t>(chunk_count(size())) + 1);
    hierarchy_.part = part_.data();
}

template <class T>
index_t Amg<T>::accompanied_sweeps() const {
    index_t count = 0;
    for (const AmgLevel<T>& g : levels_) {
        count += g.company.epoch != nullptr ? *g.company.epoch : 0;
    }
    return count;
}

template <class T>
int Amg<T>::shared_sweeps() const {
    int count = 0;
    for (const AmgLevel<T>& g : levels_) {
        count += (g.forward.blocks > 0 ? 1 : 0) + (g.backward.blocks > 0 ? 1 : 0);
    }
    return count;
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
