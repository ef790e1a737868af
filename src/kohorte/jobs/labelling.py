"""The jobs from counts to labelled points: at once, or counts -> combined.h5 -> points/<slab>.h5.

Both write the same `ensemble.h5`, to the last bit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kohorte import store
from kohorte.errors import ResultError
from kohorte.jobs.counting import combine_counts, combine_slabs
from kohorte.jobs.novelty import study_novelty
from kohorte.structure import read_structure


def write_ensemble(
    labels: Sequence[str | Path],
    structure: Sequence[str | Path],
    overlaps: Sequence[str | Path],
    data: str | Path,
    ensemble: str | Path,
    *,
    files: Mapping[str, str],
    planned: Mapping[str, str],
    reading: Mapping[str, Any],
    options: Mapping[str, Any],
    level: float,
    memory_mb: int,
    threads: int,
) -> None:
    """Combine the counts of all slabs and label all points, into `ensemble.h5`.

    Arguments are as for `write_combined`, and as for `label_slab`; `options` has `votes`, too.
    """
    with _opened(labels, files, planned, reading) as opened:
        p = _p_structure(structure)
        combine_slabs(
            ensemble,
            overlaps,
            opened,
            noise=opened.noise,
            options=options,
            memory_mb=memory_mb,
            threads=threads,
            p_structure=p,
            single=_leaves_one_group(p, level),
            novelty=study_novelty(data, labels, opened.ids) if data else None,
        )


def write_combined(
    labels: Sequence[str | Path],
    structure: Sequence[str | Path],
    overlaps: Sequence[str | Path],
    combined: str | Path,
    *,
    files: Mapping[str, str],
    planned: Mapping[str, str],
    reading: Mapping[str, Any],
    options: Mapping[str, Any],
    level: float,
) -> None:
    """Combine the counts of all slabs, for points that are labelled in jobs of their own.

    `labels`, `files`, `reading`: as `store.open_label_arrays` takes them; `structure`: files of
    what speaks for groups; `overlaps`: indexes of the counts of every slab; `combined`: where the
    ensemble without points will lie; `planned`: digests of the maps; `options`: as for
    `combine_counts`; `level`: p-value of the structure beyond which there is one group.
    """
    with _opened(labels, files, planned, reading) as opened:
        ensemble = combine_counts(
            overlaps,
            opened,
            noise=opened.noise,
            options=options,
            single=_leaves_one_group(_p_structure(structure), level),
        )
        contents = dict(zip(opened.ids, opened.contents, strict=True))
        store.write_combined(combined, ensemble, contents)


def label_slab(
    labels: Sequence[str | Path],
    combined: str | Path,
    data: str | Path,
    points: str | Path,
    *,
    slab: int,
    slabs: int,
    files: Mapping[str, str],
    reading: Mapping[str, Any],
    votes: str,
    memory_mb: int,
    threads: int,
) -> None:
    """Label the points of one slab: votes, confidence, signal, second choice and novelty.

    `data`: the study's table, where maps tell how novel its points are; `points`: where their
    labels will lie; `slab`, `slabs`: the slab, from 0, of so many nearly equal ones; `votes`: as
    `Ensemble.label` takes it; `memory_mb`: labels held in memory at once, in MiB. Other arguments
    as for `write_combined`. Raises ResultError: the ensemble is of other labels.
    """
    ensemble, contents = store.read_combined(combined, counts=False)
    with store.open_label_arrays(labels, files, **reading) as opened:
        if list(contents.items()) != list(zip(opened.ids, opened.contents, strict=True)):
            raise ResultError(f"{combined}: made from other labels; delete it and run again")
        novelty = [study_novelty(data, labels, opened.ids)] if data else []
        store.write_slab(
            points,
            ensemble,
            store.cut_windows(opened.arrays, slab, slabs),
            votes=votes,
            novelty=next(iter(store.cut_windows(novelty, slab, slabs)), None),
            memory_mb=memory_mb,
            threads=threads,
        )


def gather_points(
    combined: str | Path,
    structure: Sequence[str | Path],
    points: Sequence[str | Path],
    ensemble: str | Path,
    *,
    options: Mapping[str, Any],
) -> None:
    """Write `ensemble.h5` from the points of all slabs, in their order.

    `combined`, `structure`: as for `write_combined`; `points`: what `label_slab` wrote; `options`:
    the choices that the realizations were combined with, among them `votes`.
    """
    p = _p_structure(structure)
    store.write_gathered(ensemble, combined, points, options=options, p_structure=p)


@contextmanager
def _opened(
    labels: Sequence[str | Path],
    files: Mapping[str, str],
    planned: Mapping[str, str],
    reading: Mapping[str, Any],
) -> Iterator[store.LabelArrays]:
    """Open labels that are intact, and of maps that are those planned."""
    with store.open_label_arrays(labels, files, **reading, verify=True) as opened:
        if planned:
            store.check_planned(labels, planned)
        yield opened


def _leaves_one_group(p: float | None, level: float) -> bool:
    return p is not None and p > level


def _p_structure(files: Sequence[str | Path]) -> float | None:
    found = read_structure(files)
    return None if found is None else found.p
