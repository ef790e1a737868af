"""The parameters of a map, in one table, and what can be chosen by name.

A row says where a parameter stands in the configuration, how it is written in an id, its type,
default and bounds, and when it has an effect. The schema of the configuration, ids, the checks of a
plan, `kohorte.maps.realization.MapParameters` and the signature of `kohorte.SOM` follow from it.

Only the standard library is imported, so that a workflow can use all of it while it plans. What the
names stand for is in other modules, under the same names.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import Any

from kohorte._checks import as_alpha, as_count, as_number, as_share, choose_name, suggest
from kohorte.errors import ConfigError


@dataclass(frozen=True)
class Metric:
    """A distance of two vectors.

    `kind` is what is summed up or compared over the features: a key of
    `kohorte.maps._kernels.KINDS` and of `kohorte.maps._jax_metrics.KINDS`. The distance is that or,
    with `root`, its square root. `by_product`: winners of complete points are searched by scalar
    products. `scipy_name` is its name for `scipy.spatial.distance.cdist`, where scipy has it.
    `has_triangle_inequality`: no detour is shorter than the straight way.
    """

    kind: str
    root: bool = False
    by_product: bool = False
    scipy_name: str | None = None
    has_triangle_inequality: bool = False


#: Over the features P of F that both vectors have, with o = a - b:
#:
#:     euclidean    sqrt(F/|P| sum o^2)        sqeuclidean  F/|P| sum o^2
#:     manhattan    F/|P| sum |o|              chebyshev    max |o|
#:     cosine       1 - a.b / (|a| |b|), and 1 where either vector is zero
METRICS: dict[str, Metric] = {
    "euclidean": Metric("square", True, True, "euclidean", has_triangle_inequality=True),
    "sqeuclidean": Metric("square", by_product=True, scipy_name="sqeuclidean"),
    "manhattan": Metric("absolute", scipy_name="cityblock", has_triangle_inequality=True),
    "chebyshev": Metric("largest", scipy_name="chebyshev", has_triangle_inequality=True),
    "cosine": Metric("cosine", by_product=True, scipy_name="cosine"),
}

#: Trainer -> what ``"auto"`` stands for.
AUTOMATIC: dict[str, dict[str, str]] = {
    trainer: {"radius_schedule": schedule, "kernel": kernel, "kernel_distance": distance}
    for trainer, schedule, kernel, distance in (
        ("online", "reference", "truncated_gaussian", "links"),
        ("batch", "exponential", "gaussian", "euclidean"),
        ("minibatch", "exponential", "gaussian", "euclidean"),
    )
}

#: Passes of batch and mini-batch training where `epochs` is None.
DEFAULT_EPOCHS = 20

KERNEL_NAMES = (
    *("truncated_gaussian", "gaussian", "gaussian_e", "exponential"),
    *("bubble", "mexican_hat", "triangle"),
)

#: Kernels with negative values: means weighted by them are not defined, so no batch training.
NEGATIVE_KERNELS = ("mexican_hat",)

LATTICE_DISTANCES = ("links", "euclidean")

CURVE_NAMES = ("constant", "linear", "exponential", "inverse_time", "power")

#: Curves that may end at zero; the others never reach it.
TOWARDS_ZERO = ("constant", "linear")

METHOD_NAMES = ("basins", "segments", "kmeans", "agglomerative", "hdbscan", "gaussian_mixture")

#: Segmentations that take a number of clusters, and those of them for which a score can choose it.
COUNTED = ("segments", "kmeans", "agglomerative", "gaussian_mixture")
SCORED = ("kmeans", "agglomerative", "gaussian_mixture")

#: Rules for the number of nodes of a lattice with automatic sides.
SIZE_NAMES = ("reference", "fine")

DRAW_NAMES = ("subset", "bootstrap")

Values = Mapping[str, Any]


class ParameterError(ConfigError):
    """A parameter that cannot be used with the others; the text goes on after its name."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(name, text)
        self.name = name

    def __str__(self) -> str:
        return "".join(self.args)


