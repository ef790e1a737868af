"""An ensemble of self-organizing maps as an estimator of scikit-learn."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from joblib import effective_n_jobs
from sklearn.base import BaseEstimator, ClusterMixin, clone
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from kohorte import store
from kohorte._checks import as_count, choose
from kohorte.ensemble.combine import VOTES, combine, vote_weights
from kohorte.ensemble.overlaps import count_overlaps
from kohorte.ensemble.significance import IDENTICAL, THRESHOLD
from kohorte.ensemble.tree import RULES
from kohorte.errors import ConfigError
from kohorte.estimators._common import (
    allow_nan,
    as_factors,
    as_seed,
    check_table,
    copy_inputs,
    plain,
    plain_parameters,
    reporting,
)
from kohorte.estimators.som import SOM
from kohorte.maps.metrics import rowwise
from kohorte.maps.parameters import PARAMETERS, realization_id, realization_seed
from kohorte.maps.winners import find_winners

_log = logging.getLogger(__name__)

N_REALIZATIONS = 20
"""Maps of an ensemble in which nothing is swept, unless told otherwise."""

_COMBINED_WITH = ("groups", "votes", "identical", "threshold")
_ARRAYS = ("initial", "feature_weights")


class SOMEnsemble(ClusterMixin, BaseEstimator):
    """Maps that vote on the group of each point: the statistically combined ensemble.

    Parameters
    ----------
    som : SOM, optional
        What the maps have in common; its random_state and verbose have no effect.
    sweep : dict, optional
        Values to try by the name of a parameter that a study can sweep, such as
        ``{"xdim": [38, 40], "alpha": [0.1, 0.5]}``: every combination is trained.
    n_realizations : int, optional
        Maps in all: 20, or one for each combination of `sweep`; otherwise a multiple of those.
    groups, votes, identical, threshold
        As in `kohorte.ensemble.combine` and in the configuration of a study.
    n_jobs
        Maps that are trained at a time, and threads of searches, without effect on any result.
    random_state : int, RandomState or None
        An int is the seed of a study: ids, seeds and maps are those of the study with this sweep.
    verbose
        As for SOM; the progress bar counts maps.

    Attributes
    ----------
    labels_ : (N,) int32
        Consensus group of each point; a group that wins no point is possible, above all where a
        rule finds their number.
    confidence_ : (N,) float64
        Share of the votes that it won.
    signal_ : (N,) float64
        Stacked signal: sum over the maps of the significance of the point's cluster.
    n_groups_ : int
    gsum_ : (K,) float64
        Significance of the clusters of all maps, in their order.
    ensemble_ : kohorte.ensemble.combine.Ensemble
    estimators_ : list of SOM
    ids_ : tuple of str
        What each map was trained with, as a name.
    seed_, feature_weights_, n_features_in_, feature_names_in_
        As for SOM.

    Errors as for SOM.
    """

    def __init__(
        self,
        som=None,
        *,
        sweep=None,
        n_realizations=None,
        groups="auto",
        votes="equal",
        identical="resolved",
        threshold=THRESHOLD,
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        self.som = som
        self.sweep = sweep
        self.n_realizations = n_realizations
        self.groups = groups
        self.votes = votes
        self.identical = identical
        self.threshold = threshold
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self):
        return allow_nan(super().__sklearn_tags__())

    def fit(self, X, y=None) -> SOMEnsemble:
        """Train the maps on X (N, F), combine them and label the points; y is not used."""
        X = check_table(self, X, reset=True)
        base = SOM() if self.som is None else clone(self.som)
        self.feature_weights_ = as_factors(base.feature_weights, X.shape[1])
        copy_inputs(self, base)
        # Names are checked before the maps are trained, not after.
        choose(VOTES, self.votes, "votes")
        choose(IDENTICAL, self.identical, "treatment of identical clusters")
        if isinstance(self.groups, str):
            choose({"auto": None, **RULES}, self.groups, "rule for groups")
        points = base._scale(X)
        self.seed_ = as_seed(self.random_state)
        plan = self._plan(base)

        def train(identifier: str) -> SOM:
            seed = realization_seed(self.seed_, identifier)
            member = clone(base).set_params(**plan[identifier], random_state=seed)
            copy_inputs(self, member)
            member._train(points, seed)
            _log.info("%s: trained in %.2f s", identifier, sum(member.seconds_.values()))
            return member

        # A map needs one core; maps are independent, and their kernels free the interpreter's lock.
        members = []
        threads = effective_n_jobs(self.n_jobs)
        with reporting(self.verbose, "maps") as progress, ThreadPoolExecutor(threads) as pool:
            for member in pool.map(train, plan):
                members.append(member)
                if progress:
                    progress(len(members), len(plan))
        return self._adopt(members, tuple(plan))

    def _plan(self, base: SOM) -> dict[str, dict[str, Any]]:
        """What is swept in each map, by the id of the map."""
        sweep = plain(self.sweep or {})
        for name, values in sweep.items():
            if name not in PARAMETERS:
                raise ConfigError(
                    f"sweep: {name!r} cannot be swept; choose from {', '.join(PARAMETERS)}"
                )
            if not isinstance(values, list) or not values:
                raise ConfigError(f"sweep: give {name} a list of values, not {values!r}")
        names = [name for name in PARAMETERS if name in sweep]
        common = {name: getattr(base, name) for name in PARAMETERS}
        if not isinstance(base.initial, str):
            common["initial"] = "given"
        combinations = {}
        for values in itertools.product(*(sweep[name] for name in names)):
            changes = dict(zip(names, values, strict=True))
            chosen = common | changes
            # The id leaves out what is without effect: a map may be equal to an earlier one.
            combinations.setdefault(realization_id(chosen, 1), (chosen, changes))
        total = self.n_realizations
        if total is None:
            total = len(combinations) if sweep else N_REALIZATIONS
        if as_count(total, "n_realizations", 1) % len(combinations):
            raise ConfigError(
                f"n_realizations is {total}, but the sweep has {len(combinations)} combinations; "
                "give a multiple of that, or leave it out"
            )
        repeats = range(1, total // len(combinations) + 1)
        return {
            realization_id(chosen, repeat): changes
            for chosen, changes in combinations.values()
            for repeat in repeats
        }

    def _adopt(self, members: list[SOM], ids: tuple[str, ...]) -> SOMEnsemble:
        self.estimators_, self.ids_ = members, ids
        labels = [member.labels_ for member in members]
        threads = effective_n_jobs(self.n_jobs)
        self.ensemble_ = combine(
            count_overlaps(labels, backend="numba", threads=threads),
            identical=self.identical,
            threshold=self.threshold,
            groups=self.groups,
        )
        self.gsum_, self.n_groups_ = self.ensemble_.gsum, self.ensemble_.grouping.n_groups
        self._weights = vote_weights(self.gsum_, self.votes)
        if self._weights is None:
            self._weights = np.ones_like(self.gsum_)
        votes, cast, self.signal_ = self._count_votes(labels)
        self.labels_ = votes.argmax(axis=1).astype(np.int32)
        self.confidence_ = votes.max(axis=1) / cast
        return self

    def _count_votes(self, labels) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Votes for each group (N, G), all votes cast (N,) and stacked signal (N,), float64."""
        overlaps, groups = self.ensemble_.overlaps, self.ensemble_.grouping.groups
        rows = np.arange(len(labels[0]))
        votes = np.zeros((rows.size, self.n_groups_))
        cast, signal = np.zeros((2, rows.size))
        for found, (first, last) in zip(labels, itertools.pairwise(overlaps.offsets), strict=True):
            cluster = first + np.searchsorted(overlaps.cluster[first:last], found)
            votes[rows, groups[cluster]] += self._weights[cluster]
            cast += self._weights[cluster]
            signal += self.gsum_[cluster]
        return votes, cast, signal

    def _winners(self, X) -> Iterator[tuple[SOM, np.ndarray, np.ndarray]]:
        """Every map with the points as it takes them, and their winners.

        A cluster that holds no point of the fit is in no group: the winner is the nearest node of
        the others.
        """
        X = check_table(self, X)
        points = self.estimators_[0]._scale(X)  # the same for all
        threads = effective_n_jobs(self.n_jobs)
        for member in self.estimators_:
            search = {"metric": member.parameters_.metric, "threads": threads}
            weights, clusters = member._codebook, member.node_clusters_
            winners = find_winners(points, weights, **search)
            empty = np.bincount(clusters, member.hits_) == 0
            astray = empty[clusters[winners]]
            if astray.any():
                nodes = np.flatnonzero(~empty[clusters])
                winners[astray] = nodes[find_winners(points[astray], weights[nodes], **search)]
            yield member, points, winners

    def _vote(self, X) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return self._count_votes([m.node_clusters_[winners] for m, _, winners in self._winners(X)])

    def predict(self, X) -> np.ndarray:
        """Group with most votes of each point, (N,) int32; for X of the fit these are labels_."""
        return self._vote(X)[0].argmax(axis=1).astype(np.int32)

    def predict_proba(self, X) -> np.ndarray:
        """Share of the votes for each group, (N, n_groups_) float64."""
        votes, cast, _ = self._vote(X)
        return votes / cast[:, None]

    def predict_confidence(self, X) -> np.ndarray:
        """Share of the votes that the group of each point won, (N,) float64."""
        return self.predict_proba(X).max(axis=1)

    def novelty(self, X) -> np.ndarray:
        """How far the points are from the maps, (N,) float64.

        The mean over the maps of the distance to the winner divided by the quantization error of
        the map: 1 on average for X of the fit. A point far from all of them may well be labelled
        with full confidence; this tells it apart.
        """
        total = 0.0
        for member, points, winners in self._winners(X):
            away = rowwise(points, member._codebook[winners], member.parameters_.metric)
            with np.errstate(divide="ignore", invalid="ignore"):
                parts = away / member.quantization_error_
            total = total + np.where(away == 0, 0.0, parts)
        return total / len(self.estimators_)

    def save(self, folder: str | Path) -> None:
        """Write `ensemble.h5` and `realizations/<id>.h5` in a folder, as in a finished study."""
        check_is_fitted(self)
        folder = Path(folder)
        # An ensemble that is there is whole: the old one goes before the first map is replaced.
        (folder / "ensemble.h5").unlink(missing_ok=True)
        for identifier, member in zip(self.ids_, self.estimators_, strict=True):
            repeat = int(identifier.rpartition("_r")[2])
            member._write(folder / "realizations" / f"{identifier}.h5", repeat)
        options = {name: getattr(self, name) for name in _COMBINED_WITH}
        som = None if self.som is None else plain_parameters(self.som)
        store.write_ensemble(
            folder / "ensemble.h5",
            self.ensemble_,
            [member.labels_ for member in self.estimators_],
            ids=self.ids_,
            options=plain(options) | {"estimator": plain_parameters(self), "som": som},
            threads=effective_n_jobs(self.n_jobs),
        )

    @classmethod
    def load(cls, folder: str | Path) -> SOMEnsemble:
        """Read what `save` wrote, or a finished study: its maps, and its choices of combining them.

        A study takes features on its own scale; see `load_study`. Raises ResultError where files
        are missing or not what they should be.
        """
        folder = Path(folder)
        stored = store.read_ensemble(folder / "ensemble.h5")
        ids = stored.realizations.ids
        members = [SOM.load(folder / "realizations" / f"{identifier}.h5") for identifier in ids]
        options = stored.options
        ensemble = cls(**options.get("estimator", {name: options[name] for name in _COMBINED_WITH}))
        if options.get("som") is not None:
            # Arrays are with the maps, which have them in common.
            arrays = {name: getattr(members[0], name) for name in _ARRAYS}
            ensemble.som = SOM(**arrays | options["som"])
        copy_inputs(members[0], ensemble)
        return ensemble._adopt(members, ids)


def load_study(folder: str | Path, realization: str | None = None) -> Pipeline:
    """A finished study as a fitted Pipeline, which takes features as the study's source has them.

    Its steps are ``scale``, the scaling of the study, and ``som``: the map with the id
    `realization`, or a SOMEnsemble of all.
    """
    folder = Path(folder)
    data = store.read_data(folder / "data.h5", mapped=True)
    scaler = StandardScaler()
    scaler.mean_, scaler.scale_, scaler.var_ = data.offset, data.scale, data.scale**2
    scaler.n_samples_seen_, scaler.n_features_in_ = len(data.features), len(data.names)
    scaler.feature_names_in_ = np.array(data.names, dtype=object)
    if realization is None:
        som = SOMEnsemble.load(folder)
    else:
        som = SOM.load(folder / "realizations" / f"{realization}.h5")
    return Pipeline([("scale", scaler), ("som", som)])
