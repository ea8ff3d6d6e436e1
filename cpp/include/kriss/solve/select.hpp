// The largest of a list, and a list in order: what incomplete factorisations do with every row.
//
// C. A. R. Hoare, "Algorithm 65: FIND", Comm. ACM 4 (1961); J. W. J. Williams, "Algorithm 232: heapsort", Comm. ACM 7
// (1964). Written out here because std::sort would leave symbols that the linker merges across instruction-set levels.
#pragma once

#include <cmath>

#include "kriss/config.hpp"

KRISS_NAMESPACE_BEGIN

// Whether |w[a]| comes before |w[b]|, larger first; the smaller index where they are equal. w holds no NaN.
template <class T, class I>
KRISS_ALWAYS_INLINE bool comes_before(const T* w, I a, I b) {
    const T x = std::fabs(w[a]);
    const T y = std::fabs(w[b]);
    return x > y || (x == y && a < b);
}

// Brings the `keep` items of `list` with the largest |w| to its front, in any order.
template <class T, class I>
void select_largest(const T* w, I* list, index_t count, index_t keep) {
    index_t low = 0;
    index_t high = count - 1;
    while (low < high) {
        // the middle one of three, so that sorted lists do not take quadratic time
        index_t middle = low + (high - low) / 2;
        if (comes_before(w, list[middle], list[low])) {
            const I t = list[middle];
            list[middle] = list[low];
            list[low] = t;
        }
        if (comes_before(w, list[high], list[low])) {
            const I t = list[high];
            list[high] = list[low];
            list[low] = t;
        }
        if (comes_before(w, list[high], list[middle])) {
            const I t = list[high];
            list[high] = list[middle];
            list[middle] = t;
        }
        const I pivot = list[middle];
        index_t i = low;
        index_t j = high;
        while (i <= j) {
            while (comes_before(w, list[i], pivot)) {
                ++i;
            }
            while (comes_before(w, pivot, list[j])) {
                --j;
            }
            if (i <= j) {
                const I t = list[i];
                list[i] = list[j];
                list[j] = t;
                ++i;
                --j;
            }
        }
        if (keep - 1 <= j) {
            high = j;
        } else if (keep - 1 >= i) {
            low = i;
        } else {
            return;
        }
    }
}

// list[at] to its place below, in a heap whose largest item is first
template <class I>
KRISS_ALWAYS_INLINE void sift_down(I* list, index_t at, index_t count) {
    const I item = list[at];
    for (index_t child = 2 * at + 1; child < count; child = 2 * at + 1) {
        if (child + 1 < count && list[child] < list[child + 1]) {
            ++child;
        }
        if (!(item < list[child])) {
            break;
        }
        list[at] = list[child];
        at = child;
    }
    list[at] = item;
}

inline constexpr index_t insertion_items = 32;

// list in increasing order
template <class I>
void sort_list(I* list, index_t count) {
    if (count <= insertion_items) {
        for (index_t i = 1; i < count; ++i) {
            const I item = list[i];
            index_t j = i;
            for (; j > 0 && item < list[j - 1]; --j) {
                list[j] = list[j - 1];
            }
            list[j] = item;
        }
        return;
    }
    for (index_t at = count / 2 - 1; at >= 0; --at) {
        sift_down(list, at, count);
    }
    for (index_t last = count - 1; last > 0; --last) {
        const I t = list[0];
        list[0] = list[last];
        list[last] = t;
        sift_down(list, index_t(0), last);
    }
}

// The smallest item first: a heap that rows are merged with.
template <class I>
KRISS_ALWAYS_INLINE void heap_push(I* heap, index_t count, I item) {
    index_t at = count;
    while (at > 0) {
        const index_t parent = (at - 1) / 2;
        if (!(item < heap[parent])) {
            break;
        }
        heap[at] = heap[parent];
        at = parent;
    }
    heap[at] = item;
}

template <class I>
KRISS_ALWAYS_INLINE I heap_pop(I* heap, index_t count) {
    const I top = heap[0];
    const I item = heap[count - 1];
    const index_t rest = count - 1;
    index_t at = 0;
    for (index_t child = 1; child < rest; child = 2 * at + 1) {
        if (child + 1 < rest && heap[child + 1] < heap[child]) {
            ++child;
        }
        if (!(heap[child] < item)) {
            break;
        }
        heap[at] = heap[child];
        at = child;
    }
    if (rest > 0) {
        heap[at] = item;
    }
    return top;
}

KRISS_NAMESPACE_END
