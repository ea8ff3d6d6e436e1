// Pivots of (modified) incomplete Cholesky on a five- or seven-point grid, eight grid lines at a time, and the triangle
// scaled by them for Eisenstat's form of conjugate gradients.
//
// I. Gustafsson, "A class of first order factorization methods", BIT 18 (1978), section 2: the recurrence of
// mic_diagonal in solve/incomplete.hpp, in the order of solve/wavefront.hpp. The operations of a row are those of
// mic_diagonal, from the lowest column to the highest; a coupling that is not stored adds a zero. Pivots therefore have
// the bits of the row by row recurrence.
//
// Between two steps stand a division, two products and two sums, which serve eight unknowns. Bytes per unknown in
// float64: 24 couplings (16 in two dimensions), 8 diagonal, 8 upper sum, 8 pivot, and 16 of the plane below.
#pragma once

#include <cmath>
#include <limits>

#include "kriss/config.hpp"
#include "kriss/executor.hpp"
#include "kriss/solve/wavefront.hpp"

namespace kriss {

// One strip of padding and its neighbours beyond the edge.
inline constexpr index_t front_margin = 8 * front_lanes;

// All vectors: (shape.size()), aligned to 64 bytes.
template <class T>
struct PivotView {
    FrontView<T> front;           // west, south and below hold entries of A; carry is not used
    const T* diagonal = nullptr;  // of A; 1 in the padding
    const T* upper = nullptr;     // sums of the entries above the diagonal; 0 in the padding
    const T* one = nullptr;       // beyond the edge, from -front_margin to the end of a strip + front_margin: ones
    const T* zero = nullptr;      // and zeros
};

}  // namespace kriss

KRISS_NAMESPACE_BEGIN

// pivot = the pivots, for the diagonal enlarged by 1 + shift; false where one is not above tau times its diagonal
// entry, or a diagonal entry is not positive or not finite.  pivot: (shape.size()); sound: (strips nz) scratch
template <class T, bool Deep>
bool front_pivots(const PivotView<T>& a, T relax, T shift, T tau, T* pivot, unsigned char* sound, const Executor& ex) {
    const FrontShape shape = a.front.shape;
    const index_t steps = shape.steps();
    const index_t strips = shape.strips();
    const index_t block = steps * front_lanes;
    using Mask = decltype(typename Lanes<T>::V{} > typename Lanes<T>::V{});
    front_sweep(a.front, ex, [=, &a](index_t g, auto&& run) {
        const index_t base = g * block;
        const index_t under = base - (g >= strips ? shape.plane() : 0);
        const bool edge = g % strips == 0;
        const T* const e_south = edge ? a.one : pivot + (base - block);
        const T* const u_south = edge ? a.zero : a.upper + (base - block);
        const T* const e_under = g >= strips ? pivot + under : a.one;
        const T* const u_under = g >= strips ? a.upper + under : a.zero;
        Lanes<T> e_last = Lanes<T>::all(T(1));
        Lanes<T> u_last = Lanes<T>::all(T(0));
        Mask good[Lanes<T>::parts];
        for (Mask& m : good) {
            m = ~Mask{};
        }
        const bool done = run([=, &a, &e_last, &u_last, &good](index_t first, index_t last) {
            const T* const west = a.front.west + base;
            const T* const south = a.front.south + base;
            const T* const below = Deep ? a.front.below + base : nullptr;
            const T* const diagonal = a.diagonal + base;
            const T* const upper = a.upper + base;
            T* const out = pivot + base;
            const Lanes<T> w = Lanes<T>::all(relax);
            const Lanes<T> enlarged = Lanes<T>::all(T(1) + shift);
            const Lanes<T> small = Lanes<T>::all(tau);
            const Lanes<T> normal = Lanes<T>::all(std::numeric_limits<T>::min());
            const auto term = [&w](const Lanes<T>& v, const Lanes<T>& e, const Lanes<T>& u) {
                return (v / e) * (v + w * (u - v));
            };
            Lanes<T> e = e_last;
            Lanes<T> u = u_last;
            for (index_t s = first; s < last; ++s) {
                const index_t o = s * front_lanes;
                // lane 7 of the strip before is seven steps ahead; past its end it is padding of this strip
                const index_t c = o + front_lanes * (front_lanes - 1) + front_lanes - 1;
                Lanes<T> sum = Lanes<T>::all(T(0));
                if constexpr (Deep) {
                    sum =
                        sum + term(Lanes<T>::load(below + o), Lanes<T>::load(e_under + o), Lanes<T>::load(u_under + o));
                }
                sum = sum + term(Lanes<T>::load(south + o), e.up(e_south[c]), u.up(u_south[c]));
                sum = sum + term(Lanes<T>::load(west + o), e, u);
                const Lanes<T> d = Lanes<T>::load(diagonal + o);
                e = enlarged * d - sum;
                u = Lanes<T>::load(upper + o);
                e.store(out + o);
                const Lanes<T> limit = small * d;
                for (int k = 0; k < Lanes<T>::parts; ++k) {
                    good[k] &= (e.v[k] > limit.v[k]) & (d.v[k] >= normal.v[k]) & (e.v[k] - e.v[k] == T(0));
                }
            }
            e_last = e;
            u_last = u;
        });
        bool all = true;
        for (int k = 0; k < Lanes<T>::parts; ++k) {
            for (int l = 0; l < Lanes<T>::width; ++l) {
                all = all && good[k][l] != 0;
            }
        }
        sound[g] = all ? 1 : 0;
        return done;
    });
    bool all = !ex.interrupted();
    for (index_t g = 0; g < strips * shape.nz; ++g) {
        all = all && sound[g] != 0;
    }
    return all;
}

