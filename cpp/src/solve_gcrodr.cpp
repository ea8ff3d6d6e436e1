#include "solve_gcrodr.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

#include "kriss/solve/arnoldi.hpp"
#include "solve_harmonic.hpp"
#include "solve_recycle_kernels.hpp"

namespace kriss {

namespace {

std::size_t at(index_t i) { return static_cast<std::size_t>(i); }

constexpr int harvests_unmeasured = 32;  // from one look at C^H C to the next, at most

// C, X and U of one solve, and the vectors of its cycles.
template <class T>
class Recycling {
   public:
    using W = Wide<T>;

    Recycling(KrylovContext<T>& s, LinearMap<T>& a, const GcrodrOptions& opt, int steps)
        : s_(s),
          opt_(opt),
          steps_(steps),
          capacity_(static_cast<int>(std::max<index_t>(0, std::min<index_t>(opt.recycle, s.n - 1)))),
          preconditioned_(s.M.apply != nullptr),
          v_(s.n, a.halo(), steps + 1),
          z_(s.n, a.halo(), preconditioned_ ? steps : 0),
          c_(s.n, 0, capacity_),
          x_(s.n, a.halo(), capacity_),
          u_(s.n, 0, preconditioned_ ? capacity_ : 0),
          r_(s.n, a.halo(), 3),
          h_(at(steps) * at(steps + 1)),
          b_(at(steps) * at(opt.recycle)),
          held_(a, steps, capacity_),
          loss_(std::sqrt(opt.eps)),
          gram_(at(capacity_) * at(capacity_), cross_rounding * opt.eps) {
        const int k = opt.recycle;
        divide_by(s.diagonal);
        part_.resize(at(chunk_count(s.n)) * at(std::max((steps + 1) * k, k * k)));
    }

    int kept() const { return kept_; }
    T* residual() const { return r_[0]; }
    T* room(int i) const { return r_[1 + i]; }

    // Makes C = A X orthonormal; what is dependent, zero or not finite is left out. False if the loop has to stop.
    bool prepare(const RecycledVectors<T>& given) {
        const W one = wide_one<T>();
        for (std::size_t j = 0; j < given.x.size() && kept_ < capacity_; ++j) {
            T* const x = x_[kept_];
            T* const c = c_[kept_];
            T* const u = preconditioned_ && inverse_.empty() ? u_[kept_] : nullptr;
            copy_items(s_.n, given.x[j].data(), x);
            const double length = std::sqrt(pass<T>(s_, x, one, {}));
            if (!(length > 0.0) || !std::isfinite(length)) {
                continue;
            }
            pass<T>(s_, x, wide_from<T>(1.0 / length), {}, {}, nullptr, false);
            if (u != nullptr) {
                copy_items(s_.n, given.u.empty() ? given.x[j].data() : given.u[j].data(), u);
                pass<T>(s_, u, wide_from<T>(1.0 / length), {}, {}, nullptr, false);
            }
            if (!multiply(s_, static_cast<const T*>(x), c)) {
                return false;
            }
            const double before = std::sqrt(pass<T>(s_, c, one, {}));
            if (!(before > 0.0) || !std::isfinite(before)) {
                continue;
            }
            double after = before;
            // Twice, unless once has left the half of it: products with the others are then of the size of rounding.
            for (int again = 0; again < 2 && kept_ > 0 && (again == 0 || !(after > 0.5 * before)); ++again) {
                std::vector<W> dots(at(kept_));
                project(s_, c_.data(), kept_, c, dots.data());
                for (W& d : dots) {
                    d = -d;
                }
                after = std::sqrt(add(c_.data(), kept_, dots.data(), c, true));
                add(x_.data(), kept_, dots.data(), x);
                if (u != nullptr) {
                    add(u_.data(), kept_, dots.data(), u);
                }
            }
            if (!(after > std::sqrt(opt_.eps) * before) || !std::isfinite(after)) {
                continue;
            }
            const W unit = wide_from<T>(1.0 / after);
            pass<T>(s_, c, unit, {}, {}, nullptr, false);
            pass<T>(s_, x, unit, {}, {}, nullptr, false);
            if (u != nullptr) {
                pass<T>(s_, u, unit, {}, {}, nullptr, false);
            }
            ++kept_;
        }
        if (!inverse_.empty()) {
            directions_by_division();
        } else if (kept_ > 0 && preconditioned_ && !scale_directions()) {
            return false;
        }
        cu_.resize(at(kept_) * at(kept_));
        pair_products(kept_, c_.data(), kept_, directions(), cu_.data());
        return true;
    }

