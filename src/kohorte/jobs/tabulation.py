"""The jobs that tally points in slabs for the tables: tallies/<round>/<slab>.h5 -> <round>.h5.

The tables are made from the tallies of all rounds, and are those of one job, to the last bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kohorte import store
from kohorte._tallies import merge_tallies
from kohorte.analysis.tallies import StudyTallies, open_points


def tally_slab(
    labels: Sequence[str | Path],
    ensemble: str | Path,
    data: str | Path,
    former: Sequence[str | Path],
    tally: str | Path,
    *,
    slab: int,
    slabs: int,
    files: Mapping[str, str],
    reading: Mapping[str, Any],
    signal_cuts: Sequence[float] | None,
) -> None:
    """Tally the points of one slab for the tables, in the round after those of `former`.

    `labels`, `files`, `reading`: as `store.open_label_arrays` takes them; `ensemble`, `data`: the
    study's `ensemble.h5` and, where there is a table, `data.h5`; `former`: what `gather_tallies`
    wrote of each round before; `tally`: what is written; `slab`, `slabs`: the slab, from 0, of so
    many; each has whole blocks of points, and some none where there are more slabs than blocks.
    """
    where: Any = {"ensemble": ensemble, "data": data or None, "signal_cuts": signal_cuts}
    with (
        store.open_label_arrays(labels, files, **reading) as opened,
        open_points(opened, **where) as points,
    ):
        tallies, count = StudyTallies(points), points.n_blocks
        for turn, path in enumerate(former):
            tallies.take(turn, store.read_tally(path))
        start, stop = count * slab // slabs, count * (slab + 1) // slabs
        found = merge_tallies(tallies.count(len(former), block) for block in range(start, stop))
        store.write_tally(tally, found, start, stop)


def gather_tallies(tallies: Sequence[str | Path], gathered: str | Path) -> None:
    """Put the tallies of all slabs in a round together.

    `tallies`: what `tally_slab` wrote, in the order of the slabs; `gathered`: what is written.
    """
    found = merge_tallies(store.read_tallies(tallies))
    store.write_tally(gathered, found, *store.tallied_blocks(tallies))
