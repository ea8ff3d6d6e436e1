#include "sketch_rows_pymod.hpp"

#include <initializer_list>
#include <new>

#include "arrays.hpp"
#include "sketch_rows_kernels.hpp"

namespace kriss::bind {

namespace {

// On a cache-line border: vectors that straddle two lines cost the kernels a factor of two.
class Scratch {
   public:
    explicit Scratch(index_t size)
        : data_(static_cast<double*>(::operator new(static_cast<std::size_t>(size) * sizeof(double), line))) {}
    ~Scratch() { ::operator delete(data_, line); }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    double* data() const { return data_; }

   private:
    static constexpr std::align_val_t line{64};
    double* data_;
};

View2<const double> view_of(const py::array_t<double, 0>& a) {
    expect(a.ndim() == 2, "a must be 2-D");
    constexpr auto item = static_cast<py::ssize_t>(sizeof(double));
    return {a.data(), static_cast<index_t>(a.shape(0)), static_cast<index_t>(a.shape(1)),
            static_cast<index_t>(a.strides(0) / item), static_cast<index_t>(a.strides(1) / item)};
}

template <class T>
void expect_square(const array<T>& x, py::ssize_t wide, const char* message) {
    expect(x.ndim() == 2 && x.shape(0) == wide && x.shape(1) == wide, message);
}

}  // namespace

void add_sketch_rows(py::module_& m) {
    m.def(
        "single_scores",
        [](const py::array_t<double, 0>& a, const array<float>& precond, array<double>& squares, int workers) {
            const View2<const double> view = view_of(a);
            expect_square(precond, (a.shape(1) + 7) / 8 * 8, "precond must be square, n rounded up to 8");
            expect(squares.ndim() == 1 && squares.shape(0) == a.shape(0), "squares must be (m)");
            const SingleScoreArgs args{view, precond.data(), squares.mutable_data()};
            call(workers, [&](const Executor& ex) {
                const Scratch scratch(sketch_rows_kernels().single_scratch(view.rows, view.cols));
                sketch_rows_kernels().single(args, scratch.data(), ex);
            });
        },
        py::arg("a").noconvert(), py::arg("precond").noconvert(), py::arg("squares").noconvert(), py::arg("workers"),
        "Squared norms of the rows of a precond, in single precision.");

    m.def(
        "pick_rows",
        [](const array<double>& weights, const array<double>& marks, array<std::int64_t>& rows, int workers) {
            expect(weights.ndim() == 1 && weights.shape(0) > 0, "weights must be (m), m at least 1");
            expect(marks.ndim() == 1 && rows.ndim() == 1 && rows.shape(0) == marks.shape(0), "rows must be as marks");
            const index_t size = static_cast<index_t>(weights.shape(0)), count = static_cast<index_t>(marks.shape(0));
            std::int64_t* out = rows.mutable_data();
            call(workers,
                 [&](const Executor&) { sketch_rows_kernels().pick(weights.data(), size, marks.data(), count, out); });
        },
        py::arg("weights").noconvert(), py::arg("marks").noconvert(), py::arg("rows").noconvert(), py::arg("workers"),
        "For ascending marks the rows at which the running sum of the weights passes them.");

    m.def(
        "lewis_step",
        [](const py::array_t<double, 0>& a, const array<double>& precond, array<double>& logw, array<double>& gram,
           double p, double relax, int workers) {
            const View2<const double> view = view_of(a);
            const py::ssize_t wide = (a.shape(1) + 7) / 8 * 8;
            expect_square(precond, wide, "precond must be square, n rounded up to 8");
            expect_square(gram, wide, "gram must be square, n rounded up to 8");
            expect(logw.ndim() == 1 && logw.shape(0) == a.shape(0), "logw must be (m)");
            const LewisArgs args{view,    precond.data(), logw.mutable_data(), gram.mutable_data(),
                                 0.5 * p, relax,          0.5 - 1.0 / p};
            double change = 0.0;
            call(workers, [&](const Executor& ex) {
                const Scratch scratch(sketch_rows_kernels().lewis_scratch(view.rows, view.cols));
                change = sketch_rows_kernels().lewis(args, scratch.data(), ex);
            });
            return change;
        },
        py::arg("a").noconvert(), py::arg("precond").noconvert(), py::arg("logw").noconvert(),
        py::arg("gram").noconvert(), py::arg("p"), py::arg("relax"), py::arg("workers"),
        "A relaxed step of the logarithms of the Lewis weights; the next Gram matrix; returns the largest change.");

    m.def(
        "loss_pass",
        [](const py::array_t<double, 0>& a, const array<double>& x, const array<double>& b, const array<double>& w,
           int loss, const array<double>& parameters, array<double>& t, array<double>& u, array<double>& d,
           array<double>& cross, array<double>& gram, array<double>& slope, array<double>& mixed,
           array<double>& scalars, int workers) {
            const View2<const double> view = view_of(a);
            const py::ssize_t rows = a.shape(0);
            const py::ssize_t wide = (a.shape(1) + 7) / 8 * 8;
            for (const array<double>* v : std::initializer_list<const array<double>*>{&x, &slope, &mixed}) {
                expect(v->ndim() == 1 && v->shape(0) == wide, "x, slope and mixed must be (n rounded up to 8)");
            }
            expect(b.size() == rows && t.size() == rows && u.size() == rows && d.size() == rows,
                   "b, t, u and d must be (m)");
            expect(w.size() == 0 || w.size() == rows, "w must be empty or (m)");
            expect(cross.size() == 0 || cross.size() == rows, "cross must be empty or (m)");
            expect(parameters.size() == 3 && scalars.size() == 3, "parameters and scalars must be (3)");
            expect(loss >= 0 && loss <= 3, "loss must be between 0 and 3");
            expect_square(gram, wide, "gram must be square, n rounded up to 8");
            const double* given = parameters.data();
            const LossArgs args{view,
                                x.data(),
                                b.data(),
                                w.size() > 0 ? w.data() : nullptr,
                                loss,
                                {given[0], given[1], given[2]},
                                t.mutable_data(),
                                u.mutable_data(),
                                d.mutable_data(),
                                cross.size() > 0 ? cross.mutable_data() : nullptr,
                                gram.mutable_data(),
                                slope.mutable_data(),
                                mixed.mutable_data(),
                                scalars.mutable_data()};
            call(workers, [&](const Executor& ex) {
                const Scratch scratch(sketch_rows_kernels().loss_scratch(view.rows, view.cols));
                sketch_rows_kernels().loss(args, scratch.data(), ex);
            });
        },
        py::arg("a").noconvert(), py::arg("x").noconvert(), py::arg("b").noconvert(), py::arg("w").noconvert(),
        py::arg("loss"), py::arg("parameters").noconvert(), py::arg("t").noconvert(), py::arg("u").noconvert(),
        py::arg("d").noconvert(), py::arg("cross").noconvert(), py::arg("gram").noconvert(),
        py::arg("slope").noconvert(), py::arg("mixed").noconvert(), py::arg("scalars").noconvert(), py::arg("workers"),
        "t = a x, derivatives of a loss, and their sums: value, gradient, curvature.");
}

}  // namespace kriss::bind
