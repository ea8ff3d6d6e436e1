#include "check.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "kriss/spline/bspline.hpp"
#include "kriss/spline/bspline_interp.hpp"

using namespace kriss;

namespace {

// B_j of degree k at x by the definition, recursively; the last interval is closed.
template <class T>
T textbook(const std::vector<T>& t, std::size_t j, int k, T x, bool last) {
    if (k == 0) {
        return ((x >= t[j] && x < t[j + 1]) || (last && x == t[j + 1] && t[j] < t[j + 1])) ? T(1) : T(0);
    }
    const auto d = static_cast<std::size_t>(k);
    const T a = t[j + d] - t[j];
    const T b = t[j + d + 1] - t[j + 1];
    T v = T(0);
    if (a > T(0)) {
        v += (x - t[j]) / a * textbook(t, j, k - 1, x, last);
    }
    if (b > T(0)) {
        v += (t[j + d + 1] - x) / b * textbook(t, j + 1, k - 1, x, last);
    }
    return v;
}

template <class T>
struct Fixture {
    std::vector<T> t;
    std::vector<T> c;
    int k;
    index_t n;
    index_t m;
    KnotIndex<T> ix;
    std::vector<std::int32_t> table;

    Fixture(int degree, int cells, index_t columns, bool multiple) : k(degree), m(columns) {
        std::mt19937 gen(static_cast<unsigned>(degree * 100 + cells));
        std::uniform_real_distribution<T> u(T(0.2), T(1));
        T at = T(-1);
        t.assign(static_cast<std::size_t>(k + 1), at);
        for (int i = 1; i < cells; ++i) {
            at += u(gen);
            t.push_back(at);
            if (multiple && i % 3 == 0 && k > 0) {
                t.push_back(at);
            }
        }
        at += u(gen);
        t.insert(t.end(), static_cast<std::size_t>(k + 1), at);
        n = static_cast<index_t>(t.size()) - k - 1;
        for (index_t i = 0; i < n * m; ++i) {
            c.push_back(u(gen) - T(0.6));
        }
        const index_t knots = n - k + 1;
        table.resize(static_cast<std::size_t>(table_capacity(knots)));
        ix = build_knot_index(t.data() + k, knots, table.data());
    }

    BSplineView<T> view() const { return {t.data(), c.data(), n, m, k}; }

