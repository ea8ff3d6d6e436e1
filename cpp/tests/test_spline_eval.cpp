#include "check.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "kriss/spline/eval.hpp"

using namespace kriss;

namespace {

template <class T>
bool same(T a, T b) {
    return a == b || (std::isnan(a) && std::isnan(b));
}

// What the policy says, from the definition: find the piece by a walk, differentiate the powers.
template <class T>
T reference(const std::vector<T>& x, const Pieces<T>& pp, T q, int nu, Beyond beyond, index_t t) {
    const T first = x.front();
    const T last = x.back();
    if (std::isnan(q)) {
        return q;
    }
    const bool outside = q < first || q > last;
    if (outside && beyond == Beyond::nan) {
        return std::numeric_limits<T>::quiet_NaN();
    }
    if (outside && (beyond == Beyond::zero || (beyond == Beyond::constant && nu > 0))) {
        return T(0);
    }
    if (outside && beyond == Beyond::constant) {
        q = q < first ? first : last;
    }
    if (beyond == Beyond::wrap) {
        q = wrap_periodic(q, first, last);
    }
    index_t i = 0;
    while (i + 2 < static_cast<index_t>(x.size()) && q >= x[static_cast<std::size_t>(i) + 1]) {
        ++i;
    }
    const T s = q - x[static_cast<std::size_t>(i)];
    T sum = T(0);
    T z = T(1);
    for (index_t p = nu; p < pp.order; ++p) {
        T factor = T(1);
        for (int j = 0; j < nu; ++j) {
            factor *= static_cast<T>(p - j);
        }
        sum += pp.at(p, i)[t] * z * factor;
        z *= s;
    }
    return std::isnan(s) ? s : sum;
}

template <class T>
void policies_in_batches_and_one_by_one(bool nearby) {
    std::mt19937 gen(5);
    std::uniform_real_distribution<T> u(T(0), T(1));
    const Beyond all[] = {Beyond::nan, Beyond::extend, Beyond::wrap, Beyond::constant, Beyond::zero};
    for (const index_t columns : {1, 3, 17}) {
        for (const index_t order : {1, 4, 8}) {
            std::vector<T> x = {T(0)};
            while (x.size() < 40) {
                x.push_back(x.back() + T(0.1) + u(gen));
            }
            const auto n = static_cast<index_t>(x.size());
            std::vector<T> c(static_cast<std::size_t>(order * (n - 1) * columns));
            for (auto& v : c) {
                v = u(gen) - T(0.5);
            }
            std::vector<std::int32_t> table(static_cast<std::size_t>(table_capacity(n)));
            const KnotIndex<T> ix = build_knot_index(x.data(), n, table.data());
            const Pieces<T> pp{c.data(), order, n - 1, columns};
            // 64 + 8 + 3 points: each of the three batch sizes.
            std::vector<T> q = {x.front(),
                                x.back(),
                                std::numeric_limits<T>::quiet_NaN(),
                                std::nextafter(x.front(), T(-1)),
                                std::nextafter(x.back(), T(1e9)),
                                T(-1e6),
                                T(1e6)};
            while (q.size() < 75) {
                q.push_back(x.front() - T(5) + u(gen) * (x.back() + T(10)));
            }
            if (nearby) {
                std::sort(q.begin() + 7, q.end());  // the batch of 64 starts with NaN: not sorted
                std::vector<T> close;               // sorted, many to a cell
                for (int k = 0; k < 640; ++k) {
                    close.push_back(x[9] + (x[12] - x[9]) * T(k) / T(640));
                }
                q.insert(q.begin(), close.begin(), close.end());
            }
            const auto points = static_cast<index_t>(q.size());
            std::vector<T> out(q.size() * static_cast<std::size_t>(columns));
            for (const Beyond beyond : all) {
                for (const int nu : {0, 1, 2, 9}) {
                    evaluate(ix, pp, q.data(), points, nu, beyond, out.data(), Executor());
                    bool batch = true;
                    bool one = true;
                    for (index_t k = 0; k < points; ++k) {
                        for (index_t t = 0; t < columns; ++t) {
                            const T at = q[static_cast<std::size_t>(k)];
                            const T expected = reference(x, pp, at, nu, beyond, t);
                            batch = batch && same(out[static_cast<std::size_t>(k * columns + t)], expected);
                            one = one && same(evaluate_one(ix, pp, at, nu, beyond, t), expected);
                        }
                    }
                    KRISS_CHECK(batch);
                    KRISS_CHECK(one);
                }
            }
        }
    }
}

}  // namespace

KRISS_CASE("every policy in batches and one by one, double") { policies_in_batches_and_one_by_one<double>(false); }
KRISS_CASE("every policy in batches and one by one, float") { policies_in_batches_and_one_by_one<float>(false); }
KRISS_CASE("sorted points, many to a piece, double") { policies_in_batches_and_one_by_one<double>(true); }
KRISS_CASE("sorted points, many to a piece, float") { policies_in_batches_and_one_by_one<float>(true); }
