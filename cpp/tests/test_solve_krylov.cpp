// solve/{scalar,krylov,arnoldi,minres,bicgstab,fcg,multi}.hpp in all four precisions.
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "check.hpp"
#include "solve_krylov.hpp"
#include "solve_multi.hpp"

using namespace kriss;

namespace {

std::size_t at(index_t i) { return static_cast<std::size_t>(i); }

template <class T>
double epsilon() {
    return sizeof(typename ScalarTraits<T>::Real) == 4 ? 1.2e-7 : 2.3e-16;
}

template <class T>
T number(std::mt19937& draw) {
    std::normal_distribution<double> normal;
    const double a = normal(draw);
    if constexpr (ScalarTraits<T>::is_complex) {
        return narrow<T>(Cplx<double>{a, normal(draw)});
    } else {
        return narrow<T>(a);
    }
}

template <class T>
std::vector<T> vector_of(index_t n, std::mt19937& draw) {
    std::vector<T> v(at(n));
    for (auto& x : v) {
        x = number<T>(draw);
    }
    return v;
}

// Hermitian tridiagonal matrix, diagonally dominant; `skew` makes it non-symmetric.
template <class T>
struct Chain {
    std::vector<std::int32_t> indptr{0}, indices;
    std::vector<T> data;
    index_t n;

