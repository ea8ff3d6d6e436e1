// The launchers of cuda/gp_tree.cu and cuda/gp_vecchia.cu, built for the host, where cuda/panel.hpp replays every
// thread of every block: the very functions that a device runs, against the kernels of the processor. No device is
// involved.
#include <cmath>
#include <random>
#include <vector>

#include "../../cuda/gp_tree.cu"
#include "../../cuda/gp_vecchia.cu"
#include "check.hpp"
#include "kriss/gp/product.hpp"

using namespace kriss;

namespace {

using Doubles = std::vector<double>;
using Indices = std::vector<index_t>;

std::size_t at(index_t i) { return static_cast<std::size_t>(i); }

Doubles numbers(index_t n, unsigned seed) {
    std::mt19937 gen(seed);
    std::uniform_real_distribution<double> u(-1.5, 1.5);
    Doubles v(at(n));
    for (auto& e : v) {
        e = u(gen);
    }
    return v;
}

// Every kind of leaf in two dimensions, joined by sums and products in turn; the tables are made up.
struct Program {
    Indices node, leaf, dim;
    Doubles value, scale, second, table;
    index_t slots = 0;

    Program() {
        const double head[] = {-8.0, 0.5, 6.0, 0.9, 0.02, 0.3};
        table.assign(head, head + 6);
        for (index_t k = 0; k < 3 * 6 * (table_degree + 1); ++k) {
            table.push_back(std::cos(static_cast<double>(k)) / (1.0 + static_cast<double>(k % 10 * (k % 10))));
        }
        index_t root = -1;
        for (int kind = 0; kind < leaf_kinds; ++kind) {
            const auto what = static_cast<LeafKind>(kind);
            const index_t dims = what >= LeafKind::white ? 0 : what == LeafKind::cosine ? 1 : 2;
            const index_t first = static_cast<index_t>(dim.size());
            for (index_t p = 0; p < dims; ++p) {
                dim.push_back(1 - p);
                scale.push_back(0.7 + 0.2 * static_cast<double>(p));
                second.push_back(0.4 + 0.3 * static_cast<double>(p));
            }
            const index_t degree = what == LeafKind::dot ? 3 : 0;
            leaf.insert(leaf.end(), {kind, first, dims, slots, degree});
            value.insert(value.end(), {0.6 + 0.1 * kind, what == LeafKind::matern ? 1.3 : 0.8});
            slots += 2 + dims * (what == LeafKind::periodic ? 2 : 1);
            node.insert(node.end(), {0, kind, 0});
            const index_t here = static_cast<index_t>(node.size() / 3) - 1;
            if (root >= 0) {
                node.insert(node.end(), {kind % 2 == 0 ? 2 : 1, root, here});
            }
            root = static_cast<index_t>(node.size() / 3) - 1;
        }
    }
    CovTree view() const {
        return {static_cast<index_t>(node.size() / 3),
                node.data(),
                static_cast<index_t>(leaf.size() / 5),
                leaf.data(),
                value.data(),
                dim.data(),
                scale.data(),
                second.data(),
                table.data(),
                slots};
    }
};

bool near(const Doubles& a, const Doubles& b, double bound) {
    double scale = 1.0;
    for (double e : b) {
        scale = std::max(scale, std::abs(e));
    }
    bool good = a.size() == b.size();
    for (std::size_t i = 0; good && i < a.size(); ++i) {
        good = std::abs(a[i] - b[i]) <= bound * scale;
    }
    return good;
}

// f() with threads in order and in reverse leaves the same bits in v.
template <class F>
void either_way(Doubles& v, F&& f) {
    cuda::replay_backward = true;
    f();
    const Doubles backward = v;
    cuda::replay_backward = false;
    f();
    KRISS_CHECK(v == backward);
}

void trees() {
    const Program program;
    const CovTree t = program.view();
    KRISS_CHECK(t.nodes <= point_nodes && t.leaves <= point_leaves && t.slots <= point_slots);
    for (index_t n : {1, 2, 33, 40}) {
        const index_t m = n + 3;
        Doubles x = numbers(2 * n, 1);
        const Doubles z = numbers(2 * m, 2);
        if (n > 2) {
            x[0] = x[1];  // a pair of equal points
            x[at(n)] = x[at(n) + 1];
            x[2] = n == 40 ? 1e30 : x[2];  // and one that is far away
        }
        Doubles scratch(at(tree_scratch(t, m, true, 2)));
        const Doubles diagonal = numbers(n, 3);
        Doubles host(at(n * n));
        Doubles device(at(n * n));
        tree_symmetric(t, x.data(), n, diagonal.data(), host.data(), true, scratch.data(), Executor{});
        either_way(device,
                   [&] { cuda::tree_assemble(t, x.data(), n, x.data(), n, true, diagonal.data(), device.data(), 0); });
        KRISS_CHECK(host == device);
        Doubles cross(at(n * m));
        Doubles there(at(n * m));
        tree_cross(t, x.data(), n, z.data(), m, cross.data(), scratch.data(), Executor{});
        cuda::tree_assemble(t, x.data(), n, z.data(), m, false, nullptr, there.data(), 0);
        KRISS_CHECK(cross == there);

        const Doubles w = numbers(n * m, 4);
        const Doubles alpha = numbers(n, 5);
        Doubles expected(at(t.slots));
        Doubles found(at(t.slots));
        Doubles work(at(cuda::tree_workers(n, m) * t.slots + 8192));
        tree_contract(t, x.data(), n, z.data(), m, Weights::cross, nullptr, w.data(), expected.data(), scratch.data(),
                      Executor{});
        either_way(found, [&] {
            cuda::tree_contract(t, x.data(), n, z.data(), m, false, 2, nullptr, w.data(), nullptr, nullptr, 0,
                                found.data(), work.data(), 0);
        });
        KRISS_CHECK(near(found, expected, 1e-13 * static_cast<double>(n)));
        for (int how : {0, 1}) {
            tree_contract(t, x.data(), n, x.data(), n, static_cast<Weights>(how), alpha.data(), w.data(),
                          expected.data(), scratch.data(), Executor{});
            cuda::tree_contract(t, x.data(), n, x.data(), n, true, how, alpha.data(), w.data(), nullptr, nullptr, 0,
                                found.data(), work.data(), 0);
            KRISS_CHECK(near(found, expected, 1e-13 * static_cast<double>(n)));
        }
        const index_t k = 3;
        const Doubles left = numbers(n * k, 6);
        const Doubles right = numbers(m * k, 7);
        Doubles outer(at(n * m));
        for (index_t i = 0; i < n; ++i) {
            for (index_t j = 0; j < m; ++j) {
                for (index_t c = 0; c < k; ++c) {
                    outer[at(i * m + j)] += left[at(i * k + c)] * right[at(j * k + c)];
                }
            }
        }
        tree_contract(t, x.data(), n, z.data(), m, Weights::cross, nullptr, outer.data(), expected.data(),
                      scratch.data(), Executor{});
        cuda::tree_contract(t, x.data(), n, z.data(), m, false, 3, nullptr, nullptr, left.data(), right.data(), k,
                            found.data(), work.data(), 0);
        KRISS_CHECK(near(found, expected, 1e-13 * static_cast<double>(n)));

        for (index_t columns : {1, 8, 11}) {
            const Doubles v = numbers(m * columns, 8);
            Doubles sum(at(n * columns));
            for (index_t i = 0; i < n; ++i) {
                for (index_t j = 0; j < m; ++j) {
                    for (index_t c = 0; c < columns; ++c) {
                        sum[at(i * columns + c)] += cross[at(i * m + j)] * v[at(j * columns + c)];
                    }
                }
            }
            Doubles out(at(n * columns));
            Doubles part(at(cuda::product_tiles(n, m) * n * cuda::max_panel));
            either_way(out, [&] {
                cuda::tree_product(t, x.data(), n, z.data(), m, false, v.data(), columns, out.data(), part.data(), 0);
            });
            KRISS_CHECK(near(out, sum, 1e-14 * static_cast<double>(m)));
        }
    }
}

struct Sum {
    std::vector<int> kind{0, 1, 2, 3};
    Doubles variance{0.7, 0.4, 1.1, 0.2};
    Indices first{0, 2, 3, 4, 6};
    Indices dim{0, 1, 1, 0, 0, 1};
    Doubles inverse{2.0, 1.0, 3.0, 0.5, 1.5, 0.7};
    CovSum<double> view() const { return {4, kind.data(), variance.data(), first.data(), dim.data(), inverse.data()}; }
};

void sums_of_terms() {
    const Sum sum;
    const index_t n = 5;
    const index_t m = 700;  // three tiles
    KRISS_CHECK(cuda::product_tiles(n, m) == 3);
    const Doubles x = numbers(2 * n, 1);
    const Doubles z = numbers(2 * m, 2);
    for (index_t k : {1, 9}) {
        const Doubles v = numbers(m * k, 3);
        Doubles transposed(at(m * k));
        for (index_t j = 0; j < m; ++j) {
            for (index_t c = 0; c < k; ++c) {
                transposed[at(c * m + j)] = v[at(j * k + c)];
            }
        }
        Doubles host(at(n * k));
        Doubles device(at(n * k));
        Doubles part(at(3 * n * cuda::max_panel));
        covariance_product(sum.view(), x.data(), n, z.data(), m, transposed.data(), k, host.data(), Executor{});
        either_way(device, [&] {
            cuda::sum_product(sum.view(), x.data(), n, z.data(), m, v.data(), k, device.data(), part.data(), 0);
        });
        KRISS_CHECK(near(device, host, 1e-13));
    }
    Doubles none(10, 1.0);
    cuda::sum_product(sum.view(), x.data(), n, z.data(), 0, nullptr, 2, none.data(), nullptr, 0);
    KRISS_CHECK(none == Doubles(10, 0.0));
}

void conditionals() {
    const Sum sum;
    const index_t parameters = cov_parameters(sum.view());
    for (index_t n : {1, 2, 30}) {
        const index_t m = n < 5 ? (n > 1 ? n - 1 : 1) : 4;
        const Doubles x = numbers(2 * n, 1);
        const Doubles y = numbers(n, 2);
        Doubles noise(at(n), 0.01);
        noise[0] = 0.3;
        Indices near_ones(at(n * m), -1);
        for (index_t i = 0; i < n; ++i) {
            for (index_t k = 0; k < m && k < i; ++k) {
                near_ones[at(i * m + k)] = (i * 7 + k * 3) % i == 0 && k > 0 ? -1 : i - 1 - k;
            }
        }
        for (bool strict : {true, false}) {
            VecchiaView a{
                n, n, 2, m, x.data(), x.data(), noise.data(), strict ? noise.data() : nullptr, near_ones.data()};
            Doubles hb(at(n * m)), hv(at(n)), db(at(n * m)), dv(at(n));
            Doubles scratch(at(vecchia_chunks(n, 2, m) * vecchia_item(2, m)));
            Indices bad(at(vecchia_chunks(n, 2, m)));
            std::vector<std::int32_t> wrong(at(n), 7);
            Doubles work(at(cuda::vecchia_workers(n) * (vecchia_point_item(2, m) + parameters + 1) + 8192));
            KRISS_CHECK(
                vecchia_factor(sum.view(), a, hb.data(), hv.data(), scratch.data(), bad.data(), Executor{}).status ==
                Status::ok);
            either_way(
                db, [&] { cuda::vecchia_factor(sum.view(), a, db.data(), dv.data(), wrong.data(), work.data(), 0); });
            KRISS_CHECK(hb == db && hv == dv && wrong == std::vector<std::int32_t>(at(n), 0));
            if (!strict) {
                continue;
            }
            Doubles expected(at(parameters + 1)), found(at(parameters + 1));
            Doubles part(at(vecchia_chunks(n, 2, m) * (parameters + 1) * vecchia_lanes));
            vecchia_gradient(sum.view(), a, y.data(), expected.data(), part.data(), scratch.data(), Executor{});
            either_way(found, [&] {
                cuda::vecchia_gradient(sum.view(), parameters, a, y.data(), found.data(), work.data(), 0);
            });
            index_t slot = 0;
            for (index_t c = 0; c < 4; ++c) {
                for (index_t p = sum.first[at(c)] - 1; p < sum.first[at(c + 1)]; ++p) {
                    found[at(slot++)] *= sum.variance[at(c)];
                }
            }
            KRISS_CHECK(near(found, expected, 1e-12));
        }
    }
    // Two equal points without noise.
    const Doubles x{0.5, 0.5, 0.1, 0.1};
    const Doubles noise{0.0, 0.0};
    const Indices near_ones{-1, 0};
    const VecchiaView a{2, 2, 2, 1, x.data(), x.data(), noise.data(), noise.data(), near_ones.data()};
    Doubles b(2), v(2), work(at(2 * vecchia_point_item(2, 1)));
    std::vector<std::int32_t> wrong(2, 7);
    cuda::vecchia_factor(sum.view(), a, b.data(), v.data(), wrong.data(), work.data(), 0);
    KRISS_CHECK(wrong[0] == 0 && wrong[1] == 1);
}

}  // namespace

KRISS_CASE("programs: matrices with the bits of the processor, contractions, products") { trees(); }

KRISS_CASE("sums of terms: products tile by tile") { sums_of_terms(); }

KRISS_CASE("small factorisations have the bits of the processor") { conditionals(); }