    // Takes the component in C out of the residual; returns its norm.
    double correct(T* x) {
        if (kept_ == 0) {
            return std::sqrt(pass<T>(s_, residual(), wide_one<T>(), {}));
        }
        std::vector<W> dots(at(kept_));
        project(s_, c_.data(), kept_, residual(), dots.data());
        add(x_.data(), kept_, dots.data(), x);
        for (W& d : dots) {
            d = -d;
        }
        return std::sqrt(add(c_.data(), kept_, dots.data(), residual(), true));
    }

    // At most `most` steps from the residual, whose norm is beta; x and the residual follow.
    ArnoldiOutcome cycle(T* x, double beta, double tol, index_t most) {
        ArnoldiCycle<T>& a = held_.cycle;
        a.steps = std::min<index_t>({steps_, opt_.restart - kept_, s_.n - kept_, most});
        a.v = v_.data();
        a.z = preconditioned_ ? z_.data() : nullptr;
        a.room = room(0);
        a.k = kept_;
        a.c = c_.data();
        a.h = h_.data();
        a.b = b_.data();
        a.beta = beta;
        a.tol = tol;
        a.eps = opt_.eps;
        a.loss = loss_;
        const index_t all = kept_ + a.steps + 1;
        for (int i = 0; i < kept_; ++i) {
            std::copy_n(gram_.data() + i * capacity_, kept_, a.cross + i * all);
        }
        a.hook = [](void* self, double norm) {
            report(*static_cast<KrylovContext<T>*>(self), norm);
            return true;
        };
        a.hook_self = &s_;
        std::fill(h_.begin(), h_.end(), W{});
        pass<T>(s_, v_[0], W{}, {{wide_from<T>(1.0 / beta), residual()}}, {}, nullptr, false);
        ld_ = a.steps + 1;
        const ArnoldiOutcome out = arnoldi(s_, a, held_.list.data(), held_.dots.data());
        const auto taken = static_cast<int>(out.steps);
        rows_ = taken + (out.breakdown ? 0 : 1);
        std::vector<W> along(at(kept_)), image(at(rows_));
        for (int j = 0; j < taken; ++j) {
            for (int i = 0; i < kept_; ++i) {
                along[at(i)] = along[at(i)] - b_[at(j) * at(kept_) + at(i)] * a.y[j];
            }
            for (int i = 0; i < std::min(j + 2, rows_); ++i) {
                image[at(i)] = image[at(i)] - h_[at(j) * at(ld_) + at(i)] * a.y[j];
            }
        }
        add(images(), taken, a.y, x);
        add(x_.data(), kept_, along.data(), x);
        add(v_.data(), taken > 0 ? rows_ : 0, image.data(), residual());
        return out;
    }

    void forget() {
        kept_ = 0;
        cu_.clear();
    }

