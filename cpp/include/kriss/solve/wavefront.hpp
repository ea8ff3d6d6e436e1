// Triangular sweeps over a grid whose lines are solved eight at a time, skewed: five- and seven-point stencils.
//
// The recurrence x_i = r_i - w x_(i-1) - s x_(i-nx) looks sequential, but the unknowns on a line i + j = const do not
// depend on each other (the hyperplane method: L. Lamport, "The parallel execution of DO loops", Comm. ACM 17 (1974),
// section 4; Y. Saad, "Iterative Methods for Sparse Linear Systems", 2nd ed., SIAM 2003, section 11.6). Eight lines of
// the grid form a strip; at step s lane l holds the unknown i = s - l of line l. Vectors are stored in that order, so a
// step loads whole vectors, its west neighbour is the vector before, and its south neighbour the same vector moved by
// one lane. Two products and two differences stand between two steps and serve eight unknowns.
//
// Each unknown is computed by the same operations whoever does the strip, and sums are kept per strip; results have the
// same bits for any number of workers. Several workers take strips in order and follow one another: strip g needs step
// s + 7 of strip g - 1 for its step s. Since strips are claimed in that order, the first unfinished one never waits.
//
// Matrix: I + L with L strictly lower, the same L read backwards for I + L' (half storage: 8 bytes per unknown and
// offset and sweep in float64).
#pragma once

#include <utility>

#include "kriss/config.hpp"
#include "kriss/executor.hpp"
#include "kriss/solve/reduce.hpp"
#include "kriss/solve/wait.hpp"

namespace kriss {

inline constexpr index_t front_lanes = 8;

// Unknown (i, j, k) of an nx x ny x nz grid is row (k ny + j) nx + i.
struct FrontShape {
    index_t nx = 0;
    index_t ny = 0;
    index_t nz = 1;

    index_t strips() const { return (ny + front_lanes - 1) / front_lanes; }  // per plane
    index_t steps() const { return nx + front_lanes - 1; }
    index_t plane() const { return strips() * steps() * front_lanes; }
    index_t size() const { return nz * plane(); }  // of a vector, padding included
    index_t place(index_t i, index_t j, index_t k) const {
        const index_t l = j % front_lanes;
        return k * plane() + ((j / front_lanes) * steps() + i + l) * front_lanes + l;
    }
    index_t carry() const { return steps() + 2 * front_lanes; }  // numbers handed from strip to strip
};

// All vectors: (shape.size()), aligned to 64 bytes, zero in the padding.
template <class T>
struct FrontView {
    FrontShape shape;
    const T* west = nullptr;      // coefficient of (i - 1, j, k) in row (i, j, k)
    const T* south = nullptr;     // of (i, j - 1, k)
    const T* below = nullptr;     // of (i, j, k - 1); null if nz = 1
    const T* rest = nullptr;      // diagonal of A minus 2, all scaled
    const T* scale = nullptr;     // what a scaled residual is multiplied with
    T* carry = nullptr;           // ((nz strips + 1) carry()) scratch, zero before the first sweep
    index_t* progress = nullptr;  // (nz strips + 1) * 8 scratch, zero before the first sweep; the last counts claims
    index_t* epoch = nullptr;     // one more with each sweep
};

}  // namespace kriss

KRISS_NAMESPACE_BEGIN

#if defined(__AVX512F__)
inline constexpr int front_bytes = 64;
#elif defined(__AVX__)
inline constexpr int front_bytes = 32;
#else
inline constexpr int front_bytes = 16;
#endif

// Eight numbers as the widest vectors of this level.
template <class T>
struct Lanes {
    static constexpr int width =
        front_bytes / static_cast<int>(sizeof(T)) < 8 ? front_bytes / static_cast<int>(sizeof(T)) : 8;
    static constexpr int parts = 8 / width;
    typedef T V __attribute__((vector_size(width * sizeof(T)), may_alias));

    V v[parts];

