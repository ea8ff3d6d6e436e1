#include "solve_storage.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace kriss {

namespace {

// The offsets in use, increasing; false if there are more than max_diagonals.
template <class T, class I>
bool find_offsets(const CsrView<T, I>& a, index_t* offset, int& count) {
    count = 0;
    for (index_t i = 0; i < a.rows; ++i) {
        int at = 0;
        for (index_t k = a.indptr[i]; k < a.indptr[i + 1]; ++k) {
            const index_t o = static_cast<index_t>(a.indices[k]) - i;
            while (at < count && offset[at] < o) {
                ++at;
            }
            if (at < count && offset[at] == o) {
                continue;
            }
            if (count == max_diagonals) {
                return false;
            }
            for (int j = count; j > at; --j) {
                offset[j] = offset[j - 1];
            }
            offset[at] = o;
            ++count;
        }
    }
    return true;
}

index_t magnitude(index_t o) { return o < 0 ? -o : o; }

// Rows [first, last) for which column i + o is inside.
struct Range {
    index_t first, last;
};
Range inside(index_t n, index_t o) { return {o < 0 ? -o : 0, o > 0 ? n - o : n}; }

}  // namespace

template <class T, class I>
Diagonals<T> by_diagonals(const CsrView<T, I>& a) {
    Diagonals<T> out;
    const index_t n = a.rows;
    index_t offset[max_diagonals] = {};
    int count = 0;
    if (n != a.cols || n < 64 || !find_offsets(a, offset, count) || count == 0) {
        return out;
    }
    const index_t halo =
        magnitude(offset[0]) > magnitude(offset[count - 1]) ? magnitude(offset[0]) : magnitude(offset[count - 1]);
    const double full = static_cast<double>(a.indptr[n]) / (static_cast<double>(count) * static_cast<double>(n));
    if (full < 0.7 || halo > n / 2) {
        return out;
    }
    // One stream per diagonal, with room for |offset| zeros before it: the lower diagonal of a symmetric matrix reads
    // a_(i, i - o) = a_(i - o, i) = upper[i - o].
    std::vector<Aligned<T>> streams;
    T* base[max_diagonals] = {};
    for (int k = 0; k < count; ++k) {
        const index_t pad = whole_lines<T>(magnitude(offset[k]));
        streams.push_back(aligned<T>(n + pad));
        std::fill_n(streams.back().get(), n + pad, T(0));
        base[k] = streams.back().get() + pad;
    }
    for (index_t i = 0; i < n; ++i) {
        int at = 0;
        for (index_t k = a.indptr[i]; k < a.indptr[i + 1]; ++k) {
            const index_t o = static_cast<index_t>(a.indices[k]) - i;
            while (offset[at] < o) {
                ++at;
            }
            base[at][i] = a.data[k];
        }
    }
    DiagonalView<T>& view = out.view;
    view.n = n;
    view.halo = halo;
    view.count = count;
    for (int k = 0; k < count; ++k) {
        view.offset[k] = offset[k];
        const Range rows = inside(n, offset[k]);
        const T c = base[k][rows.first];
        bool constant = true;
        for (index_t i = rows.first; i < rows.last && constant; ++i) {
            constant = base[k][i] == c;
        }
        if (constant) {
            view.constant[k] = c;
            streams[static_cast<std::size_t>(k)].reset();
        } else {
            view.stream[k] = base[k];
        }
    }
    for (int k = 0; k < count && offset[k] < 0; ++k) {
        for (int j = count - 1; j > k; --j) {
            if (offset[j] != -offset[k] || view.stream[k] == nullptr || view.stream[j] == nullptr) {
                continue;
            }
            const index_t o = offset[j];
            bool symmetric = true;
            for (index_t i = 0; i < n - o && symmetric; ++i) {
                symmetric = view.stream[k][i + o] == view.stream[j][i];
            }
            if (symmetric) {
                view.stream[k] = view.stream[j] - o;
                streams[static_cast<std::size_t>(k)].reset();
            }
        }
    }
    for (auto& s : streams) {
        if (s != nullptr) {
            out.streams.push_back(std::move(s));
            out.stored += n;
        }
    }
    return out;
}

template Diagonals<float> by_diagonals(const CsrView<float, std::int32_t>&);
template Diagonals<float> by_diagonals(const CsrView<float, std::int64_t>&);
template Diagonals<double> by_diagonals(const CsrView<double, std::int32_t>&);
template Diagonals<double> by_diagonals(const CsrView<double, std::int64_t>&);

}  // namespace kriss