    T reference(T x, index_t column) const {
        T sum = T(0);
        for (index_t j = 0; j < n; ++j) {
            sum += c[static_cast<std::size_t>(j * m + column)] *
                   textbook(t, static_cast<std::size_t>(j), k, x, x == t.back());
        }
        return sum;
    }
};

template <class T>
void agrees_with_the_definition(double tol) {
    for (int k : {0, 1, 2, 3, 4, 5, 6, 7, 9}) {
        for (index_t m : {index_t(1), index_t(3), index_t(19)}) {
            const Fixture<T> f(k, 9, m, k > 1);
            std::vector<T> x = f.t;
            for (int i = 0; i <= 40; ++i) {
                x.push_back(f.t.front() + (f.t.back() - f.t.front()) * static_cast<T>(i) / T(40));
            }
            for (T& v : x) {
                v = std::min(v, f.t.back());
            }
            std::vector<T> out(x.size() * static_cast<std::size_t>(m));
            bspline_evaluate(f.ix, f.view(), x.data(), static_cast<index_t>(x.size()), 0, Beyond::nan, out.data(),
                             Executor{});
            for (std::size_t i = 0; i < x.size(); ++i) {
                for (index_t column = 0; column < m; ++column) {
                    const T got = out[i * static_cast<std::size_t>(m) + static_cast<std::size_t>(column)];
                    KRISS_NEAR(static_cast<double>(got), static_cast<double>(f.reference(x[i], column)), tol);
                    const T one = bspline_one(f.ix, f.view(), x[i], 0, Beyond::nan, column);
                    KRISS_CHECK(one == got);
                }
            }
        }
    }
}

template <class T>
void derivatives_and_pieces_agree(double tol) {
    for (int k : {1, 2, 3, 5, 7, 8}) {
        for (index_t m : {index_t(1), index_t(2), index_t(21)}) {
            const Fixture<T> f(k, 11, m, k > 2);
            std::vector<T> x(f.t.begin() + k, f.t.end() - k);
            x.erase(std::unique(x.begin(), x.end()), x.end());
            const auto cells = static_cast<index_t>(x.size()) - 1;
            std::vector<T> c(static_cast<std::size_t>((k + 1) * cells * m), T(99));
            bspline_to_pieces(f.view(), x.data(), cells, c.data(), Executor{});
            const Pieces<T> pp{c.data(), k + 1, cells, m};
            for (index_t i = 0; i < cells; ++i) {
                const T h = x[static_cast<std::size_t>(i) + 1] - x[static_cast<std::size_t>(i)];
                for (T share : {T(0), T(0.3), T(0.9)}) {
                    const T at = x[static_cast<std::size_t>(i)] + share * h;
                    for (int nu = 0; nu <= k + 1; ++nu) {
                        for (index_t column = 0; column < m; ++column) {
                            const T a = piece_value(pp, i, at - x[static_cast<std::size_t>(i)], nu, column);
                            const T b = bspline_one(f.ix, f.view(), at, nu, Beyond::extend, column);
                            double size = 1.0;
                            for (int j = 0; j < nu; ++j) {
                                size *= 5.0 * k;
                            }
                            KRISS_NEAR(static_cast<double>(a), static_cast<double>(b), tol * size);
                        }
                    }
                }
            }
        }
    }
}

template <class T>
void interpolates(double tol) {
    for (int k : {1, 2, 3, 4, 5, 7, 9}) {
        for (index_t m : {index_t(1), index_t(3), index_t(100)}) {
            Fixture<T> f(k, 40, m, false);
            // Greville's points satisfy the Schoenberg-Whitney conditions.
            std::vector<T> x;
            for (index_t j = 0; j < f.n; ++j) {
                T mean = T(0);
                for (int a = 1; a <= k; ++a) {
                    mean += f.t[static_cast<std::size_t>(j + a)] / static_cast<T>(k);
                }
                x.push_back(std::min(std::max(mean, f.t.front()), f.t.back()));
            }
            std::vector<T> c(f.c.size());
            bspline_evaluate(f.ix, f.view(), x.data(), f.n, 0, Beyond::nan, c.data(), Executor{});
            std::vector<T> a(static_cast<std::size_t>(f.n * (k + 1)));
            std::vector<std::int32_t> first(static_cast<std::size_t>(f.n));
            const Info info =
                bspline_interpolate(x.data(), f.n, f.t.data(), k, m, c.data(), a.data(), first.data(), Executor{});
            KRISS_CHECK(info.status == Status::ok);
            for (std::size_t i = 0; i < c.size(); ++i) {
                KRISS_NEAR(static_cast<double>(c[i]), static_cast<double>(f.c[i]), tol * std::pow(2.0, k));
            }
        }
    }
}

// x^d has the derivatives d (d - 1) ... x^(d - nu); a spline of degree k >= d with these at its ends is x^d.
template <class T>
void keeps_given_derivatives(double tol) {
    for (int k : {1, 3, 5, 7}) {
        for (int d = 0; d <= k; ++d) {
            const int half = (k - 1) / 2;
            const std::vector<T> x = {T(-1), T(-0.7), T(0), T(0.1), T(0.6), T(1)};
            std::vector<T> t(static_cast<std::size_t>(k + 1), x.front());
            t.insert(t.end(), x.begin() + 1, x.end() - 1);
            t.insert(t.end(), static_cast<std::size_t>(k + 1), x.back());
            const auto n = static_cast<index_t>(t.size()) - k - 1;
            std::vector<std::int32_t> orders;
            std::vector<T> c;
            const auto derivative = [d](T at, int nu) {
                T v = T(1);
                for (int j = 0; j < d; ++j) {
                    v *= j < nu ? static_cast<T>(d - j) : at;
                }
                return nu > d ? T(0) : v;
            };
            for (int nu = 1; nu <= half; ++nu) {
                orders.push_back(nu);
                c.push_back(derivative(x.front(), nu));
            }
            for (const T v : x) {
                c.push_back(derivative(v, 0));
            }
            for (int nu = 1; nu <= half; ++nu) {
                c.push_back(derivative(x.back(), nu));
            }
            KRISS_CHECK(static_cast<index_t>(c.size()) == n);
            std::vector<T> a(static_cast<std::size_t>(n * (3 * k + 1)));
            const Info info = bspline_interpolate_ends(x.data(), n, t.data(), k, orders.data(), half, orders.data(),
                                                       half, 1, c.data(), a.data(), Executor{});
            KRISS_CHECK(info.status == Status::ok);
            std::vector<std::int32_t> table(static_cast<std::size_t>(table_capacity(n - k + 1)));
            const KnotIndex<T> ix = build_knot_index(t.data() + k, n - k + 1, table.data());
            for (T at : {T(-1), T(-0.9), T(0.05), T(0.5), T(1)}) {
                const T got = bspline_one(ix, BSplineView<T>{t.data(), c.data(), n, 1, k}, at, 0, Beyond::nan, 0);
                KRISS_NEAR(static_cast<double>(got), static_cast<double>(derivative(at, 0)), tol);
            }
        }
    }
}

}  // namespace