    static KRISS_ALWAYS_INLINE Lanes load(const T* p) {
        Lanes x;
        for (int k = 0; k < parts; ++k) {
            x.v[k] = *reinterpret_cast<const V*>(p + k * width);
        }
        return x;
    }
    KRISS_ALWAYS_INLINE void store(T* p) const {
        for (int k = 0; k < parts; ++k) {
            *reinterpret_cast<V*>(p + k * width) = v[k];
        }
    }
    static KRISS_ALWAYS_INLINE Lanes all(T x) {
        Lanes out;
        for (int k = 0; k < parts; ++k) {
            for (int l = 0; l < width; ++l) {
                out.v[k][l] = x;
            }
        }
        return out;
    }
    friend KRISS_ALWAYS_INLINE Lanes operator*(const Lanes& a, const Lanes& b) {
        Lanes x;
        for (int k = 0; k < parts; ++k) {
            x.v[k] = a.v[k] * b.v[k];
        }
        return x;
    }
    friend KRISS_ALWAYS_INLINE Lanes operator/(const Lanes& a, const Lanes& b) {
        Lanes x;
        for (int k = 0; k < parts; ++k) {
            x.v[k] = a.v[k] / b.v[k];
        }
        return x;
    }
    friend KRISS_ALWAYS_INLINE Lanes operator-(const Lanes& a, const Lanes& b) {
        Lanes x;
        for (int k = 0; k < parts; ++k) {
            x.v[k] = a.v[k] - b.v[k];
        }
        return x;
    }
    friend KRISS_ALWAYS_INLINE Lanes operator+(const Lanes& a, const Lanes& b) {
        Lanes x;
        for (int k = 0; k < parts; ++k) {
            x.v[k] = a.v[k] + b.v[k];
        }
        return x;
    }
    // lane l becomes lane l + 1; lane 0 becomes `first`
    KRISS_ALWAYS_INLINE Lanes up(T first) const { return up(first, std::make_integer_sequence<int, width>()); }
    // lane l becomes lane l - 1; the last lane becomes `last`
    KRISS_ALWAYS_INLINE Lanes down(T last) const { return down(last, std::make_integer_sequence<int, width>()); }
    KRISS_ALWAYS_INLINE T front() const { return v[0][0]; }
    KRISS_ALWAYS_INLINE T back() const { return v[parts - 1][width - 1]; }

   private:
    template <int... J>
    KRISS_ALWAYS_INLINE Lanes up(T first, std::integer_sequence<int, J...>) const {
        Lanes x;
        const Lanes edge = all(first);
        for (int k = 0; k < parts; ++k) {
            x.v[k] = __builtin_shufflevector(k == 0 ? edge.v[0] : v[k - 1 < 0 ? 0 : k - 1], v[k], (width - 1 + J)...);
        }
        return x;
    }
    template <int... J>
    KRISS_ALWAYS_INLINE Lanes down(T last, std::integer_sequence<int, J...>) const {
        Lanes x;
        const Lanes edge = all(last);
        for (int k = 0; k < parts; ++k) {
            x.v[k] =
                __builtin_shufflevector(v[k], k == parts - 1 ? edge.v[0] : v[k + 1 < parts ? k + 1 : k], (1 + J)...);
        }
        return x;
    }
};

// s[l] += x[l] y[l] in double
KRISS_ALWAYS_INLINE void add_lanes(const Lanes<double>& x, const Lanes<double>& y, Lanes<double>& s) { s = s + x * y; }
KRISS_ALWAYS_INLINE Lanes<double> widened(const Lanes<float>& x) {
    Lanes<double> y;
    constexpr int w = Lanes<double>::width;
    for (int l = 0; l < 8; ++l) {
        y.v[l / w][l % w] = static_cast<double>(x.v[l / Lanes<float>::width][l % Lanes<float>::width]);
    }
    return y;
}
KRISS_ALWAYS_INLINE void add_lanes(const Lanes<float>& x, const Lanes<float>& y, Lanes<double>& s) {
    s = s + widened(x) * widened(y);
}
KRISS_ALWAYS_INLINE double lanes_sum(const Lanes<double>& s) {
    alignas(64) double a[8];
    s.store(a);
    return lane_sum(a);
}

inline constexpr index_t front_stride = 32;  // steps between two looks at the strip before

// Waits until strip g has done the steps up to `goal`; false if the work was stopped.
KRISS_ALWAYS_INLINE bool front_wait(const index_t* progress, index_t g, index_t goal, const Executor& ex) {
    return wait_until([=] { return __atomic_load_n(progress + g * 8, __ATOMIC_ACQUIRE) >= goal; }, ex);
}