@dataclass(frozen=True)
class Parameter:
    """A row of the table: a parameter, with its `section` of the configuration.

    In an id its value follows `code`; it is part of every id of a map that it has an effect on if
    `always`, and else where it differs from the `default`: so an id depends on nothing but its own
    parameters. A `default` of None can be chosen as null. `names` can be chosen beside numbers or
    in their place; `bounds` of the numbers in a configuration are in the words of JSON schema. By
    default it always has an effect; `matters(values)` tells, given all parameters.
    `own_check(value)` raises ConfigError, in place of the check by type and lower bound. `kind` is
    int, float, bool or str: of values that are neither names nor None, which is one, once it is
    resolved, if `nullable`.
    """

    section: str
    code: str
    default: Any
    names: Collection[str] = ()
    bounds: Mapping[str, float] = field(default_factory=dict)
    always: bool = False
    matters: Callable[[Values], bool] | None = None
    own_check: Callable[[Any], object] | None = None
    kind: type = str
    nullable: bool = False

    def check(self, name: str, value: Any) -> None:
        """Raise ConfigError for a value that is out of range, whatever the other parameters."""
        if value is None and self.nullable:
            return
        if self.kind is str or (isinstance(value, str) and self.names):
            choose_name(self.names, value, name.replace("_", " "))
        elif self.own_check is not None:
            self.own_check(value)
        elif self.kind is int:
            as_count(value, name, int(self.bounds["minimum"]))
        elif self.kind is float:
            as_number(value, name)
            if value > self.bounds.get("maximum", math.inf):
                raise ConfigError(f"{name} must be at most {self.bounds['maximum']}, got {value}")
        elif type(value).__name__ not in ("bool", "bool_"):
            raise ConfigError(f"{name} must be true or false, got {value!r}")

    def value_schema(self) -> dict[str, Any]:
        """Return the JSON schema of one value."""
        types = {int: "integer", float: "number", bool: "boolean"}
        branches: list[dict[str, Any]] = []
        if self.kind in types:
            branches.append({"type": types[self.kind], **self.bounds})
        if self.names:
            names = list(self.names)
            branches.append({"const": names[0]} if len(names) == 1 else {"enum": names})
        if self.default is None:
            branches.append({"type": "null"})
        return branches[0] if len(branches) == 1 else {"anyOf": branches}


def _row(section: str, code: str, default: Any, *further: Any, **facts: Any) -> Any:
    return field(metadata={"row": Parameter(section, code, default, *further, **facts)})


_lattice = partial(_row, "lattice")
_training = partial(_row, "training")
_segmentation = partial(_row, "segmentation")

_SIDE = {"minimum": 1, "maximum": 10_000}
_COUNT = {"minimum": 1, "maximum": 1_000_000_000}
_SHARE = {"minimum": 0, "maximum": 1}
_SOME_SHARE = {"exclusiveMinimum": 0, "maximum": 1}
_NUMBER = {"minimum": 0}
_RADIUS = {"minimum": 0, "maximum": 1_000_000}


def _has_rate(p: Values) -> bool:
    return bool(p["trainer"] != "batch")


def _has_number(p: Values) -> bool:
    """Whether the clusters of a map are as many as a number says."""
    return p["method"] in COUNTED and not isinstance(p["clusters"], str | None)


