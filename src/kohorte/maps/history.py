"""What is recorded while a map is trained: errors on a part of the data, snapshots of weights."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from kohorte._checks import as_count, as_number
from kohorte.maps.lattice import Lattice
from kohorte.maps.parameters import check_patience
from kohorte.maps.preservation import evenly_spaced
from kohorte.maps.quality import quantization_error, topographic_error
from kohorte.maps.winners import find_two_winners

_LOG = logging.getLogger(__name__)

#: Points, evenly spaced, on which errors are measured during training.
HISTORY_ROWS = 1000


@dataclass(frozen=True)
class History:
    """Errors at the H moments of a training run, and S of its weights.

    `step` (H,) int64 are steps (or epochs) done; the first entry, 0, is the start. The errors (H,)
    float64 are on at most HISTORY_ROWS points; the topographic one is NaN for a map of one node.
    Radius and alpha (H,) float64 are those in use; alpha is NaN for batch training. `snapshots` (S,
    M, F) float32 are from `snapshot_step` (S,) int64.
    """

    step: np.ndarray
    quantization_error: np.ndarray
    topographic_error: np.ndarray
    radius: np.ndarray
    alpha: np.ndarray
    snapshot_step: np.ndarray
    snapshots: np.ndarray


@dataclass
class Observer:
    """Look at a map while it is trained; a trainer calls `begin` once and then `look`.

    `points` are (N, F) float32, NaN where missing. Errors are measured `moments` times after the
    start, evenly spaced over the run; 0 for never. So many `snapshots` of weights are kept, evenly
    spaced from the start to the end; one is the end. Training ends when the quantization error has
    not fallen by more than the share `tolerance` of its least value so far for `patience` moments
    in a row; None for never. `progress(done, total)` is called at every moment. ConfigError for
    numbers out of range, and for a patience without moments.
    """

    points: np.ndarray
    lattice: Lattice
    metric: str = "euclidean"
    moments: int = 20
    snapshots: int = 0
    patience: int | None = None
    tolerance: float = 0.0
    progress: Callable[[int, int], None] | None = None

    def __post_init__(self) -> None:
        as_count(self.moments, "history", 0)
        as_count(self.snapshots, "snapshots", 0)
        as_number(self.tolerance, "tolerance")
        if self.patience is not None:
            as_count(self.patience, "patience", 1)
        check_patience(self.patience, self.moments)
        rows = evenly_spaced(self.points.shape[0], HISTORY_ROWS)
        self._sample = np.ascontiguousarray(self.points[rows])
        self._entries: list[tuple[float, ...]] = []
        self._kept: dict[int, np.ndarray] = {}

    def begin(self, total: int, weights: np.ndarray, radius: float, alpha: float) -> None:
        """Begin a run of `total` steps or epochs from `weights` (M, F)."""
        self._plan(total)
        self._record(0, weights, radius, alpha)
        if self.progress:
            self.progress(0, total)

    def state(self) -> dict[str, np.ndarray]:
        """Return what `resume` goes on from."""
        kept = sorted(self._kept.items())
        return {
            "entries": np.array(self._entries, dtype=np.float64).reshape(-1, 5),
            "kept_step": np.array([step for step, _ in kept], dtype=np.int64),
            "kept": np.array([weights for _, weights in kept], dtype=np.float32),
            "fall": np.array([self._least, self._without_fall]),
        }

    def resume(self, total: int, state: Mapping[str, np.ndarray]) -> None:
        """Go on with a run of `total` steps or epochs that another observer began."""
        self._plan(total)
        self._entries = [tuple(entry) for entry in state["entries"].tolist()]
        self._kept = dict(zip(state["kept_step"].tolist(), state["kept"], strict=True))
        self._least, self._without_fall = float(state["fall"][0]), int(state["fall"][1])

    def _plan(self, total: int) -> None:
        self._total = total
        self._began = time.perf_counter()
        self._measured_at = _evenly(total, self.moments)
        last = max(self.snapshots - 1, 1)
        self._kept_at = {
            round(total * (k + (self.snapshots == 1)) / last) for k in range(self.snapshots)
        }
        # A pause of progress without measurements: a bar should move all the same.
        self.looks = sorted(self._measured_at | self._kept_at - {0} | _evenly(total, 20) | {total})
        self._least, self._without_fall = np.inf, 0

    def look(self, done: int, weights: np.ndarray, radius: float, alpha: float) -> bool:
        """Look, if it is time, at the weights after `done` steps; True ends the training.

        A trainer to which weights cost something asks `looks` first.
        """
        if done not in self.looks:
            return False
        self._record(done, weights, radius, alpha)
        if self.progress:
            self.progress(done, self._total)
        if done == self.looks[0]:
            seconds = (time.perf_counter() - self._began) / done * self._total
            _LOG.info("%d of %d done; training takes about %.3g s", done, self._total, seconds)
        if self.patience is None or done not in self._measured_at:
            return False
        error = self._entries[-1][1]
        fell = error < self._least * (1 - self.tolerance)
        self._without_fall = 0 if fell else self._without_fall + 1
        self._least = min(self._least, error)
        if self._without_fall < self.patience or done == self._total:
            return False
        if self.snapshots:
            self._kept.setdefault(done, weights.copy())
        _LOG.info("the quantization error falls no more: training ends after %d", done)
        return True

    def next_look(self, done: int) -> int:
        """Return the first look after `done` steps."""
        return next(look for look in self.looks if look > done)

    def history(self) -> History:
        """Return what was recorded."""
        step, qe, te, radius, alpha = np.array(self._entries, dtype=np.float64).reshape(-1, 5).T
        kept = sorted(self._kept.items())
        shape = (0, self.lattice.n_nodes, self._sample.shape[1])
        return History(
            step.astype(np.int64),
            qe,
            te,
            radius,
            alpha,
            snapshot_step=np.array([k for k, _ in kept], dtype=np.int64),
            snapshots=np.stack([w for _, w in kept]) if kept else np.empty(shape, np.float32),
        )

    def _record(self, done: int, weights: np.ndarray, radius: float, alpha: float) -> None:
        if self.moments and (done == 0 or done in self._measured_at):
            nodes, lengths = find_two_winners(
                self._sample, weights, metric=self.metric, lattice=self.lattice
            )
            errors = quantization_error(lengths[:, 0]), topographic_error(nodes, self.lattice)
            self._entries.append((done, *errors, radius, alpha))
        if done in self._kept_at:
            self._kept[done] = weights.copy()


def _evenly(total: int, count: int) -> set[int]:
    return {total * k // count for k in range(1, count + 1)} - {0}
