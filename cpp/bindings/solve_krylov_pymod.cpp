// The loops of the Krylov methods over linear maps: matrices, diagonals, sweeps, and callables written in Python.
#include "solve_krylov.hpp"

#include <algorithm>
#include <complex>
#include <cstdint>
#include <memory>
#include <utility>

#include "arrays.hpp"
#include "families.hpp"
#include "hook.hpp"
#include "krylov_maps.hpp"
#include "solve.hpp"
#include "solve_kernels.hpp"

namespace kriss::bind {

namespace {

template <class T>
class HookMap : public LinearMap<T> {
   public:
    HookMap(py::object fn, index_t n) : hook_(std::move(fn)), n_(n) {}
    bool apply(const T* x, T* y, const Executor&) override {
        return hook_.call(reinterpret_cast<const Np<T>*>(x), reinterpret_cast<Np<T>*>(y), {n_});
    }
    index_t size() const override { return n_; }
    void rethrow() override { hook_.rethrow(); }

   private:
    Hook hook_;
    index_t n_;
};

template <class T, class I>
class SsorMap : public LinearMap<T> {
   public:
    explicit SsorMap(const SsorView<T, I>& sweep)
        : sweep_(sweep), part_(static_cast<std::size_t>(chunk_count(sweep.a.rows))) {}
    bool apply(const T* x, T* y, const Executor& ex) override {
        csr_kernels<T, I>().ssor(&sweep_, x, y, part_.data(), ex);
        return true;
    }
    index_t size() const override { return sweep_.a.rows; }

