// Launches over the rows and columns of a panel, and sums of its columns: written once, run by a device, or by the host
// compiler thread by thread (cpp/tests includes the launchers' .cu files).
//
// A panel is (rows, columns), row-major, with at most max_panel columns. Thread t of a block takes column t mod columns
// of every rows-in-flight-th row, so neighbouring threads touch neighbouring memory and a thread never changes its
// column. A body is a struct with
//     bool live(index_t column) const                                 whether there is anything to do
//     void operator()(index_t row, index_t column) const              rows(...)
//     void operator()(index_t row, index_t column, double* s) const   sums<Width>(...): adds to s[0..Width)
// both callable on either side. Sums run over a grid that depends on the size alone and in a fixed tree: the same bits
// from run to run, and on the host.
#pragma once

#include "launch.hpp"

namespace kriss::cuda {

inline constexpr unsigned panel_threads = 256;
inline constexpr index_t max_panel = 8;
inline constexpr unsigned most_step_threads = 1024;  // of the one block of steps(...)

struct Thread {
    unsigned block = 0;
    unsigned index = 0;
    unsigned blocks = 1;
};

// The rows of a thread: first, first + step, ...
struct Span {
    bool any = false;
    index_t column = 0;
    index_t first = 0;
    index_t step = 1;
};

KRISS_HD inline Span span(const Thread& t, index_t columns) {
    const index_t lanes = static_cast<index_t>(panel_threads) / columns;
    const index_t index = static_cast<index_t>(t.index);
    return {index < lanes * columns, index % columns, static_cast<index_t>(t.block) * lanes + index / columns,
            static_cast<index_t>(t.blocks) * lanes};
}

template <class F>
KRISS_HD void rows_of_thread(const Thread& t, index_t rows, index_t columns, const F& f) {
    const Span s = span(t, columns);
    if (!s.any || !f.live(s.column)) {
        return;
    }
    for (index_t row = s.first; row < rows; row += s.step) {
        f(row, s.column);
    }
}

template <int Width, class F>
KRISS_HD void sums_of_thread(const Thread& t, index_t rows, index_t columns, const F& f, double* out) {
    double s[Width] = {};
    const Span part = span(t, columns);
    if (part.any && f.live(part.column)) {
        for (index_t row = part.first; row < rows; row += part.step) {
            f(row, part.column, s);
        }
    }
    for (int w = 0; w < Width; ++w) {
        out[w] = s[w];
    }
}

// How many lanes the first step of the tree takes in: the power of two below the number of rows in flight, or half.
KRISS_HD inline index_t tree_top(index_t columns) {
    index_t half = 1;
    while (2 * half < static_cast<index_t>(panel_threads) / columns) {
        half *= 2;
    }
    return half;
}

// One step of the tree for one thread; room: (panel_threads)
KRISS_HD inline void tree_step(double* room, index_t index, index_t half, index_t columns) {
    const index_t lanes = static_cast<index_t>(panel_threads) / columns;
    const index_t lane = index / columns;
    if (lane < half && lane + half < lanes) {
        room[index] += room[index + half * columns];
    }
}

// What a block hands over: part[(w * blocks + block) * columns + column]
struct StorePartials {
    double* part;
    KRISS_HD void operator()(const Thread& t, index_t columns, const double* s, int width) const {
        for (int w = 0; w < width; ++w) {
            part[(static_cast<index_t>(w) * t.blocks + t.block) * columns + static_cast<index_t>(t.index)] = s[w];
        }
    }
};

// Those partial sums as the rows of a panel.
template <int Width>
struct Partials {
    const double* part;
    index_t count;
    index_t columns;
    KRISS_HD bool live(index_t) const { return true; }
    KRISS_HD void operator()(index_t row, index_t column, double* s) const {
        for (int w = 0; w < Width; ++w) {
            s[w] += part[(w * count + row) * columns + column];
        }
    }
};

// Body of the last, single block: g(column, sums).
template <class G>
struct Finish {
    G g;
    KRISS_HD void operator()(const Thread& t, index_t, const double* s, int) const {
        g(static_cast<index_t>(t.index), s);
    }
};

inline unsigned row_blocks(index_t rows, index_t columns) {
    return blocks(rows, panel_threads / static_cast<unsigned>(columns));
}

// Blocks of a sum: four rows per thread or more, a function of the size alone.
inline unsigned sum_blocks(index_t rows, index_t columns) {
    const unsigned wanted = blocks(rows, 4 * (panel_threads / static_cast<unsigned>(columns)));
    return wanted < 1024 ? wanted : 1024;
}

#ifdef __CUDACC__

template <class F>
__global__ void __launch_bounds__(panel_threads) rows_kernel(index_t rows, index_t columns, F f) {
    rows_of_thread(Thread{blockIdx.x, threadIdx.x, gridDim.x}, rows, columns, f);
}

template <int Width, class F, class Done>
__global__ void __launch_bounds__(panel_threads) sums_kernel(index_t rows, index_t columns, F f, Done done) {
    __shared__ double room[Width][panel_threads];
    const Thread t{blockIdx.x, threadIdx.x, gridDim.x};
    double s[Width];
    sums_of_thread<Width>(t, rows, columns, f, s);
    for (int w = 0; w < Width; ++w) {
        room[w][t.index] = s[w];
    }
    __syncthreads();
    for (index_t half = tree_top(columns); half > 0; half /= 2) {
        for (int w = 0; w < Width; ++w) {
            tree_step(room[w], static_cast<index_t>(t.index), half, columns);
        }
        __syncthreads();
    }
    if (static_cast<index_t>(t.index) < columns) {
        for (int w = 0; w < Width; ++w) {
            s[w] = room[w][t.index];
        }
        done(t, columns, s, Width);
    }
}

// f(step, thread, threads) for step = first, ..., last - 1: one block of at most most_step_threads, all together
template <class F>
__global__ void __launch_bounds__(most_step_threads) steps_kernel(index_t first, index_t last, F f) {
    for (index_t step = first; step < last; ++step) {
        f(step, static_cast<index_t>(threadIdx.x), static_cast<index_t>(blockDim.x));
        __syncthreads();
    }
}

template <class F>
void rows(index_t n, index_t columns, const F& f, stream_t s) {
    rows_kernel<<<row_blocks(n, columns), panel_threads, 0, stream(s)>>>(n, columns, f);
}

template <int Width, class F, class G>
void sums(index_t n, index_t columns, const F& f, double* part, const G& g, stream_t s) {
    const unsigned count = sum_blocks(n, columns);
    sums_kernel<Width><<<count, panel_threads, 0, stream(s)>>>(n, columns, f, StorePartials{part});
    const Partials<Width> left{part, static_cast<index_t>(count), columns};
    sums_kernel<Width><<<1, panel_threads, 0, stream(s)>>>(static_cast<index_t>(count), columns, left, Finish<G>{g});
}

template <class F>
void steps(index_t first, index_t last, unsigned threads, const F& f, stream_t s) {
    steps_kernel<<<1, threads, 0, stream(s)>>>(first, last, f);
}

#else

// The host replays every thread of every block, in this order or the opposite one: what comes out must not differ.
inline bool replay_backward = false;

template <class F>
void replay(unsigned count, const F& f) {
    for (unsigned k = 0; k < count; ++k) {
        f(replay_backward ? count - 1 - k : k);
    }
}

template <class F>
void rows(index_t n, index_t columns, const F& f, stream_t) {
    const unsigned count = row_blocks(n, columns);
    replay(count, [&](unsigned block) {
        replay(panel_threads, [&](unsigned index) { rows_of_thread(Thread{block, index, count}, n, columns, f); });
    });
}

template <int Width, class F, class Done>
void replay_block(const Thread& at, index_t n, index_t columns, const F& f, const Done& done) {
    double room[Width][panel_threads];
    replay(panel_threads, [&](unsigned index) {
        double s[Width];
        sums_of_thread<Width>(Thread{at.block, index, at.blocks}, n, columns, f, s);
        for (int w = 0; w < Width; ++w) {
            room[w][index] = s[w];
        }
    });
    for (index_t half = tree_top(columns); half > 0; half /= 2) {
        for (int w = 0; w < Width; ++w) {
            replay(panel_threads,
                   [&](unsigned index) { tree_step(room[w], static_cast<index_t>(index), half, columns); });
        }
    }
    for (unsigned index = 0; static_cast<index_t>(index) < columns; ++index) {
        double s[Width];
        for (int w = 0; w < Width; ++w) {
            s[w] = room[w][index];
        }
        done(Thread{at.block, index, at.blocks}, columns, s, Width);
    }
}

template <int Width, class F, class G>
void sums(index_t n, index_t columns, const F& f, double* part, const G& g, stream_t) {
    const unsigned count = sum_blocks(n, columns);
    replay(count,
           [&](unsigned block) { replay_block<Width>(Thread{block, 0, count}, n, columns, f, StorePartials{part}); });
    const Partials<Width> left{part, static_cast<index_t>(count), columns};
    replay_block<Width>(Thread{0, 0, 1}, static_cast<index_t>(count), columns, left, Finish<G>{g});
}

template <class F>
void steps(index_t first, index_t last, unsigned threads, const F& f, stream_t) {
    for (index_t step = first; step < last; ++step) {
        replay(threads, [&](unsigned index) { f(step, static_cast<index_t>(index), static_cast<index_t>(threads)); });
    }
}

#endif

}  // namespace kriss::cuda