// strip(g, first, last) does steps [first, last) of strip g in the order of the sweep and keeps its own state in
// `state`; begin(g) makes that state. Strips are numbered in the order of the sweep; strip g reads steps up to
// last + 8 of strip g - 1 where g is not the first of its plane, and all of strip g - strips.
template <class T, class Body>
void front_sweep(const FrontView<T>& a, const Executor& ex, Body body) {
    const FrontShape& shape = a.shape;
    const index_t strips = shape.strips();
    const index_t steps = shape.steps();
    const index_t total = strips * shape.nz;
    const index_t most = shape.nz > 1 ? strips : (strips + 1) / 2;
    const index_t tasks = ex.workers < most ? ex.workers : most;
    if (ex.run == nullptr || tasks <= 1) {
        for (index_t g = 0; g < total; ++g) {
            body(g, [&](auto&& range) {
                range(index_t(0), steps);
                return true;
            });
            if (ex.interrupted()) {
                return;
            }
        }
        return;
    }
    index_t* progress = a.progress;
    const index_t base = ++*a.epoch << 32;
    index_t* claims = progress + total * 8;
    *claims = 0;
    // A claim is one strip of a plane grid, or a share of the strips of one plane.
    const index_t units = shape.nz > 1 ? tasks : strips;
    const index_t count = units * shape.nz;
    ex.parallel_for(tasks, 1, [&](index_t, index_t) {
        for (;;) {
            const index_t u = __atomic_fetch_add(claims, 1, __ATOMIC_RELAXED);
            if (u >= count) {
                return;
            }
            const index_t plane = u / units;
            const index_t part = u % units;
            for (index_t at = part * strips / units; at < (part + 1) * strips / units; ++at) {
                const index_t g = plane * strips + at;
                if (plane > 0 && !front_wait(progress, g - strips, base + steps, ex)) {
                    return;
                }
                const bool good = body(g, [&](auto&& range) {
                    for (index_t s = 0; s < steps; s += front_stride) {
                        const index_t e = s + front_stride < steps ? s + front_stride : steps;
                        if (at > 0) {
                            const index_t need = e + front_lanes;
                            if (!front_wait(progress, g - 1, base + (need < steps ? need : steps), ex)) {
                                return false;
                            }
                        }
                        range(s, e);
                        __atomic_store_n(progress + g * 8, base + e, __ATOMIC_RELEASE);
                    }
                    return true;
                });
                if (!good) {
                    return;
                }
            }
        }
    });
}

// out = (I + L)^-1 r, or (WithT) out = (I + L)^-1 (r + rest t) and r'(t + out), the product of conjugate gradients.
// Reads r, L and writes out: 32 (two offsets) or 40 bytes per unknown in float64; with t and rest 16 more.
// part: (strips nz) scratch; out: finite before
template <class T, bool WithT, bool Deep>
double front_forward(const FrontView<T>& a, const T* r, const T* t, T* out, double* part, const Executor& ex) {
    const FrontShape shape = a.shape;
    const index_t steps = shape.steps();
    const index_t strips = shape.strips();
    const index_t room = shape.carry();
    front_sweep(a, ex, [=](index_t g, auto&& run) {
        const index_t base = g * steps * front_lanes;
        const T* west = a.west + base;
        const T* south = a.south + base;
        const T* below = Deep ? a.below + base : nullptr;
        const T* rest = WithT ? a.rest + base : nullptr;
        const T* rr = r + base;
        const T* tt = WithT ? t + base : nullptr;
        T* oo = out + base;
        // the first plane reads what it is about to overwrite: its coefficients are zero
        const T* under = oo - (g >= strips ? shape.plane() : 0);
        const bool edge = g % strips == 0;
        // the last lane of the strip before, which is seven steps behind its first; zeros at the edge of a plane
        const T* carry_in = edge ? a.carry + strips * shape.nz * room : a.carry + (g - 1) * room + front_lanes - 1;
        T* carry_out = a.carry + g * room;
        Lanes<T> x = Lanes<T>::all(T(0));
        Lanes<double> sum = Lanes<double>::all(0.0);
        const bool good = run([=, &x, &sum](index_t first, index_t last) {
            // copies: through the closure each would be loaded anew in every step, as a store might have changed it
            const T* const w = west;
            const T* const so = south;
            const T* const be = below;
            const T* const un = under;
            const T* const re = rest;
            const T* const given_at = rr;
            const T* const old_at = tt;
            const T* const in = carry_in;
            T* const to = oo;
            T* const handed = carry_out;
            Lanes<T> now = x;
            Lanes<double> acc = sum;
            for (index_t s = first; s < last; ++s) {
                const index_t o = s * front_lanes;
                const Lanes<T> given = Lanes<T>::load(given_at + o);
                const Lanes<T> moved = now.up(in[s]);
                Lanes<T> y = given;
                Lanes<T> old = given;
                if constexpr (WithT) {
                    old = Lanes<T>::load(old_at + o);
                    y = y + Lanes<T>::load(re + o) * old;
                }
                if constexpr (Deep) {
                    y = y - Lanes<T>::load(be + o) * Lanes<T>::load(un + o);
                }
                y = y - Lanes<T>::load(w + o) * now;
                now = y - Lanes<T>::load(so + o) * moved;
                handed[s] = now.back();
                now.store(to + o);
                if constexpr (WithT) {
                    add_lanes(given, old + now, acc);
                }
            }
            x = now;
            sum = acc;
        });
        if constexpr (WithT) {
            part[g] = lanes_sum(sum);
        }
        return good;
    });
    return WithT ? chunk_sum(part, strips * shape.nz) : 0.0;
}