@dataclass(frozen=True, init=False)
class ResolvedParameters:
    """The parameters of one map, checked, and what was automatic replaced by numbers and names.

    The fields are the table: to `PARAMETERS` they give their names and types. What they mean is in
    the schema of the configuration (docs/reference/configuration.md). `ratio` and `nodes` say how
    the sides were found, where they were automatic; `radius` and `final_radius` are None for the
    schedule ``reference``, which sets them; `clusters` is None for a method that finds the number
    itself. Of those not `chosen` by name defaults are those of the table, ``"auto"`` among them.
    ConfigError for a value out of range, or values that exclude each other.
    """

    xdim: int = _lattice("x", "auto", ("auto",), _SIDE, always=True)
    ydim: int = _lattice("y", "auto", ("auto",), _SIDE, always=True)
    ratio: float | str = _lattice(
        "ratio", "pca", ("pca",), _SOME_SHARE, matters=lambda p: p["xdim"] == "auto"
    )
    nodes: int | str = _lattice(
        "nodes",
        "reference",
        SIZE_NAMES,
        {"minimum": 1, "maximum": 1_000_000},
        matters=lambda p: p["xdim"] == "auto",
    )
    topology: str = _lattice("", "rectangular", ("rectangular", "hexagonal"))
    periodic: bool = _lattice("periodic", False)
    trainer: str = _training("", "online", AUTOMATIC)
    steps: int = _training(
        "steps",
        100_000,
        ("auto",),
        bounds={"minimum": 1, "maximum": 1_000_000_000_000},
        always=True,
        matters=lambda p: p["trainer"] == "online" and p["epochs"] is None,
    )
    epochs: int | None = _training("epochs", None, bounds=_COUNT)
    fine_epochs: int = _training(
        "fine", 0, bounds=_COUNT | {"minimum": 0}, matters=lambda p: p["trainer"] == "batch"
    )
    batch_size: int = _training(
        "part", 4096, bounds=_COUNT, matters=lambda p: p["trainer"] == "minibatch"
    )
    alpha: float = _training(
        "alpha", 0.1, (), _SOME_SHARE, always=True, matters=_has_rate, own_check=as_alpha
    )
    final_alpha: float | None = _training(
        "to",
        None,
        bounds=_SHARE,
        matters=lambda p: _has_rate(p) and p["learning_rate"] not in ("decay", "constant"),
    )
    learning_rate: str = _training("rate-", "decay", ("decay", *CURVE_NAMES), matters=_has_rate)
    radius: float | None = _training("radius", "auto", ("auto",), _RADIUS)
    final_radius: float | None = _training("until", "auto", ("auto",), _RADIUS)
    radius_schedule: str = _training("radius-", "auto", ("auto", "reference", *CURVE_NAMES))
    kernel: str = _training("", "auto", ("auto", *KERNEL_NAMES))
    kernel_distance: str = _training("over-", "auto", ("auto", *LATTICE_DISTANCES))
    order: str = _training("", "shuffled", ("shuffled", "sequential"), matters=_has_rate)
    initial: str = _training("start-", "uniform", ("uniform", "normal", "sample", "pca", "given"))
    metric: str = _training("", "euclidean", METRICS)
    backend: str = _training("", "numba", ("numba", "jax"))
    patience: int | None = _training("patience", None, bounds=_COUNT | {"maximum": 1_000_000})
    tolerance: float = _training(
        "tolerance",
        0,
        bounds={"minimum": 0, "exclusiveMaximum": 1},
        matters=lambda p: p["patience"] is not None,
    )
    row_share: float = _training(
        "rows", 1, bounds=_SOME_SHARE, own_check=partial(as_share, name="row_share", positive=True)
    )
    row_limit: int | None = _training("limit", None, bounds=_COUNT | {"minimum": 2})
    row_draw: str = _training("", "subset", DRAW_NAMES)
    feature_share: float = _training(
        "features",
        1,
        bounds=_SOME_SHARE,
        own_check=partial(as_share, name="feature_share", positive=True),
    )
    method: str = _segmentation("", "basins", METHOD_NAMES)
    smoothing: float = _segmentation("smooth", 0, bounds=_NUMBER)
    merge: float = _segmentation(
        "merge", 0.2, bounds=_SHARE, matters=lambda p: p["method"] == "basins"
    )
    clusters: int | str | None = _segmentation(
        "k-",
        "silhouette",
        ("silhouette", "davies_bouldin"),
        {"minimum": 1, "maximum": 100_000_000},
        matters=lambda p: p["method"] in SCORED or _has_number(p),
    )
    fineness: float = _segmentation(
        "fineness",
        0.5,
        bounds=_SHARE,
        matters=lambda p: p["method"] == "segments" and not _has_number(p),
        own_check=partial(as_share, name="fineness"),
    )

    def __init__(self, xdim: int, ydim: int, **chosen: Any) -> None:
        for name in chosen:
            if name not in PARAMETERS:
                raise TypeError(
                    f"{name!r} is not a parameter of a map; {suggest(name, PARAMETERS)}"
                )
        values = parameter_defaults() | {"xdim": xdim, "ydim": ydim} | chosen
        # The only way past the guard of a frozen class.
        vars(self).update(_resolve(values))


def _rows() -> dict[str, Parameter]:
    kinds = {"int": int, "float": float, "bool": bool, "str": str}
    rows = {}
    for column in fields(ResolvedParameters):
        kind, *others = str(column.type).split(" | ")
        row = column.metadata["row"]
        rows[column.name] = replace(row, kind=kinds[kind], nullable="None" in others)
    return rows


#: The parameters of one map by name, in the order of an id.
PARAMETERS: dict[str, Parameter] = _rows()


def parameter_defaults() -> dict[str, Any]:
    """Return the default of every parameter of a map."""
    return {name: row.default for name, row in PARAMETERS.items()}


def without_effect(parameters: Values) -> set[str]:
    """Return the names of the parameters that change nothing, given the others."""
    return {
        name
        for name, row in PARAMETERS.items()
        if row.matters is not None and not row.matters(parameters)
    }


