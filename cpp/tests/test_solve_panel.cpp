// solve/panel.hpp, solve/multi.hpp and solve/block.hpp against textbook loops, in both precisions.
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "check.hpp"
#include "kriss/solve/block.hpp"
#include "kriss/solve/multi.hpp"

using namespace kriss;

namespace {

std::size_t at(index_t i) { return static_cast<std::size_t>(i); }

template <class T>
std::vector<T> numbers(index_t n, unsigned seed) {
    std::mt19937 draw(seed);
    std::normal_distribution<double> normal;
    std::vector<T> out(at(n));
    for (auto& v : out) {
        v = static_cast<T>(normal(draw));
    }
    return out;
}

// Runs the chunks of every region from the last to the first, as three workers would cut them.
void backwards(void*, index_t n, index_t grain, Executor::Task task, void* ctx) {
    for (index_t b = (n - 1) / grain * grain; b >= 0; b -= grain) {
        task(ctx, b, b + grain < n ? b + grain : n);
    }
}

// Five diagonals, one of them variable.
template <class T>
struct Five {
    index_t n, far;
    std::vector<T> stream;
    DiagonalView<T> view;

    Five(index_t size, index_t distance) : n(size), far(distance), stream(numbers<T>(size, 7)) {
        view.n = n;
        view.halo = far;
        view.count = 5;
        const index_t offset[5] = {-far, -1, 0, 1, far};
        for (int k = 0; k < 5; ++k) {
            view.offset[k] = offset[k];
            view.constant[k] = static_cast<T>(k - 1);
        }
        stream[at(n - 1)] = T(0);
        view.stream[3] = stream.data();
    }
    T entry(int k, index_t i) const { return view.stream[k] != nullptr ? view.stream[k][i] : view.constant[k]; }
};

template <class T, int K>
void products_and_passes(index_t n, index_t far) {
    const Five<T> a(n, far);
    std::vector<T> room(at((n + 2 * far) * K), T(0));
    T* p = room.data() + far * K;
    const auto start = numbers<T>(n * K, 1);
    std::copy(start.begin(), start.end(), p);
    auto x = numbers<T>(n * K, 2);
    auto r = numbers<T>(n * K, 3);
    const auto inverse = numbers<T>(n, 4);
    T alpha[K], beta[K];
    for (int c = 0; c < K; ++c) {
        alpha[c] = static_cast<T>(0.5 + c);
        beta[c] = static_cast<T>(0.25 * c - 1.0);
    }
    // the textbook: direction, product, dot
    auto want_x = x;
    std::vector<T> want_p(start), want_q(at(n * K));
    for (index_t i = 0; i < n; ++i) {
        for (int c = 0; c < K; ++c) {
            const auto t = at(i * K + c);
            want_x[t] = want_x[t] + alpha[c] * start[t];
            want_p[t] = inverse[at(i)] * r[t] + beta[c] * start[t];
        }
    }
    double want[K] = {};
    for (index_t i = 0; i < n; ++i) {
        for (int c = 0; c < K; ++c) {
            T s = T(0);
            for (int k = 0; k < 5; ++k) {
                const index_t j = i + a.view.offset[k];
                s += a.entry(k, i) * (j >= 0 && j < n ? want_p[at(j * K + c)] : T(0));
            }
            want_q[at(i * K + c)] = s;
            want[c] += static_cast<double>(s) * static_cast<double>(want_p[at(i * K + c)]);
        }
    }
    const PanelProduct<T> product{&a.view, &diagonal_panel_rows<T, K>, far};
    std::vector<double> part(at(2 * K * chunk_count(n)));
    const auto before = room;
    const auto x_before = x;
    for (const int workers : {1, 2, 3}) {
        Executor ex;
        ex.workers = workers;
        ex.run = backwards;
        for (const bool keep : {false, true}) {
            room = before;
            x = x_before;
            std::vector<T> q(at(n * K));
            double pq[K];
            multi_step<T, K>(n, product, false, inverse.data(), r.data(), beta, alpha, p, x.data(),
                             keep ? q.data() : nullptr, part.data(), pq, ex);
            KRISS_CHECK(std::equal(want_p.begin(), want_p.end(), p));
            KRISS_CHECK(x == want_x);
            KRISS_CHECK(!keep || q == want_q);
            for (int c = 0; c < K; ++c) {
                KRISS_CHECK(std::abs(pq[c] - want[c]) <= 1e-12 * static_cast<double>(n) * (1.0 + std::abs(want[c])));
            }
            auto rest = r;
            double rr[K], rho[K];
            multi_update<T, K>(n, product, inverse.data(), alpha, p, keep ? q.data() : nullptr, rest.data(),
                               rest.data(), part.data(), rr, rho, ex);
            double sum[K] = {}, weighted[K] = {};
            for (index_t i = 0; i < n; ++i) {
                for (int c = 0; c < K; ++c) {
                    const auto t = at(i * K + c);
                    KRISS_CHECK(rest[t] == r[t] + alpha[c] * want_q[t]);
                    const double v = static_cast<double>(rest[t]);
                    sum[c] += v * v;
                    weighted[c] += v * v * static_cast<double>(inverse[at(i)]);
                }
            }
            for (int c = 0; c < K; ++c) {
                KRISS_CHECK(std::abs(rr[c] - sum[c]) <= 1e-12 * sum[c]);
                KRISS_CHECK(std::abs(rho[c] - weighted[c]) <= 1e-12 * sum[c] * 10.0);
            }
        }
    }
    double norms[K], peaks[K];
    column_scan<T>(n, K, r.data(), part.data(), norms, peaks, Executor{});
    for (int c = 0; c < K; ++c) {
        double top = 0.0;
        double sum = 0.0;
        for (index_t i = 0; i < n; ++i) {
            const double v = static_cast<double>(r[at(i * K + c)]);
            top = std::max(top, std::abs(v));
            sum += v * v;
        }
        KRISS_CHECK(peaks[c] == top);
        KRISS_CHECK(std::abs(norms[c] - sum) <= 1e-13 * sum);
    }
}

template <class T>
void blocks() {
    const index_t n = 5000;
    const int k = 5;
    std::vector<std::vector<T>> store;
    std::vector<T*> v;
    for (int j = 0; j < k; ++j) {
        store.push_back(numbers<T>(n, static_cast<unsigned>(20 + j)));
    }
    for (auto& s : store) {
        v.push_back(s.data());
    }
    std::vector<double> part(at(k * k * chunk_count(n))), g(at(k * k)), r(at(k * k));
    std::vector<int> pivot(at(k));
    for (int round = 0; round < 2; ++round) {
        block_gram<T>(n, k, v.data(), k, v.data(), part.data(), g.data(), Executor{});
        KRISS_CHECK(pivoted_cholesky(k, g.data(), 1e-12, pivot.data(), r.data()) == k);
        std::vector<T*> order;
        for (int j = 0; j < k; ++j) {
            order.push_back(v[at(pivot[at(j)])]);
        }
        v = order;
        block_solve<T>(n, k, v.data(), r.data(), Executor{});
    }
    block_gram<T>(n, k, v.data(), k, v.data(), part.data(), g.data(), Executor{});
    const double eps = sizeof(T) == 4 ? 1e-6 : 1e-14;
    for (int i = 0; i < k; ++i) {
        for (int j = 0; j < k; ++j) {
            KRISS_CHECK(std::abs(g[at(i * k + j)] - (i == j ? 1.0 : 0.0)) < eps);
        }
    }
    // y = y0 + sum v c
    std::vector<T> y(at(n), T(1));
    T* to[1] = {y.data()};
    const double c[5] = {1.0, -2.0, 0.5, 3.0, 0.25};
    block_add<T>(n, k, v.data(), 1, c, -1.0, to, Executor{});
    for (const index_t i : {index_t{0}, index_t{511}, index_t{4097}, n - 1}) {
        T s = T(1);
        for (int j = 0; j < k; ++j) {
            s += static_cast<T>(-c[j]) * v[at(j)][i];
        }
        KRISS_CHECK(y[at(i)] == s);
    }
    double dots[5];
    block_dots<T>(n, k, v.data(), v.data(), part.data(), dots, Executor{});
    KRISS_CHECK(std::abs(dots[3] - 1.0) < eps);
}

void small() {
    // a rank-two matrix, whose first and third rows are one
    double g[9] = {4, 2, 4, 2, 5, 2, 4, 2, 4};
    double r[9];
    int pivot[3];
    KRISS_CHECK(pivoted_cholesky(3, g, 1e-12, pivot, r) == 2);
    KRISS_CHECK(pivot[0] == 1 && std::abs(r[0] - std::sqrt(5.0)) < 1e-15);
    double zero[4] = {};
    KRISS_CHECK(pivoted_cholesky(2, zero, 1e-12, pivot, r) == 0);
    double bad[1] = {std::nan("")};
    KRISS_CHECK(pivoted_cholesky(1, bad, 1e-12, pivot, r) == -1);
    double spd[4] = {4, 2, 2, 5};
    double c[2] = {8, 17};
    double pivot_value = 0.0;
    KRISS_CHECK(small_cholesky(2, spd, pivot_value));
    small_solve(2, spd, 1, c);
    KRISS_CHECK(std::abs(4 * c[0] + 2 * c[1] - 8) < 1e-13 && std::abs(2 * c[0] + 5 * c[1] - 17) < 1e-13);
    double indefinite[4] = {1, 2, 2, 1};
    KRISS_CHECK(!small_cholesky(2, indefinite, pivot_value) && pivot_value == -3.0);
}

template <class T>
void all() {
    for (const index_t n : {200, 5000, 40000}) {
        products_and_passes<T, 1>(n, 60);
        products_and_passes<T, 2>(n, 60);
        products_and_passes<T, 4>(n, 60);
        products_and_passes<T, 8>(n, 60);
    }
    products_and_passes<T, 8>(30000, 9000);
    blocks<T>();
}

}  // namespace

KRISS_CASE("products, passes and scans of panels; blocks of vectors") {
    all<float>();
    all<double>();
}

KRISS_CASE("small dense work of the block method") { small(); }
