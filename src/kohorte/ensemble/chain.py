"""Compiled: joining the most alike sets first, by the chain of nearest neighbours, and cuts.

From a table of all pairs, or from lists of neighbours where most pairs are not alike at all.
"""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def join_pairs(pairs: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Join the most alike sets first, by the chain of nearest neighbours; pairs is used up.

    `pairs` (K, K) has the pairs of equal points that clusters share, 0 on the diagonal, and
    `weights` (K,) their points, both summed up when two sets are joined. Alikeness is
    pairs / (weight x weight); of equals the earlier one in the chain, then that of the lowest
    cluster, wins. Returns the K - 1 joined pairs, each set named after its lowest cluster, and
    their alikeness, children before parents.
    """
    k = weights.size
    active = np.ones(k, np.bool_)
    # Nor on the chain: were rounding to lead back to it, it would have no end.
    free = np.ones(k, np.bool_)
    chain = np.empty(k, np.int64)
    joined, alike = np.empty((k - 1, 2), np.int64), np.empty(k - 1)
    least = np.full(k, np.inf)
    length, first = 0, 0
    for step in range(k - 1):
        if length == 0:
            while not active[first]:
                first += 1
            chain[0], length, free[first] = first, 1, False
        while True:
            a = chain[length - 1]
            nearest, most = -1, -1.0
            if length > 1:
                nearest = chain[length - 2]
                most = pairs[a, nearest] / (weights[a] * weights[nearest])
            for b in range(k):
                if free[b]:
                    value = pairs[a, b] / (weights[a] * weights[b])
                    if value > most:
                        nearest, most = b, value
            if length > 1 and nearest == chain[length - 2]:
                break
            chain[length] = nearest
            free[nearest] = False
            length += 1
        b = chain[length - 2]
        length -= 2
        if b < a:
            a, b = b, a
        joined[step, 0], joined[step, 1] = a, b
        # Rounding must not put a parent below its children.
        alike[step] = min(most, least[a], least[b])
        least[a] = alike[step]
        active[b] = False
        free[a] = True
        weights[a] += weights[b]
        for j in range(k):
            if active[j] and j != a:
                pairs[a, j] += pairs[b, j]
                pairs[j, a] = pairs[a, j]
    return joined, alike


@njit(cache=True, nogil=True)
def _find(parent: np.ndarray, k: int) -> int:
    """Return the set that a former set has become a part of."""
    while parent[k] != k:
        parent[k] = parent[parent[k]]
        k = parent[k]
    return k


@njit(cache=True, nogil=True)
def _gather(
    a: int,
    first: np.ndarray,
    length: np.ndarray,
    columns: np.ndarray,
    values: np.ndarray,
    parent: np.ndarray,
    sums: np.ndarray,
    seen: np.ndarray,
) -> int:
    """Add up the list of set a by what its neighbours are now; return how many they are."""
    count = 0
    for k in range(first[a], first[a] + length[a]):
        b = _find(parent, columns[k])
        if b == a:
            continue
        if sums[b] == 0.0:
            seen[count] = b
            count += 1
        sums[b] += values[k]
    return count


@njit(cache=True, nogil=True)
def join_neighbours(
    starts: np.ndarray, neighbours: np.ndarray, pairs: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Join the most alike sets first, by the chain of nearest neighbours.

    `starts` (K + 1,), `neighbours` and `pairs`, above 0, are the rows of a symmetric matrix without
    diagonal, as SciPy's csr_array has them; `weights` (K,) are summed up when two sets are joined.
    Alikeness is pairs / (weight x weight), 0 for all others; the order and the results are those of
    `join_pairs`, the same bits where the sums of `pairs` are exact.
    """
    k = weights.size
    # Lists lie in a store of twice their size: joined ones at its end, until it is full.
    used = pairs.size
    columns, values = np.empty(2 * used + k, np.int32), np.empty(2 * used + k)
    columns[:used], values[:used] = neighbours, pairs
    first, length = starts[:-1].copy(), starts[1:] - starts[:-1]
    parent = np.arange(k)
    sums, seen = np.zeros(k), np.empty(k, np.int64)
    active, free = np.ones(k, np.bool_), np.ones(k, np.bool_)
    chain = np.empty(k, np.int64)
    joined, alike = np.empty((k - 1, 2), np.int64), np.empty(k - 1)
    least = np.full(k, np.inf)
    size, lowest, lowest_free = 0, 0, 0
    for step in range(k - 1):
        if size == 0:
            while not active[lowest]:
                lowest += 1
            chain[0], size, free[lowest] = lowest, 1, False
        while True:
            a = chain[size - 1]
            count = _gather(a, first, length, columns, values, parent, sums, seen)
            before, nearest, most = -1, -1, -1.0
            if size > 1:
                before = chain[size - 2]
                nearest, most = before, sums[before] / (weights[a] * weights[before])
            for n in range(count):
                b = seen[n]
                # What was found takes the place of the list, which only becomes shorter.
                columns[first[a] + n], values[first[a] + n] = b, sums[b]
                if free[b]:
                    value = sums[b] / (weights[a] * weights[b])
                    if value > most or (value == most and nearest != before and b < nearest):
                        nearest, most = b, value
                sums[b] = 0.0
            length[a] = count
            if nearest < 0:  # alike to none: to the lowest as much as to any
                nearest, most = lowest_free, 0.0
                while not free[nearest]:
                    nearest += 1
            if size > 1 and nearest == before:
                break
            chain[size] = nearest
            free[nearest] = False
            size += 1
        b = before
        size -= 2
        if b < a:
            a, b = b, a
        joined[step, 0], joined[step, 1] = a, b
        # Rounding must not put a parent below its children.
        alike[step] = min(most, least[a], least[b])
        least[a] = alike[step]
        active[b], free[a], parent[b] = False, True, a
        weights[a] += weights[b]

        count = _gather(b, first, length, columns, values, parent, sums, seen)
        for n in range(first[a], first[a] + length[a]):
            c = _find(parent, columns[n])
            if c != a:
                if sums[c] == 0.0:
                    seen[count] = c
                    count += 1
                sums[c] += values[n]
        # Both lists name the other set, which is now their own.
        kept = 0
        for n in range(count):
            if seen[n] != a:
                seen[kept] = seen[n]
                kept += 1
        sums[a] = 0.0
        length[b] = 0
        if used + kept > columns.size:
            length[a] = 0
            used = _close_ranks(first, length, columns, values)
        first[a], length[a] = used, kept
        for n in range(kept):
            columns[used + n], values[used + n] = seen[n], sums[seen[n]]
            sums[seen[n]] = 0.0
        used += kept
    return joined, alike


@njit(cache=True, nogil=True)
def _close_ranks(
    first: np.ndarray, length: np.ndarray, columns: np.ndarray, values: np.ndarray
) -> int:
    """Move all lists to the front of their store, in the order of their places; return the end."""
    used = 0
    for a in np.argsort(first):
        start = first[a]
        if length[a] == 0:
            continue
        for n in range(length[a]):
            columns[used + n], values[used + n] = columns[start + n], values[start + n]
        first[a] = used
        used += length[a]
    return used


@njit(cache=True, nogil=True)
def agreed_pairs(groups: np.ndarray, weights: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Return the pairs of points of two sets times the weights of the cuts that join these, (n, n).

    `groups` (n, C) are those of the sets in each cut, `weights` (C,) float64 those of the cuts and
    `sizes` (n,) float64 the points of the sets; 0 on the diagonal.
    """
    n, n_cuts = groups.shape
    pairs = np.zeros((n, n))
    for i in range(n):
        for j in range(i):
            weight = 0.0
            for c in range(n_cuts):
                if groups[i, c] == groups[j, c]:
                    weight += weights[c]
            pairs[i, j] = pairs[j, i] = weight * (sizes[i] * sizes[j])
    return pairs


@njit(cache=True, nogil=True)
def shared_points(
    counts: np.ndarray,
    leaves: np.ndarray,
    groups: np.ndarray,
    clusters: np.ndarray,
    n_groups: int,
) -> np.ndarray:
    """Return the sums of the counts of each group's leaves with some clusters, (n_groups, n) int64.

    `counts` (K, K); `leaves` (L,) and `clusters` (n,) are places in it, and `groups` (L,) those of
    the leaves, -1 for none.
    """
    shares = np.zeros((n_groups, clusters.size), np.int64)
    for place in range(leaves.size):
        if groups[place] >= 0:
            row, sums = counts[leaves[place]], shares[groups[place]]
            for c in range(clusters.size):
                sums[c] += row[clusters[c]]
    return shares


@njit(cache=True, nogil=True)
def paired_points(
    before: np.ndarray,
    rows: tuple[np.ndarray, np.ndarray],
    columns: tuple[np.ndarray, np.ndarray],
    unit: float,
) -> tuple[float, float, float, float]:
    """Return the pairs of points within the cells, rows and columns of a table, and in all of it.

    `before` has sums over all rows and columns before; `rows` and `columns` are first and past-last
    places of those that a row or column of the table sums over. The sums are points times `unit`.
    """
    top, bottom = rows
    left, right = columns
    of_columns = np.zeros(left.size)
    cells, of_rows, total = 0.0, 0.0, 0.0
    for i in range(top.size):
        of_row = 0.0
        for j in range(left.size):
            upper = before[bottom[i], left[j]] - before[top[i], left[j]]
            n = (before[bottom[i], right[j]] - before[top[i], right[j]] - upper) / unit
            cells += n * (n - 1) / 2
            of_row += n
            of_columns[j] += n
        of_rows += of_row * (of_row - 1) / 2
        total += of_row
    return cells, of_rows, (of_columns * (of_columns - 1) / 2).sum(), total * (total - 1) / 2


@njit(cache=True, nogil=True)
def pick(table: np.ndarray, rows: np.ndarray, columns: np.ndarray, out: np.ndarray) -> None:
    """Copy entries of a table in rows (n,) and columns (m,), which are not checked, to out."""
    for i in range(rows.size):
        row, copied = table[rows[i]], out[i]
        for j in range(columns.size):
            copied[j] = row[columns[j]]


@njit(cache=True, nogil=True)
def as_linkage(joined: np.ndarray, heights: np.ndarray) -> np.ndarray:
    """Return a tree in SciPy's form from joined sets that are named after their lowest leaf."""
    k = len(joined) + 1
    node, size = np.arange(k), np.ones(k)
    linkage = np.empty((k - 1, 4))
    for step in range(k - 1):
        a, b = joined[step]
        size[a] += size[b]
        linkage[step, 0], linkage[step, 1] = min(node[a], node[b]), max(node[a], node[b])
        linkage[step, 2], linkage[step, 3] = heights[step], size[a]
        node[a] = k + step
    return linkage
