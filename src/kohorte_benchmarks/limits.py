"""The limits of the machine: reading labels from memory, population counts, files."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit
from numba.extending import intrinsic

#: Words of the array whose bits are counted: 16 KiB stay in a first-level cache.
CACHED_WORDS = 2**11

_PIECE = 2**23

_INCREMENTS = 2**16  # indices, which stay in the second-level cache


def read_memory(labels: np.ndarray, threads: int) -> int:
    """Add up the bytes of contiguous labels as 64-bit words, each read once; returns the sum."""
    flat = labels.reshape(-1).view(np.uint8)
    words = flat[: flat.size // 8 * 8].view(np.uint64)
    with ThreadPoolExecutor(threads) as pool:
        return sum(map(int, pool.map(_add_words, np.array_split(words, threads))))


def count_bits(n_words: int, threads: int) -> int:
    """Count the bits of ``n_words`` words that lie in the cache; returns their number."""
    words = np.random.default_rng(0).integers(2**64, size=CACHED_WORDS, dtype=np.uint64)
    passes = -(-n_words // (CACHED_WORDS * threads))
    with ThreadPoolExecutor(threads) as pool:
        return sum(map(int, pool.map(_count_cached, [words] * threads, [passes] * threads)))


def counted_words(n_points: int, n_realizations: int, n_clusters: int) -> int:
    """Words whose bits must be counted for all tables of realizations of equal cluster number.

    One cluster of each realization follows from the others: (C - 1)^2 pairs of bit rows in each of
    R (R - 1) / 2 tables, and R (C - 1) sizes.
    """
    rows = n_clusters - 1
    pairs = n_realizations * (n_realizations - 1) // 2 * rows**2 + n_realizations * rows
    return pairs * -(-n_points // 64)


def increment(n: int, rows: int, columns: int, threads: int) -> int:
    """Increment `n` 16-bit cells of a table, the rows in turn, at columns in random order.

    With as many rows as realizations that is the order in which no increment waits for another.
    Returns how many there were.
    """
    rng = np.random.default_rng(0)
    at = rng.integers(columns, size=(_INCREMENTS // rows, rows)) + columns * np.arange(rows)
    cells = at.reshape(-1).astype(np.uint32)
    tables = np.zeros((threads, rows * columns), np.uint16)
    passes = [-(-n // (cells.size * threads))] * threads
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(_increment, [cells] * threads, tables, passes))
    return passes[0] * cells.size * threads


def fill_memory(n_bytes: int, threads: int) -> int:
    """Write so many bytes of new memory once; returns their number."""
    words = np.empty(n_bytes // 8, np.int64)
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda part: part.fill(1), np.array_split(words, threads)))
    return words.nbytes


def forget(paths: Sequence[str | Path]) -> None:
    """Drop files from the system's cache if it offers that, so that they are read from the disk."""
    if not hasattr(os, "posix_fadvise"):
        return
    for path in paths:
        with open(path, "rb") as stream:
            os.fsync(stream.fileno())
            os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def read_files(paths: Sequence[str | Path]) -> int:
    """Read files from end to end into one buffer; returns the number of bytes."""
    buffer, total = bytearray(_PIECE), 0
    for path in paths:
        with open(path, "rb", buffering=0) as stream:
            while n := stream.readinto(buffer):
                total += n
    return total


def write_file(path: str | Path, n_bytes: int) -> None:
    """Write so many bytes from one buffer and wait until the disk has them."""
    buffer = os.urandom(_PIECE)
    with open(path, "wb", buffering=0) as stream:
        for start in range(0, n_bytes, _PIECE):
            stream.write(buffer[: min(_PIECE, n_bytes - start)])
        os.fsync(stream.fileno())


@intrinsic
def _popcount(typing: Any, word: Any) -> tuple[Any, Callable[..., Any]]:
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.ctpop(args[0])

    return word(word), generate


@njit(nogil=True, cache=True)
def _increment(cells: np.ndarray, table: np.ndarray, passes: int) -> None:
    for _ in range(passes):
        for k in range(cells.size):
            table[cells[k]] += np.uint16(1)


@njit(nogil=True, cache=True)
def _add_words(words: np.ndarray) -> np.uint64:
    total = np.uint64(0)
    for k in range(words.size):
        total += words[k]
    return total


@njit(nogil=True, cache=True)
def _count_cached(words: np.ndarray, passes: int) -> np.uint64:
    total = np.uint64(0)
    for p in range(passes):
        mask = np.uint64(p)  # without it, one pass would do for all
        for k in range(words.size):
            total += _popcount(words[k] ^ mask)  # type: ignore[call-arg]  # numba adds the context
    return total
