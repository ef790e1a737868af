"""An ensemble of self-organizing maps as an estimator of scikit-learn."""

from __future__ import annotations

import itertools
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from joblib import effective_n_jobs
from sklearn.base import BaseEstimator, ClusterMixin, clone
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from kohorte import store
from kohorte._checks import as_count, as_share, choose
from kohorte._references import FEWEST, LEVEL, choose_maps, list_tables, p_value
from kohorte.ensemble.combination import combine
from kohorte.ensemble.consensus import check_choice
from kohorte.ensemble.overlaps import count_overlaps
from kohorte.ensemble.significance import IDENTICAL, THRESHOLD, check_threshold
from kohorte.ensemble.votes import VOTES, in_doubt
from kohorte.errors import ConfigError, DataError
from kohorte.estimators._common import (
    RandomState,
    allow_nan,
    as_factors,
    as_repeats,
    as_seed,
    as_table,
    centers_of,
    check_table,
    copy_inputs,
    names_of,
    plain,
    plain_parameters,
    reporting,
    warn_of_features,
)
from kohorte.estimators.som import SOM, complete_parameters
from kohorte.maps.assign import Assignment, assign
from kohorte.maps.draws import see
from kohorte.maps.novelty import outlier_threshold, sample_novelty, winner_novelty
from kohorte.maps.parameters import PARAMETERS, realization_id, realization_seed
from kohorte.provenance import digest_of
from kohorte.recipes import LEFT_OPEN, fill_parameters, fill_sections

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from sklearn.pipeline import Pipeline

    from kohorte.ensemble.points import PointLabels
    from kohorte.explorer.page import Page
    from kohorte.structure import Evidence, Structure

_log = logging.getLogger(__name__)

N_REALIZATIONS = 20
"""Maps of an ensemble in which nothing is swept, unless told otherwise, by a recipe too."""

#: How maps are combined, with the defaults of a study.
_COMBINED_WITH = {
    "groups": "auto",
    "consensus": "jaccard",
    "votes": "equal",
    "identical": "resolved",
    "threshold": THRESHOLD,
}
_ARRAYS = ("initial", "feature_weights")


