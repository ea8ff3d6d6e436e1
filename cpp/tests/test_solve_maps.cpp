// Block matrices and stencils on grids against the CSR product and the textbook loop.
#include <cstdint>
#include <random>
#include <vector>

#include "check.hpp"
#include "kriss/solve/block_csr.hpp"
#include "kriss/solve/grid_stencil.hpp"
#include "kriss/solve/grid_sweep.hpp"
#include "kriss/solve/spmv.hpp"
#include "kriss/solve/ssor.hpp"
#include "solve_storage.hpp"

using namespace kriss;

namespace {

std::mt19937 generator(7);

template <class T>
std::vector<T> numbers(index_t n) {
    std::uniform_real_distribution<double> u(-1.0, 1.0);
    std::vector<T> out(static_cast<std::size_t>(n));
    for (T& v : out) {
        v = static_cast<T>(u(generator));
    }
    return out;
}

template <class T>
struct Csr {
    std::vector<std::int32_t> indptr{0}, indices;
    std::vector<T> data;
    CsrView<T, std::int32_t> view() const {
        const auto n = static_cast<index_t>(indptr.size()) - 1;
        return {n, n, indptr.data(), indices.data(), data.data()};
    }
};

template <class T>
void blocks(index_t lines, index_t b) {
    std::vector<std::int32_t> indptr{0}, indices;
    for (index_t i = 0; i < lines; ++i) {
        for (index_t j = 0; j < lines; ++j) {
            if (i == j || (i * 7 + j * 3) % 5 == 0) {
                indices.push_back(static_cast<std::int32_t>(j));
            }
        }
        indptr.push_back(static_cast<std::int32_t>(indices.size()));
    }
    const std::vector<T> data = numbers<T>(static_cast<index_t>(indices.size()) * b * b);
    const BlockView<T, std::int32_t> a{lines, b, b, indptr.data(), indices.data(), data.data()};
    Csr<T> c;
    for (index_t i = 0; i < lines * b; ++i) {
        for (index_t q = indptr[static_cast<std::size_t>(i / b)]; q < indptr[static_cast<std::size_t>(i / b + 1)];
             ++q) {
            for (index_t k = 0; k < b; ++k) {
                c.indices.push_back(static_cast<std::int32_t>(indices[static_cast<std::size_t>(q)] * b + k));
                c.data.push_back(data[static_cast<std::size_t>((q * b + i % b) * b + k)]);
            }
        }
        c.indptr.push_back(static_cast<std::int32_t>(c.indices.size()));
    }
    const index_t n = lines * b;
    const std::vector<T> x = numbers<T>(n * 4);
    std::vector<T> y(static_cast<std::size_t>(n)), expected(y), again(y), panel(static_cast<std::size_t>(n * 4));
    const Executor ex;
    csr_matvec(c.view(), x.data(), expected.data(), ex);
    block_matvec(a, x.data(), y.data(), ex);
    KRISS_CHECK(y == expected);
    const auto found = by_blocks(c.view());
    KRISS_CHECK(found.used() == (b == 2 || b == 3 || b == 4 || b == 6));
    if (found.used()) {
        KRISS_CHECK(found.view.high % b == 0);
        std::vector<double> part(static_cast<std::size_t>(chunk_count(n)) + 1);
        const double dot = block_matvec_dot(found.view, x.data(), again.data(), part.data(), ex);
        KRISS_CHECK(again == expected);
        KRISS_CHECK(dot == fixed_dot(n, x.data(), expected.data(), part.data(), ex));
    }
    block_matmat<T, std::int32_t, 4>(a, x.data(), panel.data(), ex);
    for (index_t k = 0; k < 4; ++k) {
        std::vector<T> column(static_cast<std::size_t>(n));
        for (index_t i = 0; i < n; ++i) {
            column[static_cast<std::size_t>(i)] = x[static_cast<std::size_t>(i * 4 + k)];
        }
        csr_matvec(c.view(), column.data(), expected.data(), ex);
        for (index_t i = 0; i < n; ++i) {
            KRISS_CHECK(panel[static_cast<std::size_t>(i * 4 + k)] == expected[static_cast<std::size_t>(i)]);
        }
    }
}

template <class T>
void grid(index_t n0, index_t n1, index_t n2) {
    GridStencil<T> g;
    g.n[0] = n0;
    g.n[1] = n1;
    g.n[2] = n2;
    const index_t steps[7][3] = {{-1, 0, 0}, {0, -1, 0}, {0, 0, -1}, {0, 0, 0}, {0, 0, 1}, {0, 1, 0}, {1, 0, 0}};
    for (int a = 0; a < 3; ++a) {
        g.middle_last[a] = g.n[a];
    }
    for (const auto& s : steps) {
        bool fits = true;
        for (int a = 0; a < 3; ++a) {
            fits = fits && s[a] < g.n[a] && -s[a] < g.n[a];
        }
        if (!fits) {
            continue;
        }
        const int p = g.count++;
        for (int a = 0; a < 3; ++a) {
            g.step[p][a] = s[a];
            g.middle_first[a] = -s[a] > g.middle_first[a] ? -s[a] : g.middle_first[a];
            g.middle_last[a] = g.n[a] - s[a] < g.middle_last[a] ? g.n[a] - s[a] : g.middle_last[a];
        }
        g.along[p] = s[2];
        g.offset[p] = (s[0] * n1 + s[1]) * n2 + s[2];
        g.constant[p] = s[0] == 0 && s[1] == 0 && s[2] == 0 ? T(7) : static_cast<T>(-0.25 * (p + 1));
    }
    Csr<T> c;
    const index_t n = g.rows();
    for (index_t i = 0; i < n; ++i) {
        const index_t at[3] = {i / (n1 * n2), i / n2 % n1, i % n2};
        for (int p = 0; p < g.count; ++p) {
            bool inside = true;
            for (int a = 0; a < 3; ++a) {
                inside = inside && at[a] + g.step[p][a] >= 0 && at[a] + g.step[p][a] < g.n[a];
            }
            if (inside) {
                c.indices.push_back(static_cast<std::int32_t>(i + g.offset[p]));
                c.data.push_back(g.constant[p]);
            }
        }
        c.indptr.push_back(static_cast<std::int32_t>(c.indices.size()));
    }
    const std::vector<T> x = numbers<T>(n);
    std::vector<T> y(static_cast<std::size_t>(n)), expected(y), inverse(y);
    std::vector<double> part(static_cast<std::size_t>(chunk_count(n)) + 1);
    const Executor ex;
    csr_matvec(c.view(), x.data(), expected.data(), ex);
    grid_matvec(g, x.data(), y.data(), ex);
    KRISS_CHECK(y == expected);
    const double dot = grid_matvec_dot(g, x.data(), y.data(), part.data(), ex);
    KRISS_CHECK(y == expected && dot == fixed_dot(n, x.data(), expected.data(), part.data(), ex));
    grid_matmat<T, 1>(g, x.data(), y.data(), ex);
    KRISS_CHECK(y == expected);
    std::vector<std::int32_t> where(static_cast<std::size_t>(n));
    std::vector<index_t> bad(static_cast<std::size_t>(chunk_count(n)) + 1);
    KRISS_CHECK(csr_diagonal(c.view(), where.data(), inverse.data(), bad.data(), Executor()).status == Status::ok);
    const SsorView<T, std::int32_t> m{c.view(), where.data(), inverse.data(), T(1.5)};
    ssor_apply_dot(m, x.data(), expected.data(), part.data(), ex);
    grid_sweeps(g, inverse.data(), T(1.5), x.data(), y.data(), ex);
    KRISS_CHECK(y == expected);
}

template <class T>
void all() {
    for (const index_t lines : {1, 2, 3, 50, 900}) {
        for (const index_t b : {1, 2, 3, 4, 5, 6}) {
            if (lines <= 50 || b == 3) {
                blocks<T>(lines, b);
            }
        }
    }
    for (const index_t n : {1, 2, 3, 5, 10, 50, 700}) {
        grid<T>(1, 1, n);
        grid<T>(1, n, 3);
        grid<T>(n, 1, 5);
    }
    grid<T>(10, 11, 50);
    grid<T>(2, 3, 600);
}

}  // namespace

KRISS_CASE("float") { all<float>(); }
KRISS_CASE("double") { all<double>(); }