    // The directions to keep out of those of this cycle, which had `taken` steps and divided the residual by `gain`.
    // They cost half as much as the cycle. Where the last choice has hardly changed the space, one or two cycles go by
    // without one, as long as they make progress.
    void harvest(int taken, double gain) {
        if (taken == 0 || capacity_ == 0) {
            return;
        }
        const bool short_of_steps = 4 * taken < opt_.restart - kept_;
        if (kept_ == capacity_ && gain >= 2.0 && (rest_ > 0 || short_of_steps)) {
            --rest_;
            return;
        }
        const int q = kept_ + rows_;
        const int p = kept_ + taken;
        std::vector<W> g(at(q) * at(p)), s(g.size());
        std::vector<double> unit(at(kept_));
        for (int i = 0; i < kept_; ++i) {
            const double length = std::sqrt(pass<T>(s_, directions()[i], wide_one<T>(), {}));
            unit[at(i)] = length > 0.0 && std::isfinite(length) ? 1.0 / length : 1.0;
        }
        std::vector<W> vu(at(rows_) * at(kept_));
        pair_products(rows_, v_.data(), kept_, directions(), vu.data());
        for (int j = 0; j < kept_; ++j) {
            W* const gj = g.data() + at(j) * at(q);
            W* const sj = s.data() + at(j) * at(q);
            gj[j] = wide_from<T>(unit[at(j)]);
            for (int i = 0; i < kept_; ++i) {
                sj[i] = unit[at(j)] * cu_[at(i) * at(kept_) + at(j)];
            }
            for (int i = 0; i < rows_; ++i) {
                sj[kept_ + i] = unit[at(j)] * vu[at(i) * at(kept_) + at(j)];
            }
        }
        for (int j = 0; j < taken; ++j) {
            W* const gj = g.data() + at(kept_ + j) * at(q);
            for (int i = 0; i < kept_; ++i) {
                gj[i] = b_[at(j) * at(kept_) + at(i)];
            }
            for (int i = 0; i < std::min(j + 2, rows_); ++i) {
                gj[kept_ + i] = h_[at(j) * at(ld_) + at(i)];
            }
            s[at(kept_ + j) * at(q) + at(kept_ + j)] = wide_one<T>();
        }
        const index_t all = kept_ + held_.cycle.steps + 1;
        const int kept_old = kept_;
        std::vector<W> d(at(p) * at(capacity_)), y(at(q) * at(capacity_));
        const int k = harmonic_directions(q, p, capacity_, opt_.eps, g.data(), s.data(), d.data(), y.data());
        if (k == 0) {
            return;
        }
        // C^H U of the new vectors: y^H s d
        std::vector<W> sd(at(q) * at(k));
        for (int j = 0; j < k; ++j) {
            for (int i = 0; i < p; ++i) {
                const W f = d[at(j) * at(p) + at(i)];
                for (int t = 0; t < q; ++t) {
                    sd[at(j) * at(q) + at(t)] = sd[at(j) * at(q) + at(t)] + f * s[at(i) * at(q) + at(t)];
                }
            }
        }
        cu_.assign(at(k) * at(k), W{});
        for (int i = 0; i < k; ++i) {
            for (int j = 0; j < k; ++j) {
                for (int t = 0; t < q; ++t) {
                    cu_[at(i) * at(k) + at(j)] =
                        cu_[at(i) * at(k) + at(j)] + conj_of(y[at(i) * at(q) + at(t)]) * sd[at(j) * at(q) + at(t)];
                }
            }
        }
        for (int i = 0; i < kept_; ++i) {
            for (int j = 0; j < k; ++j) {
                d[at(j) * at(p) + at(i)] = unit[at(i)] * d[at(j) * at(p) + at(i)];
            }
        }
        change(c_, v_, rows_, k, y.data(), q);
        if (preconditioned_ && inverse_.empty()) {
            change(u_, v_, taken, k, d.data(), p);
        }
        change(x_, preconditioned_ ? z_ : v_, taken, k, d.data(), p);
        kept_ = k;
        directions_by_division();
        double top = 0.0;  // of the new C in the space of the old one
        for (int j = 0; j < k; ++j) {
            for (int i = 0; i < kept_old; ++i) {
                top += square_of(y[at(j) * at(q) + at(i)]);
            }
        }
        rest_ = top > 0.98 * k ? 2 : top > 0.9 * k ? 1 : 0;
        // The bounds are for products of different vectors: how far lengths have drifted from 1 is only measured.
        const bool bounded = bound_gram(y.data(), q, held_.cycle.cross, all) <= 0.01 * loss_;
        if (!bounded || ++unmeasured_ >= harvests_unmeasured) {
            orthogonal_again();
        }
    }

    void leave(RecycledVectors<T>& left) const {
        left.x.clear();
        left.u.clear();
        for (int j = 0; j < kept_; ++j) {
            left.x.emplace_back(x_[j], x_[j] + s_.n);
            if (preconditioned_) {
                left.u.emplace_back(u_[j], u_[j] + s_.n);
            }
        }
    }

