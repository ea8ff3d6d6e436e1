#include "check.hpp"

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "kriss/executor.hpp"
#include "pool.hpp"

using namespace kriss;

namespace {

void run_on_pool(void* self, index_t n, index_t grain, Executor::Task task, void* ctx) {
    pool_run(*static_cast<int*>(self), n, grain, task, ctx, nullptr, nullptr);
}

bool stop_at_once(void*) { return true; }

}  // namespace

KRISS_CASE("every item is visited once, whatever the workers and the grain") {
    for (int workers : {1, 2, 4}) {
        for (index_t n : {0, 1, 7, 1000}) {
            for (index_t grain : {1, 3, 1000, 5000}) {
                std::vector<int> seen(static_cast<std::size_t>(n), 0);
                Executor ex;
                ex.run = &run_on_pool;
                ex.self = &workers;
                ex.workers = workers;
                ex.parallel_for(n, grain, [&](index_t b, index_t e) {
                    for (index_t i = b; i < e; ++i) {
                        ++seen[static_cast<std::size_t>(i)];
                    }
                });
                bool once = true;
                for (int s : seen) {
                    once = once && s == 1;
                }
                KRISS_CHECK(once);
            }
        }
    }
}

KRISS_CASE("regions from several threads at once, and nested ones, finish") {
    std::atomic<long> sum{0};
    std::vector<std::thread> callers;
    for (int t = 0; t < 4; ++t) {
        callers.emplace_back([&] {
            int workers = 3;
            Executor ex;
            ex.run = &run_on_pool;
            ex.self = &workers;
            ex.workers = workers;
            for (int r = 0; r < 200; ++r) {
                ex.parallel_for(64, 4, [&](index_t b, index_t e) {
                    ex.parallel_for(e - b, 1, [&](index_t, index_t) { sum.fetch_add(1); });
                });
            }
        });
    }
    for (auto& c : callers) {
        c.join();
    }
    KRISS_CHECK(sum.load() == 4L * 200L * 64L);
}

KRISS_CASE("poll stops a region") {
    std::atomic<int> chunks{0};
    auto task = [](void* ctx, index_t, index_t) { static_cast<std::atomic<int>*>(ctx)->fetch_add(1); };
    pool_run(1, 1000, 1, task, &chunks, &stop_at_once, nullptr);
    KRISS_CHECK(chunks.load() == 1);
}

namespace {

Executor pool_executor(int& workers) {
    Executor ex;
    ex.run = &run_on_pool;
    ex.self = &workers;
    ex.workers = workers;
    return ex;
}

// Partial sums per chunk, added in the order of the chunks: what every reduction of the library does.
double chunked_sum(const std::vector<double>& x, int workers) {
    const index_t grain = 100;
    const index_t n = static_cast<index_t>(x.size());
    std::vector<double> part(static_cast<std::size_t>((n + grain - 1) / grain), 0.0);
    pool_executor(workers).parallel_for(n, grain, [&](index_t b, index_t e) {
        double s = 0.0;
        for (index_t i = b; i < e; ++i) {
            s += x[static_cast<std::size_t>(i)];
        }
        part[static_cast<std::size_t>(b / grain)] = s;
    });
    double sum = 0.0;
    for (double s : part) {
        sum += s;
    }
    return sum;
}

}  // namespace

KRISS_CASE("a reduction over chunks returns the same bits for any number of workers") {
    std::vector<double> x(12345);
    double v = 0.1;
    for (double& e : x) {
        v = 3.9 * v * (1.0 - v);
        e = v - 0.5;
    }
    const double one = chunked_sum(x, 1);
    for (int workers : {2, 3, 4, 8}) {
        for (int repeat = 0; repeat < 20; ++repeat) {
            KRISS_CHECK(chunked_sum(x, workers) == one);
        }
    }
}

KRISS_CASE("many short regions in a row, what one writes the next reads") {
    int workers = 4;
    const Executor ex = pool_executor(workers);
    std::vector<long> x(64, 0);
    for (int r = 0; r < 3000; ++r) {
        ex.parallel_for(64, 8, [&](index_t b, index_t e) {
            for (index_t i = b; i < e; ++i) {
                x[static_cast<std::size_t>(i)] += 1;
            }
        });
    }
    for (long v : x) {
        KRISS_CHECK(v == 3000);
    }
}

KRISS_CASE("regions after a pause, when the workers sleep") {
    int workers = 3;
    const Executor ex = pool_executor(workers);
    std::atomic<int> chunks{0};
    for (int r = 0; r < 20; ++r) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        ex.parallel_for(30, 1, [&](index_t, index_t) { chunks.fetch_add(1); });
    }
    KRISS_CHECK(chunks.load() == 600);
}

KRISS_CASE("poll stops a region of several workers, and the next region runs whole") {
    struct State {
        std::atomic<int> chunks{0};
    } state;
    auto task = [](void* ctx, index_t, index_t) { static_cast<State*>(ctx)->chunks.fetch_add(1); };
    pool_run(4, 1000000, 1, task, &state, &stop_at_once, nullptr);
    KRISS_CHECK(state.chunks.load() < 1000000);
    state.chunks = 0;
    pool_run(4, 1000, 1, task, &state, nullptr, nullptr);
    KRISS_CHECK(state.chunks.load() == 1000);
}

KRISS_CASE("the process-wide setting never falls below one") {
    const int before = num_threads();
    KRISS_CHECK(before >= 1);
    set_num_threads(3);
    KRISS_CHECK(num_threads() == 3);
    set_num_threads(0);
    KRISS_CHECK(num_threads() == 1);
    set_num_threads(-5);
    KRISS_CHECK(num_threads() == 1);
    set_num_threads(before);
}

KRISS_CASE("the serial executor cuts the same chunks and stops when asked") {
    Executor ex;
    std::vector<index_t> begins;
    ex.parallel_for(10, 4, [&](index_t b, index_t e) {
        begins.push_back(b);
        KRISS_CHECK(e == (b + 4 < 10 ? b + 4 : 10));
    });
    KRISS_CHECK((begins == std::vector<index_t>{0, 4, 8}));
    ex.poll = &stop_at_once;
    int runs = 0;
    ex.parallel_for(10, 4, [&](index_t, index_t) { ++runs; });
    KRISS_CHECK(runs == 1 && ex.interrupted());
    ex.parallel_for(0, 4, [&](index_t, index_t) { ++runs; });
    ex.parallel_for(-3, 4, [&](index_t, index_t) { ++runs; });
    KRISS_CHECK(runs == 1);
}
