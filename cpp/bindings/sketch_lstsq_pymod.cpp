// Passes of the least-squares solvers.
#include <cstdint>
#include <new>

#include "arrays.hpp"
#include "sketch_lstsq_kernels.hpp"
#include "sketch_lstsq_pymod.hpp"

namespace kriss::bind {

namespace {

// A matrix with any strides that are whole multiples of its item size (Python makes sure of it).
template <class T>
View2<const T> any_order(const py::array_t<T, 0>& a) {
    expect(a.ndim() == 2, "expected a 2-D array");
    constexpr auto item = static_cast<py::ssize_t>(sizeof(T));
    return {a.data(), static_cast<index_t>(a.shape(0)), static_cast<index_t>(a.shape(1)),
            static_cast<index_t>(a.strides(0) / item), static_cast<index_t>(a.strides(1) / item)};
}

void expect_shape(const array<double>& a, index_t rows, index_t cols, const char* message) {
    expect(a.ndim() == 2 && static_cast<index_t>(a.shape(0)) == rows && static_cast<index_t>(a.shape(1)) == cols,
           message);
}

// Uninitialised scratch on a cache-line border.
class Numbers {
   public:
    explicit Numbers(index_t n)
        : data_(static_cast<double*>(
              ::operator new(static_cast<std::size_t>(n) * sizeof(double), std::align_val_t{64}))) {}
    Numbers(const Numbers&) = delete;
    Numbers& operator=(const Numbers&) = delete;
    ~Numbers() { ::operator delete(data_, std::align_val_t{64}); }
    double* data() const { return data_; }

   private:
    double* data_;
};

template <class T, class Kernel>
void add_extended(py::module_& m, Kernel SketchLstsqKernels::* kernel) {
    m.def(
        "extended_pass",
        [kernel](const py::array_t<T, 0>& a, const py::array_t<T, 0>& b, const array<double>& scale,
                 const array<double>& bscale, const array<double>& z_high, const array<double>& z_low,
                 array<double>& g_high, array<double>& g_low, array<double>& rr, int workers) {
            ExtendedArgs<T> args{any_order(a),      any_order(b), scale.data(),          bscale.data(),
                                 z_high.data(),     z_low.data(), g_high.mutable_data(), g_low.mutable_data(),
                                 rr.mutable_data(), nullptr};
            const index_t n = args.a.cols;
            const index_t nrhs = args.b.cols;
            const index_t wide = (n + 7) / 8 * 8;
            expect(args.a.rows == args.b.rows, "a and b must have as many rows");
            expect(static_cast<index_t>(scale.size()) == n, "scale must be (n)");
            expect(static_cast<index_t>(bscale.size()) == nrhs && static_cast<index_t>(rr.size()) == nrhs,
                   "bscale and rr must be (nrhs)");
            for (const array<double>* one : {&z_high, &z_low, static_cast<const array<double>*>(&g_high),
                                             static_cast<const array<double>*>(&g_low)}) {
                expect_shape(*one, nrhs, wide, "z and g must be (nrhs, n rounded up to 8)");
            }
            call(workers, [&](const Executor& ex) {
                const Numbers scratch(sketch_lstsq_kernels().extended_size(args.a.rows, n, nrhs));
                args.scratch = scratch.data();
                (sketch_lstsq_kernels().*kernel)(args, ex);
            });
        },
        py::arg("a").noconvert(), py::arg("b").noconvert(), py::arg("scale").noconvert(), py::arg("bscale").noconvert(),
        py::arg("z_high").noconvert(), py::arg("z_low").noconvert(), py::arg("g_high").noconvert(),
        py::arg("g_low").noconvert(), py::arg("rr").noconvert(), py::arg("workers"),
        "Residual norms and scaled gradient in twofold arithmetic.");
}

template <class I, class Kernel>
void add_csr(py::module_& m, Kernel SketchLstsqKernels::* kernel) {
    m.def(
        "csr_pass",
        [kernel](const array<I>& indptr, const array<I>& indices, const array<double>& data,
                 const py::array_t<double, 0>& b, const array<double>& bscale, const array<double>& y_high,
                 const array<double>& y_low, array<double>& g_high, array<double>& g_low, array<double>& rr,
                 int workers) {
            const View2<const double> right = any_order(b);
            const index_t nrhs = right.cols;
            expect(y_high.ndim() == 2, "y must be (n, nrhs)");
            const auto n = static_cast<index_t>(y_high.shape(0));
            const CsrView<double, I> view = csr(indptr, indices, data, n);
            CsrPassArgs args{right,
                             bscale.data(),
                             y_high.data(),
                             y_low.size() > 0 ? y_low.data() : nullptr,
                             g_high.mutable_data(),
                             g_low.mutable_data(),
                             rr.mutable_data(),
                             nullptr};
            expect(view.rows == right.rows, "a and b must have as many rows");
            expect(static_cast<index_t>(bscale.size()) == nrhs && static_cast<index_t>(rr.size()) == nrhs,
                   "bscale and rr must be (nrhs)");
            expect_shape(y_high, n, nrhs, "y must be (n, nrhs)");
            expect(y_low.size() == 0 || y_low.size() == y_high.size(), "y_low must be empty or as y_high");
            expect_shape(g_high, n, nrhs, "g must be (n, nrhs)");
            expect_shape(g_low, n, nrhs, "g must be (n, nrhs)");
            call(workers, [&](const Executor& ex) {
                const Numbers scratch(
                    sketch_lstsq_kernels().csr_size(view.rows, n, static_cast<index_t>(view.indptr[view.rows]), nrhs));
                args.scratch = scratch.data();
                (sketch_lstsq_kernels().*kernel)(view, args, ex);
            });
        },
        py::arg("indptr").noconvert(), py::arg("indices").noconvert(), py::arg("data").noconvert(),
        py::arg("b").noconvert(), py::arg("bscale").noconvert(), py::arg("y_high").noconvert(),
        py::arg("y_low").noconvert(), py::arg("g_high").noconvert(), py::arg("g_low").noconvert(),
        py::arg("rr").noconvert(), py::arg("workers"),
        "Residual norms and gradient with a CSR matrix; in twofold arithmetic unless y_low is empty.");
}

}  // namespace

void add_sketch_lstsq(py::module_& m) {
    add_extended<double>(m, &SketchLstsqKernels::extended_d);
    add_extended<float>(m, &SketchLstsqKernels::extended_f);
    add_csr<std::int32_t>(m, &SketchLstsqKernels::csr_i);
    add_csr<std::int64_t>(m, &SketchLstsqKernels::csr_l);
}

}  // namespace kriss::bind
