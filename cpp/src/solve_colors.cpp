#include "solve_colors.hpp"

#include <cstdint>

#include "solve.hpp"
#include "solve_stationary_kernels.hpp"

namespace kriss {

namespace {

constexpr index_t grain = 4096;

}  // namespace

template <class T, class I>
ColorSweeps<T, I>::ColorSweeps(const CsrView<T, I>& a, const I* color, index_t colors, const T* inverse, const T* b,
                               const T* x, const Executor& given)
    : first_(static_cast<std::size_t>(colors + 1)), place_(static_cast<std::size_t>(a.rows)) {
    const index_t n = a.rows;
    const Executor ex = for_size(given, a.indptr[n]);
    const auto at = [](index_t i) { return static_cast<std::size_t>(i); };
    for (index_t i = 0; i < n; ++i) {
        ++first_[at(color[i] + 1)];
    }
    for (index_t c = 0; c < colors; ++c) {
        first_[at(c + 1)] += first_[at(c)];
    }
    std::vector<index_t> next = first_;
    std::vector<I> order(at(n));
    for (index_t i = 0; i < n; ++i) {
        const index_t to = next[at(color[i])]++;
        place_[at(i)] = static_cast<I>(to);
        order[at(to)] = static_cast<I>(i);
    }
    indptr_.resize(at(n + 1));
    for (index_t to = 0; to < n; ++to) {
        const index_t i = order[at(to)];
        indptr_[at(to + 1)] = static_cast<I>(indptr_[at(to)] + (a.indptr[i + 1] - a.indptr[i]));
    }
    indices_ = aligned<I>(a.indptr[n] + 1);
    data_ = aligned<T>(a.indptr[n] + 1);
    inverse_ = aligned<T>(n + 1);
    b_ = aligned<T>(n + 1);
    x_ = aligned<T>(n + 1);
    ex.parallel_for(n, grain, [&](index_t begin, index_t end) {
        for (index_t to = begin; to < end; ++to) {
            const index_t i = order[at(to)];
            index_t h = indptr_[at(to)];
            for (index_t k = a.indptr[i]; k < a.indptr[i + 1]; ++k, ++h) {
                indices_[at(h)] = place_[at(a.indices[k])];
                data_[at(h)] = a.data[k];
            }
            inverse_[at(to)] = inverse[i];
            b_[at(to)] = b[i];
            x_[at(to)] = x[i];
        }
    });
}

template <class T, class I>
void ColorSweeps<T, I>::sweep(T omega, bool forward, bool backward, index_t count, const Executor& given) {
    const index_t n = rows();
    const Executor ex = for_size(given, indptr_.back());
    const CsrView<T, I> a{n, n, indptr_.data(), indices_.get(), data_.get()};
    const auto colors = static_cast<index_t>(first_.size()) - 1;
    for (index_t k = 0; k < count && !ex.interrupted(); ++k) {
        for (const bool back : {false, true}) {
            if (back ? !backward : !forward) {
                continue;
            }
            for (index_t turn = 0; turn < colors; ++turn) {
                const auto c = static_cast<std::size_t>(back ? colors - 1 - turn : turn);
                stationary_kernels<T, I>().range(a, inverse_.get(), omega, b_.get(), x_.get(), first_[c], first_[c + 1],
                                                 ex);
            }
        }
    }
}

template <class T, class I>
void ColorSweeps<T, I>::read(T* x, const Executor& ex) const {
    for_size(ex, rows()).parallel_for(rows(), grain, [&](index_t begin, index_t end) {
        for (index_t i = begin; i < end; ++i) {
            x[i] = x_[static_cast<std::size_t>(place_[static_cast<std::size_t>(i)])];
        }
    });
}

template class ColorSweeps<float, std::int32_t>;
template class ColorSweeps<float, std::int64_t>;
template class ColorSweeps<double, std::int32_t>;
template class ColorSweeps<double, std::int64_t>;

}  // namespace kriss
