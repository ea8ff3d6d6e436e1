#include "solve_fill.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>

#include "kriss/solve/fill.hpp"
#include "solve_factor_kernels.hpp"
#include "solve_fill_kernels.hpp"

namespace kriss {

namespace {

std::size_t at(index_t i) { return static_cast<std::size_t>(i); }

template <class T, class I>
void start(StrictRows<T, I>& rows, index_t n, index_t room) {
    rows.indptr.assign(at(n + 1), I(0));
    rows.indices.resize(at(room));
    rows.data.resize(at(room));
}

template <class T, class I>
GrowingRows<T, I> growing(StrictRows<T, I>& rows) {
    return {rows.indptr.data(), rows.indices.data(), rows.data.data(), static_cast<index_t>(rows.data.size())};
}

// Half as much again, and never less than one more row can need; false beyond what I can count.
template <class T, class I>
bool grow(StrictRows<T, I>& rows, index_t row, index_t most) {
    const index_t limit = std::numeric_limits<I>::max();
    const index_t used = rows.indptr[at(row)];
    const index_t needed = used + most;
    const auto room = static_cast<index_t>(rows.data.size());
    if (needed <= room) {
        return true;
    }
    if (needed > limit) {
        return false;
    }
    const index_t next = std::min(limit, std::max(needed, room + room / 2 + 1024));
    rows.indices.resize(at(next));
    rows.data.resize(at(next));
    return true;
}

template <class T, class I>
void trim(StrictRows<T, I>& rows) {
    const std::size_t used = at(rows.indptr.back());
    rows.indices.resize(used);
    rows.data.resize(used);
}

template <class T, class I>
struct Scratch {
    std::vector<T> w;
    std::vector<I> mark, list, heap, head, next, first;

