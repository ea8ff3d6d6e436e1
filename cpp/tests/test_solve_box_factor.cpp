// solve/{box_factor,box_factor3}.hpp: factors of 27-point stencils exceed the matrix, in each order.
#include <cmath>
#include <random>
#include <vector>

#include "box_memory.hpp"
#include "check.hpp"
#include "kriss/solve/box_factor.hpp"
#include "kriss/solve/box_factor3.hpp"

using namespace kriss;

namespace {

std::size_t at(index_t i) { return static_cast<std::size_t>(i); }

// A symmetric, weakly diagonally dominant stencil with couplings of both signs.
struct Stencil {
    BoxMemory memory;
    BoxGrid<double> g;

    Stencil(index_t n0, index_t n1, index_t n2) {
        g.n[0] = n0;
        g.n[1] = n1;
        g.n[2] = n2;
        std::mt19937 gen(3);
        std::uniform_real_distribution<double> value(-1.0, 0.5);
        for (double*& a : g.a) {
            a = memory.zeros<double>(g.size());
        }
        for (index_t i = 0; i < g.size(); ++i) {
            g.a[0][i] += 1e-3;
            for (int h = 1; h < box_half; ++h) {
                const index_t j = neighbour(i, h);
                if (j >= 0) {
                    g.a[h][i] = value(gen);
                    g.a[0][i] += std::abs(g.a[h][i]);
                    g.a[0][j] += std::abs(g.a[h][i]);
                }
            }
        }
    }
    index_t neighbour(index_t i, int h) const {
        const int code = h + 13;
        const index_t j0 = i / (g.n[1] * g.n[2]) + code / 9 - 1;
        const index_t j1 = i / g.n[2] % g.n[1] + code / 3 % 3 - 1;
        const index_t j2 = i % g.n[2] + code % 3 - 1;
        const bool inside = j0 >= 0 && j0 < g.n[0] && j1 >= 0 && j1 < g.n[1] && j2 >= 0 && j2 < g.n[2];
        return inside ? (j0 * g.n[1] + j1) * g.n[2] + j2 : -1;
    }
    std::vector<double> times(const std::vector<double>& x) const {
        std::vector<double> y(x.size());
        for (index_t i = 0; i < g.size(); ++i) {
            y[at(i)] += g.a[0][i] * x[at(i)];
            for (int h = 1; h < box_half; ++h) {
                const index_t j = neighbour(i, h);
                if (j >= 0) {
                    y[at(i)] += g.a[h][i] * x[at(j)];
                    y[at(j)] += g.a[h][i] * x[at(i)];
                }
            }
        }
        return y;
    }
    BoxFactor factor(bool mirrored, bool turned) {
        BoxFactor f;
        f.mirrored = mirrored;
        f.turned = turned;
        f.inverse = memory.zeros<double>(g.size());
        f.line = memory.zeros<float>(g.size());
        for (float*& off : f.off) {
            off = memory.zeros<float>(g.size());
        }
        return f;
    }
    index_t factorise(const BoxFactor& f) const {
        std::vector<double> work(at((2 * g.n[1] * g.n[2] + 1) * factor_row));
        return box_factorise3(g, f, work.data());
    }
};

void exceeds(index_t n0, index_t n1, index_t n2) {
    Stencil s(n0, n1, n2);
    std::mt19937 gen(4);
    std::normal_distribution<double> normal;
    for (int order = 0; order < 4; ++order) {
        const BoxFactor f = s.factor(order % 2 == 1, order / 2 == 1);
        KRISS_CHECK(s.factorise(f) == -1);
        // (A x)' M^-1 (A x) <= x' A x, with equality in the vectors that no dropped fill sees
        for (int trial = 0; trial < 5; ++trial) {
            std::vector<double> x(at(s.g.size()));
            for (double& v : x) {
                v = normal(gen);
            }
            const std::vector<double> r = s.times(x);
            double* t = s.memory.zeros<double>(s.g.size());
            double* z = s.memory.zeros<double>(s.g.size());
            std::vector<double> room(at(3 * (n2 + 2 * factor_pad)));
            box_backsolve(s.g, f, r.data(), t, z, false, room.data());
            double whole = 0.0, part = 0.0;
            for (index_t i = 0; i < s.g.size(); ++i) {
                whole += x[at(i)] * r[at(i)];
                part += z[i] * r[at(i)];
            }
            KRISS_CHECK(part > 0.0);
            KRISS_CHECK(part <= whole * (1.0 + 1e-5));  // factors are in single precision
        }
    }
}

void bad_pivots() {
    for (const double wrong : {-1.0, 0.0, std::nan(""), HUGE_VAL}) {
        Stencil s(3, 4, 5);
        s.g.a[0][0] = wrong;
        KRISS_CHECK(s.factorise(s.factor(false, false)) == 0);
        KRISS_CHECK(s.factorise(s.factor(true, true)) >= 0);
    }
}

}  // namespace

KRISS_CASE("factors exceed the matrix in each order, on cubes, planes and lines") {
    exceeds(5, 4, 6);
    exceeds(1, 7, 3);
    exceeds(9, 1, 2);
    exceeds(2, 2, 40);
}

KRISS_CASE("bad pivots are found") { bad_pivots(); }