KRISS_CASE("given derivatives at the ends, double") { keeps_given_derivatives<double>(2e-13); }
KRISS_CASE("given derivatives at the ends, float") { keeps_given_derivatives<float>(1e-4); }
KRISS_CASE("conditions that determine nothing have no pivot") {
    const double t[6] = {0.0, 0.0, 0.0, 1.0, 1.0, 1.0};
    const std::int32_t slope[1] = {1};
    double a[21];
    // Three rows for three coefficients: the slope at 0.2 and values there and at 0.7 determine the parabola,
    const double two[2] = {0.2, 0.7};
    double c[3] = {1.0, 0.0, 0.0};
    KRISS_CHECK(bspline_interpolate_ends(two, 3, t, 2, slope, 1, slope, 0, 1, c, a, Executor{}).status == Status::ok);
    // but the slope at one point twice does not.
    const double one[1] = {0.5};
    double flat[3] = {0.0, 0.0, 0.0};
    KRISS_CHECK(bspline_interpolate_ends(one, 3, t, 2, slope, 1, slope, 1, 1, flat, a, Executor{}).status ==
                Status::singular);
}

KRISS_CASE("values are those of the definition, double") { agrees_with_the_definition<double>(3e-15); }
KRISS_CASE("values are those of the definition, float") { agrees_with_the_definition<float>(2e-6); }
KRISS_CASE("powers on the cells agree with the recurrence, double") { derivatives_and_pieces_agree<double>(3e-14); }
KRISS_CASE("powers on the cells agree with the recurrence, float") { derivatives_and_pieces_agree<float>(2e-5); }
KRISS_CASE("interpolation gives the coefficients back, double") { interpolates<double>(1e-14); }
KRISS_CASE("interpolation gives the coefficients back, float") { interpolates<float>(5e-6); }

KRISS_CASE("a point outside the support of its B-spline is refused") {
    const std::vector<double> t = {0, 0, 0, 0, 1, 2, 3, 4, 4, 4, 4};
    std::vector<double> x = {0, 0.1, 0.2, 0.3, 0.4, 3, 4};
    std::vector<double> c(7, 1.0);
    std::vector<double> a(28);
    std::vector<std::int32_t> first(7);
    const Info info = bspline_interpolate(x.data(), 7, t.data(), 3, 1, c.data(), a.data(), first.data(), Executor{});
    KRISS_CHECK(info.status == Status::singular);
    KRISS_CHECK(info.index == 4);
}

KRISS_CASE("outside: NaN, end polynomials, periodic image; NaN stays") {
    const Fixture<double> f(3, 9, 1, false);
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const double inside = f.t.front() + 0.3;
    const double period = f.t.back() - f.t.front();
    const double far[4] = {f.t.front() - 0.5, f.t.back() + 0.5, nan, inside};
    double out[4];
    for (int nu : {0, 1, 4}) {
        bspline_evaluate(f.ix, f.view(), far, 4, nu, Beyond::nan, out, Executor{});
        KRISS_CHECK(std::isnan(out[0]) && std::isnan(out[1]) && std::isnan(out[2]) && std::isfinite(out[3]));
        bspline_evaluate(f.ix, f.view(), far, 4, nu, Beyond::extend, out, Executor{});
        KRISS_CHECK(std::isfinite(out[0]) && std::isfinite(out[1]) && std::isnan(out[2]) && std::isfinite(out[3]));
    }
    for (int nu : {0, 1, 4}) {
        bspline_evaluate(f.ix, f.view(), far, 4, nu, Beyond::constant, out, Executor{});
        KRISS_NEAR(out[0], nu > 0 ? 0.0 : f.c.front(), 1e-15);
        KRISS_NEAR(out[1], nu > 0 ? 0.0 : f.c.back(), 1e-15);
        KRISS_CHECK(std::isnan(out[2]) && out[3] == bspline_one(f.ix, f.view(), inside, nu, Beyond::constant, 0));
        bspline_evaluate(f.ix, f.view(), far, 4, nu, Beyond::zero, out, Executor{});
        KRISS_CHECK(out[0] == 0.0 && out[1] == 0.0 && std::isnan(out[2]));
        KRISS_CHECK(bspline_one(f.ix, f.view(), far[0], nu, Beyond::zero, 0) == 0.0);
    }
    const double images[2] = {inside + 3 * period, inside - 2 * period};
    bspline_evaluate(f.ix, f.view(), images, 2, 0, Beyond::wrap, out, Executor{});
    const double want = f.reference(inside, 0);
    KRISS_NEAR(out[0], want, 1e-13);
    KRISS_NEAR(out[1], want, 1e-13);
}
