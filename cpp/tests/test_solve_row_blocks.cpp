// solve/row_blocks.hpp: every row once, coupled rows in order, the bits of the serial sweep.
#include <cmath>
#include <cstdint>
#include <vector>

#include "check.hpp"
#include "pool.hpp"
#include "solve_row_blocks.hpp"

using namespace kriss;

namespace {

std::size_t at(index_t i) { return static_cast<std::size_t>(i); }

void run_on_pool(void* self, index_t n, index_t grain, Executor::Task task, void* ctx) {
    pool_run(*static_cast<int*>(self), n, grain, task, ctx, nullptr, nullptr);
}

Executor on_pool(int& workers) {
    Executor ex;
    ex.run = &run_on_pool;
    ex.self = &workers;
    ex.workers = workers;
    return ex;
}

template <class T>
struct Grid {
    std::vector<std::int32_t> indptr{0};
    std::vector<std::int32_t> indices;
    std::vector<T> data;
    index_t n = 0;

    // five points on an nx x ny grid; `skew` leaves out every third upper neighbour, so that the pattern has no
    // symmetry
    Grid(index_t nx, index_t ny, bool skew) : n(nx * ny) {
        for (index_t i = 0; i < n; ++i) {
            const index_t x = i % nx;
            const index_t places[] = {i - nx, i - 1, i, i + 1, i + nx};
            const bool inside[] = {i >= nx, x > 0, true, x + 1 < nx && !(skew && i % 3 == 0), i + nx < n};
            for (int k = 0; k < 5; ++k) {
                if (inside[k]) {
                    indices.push_back(static_cast<std::int32_t>(places[k]));
                    data.push_back(k == 2 ? T(5) : T(-1) - T(0.001) * static_cast<T>(i % 17));
                }
            }
            indptr.push_back(static_cast<std::int32_t>(indices.size()));
        }
    }
    CsrView<T, std::int32_t> view() const { return {n, n, indptr.data(), indices.data(), data.data()}; }

    // rows [begin, end) of a sweep of Gauss-Seidel on x with the right-hand side 1
    void rows(std::vector<T>& x, index_t begin, index_t end, bool forward) const {
        for (index_t q = begin; q < end; ++q) {
            const index_t i = forward ? q : end - 1 - (q - begin);
            T s = T(1);
            T d = T(0);
            for (std::int32_t k = indptr[at(i)]; k < indptr[at(i) + 1]; ++k) {
                if (indices[at(k)] == i) {
                    d = data[at(k)];
                } else {
                    s -= data[at(k)] * x[at(indices[at(k)])];
                }
            }
            x[at(i)] = s / d;
        }
    }
};

template <class T>
void same_bits(index_t nx, index_t ny, bool skew) {
    const Grid<T> a(nx, ny, skew);
    RowSchedule schedule = row_schedule(a.view());
    const RowBlocks blocks = schedule.view();
    KRISS_CHECK(blocks.count > 0);
    if (blocks.count == 0) {
        return;
    }
    KRISS_CHECK(schedule.nbytes() > 0);
    for (int workers : {2, 4}) {
        std::vector<T> serial(at(a.n), T(0));
        std::vector<T> side_by_side(at(a.n), T(0));
        for (int turn = 0; turn < 6; ++turn) {
            const bool forward = turn % 2 == 0;
            a.rows(serial, 0, a.n, forward);
            std::vector<int> visits(at(a.n), 0);
            block_sweep(blocks, forward, on_pool(workers), [&](index_t begin, index_t end) {
                for (index_t i = begin; i < end; ++i) {
                    ++visits[at(i)];
                }
                a.rows(side_by_side, begin, end, forward);
            });
            KRISS_CHECK(visits == std::vector<int>(at(a.n), 1));
            KRISS_CHECK(serial == side_by_side);
        }
    }
}

}  // namespace

KRISS_CASE("sweeps by blocks have the bits of the natural order") {
    same_bits<double>(400, 60, false);
    same_bits<float>(400, 60, false);
    same_bits<double>(331, 71, true);
}

KRISS_CASE("no blocks where nothing can stand side by side, nor on a small matrix") {
    const Grid<double> chain(30000, 1, false);
    KRISS_CHECK(row_schedule(chain.view()).view().count == 0);
    const Grid<double> small(40, 40, false);
    KRISS_CHECK(row_schedule(small.view()).view().count == 0);
    const Grid<double> empty(0, 0, false);
    KRISS_CHECK(row_schedule(empty.view()).view().count == 0);
}
