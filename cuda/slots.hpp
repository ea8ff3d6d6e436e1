// Sums over threads of what each has gathered in a number of slots that is known at run time only.
#pragma once

#include "panel.hpp"

namespace kriss::cuda {

// Doubles of scratch that sum_slots needs besides `acc`.
inline constexpr index_t slots_room = 1024 * max_panel;

struct SlotSum {
    const double* acc;
    index_t workers;
    KRISS_HD bool live(index_t) const { return true; }
    KRISS_HD void operator()(index_t worker, index_t slot, double* s) const { s[0] += acc[slot * workers + worker]; }
};

struct SlotStore {
    double* out;
    KRISS_HD void operator()(index_t slot, const double* s) const { out[slot] = s[0]; }
};

// out[slot] = sum of acc (slots, workers) over the workers, in a fixed tree; 0 without any.
inline void sum_slots(index_t slots, index_t workers, const double* acc, double* room, double* out, stream_t s) {
    for (index_t first = 0; first < slots; first += max_panel) {
        const index_t width = slots - first < max_panel ? slots - first : max_panel;
        sums<1>(workers, width, SlotSum{acc + first * workers, workers}, room, SlotStore{out + first}, s);
    }
}

}  // namespace kriss::cuda
