#include <new>

#include "arrays.hpp"
#include "families.hpp"
#include "sketch_kernels.hpp"

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

template <class T>
void expect_shape(const array<T>& a, index_t rows, index_t cols, const char* message) {
    expect(a.ndim() == 2 && static_cast<index_t>(a.shape(0)) == rows && static_cast<index_t>(a.shape(1)) == cols,
           message);
}

template <class T>
View2<T> matrix(array<T>& a) {
    expect(a.ndim() == 2, "expected a 2-D array");
    return out2(a);
}

void expect_sketch(index_t d, int zeta, index_t row_offset) {
    expect(zeta >= 1 && d >= zeta && row_offset >= 0, "expected 1 <= zeta <= d and row_offset >= 0");
}

// Uninitialised scratch on a cache-line border: vectors that straddle two lines cost the kernels a factor of two.
template <class T>
class Scratch {
   public:
    explicit Scratch(index_t n)
        : data_(static_cast<T*>(::operator new(static_cast<std::size_t>(n) * sizeof(T), std::align_val_t{64}))) {}
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    ~Scratch() { ::operator delete(data_, std::align_val_t{64}); }
    T* data() const { return data_; }

   private:
    T* data_;
};

template <class In, class Out, class Kernel>
void add_dense(py::module_& m, Kernel SketchKernels::* kernel) {
    m.def(
        "sparse_sign_dense",
        [kernel](const py::array_t<In, 0>& a, std::uint64_t seed, index_t d, int zeta, index_t row_offset,
                 array<Out>& out, int workers) {
            const View2<const In> view = any_order(a);
            expect_sketch(d, zeta, row_offset);
            expect_shape(out, d, view.cols, "out must be (d, n)");
            Out* to = out.mutable_data();
            call(workers, [&](const Executor& ex) {
                index_t scratch = 0;
                index_t offsets = 0;
                sketch_kernels().dense_scratch_size(view.cols, d, zeta, ex.workers, &scratch, &offsets);
                const Scratch<Out> numbers(scratch);
                const Scratch<std::int64_t> places(offsets);
                (sketch_kernels().*kernel)(view, seed, d, zeta, row_offset, to, numbers.data(), places.data(), ex);
            });
        },
        py::arg("a").noconvert(), py::arg("seed"), py::arg("d"), py::arg("zeta"), py::arg("row_offset"),
        py::arg("out").noconvert(), py::arg("workers"), "out += S[:, row_offset:row_offset + m] a for dense a.");
}

template <class T, class I, class Kernel>
void add_csr(py::module_& m, Kernel SketchKernels::* kernel) {
    m.def(
        "sparse_sign_csr",
        [kernel](const array<I>& indptr, const array<I>& indices, const array<T>& data, index_t cols,
                 std::uint64_t seed, index_t d, int zeta, index_t row_offset, array<T>& out, int workers) {
            const CsrView<T, I> view = csr(indptr, indices, data, cols);
            expect_sketch(d, zeta, row_offset);
            expect_shape(out, d, cols, "out must be (d, n)");
            T* to = out.mutable_data();
            call(workers, [&](const Executor& ex) {
                const int blocks = ex.workers < zeta ? ex.workers : zeta;
                const index_t size = index_t{64} * blocks * zeta;
                const Scratch<T> signs(size);
                const Scratch<std::int64_t> places(size);
                (sketch_kernels().*kernel)(view, seed, d, zeta, row_offset, to, blocks, signs.data(), places.data(),
                                           ex);
            });
        },
        py::arg("indptr").noconvert(), py::arg("indices").noconvert(), py::arg("data").noconvert(), py::arg("cols"),
        py::arg("seed"), py::arg("d"), py::arg("zeta"), py::arg("row_offset"), py::arg("out").noconvert(),
        py::arg("workers"), "out += S[:, row_offset:row_offset + m] a for CSR a.");
}

template <class T, class Kernel>
void add_tall(py::module_& m, Kernel SketchKernels::* kernel) {
    m.def(
        "tall_pass",
        [kernel](const py::array_t<T, 0>& a, const py::array_t<T, 0>& b, const array<double>& scale,
                 const array<double>& bscale, const array<double>& z, const array<double>& precond, array<double>& gram,
                 array<double>& g, array<double>& rr, int workers) {
            TallArgs<T> args{any_order(a),
                             any_order(b),
                             scale.data(),
                             bscale.data(),
                             z.data(),
                             precond.size() > 0 ? precond.data() : nullptr,
                             gram.size() > 0 ? gram.mutable_data() : nullptr,
                             g.mutable_data(),
                             rr.mutable_data(),
                             nullptr};
            const index_t n = args.a.cols;
            const index_t nrhs = args.b.cols;
            const index_t wide = (n + 7) / 8 * 8;
            expect(args.a.rows == args.b.rows, "a and b must have as many rows");
            expect(static_cast<index_t>(scale.size()) == n, "scale must be (n)");
            expect(static_cast<index_t>(bscale.size()) == nrhs && static_cast<index_t>(rr.size()) == nrhs,
                   "bscale and rr must be (nrhs)");
            expect_shape(z, nrhs, wide, "z must be (nrhs, n rounded up to 8)");
            expect_shape(g, nrhs, wide, "g must be (nrhs, n rounded up to 8)");
            if (precond.size() > 0) {
                expect_shape(precond, wide, wide, "precond must be empty or square, n rounded up to 8");
            }
            if (gram.size() > 0) {
                expect_shape(gram, wide, wide, "gram must be empty or square, n rounded up to 8");
            }
            call(workers, [&](const Executor& ex) {
                const index_t size = sketch_kernels().tall_scratch_size(args.a.rows, args.a.cols, args.b.cols,
                                                                        args.gram != nullptr, args.precond != nullptr);
                const Scratch<double> scratch(size);
                args.scratch = scratch.data();
                (sketch_kernels().*kernel)(args, ex);
            });
        },
        py::arg("a").noconvert(), py::arg("b").noconvert(), py::arg("scale").noconvert(), py::arg("bscale").noconvert(),
        py::arg("z").noconvert(), py::arg("precond").noconvert(), py::arg("gram").noconvert(), py::arg("g").noconvert(),
        py::arg("rr").noconvert(), py::arg("workers"),
        "One pass over a: residual norms, scaled gradient and, if gram is not empty, the (preconditioned) Gram "
        "matrix.");
}

