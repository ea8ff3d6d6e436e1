// Logarithms of Bessel functions: closed forms, the Wronskian, both sides of every change of formula, blocks.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "check.hpp"
#include "kriss/special/bessel_map.hpp"
#include "kriss/special/bessel_slopes.hpp"
#include "kriss/special/matern.hpp"

using namespace kriss;
using special::Form;

namespace {

template <class T, int Kind, bool Scaled, Form F = Form::logarithm>
std::vector<T> run(const std::vector<T>& v, const std::vector<T>& x) {
    std::vector<T> out(v.size());
    std::vector<T> p = v;
    std::vector<T> q = x;
    const index_t step = sizeof(T);
    const special::Strided<const T> a{reinterpret_cast<char*>(p.data()), step};
    const special::Strided<const T> b{reinterpret_cast<char*>(q.data()), step};
    const special::Strided<T> c{reinterpret_cast<char*>(out.data()), step};
    const auto n = static_cast<index_t>(v.size());
    for (index_t i = 0; i < n; i += special::map_block) {
        special::bessel_block<T, Kind, Scaled, F>(a, b, c, i, std::min(special::map_block, n - i));
    }
    return out;
}

bool close(double found, double expected, double bound) {
    return std::abs(found - expected) <= bound * std::max(1.0, std::abs(expected));
}

// Orders 1/2 and 3/2 in closed form, and I_v K_{v+1} + I_{v+1} K_v = 1 / x (DLMF 10.28.2).
template <class T>
void identities() {
    const double bound = sizeof(T) == 8 ? 1e-14 : 2e-7;
    std::vector<T> v, x;
    for (double order : {0.5, 0.0, 0.49, 0.51, 3.7, 8.5, 24.9, 25.0, 60.0, 141.0, 700.0, 1e4}) {
        for (double at = 1e-6; at < 2e5; at *= 1.37) {
            v.push_back(static_cast<T>(order));
            x.push_back(static_cast<T>(at));
        }
    }
    const std::vector<T> i = run<T, 1, true>(v, x);
    const std::vector<T> k = run<T, -1, true>(v, x);
    for (std::size_t j = 0; j < v.size(); ++j) {
        const double order = static_cast<double>(v[j]);
        const double at = static_cast<double>(x[j]);
        if (order == 0.5) {
            KRISS_CHECK(close(static_cast<double>(k[j]), 0.5 * std::log(special::half_pi / at), bound));
        }
        const double ri = special::slopes<1>(order, at).ratio;
        const double rk = special::slopes<-1>(order, at).ratio;
        const double total = static_cast<double>(i[j]) + static_cast<double>(k[j]) + std::log(ri + rk);
        KRISS_CHECK(std::abs(total + std::log(at)) <= 2 * bound * (1 + std::abs(static_cast<double>(i[j]))));
    }
}

// One unit in the last place to either side of a border changes nothing that shows.
void borders() {
    const double inf = std::numeric_limits<double>::infinity();
    std::vector<double> v, x;
    const auto both = [&](double order, double at) {
        for (double one : {std::nextafter(at, 0.0), at, std::nextafter(at, inf)}) {
            v.push_back(order);
            x.push_back(one);
        }
    };
    for (double edge : {0.1, 2.0, 8.0}) {
        for (double order : {0.0, 0.4, 5.2, 20.1}) {
            both(order, edge);
        }
    }
    for (double radius : {25.0, 48.0, 140.0, 700.0}) {
        for (double part : {0.0, 0.1, 0.5, 0.8, 0.99}) {
            both(part * radius, radius * std::sqrt(1 - part * part));
        }
        both(radius, (special::sc::eta_zero + special::band) * radius);
        both(radius, (special::sc::eta_zero - special::band) * radius);
    }
    const std::vector<double> i = run<double, 1, false>(v, x);
    const std::vector<double> k = run<double, -1, false>(v, x);
    for (std::size_t j = 0; j < v.size(); j += 3) {
        for (std::size_t s : {j, j + 2}) {
            KRISS_CHECK(close(i[s], i[j + 1], 1e-14));
            KRISS_CHECK(close(k[s], k[j + 1], 1e-14));
        }
    }
}

// An element does not depend on its neighbours, nor on the length of the block.
void blocks() {
    std::vector<double> v, x;
    for (int j = 0; j < 2500; ++j) {
        v.push_back(std::fmod(0.37 * j, 61.0));
        x.push_back(std::exp2(std::fmod(0.73 * j, 40.0) - 25.0));
    }
    v[7] = -1.0;
    x[2000] = std::numeric_limits<double>::quiet_NaN();
    const std::vector<double> all = run<double, -1, false>(v, x);
    const std::vector<double> values = run<double, 1, true, Form::value>(v, x);
    for (std::size_t j = 0; j < v.size(); j += 13) {
        const double alone = run<double, -1, false>({v[j]}, {x[j]})[0];
        KRISS_CHECK(alone == all[j] || (std::isnan(alone) && std::isnan(all[j])));
    }
    KRISS_CHECK(std::isnan(all[2000]));
    KRISS_CHECK(std::isnan(values[7]));
    KRISS_CHECK((run<double, 1, false, Form::value>({1.0}, {10003.0})[0] == std::numeric_limits<double>::infinity()));
}

void matern() {
    for (double r : {1e-9, 0.01, 0.3, 1.0, 4.0, 20.0}) {
        const double a = std::sqrt(3.0) * r;
        const special::MaternPoint k = special::matern_point(r, 1.5, 1.0, true);
        KRISS_CHECK(std::abs(k.value - (1 + a) * std::exp(-a)) <= 2e-15);
        KRISS_CHECK(std::abs(k.by_r + 3 * r * std::exp(-a)) <= 4e-15);
    }
    KRISS_CHECK(special::matern_point(0.0, 1.7, 1.0, true).value == 1.0);
    KRISS_CHECK(std::isnan(special::matern_point(1.0, 0.0, 1.0, false).value));
}

}  // namespace

KRISS_CASE("identities, double") { identities<double>(); }
KRISS_CASE("identities, float") { identities<float>(); }
KRISS_CASE("borders") { borders(); }
KRISS_CASE("blocks") { blocks(); }
KRISS_CASE("matern") { matern(); }