   private:
    SsorView<T, I> sweep_;
    std::vector<double> part_;
};

template <class T, class I>
void add_matrices(py::module_& m) {
    m.def(
        "csr_map",
        [](const array<I>& indptr, const array<I>& indices, const array<Np<T>>& data, bool by_diagonal) -> Map<T> {
            const auto n = static_cast<index_t>(indptr.size()) - 1;
            const auto a = csr(indptr, indices, data, n);
            const CsrView<T, I> view{n, n, a.indptr, a.indices, reinterpret_cast<const T*>(a.data)};
            return std::make_shared<Owning<CsrMap<T, I>>>(std::vector<py::object>{indptr, indices, data}, view,
                                                          by_diagonal);
        },
        py::arg("indptr").noconvert(), py::arg("indices").noconvert(), py::arg("data").noconvert(),
        py::arg("by_diagonal"), "A square CSR matrix as a map; by_diagonal: by diagonals or blocks where that pays.");
    if constexpr (!ScalarTraits<T>::is_complex) {
        m.def(
            "ssor_map",
            [](const array<I>& indptr, const array<I>& indices, const array<T>& data, const array<I>& where,
               const array<T>& inverse, double omega) -> Map<T> {
                const auto n = static_cast<index_t>(inverse.size());
                expect(where.size() == inverse.size() && static_cast<index_t>(indptr.size()) == n + 1,
                       "indptr, where and inverse must fit");
                return std::make_shared<Owning<SsorMap<T, I>>>(
                    std::vector<py::object>{indptr, indices, data, where, inverse},
                    SsorView<T, I>{csr(indptr, indices, data, n), where.data(), inverse.data(), static_cast<T>(omega)});
            },
            py::arg("indptr").noconvert(), py::arg("indices").noconvert(), py::arg("data").noconvert(),
            py::arg("where").noconvert(), py::arg("inverse").noconvert(), py::arg("omega"), "M^-1 of SSOR as a map.");
    }
}

template <class T>
void add_loops(py::module_& m, const char* map_name) {
    using N = Np<T>;
    using NW = Np<Wide<T>>;
    py::class_<LinearMap<T>, Map<T>>(m, map_name)
        .def_property_readonly("n", &LinearMap<T>::size)
        .def_property_readonly("storage", &LinearMap<T>::storage)
        .def_property_readonly("product_bytes", &LinearMap<T>::product_bytes)
        .def_property_readonly("halo", &LinearMap<T>::halo)
        .def(
            "apply",
            [](LinearMap<T>& self, const array<N>& x, array<N>& y, int workers) {
                expect(static_cast<index_t>(x.size()) == self.size() && y.size() == x.size(), "x and y must be (n)");
                T* to = out<T>(y);
                call(workers, [&](const Executor& ex) {
                    const Vectors<T> room(self.size(), self.halo(), self.halo() > 0 ? 1 : 0);
                    const T* from = in<T>(x);
                    if (self.halo() > 0) {
                        std::copy_n(from, self.size(), room[0]);
                        from = room[0];
                    }
                    self.apply(from, to, for_size(ex, self.entries()));
                });
                self.rethrow();
            },
            py::arg("x").noconvert(), py::arg("y").noconvert(), py::arg("workers"), "y = F x.");
    m.def(
        "diagonal_map",
        [](const array<N>& d) -> Map<T> {
            return std::make_shared<Owning<DiagonalMap<T>>>(std::vector<py::object>{d}, in<T>(d),
                                                            static_cast<index_t>(d.size()));
        },
        py::arg("d").noconvert(), "x -> d x, item by item, as a map.");
    m.def(
        "hook_map",
        [](py::object fn, const array<N>& like) -> Map<T> {
            return std::make_shared<HookMap<T>>(std::move(fn), static_cast<index_t>(like.size()));
        },
        py::arg("fn"), py::arg("like").noconvert(),
        "fn(x, y), which writes y = F x, as a map on vectors of the size and dtype of `like`.");
    if constexpr (!ScalarTraits<T>::is_complex) {
        m.def(
            "native_map",
            [](std::shared_ptr<NativePrecond<T>> M, double scale) -> Map<T> {
                return std::make_shared<NativeMap<T>>(std::move(M), static_cast<T>(scale));
            },
            py::arg("M"), py::arg("scale"), "r -> scale M^-1 r with a preconditioner object, as a map.");
    }
    m.def(
        "fused",
        [](array<N>& y, NW beta, const py::list& v, const array<NW>& c, const py::list& w, int workers) {
            const auto n = static_cast<index_t>(y.size());
            expect(v.size() <= max_terms && w.size() <= max_terms, "at most 64 vectors in a pass");
            expect(static_cast<std::size_t>(c.size()) == v.size(), "v and c must have as many items");
            const VectorList<T> terms(v, n, false);
            const VectorList<T> dots(w, n, false);
            FusedPass<T> f;
            f.n = n;
            f.beta = narrow<T>(from_numpy<T>(beta));
            f.norm = true;
            for (const T* p : terms.at) {
                f.c[f.terms] = narrow<T>(from_numpy<T>(c.data()[f.terms]));
                f.v[f.terms++] = p;
            }
            for (const T* p : dots.at) {
                f.w[f.dots++] = p;
            }
            const bool writes = f.terms > 0 || beta != NW(1);
            f.y = writes ? out<T>(y) : const_cast<T*>(in<T>(y));
            std::vector<Wide<T>> part(static_cast<std::size_t>(chunk_count(n)) * (max_terms + 1));
            py::array_t<NW> products(static_cast<py::ssize_t>(f.dots));
            auto* to = reinterpret_cast<Wide<T>*>(products.mutable_data());
            const double norm = call(workers, [&](const Executor& ex) {
                return pass_kernels<T>().fused(f, to, part.data(), for_size(ex, n * (f.terms + f.dots + 1)));
            });
            return py::make_tuple(products, norm);
        },
        py::arg("y").noconvert(), py::arg("beta"), py::arg("v"), py::arg("c").noconvert(), py::arg("w"),
        py::arg("workers"), "y = beta y + sum c_j v_j; returns (w_j^H y for all j, y^H y).");
    m.def(
        "arnoldi",
        [](const Map<T>& a, const Map<T>& prec, bool left, const py::list& v, const py::list& z, const py::list& c,
           array<NW>& h, array<NW>& b, double beta, double tol, double eps, const py::object& callback, int workers,
           bool complete, bool padded, double loss) {
            const index_t n = a->size();
            const VectorList<T> basis(v, n, true);
            const VectorList<T> flexible(z, n, true);
            const VectorList<T> fixed(c, n, false);
            const auto steps = static_cast<index_t>(v.size()) - 1;
            expect(steps >= 1 && (z.empty() || static_cast<index_t>(z.size()) == steps), "z must have steps vectors");
            expect(static_cast<index_t>(h.size()) == steps * (steps + 1), "h must be (steps, steps + 1)");
            const auto k = static_cast<int>(c.size());
            expect(static_cast<index_t>(b.size()) == steps * k, "b must be (steps, k)");
            ArnoldiRoom<T> held(*a, steps, k);
            ArnoldiCycle<T>& cycle = held.cycle;
            cycle.left = left;
            cycle.complete = complete;
            cycle.loss = loss;
            for (index_t i = 0; i < k; ++i) {
                std::fill_n(cycle.cross + i * (k + steps + 1), k, cross_rounding * eps);
            }
            cycle.v = basis.at.data();
            cycle.z = z.empty() ? nullptr : flexible.at.data();
            cycle.c = fixed.at.data();
            cycle.h = reinterpret_cast<Wide<T>*>(h.mutable_data());
            cycle.b = reinterpret_cast<Wide<T>*>(b.mutable_data());
            cycle.beta = beta;
            cycle.tol = tol;
            cycle.eps = eps;
            Hook hook(callback);
            if (hook.set()) {
                cycle.hook_self = &hook;
                cycle.hook = [](void* self, double norm) { return static_cast<Hook*>(self)->call(norm); };
            }
            std::vector<double> norms;
            const auto done = run_loop<T>(a, prec, py::none(), nullptr, workers, [&](KrylovContext<T>& s) {
                const index_t halo = a->halo();
                const Vectors<T> room(n, halo, prec != nullptr && z.empty() ? 1 : 0);
                cycle.room = prec != nullptr && z.empty() ? room[0] : nullptr;
                // Products by diagonals want zeros around their operand. Where the caller's vectors have none, it is
                // copied between some, and the product is a pass of its own.
                const bool copies = halo > 0 && !padded && (prec == nullptr || left || !z.empty());
                const Vectors<T> between(n, halo, copies ? 1 : 0);
                struct Copying {
                    VectorMap<T> inside;
                    T* room;
                    index_t n;
                } through{s.A, copies ? between[0] : nullptr, n};
                if (copies) {
                    cycle.rows = {};
                    s.A = {&through, [](void* self, const T* x, T* to, const Executor& ex) {
                               auto& p = *static_cast<Copying*>(self);
                               std::copy_n(x, p.n, p.room);
                               return p.inside.apply(p.inside.self, p.room, to, ex);
                           }};
                }
                return arnoldi(s, cycle, held.list.data(), held.dots.data());
            });
            hook.rethrow();
            const ArnoldiOutcome& o = done.first;
            py::array_t<NW> coefficients(static_cast<py::ssize_t>(o.steps), reinterpret_cast<const NW*>(cycle.y));
            return py::make_tuple(static_cast<std::int64_t>(o.steps), o.residual, o.breakdown, o.finite, coefficients,
                                  static_cast<std::int64_t>(done.second));
        },
        py::arg("a"), py::arg("m"), py::arg("left"), py::arg("v"), py::arg("z"), py::arg("c"), py::arg("h").noconvert(),
        py::arg("b").noconvert(), py::arg("beta"), py::arg("tol"), py::arg("eps"), py::arg("callback"),
        py::arg("workers"), py::arg("complete") = true, py::arg("padded") = false, py::arg("loss") = 0.0,
        "One cycle of GMRES; v: steps + 1 vectors, v[0] of norm 1; z: steps vectors or none; c: orthonormal "
        "vectors.\n\n"
        "Fills v, z, h (steps, steps + 1) and b (steps, k); returns (steps, residual, breakdown, finite, coefficients, "
        "matvecs). The last vector of v is orthonormal to the others only if `complete`. `padded`: v and z lie between "
        "as many zeros as the halo of a. `loss`: products of vectors up to which the second orthogonalisation is left "
        "out.");
    m.def(
        "minres",
        [](const Map<T>& a, const Map<T>& prec, const array<N>& b, array<N>& x, bool zero_start, double shift,
           double tol, double rtol, double eps, std::int64_t maxiter, bool scipy_rules, const py::object& callback,
           int workers) {
            expect(static_cast<index_t>(b.size()) == a->size() && x.size() == b.size(), "b and x must be (n)");
            MinresOptions options;
            options.tol = tol;
            options.maxiter = static_cast<index_t>(maxiter);
            options.scipy_rules = scipy_rules;
            options.shift = shift;
            options.rtol = rtol;
            options.eps = eps;
            std::vector<double> norms;
            T* to = out<T>(x);
            const auto done = run_loop<T>(a, prec, callback, &norms, workers, [&](KrylovContext<T>& s) {
                const Vectors<T> work(s.n, a->halo(), prec != nullptr ? 7 : 5);
                return minres(s, in<T>(b), to, zero_start, options, work.data());
            });
            const MinresOutcome& o = done.first;
            return py::make_tuple(static_cast<int>(o.status), static_cast<std::int64_t>(o.iterations),
                                  static_cast<std::int64_t>(done.second), kept(norms), o.istop);
        },
        py::arg("a"), py::arg("m"), py::arg("b").noconvert(), py::arg("x").noconvert(), py::arg("zero_start"),
        py::arg("shift"), py::arg("tol"), py::arg("rtol"), py::arg("eps"), py::arg("maxiter"), py::arg("scipy_rules"),
        py::arg("callback"), py::arg("workers"),
        "MINRES; returns (status, iterations, matvecs, history, the published program's istop).");
    m.def(
        "bicgstab",
        [](const Map<T>& a, const Map<T>& prec, const array<N>& b, array<N>& x, bool zero_start, double tol, double eps,
           std::int64_t maxiter, bool scipy_rules, const py::object& callback, int workers) {
            expect(static_cast<index_t>(b.size()) == a->size() && x.size() == b.size(), "b and x must be (n)");
            BicgstabOptions options;
            options.tol = tol;
            options.maxiter = static_cast<index_t>(maxiter);
            options.scipy_rules = scipy_rules;
            options.eps = eps;
            std::vector<double> norms;
            T* to = out<T>(x);
            const auto done = run_loop<T>(a, prec, callback, &norms, workers, [&](KrylovContext<T>& s) {
                const Vectors<T> work(s.n, a->halo(), prec != nullptr ? 7 : 5);
                return bicgstab(s, in<T>(b), to, zero_start, options, work.data());
            });
            const BicgstabOutcome& o = done.first;
            return py::make_tuple(static_cast<int>(o.status), static_cast<std::int64_t>(o.iterations),
                                  static_cast<std::int64_t>(done.second), kept(norms), o.info,
                                  static_cast<std::int64_t>(o.restarts));
        },
        py::arg("a"), py::arg("m"), py::arg("b").noconvert(), py::arg("x").noconvert(), py::arg("zero_start"),
        py::arg("tol"), py::arg("eps"), py::arg("maxiter"), py::arg("scipy_rules"), py::arg("callback"),
        py::arg("workers"), "BiCGStab; returns (status, iterations, matvecs, history, SciPy's info, restarts).");
    m.def(
        "fcg",
        [](const Map<T>& a, const Map<T>& prec, const array<N>& b, array<N>& x, bool zero_start, int window,
           const py::list& u, const py::list& w, const array<NW>& e_inverse, const py::list& kept_p,
           const py::list& kept_q, double tol, std::int64_t maxiter, const py::object& callback, int workers) {
            const index_t n = a->size();
            expect(static_cast<index_t>(b.size()) == n && x.size() == b.size(), "b and x must be (n)");
            const auto k = static_cast<int>(u.size());
            expect(window >= 1 && window + k + 2 <= max_terms, "window and u are too many");
            expect(w.size() == u.size() && static_cast<int>(e_inverse.size()) == k * k, "u, w and e_inverse must fit");
            expect(kept_q.empty() || kept_p.size() == kept_q.size(), "kept_p and kept_q must fit");
            const VectorList<T> us(u, n, false), ws(w, n, false), kp(kept_p, n, true), kq(kept_q, n, true);
            LoopOptions options;
            options.tol = tol;
            options.maxiter = static_cast<index_t>(maxiter);
            std::vector<double> norms;
            T* to = out<T>(x);
            const auto done = run_loop<T>(a, prec, callback, &norms, workers, [&](KrylovContext<T>& s) {
                const Vectors<T> p(n, a->halo(), window + 1), q(n, 0, window + 1), work(n, a->halo(), 2);
                FcgProblem<T> d;
                d.window = window;
                d.p = p.data();
                d.q = q.data();
                d.k = k;
                d.u = us.at.data();
                d.w = ws.at.data();
                d.e_inverse = reinterpret_cast<const Wide<T>*>(e_inverse.data());
                d.keep = static_cast<int>(kept_p.size());
                d.kept_p = kp.at.data();
                d.kept_q = kq.at.empty() ? nullptr : kq.at.data();
                return fcg(s, in<T>(b), to, zero_start, options, d, work[0], work[1]);
            });
            const FcgOutcome& o = done.first;
            return py::make_tuple(static_cast<int>(o.status), static_cast<std::int64_t>(o.iterations),
                                  static_cast<std::int64_t>(done.second), kept(norms), o.kept);
        },
        py::arg("a"), py::arg("m"), py::arg("b").noconvert(), py::arg("x").noconvert(), py::arg("zero_start"),
        py::arg("window"), py::arg("u"), py::arg("w"), py::arg("e_inverse").noconvert(), py::arg("kept_p"),
        py::arg("kept_q"), py::arg("tol"), py::arg("maxiter"), py::arg("callback"), py::arg("workers"),
        "Flexible CG, deflated by u (w = A u, e_inverse = (u^H w)^-1); returns (status, iterations, matvecs, history, "
        "directions kept).");
}

}  // namespace

void add_solve_krylov(py::module_& m) {
    add_loops<double>(m, "MapF64");
    add_loops<float>(m, "MapF32");
    add_loops<Cplx<double>>(m, "MapC128");
    add_loops<Cplx<float>>(m, "MapC64");
    add_matrices<double, std::int32_t>(m);
    add_matrices<double, std::int64_t>(m);
    add_matrices<float, std::int32_t>(m);
    add_matrices<float, std::int64_t>(m);
    add_matrices<Cplx<double>, std::int32_t>(m);
    add_matrices<Cplx<double>, std::int64_t>(m);
    add_matrices<Cplx<float>, std::int32_t>(m);
    add_matrices<Cplx<float>, std::int64_t>(m);
}

}  // namespace kriss::bind
