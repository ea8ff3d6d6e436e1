#include "check.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "kriss/spline/search.hpp"

using namespace kriss;

namespace {

template <class T>
struct Indexed {
    std::vector<T> x;
    std::vector<std::int32_t> table;
    KnotIndex<T> ix;

    explicit Indexed(std::vector<T> knots) : x(std::move(knots)) {
        const auto n = static_cast<index_t>(x.size());
        if (knots_nearly_uniform(x.data(), n)) {
            ix = {x.data(), n, nullptr, static_cast<std::int32_t>(n - 1), 0, T(0)};
        } else {
            table.resize(2 * x.size());
            ix = {x.data(), n, table.data(), static_cast<std::int32_t>(table.size()), 0, T(0)};
            ix.top = build_bucket_table(x.data(), n, table.data(), ix.buckets);
        }
        ix.scale = bucket_scale(x.front(), x.back(), ix.buckets);
    }
};

template <class T>
std::int32_t reference(const std::vector<T>& x, T q) {
    std::int32_t i = 0;
    while (i < static_cast<std::int32_t>(x.size()) - 2 && q >= x[static_cast<std::size_t>(i) + 1]) {
        ++i;
    }
    return i;
}

template <class T>
std::vector<std::vector<T>> knot_sets() {
    std::mt19937 gen(7);
    std::uniform_real_distribution<T> u(T(0), T(1));
    std::vector<std::vector<T>> sets(6);
    for (int i = 0; i < 200; ++i) {
        sets[0].push_back(T(i) / T(199));
        sets[1].push_back(u(gen));
        sets[2].push_back(std::pow(T(10), T(-i) * (sizeof(T) == 8 ? T(1.5) : T(0.18))));
        sets[3].push_back(i < 199 ? T(i) * T(1e-9) : T(1));
    }
    sets[4] = {T(1), T(2)};
    sets[5] = {std::numeric_limits<T>::lowest(), T(0), std::numeric_limits<T>::max()};
    for (auto& x : sets) {
        std::sort(x.begin(), x.end());
        x.erase(std::unique(x.begin(), x.end()), x.end());
    }
    return sets;
}

template <class T>
void finds_every_interval() {
    constexpr T inf = std::numeric_limits<T>::infinity();
    for (const auto& x : knot_sets<T>()) {
        const Indexed<T> k(x);
        std::vector<T> q = {-inf, inf, T(0), x.front() - T(1), x.back() + T(1)};
        for (std::size_t i = 0; i < x.size(); ++i) {
            q.push_back(x[i]);
            q.push_back(std::nextafter(x[i], inf));
            q.push_back(std::nextafter(x[i], -inf));
            if (i + 1 < x.size()) {
                q.push_back(x[i] / T(2) + x[i + 1] / T(2));
            }
        }
        std::shuffle(q.begin(), q.end(), std::mt19937(3));
        while (q.size() % 16 != 0) {
            q.push_back(x[0]);
        }
        bool one = true;
        bool bisect = true;
        bool batch = true;
        for (std::size_t j = 0; j < q.size(); j += 16) {
            std::int32_t i[16];
            T s[16];
            locate_batch<T, 16>(k.ix, q.data() + j, i, s);
            for (std::size_t l = 0; l < 16; ++l) {
                const std::int32_t expected = reference(x, q[j + l]);
                one = one && locate(k.ix, q[j + l]) == expected;
                bisect = bisect && locate_bisect(k.ix.x, k.ix.n, q[j + l]) == expected;
                batch = batch && i[l] == expected;
            }
        }
        KRISS_CHECK(one);
        KRISS_CHECK(bisect);
        KRISS_CHECK(batch);
    }
}

template <class T>
void survives_a_wrong_index() {
    // The knots change after the index was built: every hint is wrong, every answer right.
    std::mt19937 gen(11);
    std::uniform_real_distribution<T> u(T(0), T(1));
    for (auto x : knot_sets<T>()) {
        Indexed<T> k(x);
        for (auto& v : k.x) {
            v = u(gen) * T(3);
        }
        std::sort(k.x.begin(), k.x.end());
        T q[16];
        T s[16];
        std::int32_t i[16];
        bool right = true;
        for (int round = 0; round < 50; ++round) {
            for (auto& v : q) {
                v = u(gen) * T(4) - T(0.5);
            }
            locate_batch<T, 16>(k.ix, q, i, s);
            for (int l = 0; l < 16; ++l) {
                right = right && i[l] == reference(k.x, q[l]) && locate(k.ix, q[l]) == i[l];
            }
        }
        KRISS_CHECK(right);
    }
}

}  // namespace

KRISS_CASE("every point finds its interval, double") { finds_every_interval<double>(); }
KRISS_CASE("every point finds its interval, float") { finds_every_interval<float>(); }
KRISS_CASE("a stale index costs time, not correctness, double") { survives_a_wrong_index<double>(); }
KRISS_CASE("a stale index costs time, not correctness, float") { survives_a_wrong_index<float>(); }

KRISS_CASE("NaN and infinity stay inside the table") {
    const Indexed<double> k({0.0, 1.0, 1.5, 7.0});
    const double nan = std::nan("");
    KRISS_CHECK(locate(k.ix, nan) == 0);
    KRISS_CHECK(bucket_of(nan, 0.0, k.ix.scale, k.ix.buckets) == 0);
    KRISS_CHECK(bucket_of(1e308, 0.0, 1e308, 1 << 30) == (1 << 30) - 1);
    KRISS_CHECK(bucket_of(1e38f, 0.0f, 1e38f, 1 << 30) == (1 << 30) - 1);
}

KRISS_CASE("equal spacing needs no table, and its rounding is no obstacle") {
    for (int n : {2, 3, 10, 1000, 100000}) {
        std::vector<double> x;
        for (int i = 0; i < n; ++i) {
            x.push_back(-1.1 + 3.3 * i / (n - 1));
        }
        KRISS_CHECK(knots_nearly_uniform(x.data(), static_cast<index_t>(n)));
    }
    const std::vector<double> graded = {0.0, 1.0, 4.0, 9.0};
    KRISS_CHECK(!knots_nearly_uniform(graded.data(), 4));
}

KRISS_CASE("steps inside a bucket reach every knot in it") {
    for (int many : {1, 2, 3, 4, 7, 8, 15, 16, 100}) {
        std::vector<double> x = {0.0};
        for (int i = 0; i < many; ++i) {
            x.push_back(0.5 + 1e-9 * i);
        }
        x.push_back(1.0);
        const Indexed<double> k(x);
        if (k.ix.table != nullptr) {
            KRISS_CHECK(2 * k.ix.top - 1 >= many - 1);
            KRISS_CHECK(k.ix.top <= 2 * many);
        }
        KRISS_CHECK(locate(k.ix, 0.75) == many);
    }
}
