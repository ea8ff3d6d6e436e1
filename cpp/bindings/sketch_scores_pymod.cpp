#include "sketch_scores_pymod.hpp"

#include <new>

#include "arrays.hpp"
#include "sketch_scores_kernels.hpp"

namespace kriss::bind {

void add_sketch_scores(py::module_& m) {
    m.def(
        "score_rows",
        [](const py::array_t<double, 0>& a, const array<double>& precond, array<double>& squares, array<double>& gram,
           int workers) {
            expect(a.ndim() == 2, "a must be 2-D");
            constexpr auto item = static_cast<py::ssize_t>(sizeof(double));
            const View2<const double> view{a.data(), static_cast<index_t>(a.shape(0)), static_cast<index_t>(a.shape(1)),
                                           static_cast<index_t>(a.strides(0) / item),
                                           static_cast<index_t>(a.strides(1) / item)};
            const py::ssize_t wide = (a.shape(1) + 7) / 8 * 8;
            expect(precond.ndim() == 2 && precond.shape(0) == wide && precond.shape(1) == wide,
                   "precond must be square, n rounded up to 8");
            expect(squares.ndim() == 1 && squares.shape(0) == a.shape(0), "squares must be (m)");
            expect(gram.size() == 0 || (gram.ndim() == 2 && gram.shape(0) == wide && gram.shape(1) == wide),
                   "gram must be empty or square, n rounded up to 8");
            ScoreArgs args{view, precond.data(), squares.mutable_data(), nullptr, nullptr};
            if (gram.size() > 0) {
                args.gram = gram.mutable_data();
            }
            call(workers, [&](const Executor& ex) {
                const index_t size = sketch_scores_kernels().scratch_size(view.rows, view.cols, args.gram != nullptr);
                // On a cache-line border: vectors that straddle two lines cost the kernels a factor of two.
                constexpr std::align_val_t line{64};
                void* scratch = ::operator new(static_cast<std::size_t>(size) * sizeof(double), line);
                args.scratch = static_cast<double*>(scratch);
                sketch_scores_kernels().rows(args, ex);
                ::operator delete(scratch, line);
            });
        },
        py::arg("a").noconvert(), py::arg("precond").noconvert(), py::arg("squares").noconvert(),
        py::arg("gram").noconvert(), py::arg("workers"),
        "Squared norms of the rows of a precond, and its Gram matrix if gram is not empty.");
}

}  // namespace kriss::bind
