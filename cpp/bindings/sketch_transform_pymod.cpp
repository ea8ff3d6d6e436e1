// Walsh-Hadamard transforms, dense sketches and random features.
#include <new>

#include "arrays.hpp"
#include "families.hpp"
#include "sketch_transform_kernels.hpp"

namespace kriss::bind {

namespace {

// Uninitialised scratch on a cache-line border.
template <class T>
class Room {
   public:
    explicit Room(index_t n)
        : data_(static_cast<T*>(::operator new(static_cast<std::size_t>(n) * sizeof(T), std::align_val_t{64}))) {}
    Room(const Room&) = delete;
    Room& operator=(const Room&) = delete;
    ~Room() { ::operator delete(data_, std::align_val_t{64}); }
    T* data() const { return data_; }

   private:
    T* data_;
};

template <class T>
index_t step(const py::array_t<T, 0>& a, int axis) {
    return static_cast<index_t>(a.strides(axis)) / static_cast<index_t>(sizeof(T));
}

// A matrix with any strides that are whole multiples of its item size (Python makes sure of it).
template <class T>
View2<const T> any_order(const py::array_t<T, 0>& a) {
    expect(a.ndim() == 2, "expected a 2-D array");
    return {a.data(), static_cast<index_t>(a.shape(0)), static_cast<index_t>(a.shape(1)), step(a, 0), step(a, 1)};
}

template <class T>
void expect_shape(const array<T>& a, index_t rows, index_t cols, const char* message) {
    expect(a.ndim() == 2 && static_cast<index_t>(a.shape(0)) == rows && static_cast<index_t>(a.shape(1)) == cols,
           message);
}

template <class T>
const TransformKernels<T>& table() {
    if constexpr (sizeof(T) == 4) {
        return sketch_transform_kernels().single;
    } else {
        return sketch_transform_kernels().real;
    }
}

bool power_of_two(index_t n) { return n > 0 && (n & (n - 1)) == 0; }
index_t least(index_t a, index_t b) { return a < b ? a : b; }

template <class T>
void add_fwht(py::module_& m) {
    m.def(
        "fwht",
        [](py::array_t<T, 0>& x, double scale, int workers) {
            expect(x.ndim() == 3 && power_of_two(static_cast<index_t>(x.shape(1))),
                   "x must be (outer, n, inner), n a power of two");
            FwhtArgs<T> args{x.mutable_data(),
                             static_cast<index_t>(x.shape(0)),
                             static_cast<index_t>(x.shape(1)),
                             static_cast<index_t>(x.shape(2)),
                             step(x, 0),
                             step(x, 1),
                             step(x, 2),
                             static_cast<T>(scale),
                             1,
                             nullptr};
            if (x.size() == 0) {
                return;
            }
            call(workers, [&](const Executor& ex) {
                args.tasks = least(ex.workers, args.outer * args.inner * args.n);
                const Room<T> spaces(args.tasks * sketch_transform_kernels().fwht_space(args.n));
                args.spaces = spaces.data();
                table<T>().fwht(args, ex);
            });
        },
        py::arg("x").noconvert(), py::arg("scale"), py::arg("workers"),
        "Walsh-Hadamard transform along the middle axis, in place, times scale.");
}

template <class T>
SrhtArgs<T> srht_args(std::uint64_t seed, const array<std::int32_t>& place, const array<std::int32_t>& row,
                      index_t row_offset, array<T>& out, index_t n) {
    const auto tile = static_cast<index_t>(place.size());
    const auto d = static_cast<index_t>(row.size());
    expect(power_of_two(tile) && d >= 1 && d <= tile && row_offset >= 0, "expected 1 <= d <= tile = 2^k");
    for (const auto* list : {&place, &row}) {
        for (py::ssize_t i = 0; i < list->size(); ++i) {
            expect(list->data()[i] >= 0 && list->data()[i] < tile, "place and row must lie in the tile");
        }
    }
    expect_shape(out, d, n, "out must be (d, n)");
    return {seed, d, tile, place.data(), row.data(), row_offset, out.mutable_data(), 1, 1, nullptr, nullptr, nullptr};
}

template <class T>
index_t tiles(const SrhtArgs<T>& args, index_t m) {
    return (args.row_offset + m - 1) / args.tile - args.row_offset / args.tile + 1;
}

template <class T>
void add_srht_dense(py::module_& m) {
    m.def(
        "srht_dense",
        [](const py::array_t<T, 0>& a, std::uint64_t seed, const array<std::int32_t>& place,
           const array<std::int32_t>& row, index_t row_offset, array<T>& out, int workers) {
            const View2<const T> view = any_order(a);
            SrhtArgs<T> args = srht_args(seed, place, row, row_offset, out, view.cols);
            if (a.size() == 0) {
                return;
            }
            call(workers, [&](const Executor& ex) {
                const auto& k = sketch_transform_kernels();
                const index_t ns = (view.cols + 7) / 8;
                args.round = k.srht_round(view.cols, tiles(args, view.rows), ex.workers);
                args.tasks = least(ex.workers, args.round * ns);
                const Room<T> spaces(args.tasks * k.srht_space(args.d, args.tile));
                const Room<T> parts(args.round > 1 ? args.round * ns * 8 * args.d : 1);
                args.spaces = spaces.data();
                args.parts = parts.data();
                table<T>().srht_dense(view, args, ex);
            });
        },
        py::arg("a").noconvert(), py::arg("seed"), py::arg("place").noconvert(), py::arg("row").noconvert(),
        py::arg("row_offset"), py::arg("out").noconvert(), py::arg("workers"),
        "out += S[:, row_offset:row_offset + m] a, S a randomised Hadamard transform in tiles, for dense a.");
}

template <class T, class I>
void add_srht_csr(py::module_& m) {
    m.def(
        "srht_csr",
        [](const array<I>& indptr, const array<I>& indices, const array<T>& data, index_t cols, std::uint64_t seed,
           const array<std::int32_t>& place, const array<std::int32_t>& row, index_t row_offset, array<T>& out,
           int workers) {
            const CsrView<T, I> view = csr(indptr, indices, data, cols);
            SrhtArgs<T> args = srht_args(seed, place, row, row_offset, out, cols);
            if (view.rows == 0 || cols == 0) {
                return;
            }
            call(workers, [&](const Executor& ex) {
                const auto& k = sketch_transform_kernels();
                args.round = least(ex.workers, tiles(args, view.rows));
                const Room<T> spaces(args.round * k.srht_space(args.d, args.tile));
                const Room<T> parts(args.round * ((cols + 7) / 8) * 8 * args.d);
                const Room<index_t> cursors(args.round * args.tile);
                args.spaces = spaces.data();
                args.parts = parts.data();
                args.cursors = cursors.data();
                if constexpr (sizeof(I) == 4) {
                    table<T>().srht_csr_i32(view, args, ex);
                } else {
                    table<T>().srht_csr_i64(view, args, ex);
                }
            });
        },
        py::arg("indptr").noconvert(), py::arg("indices").noconvert(), py::arg("data").noconvert(), py::arg("cols"),
        py::arg("seed"), py::arg("place").noconvert(), py::arg("row").noconvert(), py::arg("row_offset"),
        py::arg("out").noconvert(), py::arg("workers"), "The same for CSR a with sorted rows.");
}

template <class T>
void add_gaussian_dense(py::module_& m) {
    m.def(
        "gaussian_dense",
        [](const py::array_t<T, 0>& a, std::uint64_t seed, index_t d, index_t row_offset, array<T>& out, int workers) {
            const View2<const T> view = any_order(a);
            expect(d >= 1 && row_offset >= 0, "expected d >= 1 and row_offset >= 0");
            expect_shape(out, d, view.cols, "out must be (d, n)");
            T* to = out.mutable_data();
            call(workers, [&](const Executor& ex) {
                const Room<T> spaces((d + 15) / 16 * sketch_transform_kernels().gaussian_space());
                table<T>().gaussian_dense(view, seed, d, row_offset, to, spaces.data(), ex);
            });
        },
        py::arg("a").noconvert(), py::arg("seed"), py::arg("d"), py::arg("row_offset"), py::arg("out").noconvert(),
        py::arg("workers"), "out += S[:, row_offset:row_offset + m] a, S Gaussian, for dense a.");
}

template <class T, class I>
void add_gaussian_csr(py::module_& m) {
    m.def(
        "gaussian_csr",
        [](const array<I>& indptr, const array<I>& indices, const array<T>& data, index_t cols, std::uint64_t seed,
           index_t d, index_t row_offset, array<T>& out, int workers) {
            const CsrView<T, I> view = csr(indptr, indices, data, cols);
            expect(d >= 1 && row_offset >= 0, "expected d >= 1 and row_offset >= 0");
            expect_shape(out, d, cols, "out must be (d, n)");
            T* to = out.mutable_data();
            call(workers, [&](const Executor& ex) {
                const Room<T> spaces((d + 15) / 16 * sketch_transform_kernels().gaussian_space());
                if constexpr (sizeof(I) == 4) {
                    table<T>().gaussian_csr_i32(view, seed, d, row_offset, to, spaces.data(), ex);
                } else {
                    table<T>().gaussian_csr_i64(view, seed, d, row_offset, to, spaces.data(), ex);
                }
            });
        },
        py::arg("indptr").noconvert(), py::arg("indices").noconvert(), py::arg("data").noconvert(), py::arg("cols"),
        py::arg("seed"), py::arg("d"), py::arg("row_offset"), py::arg("out").noconvert(), py::arg("workers"),
        "The same for CSR a.");
}

template <class T>
void add_features(py::module_& m) {
    m.def(
        "random_features",
        [](const py::array_t<T, 0>& x, const array<T>& inverse, const array<T>& signs, const array<T>& stretch, int map,
           double unit, array<T>& out, int workers) {
            const View2<const T> view = any_order(x);
            expect(signs.ndim() == 3 && signs.shape(1) == 3, "signs must be (blocks, 3, p)");
            const auto p = static_cast<index_t>(signs.shape(2));
            const auto frequencies = static_cast<index_t>(stretch.size());
            expect(power_of_two(p) && view.cols <= p && static_cast<index_t>(inverse.size()) == view.cols,
                   "p must be a power of two, at least the columns of x, and inverse (n)");
            expect(frequencies <= static_cast<index_t>(signs.shape(0)) * p && map >= 0 && map <= 3,
                   "stretch must have at most blocks * p items, map 0 to 3");
            expect_shape(out, view.rows, map == 1 ? 2 * frequencies : frequencies, "out must be (m, features)");
            FeatureArgs<T> args{
                inverse.data(),     p, signs.data(), stretch.data(), frequencies, map, static_cast<T>(unit),
                out.mutable_data(), 1, nullptr};
            if (view.rows == 0) {
                return;
            }
            call(workers, [&](const Executor& ex) {
                args.tasks = least(ex.workers, view.rows);
                const Room<T> works(args.tasks * 2 * p);
                args.works = works.data();
                table<T>().random_features(view, args, ex);
            });
        },
        py::arg("x").noconvert(), py::arg("inverse").noconvert(), py::arg("signs").noconvert(),
        py::arg("stretch").noconvert(), py::arg("map"), py::arg("unit"), py::arg("out").noconvert(), py::arg("workers"),
        "Structured random features; map 0: projections, 1: cosines and sines, 2: steps, 3: ramps.");
}

template <class T>
void add_scatter(py::module_& m) {
    m.def(
        "scatter_rows",
        [](const py::array_t<T, 0>& a, const array<std::int64_t>& place, const array<std::int64_t>& minus,
           array<double>& out, int workers) {
            const View2<const T> view = any_order(a);
            expect(static_cast<index_t>(place.size()) == view.rows && static_cast<index_t>(minus.size()) == view.rows,
                   "place and minus must be (m)");
            expect(out.ndim() == 2 && static_cast<index_t>(out.shape(1)) == view.cols, "out must be (d, n)");
            for (py::ssize_t i = 0; i < place.size(); ++i) {
                expect(place.data()[i] >= 0 && place.data()[i] < out.shape(0), "place must be a row of out");
            }
            double* to = out.mutable_data();
            call(workers,
                 [&](const Executor& ex) { table<T>().scatter_rows(view, place.data(), minus.data(), to, ex); });
        },
        py::arg("a").noconvert(), py::arg("place").noconvert(), py::arg("minus").noconvert(),
        py::arg("out").noconvert(), py::arg("workers"),
        "out[place[i]] += a[i], or -= where minus[i] is not 0, row by row.");
}

template <class T>
void add_signs(py::module_& m) {
    m.def(
        "vector_signs",
        [](std::uint64_t seed, index_t which, array<T>& out) {
            table<T>().vector_signs(seed, which, static_cast<index_t>(out.size()), out.mutable_data());
        },
        py::arg("seed"), py::arg("which"), py::arg("out").noconvert(), "The signs of vector number `which`.");
}

}  // namespace

void add_sketch_transform(py::module_& m) {
    add_fwht<double>(m);
    add_fwht<float>(m);
    add_srht_dense<double>(m);
    add_srht_dense<float>(m);
    add_srht_csr<double, std::int32_t>(m);
    add_srht_csr<double, std::int64_t>(m);
    add_srht_csr<float, std::int32_t>(m);
    add_srht_csr<float, std::int64_t>(m);
    add_gaussian_dense<double>(m);
    add_gaussian_dense<float>(m);
    add_gaussian_csr<double, std::int32_t>(m);
    add_gaussian_csr<double, std::int64_t>(m);
    add_gaussian_csr<float, std::int32_t>(m);
    add_gaussian_csr<float, std::int64_t>(m);
    add_features<double>(m);
    add_features<float>(m);
    add_scatter<double>(m);
    add_scatter<float>(m);
    add_signs<double>(m);
    add_signs<float>(m);
    m.def(
        "row_signs",
        [](std::uint64_t seed, index_t first, array<double>& out) {
            expect(first >= 0, "first must not be negative");
            sketch_transform_kernels().row_signs(seed, first, static_cast<index_t>(out.size()), out.mutable_data());
        },
        py::arg("seed"), py::arg("first"), py::arg("out").noconvert(), "Signs of the rows first, first + 1, ...");
    m.def(
        "random_keys",
        [](std::uint64_t seed, std::uint64_t stream, array<std::uint64_t>& out) {
            expect(stream >= 1 && stream < 16, "stream must be 1 to 15");
            sketch_transform_kernels().random_keys(seed, stream, static_cast<index_t>(out.size()), out.mutable_data());
        },
        py::arg("seed"), py::arg("stream"), py::arg("out").noconvert(), "64 random bits for each item.");
    m.def(
        "gaussian_entries",
        [](std::uint64_t seed, index_t i0, array<double>& out) {
            expect(out.ndim() == 2 && i0 >= 0, "out must be (d, m)");
            sketch_transform_kernels().gaussian_entries(seed, static_cast<index_t>(out.shape(0)), i0,
                                                        static_cast<index_t>(out.shape(1)), out.mutable_data());
        },
        py::arg("seed"), py::arg("i0"), py::arg("out").noconvert(), "Columns i0, i0 + 1, ... of the Gaussian sketch.");
}

}  // namespace kriss::bind
