// What the *_pymod.cpp share: launchers take integers for pointers, and a launch that failed raises.
#pragma once

#include <cuda_runtime_api.h>
#include <pybind11/pybind11.h>

#include <cstdint>
#include <stdexcept>
#include <string>

namespace kriss::cuda {

using address = std::uintptr_t;
using integer = std::int64_t;

template <class T>
T* at(address a) {
    return reinterpret_cast<T*>(a);
}

inline void check_launch(const char* what) {
    const cudaError_t error = cudaGetLastError();
    if (error != cudaSuccess) {
        throw std::runtime_error(std::string(what) + ": " + cudaGetErrorString(error));
    }
}

}  // namespace kriss::cuda
