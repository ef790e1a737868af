"""What the tables say of all points, as tallies that add up over parts of the points.

Points are looked at in blocks of fixed size. Counts of blocks are added; sums of numbers that are
not whole are kept for each block and added in the order of the blocks, so that no bit depends on
who tallied which block. A round may need what an earlier one found in all points, such as a mean.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kohorte import store
from kohorte._checks import extra
from kohorte._limits import BLOCK_ROWS, count_rounds
from kohorte._tallies import Tally, add_blocks, merge_tallies
from kohorte.analysis.evaluation import (
    Evaluation,
    Matching,
    evaluate_counts,
    match_counts,
    name_evaluations,
)
from kohorte.analysis.orders import FeatureOrders
from kohorte.analysis.profiles import describe_feature, in_units_of, split_by_group
from kohorte.analysis.reliability import count_bins
from kohorte.ensemble.points import signal_classes
from kohorte.ensemble.votes import VOTES, in_doubt
from kohorte.errors import ResultError

with extra("figures"):
    import pandas as pd

if TYPE_CHECKING:
    from kohorte.data.prepared import PreparedData
    from kohorte.store.ensembles import StoredEnsemble

_FEATURES = 16  # looked at at once
_READ_VALUES = 1 << 23  # of the table read at once


def _cross(name: str, values: np.ndarray, codes: np.ndarray, width: int) -> Tally:
    """Count the points (n,) with each value and each code from 0 to width - 1."""
    if values.dtype.kind == "O":
        at, found = pd.factorize(values, sort=True)  # sorts different texts alone
        names = np.asarray(found, dtype=object)
    else:
        names, at = np.unique(values, return_inverse=True)
    counts = np.bincount(at * width + codes, minlength=len(names) * width)
    return {f"names/{name}": names, f"cross/{name}": counts.reshape(len(names), width)}


@dataclass(frozen=True)
class StudyPoints:
    """The points of a study and what is known of them, read as it is sliced.

    `arrays`: those of `ensemble.h5` by name; `labels`: of the realizations; `table`: the prepared
    table, where there is one, and `features` its values; `truth`: class of each point, -1 where it
    is not known, None where there are no classes; `samples`: columns of where points come from.
    """

    ensemble: StoredEnsemble
    labels: store.LabelArrays
    arrays: Mapping[str, Any]
    table: PreparedData | None = None
    features: Any = None
    truth: Any = None
    samples: Mapping[str, Any] = field(default_factory=dict)
    signal_cuts: Sequence[float] = ()

    @property
    def n_blocks(self) -> int:
        """Number of blocks that the points are cut into."""
        return -(-self.ensemble.n_points // BLOCK_ROWS)

    @property
    def n_groups(self) -> int:
        """Number of consensus groups."""
        return self.ensemble.consensus.n_groups

    def columns(self, rows: slice, columns: slice) -> np.ndarray:
        """Return some scaled features of some points, (features, n) float32."""
        width = columns.stop - columns.start
        found = np.empty((width, rows.stop - rows.start), dtype=np.float32)
        step = max(1, _READ_VALUES // self.features.shape[1])
        for start in range(rows.start, rows.stop, step):
            stop = min(start + step, rows.stop)
            part = self.features[start:stop]
            found[:, start - rows.start : stop - rows.start] = part[:, columns].T
        return found


@contextmanager
def open_points(
    labels: store.LabelArrays,
    *,
    ensemble: str | Path,
    data: str | Path | None,
    signal_cuts: Sequence[float] | None = None,
) -> Iterator[StudyPoints]:
    """Open the points of a study; arguments as for `kohorte.analysis.tables.tabulate_study`."""
    with ExitStack() as stack:
        known: dict[str, Any] = {}
        if data:
            known["table"] = table = store.read_data(data, mapped=True)
            file = stack.enter_context(store.open_result(data, "data"))
            known["features"] = file["features"]
            known["samples"] = store.open_samples(file)
            if table.truth is not None and table.class_names is not None:
                known["truth"] = file["truth"]
        points = stack.enter_context(store.open_result(ensemble, "ensemble"))["points"]
        yield StudyPoints(
            store.read_ensemble(ensemble), labels, points, **known, signal_cuts=signal_cuts or ()
        )


class StudyTallies:
    """What a study's tables say of all points: rounds of `count` for blocks and `take` for all.

    Without `ordered` quartiles and the like are left out, and with them all rounds but two.
    """

    def __init__(self, points: StudyPoints, *, ordered: bool = True) -> None:
        self.points = points
        self.has_table = points.table is not None
        self.width = 0 if points.table is None else len(points.table.names)
        self.orders = [FeatureOrders(points.n_groups) for _ in range(self.width * ordered)]
        self.n_rounds = count_rounds(self.has_table) if ordered or not self.has_table else 2
        self.found: Tally = {}

    def count(self, turn: int, block: int) -> Tally:
        """Tally a block in a round; those before have been taken."""
        start = block * BLOCK_ROWS
        rows = slice(start, min(start + BLOCK_ROWS, self.points.ensemble.n_points))
        label = np.asarray(self.points.arrays["label"][rows]).astype(np.int64)
        codes = np.where(label < 0, self.points.n_groups, label)
        found = self._count_groups(rows, codes) if turn == 0 else {}
        if self.points.truth is not None and turn <= 1:
            found |= self._count_classes(turn, rows, label)
        if self.has_table:
            found |= self._count_features(turn, rows, codes)
        return found

    def take(self, turn: int, tally: Tally) -> None:
        """Take in the tally of all blocks in a round."""
        self.found |= {
            name: add_blocks(value) if name.startswith("sums/") else value
            for name, value in tally.items()
        }
        for k, orders in enumerate(self.orders):
            kinds = ("counts", "sparse", "distinct")
            own = {kind: self.found.pop(f"{kind}/feature/{k}", None) for kind in kinds}
            orders.take(turn, {kind: value for kind, value in own.items() if value is not None})

    def _count_groups(self, rows: slice, codes: np.ndarray) -> Tally:
        count, arrays = self.points.n_groups, self.points.arrays
        shares = {name: arrays[name][rows] for name in ("confidence", "second_share")}
        doubtful, held = in_doubt(**shares), codes < count
        own = codes[held]
        total = np.bincount(own, shares["confidence"][held], minlength=count)
        found: Tally = {
            "counts/points": np.bincount(codes, minlength=count + 1),
            "counts/doubtful": np.bincount(codes[held & doubtful], minlength=count),
            "sums/confidence": total[None],
        }
        second = arrays["second"][rows].astype(np.int64)
        pairs = own * (count + 1) + np.where(second < 0, count, second)[held]
        size = count * (count + 1)
        found["counts/exchange"] = np.bincount(pairs, minlength=size)
        found["counts/exchange_doubtful"] = np.bincount(pairs[doubtful[held]], minlength=size)
        # Summed as pandas does it, with the rounding of each step kept.
        frame = pd.DataFrame({n: s[held].astype(np.float64) for n, s in shares.items()})
        sums = frame.groupby(pairs).sum()
        dense = np.zeros((1, 2, size))
        dense[0][:, sums.index] = sums.to_numpy().T
        found["sums/exchange"] = dense
        for k, values in enumerate(self.points.samples.values()):
            found |= _cross(f"sample/{k}", values[rows], codes, count + 1)
        return found

    def _count_classes(self, turn: int, rows: slice, label: np.ndarray) -> Tally:
        truth = self.points.truth[rows].astype(np.int64)
        if turn == 1:
            return self._count_right(rows, label, truth)
        table, ensemble = self.points.table, self.points.ensemble
        assert table is not None
        assert table.class_names is not None
        width = len(table.class_names) + 1
        codes = np.where(truth < 0, width - 1, truth)
        found = _cross("group", label, codes, width)
        windows = [
            store.Window(array, rows.start, rows.stop) for array in self.points.labels.arrays
        ]
        for k, window in enumerate(windows):
            found |= _cross(f"realization/{k}", np.asarray(window[:]), codes, width)
        for votes in VOTES:
            found |= _cross(f"votes/{votes}", ensemble.label(windows, votes).groups, codes, width)
        if self.points.signal_cuts:
            signal = signal_classes(self.points.arrays["signal"][rows], self.points.signal_cuts)
            found |= _cross("signal", signal, codes, width)
        return found

    def _confusion(self, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return classes with points, labels, and how many points each pair of them has."""
        counts = self.found[f"cross/{name}"].T[:-1]  # the last are those of unknown class
        there = counts.any(axis=1)
        return np.flatnonzero(there), self.found[f"names/{name}"], counts[there]

    def _matching(self) -> Matching | None:
        """Return the groups matched with the classes; None where no point has both."""
        classes, groups, counts = self._confusion("group")
        counts = counts[:, groups >= 0]
        groups = groups[groups >= 0][counts.any(axis=0)]
        counts = counts[:, counts.any(axis=0)]
        there = counts.any(axis=1)
        return match_counts(classes[there], groups, counts[there]) if there.any() else None

    def _count_right(self, rows: slice, label: np.ndarray, truth: np.ndarray) -> Tally:
        found = self._matching()
        held = (label >= 0) & (truth >= 0)
        if found is None:
            return {}
        of_class = np.append(found.clusters.astype(np.int64), -1)[found.matching]
        correct = of_class[np.searchsorted(found.classes, truth[held])] == label[held]
        confidence = self.points.arrays["confidence"][rows][held]
        counts, sums = count_bins(confidence, correct)
        return {"counts/reliability": counts, "sums/reliability": sums[None]}

    def _count_features(self, turn: int, rows: slice, codes: np.ndarray) -> Tally:
        found: dict[str, list[np.ndarray]] = {}
        tallied: Tally = {}
        order = np.argsort(codes.astype(np.min_scalar_type(self.points.n_groups)), kind="stable")
        start = 0
        for part in np.array_split(np.arange(self.width), -(-self.width // _FEATURES)):
            columns = self.points.columns(rows, slice(start, start + len(part)))
            if turn <= 1:
                self._measure(turn, start, columns, codes, order, found)
            for k, column in enumerate(columns, start) if self.orders else ():
                present = ~np.isnan(column)
                counted = self.orders[k].count(turn, column[present], codes[present])
                tallied |= {f"{kind}/feature/{k}": value for kind, value in counted.items()}
            start += len(part)
        for name, values in found.items():
            together = np.concatenate(values)
            tallied[name] = together[None] if name.startswith("sums/") else together
        return tallied

    def _measure(
        self,
        turn: int,
        start: int,
        columns: np.ndarray,
        codes: np.ndarray,
        order: np.ndarray,
        found: dict[str, list[np.ndarray]],
    ) -> None:
        """Add what moments of some features are made of, (features, ...) each."""
        count, table = self.points.n_groups, self.points.table
        assert table is not None

        def add(name: str, values: Any) -> None:
            found.setdefault(name, []).append(np.asarray(values))

        # Of all points, row by row, as the sum over a table in memory has them.
        values = np.ascontiguousarray(columns.T, dtype=np.float64)
        there = ~np.isnan(values)
        here = slice(start, start + len(columns))
        if turn == 0:
            add("counts/present", there.sum(axis=0))
            add("sums/present", np.where(there, values, 0.0).sum(axis=0))
        else:
            squares = np.square(values - self._means("present")[here])
            add("sums/spread", np.where(there, squares, 0.0).sum(axis=0))
        for k, column in enumerate(columns, start):
            present = ~np.isnan(column)
            own = present & (codes < count)
            held = column[own].astype(np.float64)
            ordered = order[present[order]]
            n = np.bincount(codes[present], minlength=count + 1)
            parts = split_by_group(column, ordered, n)
            measured = [in_units_of(table, k)(part) for part in parts]
            if turn == 0:
                add("counts/n", n[None])
                add("sums/mean", np.array([[part.sum() for part in measured]]))
                add("sums/held", [held.sum()])
            else:
                means = self._mean(k)
                pairs = zip(measured, means, strict=True)
                add("sums/squares", [[np.square(part - mean).sum() for part, mean in pairs]])
                held -= self._held_mean(k)
                add("sums/between", np.bincount(codes[own], held, minlength=count)[None])
                add("sums/whole", [np.square(held).sum()])

    def _means(self, name: str) -> np.ndarray:
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.found[f"sums/{name}"] / self.found[f"counts/{name}"]

    def _mean(self, feature: int) -> np.ndarray:
        """Return the mean of a feature in each group, and last of the points in none."""
        n, total = self.found["counts/n"][feature], self.found["sums/mean"][feature]
        return np.divide(total, n, out=np.full(len(n), np.nan), where=n > 0)

    def _held_mean(self, feature: int) -> float:
        n = int(self.found["counts/n"][feature][:-1].sum())
        return float(self.found["sums/held"][feature] / n) if n else float("nan")

    def profiles(self) -> list[dict[str, np.ndarray]]:
        """Return what `describe_feature` says of each feature."""
        table, found = self.points.table, []
        assert table is not None
        everyone = self.found["counts/points"]
        for k, orders in enumerate(self.orders):
            n = self.found["counts/n"][k]
            around = np.full((self.points.n_groups, 6), np.nan)
            for group in np.flatnonzero(n[:-1]):
                around[group] = in_units_of(table, k)(orders.around[group])
            squares = self.found["sums/squares"][k]
            found.append(describe_feature(everyone, n, self._mean(k), squares, around, orders.bins))
        return found

    def variances(self) -> np.ndarray:
        """Return the variance of each scaled feature, (F,)."""
        n, squares = self.found["counts/present"], self.found["sums/spread"]
        return np.divide(squares, n, out=np.zeros(len(n)), where=n > 0)

    def explained(self) -> np.ndarray:
        """Return the share of each feature's variance that is between groups, (F,)."""
        whole, sums = self.found["sums/whole"], self.found["sums/between"]
        return np.array(
            [
                explained_share(n[:-1], total, float(square))
                for n, total, square in zip(self.found["counts/n"], sums, whole, strict=True)
            ]
        )

    def evaluations(self, representative: int) -> dict[str, Evaluation]:
        """Return how well realizations, consensus and cuts of the signal find the classes."""
        single = [
            evaluate_counts(*self._confusion(f"realization/{k}"))
            for k in range(len(self.points.labels.ids))
        ]
        voted = {votes: evaluate_counts(*self._confusion(f"votes/{votes}")) for votes in VOTES}
        found = name_evaluations(single, voted, representative)
        if self.points.signal_cuts:
            found["signal_cuts"] = evaluate_counts(*self._confusion("signal"))
        return found

    def samples(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Return the values of each column of samples, and their points in each group and none."""
        return {
            name: (self.found[f"names/sample/{k}"], self.found[f"cross/sample/{k}"])
            for k, name in enumerate(self.points.samples)
        }


def explained_share(n: np.ndarray, total: np.ndarray, whole: float) -> float:
    """Return the share of the squares of values that is between groups; NaN where nothing varies.

    All of values less the mean of all: `n`, `total` (G,) are the points of each group and the sum
    of their values, `whole` the sum of all squares.
    """
    if not whole > 0:
        return float("nan")
    last = int(np.flatnonzero(n)[-1]) + 1
    means = total[:last] / np.maximum(n[:last], 1)
    return min(1.0, float((n[:last] * np.square(means)).sum()) / whole)


def tally_study(points: StudyPoints, gathered: Sequence[str | Path] = ()) -> StudyTallies:
    """Return what the tables say of all points of a study.

    `gathered`: the tallies of all rounds, where jobs have made them; otherwise they are made here,
    and for a single block without those of `FeatureOrders`, which sorting finds sooner.
    """
    if gathered:
        blocks = store.tallied_blocks(gathered[:1])
        if blocks != (0, points.n_blocks):
            raise ResultError(
                f"{gathered[0]}: tallies of the blocks from {blocks[0]} to {blocks[1]}, and not of "
                f"all {points.n_blocks}; delete it and run again"
            )
    found = StudyTallies(points, ordered=bool(gathered) or points.n_blocks > 1)
    for turn in range(found.n_rounds):
        if gathered:
            found.take(turn, store.read_tally(gathered[turn]))
        else:
            every = range(points.n_blocks)
            found.take(turn, merge_tallies(found.count(turn, block) for block in every))
    return found
