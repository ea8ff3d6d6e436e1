// The memory of multigrid hierarchies on grids.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <vector>

#include "kriss/config.hpp"
#include "kriss/solve/box_grid.hpp"

namespace kriss {

class BoxMemory {
   public:
    // n zeros on a cache-line border, between box_pad zeros on either side
    template <class V>
    V* zeros(index_t n) {
        const std::size_t bytes = (static_cast<std::size_t>(n) + 2 * box_pad) * sizeof(V);
        std::unique_ptr<void, Free> block(std::calloc(bytes + 64, 1));
        if (block == nullptr) {
            throw std::bad_alloc();
        }
        bytes_ += bytes;
        const auto address = reinterpret_cast<std::uintptr_t>(block.get());
        blocks_.push_back(std::move(block));
        return reinterpret_cast<V*>((address + 63) / 64 * 64) + box_pad;
    }
    void clear() {
        blocks_.clear();
        bytes_ = 0;
    }
    std::size_t bytes() const { return bytes_; }

   private:
    struct Free {
        void operator()(void* p) const { std::free(p); }
    };
    std::vector<std::unique_ptr<void, Free>> blocks_;
    std::size_t bytes_ = 0;
};

}  // namespace kriss
