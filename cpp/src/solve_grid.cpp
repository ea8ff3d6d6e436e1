#include "solve_grid.hpp"

#include <cmath>
#include <cstdint>
#include <utility>

#include "kriss/solve/reduce.hpp"
#include "solve.hpp"
#include "solve_kernels.hpp"
#include "solve_stationary_kernels.hpp"

namespace kriss {

namespace {

// Up to three different distances from the diagonal.
struct Distances {
    index_t value[3] = {};
    int count = 0;  // 4: there are more

    bool has(index_t o) const { return o == value[0] || o == value[1] || o == value[2]; }  // distances are not zero
    void add(index_t o) {
        if (count > 3 || has(o)) {
            return;
        }
        if (count < 3) {
            value[count] = o;
        }
        ++count;
    }
};

template <class T, class I>
Distances distances(const CsrView<T, I>& a, bool both, const Executor& ex) {
    std::vector<Distances> found(static_cast<std::size_t>(chunk_count(a.rows)));
    ex.parallel_for(a.rows, solve_grain, [&](index_t begin, index_t end) {
        Distances mine;
        for (index_t i = begin; i < end && mine.count < 4; ++i) {
            for (index_t k = a.indptr[i]; k < a.indptr[i + 1]; ++k) {
                const index_t o = i - static_cast<index_t>(a.indices[k]);
                if (o > 0) {
                    mine.add(o);
                } else if (!both) {
                    break;
                } else if (o < 0) {
                    mine.add(-o);
                }
            }
        }
        found[static_cast<std::size_t>(begin / solve_grain)] = mine;
    });
    Distances all;
    for (const Distances& d : found) {
        if (d.count > 3) {
            return d;
        }
        for (int k = 0; k < d.count; ++k) {
            all.add(d.value[k]);
        }
    }
    return all;
}

// Whether row i has an entry `o` before its diagonal (after it: o negative).
template <class T, class I>
bool reaches(const CsrView<T, I>& a, index_t i, index_t o) {
    for (index_t k = a.indptr[i]; k < a.indptr[i + 1]; ++k) {
        if (static_cast<index_t>(a.indices[k]) == i - o) {
            return true;
        }
    }
    return false;
}

}  // namespace

template <class T, class I>
FrontShape find_grid(const CsrView<T, I>& a, bool both, const Executor& ex) {
    const index_t n = a.rows;
    Distances d = distances(a, both, ex);
    if (d.count < 2 || d.count > 3) {
        return {};
    }
    std::sort(d.value, d.value + d.count);
    const index_t nx = d.value[1];
    const index_t plane = d.count == 3 ? d.value[2] : n;
    if (d.value[0] != 1 || plane % nx != 0 || n % plane != 0) {
        return {};
    }
    const FrontShape shape{nx, plane / nx, n / plane};
    if (nx < 2 * front_lanes || shape.ny < front_lanes / 2 ||
        static_cast<double>(shape.size()) > 2.0 * static_cast<double>(n)) {
        return {};
    }
    // no entry may reach across the edge of the grid
    std::vector<unsigned char> across(static_cast<std::size_t>(n / nx));
    ex.parallel_for(n / nx, 64, [&](index_t begin, index_t end) {
        for (index_t line = begin; line < end; ++line) {
            const index_t first = line * nx;
            bool bad = reaches(a, first, 1) || (both && reaches(a, first + nx - 1, -1));
            for (const index_t o : {nx, -nx}) {
                if ((o > 0 || both) && line % shape.ny == (o > 0 ? 0 : shape.ny - 1)) {
                    for (index_t i = first; i < first + nx && !bad; ++i) {
                        bad = reaches(a, i, o);
                    }
                }
            }
            across[static_cast<std::size_t>(line)] = bad ? 1 : 0;
        }
    });
    return std::find(across.begin(), across.end(), 1) == across.end() ? shape : FrontShape{};
}

template <class T, class I>
GridRelaxation<T, I>::GridRelaxation(const CsrView<T, I>& a, const T* b, const T* x, const Executor& given)
    : n_(a.rows) {
    const Executor ex = for_size(given, a.indptr[n_]);
    shape_ = find_grid(a, true, ex);
    if (empty()) {
        return;
    }
    const bool deep = shape_.nz > 1;
    const index_t size = shape_.size();
    const index_t block = shape_.steps() * front_lanes;
    const index_t gap = 8 * front_lanes;  // a vector of 2^k bytes would put all of them into the same cache sets
    const int sides = deep ? grid_sides : grid_sides - 2;
    store_ = aligned<T>((sides + 4) * (size + gap));
    T* next = store_.get();
    for (int k = 0; k < grid_sides + 4; ++k) {
        if (deep || (k != side_below && k != side_above)) {
            part_[k] = next;
            next += size + gap;
        }
    }
    zero_ = zeros<T>(block + 2 * grid_margin);
    natural_ = aligned<T>(n_);
    sums_.resize(static_cast<std::size_t>(chunk_count(n_)));
    const index_t strips = shape_.strips() * shape_.nz;
    progress_.assign(static_cast<std::size_t>(strips + 1) * 8, 0);
    const index_t nx = shape_.nx;
    T* const* part = part_;
    std::vector<unsigned char> bad(static_cast<std::size_t>(strips));
    ex.parallel_for(strips, 1, [&](index_t first, index_t last) {
        for (int k = 0; k < grid_sides + 4; ++k) {
            if (part[k] != nullptr) {
                std::fill(part[k] + first * block, part[k] + last * block, T(0));
            }
        }
        bool good = true;
        each_unknown(shape_, first, last, [&](index_t i, index_t at) {
            index_t k = a.indptr[i];
            const index_t stop = a.indptr[i + 1];
            if (stop - k == sides) {  // all of them, by column
                for (int side = deep ? side_below : side_south; side <= (deep ? side_above : side_north); ++side) {
                    part[side][at] = a.data[k++];
                }
            } else {
                for (; k < stop; ++k) {
                    const index_t o = static_cast<index_t>(a.indices[k]) - i;
                    const int side = o == 0     ? side_self
                                     : o == -1  ? side_west
                                     : o == 1   ? side_east
                                     : o == -nx ? side_south
                                     : o == nx  ? side_north
                                     : o < 0    ? side_below
                                                : side_above;
                    part[side][at] = a.data[k];
                }
            }
            const T v = part[side_self][at];
            const T inverse = T(1) / v;
            good = good && v != 0 && std::isfinite(v) && std::isfinite(inverse);
            part[grid_sides][at] = inverse;
            part[grid_sides + 1][at] = b[i];
            part[grid_sides + 2][at] = x[i];
        });
        bad[static_cast<std::size_t>(first)] = good ? 0 : 1;
    });
    if (std::find(bad.begin(), bad.end(), 1) != bad.end()) {
        shape_ = {};
    }
}

template <class T, class I>
GridRows<T> GridRelaxation<T, I>::view() {
    GridRows<T> a;
    a.front.shape = shape_;
    a.front.progress = progress_.data();
    a.front.epoch = &epoch_;
    for (int k = 0; k < grid_sides; ++k) {
        a.coefficient[k] = part_[k];
    }
    a.inverse = part_[grid_sides];
    a.zero = zero_.get() + grid_margin;
    return a;
}

template <class T, class I>
void GridRelaxation<T, I>::sweep(T omega, bool forward, bool backward, index_t count, const Executor& given) {
    // a sweep waits for neighbours all along: it pays later than a pass over vectors
    const Executor ex = for_size(given, n_);
    const GridRows<T> a = view();
    for (index_t k = 0; k < count && !ex.interrupted(); ++k) {
        for (const bool back : {false, true}) {
            if (back ? backward : forward) {
                grid_kernels<T>().sweep(a, back, omega, part_[grid_sides + 1], part_[grid_sides + 2], ex);
            }
        }
    }
}

template <class T, class I>
void GridRelaxation<T, I>::jacobi(T omega, index_t count, const Executor& given) {
    const Executor ex = for_size(given, n_);
    const GridRows<T> a = view();
    for (index_t k = 0; k < count && !ex.interrupted(); ++k) {
        T*& now = part_[grid_sides + 2];
        T*& next = part_[grid_sides + 3];
        grid_kernels<T>().jacobi(a, false, omega, part_[grid_sides + 1], now, next, ex);
        std::swap(now, next);
    }
}

template <class T, class I>
double GridRelaxation<T, I>::residual2(const Executor& given) {
    const Executor ex = for_size(given, n_);
    T* r = part_[grid_sides + 3];
    grid_kernels<T>().jacobi(view(), true, T(0), part_[grid_sides + 1], part_[grid_sides + 2], r, ex);
    T* rows = natural_.get();
    ex.parallel_for(shape_.strips() * shape_.nz, 1, [&](index_t first, index_t last) {
        each_unknown(shape_, first, last, [&](index_t i, index_t at) { rows[i] = r[at]; });
    });
    return cg_kernels<T>().dot(n_, rows, rows, sums_.data(), ex);
}

template <class T, class I>
void GridRelaxation<T, I>::read(T* x, const Executor& ex) const {
    const T* from = part_[grid_sides + 2];
    for_size(ex, n_).parallel_for(shape_.strips() * shape_.nz, 1, [&](index_t first, index_t last) {
        each_unknown(shape_, first, last, [&](index_t i, index_t at) { x[i] = from[at]; });
    });
}

template FrontShape find_grid(const CsrView<float, std::int32_t>&, bool, const Executor&);
template FrontShape find_grid(const CsrView<float, std::int64_t>&, bool, const Executor&);
template FrontShape find_grid(const CsrView<double, std::int32_t>&, bool, const Executor&);
template FrontShape find_grid(const CsrView<double, std::int64_t>&, bool, const Executor&);
template class GridRelaxation<float, std::int32_t>;
template class GridRelaxation<float, std::int64_t>;
template class GridRelaxation<double, std::int32_t>;
template class GridRelaxation<double, std::int64_t>;

}  // namespace kriss
