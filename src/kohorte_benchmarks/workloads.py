"""Data of the benchmarks: synthetic labels of any size, and parts of the table of a study."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import h5py
import numpy as np

from kohorte.errors import ConfigError

_BLOCK = 2**20

#: Share of the points that a realization puts into a cluster at random.
_NOISE = 0.2


def nested_tables(
    features: np.ndarray, sizes: Sequence[int], seed: int, key: str
) -> dict[int, np.ndarray]:
    """Return tables of the first n of all rows in one random order, (n, F) float32, by n.

    `key` of the configuration names the sizes in the ConfigError for a table that has fewer rows.
    """
    most = max(sizes)
    if len(features) < most:
        raise ConfigError(
            f"{key}: {most} points, but the table has {len(features)}; name fewer, or keep more of "
            "the source (data.sample, data.missing)"
        )
    order = np.random.default_rng(seed).permutation(len(features))
    drawn = np.ascontiguousarray(features[order[:most]], dtype=np.float32)
    return {n: drawn[:n] for n in sizes}


def make_labels(n_points: int, n_realizations: int, n_clusters: int, seed: int = 0) -> np.ndarray:
    """Return (R, N) uint8 labels: noisy copies of one partition, points in random order."""
    labels = np.empty((n_realizations, n_points), dtype=np.uint8)
    for start, block in _blocks(n_points, n_realizations, n_clusters, seed):
        labels[:, start : start + block.shape[1]] = block
    return labels


def make_segments(
    n_points: int, n_realizations: int, n_clusters: int, seed: int = 0, noise: float = 0.0
) -> list[np.ndarray]:
    """Return R uint16 label arrays of fine segments: cells of grids that are shifted at random.

    A share `noise` of the points of each is put into a cell at random, so that all cells meet. The
    points lie at random in a square that closes on itself. A grid of `n_clusters` cells is as
    nearly square as it can be, and every second one is turned: a cell meets few of another grid.
    """
    rng = np.random.default_rng(seed)
    x, y = rng.random((2, n_points), dtype=np.float32)
    high = next(k for k in range(math.isqrt(n_clusters), 0, -1) if n_clusters % k == 0)
    sides = [(high, n_clusters // high), (n_clusters // high, high)]
    labels = []
    for r in range(n_realizations):
        (rows, columns), (right, up) = sides[r % 2], rng.random(2, dtype=np.float32)
        row = np.minimum((x + right) % 1 * rows, rows - 1).astype(np.uint16)
        column = np.minimum((y + up) % 1 * columns, columns - 1).astype(np.uint16)
        cells = row * np.uint16(columns) + column
        elsewhere = rng.random(n_points, dtype=np.float32) < noise
        cells[elsewhere] = rng.integers(n_clusters, size=elsewhere.sum(), dtype=np.uint16)
        labels.append(cells)
    return labels


def write_labels(
    folder: Path, n_points: int, n_realizations: int, n_clusters: int, seed: int = 0
) -> list[Path]:
    """Write the labels of make_labels to one HDF5 file a realization, dataset ``labels``."""
    paths = [folder / f"labels_{r:03d}.h5" for r in range(n_realizations)]
    files = [h5py.File(path, "w") for path in paths]
    try:
        datasets = [f.create_dataset("labels", (n_points,), dtype=np.uint8) for f in files]
        for start, block in _blocks(n_points, n_realizations, n_clusters, seed):
            for dataset, row in zip(datasets, block, strict=True):
                dataset[start : start + row.size] = row
    finally:
        for file in files:
            file.close()
    return paths


def _blocks(
    n_points: int, n_realizations: int, n_clusters: int, seed: int
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (start, (R, n) uint8 labels); each block has a generator of its own."""
    for index, start in enumerate(range(0, n_points, _BLOCK)):
        rng = np.random.default_rng([seed, index])
        n = min(_BLOCK, n_points - start)
        partition = rng.integers(n_clusters, size=n, dtype=np.uint8)
        block = np.empty((n_realizations, n), dtype=np.uint8)
        for row in block:
            noise = rng.random(n, dtype=np.float32) < _NOISE
            row[:] = np.where(noise, rng.integers(n_clusters, size=n, dtype=np.uint8), partition)
        yield start, block
