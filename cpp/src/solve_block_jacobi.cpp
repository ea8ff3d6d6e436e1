#include "solve_block_jacobi.hpp"

#include <algorithm>
#include <cstdint>

#include "solve_block_jacobi_kernels.hpp"

namespace kriss {

namespace {

std::size_t at(index_t i) { return static_cast<std::size_t>(i); }

constexpr index_t chunk_rows = 4096;  // unknowns to a task, about

}  // namespace

template <class T>
template <class I>
typename BlockJacobi<T>::Outcome BlockJacobi<T>::setup(const CsrView<T, I>& a, const index_t* label, index_t count,
                                                       const Executor& ex) {
    const std::lock_guard lock(busy_);
    const index_t n = a.rows;
    start_.assign(at(count + 1), 0);
    for (index_t i = 0; i < n; ++i) {
        ++start_[at(label[i] + 1)];
    }
    offset_.assign(at(count), 0);
    index_t entries = 0;
    index_t largest = 0;
    uniform_ = count > 0 ? start_[1] : 0;
    for (index_t b = 0; b < count; ++b) {
        const index_t m = start_[at(b + 1)];
        uniform_ = m == uniform_ ? uniform_ : 0;
        largest = std::max(largest, m);
        offset_[at(b)] = entries;
        entries += m * m;
        start_[at(b + 1)] += start_[at(b)];
    }
    // by block, in increasing order inside
    std::vector<index_t> next(start_.begin(), start_.end() - 1);
    std::vector<index_t> inside(at(n));
    order_.resize(at(n));
    bool sorted = true;
    for (index_t i = 0; i < n; ++i) {
        const index_t p = next[at(label[i])]++;
        order_[at(p)] = i;
        inside[at(i)] = p - start_[at(label[i])];
        sorted = sorted && p == i;
    }
    if (sorted) {
        order_.clear();
        place_.clear();
        room_.clear();
    } else {
        place_.resize(at(n));
        room_.resize(at(n));
        for (index_t p = 0; p < n; ++p) {
            place_[at(order_[at(p)])] = p;
        }
    }
    source_.resize(at(n));
    data_.resize(at(entries));
    view_ = {
        n,    count, 1, start_.data(), offset_.data(), sorted ? nullptr : order_.data(), source_.data(), data_.data(),
        false};
    view_.chunk = std::max<index_t>(1, chunk_rows * count / std::max<index_t>(n, 1));
    std::vector<unsigned char> kind(at(count));
    ex.parallel_for(count, view_.chunk, [&](index_t begin, index_t end) {
        std::vector<T> room(at(largest * largest + 2 * largest));
        std::vector<index_t> perm(at(largest));
        for (index_t b = begin; b < end && !ex.interrupted(); ++b) {
            kind[at(b)] = block_jacobi_kernels<T>().template factor<I>()(a, view_, b, label, inside.data(), room.data(),
                                                                         perm.data());
        }
    });
    definite_ = 0;
    for (index_t b = 0; b < count; ++b) {
        if (kind[at(b)] > static_cast<unsigned char>(BlockKind::definite)) {
            return {kind[at(b)], b};
        }
        definite_ += kind[at(b)];
    }
    view_.moved = !sorted;
    for (index_t i = 0; i < n && !view_.moved; ++i) {
        view_.moved = source_[at(i)] != i;
    }
    if (!view_.moved) {
        source_.clear();
        view_.source = nullptr;
    }
    return {definite_ == count ? 1 : 0, -1};
}

template <class T>
double BlockJacobi<T>::apply_dot(const T* r, T* z, T scale, double* part, const Executor& ex) {
    const std::lock_guard lock(busy_);
    T* y = room_.empty() ? z : room_.data();
    block_jacobi_kernels<T>().apply(view_, uniform_, r, y, ex);
    return block_jacobi_kernels<T>().gather_dot(view_.n, place_.empty() ? nullptr : place_.data(), r, y, scale, z, part,
                                                ex);
}

template <class T>
std::size_t BlockJacobi<T>::nbytes() const {
    return (start_.size() + offset_.size() + order_.size() + source_.size() + place_.size()) * sizeof(index_t) +
           (data_.size() + room_.size()) * sizeof(T);
}

#define KRISS_BLOCKS(T)                                                                                                \
    template class BlockJacobi<T>;                                                                                     \
    template typename BlockJacobi<T>::Outcome BlockJacobi<T>::setup(const CsrView<T, std::int32_t>&, const index_t*,   \
                                                                    index_t, const Executor&);                         \
    template typename BlockJacobi<T>::Outcome BlockJacobi<T>::setup(const CsrView<T, std::int64_t>&, const index_t*,   \
                                                                    index_t, const Executor&);
KRISS_BLOCKS(float)
KRISS_BLOCKS(double)
#undef KRISS_BLOCKS

}  // namespace kriss
