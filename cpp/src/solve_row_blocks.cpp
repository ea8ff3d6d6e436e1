#include "solve_row_blocks.hpp"

#include <algorithm>
#include <numeric>

namespace kriss {

namespace {

constexpr index_t fewest_entries = 40000;  // a sweep over fewer takes as long as waking the threads
constexpr std::int32_t block_sizes[] = {512, 256, 128, 64, 48};
constexpr double wanted_width = 3.0;

std::size_t at(index_t i) { return static_cast<std::size_t>(i); }

template <class T>
bool has(const CsrView<T, std::int32_t>& a, index_t i, index_t j) {
    const std::int32_t* first = a.indices + a.indptr[i];
    const std::int32_t* last = a.indices + a.indptr[i + 1];
    return std::find(first, last, static_cast<std::int32_t>(j)) != last;
}

// Rows that are not coupled to the one before; the first and the end among them.
template <class T>
std::vector<std::int32_t> runs(const CsrView<T, std::int32_t>& a) {
    std::vector<std::int32_t> out;
    for (index_t i = 0; i < a.rows; ++i) {
        if (i == 0 || !(has(a, i, i - 1) || has(a, i - 1, i))) {
            out.push_back(static_cast<std::int32_t>(i));
        }
    }
    out.push_back(static_cast<std::int32_t>(a.rows));
    return out;
}

// Runs cut into equal parts of at most `most` rows, short ones taken together up to as many.
std::vector<std::int32_t> cut(const std::vector<std::int32_t>& run, std::int32_t most) {
    std::vector<std::int32_t> start(1, 0);
    for (std::size_t r = 0; r + 1 < run.size(); ++r) {
        const std::int32_t length = run[r + 1] - run[r];
        const std::int32_t parts = (length + most - 1) / most;
        if (parts == 1 && r > 0 && run[r + 1] - start.back() > most && run[r] > start.back()) {
            start.push_back(run[r]);
        }
        for (std::int32_t k = parts > 1 ? 0 : 1; k < parts; ++k) {
            const std::int32_t first = run[r] + static_cast<std::int32_t>(std::int64_t(length) * k / parts);
            if (first > start.back()) {
                start.push_back(first);
            }
        }
        if (parts > 1 && run[r + 1] < run.back()) {
            start.push_back(run[r + 1]);
        }
    }
    start.push_back(run.back());
    return start;
}

// Pairs of coupled blocks as adjacency lists without the blocks themselves.
template <class T>
void couple(const CsrView<T, std::int32_t>& a, RowSchedule& s) {
    const auto count = static_cast<index_t>(s.start.size()) - 1;
    std::vector<std::int32_t> block_of(at(a.rows));
    for (index_t b = 0; b < count; ++b) {
        std::fill(block_of.begin() + s.start[at(b)], block_of.begin() + s.start[at(b) + 1],
                  static_cast<std::int32_t>(b));
    }
    std::vector<std::vector<std::int32_t>> lists(static_cast<std::size_t>(count));
    std::vector<std::int32_t> seen(static_cast<std::size_t>(count), -1);
    for (index_t b = 0; b < count; ++b) {
        const auto self = static_cast<std::int32_t>(b);
        seen[static_cast<std::size_t>(b)] = self;
        for (index_t k = a.indptr[s.start[at(b)]]; k < a.indptr[s.start[at(b) + 1]]; ++k) {
            const index_t c = block_of[at(a.indices[k])];
            if (seen[static_cast<std::size_t>(c)] != self) {
                seen[static_cast<std::size_t>(c)] = self;
                lists[static_cast<std::size_t>(b)].push_back(static_cast<std::int32_t>(c));
                lists[static_cast<std::size_t>(c)].push_back(self);
            }
        }
    }
    s.first.assign(1, 0);
    s.coupled.clear();
    for (auto& list : lists) {
        std::sort(list.begin(), list.end());
        list.erase(std::unique(list.begin(), list.end()), list.end());
        s.coupled.insert(s.coupled.end(), list.begin(), list.end());
        s.first.push_back(static_cast<std::int32_t>(s.coupled.size()));
    }
}

// order[which] by levels; returns how many there are
std::int32_t by_levels(RowSchedule& s, bool forward) {
    const auto count = static_cast<std::int32_t>(s.first.size()) - 1;
    std::vector<std::int32_t> level(static_cast<std::size_t>(count), 0);
    std::int32_t most = 0;
    for (std::int32_t turn = 0; turn < count; ++turn) {
        const std::int32_t b = forward ? turn : count - 1 - turn;
        std::int32_t l = 0;
        for (auto k = static_cast<std::size_t>(s.first[static_cast<std::size_t>(b)]);
             k < static_cast<std::size_t>(s.first[static_cast<std::size_t>(b) + 1]); ++k) {
            const std::int32_t other = s.coupled[k];
            if (forward ? other < b : other > b) {
                l = std::max(l, level[static_cast<std::size_t>(other)] + 1);
            }
        }
        level[static_cast<std::size_t>(b)] = l;
        most = std::max(most, l + 1);
    }
    auto& order = s.order[forward ? 0 : 1];
    order.resize(static_cast<std::size_t>(count));
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](std::int32_t x, std::int32_t y) {
        return level[static_cast<std::size_t>(x)] < level[static_cast<std::size_t>(y)];
    });
    return most;
}

}  // namespace

std::size_t RowSchedule::nbytes() const {
    return sizeof(std::int32_t) * (order[0].size() + order[1].size() + coupled.size() + first.size() + start.size()) +
           sizeof(index_t) * done.size();
}

RowBlocks RowSchedule::view() {
    RowBlocks out;
    out.count = static_cast<index_t>(order[0].size());
    out.start = start.data();
    out.order[0] = order[0].data();
    out.order[1] = order[1].data();
    out.coupled = coupled.data();
    out.first = first.data();
    out.done = done.data();
    out.epoch = &epoch;
    return out;
}

template <class T>
RowSchedule row_schedule(const CsrView<T, std::int32_t>& a) {
    if (a.rows == 0 || a.indptr[a.rows] < fewest_entries) {
        return {};
    }
    const std::vector<std::int32_t> run = runs(a);
    for (const std::int32_t rows : block_sizes) {
        RowSchedule s;
        s.start = cut(run, rows);
        couple(a, s);
        const auto count = static_cast<index_t>(s.first.size()) - 1;
        if (static_cast<double>(count) >= wanted_width * static_cast<double>(by_levels(s, true))) {
            by_levels(s, false);
            s.done.assign(static_cast<std::size_t>((count + 1) * row_block_stride), 0);
            return s;
        }
    }
    return {};
}

template RowSchedule row_schedule<float>(const CsrView<float, std::int32_t>&);
template RowSchedule row_schedule<double>(const CsrView<double, std::int32_t>&);

}  // namespace kriss
