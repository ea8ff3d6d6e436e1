// Stationary sweeps over a five- or seven-point grid, eight grid lines at a time: Jacobi, Gauss-Seidel, SOR.
//
// D. M. Young, "Iterative Solution of Large Linear Systems", Academic Press 1971, chapters 3 and 4; the order in which
// the unknowns are visited is that of solve/wavefront.hpp (L. Lamport, Comm. ACM 17 (1974), section 4), which computes
// the same numbers as visiting row after row. Row i takes away its entries from the lowest column to the highest, as a
// sorted CSR row does; an entry that CSR does not store takes away a zero. Results therefore have the bits of the
// sweeps in solve/stationary.hpp.
//
// A step of eight unknowns loads 13 vectors and stores one; its chain is the one from an unknown to its east neighbour:
// seven differences and two products in three dimensions. Bytes per unknown and sweep in float64: 56 coefficients (40
// in two dimensions), 8 inverse diagonal, 8 b, 16 x.
#pragma once

#include "kriss/config.hpp"
#include "kriss/executor.hpp"
#include "kriss/solve/reduce.hpp"
#include "kriss/solve/wavefront.hpp"

namespace kriss {

// Places of the coefficients of a row, by column.
enum GridSide : int { side_below, side_south, side_west, side_self, side_east, side_north, side_above, grid_sides };

// All vectors: (shape.size()), aligned to 64 bytes, zero in the padding.
template <class T>
struct GridRows {
    FrontView<T> front;                     // shape and scratch of the sweeps; carry is not used
    const T* coefficient[grid_sides] = {};  // below and above null in two dimensions
    const T* inverse = nullptr;             // of the diagonal
    const T* zero = nullptr;  // what lies beyond the edge: zeros from -grid_margin to the end of a strip + it
};

inline constexpr index_t grid_margin = 8 * front_lanes;

}  // namespace kriss

KRISS_NAMESPACE_BEGIN

// What surrounds strip g. A neighbour in the next strip is eight minus one steps away from the lane that needs it;
// where that leaves the strip, the lane holds padding and what is read is padding of this strip.
template <class T>
struct Around {
    const T* south;  // the strip before, or zeros
    const T* north;  // the strip behind
    const T* under;  // the same strip one plane below
    const T* over;

    Around(const GridRows<T>& a, index_t g, const T* x) {
        const FrontShape& s = a.front.shape;
        const index_t block = s.steps() * front_lanes;
        const index_t at = g % s.strips();
        const index_t plane = g / s.strips();
        const T* here = x + g * block;
        south = at > 0 ? here - block : a.zero;
        north = at + 1 < s.strips() ? here + block : a.zero;
        under = plane > 0 ? here - s.plane() : a.zero;
        over = plane + 1 < s.nz ? here + s.plane() : a.zero;
    }
    // of lane 0 and of the last lane in step s
    KRISS_ALWAYS_INLINE T south_of(index_t s) const { return south[(s + front_lanes - 1) * front_lanes + 7]; }
    KRISS_ALWAYS_INLINE T north_of(index_t s) const { return north[(s - front_lanes + 1) * front_lanes]; }
};

// The coefficients of one strip.
template <class T, bool Deep>
struct Coefficients {
    const T* c[grid_sides];

    Coefficients(const GridRows<T>& a, index_t base) {
        for (int k = 0; k < grid_sides; ++k) {
            c[k] = Deep || (k != side_below && k != side_above) ? a.coefficient[k] + base : nullptr;
        }
    }
    KRISS_ALWAYS_INLINE Lanes<T> operator()(int side, index_t o) const { return Lanes<T>::load(c[side] + o); }
};

// b - A x, or (Image) A x, for the eight unknowns of step s. before, own, behind: x in the steps s - 1, s, s + 1
template <class T, bool Deep, bool Image = false>
KRISS_ALWAYS_INLINE Lanes<T> grid_defect(const Coefficients<T, Deep>& c, const Around<T>& near, const T* b, index_t s,
                                         const Lanes<T>& before, const Lanes<T>& own, const Lanes<T>& behind) {
    const index_t o = s * front_lanes;
    Lanes<T> y = Image ? Lanes<T>::all(T(0)) : Lanes<T>::load(b + o);
    const auto take = [&](int side, const Lanes<T>& x) {
        const Lanes<T> term = c(side, o) * x;
        y = Image ? y + term : y - term;
    };
    if constexpr (Deep) {
        take(side_below, Lanes<T>::load(near.under + o));
    }
    take(side_south, before.up(near.south_of(s)));
    take(side_west, before);
    take(side_self, own);
    take(side_east, behind);
    take(side_north, behind.down(near.north_of(s)));
    if constexpr (Deep) {
        take(side_above, Lanes<T>::load(near.over + o));
    }
    return y;
}

