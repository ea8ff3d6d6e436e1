// Reverse Cuthill-McKee: a permutation, and the bandwidth of a shuffled path and grid.
#include "solve_order.hpp"

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <random>
#include <utility>
#include <vector>

#include "check.hpp"

using namespace kriss;

namespace {

using Edges = std::vector<std::pair<int, int>>;

// the largest distance of neighbours in the order found for a graph whose nodes were shuffled
template <class I>
index_t band(int n, const Edges& edges, unsigned seed) {
    std::vector<int> name(static_cast<std::size_t>(n));
    std::iota(name.begin(), name.end(), 0);
    std::shuffle(name.begin(), name.end(), std::mt19937(seed));
    std::vector<std::vector<int>> near(static_cast<std::size_t>(n));
    for (const auto& [a, b] : edges) {
        const int i = name[static_cast<std::size_t>(a)];
        const int j = name[static_cast<std::size_t>(b)];
        near[static_cast<std::size_t>(i)].push_back(j);
        near[static_cast<std::size_t>(j)].push_back(i);
    }
    std::vector<I> indptr{0}, indices;
    for (auto& row : near) {
        std::sort(row.begin(), row.end());
        indices.insert(indices.end(), row.begin(), row.end());
        indptr.push_back(static_cast<I>(indices.size()));
    }
    std::vector<I> order(static_cast<std::size_t>(n));
    reverse_cuthill_mckee<I>(n, indptr.data(), indices.data(), order.data());
    std::vector<I> place(static_cast<std::size_t>(n), I(-1));
    for (std::size_t k = 0; k < order.size(); ++k) {
        place[static_cast<std::size_t>(order[k])] = static_cast<I>(k);
    }
    KRISS_CHECK(std::count(place.begin(), place.end(), I(-1)) == 0);
    index_t most = 0;
    for (std::size_t i = 0; i < near.size(); ++i) {
        for (const int j : near[i]) {
            most =
                std::max<index_t>(most, std::abs(static_cast<index_t>(place[i] - place[static_cast<std::size_t>(j)])));
        }
    }
    return most;
}

template <class I>
void graphs() {
    KRISS_CHECK(band<I>(0, {}, 1) == 0);
    KRISS_CHECK(band<I>(7, {}, 1) == 0);
    Edges path, grid;
    for (int i = 0; i + 1 < 500; ++i) {
        path.emplace_back(i, i + 1);
    }
    for (int i = 0; i < 12; ++i) {
        for (int j = 0; j < 30; ++j) {
            if (i + 1 < 12) {
                grid.emplace_back(i * 30 + j, (i + 1) * 30 + j);
            }
            if (j + 1 < 30) {
                grid.emplace_back(i * 30 + j, i * 30 + j + 1);
            }
        }
    }
    for (unsigned seed = 0; seed < 5; ++seed) {
        KRISS_CHECK(band<I>(500, path, seed) == 1);
        KRISS_CHECK(band<I>(360, grid, seed) <= 13);
        KRISS_CHECK(band<I>(1000, path, seed) == 1);  // and five hundred rows with no neighbour
    }
}

}  // namespace

KRISS_CASE("32-bit") { graphs<std::int32_t>(); }
KRISS_CASE("64-bit") { graphs<std::int64_t>(); }
