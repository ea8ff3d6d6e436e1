// solve/gram_schmidt.hpp and the relations of solve/arnoldi.hpp in all four precisions.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
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

// Without the second orthogonalisation of u: w as before, of u its length alone.
template <class T>
void test_once(DelayedPass<T> f, std::vector<Wide<T>>& out, std::vector<Wide<T>>& part) {
    const index_t n = f.n;
    const int m = f.count;
    std::vector<T> u(f.u, f.u + n), w(f.w, f.w + n);
    std::vector<Wide<T>> both(out.size()), none(at(m));
    double norms[2], norms_both[2];
    delayed_products(f, both.data(), norms_both, part.data(), Executor{});
    f.once = true;
    delayed_products(f, out.data(), norms, part.data(), Executor{});
    for (int k = 0; k < m; ++k) {
        KRISS_CHECK(size_of(out[at(k)]) == 0.0 && size_of(out[at(m + k)] - both[at(m + k)]) == 0.0);
    }
    KRISS_CHECK(size_of(out[at(2 * m)] - both[at(2 * m)]) == 0.0 && norms[1] == norms_both[1]);
    const double norm = delayed_update(f, part.data(), Executor{});
    std::swap_ranges(u.begin(), u.end(), f.u);
    std::swap_ranges(w.begin(), w.end(), f.w);
    f.once = false;
    f.of_u = none.data();
    KRISS_CHECK(delayed_update(f, part.data(), Executor{}) == norm);
    KRISS_CHECK(std::equal(u.begin(), u.end(), f.u, [](T x, T y) { return size_of(widen(x - y)) == 0.0; }));
    KRISS_CHECK(std::equal(w.begin(), w.end(), f.w, [](T x, T y) { return size_of(widen(x - y)) == 0.0; }));
}

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
            std::vector<Wide<T>> out(at(2 * m + 1)), part(at(chunk_count(n)) * at(delayed_columns(m))), a(at(m)),
                c(at(m));
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
            test_once(f, out, part);
        }
    }
}

template <class T>
bool same_bits(const std::vector<T>& x, const std::vector<T>& y) {
    return x.size() == y.size() && std::memcmp(x.data(), y.data(), x.size() * sizeof(T)) == 0;
}

// The sums of solve/strand.hpp have the bits of loops over single numbers in the same order.
void test_lanes() {
    using T = Cplx<double>;
    std::mt19937 draw(3);
    for (const index_t n : {1, 2, 3, 4, 7, 8, 9, 31, 512}) {
        std::vector<std::vector<T>> v(3, std::vector<T>(at(n)));
        for (auto& one : v) {
            fill(one.data(), n, draw);
        }
        const T* const list[3] = {v[0].data(), v[1].data(), v[2].data()};
        std::vector<double> wide(4 * solve_lanes), high(wide), plain_wide(wide), plain_high(wide);
        for (int l = 0; l < 4 * solve_lanes; ++l) {
            wide[at(l)] = high[at(l)] = plain_wide[at(l)] = plain_high[at(l)] = 0.25 * l;
        }
        add_conj_strands<1, 2>(list, list + 1, n, wide.data(), list);
        add_conj_strands<2, 1>(list, list + 2, n, high.data(), list);
        for (int q = 0; q < 2; ++q) {
            for (index_t i = 0; i < n; ++i) {
                const auto add = [&](T a, T b, std::vector<double>& to) {
                    double* const of = to.data() + 2 * solve_lanes * q + 2 * (i % (solve_lanes / 2));
                    of[0] += a.re * b.re;
                    of[1] += a.im * b.im;
                    of[solve_lanes] += a.re * b.im;
                    of[solve_lanes + 1] += a.im * b.re;
                };
                add(v[0][at(i)], v[at(q + 1)][at(i)], plain_wide);
                add(v[at(q)][at(i)], v[2][at(i)], plain_high);
            }
        }
        KRISS_CHECK(same_bits(wide, plain_wide) && same_bits(high, plain_high));
        double lane[2 * solve_lanes] = {};
        add_conj_strands<1, 1>(list, list + 1, n, lane, nullptr);
        KRISS_CHECK(size_of(lanes_sum<T>(lane) - dot(list[0], list[1], n)) <= 1e-14 * static_cast<double>(n + 4));
    }
}