   private:
    // Bounds for the products of the columns of C, made by y (q, k) from vectors with the bounds `cross`: the largest.
    double bound_gram(const W* y, int q, const double* cross, index_t all) {
        std::vector<double> half(at(q));
        double most = 0.0;
        for (int j = 0; j < kept_; ++j) {
            for (int i = 0; i < q; ++i) {
                half[at(i)] = 0.0;
                for (int t = 0; t < q; ++t) {
                    half[at(i)] += t != i ? cross[i * all + t] * std::sqrt(square_of(y[at(j) * at(q) + at(t)])) : 0.0;
                }
            }
            for (int i = 0; i < kept_; ++i) {
                double sum = cross_rounding * opt_.eps;
                for (int t = 0; t < q; ++t) {
                    sum += std::sqrt(square_of(y[at(i) * at(q) + at(t)])) * half[at(t)];
                }
                gram_[at(i) * at(capacity_) + at(j)] = sum;
                most = sum > most || std::isnan(sum) ? sum : most;
            }
        }
        return most;
    }

    // Measures C^H C = I + E and, where E is not small, multiplies C, X and U by T = I - F with F + F^H = E: E^2 is
    // left.
    void orthogonal_again() {
        const auto k = at(kept_);
        std::vector<W> g(k * k), t(k * k);
        unmeasured_ = 0;
        pair_products(kept_, c_.data(), kept_, c_.data(), g.data());
        double most = 0.0;
        for (std::size_t i = 0; i < k; ++i) {
            for (std::size_t j = 0; j < k; ++j) {
                const W e = g[i * k + j] - (i == j ? wide_one<T>() : W{});
                const double size = std::sqrt(square_of(e));
                gram_[i * at(capacity_) + j] = size + cross_rounding * opt_.eps;
                most = size > most ? size : most;
                t[j * k + i] = i < j ? -e : i == j ? wide_one<T>() - 0.5 * e : W{};
            }
        }
        if (most > 0.01 * loss_) {
            change(c_, c_, 0, kept_, t.data(), kept_);
            change(x_, x_, 0, kept_, t.data(), kept_);
            if (preconditioned_ && inverse_.empty()) {
                change(u_, u_, 0, kept_, t.data(), kept_);
            }
            directions_by_division();
            std::fill(gram_.begin(), gram_.end(), cross_rounding * opt_.eps);
            // C^H U becomes T^H (C^H U) T, T = I - F by columns in t
            for (std::size_t i = 0; i < k; ++i) {
                for (std::size_t j = 0; j < k; ++j) {
                    g[i * k + j] = W{};
                    for (std::size_t l = 0; l < k; ++l) {
                        g[i * k + j] = g[i * k + j] + cu_[i * k + l] * t[j * k + l];
                    }
                }
            }
            for (std::size_t i = 0; i < k; ++i) {
                for (std::size_t j = 0; j < k; ++j) {
                    cu_[i * k + j] = W{};
                    for (std::size_t l = 0; l < k; ++l) {
                        cu_[i * k + j] = cu_[i * k + j] + conj_of(t[i * k + l]) * g[l * k + j];
                    }
                }
            }
        }
    }

    T* const* directions() const { return preconditioned_ ? u_.data() : x_.data(); }
    T* const* images() const { return preconditioned_ ? z_.data() : v_.data(); }

    // Of a diagonal M^-1 the items that divide, if all are finite and none is 0: then U = M X is formed item by item.
    void divide_by(const T* diagonal) {
        if (diagonal == nullptr) {
            return;
        }
        inverse_.resize(at(s_.n));
        for (index_t i = 0; i < s_.n; ++i) {
            inverse_[at(i)] = narrow<T>(quotient(wide_one<T>(), widen(diagonal[i])));
            const W one = widen(inverse_[at(i)]);
            if (!std::isfinite(square_of(one)) || !(square_of(one) > 0.0)) {
                inverse_.clear();
                return;
            }
        }
    }

