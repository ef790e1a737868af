"""Timed tasks: each prepares its data, compiles, and returns a function that runs it once.

The function measures itself, so that parts of the measurement and not of the task, such as emptying
the cache of the file system, stay out of the time.
"""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np

from kohorte import store
from kohorte.ensemble import popcount
from kohorte.ensemble.combination import combine
from kohorte.ensemble.overlaps import count_overlaps
from kohorte.provenance import digest_of
from kohorte_benchmarks import limits, published
from kohorte_benchmarks.serving import Outcome, by_name, timed
from kohorte_benchmarks.workloads import make_labels, make_segments, write_labels

#: File that the task ``end_to_end`` leaves in its folder.
OUTPUT = "ensemble.h5"

#: Stages of that task.
STAGES = ("counting", "significance and groups", "points")


def count(backend: str, threads: int, **size: int) -> Callable[[], Outcome]:
    """Time all contingency counts from uint8 labels in memory, packing included."""
    labels = make_labels(**size)
    count_overlaps(labels, backend=backend, threads=threads)

    def run() -> Outcome:
        start = perf_counter()
        overlaps = count_overlaps(labels, backend=backend, threads=threads)
        return Outcome(perf_counter() - start, digest_of(overlaps.counts))

    return run


def count_as_published(masks: str, **size: int) -> Callable[[], Outcome]:
    """Time counts and Gsum by loops over masks; the answer is the one of the task ``count``."""
    labels, method = make_labels(**size), MASKS[masks]

    def run() -> Outcome:
        start = perf_counter()
        counts, _ = method(labels)
        return Outcome(perf_counter() - start, digest_of(counts))

    return run


def count_segments(threads: int, **size: Any) -> Callable[[], Outcome]:
    """Time all contingency counts from fine segments in memory, by rows of histograms."""
    labels = make_segments(**size)
    count_overlaps([x[:1000] for x in labels], backend="numba", threads=threads)

    def run() -> Outcome:
        start = perf_counter()
        overlaps = count_overlaps(labels, backend="numba", threads=threads)
        return Outcome(perf_counter() - start, str(overlaps.counts.sum()))

    return run


def count_masks(threads: int, **size: Any) -> Callable[[], Outcome]:
    """Time the counts of the task ``count_segments`` by bit masks, whatever their number."""
    labels = make_segments(**size)
    ids = [np.unique(x).astype(np.int64) for x in labels]
    popcount.count_masks([x[:64] for x in labels[:2]], ids[:2], 0, threads)

    def run() -> Outcome:
        start = perf_counter()
        counts = popcount.count_masks(labels, ids, 0, threads)
        return Outcome(perf_counter() - start, str(counts.sum()))

    return run


def increment(n: int, rows: int, columns: int, threads: int) -> Callable[[], Outcome]:
    """Time so many increments of 16-bit cells in a table that stays in a cache."""
    done = limits.increment(n, rows, columns, threads)

    def run() -> Outcome:
        start = perf_counter()
        limits.increment(n, rows, columns, threads)
        return Outcome((perf_counter() - start) * n / done)

    return run


def fill_memory(n_bytes: int, threads: int) -> Callable[[], Outcome]:
    """Time writing so many bytes of new memory once."""
    return timed(lambda: limits.fill_memory(n_bytes, threads))


def read_memory(threads: int, **size: int) -> Callable[[], Outcome]:
    """Time reading the labels of the task ``count`` from memory once."""
    labels = make_labels(**size)
    limits.read_memory(labels, threads)

    return timed(lambda: limits.read_memory(labels, threads))


def count_bits(n_words: int, threads: int) -> Callable[[], Outcome]:
    """Time population counts of that many words in the first-level cache."""
    limits.count_bits(n_words, threads)

    return timed(lambda: limits.count_bits(n_words, threads))


def end_to_end(folder: str, threads: int) -> Callable[[], Outcome]:
    """Time the way from label files to the result file of the ensemble, by the workflow's steps.

    The files come from the disk: they are dropped from the cache before each run.
    """
    paths, output = _label_files(folder), Path(folder, OUTPUT)
    _compile(threads, len(paths))

    def run() -> Outcome:
        limits.forget(paths)
        start = perf_counter()
        stages = _combine_files(paths, output, threads)
        return Outcome(perf_counter() - start, stages=stages)

    return run


def read_files(folder: str, cached: bool) -> Callable[[], Outcome]:
    """Time plain reading of the label files of a folder, from disk or from the system's cache."""
    paths = _label_files(folder)
    prepare = limits.read_files if cached else limits.forget
    read = timed(lambda: limits.read_files(paths))

    def run() -> Outcome:
        prepare(paths)
        return read()

    return run


def write_file(folder: str) -> Callable[[], Outcome]:
    """Time plain writing of as many bytes as the task ``end_to_end`` wrote to that folder."""
    path = Path(folder, "plain.bin")

    def run() -> Outcome:
        n_bytes = Path(folder, OUTPUT).stat().st_size
        outcome = timed(lambda: limits.write_file(path, n_bytes))()
        path.unlink()
        return outcome

    return run


def find_accelerator() -> Callable[[], Outcome]:
    """Answer with the name of the accelerator that JAX uses, empty if it uses the CPU."""

    def run() -> Outcome:
        import jax

        device = jax.devices()[0]
        return Outcome(0.0, "" if device.platform == "cpu" else device.device_kind)

    return run


#: Kind of masks -> function(labels) -> counts, Gsum.
MASKS = {"boolean": published.gsum_by_boolean_masks, "number": published.gsum_by_number_masks}

#: Name -> task.
TASKS = by_name(
    *(count, count_as_published, read_memory, count_bits),
    *(count_segments, count_masks, increment, fill_memory),
    *(end_to_end, read_files, write_file, find_accelerator),
)


def _compile(threads: int, n_realizations: int) -> None:
    """Load or compile all kernels of the task ``end_to_end`` on a few points."""
    with TemporaryDirectory() as folder:
        paths = write_labels(Path(folder), 1000, n_realizations, n_clusters=3)
        _combine_files(paths, Path(folder, OUTPUT), threads)


def _label_files(folder: str) -> list[Path]:
    return sorted(Path(folder).glob("labels_*.h5"))


def _combine_files(paths: list[Path], output: Path, threads: int) -> dict[str, float]:
    """Combine label files as the workflow does; return the seconds of each stage."""
    times = [perf_counter()]
    files = {path.stem: str(path) for path in paths}
    with store.open_label_arrays([], files) as labels:
        overlaps = count_overlaps(labels.arrays, threads=threads)
        times.append(perf_counter())
        ensemble = combine(overlaps)
        times.append(perf_counter())
        options = {"votes": "equal"}
        store.write_ensemble(
            output, ensemble, labels.arrays, ids=labels.ids, options=options, threads=threads
        )
    times.append(perf_counter())
    return dict(zip(STAGES, np.diff(times).tolist(), strict=True))
