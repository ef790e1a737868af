"""Slow, plain versions of the ensemble step: one mask per cluster, one loop per sum."""

import numpy as np

from kohorte.ensemble.overlaps import count_overlaps


def count(labels, **options):
    """Return the overlaps as the processor counts them."""
    return count_overlaps(labels, backend="numba", **options)


def noisy_ensemble(truth, n_realizations, noise, seed, split=0.0):
    """Copies of a partition with relabelled clusters, random errors and sometimes a split."""
    rng = np.random.default_rng(seed)
    k = int(truth.max()) + 1
    labels = []
    for _ in range(n_realizations):
        copy = rng.permutation(k)[truth]
        wrong = rng.random(truth.size) < noise
        copy[wrong] = rng.integers(0, k, wrong.sum())
        if rng.random() < split:
            copy[(copy == 0) & (rng.random(truth.size) < 0.5)] = k
        labels.append(copy.astype(np.uint8))
    return labels


def masks_of(labels, noise=None):
    """Return the mask of every cluster, and its realization and id, in the library's order."""
    masks, realization, cluster = [], [], []
    for r, array in enumerate(labels):
        for value in sorted({int(x) for x in array} - {noise}):
            masks.append(np.array([int(x) == value for x in array]))
            realization.append(r)
            cluster.append(value)
    return masks, realization, cluster


def count_by_masks(labels, noise=None):
    """Return (K, K) counts of the points in both of two masks."""
    masks, _, _ = masks_of(labels, noise)
    return np.array([[int(np.sum(a & b)) for b in masks] for a in masks])


def goodness_of_masks(a, b, identical):
    """Return S, Q and G = S / Q of two masks as the SCE paper defines them."""
    union = int(np.sum(a | b))
    s = int(np.sum(a & b)) / union
    q = (union - int(np.sum(a & b))) / (int(a.sum()) + int(b.sum()))
    if q == 0:
        floor = 1 / (int(a.sum()) + int(b.sum()))
        return s, q, s / floor if identical == "resolved" else 0.0
    return s, q, s / q


def gsum_by_masks(labels, identical, noise=None):
    """Return Gsum of every cluster, and the stacked signal, by the published loop over masks."""
    masks, realization, _ = masks_of(labels, noise)
    values, signal = [], np.zeros(len(labels[0]))
    for a, i in zip(masks, realization, strict=True):
        total = 0.0
        for b, j in zip(masks, realization, strict=True):
            if i != j:
                total += goodness_of_masks(a, b, identical)[2]
        values.append(total)
        signal += total * a
    return np.array(values), signal


def vote_by_loops(labels, groups, n_groups, noise=None):
    """Return winner and number of votes of each point; the lower group wins a tie."""
    masks, _, _ = masks_of(labels, noise)
    winners, votes = [], []
    for p in range(len(labels[0])):
        tally = [0] * n_groups
        for mask, group in zip(masks, groups, strict=True):
            tally[group] += int(mask[p])
        votes.append(max(tally))
        winners.append(tally.index(max(tally)))
    return np.array(winners), np.array(votes)


def minima_by_scan(derivative, threshold):
    """Return the minima that the published scan records, the first one included."""
    flag, found = False, []
    for i in range(1, len(derivative) - 1):
        lower = derivative[i] < derivative[i - 1] and derivative[i] < derivative[i + 1]
        if derivative[i] < threshold and lower and flag:
            found.append(i)
            flag = False
        if derivative[i] > threshold and not flag:
            flag = True
    return found


def agreement_of_groups(labels, groups, noise=None):
    """Return the mean over realizations of the adjusted Rand index with the groups of the others.

    The table of realization j: for each group and each cluster of j, points in both, averaged over
    the other realizations.
    """
    masks, realization, _ = masks_of(labels, noise)
    n_realizations = len(labels)
    scores = []
    for j in range(n_realizations):
        columns = [b for b, r in zip(masks, realization, strict=True) if r == j]
        table = np.zeros((max(groups) + 1, len(columns)))
        for mask, r, g in zip(masks, realization, groups, strict=True):
            if r != j:
                table[g] += [np.sum(mask & b) / (n_realizations - 1) for b in columns]
        n = table.sum()
        if n <= 1:
            scores.append(0.0)
            continue
        pairs = [float((x * (x - 1) / 2).sum()) for x in (table, table.sum(1), table.sum(0))]
        expected = pairs[1] * pairs[2] / (n * (n - 1) / 2)
        largest = (pairs[1] + pairs[2]) / 2
        scores.append((pairs[0] - expected) / (largest - expected) if largest != expected else 0.0)
    return float(np.mean(scores))


def silhouette_of_groups(labels, groups, noise=None):
    """Return the mean silhouette of the clusters on Jaccard distance, weighted by size."""
    masks, _, _ = masks_of(labels, noise)
    n = len(masks)
    distance = [[1 - np.sum(a & b) / np.sum(a | b) for b in masks] for a in masks]
    total = 0.0
    for a in range(n):
        own = [b for b in range(n) if groups[b] == groups[a] and b != a]
        if own:
            inside = np.mean([distance[a][b] for b in own])
            nearest = min(
                np.mean([distance[a][b] for b in range(n) if groups[b] == g])
                for g in set(groups) - {groups[a]}
            )
            total += masks[a].sum() * (nearest - inside) / max(nearest, inside)
    return total / sum(mask.sum() for mask in masks)