    void directions_by_division() {
        for (int j = 0; j < kept_ && !inverse_.empty(); ++j) {
            pass_kernels<T>().scale(s_.n, inverse_.data(), x_[j], u_[j], *s_.ex);
        }
    }

    // U came with another M: its columns have lengths of their own. One application of M sets the scale.
    bool scale_directions() {
        copy_items(s_.n, u_[0], room(0));
        const T* const z = precondition(s_, room(0), room(1));
        if (z == nullptr) {
            return false;
        }
        const double ours = std::sqrt(pass<T>(s_, x_[0], wide_one<T>(), {}));
        const double theirs = std::sqrt(pass<T>(s_, room(1), wide_one<T>(), {}));
        const double ratio = ours / theirs;
        if (theirs > 0.0 && std::isfinite(ratio) && ratio > 0.0) {
            for (int j = 0; j < kept_; ++j) {
                pass<T>(s_, u_[j], wide_from<T>(ratio), {}, {}, nullptr, false);
            }
        }
        return true;
    }

    // y += sum of a_j v_j; returns ||y||^2 if wanted
    double add(T* const* v, int count, const W* a, T* y, bool norm_wanted = false) {
        double norm = 0.0;
        int from = 0;
        do {
            FusedPass<T> f;
            f.n = s_.n;
            f.beta = narrow<T>(1.0);
            f.y = y;
            for (; f.terms < max_terms && from + f.terms < count; ++f.terms) {
                f.v[f.terms] = v[from + f.terms];
                f.c[f.terms] = narrow<T>(a[from + f.terms]);
            }
            from += f.terms;
            f.norm = norm_wanted && from == count;
            norm = s_.fused(f, nullptr, s_.part, *s_.ex);
        } while (from < count);
        return norm;
    }

    void pair_products(int p, T* const* w, int q, T* const* u, W* out) {
        if (p > 0 && q > 0) {
            panel_kernels<T>().products(s_.n, p, w, q, u, out, part_.data(), *s_.ex);
        }
    }

    // old = [old more] g; g: (lead, k) column-major, the first kept() + count rows
    void change(Vectors<T>& old, const Vectors<T>& more, int count, int k, const W* g, int lead) {
        std::vector<const T*> from;
        for (int i = 0; i < kept_; ++i) {
            from.push_back(old[i]);
        }
        for (int i = 0; i < count; ++i) {
            from.push_back(more[i]);
        }
        const auto p = static_cast<int>(from.size());
        std::vector<T> small(at(p) * at(k));
        for (int i = 0; i < p; ++i) {
            for (int j = 0; j < k; ++j) {
                small[at(i) * at(k) + at(j)] = narrow<T>(g[at(j) * at(lead) + at(i)]);
            }
        }
        panel_kernels<T>().change(s_.n, p, from.data(), k, small.data(), old.data(), *s_.ex);
    }

