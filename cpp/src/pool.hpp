// The worker pool behind kriss::Executor: a fixed set of std::threads, rebuilt after fork, never nested.
#pragma once

#include "kriss/executor.hpp"

namespace kriss {

// Process-wide number of threads: KRISS_NUM_THREADS, else the cores this process may use.
int num_threads();
void set_num_threads(int n);  // n >= 1

// Runs task over [0, n) in chunks of `grain` on at most `workers` threads, the caller being one of them.
// `poll` (may be null) is asked by the caller between its chunks; once it says true no further chunk starts.
// Runs serially, with the same chunks, inside another parallel region or while another thread holds the pool.
void pool_run(int workers, index_t n, index_t grain, Executor::Task task, void* ctx, bool (*poll)(void*), void* self);

}  // namespace kriss