// One sweep of x += omega D^-1 (b - A x) in natural order, or backwards.  b, x: (shape.size()), x zero in the padding
template <class T, bool Backward, bool Deep>
void grid_sweep(const GridRows<T>& a, T omega, const T* b, T* x, const Executor& ex) {
    const FrontShape shape = a.front.shape;
    const index_t steps = shape.steps();
    const index_t total = shape.strips() * shape.nz;
    const T* zero = a.zero;
    front_sweep(a.front, ex, [=, &a](index_t turn, auto&& run) {
        const index_t g = Backward ? total - 1 - turn : turn;
        const index_t base = g * steps * front_lanes;
        const Coefficients<T, Deep> c(a, base);
        const Around<T> near(a, g, x);
        const T* inverse = a.inverse + base;
        const T* bb = b + base;
        T* xx = x + base;
        const Lanes<T> w = Lanes<T>::all(omega);
        Lanes<T> last = Lanes<T>::all(T(0));
        return run([=, &last](index_t first, index_t stop) {
            // copies: through the closure each would be loaded anew in every step, as a store might have changed it
            const Coefficients<T, Deep> own_c = c;
            const Around<T> own_near = near;
            const T* const given = bb;
            const T* const over_diagonal = inverse;
            T* const to = xx;
            Lanes<T> now = last;
            for (index_t step = first; step < stop; ++step) {
                const index_t s = Backward ? steps - 1 - step : step;
                const index_t o = s * front_lanes;
                const Lanes<T> own = Lanes<T>::load(to + o);
                // the unknowns not visited yet, on the other side
                const bool edge = Backward ? s == 0 : s + 1 == steps;
                const Lanes<T> old = Lanes<T>::load(edge ? zero : to + (Backward ? o - front_lanes : o + front_lanes));
                const Lanes<T> y = Backward ? grid_defect<T, Deep>(own_c, own_near, given, s, old, own, now)
                                            : grid_defect<T, Deep>(own_c, own_near, given, s, now, own, old);
                now = own + w * (y * Lanes<T>::load(over_diagonal + o));
                now.store(to + o);
            }
            last = now;
        });
    });
}

// y = x + omega D^-1 (b - A x), or (Defect) y = b - A x with the sum of a row taken first; strips side by side.
template <class T, bool Defect, bool Deep>
void grid_jacobi(const GridRows<T>& a, T omega, const T* b, const T* x, T* y, const Executor& ex) {
    const FrontShape shape = a.front.shape;
    const index_t steps = shape.steps();
    ex.parallel_for(shape.strips() * shape.nz, 1, [=, &a](index_t begin, index_t end) {
        const Lanes<T> w = Lanes<T>::all(omega);
        for (index_t g = begin; g < end; ++g) {
            const index_t base = g * steps * front_lanes;
            const Coefficients<T, Deep> c(a, base);
            const Around<T> near(a, g, x);
            const T* inverse = a.inverse + base;
            const T* bb = b + base;
            const T* xx = x + base;
            T* yy = y + base;
            Lanes<T> before = Lanes<T>::all(T(0));
            Lanes<T> own = Lanes<T>::load(xx);
            for (index_t s = 0; s < steps; ++s) {
                const index_t o = s * front_lanes;
                const Lanes<T> behind = Lanes<T>::load(s + 1 == steps ? a.zero : xx + o + front_lanes);
                const Lanes<T> v = grid_defect<T, Deep, Defect>(c, near, bb, s, before, own, behind);
                if constexpr (Defect) {
                    (Lanes<T>::load(bb + o) - v).store(yy + o);
                } else {
                    (own + w * (v * Lanes<T>::load(inverse + o))).store(yy + o);
                }
                before = own;
                own = behind;
            }
        }
    });
}

KRISS_NAMESPACE_END
