// The launchers of cuda/solve_*.cu, built for the host, where cuda/panel.hpp replays every thread of every block: the
// very functions that a device runs, against the kernels of the processor. No device is involved. Here: conjugate
// gradients, products, the Chebyshev iteration.
#include "../../cuda/solve_cg.cu"
#include "../../cuda/solve_chebyshev.cu"
#include "../../cuda/solve_product.cu"
#include "device.hpp"
#include "kriss/solve/reduce.hpp"
#include "kriss/solve/spmv.hpp"
#include "solve.hpp"  // of cpp/src

namespace {

// The loop of python/kriss/solve/_cuda.py without its checks: up to `most` iterations from zero.
template <class T>
std::vector<double> cg_on_device(const Sparse<T>& a, index_t k, const std::vector<T>& b, std::vector<T>& x,
                                 const std::vector<T>& inverse, double rtol, index_t most, bool own,
                                 std::vector<double>* history = nullptr) {
    const index_t n = a.n;
    std::vector<T> r(b.size());
    std::vector<T> p(b.size(), T(0));
    std::vector<T> q(b.size());
    std::vector<T> z(b.size());
    std::vector<double> part(at(2 * cuda::cg_partials(n, k)));
    std::vector<double> out(at(2 * k));
    std::vector<double> state(at(k * cg_state_size), 0.0);
    std::vector<double> ring(at(most * k));
    const T* d = inverse.empty() ? nullptr : inverse.data();
    x.assign(b.size(), T(0));
    cuda::cg_residual(n, k, d, b.data(), static_cast<const T*>(nullptr), r.data(), part.data(), out.data(), 0);
    for (index_t c = 0; c < k; ++c) {
        double* s = state.data() + c * cg_state_size;
        s[cg_rho] = out[at(k + c)];
        s[cg_tol] = rtol * std::sqrt(out[at(c)]);
        s[cg_status] = -1;
        s[cg_most] = static_cast<double>(most);
    }
    const T* own_d = own ? d : nullptr;
    for (index_t turn = 0; turn < most; ++turn) {
        if (!own) {  // z = D^-1 r as if by another preconditioner
            for (index_t t = 0; t < n * k; ++t) {
                z[at(t)] = inverse[at(t / k)] * r[at(t)];
            }
            if (turn > 0) {
                cuda::cg_rho(n, k, r.data(), z.data(), part.data(), state.data(), 0);
            }
        }
        cuda::cg_direction(n, k, own_d, own ? r.data() : z.data(), state.data(), p.data(), 0);
        cuda::csr_product(a.view(), k, cuda::Product::plain, p.data(), static_cast<const T*>(nullptr), q.data(), 0);
        cuda::cg_step(n, k, p.data(), q.data(), part.data(), state.data(), 0);
        cuda::cg_update(n, k, own_d, p.data(), q.data(), x.data(), r.data(), part.data(), state.data(), ring.data(),
                        most, own, 0);
    }
    if (history != nullptr) {
        *history = ring;
    }
    return state;
}

template <class T>
void cg_panels() {
    const auto a = mesh<T>(23);
    const auto inverse = inverse_diagonal(a);
    const double rtol = sizeof(T) == 4 ? 1e-4 : 1e-9;
    const Executor serial;
    for (index_t k : {1, 2, 3, 5, 8}) {
        const auto b = noise<T>(a.n * k, 4);
        for (int kind = 0; kind < 3; ++kind) {  // none, Jacobi in the passes, Jacobi from outside
            std::vector<T> x;
            std::vector<double> history;
            const auto state =
                cg_on_device(a, k, b, x, kind == 0 ? std::vector<T>{} : inverse, rtol, 200, kind < 2, &history);
            for (index_t c = 0; c < k; ++c) {
                const double* s = state.data() + c * cg_state_size;
                const auto bc = column_of(b, k, c);
                std::vector<T> host(at(a.n), T(0));
                std::vector<I> where(at(a.n));
                CgProblem problem;
                problem.options.tol = s[cg_tol];
                problem.options.maxiter = 200;
                std::vector<double> norms;
                problem.residuals = &norms;
                CgStorage storage;
                const SsorView<T, I> sweep{a.view(), where.data(), inverse.data(), T(1)};
                const auto cpu = solve_cg(a.view(), bc.data(), host.data(), kind == 0 ? Precond::none : Precond::jacobi,
                                          sweep, problem, storage, serial);
                KRISS_CHECK(s[cg_status] == 0.0 && cpu.status == Status::ok);
                KRISS_NEAR(s[cg_iterations], static_cast<double>(cpu.iterations), sizeof(T) == 4 ? 2.0 : 1.0);
                // sums in another order: the norms agree to rounding while the recurrences have not drifted apart
                for (std::size_t j = 0; j < 10; ++j) {
                    KRISS_NEAR(history[j * at(k) + at(c)], norms[j + 1],
                               (sizeof(T) == 4 ? 1e-3 : 1e-11) * norms[j + 1]);
                }
                const auto xc = column_of(x, k, c);
                double worst = 0;
                double size = 0;
                for (std::size_t i = 0; i < xc.size(); ++i) {
                    worst = std::fmax(worst, std::fabs(static_cast<double>(xc[i] - host[i])));
                    size = std::fmax(size, std::fabs(static_cast<double>(host[i])));
                }
                KRISS_NEAR(worst, 0.0, 100 * rtol * size);
                // frozen: more turns change nothing
                if (c == 0 && kind == 1) {
                    std::vector<T> shorter;
                    cg_on_device(a, k, b, shorter, inverse, rtol, static_cast<index_t>(s[cg_iterations]), true);
                    KRISS_CHECK(column_of(shorter, k, 0) == xc);
                }
            }
            cuda::replay_backward = true;
            std::vector<T> again;
            const auto other =
                cg_on_device(a, k, b, again, kind == 0 ? std::vector<T>{} : inverse, rtol, 200, kind < 2);
            cuda::replay_backward = false;
            KRISS_CHECK(again == x && other == state);
        }
    }
}

template <class T>
void cg_statuses() {
    const auto a = mesh<T>(8);
    const auto inverse = inverse_diagonal(a);
    auto negative = a;
    for (auto& v : negative.data) {
        v = -v;
    }
    std::vector<T> minus = inverse;
    for (auto& v : minus) {
        v = -v;
    }
    const auto b = noise<T>(a.n * 2, 1);
    auto broken = b;
    broken[7] = std::numeric_limits<T>::quiet_NaN();  // column 1
    std::vector<T> x;
    const auto status = [](const std::vector<double>& s, index_t c) { return s[at(c * cg_state_size + cg_status)]; };
    KRISS_CHECK(status(cg_on_device(negative, 2, b, x, {}, 1e-6, 50, true), 1) == 4);
    const auto mixed = cg_on_device(a, 2, broken, x, inverse, 1e-3, 60, true);
    KRISS_CHECK(status(mixed, 0) == 0 && status(mixed, 1) == 6);
    const auto early = cg_on_device(a, 2, b, x, inverse, 1e-6, 3, true);
    KRISS_CHECK(status(early, 0) == 2 && early[cg_iterations] == 3);
    // rho was set without a look at its sign; the first update finds it
    const auto indefinite = cg_on_device(a, 2, b, x, minus, 1e-6, 50, true);
    KRISS_CHECK(status(indefinite, 0) == 5);
}

template <class T>
void products() {
    for (index_t m : {1, 2, 17, 40}) {
        const auto a = mesh<T>(m);
        for (index_t k : {1, 3, 8}) {
            const auto x = noise<T>(a.n * k, 2);
            const auto b = noise<T>(a.n * k, 3);
            for (int kind = 0; kind < 3; ++kind) {
                std::vector<T> y = b;
                either_way(y, [&] {
                    y = b;
                    cuda::csr_product(a.view(), k, static_cast<cuda::Product>(kind), x.data(), y.data(), y.data(), 0);
                });
                for (index_t c = 0; c < k; ++c) {
                    const auto xc = column_of(x, k, c);
                    const auto bc = column_of(b, k, c);
                    std::vector<T> s(at(a.n));
                    csr_matvec(a.view(), xc.data(), s.data(), Executor{});
                    bool same = true;
                    for (std::size_t i = 0; i < s.size(); ++i) {
                        const T want = kind == 0 ? s[i] : kind == 1 ? bc[i] - s[i] : bc[i] + s[i];
                        same = same && y[i * at(k) + at(c)] == want;
                    }
                    KRISS_CHECK(same);
                }
            }
        }
    }
}

template <class T>
void chebyshev() {
    const auto a = mesh<T>(17);
    const auto inverse = inverse_diagonal(a);
    const double eps = static_cast<double>(std::numeric_limits<T>::epsilon());
    for (index_t k : {1, 3}) {
        const auto r = noise<T>(a.n * k, 9);
        const auto start = noise<T>(a.n * k, 10);
        for (int degree : {0, 1, 2, 3, 4, 7}) {
            for (bool zero : {true, false}) {
                std::vector<T> z = start;
                either_way(z, [&] {
                    std::vector<T> other(z.size(), std::numeric_limits<T>::quiet_NaN());
                    z = start;
                    if (zero) {
                        z.assign(z.size(), std::numeric_limits<T>::quiet_NaN());
                    }
                    cuda::chebyshev_iterate(a.view(), k, inverse.data(), 0.02, 2.0, degree, zero, r.data(), z.data(),
                                            other.data(), 0);
                });
                for (index_t c = 0; c < k; ++c) {
                    // Saad's two-term form in long double
                    const auto rc = column_of(r, k, c);
                    const auto sc = column_of(start, k, c);
                    std::vector<long double> x(rc.size(), 0.0L);
                    std::vector<long double> d(rc.size(), 0.0L);
                    for (std::size_t i = 0; i < x.size() && !zero; ++i) {
                        x[i] = sc[i];
                    }
                    const long double theta = 1.01L;
                    const long double delta = 0.99L;
                    long double rho = delta / theta;
                    for (int turn = 0; turn <= degree; ++turn) {
                        const long double now = 1.0L / (2.0L * theta / delta - rho);
                        const long double keep = turn == 0 ? 0.0L : now * rho;
                        const long double step = turn == 0 ? 1.0L / theta : 2.0L * now / delta;
                        if (turn > 0) {
                            rho = now;
                        }
                        for (index_t i = 0; i < a.n; ++i) {
                            long double rest = rc[at(i)];
                            for (index_t q = a.indptr[at(i)]; q < a.indptr[at(i + 1)]; ++q) {
                                rest -= static_cast<long double>(a.data[at(q)]) * x[at(a.indices[at(q)])];
                            }
                            d[at(i)] = keep * d[at(i)] + step * static_cast<long double>(inverse[at(i)]) * rest;
                        }
                        for (std::size_t i = 0; i < x.size(); ++i) {
                            x[i] += d[i];
                        }
                    }
                    double worst = 0;
                    double size = 0;
                    for (std::size_t i = 0; i < x.size(); ++i) {
                        const double got = static_cast<double>(z[i * at(k) + at(c)]);
                        worst = std::fmax(worst, got == got ? std::fabs(got - static_cast<double>(x[i])) : 1e300);
                        size = std::fmax(size, std::fabs(static_cast<double>(x[i])));
                    }
                    KRISS_NEAR(worst, 0.0, 20 * (degree + 1) * eps * size);
                }
            }
        }
    }
}

}  // namespace

KRISS_CASE("conjugate gradients on panels: the iterations of the processor, frozen columns, any order of threads") {
    cg_panels<float>();
    cg_panels<double>();
}

KRISS_CASE("statuses of columns") {
    cg_statuses<float>();
    cg_statuses<double>();
}

KRISS_CASE("products have the bits of the processor") {
    products<float>();
    products<double>();
}

KRISS_CASE("the Chebyshev iteration, from zero and not") {
    chebyshev<float>();
    chebyshev<double>();
}
