#include "solve_storage.hpp"

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <new>
#include <utility>

namespace kriss {

namespace {

constexpr index_t storage_grain = 4 * solve_grain;  // rows read together

// The diagonals met in some rows, by increasing offset.
template <class T>
struct Found {
    int count = 0;
    bool fits = true;  // at most max_diagonals of them, rows sorted
    index_t offset[max_diagonals] = {};
    index_t entries[max_diagonals] = {};
    T value[max_diagonals] = {};  // of the first entry
    bool constant[max_diagonals] = {};

    // the place of offset o, which is made if need be, given that it is at least `at`
    int place(int at, index_t o, T v) {
        while (at < count && offset[at] < o) {
            ++at;
        }
        if (at < count && offset[at] == o) {
            return at;
        }
        if (count == max_diagonals) {
            fits = false;
            return -1;
        }
        for (int j = count; j > at; --j) {
            offset[j] = offset[j - 1];
            entries[j] = entries[j - 1];
            value[j] = value[j - 1];
            constant[j] = constant[j - 1];
        }
        offset[at] = o;
        entries[at] = 0;
        value[at] = v;
        constant[at] = true;
        ++count;
        return at;
    }
};

template <class T, class I>
void find_rows(const CsrView<T, I>& a, index_t begin, index_t end, Found<T>& out) {
    for (index_t i = begin; i < end; ++i) {
        int at = -1;
        for (index_t k = a.indptr[i]; k < a.indptr[i + 1]; ++k) {
            const index_t o = static_cast<index_t>(a.indices[k]) - i;
            if (at >= 0 && o <= out.offset[at]) {
                out.fits = false;
                return;
            }
            at = out.place(at + 1, o, a.data[k]);
            if (at < 0) {
                return;
            }
            ++out.entries[at];
            out.constant[at] = out.constant[at] && a.data[k] == out.value[at];
        }
    }
}

template <class T, class I>
Found<T> find_diagonals(const CsrView<T, I>& a, const Executor& ex) {
    std::vector<Found<T>> parts(static_cast<std::size_t>((a.rows + storage_grain - 1) / storage_grain));
    ex.parallel_for(a.rows, storage_grain, [&](index_t b, index_t e) {
        find_rows(a, b, e, parts[static_cast<std::size_t>(b / storage_grain)]);
    });
    Found<T> out;
    for (const Found<T>& part : parts) {
        out.fits = out.fits && part.fits;
        for (int k = 0; k < part.count && out.fits; ++k) {
            const int at = out.place(0, part.offset[k], part.value[k]);
            if (at >= 0) {
                out.entries[at] += part.entries[k];
                out.constant[at] = out.constant[at] && part.constant[k] && part.value[k] == out.value[at];
            }
        }
    }
    return out;
}

index_t magnitude(index_t o) { return o < 0 ? -o : o; }

// Rows [first, last) for which column i + o is inside.
struct Range {
    index_t first, last;
};
Range inside(index_t n, index_t o) { return {o < 0 ? -o : 0, o > 0 ? n - o : n}; }

}  // namespace

void* aligned_bytes(std::size_t bytes) {
    constexpr std::size_t line = 64;
    constexpr std::size_t page = std::size_t{2} << 20;
    const std::size_t unit = bytes >= 2 * page ? page : line;
    const std::size_t size = (std::max(bytes, line) + unit - 1) / unit * unit;
    void* room = std::aligned_alloc(unit, size);
    if (room == nullptr) {
        throw std::bad_alloc();
    }
#if defined(__linux__)
    if (unit == page) {
        madvise(room, size, MADV_HUGEPAGE);  // advice: a refusal changes nothing
    }
#endif
    return room;
}

template <class T, class I>
Diagonals<T> by_diagonals(const CsrView<T, I>& a, const Executor& ex) {
    Diagonals<T> out;
    const index_t n = a.rows;
    if (n != a.cols || n < 64) {
        return out;
    }
    const Found<T> found = find_diagonals(a, ex);
    const int count = found.count;
    if (!found.fits || count == 0 || ex.interrupted()) {
        return out;
    }
    const index_t* offset = found.offset;
    const index_t halo = std::max(magnitude(offset[0]), magnitude(offset[count - 1]));
    const double full = static_cast<double>(a.indptr[n]) / (static_cast<double>(count) * static_cast<double>(n));
    if (full < 0.7 || halo > n / 2) {
        return out;
    }
    DiagonalView<T>& view = out.view;
    view.n = n;
    view.halo = halo;
    view.count = count;
    // One stream per diagonal that is not constant, with room for |offset| zeros before it: the lower diagonal of a
    // symmetric matrix reads a_(i, i - o) = a_(i - o, i) = upper[i - o].
    std::vector<Aligned<T>> streams(static_cast<std::size_t>(count));
    T* base[max_diagonals] = {};
    bool any = false;
    for (int k = 0; k < count; ++k) {
        view.offset[k] = offset[k];
        const Range rows = inside(n, offset[k]);
        if (found.constant[k] && found.entries[k] == rows.last - rows.first) {
            view.constant[k] = found.value[k];
            continue;
        }
        any = true;
        const index_t pad = whole_lines<T>(magnitude(offset[k]));
        auto& room = streams[static_cast<std::size_t>(k)];
        room = aligned<T>(n + pad);
        std::fill_n(room.get(), pad, T(0));
        base[k] = room.get() + pad;
        view.stream[k] = base[k];
    }
    if (any) {
        ex.parallel_for(n, storage_grain, [&](index_t begin, index_t end) {
            for (int k = 0; k < count; ++k) {
                if (base[k] != nullptr) {
                    std::fill(base[k] + begin, base[k] + end, T(0));
                }
            }
            for (index_t i = begin; i < end; ++i) {
                int at = 0;
                for (index_t k = a.indptr[i]; k < a.indptr[i + 1]; ++k) {
                    const index_t o = static_cast<index_t>(a.indices[k]) - i;
                    while (offset[at] < o) {
                        ++at;
                    }
                    if (base[at] != nullptr) {
                        base[at][i] = a.data[k];
                    }
                }
            }
        });
    }
    for (int k = 0; k < count && offset[k] < 0; ++k) {
        for (int j = count - 1; j > k; --j) {
            if (offset[j] != -offset[k] || base[k] == nullptr || base[j] == nullptr) {
                continue;
            }
            const index_t o = offset[j];
            const T* const lower = base[k] + o;
            const T* const upper = base[j];
            std::atomic<bool> symmetric{true};
            ex.parallel_for(n - o, storage_grain, [&](index_t begin, index_t end) {
                if (!std::equal(upper + begin, upper + end, lower + begin)) {
                    symmetric.store(false, std::memory_order_relaxed);
                }
            });
            if (symmetric.load()) {
                view.stream[k] = upper - o;
                streams[static_cast<std::size_t>(k)].reset();
            }
        }
    }
    for (auto& s : streams) {
        if (s != nullptr) {
            out.streams.push_back(std::move(s));
            out.stored += n;
        }
    }
    return out;
}

namespace {

// The rows [first, first + b) have the same columns, in aligned runs of b. out: their block columns
template <class T, class I>
bool block_line_of(const CsrView<T, I>& a, index_t first, index_t b, I* out) {
    const index_t start = a.indptr[first];
    const index_t length = a.indptr[first + 1] - start;
    if (length % b != 0) {
        return false;
    }
    for (index_t r = 1; r < b; ++r) {
        if (a.indptr[first + r + 1] - a.indptr[first + r] != length) {
            return false;
        }
    }
    const I* top = a.indices + start;
    for (index_t k = 0; k < length; k += b) {
        if (top[k] % b != 0) {
            return false;
        }
        out[k / b] = static_cast<I>(top[k] / b);
    }
    I wrong = 0;  // without a branch per entry
    for (index_t k = 0; k < length; k += b) {
        for (index_t c = 1; c < b; ++c) {
            wrong |= top[k + c] ^ static_cast<I>(top[k] + c);
        }
    }
    for (index_t r = 1; r < b; ++r) {
        for (index_t k = 0; k < length; ++k) {
            wrong |= top[k] ^ top[r * length + k];
        }
    }
    return wrong == 0;
}

// The values of the rows [first, first + b), `length` each, block after block.  out: (b length)
template <class T>
void copy_blocks(const T* rows, index_t length, index_t b, T* out) {
    for (index_t k = 0; k < length; k += b) {
        for (index_t r = 0; r < b; ++r) {
            for (index_t c = 0; c < b; ++c) {
                *out++ = rows[r * length + k + c];
            }
        }
    }
}

}  // namespace

namespace {

// The pattern of aligned blocks without their values.
template <class T, class I>
Blocks<T, I> find_blocks(const CsrView<T, I>& a, const Executor& ex) {
    constexpr index_t some = 256;  // lines that show whether the rest is worth the room
    const index_t n = a.rows;
    for (const index_t b : {6, 4, 3, 2}) {
        const index_t lines = n / b;
        if (n != a.cols || n == 0 || n % b != 0 || a.indptr[n] == 0) {
            continue;
        }
        Blocks<T, I> out;
        std::atomic<bool> good{true};
        // where all lines consist of blocks, those before a line have this many
        const auto before = [&](index_t line) { return static_cast<index_t>(a.indptr[line * b]) / (b * b); };
        const auto look = [&](index_t begin, index_t end) {
            for (index_t line = begin; line < end && good.load(std::memory_order_relaxed); ++line) {
                // a line that is none may be longer than its room, and a look at it stops before
                const index_t own = before(line + 1) - before(line);
                if (static_cast<index_t>(a.indptr[line * b + 1]) - static_cast<index_t>(a.indptr[line * b]) !=
                        own * b ||
                    !block_line_of(a, line * b, b, out.indices.data() + before(line))) {
                    good.store(false, std::memory_order_relaxed);
                }
                out.indptr[static_cast<std::size_t>(line) + 1] = static_cast<I>(before(line + 1));
            }
        };
        const index_t first = std::min(lines, some);
        out.indptr.resize(static_cast<std::size_t>(first) + 1);
        out.indices.resize(static_cast<std::size_t>(before(first)));
        look(0, first);
        if (!good) {
            continue;
        }
        out.indptr.resize(static_cast<std::size_t>(lines) + 1);
        out.indices.resize(static_cast<std::size_t>(before(lines)));
        ex.parallel_for(lines - first, some, [&](index_t begin, index_t end) { look(first + begin, first + end); });
        if (good) {
            out.view = {lines, b, b, out.indptr.data(), out.indices.data(), nullptr};
            return out;
        }
    }
    return {};
}

template <class T, class I>
void copy_values(const CsrView<T, I>& a, Blocks<T, I>& blocks, const Executor& ex) {
    const index_t b = blocks.view.high;
    blocks.data = aligned<T>(a.indptr[a.rows]);
    ex.parallel_for(blocks.view.lines, solve_grain / b, [&](index_t begin, index_t end) {
        for (index_t line = begin; line < end; ++line) {
            const index_t start = a.indptr[line * b];
            copy_blocks(a.data + start, static_cast<index_t>(a.indptr[line * b + 1]) - start, b,
                        blocks.data.get() + start);
        }
    });
    blocks.view.data = blocks.data.get();
}

}  // namespace

template <class T, class I>
Blocks<T, I> by_blocks(const CsrView<T, I>& a, const Executor& ex) {
    Blocks<T, I> out = find_blocks(a, ex);
    if (out.used()) {
        copy_values(a, out, ex);
    }
    return out;
}

template <class T, class I>
void choose_storage(const CsrView<T, I>& a, Diagonals<T>& diagonals, Blocks<T, I>& blocks, const Executor& ex) {
    blocks = find_blocks(a, ex);
    diagonals = by_diagonals(a, ex);
    if (diagonals.used() && blocks.used()) {
        if (diagonals.stored * static_cast<index_t>(sizeof(T)) <= blocks.bytes()) {
            blocks = {};
        } else {
            diagonals = {};
        }
    }
    if (blocks.used()) {
        copy_values(a, blocks, ex);
    }
}

#define KRISS_INSTANTIATE(T, I)                                                                                        \
    template Diagonals<T> by_diagonals(const CsrView<T, I>&, const Executor&);                                         \
    template Blocks<T, I> by_blocks(const CsrView<T, I>&, const Executor&);                                            \
    template void choose_storage(const CsrView<T, I>&, Diagonals<T>&, Blocks<T, I>&, const Executor&);

KRISS_INSTANTIATE(float, std::int32_t)
KRISS_INSTANTIATE(float, std::int64_t)
KRISS_INSTANTIATE(double, std::int32_t)
KRISS_INSTANTIATE(double, std::int64_t)

template Blocks<Cplx<float>, std::int32_t> by_blocks(const CsrView<Cplx<float>, std::int32_t>&, const Executor&);
template Blocks<Cplx<float>, std::int64_t> by_blocks(const CsrView<Cplx<float>, std::int64_t>&, const Executor&);
template Blocks<Cplx<double>, std::int32_t> by_blocks(const CsrView<Cplx<double>, std::int32_t>&, const Executor&);
template Blocks<Cplx<double>, std::int64_t> by_blocks(const CsrView<Cplx<double>, std::int64_t>&, const Executor&);

}  // namespace kriss
