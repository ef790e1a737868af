"""One self-organizing map as an estimator of scikit-learn."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields
from functools import cached_property
from numbers import Integral
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from joblib import effective_n_jobs
from numpy.typing import ArrayLike
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    ClusterMixin,
    TransformerMixin,
)
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from kohorte import store
from kohorte._arrays import as_points, as_weights, unmask
from kohorte._principal import feature_means
from kohorte.errors import ConfigError, DataError
from kohorte.estimators._common import (
    allow_nan,
    as_factors,
    as_repeats,
    as_seed,
    centers_of,
    check_table,
    names_of,
    plain,
    plain_parameters,
    reporting,
    warn_of_features,
)
from kohorte.maps.batch import MiniBatches
from kohorte.maps.draws import see
from kohorte.maps.history import History
from kohorte.maps.initial import initial_weights
from kohorte.maps.metrics import pairwise
from kohorte.maps.parameters import COUNTED, PARAMETERS, parameter_defaults
from kohorte.maps.realization import (
    MapParameters,
    Realization,
    Recording,
    run_realization,
    segment_map,
    spawn_seeds,
)
from kohorte.maps.resolve import resolve_parameters
from kohorte.maps.schedules import learning_rates
from kohorte.maps.segments import Segments
from kohorte.maps.umatrix import smooth, u_matrix
from kohorte.maps.winners import find_two_winners, find_winners
from kohorte.recipes import DEFAULT_RECIPE, LEFT_OPEN, fill_parameters, is_left_open

if TYPE_CHECKING:
    import h5py

    from kohorte.explorer.page import Page

#: What lasts only until the next fit or stream begins.
_TRANSIENT = (
    "labels_",
    "winners_",
    "hits_",
    "quality_",
    "quantization_error_",
    "topographic_error_",
    "history_",
    "n_iter_",
    "seconds_",
    "u_matrix_",
    "sample_weight_",
    "_segments",
    "_stream",
    "n_samples_seen_",
)

#: What a SOM has beside the parameters of a map, with defaults.
_FURTHER = {
    "recipe": DEFAULT_RECIPE,
    "feature_weights": None,
    "history": Recording.history,
    "snapshots": Recording.snapshots,
    "warm_start": False,
    "n_jobs": None,
    "random_state": None,
    "verbose": 0,
}


def _make_signature() -> inspect.Signature:
    def parameter(name: str, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
        named = inspect.Parameter.KEYWORD_ONLY
        first = inspect.Parameter.POSITIONAL_OR_KEYWORD
        kind = first if name in ("self", "xdim", "ydim") else named
        return inspect.Parameter(name, kind, default=default)

    defaults = parameter_defaults() | _FURTHER
    for name, row in PARAMETERS.items():
        if is_left_open(row.section, name):
            defaults[name] = LEFT_OPEN
    return inspect.Signature([parameter("self"), *(parameter(*item) for item in defaults.items())])


_SIGNATURE = _make_signature()


def complete_parameters(recipe: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return every parameter of a map: as `given`, else by the recipe, else its default."""
    said = fill_parameters(recipe, given)
    once = {name: value[0] if isinstance(value, list) else value for name, value in said.items()}
    return {**parameter_defaults(), **once, **given}


def _signed(init: Any) -> Any:
    """Give `init` the signature that scikit-learn, and help, read names and defaults from."""
    init.__signature__ = _SIGNATURE
    return init


