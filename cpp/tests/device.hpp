// What the tests of the launchers in cuda/ share: a matrix with triangles in its graph, panels, and runs with the
// threads in either order.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "../../cuda/panel.hpp"
#include "check.hpp"
#include "kriss/solve/ssor.hpp"
#include "kriss/view.hpp"

using namespace kriss;

namespace {

using I = std::int32_t;

std::size_t at(index_t i) { return static_cast<std::size_t>(i); }

template <class T>
struct Sparse {
    index_t n = 0;
    std::vector<I> indptr{0};
    std::vector<I> indices;
    std::vector<T> data;

    void put(index_t column, double value) {
        indices.push_back(static_cast<I>(column));
        data.push_back(static_cast<T>(value));
    }
    void end_row() {
        indptr.push_back(static_cast<I>(indices.size()));
        ++n;
    }
    CsrView<T, I> view() const { return {n, n, indptr.data(), indices.data(), data.data()}; }
};

// A weighted graph Laplacian on an m x m grid with one diagonal per cell, and so with triangles, plus 0.1 on its
// diagonal.
template <class T>
Sparse<T> mesh(index_t m) {
    Sparse<T> a;
    const auto weight = [](index_t i, index_t j) { return 1.0 + static_cast<double>((i * 7 + j * 13) % 5); };
    for (index_t i = 0; i < m; ++i) {
        for (index_t j = 0; j < m; ++j) {
            double entries[3][3] = {};
            double sum = 0.1;
            for (index_t di = -1; di <= 1; ++di) {
                for (index_t dj = -1; dj <= 1; ++dj) {
                    const bool inside = i + di >= 0 && i + di < m && j + dj >= 0 && j + dj < m;
                    if (di * dj < 0 || (di == 0 && dj == 0) || !inside) {
                        continue;
                    }
                    const double w = weight(2 * i + di, 2 * j + dj);
                    entries[di + 1][dj + 1] = -w;
                    sum += w;
                }
            }
            entries[1][1] = sum;
            for (index_t di = -1; di <= 1; ++di) {
                for (index_t dj = -1; dj <= 1; ++dj) {
                    if (entries[di + 1][dj + 1] != 0.0) {
                        a.put((i + di) * m + j + dj, entries[di + 1][dj + 1]);
                    }
                }
            }
            a.end_row();
        }
    }
    return a;
}

template <class T>
std::vector<T> noise(index_t n, unsigned seed) {
    std::mt19937 gen(seed);
    std::uniform_real_distribution<double> u(-1.0, 1.0);
    std::vector<T> v(at(n));
    for (auto& e : v) {
        e = static_cast<T>(u(gen));
    }
    return v;
}

template <class T>
std::vector<T> column_of(const std::vector<T>& panel, index_t k, index_t c) {
    std::vector<T> v;
    for (std::size_t t = at(c); t < panel.size(); t += at(k)) {
        v.push_back(panel[t]);
    }
    return v;
}

template <class T>
std::vector<T> inverse_diagonal(const Sparse<T>& a, std::vector<I>* where = nullptr) {
    std::vector<T> inverse(at(a.n));
    std::vector<I> places(at(a.n));
    std::vector<index_t> bad(at(chunk_count(a.n)) + 1);
    KRISS_CHECK(csr_diagonal(a.view(), places.data(), inverse.data(), bad.data(), Executor()).status == Status::ok);
    if (where != nullptr) {
        *where = places;
    }
    return inverse;
}

// f() with threads in order and in reverse; both leave the same bits in v.
template <class T, class F>
void either_way(std::vector<T>& v, F&& f) {
    const std::vector<T> before = v;
    cuda::replay_backward = true;
    f();
    const std::vector<T> backward = v;
    cuda::replay_backward = false;
    v = before;
    f();
    KRISS_CHECK(v == backward);
}

}  // namespace