    Scratch(index_t n, bool symmetric) : w(at(n)), mark(at(n), I(-1)), list(at(n)), next(at(n)) {
        if (symmetric) {
            head.assign(at(n), I(-1));
            first.resize(at(n));
        } else {
            heap.resize(at(n));
        }
    }
    FillScratch<T, I> view() {
        return {w.data(), mark.data(), list.data(), heap.data(), head.data(), next.data(), first.data()};
    }
};

}  // namespace

template <class T, class I>
Info ict(const CsrView<T, I>& a, const I* where, const FillOptions& opt, StrictRows<T, I>& u, std::vector<T>& root,
         const Executor& ex) {
    const index_t n = a.rows;
    Scratch<T, I> scratch(n, true);
    start(u, n, 2 * a.indptr[n]);
    root.resize(at(n));
    index_t begin = 0;
    for (;;) {
        const Info info = fill_kernels<T, I>().ict(a, where, opt, begin, growing(u), root.data(), scratch.view(), ex);
        if (info.status != Status::out_of_range) {
            if (info.status == Status::ok) {
                trim(u);
            }
            return info;
        }
        begin = info.index;
        const index_t own = a.indptr[begin + 1] - where[begin] - 1;
        if (!grow(u, begin, std::min(own + std::min(opt.fill, n), n - begin))) {
            return info;
        }
    }
}

template <class T, class I>
Info ilut(const CsrView<T, I>& a, const FillOptions& opt, StrictRows<T, I>& l, StrictRows<T, I>& u,
          std::vector<T>& inverse, const Executor& ex) {
    const index_t n = a.rows;
    Scratch<T, I> scratch(n, false);
    start(l, n, 2 * a.indptr[n]);
    start(u, n, 2 * a.indptr[n]);
    inverse.resize(at(n));
    index_t begin = 0;
    for (;;) {
        const Info info =
            fill_kernels<T, I>().ilut(a, opt, begin, growing(l), growing(u), inverse.data(), scratch.view(), ex);
        if (info.status != Status::out_of_range) {
            if (info.status == Status::ok) {
                trim(l);
                trim(u);
            }
            return info;
        }
        begin = info.index;
        const index_t own = a.indptr[begin + 1] - a.indptr[begin] + std::min(opt.fill, n);
        if (!grow(l, begin, std::min(own, begin)) || !grow(u, begin, std::min(own, n - 1 - begin))) {
            return info;
        }
    }
}

template <class T, class I>
void TriangleSolver<T, I>::plan(const Executor& ex) {
    planned_ = true;
    const CsrView<T, I>& m = a_.strict;
    const index_t n = m.rows;
    std::vector<I> level(at(n));
    const auto& ks = factor_kernels<T, I>();
    const index_t levels = ks.levels(a_, level.data(), ex);
    by_levels_ = levels >= 0 && n >= wide * levels;
    if (!by_levels_) {
        return;
    }
    std::vector<I> scratch(at(std::max(levels + 1, n)));
    order_.resize(at(n));
    ks.level_order(n, levels, level.data(), scratch.data(), order_.data());
    start(sorted_, n, m.indptr[n]);
    ks.level_rows(m, order_.data(), sorted_.indptr.data(), sorted_.indices.data(), sorted_.data.data(), ex);
    const index_t chunks = (n + level_chunk - 1) / level_chunk;
    need_.resize(at(chunks));
    const CsrView<T, I> sorted{n, n, sorted_.indptr.data(), sorted_.indices.data(), sorted_.data.data()};
    ks.level_needs(sorted, order_.data(), scratch.data(), need_.data(), ex);
    done_.resize(at(chunks + 1));
    view_ = {{sorted, a_.inverse, a_.lower}, order_.data(), need_.data(), chunks};
}

template <class T, class I>
void TriangleSolver<T, I>::solve(const T* r, T* z, const Executor& ex) {
    if (ex.workers >= parallel_threads && rows() >= parallel_rows && !planned_) {
        plan(ex);
    }
    if (ex.workers >= parallel_threads && by_levels_) {
        factor_kernels<T, I>().solve_levels(view_, r, z, done_.data(), ex);
    } else {
        factor_kernels<T, I>().solve(a_, r, z, ex);
    }
}

template <class T, class I>
std::size_t TriangleSolver<T, I>::nbytes() const {
    return (order_.size() + need_.size() + sorted_.indptr.size() + sorted_.indices.size()) * sizeof(I) +
           sorted_.data.size() * sizeof(T) + done_.size() * sizeof(index_t);
}

template <class T, class I>
Factors<T, I>::Factors(const TriangleView<T, I>& first, const TriangleView<T, I>& second, const I* rows,
                       const I* columns)
    : first_(first), second_(second), rows_(rows), columns_(columns), room_(rows != nullptr ? at(first_.rows()) : 0) {}

template <class T, class I>
double Factors<T, I>::apply_dot(const T* r, T* z, T scale, double* part, const Executor& ex) {
    const std::lock_guard lock(busy_);
    const auto& ks = fill_kernels<T, I>();
    T* y = rows_ != nullptr ? room_.data() : z;
    if (rows_ != nullptr) {
        ks.scatter(size(), rows_, r, y);
    }
    first_.solve(rows_ != nullptr ? y : r, y, ex);
    second_.solve(y, y, ex);
    return ks.gather_dot(size(), columns_, r, y, scale, z, part, ex);
}

#define KRISS_FILL(T, I)                                                                                               \
    template Info ict(const CsrView<T, I>&, const I*, const FillOptions&, StrictRows<T, I>&, std::vector<T>&,          \
                      const Executor&);                                                                                \
    template Info ilut(const CsrView<T, I>&, const FillOptions&, StrictRows<T, I>&, StrictRows<T, I>&,                 \
                       std::vector<T>&, const Executor&);                                                              \
    template class TriangleSolver<T, I>;                                                                               \
    template class Factors<T, I>;
KRISS_FILL(float, std::int32_t)
KRISS_FILL(float, std::int64_t)
KRISS_FILL(double, std::int32_t)
KRISS_FILL(double, std::int64_t)
#undef KRISS_FILL

}  // namespace kriss
