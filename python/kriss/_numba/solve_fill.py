"""Numba twins of incomplete factorisations with fill, and of pairs of triangles as preconditioner objects.

The same order of operations as the compiled ones, hence the same bits.
"""

import threading

import numpy as np
from numba import njit

from kriss._numba import solve as loops
from kriss._numba._triangular import triangle_solve

OK, NOT_POSITIVE_DEFINITE, SINGULAR, NON_FINITE, OUT_OF_RANGE = 0, 7, 9, 6, 10


@njit(cache=True, nogil=True)
def _comes_before(w, a, b):
    x, y = abs(w[a]), abs(w[b])
    return x > y or (x == y and a < b)


@njit(cache=True, nogil=True)
def _select_largest(w, items, count, keep):
    low, high = 0, count - 1
    while low < high:
        middle = low + (high - low) // 2
        if _comes_before(w, items[middle], items[low]):
            items[middle], items[low] = items[low], items[middle]
        if _comes_before(w, items[high], items[low]):
            items[high], items[low] = items[low], items[high]
        if _comes_before(w, items[high], items[middle]):
            items[high], items[middle] = items[middle], items[high]
        pivot = items[middle]
        i, j = low, high
        while i <= j:
            while _comes_before(w, items[i], pivot):
                i += 1
            while _comes_before(w, pivot, items[j]):
                j -= 1
            if i <= j:
                items[i], items[j] = items[j], items[i]
                i += 1
                j -= 1
        if keep - 1 <= j:
            high = j
        elif keep - 1 >= i:
            low = i
        else:
            return


@njit(cache=True, nogil=True)
def _row_norm(data, start, stop):
    largest = 0.0
    for k in range(start, stop):
        x = abs(np.float64(data[k]))
        largest = x if x > largest else largest
    if not largest > 0.0:
        return largest
    total = 0.0
    for k in range(start, stop):
        x = np.float64(data[k]) / largest
        total += x * x
    return largest * np.sqrt(total)


@njit(cache=True, nogil=True)
def _drop_small(w, items, count, least, most):
    kept = 0
    for k in range(count):
        v = w[items[k]]
        if not np.isfinite(v):
            return -1
        if abs(np.float64(v)) > least:
            items[kept] = items[k]
            kept += 1
    if kept > most:
        _select_largest(w, items, kept, most)
        kept = most
    items[:kept].sort()
    return kept


@njit(cache=True, nogil=True, error_model="numpy")
def _ict(
    indptr, indices, data, where, drop, fill, shift, tau, begin, up, ui, uv, root, w, mark, items, head, after, first,
):  # fmt: skip
    n = root.size
    zero, one = data.dtype.type(0), data.dtype.type(1)
    for j in range(begin, n):
        start, stop = where[j], indptr[j + 1]
        most = stop - start - 1 + fill
        at = up[j]
        if at + min(most, n - j) > uv.size:
            return OUT_OF_RANGE, j
        count = 0
        for k in range(start + 1, stop):
            i = indices[k]
            w[i] = data[k]
            mark[i] = j
            items[count] = i
            count += 1
        pivot = (one + shift) * data[start]
        k = head[j]
        while k >= 0:
            following = after[k]
            here, end = first[k], up[k + 1]
            f = uv[here]
            pivot -= f * f
            for q in range(here + 1, end):
                i = ui[q]
                if mark[i] != j:
                    mark[i] = j
                    items[count] = i
                    count += 1
                    w[i] = -(f * uv[q])
                else:
                    w[i] -= f * uv[q]
            if here + 1 < end:
                column = ui[here + 1]
                first[k] = here + 1
                after[k] = head[column]
                head[column] = k
            k = following
        least = tau * data[start]
        if not (pivot > least) or not (pivot > zero) or not np.isfinite(pivot):
            return NOT_POSITIVE_DEFINITE, j
        root[j] = np.sqrt(pivot)
        kept = _drop_small(w, items, count, drop * _row_norm(data, start, stop), most)
        if kept < 0:
            return NOT_POSITIVE_DEFINITE, j
        for k in range(kept):
            ui[at + k] = items[k]
            uv[at + k] = w[items[k]] / root[j]
        up[j + 1] = at + kept
        if kept > 0:
            first[j] = at
            after[j] = head[items[0]]
            head[items[0]] = j
    return OK, -1


