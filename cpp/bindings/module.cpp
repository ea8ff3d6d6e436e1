// kriss._core: one sub-module per family.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "cpu.hpp"
#include "families.hpp"
#include "pool.hpp"
#include "sketch_lstsq_pymod.hpp"
#include "sketch_rows_pymod.hpp"
#include "sketch_scores_pymod.hpp"
#include "solve_direction_pymod.hpp"
#include "solve_fsai_pymod.hpp"
#include "solve_graph_pymod.hpp"
#include "solve_learned_pymod.hpp"
#include "solve_learner_pymod.hpp"
#include "solve_recycle_pymod.hpp"
#include "special_pymod.hpp"

namespace py = pybind11;

PYBIND11_MODULE(_core, m) {
    m.doc() = "Compiled kernels of KRISS. Private: arguments are validated by the Python layer.";

    m.def("cpu_level", [] { return std::string(kriss::cpu_level_name()); }, "Instruction-set level in use.");
    m.def("cpu_level_reason", &kriss::cpu_level_reason, "Why that level was chosen.");
    m.def("cpu_levels_built", &kriss::cpu_levels_built, "Levels compiled into this module.");
    m.def("compiler", [] { return std::string(__VERSION__); }, "Compiler that built this module.");
    m.def("num_threads", &kriss::num_threads, "Threads that a call uses by default.");
    m.def("set_num_threads", &kriss::set_num_threads, py::arg("n"), "Set the process-wide number of threads.");

    kriss::bind::add_blas(m);
    py::module_ math = m.def_submodule("math", "Elementary functions and the counter-based generator.");
    kriss::bind::add_math(math);
    py::module_ spline = m.def_submodule("spline", "Piecewise polynomials.");
    kriss::bind::add_spline(spline);
    py::module_ spline_bspline = m.def_submodule("spline_bspline", "B-splines.");
    kriss::bind::add_spline_bspline(spline_bspline);
    py::module_ spline_smooth = m.def_submodule("spline_smooth", "Smoothing splines.");
    kriss::bind::add_spline_smooth(spline_smooth);
    py::module_ spline_hermite = m.def_submodule("spline_hermite", "Local cubic interpolation.");
    kriss::bind::add_spline_hermite(spline_hermite);
    py::module_ spline_tensor = m.def_submodule("spline_tensor", "Tensor-product splines.");
    kriss::bind::add_spline_tensor(spline_tensor);
    py::module_ spline_lsq = m.def_submodule("spline_lsq", "Least-squares splines.");
    kriss::bind::add_spline_lsq(spline_lsq);
    py::module_ sketch = m.def_submodule("sketch", "Sketches and least squares.");
    kriss::bind::add_sketch(sketch);
    py::module_ sketch_lstsq = m.def_submodule("sketch_lstsq", "Passes of the least-squares solvers.");
    kriss::bind::add_sketch_lstsq(sketch_lstsq);
    py::module_ sketch_scores = m.def_submodule("sketch_scores", "Scores of rows.");
    kriss::bind::add_sketch_scores(sketch_scores);
    py::module_ sketch_rows = m.def_submodule("sketch_rows", "Passes over the rows of tall matrices.");
    kriss::bind::add_sketch_rows(sketch_rows);
    py::module_ sketch_transform = m.def_submodule("sketch_transform", "Dense sketches and random features.");
    kriss::bind::add_sketch_transform(sketch_transform);
    py::module_ solve = m.def_submodule("solve", "Sparse iterative solvers.");
    kriss::bind::add_solve(solve);
    py::module_ multigrid = m.def_submodule("solve_multigrid", "Multigrid preconditioners.");
    kriss::bind::add_solve_multigrid(multigrid);
    py::module_ solve_multi = m.def_submodule("solve_multi", "Several right-hand sides at once.");
    kriss::bind::add_solve_multi(solve_multi);
    py::module_ solve_krylov = m.def_submodule("solve_krylov", "Krylov methods over linear maps.");
    kriss::bind::add_solve_krylov(solve_krylov);
    py::module_ solve_block = m.def_submodule("solve_block", "Right-hand sides that share their search directions.");
    kriss::bind::add_solve_block(solve_block);
    py::module_ solve_recycle = m.def_submodule("solve_recycle", "Krylov methods that recycle their space.");
    kriss::bind::add_solve_recycle(solve_recycle);
    kriss::bind::add_solve_amg(multigrid);
    py::module_ maps = m.def_submodule("solve_maps", "Block matrices and stencils as linear maps.");
    kriss::bind::add_solve_maps(maps);
    py::module_ factor = m.def_submodule("solve_factor", "Factorised preconditioners and triangular solves.");
    kriss::bind::add_solve_factor(factor);
    py::module_ blocks = m.def_submodule("solve_block_jacobi", "Block Jacobi.");
    kriss::bind::add_solve_block_jacobi(blocks);
    py::module_ fill = m.def_submodule("solve_fill", "Incomplete factorisations with fill.");
    kriss::bind::add_solve_fill(fill);
    py::module_ fsai = m.def_submodule("solve_fsai", "Factorised approximate inverses.");
    kriss::bind::add_solve_fsai(fsai);
    py::module_ polynomial = m.def_submodule("solve_polynomial", "Polynomial preconditioners.");
    kriss::bind::add_solve_polynomial(polynomial);
    py::module_ learner = m.def_submodule("solve_learner", "The learner of solver parameters.");
    kriss::bind::add_solve_learner(learner);
    py::module_ learned = m.def_submodule("solve_learned", "Learned preconditioners.");
    kriss::bind::add_solve_learned(learned);
    py::module_ graph = m.def_submodule("solve_graph", "A network over the graph of a factor.");
    kriss::bind::add_solve_graph(graph);
    py::module_ direction = m.def_submodule("solve_direction", "Networks that return a search direction.");
    kriss::bind::add_solve_direction(direction);
    py::module_ stationary = m.def_submodule("solve_stationary", "Stationary iterations.");
    kriss::bind::add_solve_stationary(stationary);
    py::module_ substitution = m.def_submodule("solve_substitution", "Substitution with stored triangles.");
    kriss::bind::add_solve_substitution(substitution);
    py::module_ gp = m.def_submodule("gp", "Gaussian-process covariances.");
    kriss::bind::add_gp(gp);
    py::module_ gp_update = m.def_submodule("gp_update", "Covariance factors that gain and lose rows.");
    kriss::bind::add_gp_update(gp_update);
    py::module_ gp_series = m.def_submodule("gp_series", "One-dimensional Matern series.");
    kriss::bind::add_gp_series(gp_series);
    py::module_ gp_toeplitz = m.def_submodule("gp_toeplitz", "Symmetric Toeplitz matrices.");
    kriss::bind::add_gp_toeplitz(gp_toeplitz);
    py::module_ gp_structures = m.def_submodule("gp_structures", "Approximate and matrix-free covariances.");
    kriss::bind::add_gp_structures(gp_structures);
    py::module_ gp_tree = m.def_submodule("gp_tree", "Sums and products of covariance functions.");
    kriss::bind::add_gp_tree(gp_tree);
    py::module_ special = m.def_submodule("special", "Special functions as NumPy ufuncs.");
    kriss::bind::add_special(special);
}
