// Random numbers for the tests of networks.
#pragma once

#include <cstdint>

namespace {

// Numbers in (-1, 1) that repeat late.
class Draw {
   public:
    float operator()() {
        state_ = state_ * 6364136223846793005u + 1442695040888963407u;
        return static_cast<float>(static_cast<double>(state_ >> 11) / 4503599627370496.0 - 1.0);
    }

   private:
    std::uint64_t state_ = 7;
};

}  // namespace