def _grown(rows, needed):
    """Arrays for `needed` entries at least; None beyond what the index type can count."""
    indptr, indices, data = rows
    if needed <= data.size:
        return rows
    limit = np.iinfo(indptr.dtype).max
    if needed > limit:
        return None
    room = min(limit, max(needed, data.size + data.size // 2 + 1024))
    wider = np.empty(room, indices.dtype), np.empty(room, data.dtype)
    for new, old in zip(wider, (indices, data), strict=True):
        new[: old.size] = old
    return indptr, *wider


def _start(n, indptr, indices, data):
    room = 2 * int(indptr[n])
    return np.zeros(n + 1, indptr.dtype), np.empty(room, indices.dtype), np.empty(room, data.dtype)


def _trimmed(rows):
    indptr, indices, data = rows
    used = int(indptr[-1])
    return indptr, indices[:used].copy(), data[:used].copy()


def ict_factor(indptr, indices, data, where, drop, fill, shift, tau, workers):
    n, itype, kind = where.size, indices.dtype, data.dtype.type
    u = _start(n, indptr, indices, data)
    root, w = np.empty(n, data.dtype), np.empty(n, data.dtype)
    mark, head = np.full(n, -1, itype), np.full(n, -1, itype)
    items, after, first = (np.empty(n, itype) for _ in range(3))
    begin = 0
    with np.errstate(all="ignore"):
        while True:
            status, row = _ict(
                indptr, indices, data, where, drop, fill, kind(shift), kind(tau), begin, u[0], u[1], u[2], root, w,
                mark, items, head, after, first,
            )  # fmt: skip
            if status == OK:
                return OK, -1, _trimmed(u), root
            own = int(indptr[row + 1] - where[row]) - 1
            wider = None
            if status == OUT_OF_RANGE:
                wider = _grown(u, int(u[0][row]) + min(own + min(fill, n), n - row))
            if wider is None:
                return status, row, None, None
            u, begin = wider, row


@njit(cache=True, nogil=True)
def _push(heap, count, item):
    at = count
    while at > 0:
        parent = (at - 1) // 2
        if not item < heap[parent]:
            break
        heap[at] = heap[parent]
        at = parent
    heap[at] = item


@njit(cache=True, nogil=True)
def _pop(heap, count):
    top, item = heap[0], heap[count - 1]
    rest = count - 1
    at, child = 0, 1
    while child < rest:
        if child + 1 < rest and heap[child + 1] < heap[child]:
            child += 1
        if not heap[child] < item:
            break
        heap[at] = heap[child]
        at = child
        child = 2 * at + 1
    if rest > 0:
        heap[at] = item
    return top


@njit(cache=True, nogil=True, error_model="numpy")
def _ilut(indptr, indices, data, drop, fill, tau, begin, lp, li, lv, up, ui, uv, inverse, w, mark, items, heap, lower):
    n = inverse.size
    zero, one = data.dtype.type(0), data.dtype.type(1)
    for i in range(begin, n):
        start, stop = indptr[i], indptr[i + 1]
        left = right = 0
        w[i] = zero
        mark[i] = i
        for k in range(start, stop):
            j = indices[k]
            w[j] = data[k]
            mark[j] = i
            if j < i:
                heap[left] = j
                left += 1
            elif j > i:
                items[right] = j
                right += 1
        most_left, most_right = min(left + fill, i), min(right + fill, n - 1 - i)
        at_l, at_u = lp[i], up[i]
        if at_l + most_left > lv.size or at_u + most_right > uv.size:
            return OUT_OF_RANGE, i
        norm = _row_norm(data, start, stop)
        least = drop * norm
        used = 0
        while left > 0:
            k = _pop(heap, left)
            left -= 1
            f = w[k]
            if not np.isfinite(f):
                return NON_FINITE, i
            if not abs(np.float64(f)) > least:
                continue
            lower[used] = k
            used += 1
            multiplier = f * inverse[k]
            for q in range(up[k], up[k + 1]):
                j = ui[q]
                change = multiplier * uv[q]
                if mark[j] == i:
                    w[j] -= change
                    continue
                mark[j] = i
                w[j] = -change
                if j < i:
                    _push(heap, left, j)
                    left += 1
                else:
                    items[right] = j
                    right += 1
        pivot = w[i]
        inverse[i] = one / pivot
        if not abs(np.float64(pivot)) > tau * norm or not np.isfinite(pivot) or not np.isfinite(inverse[i]):
            inverse[i] = pivot
            return SINGULAR, i
        below = _drop_small(w, lower, used, least, most_left)
        above = _drop_small(w, items, right, least, most_right)
        if below < 0 or above < 0:
            return NON_FINITE, i
        for k in range(below):
            li[at_l + k] = lower[k]
            lv[at_l + k] = w[lower[k]] * inverse[lower[k]]
        for k in range(above):
            ui[at_u + k] = items[k]
            uv[at_u + k] = w[items[k]]
        lp[i + 1] = at_l + below
        up[i + 1] = at_u + above
    return OK, -1


def ilut_factor(indptr, indices, data, drop, fill, tau, workers):
    n, itype = indptr.size - 1, indices.dtype
    l, u = _start(n, indptr, indices, data), _start(n, indptr, indices, data)
    inverse, w = np.empty(n, data.dtype), np.empty(n, data.dtype)
    mark = np.full(n, -1, itype)
    items, heap, lower = (np.empty(n, itype) for _ in range(3))
    begin = 0
    with np.errstate(all="ignore"):
        while True:
            status, row = _ilut(
                indptr,
                indices,
                data,
                drop,
                fill,
                tau,
                begin,
                l[0],
                l[1],
                l[2],
                u[0],
                u[1],
                u[2],
                inverse,
                w,
                mark,
                items,
                heap,
                lower,
            )
            if status == OK:
                return OK, -1, _trimmed(l), _trimmed(u), inverse
            wider = None
            if status == OUT_OF_RANGE:
                own = int(indptr[row + 1] - indptr[row]) + min(fill, n)
                wider = _grown(l, int(l[0][row]) + min(own, row)), _grown(u, int(u[0][row]) + min(own, n - 1 - row))
            if wider is None or wider[0] is None or wider[1] is None:
                return status, row, float(inverse[row]) if status == SINGULAR else 0.0, None, None
            (l, u), begin = wider, row


@njit(cache=True, nogil=True)
def gather(at, y, scale, z):
    """``z = scale y``, y[at[i]] for z[i] where `at` is not empty; y may be z where it is."""
    for i in range(z.size):
        z[i] = scale * y[at[i] if at.size else i]


class Factors:
    """Two triangles between two permutations."""

    def __init__(self, first, second, rows, columns):
        self._first, self._second, self._rows, self._columns = first, second, rows, columns
        self._lock = threading.Lock()

    @property
    def size(self):
        return self._first[0].size - 1

    @property
    def nbytes(self):
        return self.size * self._first[2].itemsize if self._rows.size else 0

    def apply(self, r, z, scale, workers):
        with self._lock, np.errstate(all="ignore"):
            y, start = z, r
            if self._rows.size:
                y = np.empty_like(r)
                y[self._rows] = r
                start = y
            for (indptr, indices, data, inverse, lower), right in ((self._first, start), (self._second, y)):
                triangle_solve(indptr, indices, data, inverse, lower, right, y, workers)
            gather(self._columns, y, z.dtype.type(scale), z)
            return loops.dot(r, z, workers)

    def apply_multi(self, r, z, scale, workers):
        out = np.empty(r.shape[0], r.dtype)
        for j in range(r.shape[1]):
            self.apply(np.ascontiguousarray(r[:, j]), out, scale, workers)
            z[:, j] = out


def factors(
    first_indptr, first_indices, first_data, first_inverse, first_lower, second_indptr, second_indices, second_data,
    second_inverse, second_lower, rows, columns,
):  # fmt: skip
    return Factors(
        (first_indptr, first_indices, first_data, first_inverse, first_lower),
        (second_indptr, second_indices, second_data, second_inverse, second_lower),
        rows,
        columns,
    )