template <class T>
void test_strands() {
    std::mt19937 draw(5);
    using R = RealOf<T>;
    for (const index_t n : {1, 2, 3, 7, 8, 9, 31, 512}) {
        std::vector<std::vector<T>> v(4, std::vector<T>(at(n)));
        for (auto& one : v) {
            fill(one.data(), n, draw);
        }
        const T* const both[2] = {v[0].data(), v[1].data()};
        const T a[2] = {number<T>(draw), number<T>(draw)};
        const T c[2] = {number<T>(draw), number<T>(draw)};
        const R half = R(0.7);
        std::vector<T> y = v[2], u = v[2], w = v[3], z(at(n)), scaled = v[2];
        add_terms<T, 2>(both, c, n, y.data(), both);
        add_terms_to_both<T, 2>(both, a, c, n, u.data(), w.data(), both);
        multiply_strands(v[0].data(), v[1].data(), n, z.data());
        scale_strands(a[0], n, scaled.data());
        std::vector<T> ends_u = v[2], ends_w = v[3];
        finish_strands(half, R(3), c[0], n, ends_u.data(), ends_w.data());
        std::vector<T> py(at(n)), pu(at(n)), pw(at(n)), pz(at(n)), ps(at(n)), fu(at(n)), fw(at(n)), pp(at(n)), p(at(n));
        const auto with = [&](T start, const T* by, index_t i) {
            const T x = v[0][at(i)];
            const T x1 = v[1][at(i)];
            if constexpr (ScalarTraits<T>::is_complex) {
                const R re = by[0].re * x.re + by[1].re * x1.re;
                const R im = by[0].re * x.im + by[1].re * x1.im;
                const R turned_re = by[0].im * x.re + by[1].im * x1.re;
                const R turned_im = by[0].im * x.im + by[1].im * x1.im;
                return T{start.re + (re - turned_im), start.im + (im + turned_re)};
            } else {
                return (start + by[0] * x) + by[1] * x1;
            }
        };
        for (index_t i = 0; i < n; ++i) {
            py[at(i)] = with(v[2][at(i)], c, i);
            pu[at(i)] = with(v[2][at(i)], a, i);
            pw[at(i)] = with(v[3][at(i)], c, i);
            pz[at(i)] = v[0][at(i)] * v[1][at(i)];
            ps[at(i)] = a[0] * v[2][at(i)];
            fu[at(i)] = half * v[2][at(i)];
            fw[at(i)] = R(3) * (v[3][at(i)] - c[0] * fu[at(i)]);
            pp[at(i)] = v[2][at(i)] + v[0][at(i)] * v[1][at(i)];
            p[at(i)] = plus_product(v[2][at(i)], v[0][at(i)], v[1][at(i)]);
        }
        KRISS_CHECK(same_bits(y, py) && same_bits(u, pu) && same_bits(w, pw));
        KRISS_CHECK(same_bits(z, pz) && same_bits(scaled, ps) && same_bits(p, pp));
        KRISS_CHECK(same_bits(ends_u, fu) && same_bits(ends_w, fw));
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
void test_cycle(double diagonal, int k, bool preconditioned, bool flexible, double loss = 0.0) {
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
    cycle.loss = loss;
    for (int i = 0; i < k; ++i) {
        std::fill_n(cycle.cross + i * (k + steps + 1), k, cross_rounding * eps<T>);
    }
    const ArnoldiOutcome out = arnoldi(s, cycle, held.list.data(), held.dots.data());
    KRISS_CHECK(out.finite && !out.breakdown && out.steps == steps);
    for (int i = 0; i <= k + steps; ++i) {
        for (int j = 0; j <= i; ++j) {
            const double gap = size_of(dot(all[i], all[j], n) - wide_from<T>(i == j ? 1.0 : 0.0));
            KRISS_CHECK(gap <= std::max(30 * eps<T>, loss));
            if (loss > 0.0 && i != j) {  // what the bounds are for
                KRISS_CHECK(gap <= cycle.cross[i * (k + steps + 1) + j]);
            }
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
    KRISS_CHECK(std::fabs(std::sqrt(real_of(dot(r.data(), r.data(), n))) - out.residual) <=
                std::max(100 * eps<T>, loss));
}

// Both passes in one give the bits of the two.
template <class T>
void test_joined(index_t n, bool preconditioned, bool flexible) {
    const int steps = 12;
    const Chain<T> chain(n, 2.5);
    CsrMap<T, std::int32_t> a(chain.view(), flexible);
    const std::vector<T> d(at(n), narrow<T>(0.3));
    DiagonalMap<T> m(d.data(), n);
    std::vector<std::vector<T>> made;
    std::vector<double> residuals;
    for (const bool joined : {false, true}) {
        std::mt19937 draw(11);
        Bench<T> bench(a, preconditioned ? &m : nullptr, Executor{});
        Vectors<T> v(n, a.halo(), steps + 1), z(n, a.halo(), steps), room(n, a.halo(), 1);
        fill(v[0], n, draw);
        const double size = std::sqrt(real_of(dot(v[0], v[0], n)));
        for (index_t i = 0; i < n; ++i) {
            v[0][i] = narrow<T>(1.0 / size) * v[0][i];
        }
        std::vector<Wide<T>> h(at(steps) * at(steps + 1));
        ArnoldiRoom<T> held(a, steps, 0);
        ArnoldiCycle<T>& cycle = held.cycle;
        KRISS_CHECK(cycle.step != nullptr && cycle.rows.reach == 1);
        if (!joined) {
            cycle.step = nullptr;
        }
        cycle.v = v.data();
        cycle.z = flexible ? z.data() : nullptr;
        cycle.room = room[0];
        cycle.h = h.data();
        cycle.beta = 1.0;
        cycle.eps = eps<T>;
        cycle.loss = std::sqrt(eps<T>);
        const ArnoldiOutcome out = arnoldi(bench.context, cycle, held.list.data(), held.dots.data());
        KRISS_CHECK(out.steps == steps && bench.context.matvecs == steps);
        residuals.push_back(out.residual);
        for (int j = 0; j <= steps; ++j) {
            made.emplace_back(v[j], v[j] + n);
        }
    }
    KRISS_CHECK(residuals[0] == residuals[1]);
    for (int j = 0; j <= steps; ++j) {
        KRISS_CHECK(same_bits(made[at(j)], made[at(steps + 1 + j)]));
    }
}

template <class T>
void test_joins() {
    for (const index_t n : {20, 255, 256, 257, 4096, 9001}) {
        test_joined<T>(n, false, false);
        test_joined<T>(n, true, false);
        test_joined<T>(n, true, true);
    }
}

template <class T>
void test_cycles() {
    // 1000: a hundred-thousandth of w is left, so that the repeated orthogonalisation runs
    for (const double diagonal : {2.5, 30.0, 1000.0}) {
        for (const int k : {0, 3}) {
            test_cycle<T>(diagonal, k, false, false);
            test_cycle<T>(diagonal, k, true, true);
            test_cycle<T>(diagonal, k, true, false);
            test_cycle<T>(diagonal, k, true, true, std::sqrt(eps<T>));
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
    test_lanes();
    test_strands<double>();
    test_strands<float>();
    test_strands<Cplx<double>>();
    test_strands<Cplx<float>>();
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

KRISS_CASE("the end of a step together with the products of the next") {
    test_joins<double>();
    test_joins<float>();
    test_joins<Cplx<double>>();
    test_joins<Cplx<float>>();
}
