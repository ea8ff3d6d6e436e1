// Shells over kriss/solve/rows.hpp: triangular systems level by level (E. Anderson, Y. Saad, "Solving sparse triangular
// linear systems on parallel computers", Int. J. High Speed Comput. 1, 1989, section 2).
// The rows of a level do not need one another. A level with more than narrow_level entries has a launch of its own;
// a run of smaller ones is done by one block that waits for all its threads between two levels, which costs far less
// than a launch. Bytes in float64: 12 nnz + 40 n, 8 n more with a diagonal factor.
#include "kriss/solve/rows.hpp"
#include "solve.hpp"

namespace kriss::cuda {

namespace {

constexpr index_t narrow_level = most_step_threads;  // entries of the panel: one per thread of the largest block

// z of the row stored as `at`.  z is written by other threads of the same launch, so it must not be read as constant.
template <class T>
KRISS_HD inline void solve_row(const Triangle<T>& a, index_t k, const T* r, T* z, index_t at, index_t c) {
    const index_t row = static_cast<index_t>(a.order[at]);
    const index_t t = row * k + c;
    const T rhs = a.diagonal != nullptr ? r[t] * a.diagonal[row] : r[t];
    const T s = row_substituted(a.sorted, a.lower, at, row, rhs, z, k, c);
    z[t] = a.inverse != nullptr ? s * a.inverse[row] : s;
}

template <class T>
struct LevelBody {
    Triangle<T> a;
    index_t k;
    const T* r;
    T* z;
    index_t first;
    KRISS_HD bool live(index_t) const { return true; }
    KRISS_HD void operator()(index_t row, index_t c) const { solve_row(a, k, r, z, first + row, c); }
};

template <class T>
struct RunBody {
    Triangle<T> a;
    index_t k;
    const T* r;
    T* z;
    KRISS_HD void operator()(index_t level, index_t thread, index_t threads) const {
        const index_t first = static_cast<index_t>(a.on_device[level]);
        const index_t entries = (static_cast<index_t>(a.on_device[level + 1]) - first) * k;
        for (index_t e = thread; e < entries; e += threads) {
            solve_row(a, k, r, z, first + e / k, e % k);
        }
    }
};

}  // namespace

template <class T>
void triangle_levels_solve(const Triangle<T>& a, index_t k, const T* r, T* z, stream_t s) {
    const auto entries = [&](index_t level) { return static_cast<index_t>(a.starts[level + 1] - a.starts[level]) * k; };
    for (index_t level = 0; level < a.levels;) {
        index_t last = level;
        index_t widest = 0;
        while (last < a.levels && entries(last) <= narrow_level) {
            widest = entries(last) > widest ? entries(last) : widest;
            ++last;
        }
        if (last > level) {
            unsigned threads = 32;
            while (static_cast<index_t>(threads) < widest) {
                threads *= 2;
            }
            steps(level, last, threads, RunBody<T>{a, k, r, z}, s);
            level = last;
        } else {
            const index_t first = static_cast<index_t>(a.starts[level]);
            rows(entries(level) / k, k, LevelBody<T>{a, k, r, z, first}, s);
            ++level;
        }
    }
}

template void triangle_levels_solve(const Triangle<float>&, index_t, const float*, float*, stream_t);
template void triangle_levels_solve(const Triangle<double>&, index_t, const double*, double*, stream_t);

}  // namespace kriss::cuda
