// Block matrices and stencils as linear maps, and conjugate gradients over maps.
#include "solve_maps.hpp"

#include <cstdint>
#include <memory>

#include "arrays.hpp"
#include "families.hpp"
#include "krylov_maps.hpp"

namespace kriss::bind {

namespace {

template <class T, class I>
void add_blocks(py::module_& m) {
    m.def(
        "block_map",
        [](const array<I>& indptr, const array<I>& indices, const array<Np<T>>& data) -> Map<T> {
            expect(data.ndim() == 3 && data.shape(0) == indices.size(), "data must be (blocks, high, wide)");
            expect(indptr.size() > 0 && indptr.data()[0] == 0 &&
                       static_cast<index_t>(indptr.data()[indptr.size() - 1]) <= static_cast<index_t>(indices.size()),
                   "indptr and indices disagree");
            const BlockView<T, I> view{static_cast<index_t>(indptr.size()) - 1,
                                       static_cast<index_t>(data.shape(1)),
                                       static_cast<index_t>(data.shape(2)),
                                       indptr.data(),
                                       indices.data(),
                                       in<T>(data)};
            expect(view.high > 0 && view.wide > 0, "blocks must not be empty");
            return std::make_shared<Owning<BlockMap<T, I>>>(std::vector<py::object>{indptr, indices, data}, view);
        },
        py::arg("indptr").noconvert(), py::arg("indices").noconvert(), py::arg("data").noconvert(),
        "A square matrix of blocks (BSR) as a map.");
}

// n: (3), wrap: (3), step: (points, 3) in lexicographic order, constant: (points), which: (points) array of
// coefficients of a point or -1, shift: (points) taken off the number of the cell when reading it.
template <class T>
GridStencil<T> grid(const array<std::int64_t>& n, const array<std::int64_t>& wrap, const array<std::int64_t>& step,
                    const array<Np<T>>& constant, const array<std::int64_t>& which, const array<std::int64_t>& shift,
                    const std::vector<array<Np<T>>>& streams) {
    GridStencil<T> g;
    const auto points = static_cast<index_t>(constant.size());
    expect(n.size() == 3 && wrap.size() == 3 && points <= max_points, "n and wrap must be (3), at most 128 points");
    expect(step.size() == 3 * points && which.size() == points && shift.size() == points, "arrays disagree");
    g.count = static_cast<int>(points);
    for (int a = 0; a < 3; ++a) {
        g.n[a] = static_cast<index_t>(n.data()[a]);
        g.wrap[a] = wrap.data()[a] != 0;
        g.middle_first[a] = 0;
        g.middle_last[a] = g.n[a];
    }
    for (const auto& s : streams) {
        expect(static_cast<index_t>(s.size()) == g.rows(), "an array of coefficients must have an item per cell");
    }
    for (int p = 0; p < g.count; ++p) {
        for (int a = 0; a < 3; ++a) {
            const auto d = static_cast<index_t>(step.data()[3 * p + a]);
            expect(d < g.n[a] && -d < g.n[a], "a step must be smaller than the grid");
            g.step[p][a] = d;
            if (-d > g.middle_first[a]) {
                g.middle_first[a] = -d;
            }
            if (g.n[a] - d < g.middle_last[a]) {
                g.middle_last[a] = g.n[a] - d;
            }
        }
        g.along[p] = g.step[p][2];
        g.offset[p] = (g.step[p][0] * g.n[1] + g.step[p][1]) * g.n[2] + g.step[p][2];
        g.constant[p] = in<T>(constant)[p];
        const auto w = which.data()[p];
        if (w >= 0) {
            expect(w < static_cast<std::int64_t>(streams.size()), "no such array of coefficients");
            g.stream[p] = in<T>(streams[static_cast<std::size_t>(w)]) - static_cast<index_t>(shift.data()[p]);
        }
    }
    return g;
}

template <class T>
std::vector<array<Np<T>>> arrays_of(const py::list& list) {
    std::vector<array<Np<T>>> out;
    for (const py::handle& item : list) {
        auto a = py::cast<array<Np<T>>>(item);
        expect(a.ptr() == item.ptr(), "coefficients must be contiguous arrays of one dtype");
        out.push_back(std::move(a));
    }
    return out;
}

template <class T>
void add_grid(py::module_& m) {
    m.def(
        "grid_map",
        [](const array<std::int64_t>& n, const array<std::int64_t>& wrap, const array<std::int64_t>& step,
           const array<Np<T>>& constant, const array<std::int64_t>& which, const array<std::int64_t>& shift,
           const py::list& list) -> Map<T> {
            const auto streams = arrays_of<T>(list);
            const GridStencil<T> g = grid<T>(n, wrap, step, constant, which, shift, streams);
            return std::make_shared<Owning<GridMap<T>>>(std::vector<py::object>(streams.begin(), streams.end()), g,
                                                        static_cast<index_t>(streams.size()));
        },
        py::arg("n").noconvert(), py::arg("wrap").noconvert(), py::arg("step").noconvert(),
        py::arg("constant").noconvert(), py::arg("which").noconvert(), py::arg("shift").noconvert(), py::arg("streams"),
        "A stencil on a grid as a map: point p has the coefficient streams[which[p]][cell - shift[p]], or constant[p] "
        "where which[p] is -1.");
}

template <class T>
void add_real(py::module_& m) {
    m.def(
        "grid_pivots",
        [](const Map<T>& a, double relax, double shift, double tau, array<T>& pivot, int workers) {
            const auto* map = dynamic_cast<const GridMap<T>*>(a.get());
            expect(map != nullptr, "a must be a stencil");
            expect(static_cast<index_t>(pivot.size()) == map->size(), "pivot must be (n)");
            const std::unique_ptr<T[]> upper(new T[static_cast<std::size_t>(map->size())]);
            T* to = pivot.mutable_data();
            const Info info = call(workers, [&](const Executor& ex) {
                return map_kernels<T>().grid.pivots(map->stencil(), static_cast<T>(relax), static_cast<T>(shift),
                                                    static_cast<T>(tau), to, upper.get(), ex);
            });
            return py::make_tuple(static_cast<int>(info.status), static_cast<std::int64_t>(info.index));
        },
        py::arg("a"), py::arg("relax"), py::arg("shift"), py::arg("tau"), py::arg("pivot").noconvert(),
        py::arg("workers"),
        "Pivots of the modified incomplete factorisation of a stencil without triangles; returns (status, row).");
    m.def(
        "grid_sweeps",
        [](const Map<T>& a, const array<T>& inverse, double omega) -> std::shared_ptr<NativePrecond<T>> {
            const auto* map = dynamic_cast<const GridMap<T>*>(a.get());
            expect(map != nullptr, "a must be a stencil");
            expect(static_cast<index_t>(inverse.size()) == map->size(), "inverse must be (n)");
            struct Kept : GridSweeps<T> {
                Kept(const GridStencil<T>& g, const array<T>& d, T w, const Map<T>& owner)
                    : GridSweeps<T>(g, d.data(), w), diagonal_(d), stencil_(owner) {}
                array<T> diagonal_;
                Map<T> stencil_;
            };
            return std::make_shared<Kept>(map->stencil(), inverse, static_cast<T>(omega), a);
        },
        py::arg("a"), py::arg("inverse").noconvert(), py::arg("omega"),
        "M^-1 of SSOR or an incomplete factorisation of a stencil, as a preconditioner object.");
    m.def(
        "cg_map",
        [](const Map<T>& a, const Map<T>& prec, const array<T>& inverse, const array<T>& b, array<T>& x, double tol,
           std::int64_t maxiter, bool zero_start, bool history, int workers) {
            const index_t n = a->size();
            expect(static_cast<index_t>(b.size()) == n && x.size() == b.size(), "b and x must be (n)");
            expect(inverse.size() == 0 || inverse.size() == b.size(), "inverse must be empty or (n)");
            expect(prec == nullptr || prec->size() == n, "A and M must have one size");
            std::vector<double> norms;
            CgProblem problem;
            problem.options.tol = tol;
            problem.options.maxiter = static_cast<index_t>(maxiter);
            problem.options.zero_start = zero_start;
            problem.residuals = history ? &norms : nullptr;
            T* out = x.mutable_data();
            const CgOutcome outcome = call(workers, [&](const Executor& ex) {
                return solve_cg_map<T>(*a, b.data(), out, inverse.size() == 0 ? nullptr : inverse.data(), prec.get(),
                                       problem, ex);
            });
            a->rethrow();
            if (prec != nullptr) {
                prec->rethrow();
            }
            return py::make_tuple(static_cast<int>(outcome.status), static_cast<std::int64_t>(outcome.iterations),
                                  static_cast<std::int64_t>(outcome.matvecs), outcome.residual,
                                  py::array_t<double>(static_cast<py::ssize_t>(norms.size()), norms.data()));
        },
        py::arg("a"), py::arg("m"), py::arg("inverse").noconvert(), py::arg("b").noconvert(), py::arg("x").noconvert(),
        py::arg("tol"), py::arg("maxiter"), py::arg("zero_start"), py::arg("history"), py::arg("workers"),
        "Conjugate gradients over maps, `inverse` a Jacobi preconditioner or empty; returns (status, iterations, "
        "matvecs, residual norm, history).");
    m.def(
        "apply_panel",
        [](const Map<T>& a, const array<T>& x, array<T>& y, int workers) {
            expect(x.ndim() == 2 && y.ndim() == 2 && x.shape(1) == y.shape(1) && x.shape(0) == y.shape(0) &&
                       static_cast<index_t>(x.shape(0)) == a->size(),
                   "x and y must be panels that fit a");
            const auto width = static_cast<int>(x.shape(1));
            expect(width == 1 || width == 2 || width == 4 || width == 8, "x must have 1, 2, 4 or 8 columns");
            T* out = y.mutable_data();
            const bool done = call(workers, [&](const Executor& ex) {
                return a->apply_panel(width, x.data(), out, for_size(ex, a->entries() * width));
            });
            expect(done, "a must be a matrix of blocks or a stencil");
        },
        py::arg("a"), py::arg("x").noconvert(), py::arg("y").noconvert(), py::arg("workers"),
        "y = A x for a panel x of 1, 2, 4 or 8 columns.");
}

}  // namespace

void add_solve_maps(py::module_& m) {
    add_blocks<double, std::int32_t>(m);
    add_blocks<double, std::int64_t>(m);
    add_blocks<float, std::int32_t>(m);
    add_blocks<float, std::int64_t>(m);
    add_blocks<Cplx<double>, std::int32_t>(m);
    add_blocks<Cplx<double>, std::int64_t>(m);
    add_blocks<Cplx<float>, std::int32_t>(m);
    add_blocks<Cplx<float>, std::int64_t>(m);
    add_grid<double>(m);
    add_grid<float>(m);
    add_grid<Cplx<double>>(m);
    add_grid<Cplx<float>>(m);
    add_real<double>(m);
    add_real<float>(m);
}

}  // namespace kriss::bind