// p = r + beta p, then t = (I + L')^-1 p; r null: p is left as it is.
// Reads r, p, L and writes p, t: 48 (two offsets) or 56 bytes per unknown in float64.
template <class T, bool WithR, bool Deep>
void front_backward(const FrontView<T>& a, const T* r, T beta, T* p, T* t, const Executor& ex) {
    const FrontShape shape = a.shape;
    const index_t steps = shape.steps();
    const index_t strips = shape.strips();
    const index_t room = shape.carry();
    const index_t total = strips * shape.nz;
    front_sweep(a, ex, [=](index_t turn, auto&& run) {
        const index_t g = total - 1 - turn;
        const index_t base = g * steps * front_lanes;
        const T* west = a.west + base;
        const T* south = a.south + base;
        // coefficients of the plane above lie there; the last plane has none and multiplies itself by zero below
        const index_t up = turn >= strips ? shape.plane() : 0;
        const T* above = Deep ? a.below + (base + up) : nullptr;
        const T* rr = WithR ? r + base : nullptr;
        T* pp = p + base;
        T* tt = t + base;
        const T* over = tt + up;
        const T factor = up > 0 ? T(1) : T(0);
        const bool edge = turn % strips == 0;
        const T* carry_in = edge ? a.carry + total * room : a.carry + (turn - 1) * room + front_lanes;
        T* carry_out = a.carry + turn * room;
        const Lanes<T> b = Lanes<T>::all(beta);
        const Lanes<T> f = Lanes<T>::all(factor);
        Lanes<T> x = Lanes<T>::all(T(0));
        run([=, &x](index_t first, index_t last) {
            const T* const w = west;  // copies, as above
            const T* const so = south;
            const T* const ab = above;
            const T* const ov = over;
            const T* const given = rr;
            const T* const in = carry_in;
            T* const along = pp;
            T* const to = tt;
            T* const handed = carry_out;
            const Lanes<T> times = b;
            const Lanes<T> inner = f;
            Lanes<T> now = x;
            for (index_t step = first; step < last; ++step) {
                const index_t s = steps - 1 - step;
                const index_t o = s * front_lanes;
                Lanes<T> y = Lanes<T>::load(along + o);
                if constexpr (WithR) {
                    y = Lanes<T>::load(given + o) + times * y;
                    y.store(along + o);
                }
                if constexpr (Deep) {
                    y = y - inner * (Lanes<T>::load(ab + o) * Lanes<T>::load(ov + o));
                }
                // the neighbours' own coefficients: those of step s + 1, which is zero past the end
                const index_t n = step == 0 ? o : o + front_lanes;
                const Lanes<T> product = Lanes<T>::load(so + n) * now;
                y = y - Lanes<T>::load(w + n) * now;
                // lane 0 of step s + 1 leaves this strip and arrives in the last lane of the next one
                handed[step] = product.front();
                now = y - product.down(in[step]);
                now.store(to + o);
            }
            if (last == steps) {
                handed[steps] = (Lanes<T>::load(so) * now).front();
            }
            x = now;
        });
        return true;
    });
}

// || scale (I + L) r ||^2.  Reads r, scale, L: 32 or 40 bytes per unknown in float64.  part: (strips nz) scratch
template <class T, bool Deep>
double front_norm(const FrontView<T>& a, const T* r, double* part, const Executor& ex) {
    const FrontShape shape = a.shape;
    const index_t steps = shape.steps();
    const index_t strips = shape.strips();
    const index_t block = steps * front_lanes;
    ex.parallel_for(strips * shape.nz, 1, [=, &a](index_t first, index_t last) {
        for (index_t g = first; g < last; ++g) {
            const index_t base = g * block;
            const T* under = r + base - (g >= strips ? shape.plane() : 0);
            const T* before = g % strips > 0 ? r + base - block : nullptr;
            Lanes<T> x = Lanes<T>::all(T(0));
            Lanes<double> sum = Lanes<double>::all(0.0);
            for (index_t s = 0; s < steps; ++s) {
                const index_t o = s * front_lanes;
                const index_t c = s + front_lanes - 1;
                const Lanes<T> moved = x.up(before != nullptr && c < steps ? before[c * front_lanes + 7] : T(0));
                const Lanes<T> own = Lanes<T>::load(r + base + o);
                Lanes<T> y = own + Lanes<T>::load(a.west + base + o) * x;
                y = y + Lanes<T>::load(a.south + base + o) * moved;
                if constexpr (Deep) {
                    y = y + Lanes<T>::load(a.below + base + o) * Lanes<T>::load(under + o);
                }
                y = y * Lanes<T>::load(a.scale + base + o);
                add_lanes(y, y, sum);
                x = own;
            }
            part[g] = lanes_sum(sum);
        }
    });
    return chunk_sum(part, strips * shape.nz);
}

KRISS_NAMESPACE_END
