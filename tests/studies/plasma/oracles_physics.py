"""Slow, plain definitions of what kohorte.studies.plasma.physics measures."""

from collections import deque
from itertools import product

import numpy as np


def neighbours(cell, shape, periodic, corners):
    """Cells beside a cell, with the steps that lead there."""
    for step in product((-1, 0, 1), repeat=len(shape)):
        if not any(step) or (not corners and np.abs(step).sum() > 1):
            continue
        place = [c + s for c, s in zip(cell, step, strict=True)]
        if all(wraps or 0 <= p < n for p, n, wraps in zip(place, shape, periodic, strict=True)):
            yield tuple(p % n for p, n in zip(place, shape, strict=True)), step


def flood(mask, periodic, corners):
    """Structures as lists of (cell, unwrapped place), the axes that each goes around: (D,) bool.

    The largest first, then by the first cell.
    """
    seen, found = {}, []
    for start in map(tuple, np.argwhere(mask)):
        if start in seen:
            continue
        seen[start] = start
        queue, around = deque([start]), np.zeros(mask.ndim, bool)
        members = []
        while queue:
            cell = queue.popleft()
            members.append((cell, seen[cell]))
            for other, step in neighbours(cell, mask.shape, periodic, corners):
                if not mask[other]:
                    continue
                place = tuple(a + s for a, s in zip(seen[cell], step, strict=True))
                if other not in seen:
                    seen[other] = place
                    queue.append(other)
                else:
                    around |= np.array(place) != np.array(seen[other])
        found.append((members, around))
    return sorted(found, key=lambda item: -len(item[0]))


def box_sides(places, spacing):
    """Sides of the box with the variances of the points in the cells at these places."""
    h = np.array(spacing)
    points = np.array(places) * h
    covariance = np.cov(points.T, bias=True).reshape(len(h), len(h)) + np.diag(h**2 / 12)
    return np.sqrt(12 * np.linalg.eigvalsh(covariance)[::-1])


def border_distances(mask, grid, reach):
    """Distance of each true cell from the nearest false one, less half a cell in that direction.

    The least and the largest over all false cells that are equally near.
    """
    shape, h = np.array(mask.shape), np.array(grid.spacing)
    outside = np.argwhere(~mask)
    limit = reach * h.min()
    found = []
    for cell in np.argwhere(mask):
        away = np.abs(outside - cell)
        away = h * np.where(grid.periodic, np.minimum(away, shape - away), away)
        length = np.sqrt((away**2).sum(axis=1))
        near = np.isclose(length, length.min(initial=np.inf))
        less = length[near] - np.sqrt(((h * away[near]) ** 2).sum(axis=1)) / length[near] / 2
        found.append(np.minimum([less.min(), less.max()] if near.any() else [limit] * 2, limit))
    return found