def realization_id(parameters: Values, repeat: int, *seen: str) -> str:
    """Return the readable name of a realization, e.g. ``x40_y14_steps10000_alpha0.5_r1``.

    `seen` are parts of the name for what the map sees other than the table as it is.
    """
    parts = [
        f"{row.code}{_text(parameters[name])}"
        for name, row in PARAMETERS.items()
        if (row.always or parameters[name] != row.default)
        and (row.matters is None or row.matters(parameters))
    ]
    return "_".join([*parts, *seen, f"r{repeat}"])


def realization_seed(study_seed: int, identifier: str) -> int:
    """Return a seed of 52 bits from the study's seed and a realization's id.

    It is a hash and not a running number, so that a realization keeps its seed when others are
    added; 52 bits pass unharmed through CSV readers that hold numbers as float64.
    """
    digest = hashlib.sha256(f"{study_seed}/{identifier}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 12


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "" if value else "-no"
    if value is None:
        return "-none"
    if isinstance(value, str):
        return value.replace("_", "-")
    return format(value, "d") if isinstance(value, int) else format(value, ".15g")


def check_map(p: Values) -> None:
    """Raise ParameterError for parameters that exclude each other, whatever the data.

    `p` has every parameter by name, each within its bounds. Automatic sides are made to fit later,
    and so exclude nothing.
    """
    automatic = are_automatic(p["xdim"], p["ydim"])
    if not automatic:
        check_rows(p["topology"], p["periodic"], p["ydim"])
    if p["trainer"] != "online":
        check_averaging(p["kernel"], p["trainer"])
    if p["backend"] == "jax" and p["trainer"] != "batch":
        raise ParameterError(
            "backend",
            f": 'jax' trains in batches only, and the trainer is {p['trainer']!r}; "
            "choose the trainer 'batch' or the backend 'numba'",
        )
    n_nodes = math.inf if automatic else p["xdim"] * p["ydim"]
    if _has_number(p) and p["clusters"] > n_nodes:
        raise ParameterError(
            "clusters",
            f" is {p['clusters']}, but a lattice of {p['xdim']} x {p['ydim']} has {n_nodes} nodes "
            "to be clustered; ask for fewer",
        )
    if _has_rate(p) and p["learning_rate"] != "decay" and p["final_alpha"] is not None:
        check_fall("alpha", p["learning_rate"], p["alpha"], p["final_alpha"])
    # Half of a side that the data will set is larger than any radius, as far as is known.
    radius_ends(*_radius_request(p), math.inf if automatic else max(p["xdim"], p["ydim"]))


def are_automatic(xdim: int | str, ydim: int | str) -> bool:
    """Return whether the sides of a lattice are automatic; raise ParameterError where one is."""
    if (xdim == "auto") != (ydim == "auto"):
        raise ParameterError(
            "xdim" if xdim == "auto" else "ydim",
            " is 'auto' but the other side is a number; give both as numbers or both as 'auto'",
        )
    return xdim == "auto"


def suggest_nodes(n_points: int, n_features: int, nodes: int | str = "reference") -> int:
    """Return the nodes of a lattice for N points of F features: a number as it is, or by a rule.

    ``reference`` is int(5 sqrt(N F) / 6), at least one: Ha, Nättilä & Davelaar, JOSS 10 (2025)
    7613, after Vesanto's 5 sqrt(N). ``fine`` is int(0.8 N), from 2 to 1000. ConfigError for another
    name, or a number below one.
    """
    if not isinstance(nodes, str):
        return as_count(nodes, "nodes", 1)
    if choose_name(SIZE_NAMES, nodes, "nodes") == "fine":
        return min(max(2, int(0.8 * n_points)), 1000)
    return max(1, int(5 * math.sqrt(n_points * n_features) / 6))


def has_draw(p: Values) -> bool:
    """Return whether a map with these parameters may see less than all rows, once, and features."""
    shares = p["row_share"] < 1 or p["feature_share"] < 1
    return bool(shares or p["row_limit"] is not None or p["row_draw"] != "subset")


def count_epochs(p: Values) -> int:
    """Return the passes of batch training, the fine ones with them."""
    return int((p["epochs"] or DEFAULT_EPOCHS) + p["fine_epochs"])


def trains_by_sums(p: Values) -> bool:
    """Whether an epoch of a map needs sums over all rows and features of the table, as they are."""
    own = {"scaling", "transform", "features"} & set(p)
    return bool(p["trainer"] == "batch" and p["backend"] == "numba" and not has_draw(p) and not own)


def count_rows(p: Values, n_points: int) -> int:
    """Return how many of N rows a map with these parameters is trained on, repeats counted."""
    count = max(2, round(p["row_share"] * n_points))
    count = count if p["row_limit"] is None else min(count, p["row_limit"])
    return count if p["row_draw"] == "bootstrap" else min(count, n_points)


def check_rows(topology: str, periodic: bool, ydim: int) -> None:
    """Raise ParameterError for an odd number of rows in a periodic hexagonal lattice."""
    if periodic and topology == "hexagonal" and ydim > 1 and ydim % 2:
        raise ParameterError(
            "ydim",
            f": a periodic hexagonal lattice needs an even number of rows, not {ydim}: odd rows "
            "are moved by half a step, and the first is not",
        )


def check_averaging(kernel: str, trainer: str = "batch") -> None:
    """Raise ParameterError for a kernel that means cannot be weighted by."""
    if kernel in NEGATIVE_KERNELS:
        raise ParameterError(
            "kernel",
            f": {kernel!r} has negative values, and the trainer {trainer!r} takes means weighted "
            "by the kernel; use the trainer 'online', or another kernel",
        )


def check_fall(what: str, curve: str, first: float, last: float) -> None:
    """Raise ParameterError where a curve cannot go from `first` to `last`, ends of `what`."""
    name = f"final_{what}"
    if curve != "constant" and last > first:
        raise ParameterError(
            name,
            f" is {last:g}, but it falls from {what}, which is {first:g}; make it at most as large",
        )
    if curve not in TOWARDS_ZERO and last == 0:
        raise ParameterError(
            name, f" is 0, which {curve!r} never reaches; make it larger, or take 'linear'"
        )


def radius_ends(
    schedule: str, first: float | None, last: float | None, side: float
) -> tuple[float | None, float | None]:
    """Return the first and last radius of a schedule; None, twice, for ``reference``.

    None for `first` stands for half of `side`, the longer one of the lattice, and for `last` for 1,
    or `first` where that is less. ParameterError for radii given for ``reference``, which sets them
    itself, or that the curve cannot go between.
    """
    if schedule == "reference":
        for name, value in (("radius", first), ("final_radius", last)):
            if value is not None:
                raise ParameterError(
                    name,
                    f" is {value:g}, but the radius_schedule 'reference' (that of the trainer "
                    f"'online', if no other is named) sets the radii itself; leave {name} out or "
                    "choose another schedule",
                )
        return None, None
    first = side / 2 if first is None else as_number(first, "radius")
    if first == 0 and schedule != "constant":
        raise ParameterError(
            "radius", f": it must be above 0 for the radius_schedule {schedule!r}, to fall"
        )
    last = min(1.0, first) if last is None else as_number(last, "final_radius")
    check_fall("radius", schedule, first, last)
    return first, last


def check_patience(patience: int | None, history: int) -> None:
    """Raise ParameterError for a patience without moments at which errors are compared."""
    if patience is not None and history == 0:
        raise ParameterError(
            "patience",
            f" is {patience}, but history is 0: its moments are when errors are compared; leave "
            "history out, or patience",
        )


def _radius_request(p: Values) -> tuple[str, float | None, float | None]:
    """Return the radius schedule and the ends asked for, None where they are automatic."""
    schedule = p["radius_schedule"]
    if schedule == "auto":
        schedule = AUTOMATIC[p["trainer"]]["radius_schedule"]
    first, last = (None if p[n] == "auto" else p[n] for n in ("radius", "final_radius"))
    return schedule, first, last


def _resolve(values: Values) -> dict[str, Any]:
    """Check the parameters of a map with given sides, and replace what is automatic."""
    for name, row in PARAMETERS.items():
        row.check(name, values[name])
    for name in ("xdim", "ydim", "steps"):
        as_count(values[name], name, 1)
    check_map(values)
    found = dict(values)
    for name, value in AUTOMATIC[values["trainer"]].items():
        if found[name] == "auto":
            found[name] = value
    if found["epochs"] is None and found["trainer"] != "online":
        found["epochs"] = DEFAULT_EPOCHS
    found["radius"], found["final_radius"] = radius_ends(
        *_radius_request(found), max(found["xdim"], found["ydim"])
    )
    if found["method"] not in SCORED and not _has_number(found):
        found["clusters"] = None
    return found
