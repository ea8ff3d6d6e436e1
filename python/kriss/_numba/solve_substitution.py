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
    one, zero = data.dtype.type(1), data.dtype.type(0)
    before, coupling, coupled = zero, zero, False
    for turn in range(n):
        i = turn if lower else n - 1 - turn
        if columns:
            nearby = i + 1 if lower else i - 1
        else:
            nearby = i - 1 if lower else i + 1
        start, stop = np.int64(indptr[i]), np.int64(indptr[i + 1])
        if start < 0 or stop < start or stop > stored:
            return 13, i
        inverse = one
        found = False
        if start < stop:
            at = stop - 1 if at_end else start
            if indices[at] == i:
                found = data[at] != 0
                if not unit:
                    inverse = one / data[at]
                if at_end:
                    stop -= 1
                else:
                    start += 1
        if not unit and not found:
            return 8, i
        last = -1 if at_end else i
        bound = i if at_end else n
        if k == 1:
            near, adjacent = zero, False
            if start < stop:
                at = stop - 1 if at_end else start
                if indices[at] == nearby and 0 <= nearby < n:
                    near, adjacent = data[at], True
                    if at_end:
                        stop -= 1
                    else:
                        start += 1
                        last = nearby
            s = x[i, 0]
            if columns:
                before = s * inverse - coupling * inverse * before if coupled else s * inverse
                x[i, 0] = before
                coupling, coupled = near, adjacent
            for h in range(start, stop):
                j = np.int64(indices[h])
                if j <= last or j >= bound:
                    return 13, i
                last = j
                if columns:
                    x[j, 0] -= data[h] * before
                else:
                    s -= data[h] * x[j, 0]
            if not columns:
                before = s * inverse - near * inverse * before if adjacent else s * inverse
                x[i, 0] = before
            continue
        if columns:
            for c in range(k):
                x[i, c] *= inverse
        for h in range(start, stop):
            j = np.int64(indices[h])
            if j <= last or j >= bound:
                return 13, i
            last = j
            v = data[h]
            for c in range(k):
                if columns:
                    x[j, c] -= v * x[i, c]
                else:
                    x[i, c] -= v * x[j, c]
        if not columns:
            for c in range(k):
                x[i, c] *= inverse
    return 0, -1


def substitute(indptr, indices, data, lower, columns, unit, x):
    status, line = _substitute(indptr, indices, data, lower, columns, unit, x)
    return int(status), int(line)