    KrylovContext<T>& s_;
    const GcrodrOptions& opt_;
    int steps_;
    int capacity_;  // of C
    bool preconditioned_;
    int kept_ = 0;
    int rows_ = 0;  // of the Hessenberg matrix of the last cycle that mean something
    index_t ld_ = 0;
    Vectors<T> v_, z_, c_, x_, u_, r_;
    std::vector<T> inverse_;  // (n) of a diagonal M^-1, or empty
    std::vector<W> h_, b_, part_;
    ArnoldiRoom<T> held_;
    int rest_ = 0;              // cycles without new directions still to come
    int unmeasured_ = 0;        // harvests since the last look at C^H C
    double loss_;               // of orthogonality, that a cycle may leave
    std::vector<double> gram_;  // (capacity, capacity): bounds for |C^H C - I|
    std::vector<W> cu_;         // (kept, kept): C^H U
};

}  // namespace

template <class T>
GcrodrOutcome gcrodr(KrylovContext<T>& s, LinearMap<T>& a, const T* b, T* x, bool zero_start, const GcrodrOptions& opt,
                     const RecycledVectors<T>& given, RecycledVectors<T>& left) {
    GcrodrOutcome out;
    const auto steps = static_cast<int>(
        std::max<index_t>(1, std::min<index_t>({opt.restart, s.n, std::max<index_t>(opt.maxiter, 1)})));
    Recycling<T> space(s, a, opt, steps);
    T* const r = space.residual();
    const auto finish = [&](Status status) {
        out.status = s.trouble != Status::ok ? s.trouble : status;
        if (out.prepared || out.cycles > 0) {
            space.leave(left);
        }
        return out;
    };
    double rr = first_residual(s, b, static_cast<const T*>(x), zero_start, space.room(0), space.room(1), r);
    if (s.trouble != Status::ok) {
        return finish(Status::failed);
    }
    double beta = out.residual = std::sqrt(rr);
    report(s, beta);
    bool fresh = true;
    double known = beta;  // norm of b - A x where it was formed last
    double previous = std::numeric_limits<double>::infinity();
    int idle = 0;
    for (;;) {
        out.residual = beta;
        if (!std::isfinite(beta)) {
            return finish(Status::non_finite);
        }
        if (fresh && beta <= opt.tol) {
            return finish(Status::ok);
        }
        if (!fresh && (beta <= opt.tol || beta <= std::sqrt(opt.eps) * known)) {
            // The recurrence has gone half the digits since b - A x was last formed, or claims convergence.
            if (beta <= opt.tol && !opt.verify) {
                return finish(Status::ok);
            }
            rr = first_residual(s, b, static_cast<const T*>(x), false, space.room(0), space.room(1), r);
            if (s.trouble != Status::ok) {
                return finish(Status::failed);
            }
            beta = out.residual = std::sqrt(rr);
            if (beta <= opt.tol) {
                return finish(Status::ok);
            }
            if (!(beta < 0.5 * known)) {
                return finish(std::isfinite(beta) ? Status::stagnated : Status::non_finite);
            }
            known = beta;
            previous = std::numeric_limits<double>::infinity();
            beta = space.correct(x);
        }
        if (out.iterations >= opt.maxiter) {
            return finish(Status::maxiter);
        }
        if (!out.prepared && !given.x.empty()) {
            out.prepared = true;
            if (!space.prepare(given)) {
                return finish(Status::failed);
            }
            beta = space.correct(x);
            fresh = false;
            continue;
        }
        // A restart that gains nothing gains nothing the next time, unless the space kept has improved.
        idle = beta < previous * (1.0 - 10.0 * opt.eps) ? 0 : idle + 1;
        if (idle > (opt.recycle > 0 ? 2 : 0)) {
            return finish(Status::stagnated);
        }
        previous = std::fmin(previous, beta);
        const ArnoldiOutcome done = space.cycle(x, beta, opt.tol, opt.maxiter - out.iterations);
        out.iterations += done.steps;
        ++out.cycles;
        fresh = false;
        if (s.trouble != Status::ok) {
            return finish(Status::failed);
        }
        if (!done.finite) {
            return finish(Status::non_finite);
        }
        if (s.callback != nullptr && !s.callback(s.callback_self)) {
            s.trouble = Status::failed;
            return finish(Status::failed);
        }
        if (!done.breakdown) {
            space.harvest(static_cast<int>(done.steps), previous / done.residual);
            beta = space.correct(x);
            continue;
        }
        rr = first_residual(s, b, static_cast<const T*>(x), false, space.room(0), space.room(1), r);
        beta = known = out.residual = std::sqrt(rr);
        if (beta <= opt.tol) {
            space.harvest(static_cast<int>(done.steps), 1.0);
            return finish(Status::ok);
        }
        if (space.kept() == 0) {
            return finish(Status::breakdown);
        }
        // With C projected out the operator is singular on vectors of U, which A itself need not be.
        space.forget();
    }
}

#define KRISS_INSTANTIATE(T)                                                                                           \
    template GcrodrOutcome gcrodr<T>(KrylovContext<T>&, LinearMap<T>&, const T*, T*, bool, const GcrodrOptions&,       \
                                     const RecycledVectors<T>&, RecycledVectors<T>&);

KRISS_INSTANTIATE(float)
KRISS_INSTANTIATE(double)
KRISS_INSTANTIATE(Cplx<float>)
KRISS_INSTANTIATE(Cplx<double>)

}  // namespace kriss