    Chain(index_t size, double skew, double diagonal) : n(size) {
        for (index_t i = 0; i < n; ++i) {
            for (index_t j = i - 1; j <= i + 1; ++j) {
                if (j >= 0 && j < n) {
                    indices.push_back(static_cast<std::int32_t>(j));
                    data.push_back(narrow<T>(j == i ? diagonal : j < i ? -1.0 - skew : -1.0 + skew));
                }
            }
            indptr.push_back(static_cast<std::int32_t>(indices.size()));
        }
    }
    CsrView<T, std::int32_t> view() const { return {n, n, indptr.data(), indices.data(), data.data()}; }
};

template <class T>
double distance(const CsrView<T, std::int32_t>& a, const std::vector<T>& b, const std::vector<T>& x) {
    std::vector<T> r(b.size());
    any_csr_matvec(a, x.data(), r.data(), Executor{});
    double rr = 0.0;
    double bb = 0.0;
    for (std::size_t i = 0; i < r.size(); ++i) {
        rr += square_of(widen(r[i] - b[i]));
        bb += square_of(widen(b[i]));
    }
    return std::sqrt(rr / bb);
}

template <class T>
void test_pass() {
    std::mt19937 draw(3);
    for (const index_t n : {1, 7, 8, 513, 4096, 9001}) {
        std::vector<std::vector<T>> v;
        FusedPass<T> f;
        f.n = n;
        auto y = vector_of<T>(n, draw);
        const auto before = y;
        f.y = y.data();
        f.beta = number<T>(draw);
        for (int k = 0; k < 7; ++k) {
            v.push_back(vector_of<T>(n, draw));
        }
        for (int k = 0; k < 7; ++k) {
            f.v[f.terms] = v[static_cast<std::size_t>(k)].data();
            f.c[f.terms++] = number<T>(draw);
            f.w[f.dots++] = v[static_cast<std::size_t>(k)].data();
        }
        f.norm = true;
        std::vector<Wide<T>> part(at(chunk_count(n)) * 8);
        Wide<T> out[7];
        const double norm = fused_pass(f, out, part.data(), Executor{});
        double expected = 0.0;
        double gap = 0.0;
        Wide<T> first{};
        for (index_t i = 0; i < n; ++i) {
            Wide<T> s = widen(f.beta) * widen(before[at(i)]);
            for (std::size_t k = 0; k < 7; ++k) {
                s = s + widen(f.c[k]) * widen(v[k][at(i)]);
            }
            gap = std::fmax(gap, std::sqrt(square_of(s - widen(y[at(i)]))));
            expected += square_of(widen(y[at(i)]));
            first = first + conj_of(widen(v[0][at(i)])) * widen(y[at(i)]);
        }
        KRISS_CHECK(gap < 200 * epsilon<T>());
        KRISS_CHECK(std::fabs(norm - expected) <= 1e-12 * expected);
        KRISS_CHECK(std::sqrt(square_of(out[0] - first)) <= 1e-12 * (expected + static_cast<double>(n)));
    }
}

template <class T>
void test_loops() {
    std::mt19937 draw(5);
    const double tol = 200 * epsilon<T>();
    for (const index_t n : {1, 2, 3, 50, 300}) {
        const auto b = vector_of<T>(n, draw);
        double bb = 0.0;
        for (const T& x : b) {
            bb += square_of(widen(x));
        }
        LoopOptions options;
        options.tol = tol * std::sqrt(bb);
        options.maxiter = 10 * n;
        {
            const Chain<T> chain(n, 0.0, 2.5);
            CsrMap<T, std::int32_t> a(chain.view(), true);
            Bench<T> bench(a, nullptr, Executor{});
            Vectors<T> p(n, a.halo(), 2), q(n, 0, 2), work(n, a.halo(), 2);
            FcgProblem<T> d;
            d.p = p.data();
            d.q = q.data();
            std::vector<T> x(at(n));
            KRISS_CHECK(fcg(bench.context, b.data(), x.data(), true, options, d, work[0], work[1]).status ==
                        Status::ok);
            KRISS_CHECK(distance(chain.view(), b, x) <= 2 * tol);
        }
        {
            const Chain<T> chain(n, 0.0, 0.3);  // indefinite
            CsrMap<T, std::int32_t> a(chain.view(), true);
            Bench<T> bench(a, nullptr, Executor{});
            Vectors<T> work(n, a.halo(), 5);
            MinresOptions m;
            m.tol = 1e3 * options.tol;
            m.maxiter = 10 * n;
            m.eps = epsilon<T>();
            std::vector<T> x(at(n));
            const MinresOutcome out = minres(bench.context, b.data(), x.data(), true, m, work.data());
            KRISS_CHECK(out.status == Status::ok);
            KRISS_CHECK(std::fabs(distance(chain.view(), b, x) * std::sqrt(bb) - out.residual) <= m.tol);
        }
        const Chain<T> chain(n, 0.4, 2.5);
        CsrMap<T, std::int32_t> a(chain.view(), true);
        {
            Bench<T> bench(a, nullptr, Executor{});
            Vectors<T> work(n, a.halo(), 5);
            BicgstabOptions o;
            o.tol = options.tol;
            o.maxiter = options.maxiter;
            o.eps = epsilon<T>();
            std::vector<T> x(at(n));
            KRISS_CHECK(bicgstab(bench.context, b.data(), x.data(), true, o, work.data()).status == Status::ok);
            KRISS_CHECK(distance(chain.view(), b, x) <= 4 * tol);
        }
        {
            // one cycle: an orthonormal basis, and the residual that the rotations predict
            Bench<T> bench(a, nullptr, Executor{});
            const int steps = n < 20 ? static_cast<int>(n) : 20;
            Vectors<T> v(n, a.halo(), steps + 1), room(n, a.halo(), 1);
            std::vector<Wide<T>> h(at(steps) * at(steps + 1));
            ArnoldiRoom<T> held(a, steps, 0);
            ArnoldiCycle<T>& cycle = held.cycle;
            for (index_t i = 0; i < n; ++i) {
                v[0][i] = narrow<T>(1.0 / std::sqrt(bb)) * b[at(i)];
            }
            cycle.v = v.data();
            cycle.room = room[0];
            cycle.h = h.data();
            cycle.beta = std::sqrt(bb);
            cycle.eps = epsilon<T>();
            const ArnoldiOutcome out = arnoldi(bench.context, cycle, held.list.data(), held.dots.data());
            KRISS_CHECK(out.finite && out.steps >= 1);
            std::vector<T> x(at(n));
            for (index_t j = 0; j < out.steps; ++j) {
                for (index_t i = 0; i < n; ++i) {
                    x[at(i)] += narrow<T>(held.y[at(j)]) * v[static_cast<int>(j)][i];
                }
                for (index_t k = 0; k <= j; ++k) {
                    const Wide<T> s = inner<T>(bench.context, v[static_cast<int>(k)], v[static_cast<int>(j)]);
                    KRISS_CHECK(std::fabs(std::sqrt(square_of(s)) - (j == k ? 1.0 : 0.0)) < 50 * epsilon<T>());
                }
            }
            KRISS_CHECK(std::fabs(distance(chain.view(), b, x) * std::sqrt(bb) - out.residual) <=
                        1e3 * epsilon<T>() * std::sqrt(bb));
        }
    }
}

template <class T>
void test_columns() {
    std::mt19937 draw(9);
    const index_t n = 700;
    const Chain<T> chain(n, 0.0, 2.2);
    for (int k = 1; k <= max_columns; ++k) {
        const auto b = vector_of<T>(n * k, draw);
        std::vector<T> x(b.size());
        std::vector<double> tol(static_cast<std::size_t>(k));
        for (int c = 0; c < k; ++c) {
            tol[static_cast<std::size_t>(c)] = (c % 2 == 0 ? 1e3 : 1e5) * epsilon<T>();
        }
        MultiProblem<T> problem;
        problem.n = n;
        problem.columns = k;
        problem.b = b.data();
        problem.x = x.data();
        problem.tol = tol.data();
        problem.maxiter = 10 * n;
        const MultiOutcome out = solve_cg_multi(chain.view(), problem, Executor{});
        for (int c = 0; c < k; ++c) {
            // the same column alone
            std::vector<T> bc(at(n)), xc(at(n)), one(at(n));
            for (index_t i = 0; i < n; ++i) {
                bc[at(i)] = b[at(i * k + c)];
                xc[at(i)] = x[at(i * k + c)];
            }
            MultiProblem<T> single = problem;
            single.columns = 1;
            single.b = bc.data();
            single.x = one.data();
            single.tol = &tol[static_cast<std::size_t>(c)];
            const MultiOutcome alone = solve_cg_multi(chain.view(), single, Executor{});
            KRISS_CHECK(out.columns[static_cast<std::size_t>(c)].status == Status::ok);
            KRISS_CHECK(out.columns[static_cast<std::size_t>(c)].iterations == alone.columns[0].iterations);
            KRISS_CHECK(xc == one);
        }
    }
}

}  // namespace

KRISS_CASE("the fused pass against its definition") {
    test_pass<double>();
    test_pass<float>();
    test_pass<Cplx<double>>();
    test_pass<Cplx<float>>();
}

KRISS_CASE("loops reach the tolerance; Arnoldi's basis is orthonormal") {
    test_loops<double>();
    test_loops<float>();
    test_loops<Cplx<double>>();
    test_loops<Cplx<float>>();
}

KRISS_CASE("columns of a panel have the bits of single solves") {
    test_columns<double>();
    test_columns<float>();
}
