// Launchers of the special functions: device pointers, sizes and a stream.
#pragma once

#include "launch.hpp"

namespace kriss::cuda {

// What is computed; the numbers of python/kriss/special/_gpu.py.
enum class Bessel : int {
    log_iv = 0,
    log_ive = 1,
    log_kv = 2,
    log_kve = 3,
    iv_ratio = 4,
    kv_ratio = 5,
    log_iv_grad = 6,
    log_kv_grad = 7,
};

// first[i] = f(v[i], x[i]); second (n) is written by the gradients alone: first in the order, second in the argument.
void bessel(int what, index_t n, const double* v, const double* x, double* first, double* second, stream_t s);

}  // namespace kriss::cuda
