// solve/gram_schmidt.hpp and the relations of solve/arnoldi.hpp in all four precisions.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "check.hpp"
#include "solve_krylov.hpp"

using namespace kriss;

namespace {

std::size_t at(index_t i) { return static_cast<std::size_t>(i); }

template <class T>
constexpr double eps = sizeof(typename ScalarTraits<T>::Real) == 4 ? 1.2e-7 : 2.3e-16;

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
void fill(T* v, index_t n, std::mt19937& draw) {
    for (index_t i = 0; i < n; ++i) {
        v[i] = number<T>(draw);
    }
}

template <class T>
Wide<T> dot(const T* x, const T* y, index_t n) {
    Wide<T> s{};
    for (index_t i = 0; i < n; ++i) {
        s = s + conj_of(widen(x[i])) * widen(y[i]);
    }
    return s;
}

double size_of(double a) { return std::fabs(a); }
double size_of(Cplx<double> a) { return std::sqrt(square_of(a)); }

template <class T>
void test_passes() {
    std::mt19937 draw(7);
    for (const index_t n : {1, 9, 513, 9001}) {
        for (const int m : {0, 1, 4, 7, 70}) {
            Vectors<T> v(n, 0, m + 2);
            for (int k = 0; k < m + 2; ++k) {
                fill(v[k], n, draw);
            }
            std::vector<const T*> list(v.data(), v.data() + m);
            std::vector<Wide<T>> out(at(2 * m + 1)), part(at(chunk_count(n)) * at(2 * m + 3)), a(at(m)), c(at(m));
            DelayedPass<T> f;
            f.n = n;
            f.count = m;
            f.list = list.data();
            f.u = v[m];
            f.w = v[m + 1];
            double norms[2];
            delayed_products(f, out.data(), norms, part.data(), Executor{});
            const double bound = 1e-13 * static_cast<double>(n + 10);
            for (int k = 0; k < m; ++k) {
                KRISS_CHECK(size_of(out[at(k)] - dot(list[at(k)], f.u, n)) <= bound);
                KRISS_CHECK(size_of(out[at(m + k)] - dot(list[at(k)], f.w, n)) <= bound);
                a[at(k)] = widen(number<T>(draw));
                c[at(k)] = widen(number<T>(draw));
            }
            KRISS_CHECK(size_of(out[at(2 * m)] - dot(f.u, f.w, n)) <= bound);
            KRISS_CHECK(std::fabs(norms[0] - real_of(dot(f.u, f.u, n))) <= bound);
            KRISS_CHECK(std::fabs(norms[1] - real_of(dot(f.w, f.w, n))) <= bound);
            std::vector<T> u(f.u, f.u + n), w(f.w, f.w + n);
            f.of_u = a.data();
            f.of_w = c.data();
            f.cross = widen(number<T>(draw));
            f.scale_u = 0.5;
            f.scale_w = 3.0;
            const double norm = delayed_update(f, part.data(), Executor{});
            double gap = 0.0;
            for (index_t i = 0; i < n; ++i) {
                Wide<T> x = widen(u[at(i)]);
                Wide<T> y = widen(w[at(i)]);
                for (int k = 0; k < m; ++k) {
                    x = x - a[at(k)] * widen(list[at(k)][i]);
                    y = y - c[at(k)] * widen(list[at(k)][i]);
                }
                x = 0.5 * x;
                y = 3.0 * (y - f.cross * x);
                gap = std::fmax(gap, size_of(x - widen(f.u[i])) + size_of(y - widen(f.w[i])));
            }
            KRISS_CHECK(gap <= 400 * (m + 1) * eps<T>);
            KRISS_CHECK(std::fabs(norm - real_of(dot(f.w, f.w, n))) <= 1e-12 * norm);
        }
    }
}

// What solve/strand.hpp makes of complex numbers has the bits of the plain loops.
template <class R>
void test_strands() {
    using T = Cplx<R>;
    std::mt19937 draw(3);
    for (const index_t n : {1, 2, 3, 7, 8, 9, 31, 512}) {
        std::vector<std::vector<T>> v(5, std::vector<T>(at(n)));
        for (auto& one : v) {
            fill(one.data(), n, draw);
        }
        const T* const both[2] = {v[1].data(), v[2].data()};
        if constexpr (sizeof(R) == sizeof(double)) {
            double lane[4 * solve_lanes], plain[4 * solve_lanes];
            for (int l = 0; l < 4 * solve_lanes; ++l) {
                lane[l] = plain[l] = 0.25 * l;
            }
            add_conj_strands<2>(v[0].data(), both, n, lane);
            for (int q = 0; q < 2; ++q) {
                for (index_t i = 0; i < n; ++i) {
                    const T a = v[0][at(i)];
                    const T b = both[q][i];
                    double* const to = plain + 2 * solve_lanes * q + i % solve_lanes;
                    to[0] += a.re * b.re + a.im * b.im;
                    to[solve_lanes] += a.re * b.im - a.im * b.re;
                }
            }
            KRISS_CHECK(std::equal(lane, lane + 4 * solve_lanes, plain));
        }
        const T a[2] = {number<T>(draw), number<T>(draw)};
        const T c[2] = {number<T>(draw), number<T>(draw)};
        std::vector<T> y = v[3], u = v[3], w = v[4];
        const index_t added = add_strands<R, 2>(both, a, n, y.data());
        const index_t taken = subtract_strands<R, 2>(both, a, c, n, u.data(), w.data());
        KRISS_CHECK(added == taken && added <= n && n - added < 8);
        bool same = true;
        for (index_t i = 0; i < added; ++i) {
            const T x0 = both[0][i];
            const T x1 = both[1][i];
            const T py = (v[3][at(i)] + a[0] * x0) + a[1] * x1;
            const T pu = (v[3][at(i)] - a[0] * x0) - a[1] * x1;
            const T pw = (v[4][at(i)] - c[0] * x0) - c[1] * x1;
            same = same && py.re == y[at(i)].re && py.im == y[at(i)].im && pu.re == u[at(i)].re &&
                   pu.im == u[at(i)].im && pw.re == w[at(i)].re && pw.im == w[at(i)].im;
        }
        KRISS_CHECK(same);
    }
}

// Tridiagonal, not symmetric.
template <class T>
struct Chain {
    std::vector<std::int32_t> indptr{0}, indices;
    std::vector<T> data;
    index_t n;

