#include "check.hpp"

#include <atomic>
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
