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
        table.resize(static_cast<std::size_t>(table_capacity(n)));
        ix = build_knot_index(x.data(), n, table.data());
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
    std::vector<std::vector<T>> sets(8);
    for (int i = 0; i < 200; ++i) {
        sets[0].push_back(T(i) / T(199));
        sets[1].push_back(u(gen));
        sets[2].push_back(std::pow(T(10), T(-i) * (sizeof(T) == 8 ? T(1.5) : T(0.18))));
        sets[3].push_back(i < 199 ? T(i) * T(1e-9) : T(1));
    }
    for (std::size_t i = 0; i < 200; ++i) {
        sets[6].push_back(T(3) - sets[2][i]);  // most of them equal
        sets[7].push_back(-sets[2][i]);
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
    const double nan = std::nan("");
    std::vector<double> left;
    std::vector<double> right;
    for (int i = 40; i >= 0; --i) {
        left.push_back(std::pow(10.0, -i));
        right.push_back(-std::pow(10.0, i - 40));
    }
    for (const auto& x : {std::vector<double>{0.0, 1.0, 1.5, 7.0}, left, right}) {
        const Indexed<double> k(x);
        for (const double q : {nan, -nan, HUGE_VAL, -HUGE_VAL, 0.0, -0.0, 5e-324, -5e-324, 1e308, -1e308}) {
            const std::int32_t j = bucket_of(k.ix, q);
            KRISS_CHECK(j >= 0 && j < k.ix.buckets);
            KRISS_CHECK(std::isnan(q) || locate(k.ix, q) == reference(k.x, q));
        }
    }
    KRISS_CHECK(Indexed<double>(left).ix.map > 0);
    KRISS_CHECK(Indexed<double>(right).ix.map < 0);
    KRISS_CHECK(bucket_linear(1e308, 0.0, 1e308, 1 << 30) == (1 << 30) - 1);
    KRISS_CHECK(bucket_linear(1e38f, 0.0f, 1e38f, 1 << 30) == (1 << 30) - 1);
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
    for (std::int32_t span = 0; span < 300; ++span) {
        std::int32_t reach = 0;
        for (std::int32_t step = first_step(span); step > 0; step >>= 1) {
            reach += step;
        }
        KRISS_CHECK(reach >= span && (span == 0 || reach < 2 * span));
    }
    for (int many : {1, 2, 3, 4, 7, 8, 15, 16, 100}) {
        std::vector<double> x = {0.0};
        for (int i = 0; i < many; ++i) {
            x.push_back(0.5 + 1e-9 * i);
        }
        x.push_back(1.0);
        KRISS_CHECK(locate(Indexed<double>(x).ix, 0.75) == many);
    }
}

KRISS_CASE("knots by octaves share no bucket with many others") {
    std::vector<double> x;
    for (int i = 0; i < 5000; ++i) {
        x.push_back(std::pow(10.0, -300.0 + i * 0.06));
    }
    const Indexed<double> k(x);
    KRISS_CHECK(k.ix.map > 0);
    std::int32_t most = 0;
    for (std::int32_t j = 0; j < k.ix.buckets; ++j) {
        most = std::max(most, k.table[static_cast<std::size_t>(j) + 1] - k.table[static_cast<std::size_t>(j)]);
    }
    KRISS_CHECK(most <= 8);
}
