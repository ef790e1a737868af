"""Votes of clusters on the groups of points: the one place where an ensemble labels points."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from kohorte._checks import choose
from kohorte.ensemble.labels import MAX_BYTES, Labels
from kohorte.ensemble.overlaps import Overlaps

if TYPE_CHECKING:
    from kohorte.ensemble.points import PointLabels

VOTES = {"equal": False, "significance": True}
"""Name -> whether the vote of a cluster weighs its Gsum."""


HALF = 0.5
"""A point is in doubt if its group has less than this share of the votes, or its second choice more
than this part of the votes that its group has."""


def in_doubt(confidence: np.ndarray, second_share: np.ndarray) -> np.ndarray:
    """Return which points are in doubt by `HALF`, (N,) bool.

    `confidence`, `second_share` (N,): shares of the votes for first and second choice.
    """
    return (confidence < HALF) | (second_share > HALF * confidence)


def agreement_shares(held: Any, alike: Any) -> np.ndarray:
    """Return the share of the points that each realization holds for which it votes as all, (R,).

    `held`, `alike` (R,): as in PointLabels. 0 where a realization holds no point.
    """
    return alike / np.maximum(held, 1)


def vote_weights(gsum: np.ndarray, votes: str) -> np.ndarray | None:
    """Weights (K,) of the clusters' votes by a name of VOTES; None where every vote counts one.

    A cluster without significance keeps a vote, of the least weight, so that no point is left
    without one. Raises ConfigError for an unknown name.
    """
    weighted = choose(VOTES, votes, "votes")
    return np.maximum(gsum, np.finfo(float).tiny) if weighted else None


class Voters:
    """Clusters that vote on the groups of points: what every combined ensemble can do."""

    def _voters(self) -> tuple[Overlaps, np.ndarray, np.ndarray]:
        """Overlaps, significance (K,) and group (K,) of the clusters."""
        raise NotImplementedError

    def stream(
        self,
        labels: Labels,
        votes: str = "equal",
        *,
        slab: int | None = None,
        max_bytes: int = MAX_BYTES,
        threads: int | None = None,
    ) -> "Iterator[PointLabels]":
        """Label points slab by slab, for more of them than fit in memory.

        Parameters and errors as for label; ``slab`` and ``max_bytes`` as for count_overlaps.
        """
        from kohorte.ensemble.points import stream_points

        overlaps, gsum, groups = self._voters()
        weights = vote_weights(gsum, votes)
        return stream_points(
            labels,
            overlaps,
            gsum if weights is None else weights,
            groups,
            weighted=weights is not None,
            slab=slab,
            max_bytes=max_bytes,
            threads=threads,
        )

    def label(
        self, labels: Labels, votes: str = "equal", *, threads: int | None = None
    ) -> "PointLabels":
        """Label points: each belongs to the group with most votes of its clusters.

        `labels` are R label arrays or datasets of the same realizations: those that were counted,
        or what the same clusterings give to other points. `votes` is a name of VOTES: every vote
        counts one, or weighs the significance of its cluster. Of two groups with equal votes the
        one with more points in its clusters wins. `threads` does not change the result. DataError
        for another number of realizations, or a label whose cluster was not counted; ConfigError
        for unknown votes.
        """
        from kohorte.ensemble.points import join_labels

        return join_labels(self.stream(labels, votes, threads=threads))

    def agreement(
        self, labels: Labels, votes: str = "equal", *, threads: int | None = None
    ) -> np.ndarray:
        """Share of its points for which each realization votes as the consensus does, (R,) float64.

        With equal votes, where no realization leaves points out, their mean is the mean confidence.
        Parameters and errors as for label.
        """
        slabs = [(s.held, s.alike) for s in self.stream(labels, votes, threads=threads)]
        return agreement_shares(*np.sum(slabs, axis=0))

    def shares(
        self, labels: Labels, votes: str = "equal", *, threads: int | None = None
    ) -> np.ndarray:
        """Share of the votes that every group gets of each point, (N, n_groups) float64.

        Parameters and errors as for label.
        """
        from kohorte.ensemble.points import join_labels, stream_points

        overlaps, gsum, groups = self._voters()
        weights = vote_weights(gsum, votes)
        weights = np.ones_like(gsum) if weights is None else weights
        slabs = stream_points(
            labels, overlaps, weights, groups, weighted=True, scored=True, threads=threads
        )
        return join_labels(slabs).shares
