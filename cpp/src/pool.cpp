#include "pool.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#if defined(__linux__)
#include <sched.h>
#endif
#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif

namespace kriss {
namespace {

int available_cores() {
#if defined(__linux__)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set) == 0) {
        const int n = CPU_COUNT(&set);
        if (n > 0) {
            return n;
        }
    }
#endif
    const unsigned n = std::thread::hardware_concurrency();
    return n == 0 ? 1 : static_cast<int>(n);
}

int initial_threads() {
    if (const char* s = std::getenv("KRISS_NUM_THREADS"); s != nullptr) {
        const long n = std::strtol(s, nullptr, 10);
        if (n >= 1 && n <= 4096) {
            return static_cast<int>(n);
        }
    }
    return available_cores();
}

std::atomic<int>& threads_setting() {
    static std::atomic<int> n{initial_threads()};
    return n;
}

inline void cpu_relax() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("yield");
#endif
}

// Waking a sleeping thread costs some 10 us, as long as a short vector pass; a worker therefore spins for a moment
// after a region before it sleeps, so that the passes of one iteration find it awake (some 0.3 us). The limit is a
// time, not a count: a pause instruction takes 5 ns on one processor and 45 ns on another. While it spins it offers its
// core to whoever else is ready, such as the threads of a BLAS call that follows.
constexpr std::chrono::microseconds spin_time{100};

// Spins until ready() or until the time is up.
template <class Ready>
void spin(Ready ready) {
    for (int i = 0; i < 32; ++i) {
        if (ready()) {
            return;
        }
        cpu_relax();
    }
    const auto end = std::chrono::steady_clock::now() + spin_time;
    do {
        for (int i = 0; i < 32; ++i) {
            if (ready()) {
                return;
            }
            cpu_relax();
        }
        // Where the system put waker and woken on one core, the one that spins keeps the other from its work.
        std::this_thread::yield();
    } while (std::chrono::steady_clock::now() < end);
}

// Whatever `workers` asks for. Results do not depend on it, and a mistyped number must not start a million threads.
constexpr index_t most_helpers = 255;

// The chunks that one thread does first: [next, end). On a cache line of its own, as its owner writes it all the time.
struct alignas(64) Share {
    std::atomic<index_t> next{0};
    index_t end = 0;
};

// One parallel region. Thread k (0 is the caller) does the chunks of share k, in order, and then helps with the others'
// until none is left or `stop` is set. The passes of one iteration thus meet the same rows on the same core, in its
// caches: with chunks dealt out as they come, vectors of 20 MB in two last-level caches moved at memory speed
// (conjugate gradients on two cores ran 2.5 times slower than on one).
struct Job {
    Executor::Task task = nullptr;
    void* ctx = nullptr;
    index_t n = 0;
    index_t grain = 1;
    index_t chunks = 0;
    int helpers = 0;          // workers that may join besides the caller
    Share* shares = nullptr;  // (helpers + 1)
    std::atomic<bool> stop{false};
};

thread_local bool inside_region = false;

class Pool {
   public:
    ~Pool() {
        {
            std::lock_guard lock(mutex_);
            quit_ = true;
            epoch_.fetch_add(1, std::memory_order_release);
        }
        wake_.notify_all();
        for (auto& t : threads_) {
            t.join();
        }
    }

    bool try_acquire() { return busy_.try_lock(); }
    void release() { busy_.unlock(); }

    void run(Job& job, bool (*poll)(void*), void* self) {
        grow(job.helpers);
        const index_t threads = job.helpers + 1;
        for (index_t k = 0; k < threads; ++k) {
            shares_[k].next.store(job.chunks * k / threads, std::memory_order_relaxed);
            shares_[k].end = job.chunks * (k + 1) / threads;
        }
        job.shares = shares_.data();
        {
            std::lock_guard lock(mutex_);
            job_ = &job;
            epoch_.fetch_add(1, std::memory_order_release);
        }
        wake_.notify_all();
        drain(job, 0, poll, self);
        {
            // From here on nobody joins; a worker that is still waking up is not waited for.
            std::lock_guard lock(mutex_);
            job_ = nullptr;
        }
        const auto all_left = [&] { return joined_.load(std::memory_order_acquire) == 0; };
        spin(all_left);
        while (!all_left()) {
            std::this_thread::yield();
        }
    }

