#include "solve_row_blocks.hpp"

#include <algorithm>
#include <numeric>

namespace kriss {

namespace {

constexpr index_t fewest_entries = 40000;  // a sweep over fewer takes as long as waking the threads
constexpr index_t block_sizes[] = {512, 256, 128, 64, 48};
constexpr double wanted_width = 3.0;

// Pairs of coupled blocks as adjacency lists without the blocks themselves.
template <class T>
void couple(const CsrView<T, std::int32_t>& a, index_t rows, RowSchedule& s) {
    const index_t count = (a.rows + rows - 1) / rows;
    std::vector<std::vector<std::int32_t>> lists(static_cast<std::size_t>(count));
    std::vector<std::int32_t> seen(static_cast<std::size_t>(count), -1);
    for (index_t b = 0; b < count; ++b) {
        const auto self = static_cast<std::int32_t>(b);
        seen[static_cast<std::size_t>(b)] = self;
        const index_t last = std::min(a.rows, (b + 1) * rows);
        for (index_t k = a.indptr[b * rows]; k < a.indptr[last]; ++k) {
            const index_t c = a.indices[k] / rows;
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
    return sizeof(std::int32_t) * (order[0].size() + order[1].size() + coupled.size() + first.size()) +
           sizeof(index_t) * done.size();
}

RowBlocks RowSchedule::view() {
    RowBlocks out;
    out.count = static_cast<index_t>(order[0].size());
    out.rows = rows;
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
    for (const index_t rows : block_sizes) {
        RowSchedule s;
        s.rows = rows;
        couple(a, rows, s);
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
