#include "solve_order.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>

namespace kriss {

namespace {

template <class I>
class Graph {
   public:
    Graph(index_t n, const I* indptr, const I* indices)
        : n_(n), indptr_(indptr), indices_(indices), by_degree_(at(n)), rank_(at(n)), seen_(at(n)), queue_(at(n)) {
        index_t most = 0;
        for (index_t i = 0; i < n; ++i) {
            most = std::max(most, degree(i));
        }
        std::vector<index_t> first(at(most + 2));
        for (index_t i = 0; i < n; ++i) {
            ++first[at(degree(i) + 1)];
        }
        for (index_t d = 0; d <= most; ++d) {
            first[at(d + 1)] += first[at(d)];
        }
        for (index_t i = 0; i < n; ++i) {
            const index_t to = first[at(degree(i))]++;
            rank_[at(i)] = static_cast<I>(to);
            by_degree_[at(to)] = static_cast<I>(i);
        }
    }

    void order(I* out) {
        std::vector<bool> placed(at(n_));
        std::vector<I> near;
        index_t tail = 0;
        for (const I least : by_degree_) {
            if (placed[at(least)]) {
                continue;
            }
            index_t head = tail;
            const index_t start = end_of(least);
            placed[at(start)] = true;
            out[tail++] = static_cast<I>(start);
            while (head < tail) {
                const index_t i = out[head++];
                near.clear();
                for (index_t k = indptr_[i]; k < indptr_[i + 1]; ++k) {
                    const index_t j = indices_[k];
                    if (!placed[at(j)]) {
                        placed[at(j)] = true;
                        near.push_back(rank_[at(j)]);
                    }
                }
                std::sort(near.begin(), near.end());
                for (const I r : near) {
                    out[tail++] = by_degree_[at(r)];
                }
            }
        }
        std::reverse(out, out + n_);
    }

   private:
    static std::size_t at(index_t i) { return static_cast<std::size_t>(i); }
    index_t degree(index_t i) const { return static_cast<index_t>(indptr_[i + 1]) - static_cast<index_t>(indptr_[i]); }

    struct Far {
        index_t levels;
        index_t node;  // of the last level, the first by degree
    };

    Far far_from(index_t start) {
        ++round_;
        seen_[at(start)] = round_;
        queue_[0] = static_cast<I>(start);
        Far out{0, start};
        for (index_t begin = 0, end = 1; begin < end; ++out.levels) {
            out.node = queue_[at(begin)];
            index_t tail = end;
            for (index_t q = begin; q < end; ++q) {
                const index_t i = queue_[at(q)];
                out.node = rank_[at(i)] < rank_[at(out.node)] ? i : out.node;
                for (index_t k = indptr_[i]; k < indptr_[i + 1]; ++k) {
                    const index_t j = indices_[k];
                    if (seen_[at(j)] != round_) {
                        seen_[at(j)] = round_;
                        queue_[at(tail++)] = static_cast<I>(j);
                    }
                }
            }
            begin = end;
            end = tail;
        }
        return out;
    }

    // An end of the component of a node: from there on, what is farthest is no farther away than it is itself.
    index_t end_of(index_t node) {
        Far far = far_from(node);
        while (far.levels > 2) {
            const Far back = far_from(far.node);
            if (back.levels <= far.levels) {
                break;
            }
            node = far.node;
            far = back;
        }
        return node;
    }

    index_t n_;
    const I* indptr_;
    const I* indices_;
    std::vector<I> by_degree_, rank_, seen_, queue_;
    I round_ = 0;
};

}  // namespace

template <class I>
void reverse_cuthill_mckee(index_t n, const I* indptr, const I* indices, I* order) {
    Graph<I>(n, indptr, indices).order(order);
}

template void reverse_cuthill_mckee(index_t, const std::int32_t*, const std::int32_t*, std::int32_t*);
template void reverse_cuthill_mckee(index_t, const std::int64_t*, const std::int64_t*, std::int64_t*);

}  // namespace kriss
