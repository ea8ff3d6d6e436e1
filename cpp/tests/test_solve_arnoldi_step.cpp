// solve/arnoldi_step.hpp: both passes in one have the bits of the two, whatever the number of workers.
#include <algorithm>
#include <cstring>
#include <random>
#include <utility>
#include <vector>

#include "check.hpp"
#include "solve_krylov.hpp"

using namespace kriss;

namespace {

std::size_t at(index_t i) { return static_cast<std::size_t>(i); }

template <class T>
void fill(T* v, index_t n, std::mt19937& draw) {
    std::normal_distribution<double> normal;
    for (index_t i = 0; i < n; ++i) {
        if constexpr (ScalarTraits<T>::is_complex) {
            const double re = normal(draw);
            v[i] = narrow<T>(Cplx<double>{re, normal(draw)});
        } else {
            v[i] = narrow<T>(normal(draw));
        }
    }
}

// F x = x_(i - reach) + 3 x_i - x_(i + reach)
template <class T>
struct Far {
    index_t n;
    index_t reach;
    static void apply(void* self, const T* x, T* y, index_t begin, index_t end) {
        const Far& f = *static_cast<const Far*>(self);
        for (index_t i = begin; i < end; ++i) {
            T s = narrow<T>(widen(x[i]) + widen(x[i]) + widen(x[i]));
            s = i >= f.reach ? s + x[i - f.reach] : s;
            y[i] = i + f.reach < f.n ? s - x[i + f.reach] : s;
        }
    }
};

// Chunks from the last to the first, as if there were as many workers.
Executor backwards(int workers) {
    Executor ex;
    ex.workers = workers;
    ex.run = [](void*, index_t n, index_t grain, Executor::Task task, void* ctx) {
        for (index_t chunk = (n + grain - 1) / grain - 1; chunk >= 0; --chunk) {
            task(ctx, chunk * grain, std::min(n, (chunk + 1) * grain));
        }
    };
    return ex;
}

// What a step leaves: sums and norms, and the vectors that it has changed.
template <class T>
struct Left {
    std::vector<Wide<T>> sums;
    std::vector<T> vectors;
    bool operator==(const Left& other) const {
        return sums.size() == other.sums.size() && vectors.size() == other.vectors.size() &&
               std::memcmp(sums.data(), other.sums.data(), sums.size() * sizeof(Wide<T>)) == 0 &&
               std::memcmp(vectors.data(), other.vectors.data(), vectors.size() * sizeof(T)) == 0;
    }
};

template <class T>
void test_step(index_t n, index_t reach, int m, bool once, bool scaled) {
    std::mt19937 draw(13);
    Vectors<T> v(n, 0, m + 5);
    for (int k = 0; k < m + 3; ++k) {
        fill(v[k], n, draw);
    }
    const std::vector<const T*> list(v.data(), v.data() + m + 1);
    std::vector<T> some(at(2 * m + 1));
    fill(some.data(), 2 * m + 1, draw);
    std::vector<Wide<T>> by, part(at(chunk_count(n)) * at(delayed_columns(m + 1)));
    for (const T x : some) {
        by.push_back(widen(x));
    }
    Far<T> far{n, reach};
    StepBetween<T> between;
    between.reach = reach;
    between.diagonal = scaled ? v[m + 2] : nullptr;
    between.z = scaled ? v[m + 4] : nullptr;
    DelayedPass<T> f;
    f.n = n;
    f.count = m;
    f.list = list.data();
    f.u = v[m];
    f.w = v[m + 1];
    f.of_u = by.data();
    f.of_w = by.data() + m;
    f.cross = by[at(2 * m)];
    f.scale_u = 0.5;
    f.scale_w = 3.0;
    DelayedPass<T> g;
    g.n = n;
    g.count = m + 1;
    g.list = list.data();
    g.u = f.w;
    g.w = v[m + 3];
    g.once = once;
    g.product = {&far, &Far<T>::apply, reach};
    g.x = scaled ? between.z : g.u;
    const std::vector<T> u(f.u, f.u + n), w(f.w, f.w + n);
    const auto left = [&](const auto& run) {
        std::copy(u.begin(), u.end(), f.u);
        std::copy(w.begin(), w.end(), f.w);
        std::fill_n(g.w, n, T{});
        std::fill(part.begin(), part.end(), Wide<T>{});
        Left<T> is;
        is.sums.resize(at(2 * m + 3));
        double norms[2] = {};
        const double norm = run(is.sums.data(), norms);
        is.sums.push_back(wide_from<T>(once ? 0.0 : norms[0]));
        is.sums.push_back(wide_from<T>(norms[1]));
        is.sums.push_back(wide_from<T>(norm));
        for (const T* of : {f.u, f.w, g.w}) {
            is.vectors.insert(is.vectors.end(), of, of + n);
        }
        return is;
    };
    const Left<T> two = left([&](Wide<T>* out, double* norms) {
        const double norm = delayed_update(f, part.data(), Executor{});
        if (scaled) {
            scale_items(n, between.diagonal, static_cast<const T*>(f.w), between.z, Executor{});
        }
        delayed_products(g, out, norms, part.data(), Executor{});
        return norm;
    });
    for (const int workers : {1, 2, 3, 5}) {
        const Left<T> one = left([&](Wide<T>* out, double* norms) {
            return delayed_step(f, g, between, out, norms, part.data(), backwards(workers));
        });
        KRISS_CHECK(one == two);
    }
}

template <class T>
void test_steps() {
    for (const index_t n : {3, 4100, 8192, 33001}) {
        for (const index_t reach : {1, 300, 4096}) {
            for (const int m : {0, 5, 40}) {
                for (const bool scaled : {false, true}) {
                    test_step<T>(n, reach, m, false, scaled);
                    test_step<T>(n, reach, m, true, scaled);
                }
            }
        }
    }
}

}  // namespace

KRISS_CASE("both passes in one have the bits of the two") {
    test_steps<double>();
    test_steps<float>();
    test_steps<Cplx<double>>();
    test_steps<Cplx<float>>();
}
