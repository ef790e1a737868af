"""Features of a magnetized plasma on a grid, each by its name, with its definition and unit.

B, E and j are vectors with the components x, y, z; b = B / |B|. The guide field points along z, so
that the plane of x and y lies across it. Features follow Bussov & Nättilä 2021 and Ha, Nättilä &
Davelaar 2025.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kohorte.errors import DataError
from kohorte.studies.plasma.fields import operators
from kohorte.studies.plasma.fields.grid import Fields, Grid
from kohorte.studies.plasma.fields.names import RAW

#: What the physics of clusters looks at beside the features of the study, where it can be made.
FOR_PHYSICS = ("j_par", "j_mag", "e_dot_j", "b_perp", "bx", "by", "j_asym", "rho")


@dataclass(frozen=True)
class Feature:
    """How a feature is made."""

    needs: str  # Quantities it is made from: b, e, j (vectors) and rho
    unit: Callable[[Mapping[str, str]], str]  # From the units of b, e, j and rho, as text
    #: From a `_Quantities` to an array of the grid's shape
    compute: Callable[[_Quantities], np.ndarray]


class _Quantities:
    """The vectors of one snapshot, and what several features share."""

    def __init__(self, raw: Mapping[str, np.ndarray], grid: Grid, radius: float) -> None:
        self.raw, self.grid, self.radius = raw, grid, radius
        self._shared: dict[str, np.ndarray] = {}

    def dot(self, one: str, other: str) -> np.ndarray:
        """Product of two vectors."""
        return sum(self.raw[f"{one}{k}"] * self.raw[f"{other}{k}"] for k in "xyz")

    def size(self, vector: str) -> np.ndarray:
        """Length of a vector."""
        return np.sqrt(self.dot(vector, vector))

    def along(self, vector: str) -> np.ndarray:
        """Component of a vector along B; 0 where B is."""
        if vector not in self._shared:
            size = self.size("b")
            size[size == 0] = 1
            self._shared[vector] = self.dot(vector, "b") / size
        return self._shared[vector]

    def across(self, vector: str) -> np.ndarray:
        """Length of what is left of a vector without its component along B."""
        rest = self.dot(vector, vector) - self.along(vector) ** 2
        return np.sqrt(np.maximum(rest, 0))


def _same(kind: str) -> Callable[[Mapping[str, str]], str]:
    return lambda units: units[kind]


#: Every feature by its name. docs/studies/plasma.md explains them.
FEATURES: dict[str, Feature] = {
    "b_perp": Feature("b", _same("b"), lambda q: np.hypot(q.raw["bx"], q.raw["by"])),
    "b_par": Feature("b", _same("b"), lambda q: q.raw["bz"]),
    "j_par": Feature("bj", _same("j"), lambda q: q.along("j")),
    "abs_j_par": Feature("bj", _same("j"), lambda q: np.abs(q.along("j"))),
    "j_perp": Feature("bj", _same("j"), lambda q: q.across("j")),
    "j_mag": Feature("j", _same("j"), lambda q: q.size("j")),
    "e_par": Feature("be", _same("e"), lambda q: q.along("e")),
    "e_perp": Feature("be", _same("e"), lambda q: q.across("e")),
    "e_dot_j": Feature("ej", lambda u: product(u["e"], u["j"]), lambda q: q.dot("e", "j")),
    "rho": Feature("r", _same("rho"), lambda q: q.raw["rho"]),
    "j_sym": Feature(
        "bj", _same("j"), lambda q: operators.disc_mean(q.along("j"), q.radius, q.grid)
    ),
    "j_asym": Feature(
        "bj", _same("j"), lambda q: operators.disc_asymmetry(q.along("j"), q.radius, q.grid)
    ),
    "bx": Feature("b", _same("b"), lambda q: q.raw["bx"]),
    "by": Feature("b", _same("b"), lambda q: q.raw["by"]),
}


def product(one: str, other: str) -> str:
    """Return the unit of a product."""
    return f"{one} {other}" if one != "1" and other != "1" else one if other == "1" else other


def raw_names(needs: str) -> tuple[str, ...]:
    """Names of the raw fields of some quantities."""
    return tuple(name for name, kind in RAW.items() if kind[0] in needs)


def needed_fields(features: Sequence[str], there: Sequence[str]) -> tuple[str, ...]:
    """Raw fields that features need, where `there` are those that a snapshot has.

    A current that is not there comes from B. Raises DataError where a field is missing, naming it
    and the feature.
    """
    wanted: set[str] = set()
    for feature in features:
        needs = FEATURES[feature].needs
        if "j" in needs and not set(raw_names("j")) <= set(there):
            needs = needs.replace("j", "b")
        missing = [name for name in raw_names(needs) if name not in there]
        if missing:
            raise DataError(
                f"feature {feature!r} needs the field{'s' * (len(missing) > 1)} "
                f"{', '.join(missing)}"
            )
        wanted.update(raw_names(needs))
    return tuple(name for name in RAW if name in wanted)


def derive_features(
    snapshot: Fields,
    features: Sequence[str],
    *,
    kernel_radius: float = 9.0,
    smoothing: Mapping[str, float] | None = None,
) -> Fields:
    """Features of a snapshot, and those of `FOR_PHYSICS` that can be made.

    Where the current is not given it is curl B, in units of b per length: without the displacement
    current, and 4 pi / c where lengths are centimetres.

    `snapshot`: raw fields by the names of `RAW`, finite; `features`: names of `FEATURES`;
    `kernel_radius`: of the disc of j_sym and j_asym, in cells; `smoothing`: gaussian lengths in
    cells, by the name of a feature, which is smoothed when it is finished, or of a quantity (b, e,
    j, rho), which is before. Raises ConfigError: the disc does not fit into the grid; DataError: a
    field is missing, or the snapshot is refused by `check_snapshot`.
    """
    smoothing = dict(smoothing or {})
    grid, there = snapshot.grid, tuple(snapshot.values)
    chosen = list(dict.fromkeys(features))
    needed_fields(chosen, there)
    check_snapshot(snapshot)
    for feature in FOR_PHYSICS:
        if feature not in chosen and _can_make(feature, there):
            chosen.append(feature)
    raw = {name: np.asarray(array, dtype=np.float32) for name, array in snapshot.values.items()}
    units = {RAW[name]: unit for name, unit in snapshot.units.items()}
    for name in raw:
        if smoothing.get(RAW[name]):
            raw[name] = operators.smooth(raw[name], smoothing[RAW[name]], grid)
    if not set(raw_names("j")) <= set(raw) and set(raw_names("b")) <= set(raw):
        found = operators.curl(raw["bx"], raw["by"], raw["bz"], grid)
        units["j"] = f"{units['b']} / {grid.length_unit}"
        for k, array in found.items():
            length = smoothing.get("j")
            raw[f"j{k}"] = operators.smooth(array, length, grid) if length else array
    quantities = _Quantities(raw, grid, kernel_radius)
    values = {}
    for name in chosen:
        array = np.asarray(FEATURES[name].compute(quantities), dtype=np.float32)
        if smoothing.get(name) and name not in RAW:  # rho is smoothed by now
            array = operators.smooth(array, smoothing[name], grid)
        values[name] = array
    return Fields(
        grid=grid,
        values=values,
        units={name: FEATURES[name].unit(units) for name in chosen},
        time=snapshot.time,
        time_unit=snapshot.time_unit,
        source=snapshot.source,
    )


def _can_make(feature: str, there: Sequence[str]) -> bool:
    try:
        needed_fields([feature], there)
    except DataError:
        return False
    return True


def check_snapshot(snapshot: Fields) -> None:
    """Refuse fields that are not finite, and axes or components that are in another order.

    Axes: B is without divergence, and central differences of it are nearly so. Where another order
    of the axes brings the divergence down to less than half, that is the right one. Components: the
    mean field is the guide field, so it may not be strongest along x or y. Raises DataError: they
    cannot be used; the message names the first bad cell, or the order that fits.
    """
    for name, array in snapshot.values.items():
        bad = ~np.isfinite(array)
        if bad.any():
            count = np.count_nonzero(bad)
            cell = tuple(int(i) for i in np.unravel_index(np.argmax(bad), bad.shape))
            where = ", ".join(f"{a} {i}" for a, i in zip(snapshot.grid.axes, cell, strict=True))
            raise DataError(
                f"{snapshot.source}: field {name!r}: {count} of {bad.size} cells "
                f"{'is' if count == 1 else 'are'} not finite, the first {array[cell]} at "
                f"({where}), from 0; fill them first"
            )
    if set(raw_names("b")) <= set(snapshot.values):
        _check_guide(snapshot)
        _check_axes(snapshot)


def _check_guide(snapshot: Fields) -> None:
    b = {k: snapshot.values[f"b{k}"] for k in "xyz"}
    mean = {k: abs(float(np.mean(array, dtype=np.float64))) for k, array in b.items()}
    square = sum(float(np.mean(np.square(array, dtype=np.float64))) for array in b.values())
    strongest = max(mean, key=lambda k: mean[k])
    if strongest != "z" and mean[strongest] > 0.3 * square**0.5:
        raise DataError(
            f"{snapshot.source}: the mean field points along {strongest}, but features are made "
            "for a guide field along z; name components and axes so that it does "
            "(fields.datasets, fields.axes)"
        )


def _check_axes(snapshot: Fields) -> None:
    grid = snapshot.grid
    if min(grid.shape) < 3:
        return
    # The middle of a large grid tells as much.
    middle = tuple(slice(max(0, n // 2 - 32), n // 2 + 32) for n in grid.shape)
    inner = (slice(1, -1),) * len(grid.shape)
    slopes = {
        (k, axis): np.gradient(
            snapshot.values[f"b{k}"][middle].astype(np.float64), grid.spacing[axis], axis=axis
        )[inner]
        for k in grid.axes
        for axis in range(len(grid.shape))
    }

    def divergence(axes: Sequence[str]) -> float:
        parts = [slopes[k, axis] for axis, k in enumerate(axes)]
        size = np.sqrt(np.mean(sum(part**2 for part in parts)))
        return float(np.sqrt(np.mean(sum(parts) ** 2)) / size) if size > 0 else 0.0

    found = {axes: divergence(axes) for axes in itertools.permutations(grid.axes)}
    best = min(found, key=lambda axes: found[axes])
    if found[grid.axes] > 0.2 and found[best] < found[grid.axes] / 2:
        raise DataError(
            f"{snapshot.source}: with the axes {', '.join(grid.axes)} the divergence of B is "
            f"{found[grid.axes]:.2g} of its gradients, with {', '.join(best)} only "
            f"{found[best]:.2g}; give the order of the arrays as fields.axes"
        )