// scale = sqrt(unit pivot) and over = 1 / scale, all of them
template <class T>
void front_roots(const FrontShape& shape, T unit, const T* pivot, T* scale, T* over, const Executor& ex) {
    const index_t block = shape.steps() * front_lanes;
    ex.parallel_for(shape.strips() * shape.nz, 1, [=](index_t first, index_t last) {
        const T* KRISS_RESTRICT e = pivot + first * block;
        T* KRISS_RESTRICT root = scale + first * block;
        T* KRISS_RESTRICT g = over + first * block;
        for (index_t k = 0; k < (last - first) * block; ++k) {
            root[k] = std::sqrt(unit * e[k]);
            g[k] = T(1) / root[k];
        }
    });
}

// The couplings times unit and both ends' `over`, in place, and rest = diagonal / pivot - 2, zero in the padding.
// rest may be the diagonal itself.
template <class T, bool Deep>
void front_scaled(const PivotView<T>& a, T unit, const T* pivot, const T* over, T* west, T* south, T* below, T* rest,
                  const Executor& ex) {
    const FrontShape shape = a.front.shape;
    const index_t steps = shape.steps();
    const index_t strips = shape.strips();
    const index_t block = steps * front_lanes;
    ex.parallel_for(strips * shape.nz, 1, [=, &a](index_t begin, index_t end) {
        const Lanes<T> scale = Lanes<T>::all(unit);
        const Lanes<T> two = Lanes<T>::all(T(2));
        for (index_t g = begin; g < end; ++g) {
            const index_t base = g * block;
            const T* const before = g % strips == 0 ? a.one : over + (base - block);
            const T* const under = g >= strips ? over + (base - shape.plane()) : a.one;
            const T* const own = over + base;
            const index_t lanes = shape.ny - g % strips * front_lanes;
            Lanes<T> last = Lanes<T>::all(T(1));
            for (index_t s = 0; s < steps; ++s) {
                const index_t o = s * front_lanes;
                const Lanes<T> here = Lanes<T>::load(own + o);
                const T carried = before[o + front_lanes * (front_lanes - 1) + front_lanes - 1];
                ((scale * Lanes<T>::load(west + base + o)) * here * last).store(west + base + o);
                ((scale * Lanes<T>::load(south + base + o)) * here * last.up(carried)).store(south + base + o);
                if constexpr (Deep) {
                    ((scale * Lanes<T>::load(below + base + o)) * here * Lanes<T>::load(under + o))
                        .store(below + base + o);
                }
                (Lanes<T>::load(a.diagonal + base + o) / Lanes<T>::load(pivot + base + o) - two).store(rest + base + o);
                const bool full = s >= front_lanes - 1 && s < shape.nx && lanes >= front_lanes;
                for (index_t l = 0; !full && l < front_lanes; ++l) {
                    if (s < l || s - l >= shape.nx || l >= lanes) {
                        rest[base + o + l] = T(0);
                    }
                }
                last = here;
            }
        }
    });
}

KRISS_NAMESPACE_END
