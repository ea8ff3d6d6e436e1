#include "solve_block.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "kriss/solve/block.hpp"
#include "solve_block_kernels.hpp"
#include "solve_krylov.hpp"

namespace kriss {

namespace {

// Squared lengths below which a unit direction counts as dependent on the others: the first time what rounding of the
// vectors leaves of a dependent one, the second time what is left of that.
template <class T>
constexpr double drop_at(int round) {
    if (sizeof(T) == 4) {
        return round == 0 ? 1e-9 : 1e-10;
    }
    return round == 0 ? 1e-12 : 1e-15;
}

template <class T>
struct Block {
    const BlockOps<T>& ops = block_ops<T>();
    index_t n;
    const Executor& ex;
    std::vector<double> part, gram, triangle, length;
    std::vector<int> pivot;

    Block(index_t size, int k, const Executor& executor)
        : n(size),
          ex(executor),
          part(static_cast<std::size_t>(k * k) * static_cast<std::size_t>(chunk_count(size))),
          gram(static_cast<std::size_t>(k * k)),
          triangle(static_cast<std::size_t>(k * k)),
          length(static_cast<std::size_t>(k)),
          pivot(static_cast<std::size_t>(k)) {}

    // v[0..k) -> an orthonormal basis of what it spans, in v[0..rank); v is permuted. Returns the rank, -1 on NaN.
    int orthonormal(int k, T** v) {
        for (int round = 0; round < 2 && k > 0; ++round) {
            ops.gram(n, k, v, k, v, part.data(), gram.data(), ex);
            for (int i = 0; i < k; ++i) {
                length[at(i)] = std::sqrt(gram[at(i * k + i)]);
                if (!std::isfinite(length[at(i)])) {
                    return -1;
                }
            }
            for (int i = 0; i < k; ++i) {
                for (int j = 0; j < k; ++j) {
                    double& g = gram[at(i * k + j)];
                    const double d = length[at(i)] * length[at(j)];
                    g = i == j ? (d > 0.0 ? 1.0 : 0.0) : d > 0.0 ? g / d : 0.0;
                }
            }
            const int rank = pivoted_cholesky(k, gram.data(), drop_at<T>(round), pivot.data(), triangle.data());
            if (rank < 0) {
                return -1;
            }
            std::vector<T*> order(static_cast<std::size_t>(k));
            for (int i = 0; i < k; ++i) {
                order[at(i)] = v[pivot[at(i)]];
            }
            std::copy(order.begin(), order.end(), v);
            for (int i = 0; i < rank; ++i) {
                for (int j = i; j < rank; ++j) {
                    triangle[at(i * rank + j)] *= length[at(pivot[at(j)])];
                }
            }
            ops.solve(n, rank, v, triangle.data(), ex);
            k = rank;
        }
        return k;
    }

    static std::size_t at(int i) { return static_cast<std::size_t>(i); }
};

}  // namespace

template <class T>
BlockOutcome solve_block_cg(KrylovContext<T>& s, int k, const T* const* b, T* const* x, const BlockOptions& options) {
    const index_t n = s.n;
    const Executor& ex = *s.ex;
    Block<T> block(n, k, ex);
    const auto at = [](int i) { return static_cast<std::size_t>(i); };
    const Vectors<T> room(n, options.halo, 3 * k);  // p, z between zeros; r
    const Vectors<T> plain(n, 0, k);
    std::vector<T*> p(room.data(), room.data() + k), z(room.data() + k, room.data() + 2 * k);
    std::vector<T*> r(room.data() + 2 * k, room.data() + 3 * k), q(plain.data(), plain.data() + k);
    std::vector<double> g(at(k * k)), alpha(at(k * k)), norm(at(k)), rho(at(k));
    BlockOutcome out;
    out.rank = k;

    const auto stop = [&](Status status) {
        out.status = status;
        return out;
    };
    for (int j = 0; j < k; ++j) {
        if (first_residual(s, b[j], x[j], options.zero_start, p[0], q[0], r[at(j)]) < 0.0) {
            return stop(s.trouble);
        }
    }
    // norms of the residuals; true if all meet their tolerances
    const auto judge = [&] {
        block.ops.dots(n, k, r.data(), r.data(), block.part.data(), norm.data(), ex);
        bool all = true;
        for (int j = 0; j < k; ++j) {
            norm[at(j)] = std::sqrt(norm[at(j)]);
            out.norms.push_back(norm[at(j)]);
            all = all && norm[at(j)] <= options.tol[j];
        }
        return all;
    };
    const auto finite = [&] {
        return std::all_of(norm.begin(), norm.end(), [](double v) { return std::isfinite(v); });
    };
    bool done = judge();
    int rank = 0;
    while (!done) {
        if (!finite()) {
            return stop(Status::non_finite);
        }
        if (out.iterations >= options.maxiter) {
            return stop(Status::maxiter);
        }
        for (int j = 0; j < k; ++j) {
            if (s.M.apply == nullptr) {
                copy_items(n, r[at(j)], z[at(j)]);
            } else if (precondition(s, r[at(j)], z[at(j)]) == nullptr) {
                return stop(s.trouble);
            }
        }
        if (s.M.apply != nullptr) {
            block.ops.dots(n, k, r.data(), z.data(), block.part.data(), rho.data(), ex);
            for (int j = 0; j < k; ++j) {
                if (norm[at(j)] > 0.0 && !(rho[at(j)] > 0.0 && std::isfinite(rho[at(j)]))) {
                    return stop(std::isfinite(rho[at(j)]) ? Status::indefinite_precond : Status::non_finite);
                }
            }
        }
        if (out.iterations > 0) {
            // z -= P G^-1 (Q'Z), which makes the new directions conjugate to the old
            block.ops.gram(n, rank, q.data(), k, z.data(), block.part.data(), alpha.data(), ex);
            small_solve(rank, g.data(), k, alpha.data());
            block.ops.add(n, rank, p.data(), k, alpha.data(), -1.0, z.data(), ex);
        }
        std::swap(p, z);
        rank = block.orthonormal(k, p.data());
        if (rank <= 0) {
            return stop(rank < 0 ? Status::non_finite : Status::breakdown);
        }
        out.rank = std::min(out.rank, rank);
        for (int i = 0; i < rank; ++i) {
            if (!multiply(s, static_cast<const T*>(p[at(i)]), q[at(i)])) {
                return stop(s.trouble);
            }
        }
        block.ops.gram(n, rank, p.data(), rank, q.data(), block.part.data(), g.data(), ex);
        double bad = 0.0;
        if (!small_cholesky(rank, g.data(), bad)) {
            return stop(std::isfinite(bad) ? Status::indefinite_matrix : Status::non_finite);
        }
        block.ops.gram(n, rank, p.data(), k, r.data(), block.part.data(), alpha.data(), ex);
        small_solve(rank, g.data(), k, alpha.data());
        block.ops.add(n, rank, p.data(), k, alpha.data(), 1.0, x, ex);
        block.ops.add(n, rank, q.data(), k, alpha.data(), -1.0, r.data(), ex);
        ++out.iterations;
        done = judge();
        if (s.callback != nullptr && !s.callback(s.callback_self)) {
            return stop(Status::failed);
        }
        if (ex.interrupted()) {
            return stop(Status::interrupted);
        }
    }
    return stop(Status::ok);
}

template BlockOutcome solve_block_cg(KrylovContext<float>&, int, const float* const*, float* const*,
                                     const BlockOptions&);
template BlockOutcome solve_block_cg(KrylovContext<double>&, int, const double* const*, double* const*,
                                     const BlockOptions&);

}  // namespace kriss
