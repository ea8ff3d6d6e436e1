// Conjugate gradients: the whole loop on a CSR matrix, and its passes one by one for the loop in
// python/kriss/solve/_driven.py (operators and callbacks written in Python).
#include "solve.hpp"

#include <cstdint>
#include <memory>
#include <vector>

#include "arrays.hpp"
#include "families.hpp"
#include "kriss/solve/reduce.hpp"
#include "solve_kernels.hpp"

namespace kriss::bind {

namespace {

std::unique_ptr<double[]> partials(index_t n) {
    return std::unique_ptr<double[]>(new double[2 * static_cast<std::size_t>(chunk_count(n))]);
}

// null for a zero-size array: "no such vector"
template <class T>
const T* or_null(const array<T>& a) {
    return a.size() == 0 ? nullptr : a.data();
}

template <class T>
void expect_size(const array<T>& a, index_t n, const char* message) {
    expect(static_cast<index_t>(a.size()) == n, message);
}

// Square A for a solver or a sweep.
template <class T, class I>
CsrView<T, I> square(const array<I>& indptr, const array<I>& indices, const array<T>& data, index_t n) {
    expect_size(indptr, n + 1, "indptr must have n + 1 items");
    return csr(indptr, indices, data, n);
}

template <class T>
void add_vectors(py::module_& m) {
    m.def(
        "dot",
        [](const array<T>& x, const array<T>& y, int workers) {
            const auto n = static_cast<index_t>(x.size());
            expect_size(y, n, "x and y must have as many items");
            const auto part = partials(n);
            return call(workers, [&](const Executor& ex) {
                return cg_kernels<T>().dot(n, x.data(), y.data(), part.get(), for_size(ex, n));
            });
        },
        py::arg("x").noconvert(), py::arg("y").noconvert(), py::arg("workers"), "x'y in a fixed order.");
    m.def(
        "largest",
        [](const array<T>& x, int workers) {
            const auto n = static_cast<index_t>(x.size());
            const auto part = partials(n);
            return static_cast<double>(call(workers, [&](const Executor& ex) {
                return cg_kernels<T>().largest(n, x.data(), part.get(), for_size(ex, n));
            }));
        },
        py::arg("x").noconvert(), py::arg("workers"), "The largest magnitude; NaN if one is.");
    m.def(
        "cg_direction",
        [](const array<T>& inverse, const array<T>& z, double beta, array<T>& p, int workers) {
            const auto n = static_cast<index_t>(p.size());
            expect_size(z, n, "z and p must have as many items");
            expect(inverse.size() == 0 || inverse.size() == p.size(), "inverse must be empty or (n)");
            T* out = p.mutable_data();
            call(workers, [&](const Executor& ex) {
                cg_kernels<T>().direction(n, or_null(inverse), z.data(), static_cast<T>(beta), T(0), out, nullptr,
                                          for_size(ex, n));
            });
        },
        py::arg("inverse").noconvert(), py::arg("z").noconvert(), py::arg("beta"), py::arg("p").noconvert(),
        py::arg("workers"), "p = D^-1 z + beta p; an empty `inverse` stands for D = 1.");
    m.def(
        "cg_update",
        [](const array<T>& inverse, double alpha, const array<T>& q, array<T>& r, int workers) {
            const auto n = static_cast<index_t>(r.size());
            expect_size(q, n, "q and r must have as many items");
            expect(inverse.size() == 0 || inverse.size() == r.size(), "inverse must be empty or (n)");
            const auto part = partials(n);
            T* out = r.mutable_data();
            const CgNorms norms = call(workers, [&](const Executor& ex) {
                return cg_kernels<T>().update(n, or_null(inverse), static_cast<T>(alpha), q.data(), out, part.get(),
                                              for_size(ex, n));
            });
            return py::make_tuple(norms.rr, norms.rho);
        },
        py::arg("inverse").noconvert(), py::arg("alpha"), py::arg("q").noconvert(), py::arg("r").noconvert(),
        py::arg("workers"), "r += alpha q; returns (r'r, r'D^-1 r).");
    m.def(
        "axpy",
        [](double alpha, const array<T>& p, array<T>& x, int workers) {
            const auto n = static_cast<index_t>(x.size());
            expect_size(p, n, "p and x must have as many items");
            T* out = x.mutable_data();
            call(workers, [&](const Executor& ex) {
                cg_kernels<T>().axpy(n, static_cast<T>(alpha), p.data(), out, for_size(ex, n));
            });
        },
        py::arg("alpha"), py::arg("p").noconvert(), py::arg("x").noconvert(), py::arg("workers"), "x += alpha p.");
}

template <class T, class I>
void add_csr(py::module_& m) {
    m.def(
        "csr_matvec",
        [](const array<I>& indptr, const array<I>& indices, const array<T>& data, const array<T>& x, array<T>& y,
           int workers) {
            const auto a = csr(indptr, indices, data, static_cast<index_t>(x.size()));
            expect_size(y, a.rows, "y must have an item per row");
            T* out = y.mutable_data();
            call(workers, [&](const Executor& ex) {
                csr_kernels<T, I>().matvec(a, x.data(), out, for_size(ex, static_cast<index_t>(data.size())));
            });
        },
        py::arg("indptr").noconvert(), py::arg("indices").noconvert(), py::arg("data").noconvert(),
        py::arg("x").noconvert(), py::arg("y").noconvert(), py::arg("workers"), "y = A x.");
    m.def(
        "csr_matvec_dot",
        [](const array<I>& indptr, const array<I>& indices, const array<T>& data, const array<T>& x, array<T>& y,
           int workers) {
            const auto a = square(indptr, indices, data, static_cast<index_t>(x.size()));
            expect_size(y, a.rows, "y must have an item per row");
            const auto part = partials(a.rows);
            T* out = y.mutable_data();
            return call(workers, [&](const Executor& ex) {
                return csr_kernels<T, I>().apply_dot(&a, x.data(), out, part.get(),
                                                     for_size(ex, static_cast<index_t>(data.size())));
            });
        },
        py::arg("indptr").noconvert(), py::arg("indices").noconvert(), py::arg("data").noconvert(),
        py::arg("x").noconvert(), py::arg("y").noconvert(), py::arg("workers"), "y = A x; returns x'y.");
    m.def(
        "csr_canonical",
        [](const array<I>& indptr, const array<I>& indices, const array<T>& data, std::int64_t cols, bool finite,
           int workers) {
            expect(indptr.size() > 0 && indices.size() == data.size(), "indptr, indices and data disagree");
            const auto rows = static_cast<index_t>(indptr.size()) - 1;
            const auto stored = static_cast<index_t>(data.size());
            const CsrView<T, I> a{rows, static_cast<index_t>(cols), indptr.data(), indices.data(), data.data()};
            std::vector<unsigned char> found(static_cast<std::size_t>(chunk_count(rows)));
            return call(workers, [&](const Executor& ex) {
                return csr_kernels<T, I>().canonical(a, stored, finite, found.data(), for_size(ex, stored));
            });
        },
        py::arg("indptr").noconvert(), py::arg("indices").noconvert(), py::arg("data").noconvert(), py::arg("cols"),
        py::arg("finite"), py::arg("workers"),
        "0 for sorted rows without duplicates; 1 malformed, 2 not so sorted, 4 (if `finite`) NaN or infinity, added.");
    m.def(
        "csr_diagonal",
        [](const array<I>& indptr, const array<I>& indices, const array<T>& data, array<I>& where, array<T>& inverse) {
            const auto a = square(indptr, indices, data, static_cast<index_t>(where.size()));
            expect_size(inverse, a.rows, "where and inverse must have as many items");
            I* place = where.mutable_data();
            T* out = inverse.mutable_data();
            std::vector<index_t> bad(static_cast<std::size_t>(chunk_count(a.rows)), -1);
            return static_cast<std::int64_t>(call(0, [&](const Executor& ex) {
                                                 const Executor fit = for_size(ex, a.indptr[a.rows]);
                                                 return csr_kernels<T, I>().diagonal(a, place, out, bad.data(), fit);
                                             }).index);
        },
        py::arg("indptr").noconvert(), py::arg("indices").noconvert(), py::arg("data").noconvert(),
        py::arg("where").noconvert(), py::arg("inverse").noconvert(),
        "Places and inverses of the diagonal entries; returns the first unusable row, or -1.");
    m.def(
        "ssor_apply",
        [](const array<I>& indptr, const array<I>& indices, const array<T>& data, const array<I>& where,
           const array<T>& inverse, double omega, const array<T>& r, array<T>& z, int workers) {
            const auto n = static_cast<index_t>(r.size());
            expect(where.size() == r.size() && inverse.size() == r.size() && z.size() == r.size(),
                   "where, inverse, r and z must have as many items");
            const SsorView<T, I> sweep{square(indptr, indices, data, n), where.data(), inverse.data(),
                                       static_cast<T>(omega)};
            const auto part = partials(n);
            T* out = z.mutable_data();
            return call(workers, [&](const Executor& ex) {
                return csr_kernels<T, I>().ssor(&sweep, r.data(), out, part.get(), ex);
            });
        },
        py::arg("indptr").noconvert(), py::arg("indices").noconvert(), py::arg("data").noconvert(),
        py::arg("where").noconvert(), py::arg("inverse").noconvert(), py::arg("omega"), py::arg("r").noconvert(),
        py::arg("z").noconvert(), py::arg("workers"), "z = M^-1 r of SSOR; returns r'z.");
    m.def(
        "cg_csr",
        [](const array<I>& indptr, const array<I>& indices, const array<T>& data, const array<T>& b, array<T>& x,
           int precond, const array<T>& inverse, const array<I>& m_indptr, const array<I>& m_indices,
           const array<T>& m_data, const array<I>& where, double omega, double tol, std::int64_t maxiter,
           bool zero_start, bool scipy_rules, bool history, int workers) {
            const auto n = static_cast<index_t>(b.size());
            const auto a = square(indptr, indices, data, n);
            expect_size(x, n, "b and x must have as many items");
            expect(precond >= 0 && precond <= 2, "precond must be 0, 1 or 2");
            expect(precond == 0 || inverse.size() == b.size(), "inverse must be (n)");
            expect(precond != 2 || where.size() == b.size(), "where must be (n)");
            const CsrView<T, I> none{n, n, nullptr, nullptr, nullptr};
            const SsorView<T, I> sweep{precond == 2 ? square(m_indptr, m_indices, m_data, n) : none, where.data(),
                                       inverse.data(), static_cast<T>(omega)};
            std::vector<double> norms;
            CgProblem problem;
            problem.options.tol = tol;
            problem.options.maxiter = static_cast<index_t>(maxiter);
            problem.options.zero_start = zero_start;
            problem.options.strict = scipy_rules;
            problem.options.guard = !scipy_rules;
            problem.options.verify = !scipy_rules;
            problem.residuals = history ? &norms : nullptr;
            CgStorage storage;
            T* out = x.mutable_data();
            const CgOutcome outcome = call(workers, [&](const Executor& ex) {
                return solve_cg(a, b.data(), out, static_cast<Precond>(precond), sweep, problem, storage, ex);
            });
            py::array_t<double> kept(static_cast<py::ssize_t>(norms.size()), norms.data());
            return py::make_tuple(static_cast<int>(outcome.status), static_cast<std::int64_t>(outcome.iterations),
                                  static_cast<std::int64_t>(outcome.matvecs), outcome.residual, kept, storage.kind,
                                  static_cast<std::int64_t>(storage.product_bytes));
        },
        py::arg("indptr").noconvert(), py::arg("indices").noconvert(), py::arg("data").noconvert(),
        py::arg("b").noconvert(), py::arg("x").noconvert(), py::arg("precond"), py::arg("inverse").noconvert(),
        py::arg("m_indptr").noconvert(), py::arg("m_indices").noconvert(), py::arg("m_data").noconvert(),
        py::arg("where").noconvert(), py::arg("omega"), py::arg("tol"), py::arg("maxiter"), py::arg("zero_start"),
        py::arg("scipy_rules"), py::arg("history"), py::arg("workers"),
        "Conjugate gradients; returns (status, iterations, matvecs, residual norm, residual history, storage of A: "
        "k > 0 diagonals, -b for b x b blocks, 0 for CSR; bytes read of A per product).\n\n"
        "precond: 0 none, 1 Jacobi (inverse), 2 SSOR (inverse, m_*, where, omega); unused arrays are empty.");
}

}  // namespace

void add_solve(py::module_& m) {
    add_vectors<double>(m);
    add_vectors<float>(m);
    add_csr<double, std::int32_t>(m);
    add_csr<double, std::int64_t>(m);
    add_csr<float, std::int32_t>(m);
    add_csr<float, std::int64_t>(m);
}

}  // namespace kriss::bind
