"""Numba twin of substitution with stored triangles: the same order of operations, the same checks."""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True, error_model="numpy")
def _substitute(indptr, indices, data, lower, columns, unit, x):
    n, k = x.shape
    stored = min(indices.size, data.size)
    at_end = columns != lower
    if n > 0 and indptr[0] != 0:
        return 13, 0
    for turn in range(n):
        i = turn if lower else n - 1 - turn
        start, stop = np.int64(indptr[i]), np.int64(indptr[i + 1])
        if start < 0 or stop < start or stop > stored:
            return 13, i
        pivot = data.dtype.type(0)
        if start < stop:
            at = stop - 1 if at_end else start
            if indices[at] == i:
                pivot = data[at]
                if at_end:
                    stop -= 1
                else:
                    start += 1
        if not unit and pivot == 0:
            return 8, i
        last = -1 if at_end else i
        bound = i if at_end else n
        if columns:
            if not unit:
                for c in range(k):
                    x[i, c] /= pivot
            for h in range(start, stop):
                j = np.int64(indices[h])
                if j <= last or j >= bound:
                    return 13, i
                last = j
                v = data[h]
                for c in range(k):
                    x[j, c] -= v * x[i, c]
        else:
            for h in range(start, stop):
                j = np.int64(indices[h])
                if j <= last or j >= bound:
                    return 13, i
                last = j
                v = data[h]
                for c in range(k):
                    x[i, c] -= v * x[j, c]
            if not unit:
                for c in range(k):
                    x[i, c] /= pivot
    return 0, -1


def substitute(indptr, indices, data, lower, columns, unit, x):
    status, line = _substitute(indptr, indices, data, lower, columns, unit, x)
    return int(status), int(line)