    static void drain(Job& job, index_t first, bool (*poll)(void*), void* self) {
        inside_region = true;
        const index_t threads = job.helpers + 1;
        for (index_t k = 0; k < threads; ++k) {
            Share& share = job.shares[(first + k) % threads];
            while (!job.stop.load(std::memory_order_relaxed)) {
                const index_t c = share.next.fetch_add(1, std::memory_order_relaxed);
                if (c >= share.end) {
                    break;
                }
                const index_t begin = c * job.grain;
                const index_t end = begin + job.grain < job.n ? begin + job.grain : job.n;
                job.task(job.ctx, begin, end);
                if (poll != nullptr && poll(self)) {
                    job.stop.store(true, std::memory_order_relaxed);
                }
            }
        }
        inside_region = false;
    }

   private:
    // A system that gives no more threads is served by those there are; the caller alone can do every chunk.
    void grow(int helpers) {
        try {
            while (static_cast<int>(threads_.size()) < helpers) {
                const int id = static_cast<int>(threads_.size());
                threads_.emplace_back([this, id, seen = epoch_.load()] { work(id, seen); });
            }
        } catch (const std::exception&) {
        }
    }

    void work(int id, unsigned seen) {
        for (;;) {
            spin([&] { return epoch_.load(std::memory_order_acquire) != seen; });
            Job* job = nullptr;
            {
                std::unique_lock lock(mutex_);
                wake_.wait(lock, [&] { return epoch_.load(std::memory_order_relaxed) != seen; });
                seen = epoch_.load(std::memory_order_relaxed);
                if (quit_) {
                    return;
                }
                if (job_ != nullptr && id < job_->helpers) {
                    job = job_;
                    joined_.fetch_add(1, std::memory_order_relaxed);
                }
            }
            if (job != nullptr) {
                drain(*job, id + 1, nullptr, nullptr);
                joined_.fetch_sub(1, std::memory_order_release);
            }
        }
    }

    std::mutex busy_;
    std::mutex mutex_;
    std::condition_variable wake_;
    std::vector<std::thread> threads_;
    std::array<Share, most_helpers + 1> shares_;  // of the region under way; its caller holds busy_
    std::atomic<unsigned> epoch_{0};
    std::atomic<int> joined_{0};
    Job* job_ = nullptr;
    bool quit_ = false;
};

std::atomic<Pool*> the_pool{nullptr};

// In a forked child the worker threads do not exist and the mutexes may be held: forget the pool (a small leak) and
// let the next parallel region build another. Registered when the library is loaded, so that no lock of ours can be
// held by a registration under way.
#if defined(__unix__) || defined(__APPLE__)
[[maybe_unused]] const int fork_handler = pthread_atfork(nullptr, nullptr, [] {
    inside_region = false;
    the_pool.store(nullptr);
});
#endif

Pool& pool() {
    Pool* p = the_pool.load(std::memory_order_acquire);
    if (p == nullptr) {
        auto fresh = std::make_unique<Pool>();
        if (the_pool.compare_exchange_strong(p, fresh.get())) {
            // Never destroyed: at exit the threads end with the process, and joining them from a static destructor
            // hangs when another library has already torn its own state down.
            p = fresh.release();
        }
    }
    return *p;
}

}  // namespace

int num_threads() { return threads_setting().load(std::memory_order_relaxed); }

void set_num_threads(int n) { threads_setting().store(n < 1 ? 1 : n, std::memory_order_relaxed); }

void pool_run(int workers, index_t n, index_t grain, Executor::Task task, void* ctx, bool (*poll)(void*), void* self) {
    Job job;
    job.task = task;
    job.ctx = ctx;
    job.n = n;
    job.grain = grain;
    job.chunks = (n + grain - 1) / grain;
    const index_t most = job.chunks - 1 < most_helpers ? job.chunks - 1 : most_helpers;
    job.helpers = static_cast<int>(static_cast<index_t>(workers) - 1 < most ? workers - 1 : most);
    if (job.helpers > 0 && !inside_region) {
        Pool& p = pool();
        if (p.try_acquire()) {
            p.run(job, poll, self);
            p.release();
            return;
        }
    }
    const bool nested = inside_region;
    Share all;
    all.end = job.chunks;
    job.helpers = 0;
    job.shares = &all;
    Pool::drain(job, 0, poll, self);
    inside_region = nested;
}

}  // namespace kriss

// The C entry points by which threadpoolctl reads and sets the pool (python/kriss/_threads.py).
extern "C" {
__attribute__((visibility("default"))) int kriss_get_num_threads() { return kriss::num_threads(); }
__attribute__((visibility("default"))) void kriss_set_num_threads(int n) { kriss::set_num_threads(n); }
}
