// The sparse-sign sketch on the device: the entries of kriss/sketch/sparse_sign.hpp, so S is the CPU's.
//
// No atomics. A warp owns 32 columns of A, one block of S and one slot of rows; each lane adds the rows of its slot in
// order to numbers that nobody else touches, and a second kernel adds the slots in order. Slots depend on the size of
// the problem alone, hence SA is the same bits in every run and on every device. It differs from the CPU's SA, which
// adds all rows in one sequence, by rounding.
#include "sketch.hpp"

#include "kriss/sketch/sparse_sign.hpp"

namespace kriss::cuda {
namespace {

constexpr unsigned full = 0xffffffffU;
constexpr int warp = 32;
constexpr std::size_t shared_limit = 48 * 1024;  // what every device gives without asking

// grid: (strips of 32 columns, groups of blocks of S, slots); block: (32, blocks of S in the group).
// Shared: sums live in shared memory, `tall` rows of 32 numbers per warp; else directly in `partial`.
template <class T, bool Shared>
__global__ void sum_slots(const T* __restrict__ a, index_t m, index_t n, index_t row_stride, index_t col_stride,
                          std::uint64_t seed, index_t d, int zeta, index_t row_offset, index_t per_slot, index_t tall,
                          T unit, T* __restrict__ partial) {
    extern __shared__ unsigned char memory[];
    const int e = static_cast<int>(blockIdx.y * blockDim.y + threadIdx.y);
    if (e >= zeta) {
        return;  // whole warps; nothing below synchronises the block
    }
    const int lane = static_cast<int>(threadIdx.x);
    const index_t column = static_cast<index_t>(blockIdx.x) * warp + lane;
    const bool mine = column < n;
    const index_t first = sparse_sign_border(d, zeta, e);
    const index_t size = sparse_sign_border(d, zeta, e + 1) - first;
    T* to = partial + (static_cast<index_t>(blockIdx.z) * d + first) * n + column;
    T* sum = Shared ? reinterpret_cast<T*>(memory) + threadIdx.y * tall * warp + lane : to;
    const index_t step = Shared ? warp : n;
    if (mine) {
        for (index_t r = 0; r < size; ++r) {
            sum[r * step] = T(0);
        }
    }
    const index_t begin = static_cast<index_t>(blockIdx.z) * per_slot;
    const index_t end = begin + per_slot < m ? begin + per_slot : m;
    for (index_t i0 = begin; i0 < end; i0 += warp) {
        // Lane l draws the entry of row i0 + l; all lanes then use them in turn.
        const SparseSignEntry own = sparse_sign_entry(seed, d, zeta, row_offset + i0 + lane, e);
        const int own_place = static_cast<int>(own.row - first);
        const int rows = end - i0 < warp ? static_cast<int>(end - i0) : warp;
        for (int t = 0; t < rows; ++t) {
            const int place = __shfl_sync(full, own_place, t);
            const int sign = __shfl_sync(full, own.sign, t);
            if (mine) {
                const T term = a[(i0 + t) * row_stride + column * col_stride] * unit;
                sum[place * step] = sum[place * step] + (sign > 0 ? term : -term);
            }
        }
    }
    if (Shared && mine) {
        for (index_t r = 0; r < size; ++r) {
            to[r * n] = sum[r * step];
        }
    }
}

template <class T>
__global__ void add_slots(index_t count, index_t slots, const T* __restrict__ partial, T* __restrict__ out) {
    const index_t stride = static_cast<index_t>(gridDim.x) * blockDim.x;
    for (index_t k = static_cast<index_t>(blockIdx.x) * blockDim.x + threadIdx.x; k < count; k += stride) {
        T total = out[k];
        for (index_t s = 0; s < slots; ++s) {
            total = total + partial[s * count + k];
        }
        out[k] = total;
    }
}

}  // namespace

index_t sparse_sign_slots(index_t m, index_t n, index_t d) {
    index_t slots = (m + 1023) / 1024;
    slots = slots < 1 ? 1 : slots > 256 ? 256 : slots;
    while (slots > 1 && slots * d * n > (index_t{1} << 25)) {
        slots /= 2;
    }
    return slots;
}

template <class T>
cudaError_t sparse_sign(const T* a, index_t m, index_t n, index_t row_stride, index_t col_stride, std::uint64_t seed,
                        index_t d, int zeta, index_t row_offset, T* partial, T* out, stream_t s) {
    if (m <= 0 || n <= 0) {
        return cudaSuccess;
    }
    const index_t slots = sparse_sign_slots(m, n, d);
    const index_t per_slot = (m + slots - 1) / slots;
    const index_t tall = (d + zeta - 1) / zeta;
    const std::size_t per_warp = static_cast<std::size_t>(tall) * warp * sizeof(T);
    const T unit = static_cast<T>(1.0 / std::sqrt(static_cast<double>(zeta)));
    const int most = zeta < 8 ? zeta : 8;
    const bool shared = per_warp <= shared_limit;
    const int fit = shared ? static_cast<int>(shared_limit / per_warp) : most;
    const int warps = fit < most ? fit : most;
    const dim3 block(warp, static_cast<unsigned>(warps));
    const dim3 grid(static_cast<unsigned>((n + warp - 1) / warp), static_cast<unsigned>((zeta + warps - 1) / warps),
                    static_cast<unsigned>(slots));
    if (shared) {
        sum_slots<T, true><<<grid, block, per_warp * warps, stream(s)>>>(a, m, n, row_stride, col_stride, seed, d, zeta,
                                                                         row_offset, per_slot, tall, unit, partial);
    } else {
        sum_slots<T, false><<<grid, block, 0, stream(s)>>>(a, m, n, row_stride, col_stride, seed, d, zeta, row_offset,
                                                           per_slot, tall, unit, partial);
    }
    const cudaError_t error = cudaGetLastError();
    if (error != cudaSuccess) {
        return error;
    }
    const index_t count = d * n;
    add_slots<T><<<blocks(count, 256), 256, 0, stream(s)>>>(count, slots, partial, out);
    return cudaGetLastError();
}

template cudaError_t sparse_sign<float>(const float*, index_t, index_t, index_t, index_t, std::uint64_t, index_t, int,
                                        index_t, float*, float*, stream_t);
template cudaError_t sparse_sign<double>(const double*, index_t, index_t, index_t, index_t, std::uint64_t, index_t, int,
                                         index_t, double*, double*, stream_t);

}  // namespace kriss::cuda