// In place on C-contiguous float64 arrays, serial, without the GIL.
void add_dense_steps(py::module_& m) {
    m.def(
        "householder_r",
        [](array<double>& a, index_t steps) {
            const View2<double> v = matrix(a);
            expect(steps >= 0 && steps <= v.rows && steps <= v.cols, "steps must be at most the size of a");
            const Scratch<double> work(v.rows + v.cols);
            call(1,
                 [&](const Executor&) { sketch_kernels().householder_r(v.rows, v.cols, steps, v.data, work.data()); });
        },
        py::arg("a").noconvert(), py::arg("steps"), "R of the QR factorisation in the upper triangle of a.");
    m.def(
        "cholesky_upper",
        [](array<double>& g) {
            const View2<double> v = matrix(g);
            expect(v.rows == v.cols, "g must be square");
            return call(1, [&](const Executor&) { return sketch_kernels().cholesky_upper(v.rows, v.data); });
        },
        py::arg("g").noconvert(), "Upper Cholesky factor in place; the failing pivot or -1.");
    m.def(
        "solve_upper",
        [](const array<double>& u, array<double>& b, bool transposed) {
            const View2<double> v = matrix(b);
            expect_shape(u, v.rows, v.rows, "u must be square with as many rows as b");
            const double* from = u.data();
            call(1, [&](const Executor&) { sketch_kernels().solve_upper(v.rows, v.cols, transposed, from, v.data); });
        },
        py::arg("u").noconvert(), py::arg("b").noconvert(), py::arg("transposed"), "b = u^-1 b or u^-T b.");
    m.def(
        "multiply_upper",
        [](const array<double>& u, const array<double>& x, array<double>& out, bool transposed) {
            const View2<double> v = matrix(out);
            expect_shape(u, v.rows, v.rows, "u must be square with as many rows as out");
            expect_shape(x, v.rows, v.cols, "x and out must have one shape");
            const double* left = u.data();
            const double* right = x.data();
            call(1, [&](const Executor&) {
                sketch_kernels().multiply_upper(v.rows, v.cols, transposed, left, right, v.data);
            });
        },
        py::arg("u").noconvert(), py::arg("x").noconvert(), py::arg("out").noconvert(), py::arg("transposed"),
        "out = u x or u' x for upper triangular u.");
    m.def(
        "jacobi_rows",
        [](array<double>& a, array<double>& s) {
            const View2<double> v = matrix(a);
            expect(v.rows == v.cols && static_cast<index_t>(s.size()) == v.rows, "a must be (n, n) and s (n)");
            double* values = s.mutable_data();
            const Scratch<double> work(v.rows * v.cols);
            return call(
                1, [&](const Executor&) { return sketch_kernels().jacobi_rows(v.rows, v.data, values, work.data()); });
        },
        py::arg("a").noconvert(), py::arg("s").noconvert(),
        "Singular values of a, and its right singular vectors in place as rows; the sweeps or -1.");
}

}  // namespace

void add_sketch(py::module_& m) {
    m.def(
        "sparse_sign_entries",
        [](std::uint64_t seed, index_t d, int zeta, index_t row0, array<std::int64_t>& rows,
           array<std::int8_t>& signs) {
            expect_sketch(d, zeta, row0);
            expect(rows.ndim() == 2 && rows.shape(1) == zeta && signs.size() == rows.size(),
                   "rows and signs must be (count, zeta)");
            sketch_kernels().entries(seed, d, zeta, row0, static_cast<index_t>(rows.shape(0)), rows.mutable_data(),
                                     signs.mutable_data());
        },
        py::arg("seed"), py::arg("d"), py::arg("zeta"), py::arg("row0"), py::arg("rows").noconvert(),
        py::arg("signs").noconvert(), "Rows and signs of the entries of S in columns row0, row0 + 1, ...");
    add_dense<double, double>(m, &SketchKernels::dense_dd);
    add_dense<float, float>(m, &SketchKernels::dense_ff);
    add_dense<float, double>(m, &SketchKernels::dense_fd);
    add_csr<double, std::int32_t>(m, &SketchKernels::csr_di);
    add_csr<double, std::int64_t>(m, &SketchKernels::csr_dl);
    add_csr<float, std::int32_t>(m, &SketchKernels::csr_fi);
    add_csr<float, std::int64_t>(m, &SketchKernels::csr_fl);
    add_tall<double>(m, &SketchKernels::tall_d);
    add_tall<float>(m, &SketchKernels::tall_f);
    add_dense_steps(m);
}

}  // namespace kriss::bind