    Chain(index_t size, double diagonal) : n(size) {
        for (index_t i = 0; i < n; ++i) {
            for (index_t j = std::max<index_t>(i - 1, 0); j <= i + 1 && j < n; ++j) {
                indices.push_back(static_cast<std::int32_t>(j));
                data.push_back(narrow<T>(j == i ? diagonal : j < i ? -1.4 : -0.6));
            }
            indptr.push_back(static_cast<std::int32_t>(indices.size()));
        }
    }
    CsrView<T, std::int32_t> view() const { return {n, n, indptr.data(), indices.data(), data.data()}; }
};

// A Z = C B + V H to rounding, [C, V] orthonormal to working precision, and the residual that the rotations tell.
template <class T>
void test_cycle(double diagonal, int k, bool preconditioned, bool flexible) {
    std::mt19937 draw(11);
    const index_t n = 300;
    const int steps = 25;
    const Chain<T> chain(n, diagonal);
    CsrMap<T, std::int32_t> a(chain.view(), true);
    std::vector<T> d(at(n));
    for (index_t i = 0; i < n; ++i) {
        d[at(i)] = narrow<T>((1.0 + 0.5 * std::sin(static_cast<double>(i))) / diagonal);
    }
    DiagonalMap<T> m(d.data(), n);
    Bench<T> bench(a, preconditioned ? &m : nullptr, Executor{});
    KrylovContext<T>& s = bench.context;
    Vectors<T> all(n, a.halo(), k + steps + 1), z(n, a.halo(), steps), room(n, a.halo(), 1);
    const auto orthogonal = [&](int j) {
        for (int again = 0; again < 2; ++again) {
            for (int i = 0; i < j; ++i) {
                const Wide<T> c = dot(all[i], all[j], n);
                for (index_t r = 0; r < n; ++r) {
                    all[j][r] = all[j][r] - narrow<T>(c) * all[i][r];
                }
            }
        }
        const double size = std::sqrt(real_of(dot(all[j], all[j], n)));
        for (index_t r = 0; r < n; ++r) {
            all[j][r] = narrow<T>(1.0 / size) * all[j][r];
        }
    };
    for (int j = 0; j <= k; ++j) {
        fill(all[j], n, draw);
        orthogonal(j);
    }
    std::vector<Wide<T>> h(at(steps) * at(steps + 1)), b(at(steps) * at(k));
    ArnoldiRoom<T> held(a, steps, k);
    ArnoldiCycle<T>& cycle = held.cycle;
    cycle.v = all.data() + k;
    cycle.z = flexible ? z.data() : nullptr;
    cycle.c = all.data();
    cycle.room = room[0];
    cycle.h = h.data();
    cycle.b = b.data();
    cycle.beta = 1.0;
    cycle.eps = eps<T>;
    const ArnoldiOutcome out = arnoldi(s, cycle, held.list.data(), held.dots.data());
    KRISS_CHECK(out.finite && !out.breakdown && out.steps == steps);
    for (int i = 0; i <= k + steps; ++i) {
        for (int j = 0; j <= i; ++j) {
            KRISS_CHECK(size_of(dot(all[i], all[j], n) - wide_from<T>(i == j ? 1.0 : 0.0)) <= 30 * eps<T>);
        }
    }
    std::vector<T> image(at(n)), r(all[k], all[k] + n);
    for (int j = 0; j < steps; ++j) {
        T* at_z = z[j];
        if (!flexible) {
            for (index_t i = 0; i < n; ++i) {
                at_z[i] = preconditioned ? d[at(i)] * all[k + j][i] : all[k + j][i];
            }
        }
        any_csr_matvec(chain.view(), static_cast<const T*>(at_z), image.data(), Executor{});
        double gap = 0.0;
        double length = 0.0;
        for (index_t i = 0; i < n; ++i) {
            Wide<T> x = widen(image[at(i)]);
            length += square_of(x);
            r[at(i)] = r[at(i)] - narrow<T>(held.y[at(j)]) * image[at(i)];
            for (int q = 0; q < k; ++q) {
                x = x - b[at(j * k + q)] * widen(all[q][i]);
            }
            for (int q = 0; q <= j + 1; ++q) {
                x = x - h[at(j * (steps + 1) + q)] * widen(all[k + q][i]);
            }
            gap += square_of(x);
        }
        KRISS_CHECK(std::sqrt(gap) <= 30 * eps<T> * std::sqrt(length));
    }
    for (int q = 0; q < k; ++q) {
        const Wide<T> c = dot(all[q], r.data(), n);
        for (index_t i = 0; i < n; ++i) {
            r[at(i)] = r[at(i)] - narrow<T>(c) * all[q][i];
        }
    }
    KRISS_CHECK(std::fabs(std::sqrt(real_of(dot(r.data(), r.data(), n))) - out.residual) <= 100 * eps<T>);
}

template <class T>
void test_cycles() {
    // 1000: a hundred-thousandth of w is left, so that the repeated orthogonalisation runs
    for (const double diagonal : {2.5, 30.0, 1000.0}) {
        for (const int k : {0, 3}) {
            test_cycle<T>(diagonal, k, false, false);
            test_cycle<T>(diagonal, k, true, true);
            test_cycle<T>(diagonal, k, true, false);
        }
    }
}

}  // namespace

KRISS_CASE("chunks from the end: a permutation within each share") {
    for (const index_t chunks : {1, 2, 5, 64, 245}) {
        for (const index_t workers : {0, 1, 2, 3, 7, 300}) {
            std::vector<int> met(at(chunks));
            for (index_t c = 0; c < chunks; ++c) {
                const index_t other = mirrored(c, chunks, workers);
                KRISS_CHECK(other >= 0 && other < chunks && mirrored(other, chunks, workers) == c);
                ++met[at(other)];
            }
            KRISS_CHECK(std::all_of(met.begin(), met.end(), [](int one) { return one == 1; }));
        }
    }
}

KRISS_CASE("the two passes against their definition") {
    test_strands<double>();
    test_strands<float>();
    test_passes<double>();
    test_passes<float>();
    test_passes<Cplx<double>>();
    test_passes<Cplx<float>>();
}

KRISS_CASE("Arnoldi's relation and basis, with cancellation, with C, preconditioned, flexible") {
    test_cycles<double>();
    test_cycles<float>();
    test_cycles<Cplx<double>>();
    test_cycles<Cplx<float>>();
}