class SOMEnsemble(ClusterMixin, BaseEstimator):
    """Maps that vote on the group of each point: the statistically combined ensemble.

    Parameters
    ----------
    som : SOM, optional
        What the maps have in common; its random_state and verbose have no effect.
    recipe : {"resolved", "published"}, optional
        Defaults of the maps and of what is swept; None takes that of `som`.
    sweep : dict, optional
        Values to try by the name of a parameter that a study can sweep, such as
        ``{"xdim": [38, 40], "alpha": [0.1, 0.5]}``: every combination is trained. What neither it
        nor `som` names is swept if the recipe does so.
    n_realizations : int, optional
        Maps in all. None takes as many for each combination as the recipe says: one with
        ``"published"``, or 20 where nothing is swept. With `sweep` a multiple of the combinations;
        those of a recipe alone share any number.
    groups, consensus, votes, identical, threshold
        As in `kohorte.ensemble.combine`, and in the configuration of a study; ``"recipe"`` leaves
        them to the recipe.
    references, level
        How many tables without groups of each kind the table is compared with, at least 5 or 0 for
        none, and the p-value above which there is one group; as in the section `structure` of a
        study.
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
        rule finds their number, n_groups_.
    confidence_, signal_ : (N,) float64
        Share of the votes that it won, and stacked signal: sum over the maps of the significance of
        the point's cluster.
    second_, second_share_ : (N,) int32, (N,) float64
        Group with the second most votes, -1 where none got any, and its share of the votes.
    novelty_ : (N,) float64
        What `novelty` gives of the points: 1 on average.
    outliers_ : (N,) bool
        Points foreign to the others: novelty above `kohorte.maps.novelty.outlier_threshold`.
    structure_ : kohorte.structure.Structure or None
        Whether there are groups at all: `p`, that of each number, of each group; None where no
        references were made, and after `load`.
    p_structure_ : float or None
        The p-value of the structure, which `load` knows, too; None where it was not tested.
    gsum_ : (K,) float64
        Significance of the clusters of all maps, in their order.
    ensemble_, estimators_, ids_
        The kohorte.ensemble.Ensemble, its SOMs, and what each was trained with, as a name. Maps
        that are copies of others, to the last bit, are left out.
    seed_, feature_weights_, center_, n_features_in_, feature_names_in_
        As for SOM, and so are errors. After `load` of a study `seed_` is 0.
    """

    def __init__(
        self,
        som: SOM | None = None,
        *,
        recipe: str | None = None,
        sweep: Mapping[str, Sequence[Any]] | None = None,
        n_realizations: int | None = None,
        groups: int | str = "auto",
        consensus: str = LEFT_OPEN,
        votes: str = "equal",
        identical: str = "resolved",
        threshold: float = THRESHOLD,
        references: int | str = LEFT_OPEN,
        level: float = LEVEL,
        n_jobs: int | None = None,
        random_state: RandomState = None,
        verbose: int = 0,
    ) -> None:
        self.som, self.recipe, self.sweep = som, recipe, sweep
        self.n_realizations = n_realizations
        self.groups, self.consensus = groups, consensus
        self.votes, self.identical, self.threshold = (
            votes,
            identical,
            threshold,
        )
        self.references, self.level = references, level
        self.n_jobs, self.random_state, self.verbose = n_jobs, random_state, verbose

    #: How the maps of the fit were combined and judged, whatever is set later.
    _chosen: dict[str, Any]

    def __sklearn_tags__(self) -> Tags:
        return allow_nan(super().__sklearn_tags__())

    def fit(
        self, X: npt.ArrayLike, y: object = None, sample_weight: npt.ArrayLike | None = None
    ) -> SOMEnsemble:
        """Train the maps on X (N, F), combine them and label the points; y is not used.

        `sample_weight` is as for `SOM.fit`: a row counts so many times in each map and in the
        points that clusters share. The test of structure takes a row once at most, and draws heavy
        rows rather than others (`kohorte.structure.choose_rows`).
        """
        X = check_table(self, X, reset=True)
        base = SOM() if self.som is None else clone(self.som)
        base.recipe = self._recipe
        combining = self._combining()
        self.feature_weights_ = as_factors(base.feature_weights, X.shape[1])
        plan = self._plan(base)
        metrics = {str(chosen["metric"]) for chosen in plan.values()}
        self.center_ = centers_of(X, metrics, names_of(self))
        copy_inputs(self, base)
        # What combines the maps is checked before they are trained, not after.
        n_references, level = self._count_references(), as_share(self.level, "level", positive=True)
        check_threshold(combining["threshold"])
        choose(VOTES, combining["votes"], "votes")
        choose(IDENTICAL, combining["identical"], "treatment of identical clusters")
        check_choice(combining["groups"], combining["consensus"])
        points = base._scale(X)
        warn_of_features(X, self.feature_weights_, names_of(self))
        repeats = as_repeats(sample_weight, len(points))
        self.seed_ = as_seed(self.random_state)

        def train(identifier: str) -> SOM:
            seed = realization_seed(self.seed_, identifier)
            member = clone(base).set_params(**plan[identifier], random_state=seed)
            copy_inputs(self, member)
            member._train(points, seed, repeats=repeats)
            if repeats is not None and not repeats.all():
                # As new points: such a row may lie in a cluster that holds none that counts.
                left = repeats == 0
                member.labels_[left] = self._assign_on(member, points[left]).labels
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
        members, ids = _without_copies(members, list(plan))
        novelty = np.zeros(len(points))
        for member in members:
            novelty += winner_novelty(
                see(points, member.factors_),
                member._codebook,
                member.winners_,
                metric=member.parameters_.metric,
                quantization_error=member.quantization_error_,
            )
        self.structure_ = self._compare(points, plan, n_references, repeats)
        self.p_structure_ = None if self.structure_ is None else self.structure_.p
        single = self.p_structure_ is not None and self.p_structure_ > level
        self._chosen = combining | {"level": level}
        return self._adopt(members, ids, novelty / len(members), single)

    def _count_references(self) -> int:
        """Return how many references of each kind there are to be."""
        count = self.references
        if isinstance(count, str) and count == LEFT_OPEN:
            count = fill_sections(self._recipe, {}).get("structure", {}).get("references", 0)
        count = as_count(count, "references", 0)
        if 0 < count < FEWEST:
            raise ConfigError(
                f"references must be at least {FEWEST}, or 0 for no test, not {count}"
            )
        return count

    def _compare(
        self,
        points: np.ndarray,
        plan: dict[str, dict[str, Any]],
        count: int,
        repeats: np.ndarray | None,
    ) -> Structure | None:
        """Compare the table with references that have no groups, as a study does."""
        from kohorte.structure import KINDS, ROWS, assess_structure, collect_evidence

        is_coarse = self._combining()["consensus"] != "coassociation"
        if not count or is_coarse or len(plan) < 2:
            return None
        seeds = {identifier: realization_seed(self.seed_, identifier) for identifier in plan}
        members = choose_maps(
            [
                {"parameters": {"initial": "given"} | chosen, "seed": seeds[identifier]}
                for identifier, chosen in plan.items()
            ]
        )

        def collect(table: tuple[str, int]) -> Evidence:
            options: Any = {"rows": ROWS, "seed": self.seed_, "weights": repeats}
            return collect_evidence(points, *table, members, **options)

        threads = effective_n_jobs(self.n_jobs)
        tables = list_tables(count, KINDS)
        with reporting(self.verbose, "tables") as progress, ThreadPoolExecutor(threads) as pool:
            found = []
            for evidence in pool.map(collect, tables):
                found.append(evidence)
                if progress:
                    progress(len(found), len(tables))
        return assess_structure(found)

    @property
    def _recipe(self) -> str:
        som = SOM() if self.som is None else self.som
        return som.recipe if self.recipe is None else self.recipe

    def _combining(self) -> dict[str, Any]:
        """Return how the maps are combined: as given, else by the recipe, else as in a study."""
        said = _COMBINED_WITH | fill_sections(self._recipe, {}).get("ensemble", {})
        given = {name: getattr(self, name) for name in _COMBINED_WITH}
        return {
            name: said[name] if isinstance(value, str) and value == LEFT_OPEN else value
            for name, value in given.items()
        }

    def _plan(self, base: SOM) -> dict[str, dict[str, Any]]:
        """Return the parameters of each map, without given first weights, by the id of the map."""
        if not isinstance(self.sweep, Mapping | None):
            raise ConfigError(
                f"sweep must be a dict of values by the name of a parameter, not {self.sweep!r}"
            )
        sweep = plain({name: _as_list(values) for name, values in (self.sweep or {}).items()})
        for name, values in sweep.items():
            if name not in PARAMETERS:
                raise ConfigError(
                    f"sweep: {name!r} cannot be swept; choose from {', '.join(PARAMETERS)}"
                )
            if not isinstance(values, list) or not values:
                raise ConfigError(f"sweep: give {name} a list of values, not {values!r}")
        given = base._given()
        if not isinstance(base.initial, str):
            given["initial"] = "given"
        said = fill_parameters(base.recipe, given | sweep)
        swept = {name: value for name, value in said.items() if isinstance(value, list)} | sweep
        names = [name for name in PARAMETERS if name in swept]
        combinations: dict[str, dict[str, Any]] = {}
        common = complete_parameters(base.recipe, given | sweep)
        for values in itertools.product(*(swept[name] for name in names)):
            chosen = common | dict(zip(names, values, strict=True))
            # The id leaves out what is without effect: a map may be equal to an earlier one.
            combinations.setdefault(realization_id(chosen, 1), chosen)
        total, count = self.n_realizations, len(combinations)
        if total is None:
            realizations = fill_sections(base.recipe, {}).get("realizations", {})
            total = count * realizations.get("repeats", 1 if swept else N_REALIZATIONS)
        if as_count(total, "n_realizations", 1) % count and sweep:
            raise ConfigError(
                f"n_realizations is {total}, but {', '.join(names)} have {count} combinations; "
                "give a multiple of that, or leave it out"
            )
        plan = {
            realization_id(chosen, repeat): chosen
            for number, chosen in enumerate(combinations.values())
            for repeat in range(1, total // count + (number < total % count) + 1)
        }
        if not isinstance(base.initial, str):
            for chosen in combinations.values():
                if chosen["initial"] == "given":
                    del chosen["initial"]
        return plan

    def _adopt(
        self, members: list[SOM], ids: tuple[str, ...], novelty: np.ndarray, single: bool
    ) -> SOMEnsemble:
        from kohorte.ensemble.points import gather_signal

        self.estimators_, self.ids_ = members, ids
        labels = [member.labels_ for member in members]
        threads = effective_n_jobs(self.n_jobs)
        self.ensemble_ = combine(
            count_overlaps(self._count(*labels), backend="numba", threads=threads),
            **{name: self._chosen[name] for name in _COMBINED_WITH if name != "votes"},
            single=single,
        )
        self.gsum_, self.n_groups_ = self.ensemble_.gsum, self.ensemble_.grouping.n_groups
        found = self.ensemble_.label(labels, self._chosen["votes"], threads=threads)
        self.labels_, self.confidence_ = found.groups.astype(np.int32), found.confidence
        self.second_, self.second_share_ = found.second.astype(np.int32), found.second_share
        self.novelty_, self.outliers_ = novelty, novelty > self._outlier_threshold(novelty)
        overlaps = self.ensemble_.overlaps
        self.signal_ = gather_signal(labels, overlaps, self.gsum_, threads=threads)
        return self

    @property
    def _repeats(self) -> np.ndarray | None:
        """How often each point counts, (N,) int64; None for once each."""
        return getattr(self.estimators_[0], "sample_weight_", None)

    def _count(self, *arrays: np.ndarray) -> list[np.ndarray]:
        """Return values of the points, (N,), each as often as the point counts."""
        repeats = self._repeats
        return list(arrays) if repeats is None else [np.repeat(x, repeats) for x in arrays]

    def _outlier_threshold(self, novelty: np.ndarray) -> float:
        return outlier_threshold(sample_novelty(self._count(novelty)[0]))

    def _assign(self, X: npt.ArrayLike) -> Iterator[Assignment]:
        """Where the points lie on every map."""
        X = check_table(self, X)
        points = self.estimators_[0]._scale(X)  # the same for all
        for member in self.estimators_:
            yield self._assign_on(member, points)

    def _assign_on(self, member: SOM, points: np.ndarray) -> Assignment:
        return assign(
            see(points, member.factors_),
            member._codebook,
            member.node_clusters_,
            member.hits_,
            metric=member.parameters_.metric,
            lattice=member.lattice_,
            threads=effective_n_jobs(self.n_jobs),
        )

    def _vote(self, X: npt.ArrayLike) -> PointLabels:
        labels = [found.labels for found in self._assign(X)]
        votes = self._chosen["votes"]
        return self.ensemble_.label(labels, votes, threads=effective_n_jobs(self.n_jobs))

    def predict(self, X: npt.ArrayLike) -> np.ndarray:
        """Group with most votes of each point, (N,) int32; for X of the fit these are labels_."""
        return self._vote(X).groups.astype(np.int32)

    def predict_proba(self, X: npt.ArrayLike) -> np.ndarray:
        """Share of the votes for each group, (N, n_groups_) float64."""
        labels = [found.labels for found in self._assign(X)]
        votes = self._chosen["votes"]
        return self.ensemble_.shares(labels, votes, threads=effective_n_jobs(self.n_jobs))

    def predict_confidence(self, X: npt.ArrayLike) -> np.ndarray:
        """Share of the votes that the group of each point won, (N,) float64."""
        return self._vote(X).confidence

    def score(self, X: npt.ArrayLike, y: object = None) -> float:
        """Return how well the maps represent X, higher is better; y is not used.

        The mean over the maps of the negative quantization error, `SOM.score`: what a search over
        parameters of the maps needs, as `KMeans.score` is its sum of squares. It is in the units of
        X, so that it compares no metrics, scalings or features, and it says nothing of the groups:
        `groups`, `consensus` and `votes` leave it as it is.
        """
        points = self.estimators_[0]._scale(check_table(self, X))
        errors = [np.mean(-member._errors_of(points)) for member in self.estimators_]
        return float(np.mean(errors))

    def profile(self, X: npt.ArrayLike) -> pd.DataFrame:
        """Return what the groups are like: one row per group and feature of X, scaled or not.

        X (N, F') are the points of the fit, in their order, with any features and in any units, as
        a DataFrame or an array. Columns are those of `kohorte.analysis.profiles.profile_table`:
        count, mean, deviation, median and quartiles, the effect size against all other points, and
        its rank among the features of the group. A row counts as often as `sample_weight` said.
        DataError for another number of points, and for a column that is no number.
        """
        from kohorte.analysis.profiles import profile_columns, profile_table

        check_is_fitted(self)
        values, names = as_table(X)
        repeats = self._repeats
        if repeats is None or len(values) != len(self.labels_):
            return profile_table(values, names, self.labels_)
        labels = np.repeat(self.labels_, repeats)
        columns = (np.repeat(column, repeats) for column in values.T)
        return profile_columns(columns, labels, names, np.unique(labels[labels >= 0]), ())

    def summary(self) -> str:
        """Return what was found, as text: points and maps, groups, and how far to trust them."""
        check_is_fitted(self)
        rows = [f"  {name:11s}  {text}" for name, text in self._findings()]
        sizes = self._group_rows()
        head = (
            f"  {'group':>5s}  {'points':>7s}  {'share':>6s}  {'confidence':>10s}  {'in doubt':>8s}"
        )
        table = [
            f"  {group:5d}  {points:7d}  {share:6.1%}  {confidence:10.3f}  {doubt:8d}"
            for group, points, share, confidence, doubt in sizes
        ]
        return "\n".join(["SOMEnsemble", *rows, head, *table])

    def _findings(self) -> list[tuple[str, str]]:
        """Return what `summary` says, by the name of the line."""
        held, n_points = len(self._group_rows()), len(self.labels_)
        rule = self.ensemble_.grouping.rule
        if rule != "given":
            text = f"{held} (rule: {rule})"
        elif held == (asked := self._chosen["groups"]):
            text = f"{held}, as asked for"
        else:
            text = f"{held} of the {asked} asked for"
        if held < self.n_groups_:
            text += f"; {self.n_groups_ - held} more win no point"
        if self.p_structure_ is None:
            structure = "not tested"
        else:
            p = self.p_structure_
            # Of a number that was given the test alone tells; a study has a level of its own.
            found = self.n_groups_ > 1 if rule != "given" else p <= self._chosen["level"]
            word = "there are groups" if found else "no groups beyond chance"
            structure = f"{word}: a table without any gives as much evidence with {p_value(p)}"
        confidence, outliers, doubtful = self._count(
            self.confidence_, self.outliers_, in_doubt(self.confidence_, self.second_share_)
        )
        weighted = "" if self._repeats is None else f", counted as {len(outliers)} by sample_weight"
        return [
            ("points", f"{n_points}, {self.n_features_in_} features{weighted}"),
            ("maps", f"{len(self.estimators_)}, {len(self.gsum_)} clusters"),
            ("groups", text),
            ("structure", structure),
            ("confidence", f"{confidence.mean():.3f} on average (share of the votes)"),
            (
                "in doubt",
                f"{int(doubtful.sum())} (no majority, or over half as many votes for a second "
                "group)",
            ),
            ("foreign", f"{int(outliers.sum())} (outliers_)"),
        ]

    def _group_rows(self) -> list[tuple[int, int, float, float, int]]:
        """Return number, points, share, mean confidence and doubtful points of each group."""
        labels, confidence, doubtful = self._count(
            self.labels_, self.confidence_, in_doubt(self.confidence_, self.second_share_)
        )
        rows = []
        for group in np.unique(labels[labels >= 0]).tolist():
            own = labels == group
            mean = float(confidence[own].mean())
            rows.append((group, int(own.sum()), float(own.mean()), mean, int(doubtful[own].sum())))
        return rows

    def plot(
        self,
        name: str,
        ax: Axes | None = None,
        *,
        X: npt.ArrayLike | None = None,
        width: str | float | None = None,
        font: str | None = None,
    ) -> Figure:
        """Draw a figure of the ensemble, and return it.

        Names are those of a study (docs/how-to/library.md lists them): what is found as
        ``similarity``, ``ranking``, ``evidence``, ``agreement``, ``stability``, ``sufficiency``,
        ``splits``, ``overlap_matrices``; of the points of the fit, X, ``signal`` and
        ``confidence``; of the map that agrees best with the consensus ``umatrix``,
        ``component_planes`` and ``hits``. With `ax` it is drawn into these axes, as a picture.
        `width` is ``"single"`` (89 mm), ``"double"`` (183 mm) or millimetres, by default the
        narrowest column that the figure fits into; `font` is an installed family or a font file.
        ConfigError for another name, or without X where it is needed.
        """
        from kohorte.figures.library import draw_ensemble

        check_is_fitted(self)
        points = None if X is None else check_table(self, X)
        return draw_ensemble(self, name, points, ax, width=width, font=font)

    def explore(
        self,
        X: npt.ArrayLike,
        path: str | Path | None = None,
        *,
        table: npt.ArrayLike | None = None,
        ids: Sequence[Any] | None = None,
        title: str = "ensemble",
    ) -> Page:
        """Return the page to ask the ensemble on: a notebook shows it, a browser opens the file.

        Parameters
        ----------
        X
            (N, F) points of the fit, in their order.
        path
            Where to write the page as well, such as ``"explorer.html"``; it needs no network.
        table
            (N, F') features to show instead, as a DataFrame or an array, in any units.
        ids
            Names of the points; by default their rows.
        title
            What the page is called.
        """
        from kohorte.explorer.fitted import explore

        check_is_fitted(self)
        shown = None if table is None else as_table(table)
        points, names = check_table(self, X), names_of(self)
        page = explore(self, points, names, table=shown, ids=ids, title=title)
        if path is not None:
            page.save(path)
        return page

    def _html_repr(self) -> str:
        """Return the answer above the box of parameters."""
        box: str = super()._html_repr()
        if not hasattr(self, "labels_"):
            return box
        lines = "".join(
            f"<tr><th style='text-align:left'>{escape(name)}</th>"
            f"<td style='text-align:left'>{escape(text)}</td></tr>"
            for name, text in self._findings()
        )
        head = "".join(
            f"<th>{n}</th>" for n in ("group", "points", "share", "confidence", "in doubt")
        )
        groups = "".join(
            f"<tr><td>{group}</td><td>{points}</td><td>{share:.1%}</td><td>{mean:.3f}</td>"
            f"<td>{doubt}</td></tr>"
            for group, points, share, mean, doubt in self._group_rows()
        )
        return f"<table>{lines}</table><table><tr>{head}</tr>{groups}</table>{box}"

    def novelty(self, X: npt.ArrayLike) -> np.ndarray:
        """How far the points are from the maps, (N,) float64.

        The mean over the maps of the distance to the winner divided by the quantization error of
        the map: 1 on average for X of the fit. A point far from all of them may well be labelled
        with full confidence; this tells it apart.
        """
        maps = zip(self.estimators_, self._assign(X), strict=True)
        novelties = (found.novelty(member.quantization_error_) for member, found in maps)
        return sum(novelties, np.zeros(())) / len(self.estimators_)

    def save(self, folder: str | Path) -> None:
        """Write `ensemble.h5` and `realizations/<id>.h5` in a folder, as in a finished study."""
        check_is_fitted(self)
        folder = Path(folder)
        # An ensemble that is there is whole: the old one goes before the first map is replaced.
        (folder / "ensemble.h5").unlink(missing_ok=True)
        for identifier, member in zip(self.ids_, self.estimators_, strict=True):
            repeat = int(identifier.rpartition("_r")[2])
            member._write(folder / "realizations" / f"{identifier}.h5", repeat)
        # Written out, so that it is fitted in the same way where another recipe is the default.
        estimator = plain_parameters(self) | {"recipe": self._recipe}
        som = None if self.som is None else plain_parameters(self.som)
        store.write_ensemble(
            folder / "ensemble.h5",
            self.ensemble_,
            [member.labels_ for member in self.estimators_],
            ids=self.ids_,
            options=plain(self._chosen) | {"estimator": estimator, "som": som, "seed": self.seed_},
            novelty=self.novelty_,
            threshold=self._outlier_threshold(self.novelty_),
            p_structure=self.p_structure_,
            threads=effective_n_jobs(self.n_jobs),
        )

    @classmethod
    def load(cls, folder: str | Path) -> SOMEnsemble:
        """Read what `save` wrote, or a finished study: its maps, and its choices of combining them.

        A study takes features on its own scale; see `load_study`. Raises ResultError where files
        are missing or not what they should be.
        """
        folder = Path(folder)
        stored = store.read_ensemble(folder / "ensemble.h5", points=True)
        ids = stored.realizations.ids
        members = [SOM.load(folder / "realizations" / f"{identifier}.h5") for identifier in ids]
        options = stored.options
        ensemble = cls(**options.get("estimator", {name: options[name] for name in _COMBINED_WITH}))
        if options.get("som") is not None:
            # Arrays are with the maps, which have them in common.
            arrays = {name: getattr(members[0], name) for name in _ARRAYS}
            ensemble.som = SOM(**arrays | options["som"])
        copy_inputs(members[0], ensemble)
        ensemble.structure_, ensemble.p_structure_ = None, stored.p_structure
        ensemble.seed_ = options.get("seed", 0)
        ensemble._chosen = {name: options[name] for name in _COMBINED_WITH}
        ensemble._chosen["level"] = options.get("level", ensemble.level)
        return ensemble._adopt(members, ids, stored.points.novelty, stored.consensus.n_groups == 1)


def alone(som: SOM, X: npt.ArrayLike) -> SOMEnsemble:
    """Return the ensemble of one fitted map; X (N, F) are the points of its fit."""
    ensemble = SOMEnsemble(som, recipe="published")
    copy_inputs(som, ensemble)
    ensemble.feature_weights_, ensemble.center_ = som.feature_weights_, som.center_
    ensemble.seed_, ensemble.structure_, ensemble.p_structure_ = som.seed_, None, None
    ensemble._chosen = ensemble._combining() | {"level": ensemble.level}
    points = check_table(som, X)
    if len(points) != len(som.labels_):
        raise DataError(
            f"X has {len(points)} points, but the fit had {len(som.labels_)}; give those of the "
            "fit, in their order"
        )
    novelty = winner_novelty(
        som._see(points),
        som._codebook,
        som.winners_,
        metric=som.parameters_.metric,
        quantization_error=som.quantization_error_,
    )
    return ensemble._adopt([som], (realization_id(asdict(som.parameters_), 1),), novelty, False)


def _as_list(values: Any) -> Any:
    """Return values to sweep as a list, where they are a sequence of any kind."""
    is_several = isinstance(values, Sequence) and not isinstance(values, str | bytes)
    return list(values) if is_several else values


def _without_copies(members: list[SOM], ids: list[str]) -> tuple[list[SOM], tuple[str, ...]]:
    """Return maps and ids without those that are equal to an earlier one."""
    kept: dict[str, int] = {}
    for k, som in enumerate(members):
        arrays = (som.weights_, som.u_matrix_, som.node_clusters_, som.winners_)
        first = kept.setdefault(digest_of(*arrays, som.quality_), k)
        if first != k:
            _log.info("%s is a copy of %s and is left out", ids[k], ids[first])
    return [members[k] for k in kept.values()], tuple(ids[k] for k in kept.values())


def load_study(folder: str | Path, realization: str | None = None) -> Pipeline:
    """Load a finished study as a fitted Pipeline for features as the study's source has them.

    Its steps are ``transform``, where the study transforms features, ``scale``, the scaling of the
    study, and ``som``: the map with the id `realization`, or a SOMEnsemble of all.
    """
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    folder = Path(folder)
    data = store.read_data(folder / "data.h5", mapped=True)
    scaler = StandardScaler()
    scaler.mean_, scaler.scale_, scaler.var_ = data.offset, data.scale, data.scale**2
    scaler.n_samples_seen_, scaler.n_features_in_ = len(data.features), len(data.names)
    steps: list[tuple[str, Any]] = [("scale", scaler)]
    if data.transformation is None:
        scaler.feature_names_in_ = np.array(data.names, dtype=object)
    else:
        steps.insert(0, ("transform", FunctionTransformer(data.transformation.apply_to)))
    if realization is None:
        result, som = folder / "ensemble.h5", SOMEnsemble.load(folder)
    else:
        result = folder / "realizations" / f"{realization}.h5"
        som = SOM.load(result)
    if other := store.other_versions([folder / "data.h5", result]):
        warnings.warn(f"{folder}: {other}", stacklevel=2)
    return Pipeline([*steps, ("som", som)])