class SOM(ClassNamePrefixFeaturesOutMixin, TransformerMixin, ClusterMixin, BaseEstimator):
    """Self-organizing map whose nodes are grouped into clusters.

    ConfigError and DataError, which are ValueError, for parameters or tables that cannot be used.

    Parameters
    ----------
    xdim, ydim : int or "auto"
        Sides of the lattice; automatic ones follow from the size of the table.
    **parameters
        The other parameters of a map: names, defaults and meaning are those of the sections
        lattice, training and segmentation of a study's configuration
        (docs/reference/configuration.md). A number of `clusters` needs a method that takes one.
    recipe : {"resolved", "published"}
        What the parameters are that are ``"recipe"``. A map has the first of the values that a
        study sweeps.
    initial : str or (M, F) array
        First weights, by name or in the units of X.
    feature_weights : (F,) array, optional
        Numbers above 0 that the features are multiplied by. Distances, and what is made of them,
        are in the weighted units.
    history, snapshots
        How often errors are recorded in training, and how many weights are kept.
    warm_start
        Whether fit goes on from `weights_`; its schedules begin anew.
    n_jobs
        Threads of batch training and of searches, without effect on any result.
    random_state : int, RandomState or None
        An int is the seed that `kohorte.maps.realization.run_realization` takes.
    verbose
        0 for silence; 1 for a progress bar where standard error is a terminal; 2 for log lines.

    Attributes
    ----------
    weights_ : (M, F) float64
        In the units of X; `feature_weights_` are (F,) float64. In features that the map does not
        see, the means of the points of each node; NaN where X has no value of the feature.
    factors_ : (F,) float64 or None
        0 for a feature that the map does not see (`feature_share`, or no row has it that the map is
        trained on); None where it sees all.
    center_ : (F,) float64
        What is subtracted from X before it is rounded to float32; 0 but for features whose offset
        is so large beside their spread that float32 would not hold them.
    parameters_, lattice_, seed_
        All that was automatic is resolved, `random_state` too.
    labels_, winners_ : (N,) int32
        Cluster and winner of each point. Some of `node_clusters_` may hold no point.
    hits_ : (M,) int64
        Points of each node.
    u_matrix_, basins_, centroids_, node_clusters_, cluster_centroids_
        (M,) float64, and what `kohorte.maps.segments.Segments` has.
    quality_, quantization_error_, topographic_error_
        The dict of `kohorte.maps.quality.measure_quality`, with its `cluster_separation`;
        two of its values.
    history_, n_iter_, seconds_
        A `kohorte.maps.history.History`; steps, epochs or parts of training, where it was recorded;
        and the time of each stage.
    sample_weight_ : (N,) int64
        How often each row counts, in their smallest numbers; there where rows count differently.
    n_samples_seen_ : int
        Points of a stream. partial_fit leaves this, and no labels_, winners_, hits_, quality_,
        errors, history_ or seconds_.
    """

    feature_weights: ArrayLike | None
    history: int
    snapshots: int
    warm_start: bool
    n_jobs: int | None
    random_state: Any
    verbose: int
    initial: Any
    recipe: str
    factors_: np.ndarray | None

    @_signed
    def __init__(self, *arguments: Any, **named: Any) -> None:
        bound = _SIGNATURE.bind(self, *arguments, **named)
        bound.apply_defaults()
        self.__dict__.update((n, value) for n, value in bound.arguments.items() if n != "self")

    def __sklearn_tags__(self) -> Tags:
        return allow_nan(super().__sklearn_tags__())

    basins_ = property(attrgetter("_segments.basins"))
    centroids_ = property(attrgetter("_segments.centroids"))
    node_clusters_ = property(attrgetter("_segments.node_clusters"))
    cluster_centroids_ = property(attrgetter("_segments.cluster_centroids"))

    # fit sets these two; in a stream, where they would cost more than a part, they wait for a use.

    @cached_property
    def u_matrix_(self) -> np.ndarray:
        """U-matrix (M,) float64, smoothed as the parameters say."""
        p = self.parameters_
        return smooth(u_matrix(self._codebook, self.lattice_, p.metric), self.lattice_, p.smoothing)

    @cached_property
    def _segments(self) -> Segments:
        u, p = self.u_matrix_, self.parameters_
        return segment_map(self._codebook, u, self.lattice_, p, self.seed_)

    @property
    def _codebook(self) -> np.ndarray:
        """Weights (M, f) float32 of what the map sees: to the bit as they were trained."""
        return see(self._trained, self.factors_)

    @property
    def _n_features_out(self) -> int:
        return 2

    def fit(self, X: ArrayLike, y: object = None, sample_weight: ArrayLike | None = None) -> SOM:
        """Train the map on X (N, F), cluster its nodes and label the points; y is not used.

        A row counts `sample_weight` times, as if X had it so often: (N,) numbers >= 0 that are
        multiples of a common part; only their ratios matter. So do hits_, quality_ and errors;
        automatic parameters follow from N.
        """
        resume = self.warm_start and hasattr(self, "weights_")
        X = check_table(self, X, reset=not resume)
        self._look_at(X)
        warn_of_features(X, self.feature_weights_, names_of(self))
        with reporting(self.verbose, "map") as progress:
            points, seed = self._scale(X), as_seed(self.random_state)
            repeats = as_repeats(sample_weight, len(points))
            return self._train(points, seed, progress, resume, repeats)

    def _look_at(self, X: np.ndarray) -> None:
        """Take from X, and from the parameters, how features are brought to what maps see."""
        self.feature_weights_ = as_factors(self.feature_weights, X.shape[1])
        metric = complete_parameters(self.recipe, self._given())["metric"]
        self.center_ = centers_of(X, [metric], names_of(self))

    def _train(
        self,
        points: np.ndarray,
        seed: int,
        progress: Callable[[int, int], None] | None = None,
        resume: bool = False,
        repeats: np.ndarray | None = None,
    ) -> SOM:
        parameters, given = self._resolve(points, resume)
        realization = run_realization(
            points if repeats is None else np.repeat(points, repeats, axis=0),
            parameters,
            seed,
            factors=None if given is None else self._factors_without(points, given),
            given=None if given is None else _fill_weights(given, points),
            recording=Recording(self.history, self.snapshots),
            threads=effective_n_jobs(self.n_jobs),
            progress=progress,
        )
        self._adopt(realization, parameters, seed)
        if repeats is not None:
            self.sample_weight_ = repeats
            seen = see(points, self.factors_)
            self.winners_ = find_winners(seen, self._codebook, **self._search())
            self.labels_ = self.node_clusters_[self.winners_].astype(np.int32)
        return self

    def partial_fit(self, X: ArrayLike, y: object = None) -> SOM:
        """Learn from a part (n, F) of a stream, one call a part; y is not used.

        The running means of `kohorte.maps.batch.MiniBatches` take the part in. Radius and learning
        rate fall over the first `steps` points of the stream and then stay; ``"auto"`` has the
        meaning that it has for the trainer ``minibatch``. The first part makes automatic sides and
        first weights; after fit or load, a stream begins from `weights_`. Nothing is
        drawn: all rows and features are seen; and ``segments`` count each node once.
        """
        resume = hasattr(self, "weights_")
        X = check_table(self, X, reset=not resume)
        if not hasattr(self, "_stream"):
            self._begin_stream(X, resume)
        p, points = self.parameters_, self._scale(X)
        t = min(self.n_samples_seen_, p.steps - 1)
        self._stream.learn(
            points,
            radius=p.radii(self.lattice_, p.steps).at(t, t + 1)[0],
            rate=learning_rates(p.learning_rate, t, t + 1, p.steps, p.alpha, p.final_alpha)[0],
            threads=effective_n_jobs(self.n_jobs),
        )
        self.n_samples_seen_ += len(points)
        self.n_iter_ += 1
        known = self._stream.known
        self.factors_ = None if known.all() else known.astype(np.float64)
        self._take_weights(np.where(known, self._stream.weights, np.float32(np.nan)))
        for name in ("u_matrix_", "_segments"):
            self.__dict__.pop(name, None)
        return self

    def _begin_stream(self, X: np.ndarray, resume: bool) -> None:
        if resume:
            self.feature_weights_ = as_factors(self.feature_weights, X.shape[1])
        else:
            self._look_at(X)
        points = self._scale(X)
        if complete_parameters(self.recipe, self._given())["steps"] == "auto":
            raise ConfigError(
                "steps is 'auto', as many as there are points, and how many a stream will have is "
                "not known; give the number of points over which radius and rate are to fall"
            )
        p, start = self._resolve(points, resume, trainer="minibatch")
        self._forget()
        self.factors_ = None
        self.parameters_, self.lattice_ = p, p.lattice
        self.seed_ = as_seed(self.random_state)
        known = None
        if start is not None:
            known = ~np.isnan(start).any(axis=0)
            start = _fill_weights(start, points)
        else:
            rng = np.random.default_rng(spawn_seeds(self.seed_)[0])
            start = initial_weights(points, p.lattice, p.initial, rng)
        self._stream = MiniBatches(
            p.lattice, start, points.shape[1], p.kernel, p.kernel_distance, p.metric, known
        )
        self.n_samples_seen_ = self.n_iter_ = 0

    def _given(self) -> dict[str, Any]:
        """Return the parameters of the map that are not left to the recipe."""
        values = {name: getattr(self, name) for name in PARAMETERS}
        return {n: v for n, v in values.items() if not (isinstance(v, str) and v == LEFT_OPEN)}

    def _resolve(
        self, points: np.ndarray, resume: bool, **changed: Any
    ) -> tuple[MapParameters, np.ndarray | None]:
        """Parameters of the map, and the first weights in weighted units where they are given."""
        own = self._given() | changed
        chosen = complete_parameters(self.recipe, own)
        if isinstance(own.get("clusters"), Integral) and chosen["method"] not in COUNTED:
            raise ConfigError(
                f"clusters is {own['clusters']}, but the method {chosen['method']!r} finds the "
                f"number of clusters itself; choose one of {', '.join(COUNTED)}"
            )
        given = None
        if resume:
            given = self.weights_
            for side in ("xdim", "ydim"):
                if chosen[side] == "auto":
                    chosen[side] = getattr(self.lattice_, side)
        elif not isinstance(self.initial, str):
            # Of any offset: it is the difference that float32 has to hold.
            given = np.asarray(unmask(self.initial), dtype=np.float64)
            if given.ndim == 2 and given.shape[1] == points.shape[1]:
                as_weights(given - self.center_)
            else:
                as_weights(given, n_features=points.shape[1])
        if given is not None:
            chosen["initial"] = "given"
            given = (given - self.center_) * self.feature_weights_
        return resolve_parameters(chosen, points), given

    def _adopt(
        self, trained: Realization | store.MapArrays, parameters: MapParameters, seed: int
    ) -> SOM:
        self._forget()
        self.parameters_, self.lattice_, self.seed_ = parameters, parameters.lattice, seed
        self.factors_ = trained.factors
        self._take_weights(trained.weights)
        self.u_matrix_ = trained.u_matrix
        self._segments = Segments(*(getattr(trained, field.name) for field in fields(Segments)))
        if trained.labels is None:
            return self
        self.labels_ = trained.labels.astype(np.int32)
        for name in ("winners", "hits", "quality", "history", "seconds"):
            setattr(self, f"{name}_", getattr(trained, name))
        self.quantization_error_ = self.quality_["quantization_error"]
        self.topographic_error_ = self.quality_["topographic_error"]
        if self.history_.step.size:
            self.n_iter_ = int(self.history_.step[-1])
        return self

    def _take_weights(self, trained: np.ndarray) -> None:
        """Keep weights as they were trained, and in the units of X."""
        self._trained = trained
        self.weights_ = trained / self.feature_weights_
        if self.center_.any():
            self.weights_ += self.center_

    def _factors_without(self, points: np.ndarray, given: np.ndarray) -> np.ndarray | None:
        """Return factors that leave out what neither first weights nor points have; else None."""
        empty = np.isnan(given).any(axis=0) & np.isnan(points).all(axis=0)
        return np.where(empty, 0.0, 1.0) if empty.any() else None

    def _forget(self) -> None:
        for name in _TRANSIENT:
            self.__dict__.pop(name, None)

    def _scale(self, X: np.ndarray) -> np.ndarray:
        """Points (N, F) float32 in weighted units, centred where float32 needs it."""
        if self.center_.any():
            X = X - self.center_
        factors = self.feature_weights_
        return as_points(X * factors if (factors != 1).any() else X, "X", missing=True)

    def _check(self, X: ArrayLike) -> np.ndarray:
        """Return a table of the features of the fit, as they are called; see `check_table`."""
        return check_table(self, X)

    def _see(self, X: np.ndarray) -> np.ndarray:
        """Points (N, f) float32 of what the map sees."""
        return see(self._scale(X), self.factors_)

    def _search(self) -> dict[str, Any]:
        return {
            "metric": self.parameters_.metric,
            "lattice": self.lattice_,
            "threads": effective_n_jobs(self.n_jobs),
        }

    def winners(self, X: ArrayLike) -> np.ndarray:
        """Return the node nearest to each point, (N,) int32."""
        return find_winners(self._see(check_table(self, X)), self._codebook, **self._search())

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return the cluster of each point's winner, (N,) int32."""
        winners = self.winners(X)
        return self.node_clusters_[winners]

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Return the lattice position (x, y) of each point's winner, (N, 2) float64, in steps."""
        winners = self.winners(X)
        return self.lattice_.coordinates()[winners]

    def distances(self, X: ArrayLike) -> np.ndarray:
        """Return the distances of the points to all nodes, (N, M) float64, in the map's metric."""
        return pairwise(self._see(check_table(self, X)), self._codebook, self.parameters_.metric)

    def score_samples(self, X: ArrayLike) -> np.ndarray:
        """Return the negative distance of each point to its winner, (N,) float64."""
        return -self._errors_of(self._scale(check_table(self, X)))

    def _errors_of(self, points: np.ndarray) -> np.ndarray:
        """Return the distance of each of some scaled points to its winner, (N,) float64."""
        seen = see(points, self.factors_)
        _, lengths = find_two_winners(seen, self._codebook, **self._search())
        return lengths[:, 0].astype(np.float64)

    def score(self, X: ArrayLike, y: object = None) -> float:
        """Return the negative quantization error of X; y is not used."""
        return float(np.mean(self.score_samples(X)))

    def impute(self, X: ArrayLike) -> np.ndarray:
        """Return X (N, F) with each missing value replaced by the weight of the point's winner.

        A value of a feature that no point of the fit has stays missing.
        """
        filled = check_table(self, X).copy()
        winners = find_winners(self._see(filled), self._codebook, **self._search())
        rows, columns = np.nonzero(np.isnan(filled))
        filled[rows, columns] = self.weights_[winners[rows], columns]
        return filled

    def explore(
        self,
        X: ArrayLike,
        path: str | Path | None = None,
        *,
        table: ArrayLike | None = None,
        ids: Sequence[Any] | None = None,
        title: str = "map",
    ) -> Page:
        """Return the page to look at the map and its points on, as an ensemble of this map alone.

        Its groups are the clusters that hold points, the largest first, each point with all votes:
        one map says nothing of what is significant or in doubt. Arguments are those of
        `SOMEnsemble.explore`. DataError where the map has no points, since it learnt from a stream.
        """
        from kohorte.estimators.ensemble import alone

        check_is_fitted(self)
        if not hasattr(self, "labels_"):
            raise DataError(
                "the map learnt from a stream and has no points to show; fit it to a table"
            )
        return alone(self, X).explore(X, path, table=table, ids=ids, title=title)

    def save(self, path: str | Path) -> None:
        """Write the map as HDF5: a realization file as studies have them, and these parameters.

        A stream that is to go on must be pickled: its running means are not written.
        """
        check_is_fitted(self)
        self._write(Path(path), repeat=1)

    def _write(self, path: Path, repeat: int) -> None:
        arrays: dict[str, Any] = {n: getattr(self, f"{n}_", None) for n in store.REALIZATION_ARRAYS}
        arrays["weights"] = self._trained
        if arrays["labels"] is not None:
            last_id = self.cluster_centroids_.size - 1
            arrays["labels"] = self.labels_.astype(np.min_scalar_type(last_id))
        # Of a stream, parts are missing.
        trained = store.MapArrays(
            **arrays,
            history=getattr(self, "history_", None),
            quality=getattr(self, "quality_", {}),
            seconds=getattr(self, "seconds_", {}),
        )
        factors = self.feature_weights_
        further = {
            "names": list(getattr(self, "feature_names_in_", ())) or None,
            "sample_weight": getattr(self, "sample_weight_", None),
            "scaling/offset": self.center_ if self.center_.any() else None,
            "scaling/weights": factors if (factors != 1).any() else None,
            "initial/weights": None if isinstance(self.initial, str) else np.asarray(self.initial),
        }
        store.write_realization(
            path,
            trained,
            further=further,
            id=path.stem,
            seed=self.seed_,
            repeat=repeat,
            parameters=plain(asdict(self.parameters_)),
            fingerprint="",
            estimator=plain_parameters(self),
        )

    @classmethod
    def load(cls, path: str | Path) -> SOM:
        """Read a map that `save` wrote, or one of a finished study; ResultError for any other file.

        A map of a study takes features on the scale of the study; see `load_study`.
        """
        with store.open_result(path, "realization") as file:
            seed, known = int(file.attrs["seed"]), store.read_json(file, "parameters")
            # A study also says what the map sees of its table: its factors.
            resolved = {name: value for name, value in known.items() if name in PARAMETERS}
            if "estimator" in file.attrs:
                som = cls(**store.read_json(file, "estimator"))
            else:
                som = cls(**resolved, random_state=seed)
            arrays: dict[str, Any] = {
                n: file[n][:] if n in file else None for n in store.REALIZATION_ARRAYS
            }
            som.n_features_in_ = arrays["weights"].shape[1]
            if "names" in file:
                som.feature_names_in_ = np.array(store.read_text(file["names"]), dtype=object)
            if "initial/weights" in file:
                som.initial = file["initial/weights"][:]
            if "scaling/weights" in file:
                som.feature_weights = file["scaling/weights"][:]
            som.feature_weights_ = as_factors(som.feature_weights, som.n_features_in_)
            has_centers = "scaling/offset" in file
            som.center_ = file["scaling/offset"][:] if has_centers else np.zeros(som.n_features_in_)
            trained = store.MapArrays(
                **arrays,
                history=_read_history(file) if "history" in file else None,
                quality={k: float(v) for k, v in file["quality"].attrs.items()},
                seconds={k: float(v) for k, v in file["seconds"].attrs.items() if k != "unit"},
            )
            repeats = file["sample_weight"][:] if "sample_weight" in file else None
        som._adopt(trained, MapParameters(**resolved), seed)
        if repeats is not None:
            som.sample_weight_ = repeats
        return som


def _fill_weights(given: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return first weights (M, F) with the mean of the points where they are missing."""
    missing = np.isnan(given)
    if not missing.any():
        return given
    return np.where(missing, feature_means(points), given)


def _read_history(file: h5py.File) -> History:
    columns = {name: dataset[:] for name, dataset in file["history"].items()}
    steps, weights = np.empty(0, np.int64), np.empty((0, *file["weights"].shape), np.float32)
    if "snapshots" in file:
        steps, weights = file["snapshots/step"][:], file["snapshots/weights"][:]
    return History(**columns, snapshot_step=steps, snapshots=weights)
