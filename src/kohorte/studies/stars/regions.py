"""Regions of the colour-magnitude diagram of stars, and what groups of stars have to do with them.

Where a star stands is given by its colour B-V and its absolute magnitude M in the Hipparcos band,
which for most stars is 0.05 to 0.2 mag above V.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from kohorte.analysis.profiles import profile_table

#: Mean main sequence of Hipparcos stars, M_V as a polynomial in B-V, constant first: Wright,
#: Astronomical Journal 128 (2004) 1273 and Publications of the Astronomical Society of the Pacific
#: 117 (2005) 657.
MAIN_SEQUENCE = (
    *(1.11255, 5.79062, -16.76829, 76.47777, -140.08488),
    *(127.38044, -49.71805, -8.24265, 14.07945, -3.43155),
)

#: B-V between which that polynomial is used.
COLOURS = (-0.2, 1.6)

#: Names of regions: the red clump is a part of the giants.
REGIONS = ("main sequence", "giants", "red clump", "white dwarfs")

GROUP_COLUMNS = (
    *("group", "stars", "with_magnitude", "b_v", "absolute_magnitude", "velocity", "confidence"),
    *(name.replace(" ", "_") for name in REGIONS),
)
REGION_COLUMNS = (
    *("region", "stars", "group", "precision", "recall", "mean_confidence", "mean_signal"),
    *("node_recall", "nodes"),
)
MAP_COLUMNS = ("realization", "clusters", "purity", "region", "node_recall", "nodes")


def main_sequence(b_v: npt.ArrayLike) -> np.ndarray:
    """Absolute magnitude of the mean main sequence at a colour; NaN beyond `COLOURS`."""
    b_v = np.asarray(b_v, dtype=np.float64)
    inside = (b_v >= COLOURS[0]) & (b_v <= COLOURS[1])
    height = np.polynomial.polynomial.polyval(np.where(inside, b_v, 0.0), MAIN_SEQUENCE)
    return np.where(inside, height, np.nan)


def find_regions(b_v: npt.ArrayLike, magnitude: npt.ArrayLike) -> dict[str, np.ndarray]:
    """Find the stars of each region, (N,) bool by the names of `REGIONS`.

    * main sequence: within 1 mag of the mean one, for 'evolved' is who lies further above it
      (Wright 2004);
    * giants: more than 3 mag above it, and B-V at least 0.8;
    * red clump: those of them with B-V from 0.85 to 1.25, about the 0.8 < V-I < 1.25 of Paczynski &
      Stanek (Astrophysical Journal 494 (1998) L219), and M within 0.5 mag of 0.9, where the mean
      M_I = -0.23 of Stanek & Garnavich (Astrophysical Journal 503 (1998) L131) puts the clump at
      V-I = 1.0 and Hp-V = 0.13;
    * white dwarfs: M at least 10 and B-V at most 0.65, at least 5 mag under the main sequence where
      they are bluest, and 4 where they are reddest.

    A star without colour or magnitude (NaN) lies in none.
    """
    b_v, magnitude = np.asarray(b_v, np.float64), np.asarray(magnitude, np.float64)
    above = main_sequence(b_v) - magnitude
    giants = (above > 3) & (b_v >= 0.8)
    clump = giants & (b_v >= 0.85) & (b_v <= 1.25) & (np.abs(magnitude - 0.9) <= 0.5)
    found = (np.abs(above) <= 1, giants, clump, (magnitude >= 10) & (b_v <= 0.65))
    return dict(zip(REGIONS, found, strict=True))


def group_table(
    labels: np.ndarray,
    columns: Mapping[str, np.ndarray],
    confidence: np.ndarray,
    regions: Mapping[str, np.ndarray],
) -> pd.DataFrame:
    """Describe each group in a row: how many stars, their means, and how many of each region.

    `labels`: (N,) integers from 0, group of each star. `columns`: (N,) values, NaN where missing,
    by `b_v` and `absolute_magnitude` (mag; means), and `velocity` (km/s; median). `confidence`:
    (N,) share of votes; mean. `regions`: what `find_regions` gives.
    """
    rows = []
    names = ["b_v", "absolute_magnitude", "velocity"]
    count = int(labels.max()) + 1
    values = np.stack([columns[name] for name in names], axis=1).astype(np.float64)
    profiles = profile_table(values, names, labels, n_groups=count)
    for group, found in profiles.groupby("group"):
        members = labels == group
        means = *found["mean"].iloc[:2], found["median"].iloc[2]
        known = int(found["n"].iloc[1])
        counts = [int((members & region).sum()) for region in regions.values()]
        sure = _of_known(confidence[members], np.mean)
        rows.append((group, int(members.sum()), known, *means, sure, *counts))
    return pd.DataFrame(rows, columns=GROUP_COLUMNS)


@dataclass(frozen=True, eq=False)
class MapOfStars:
    """A map and the stars that it was trained on."""

    id: str  # Its name
    winners: np.ndarray  # (N,) nodes
    n_nodes: int  # M
    labels: np.ndarray  # (N,) integers from 0, cluster of each star


def region_table(
    labels: np.ndarray,
    confidence: np.ndarray,
    signal: np.ndarray,
    regions: Mapping[str, np.ndarray],
    maps: Sequence[MapOfStars],
) -> pd.DataFrame:
    """Describe each region in a row: the group that stands for it best, and what maps make of it.

    Only stars that lie in some region count. The group is that with the largest Jaccard index,
    precision the share of its stars that lie in the region, recall the share of the region's stars
    that it holds. `node_recall` is the share of the region's stars whose node has mostly (more than
    half) stars of the region, and `nodes` how many such nodes a map has; both are means over the
    maps. A region without stars has a row of which only the first two entries are given.
    """
    anywhere = np.logical_or.reduce(list(regions.values()))
    n_groups = int(labels.max()) + 1
    held = np.bincount(labels[anywhere], minlength=n_groups)
    rows = []
    for name, region in regions.items():
        if not region.any():
            rows.append((name, 0, *[np.nan] * (len(REGION_COLUMNS) - 2)))
            continue
        shared = np.bincount(labels[region], minlength=n_groups)
        size = int(region.sum())
        group = int(np.argmax(shared / np.maximum(held + size - shared, 1)))
        nodes = [_pure_nodes(m, region, anywhere) for m in maps]
        rows.append(
            (
                *(name, size, group),
                *(shared[group] / held[group], shared[group] / size),
                *(confidence[region].mean(), signal[region].mean()),
                *(np.mean(nodes, axis=0) if nodes else (np.nan, np.nan)),
            )
        )
    table = pd.DataFrame(rows, columns=REGION_COLUMNS)
    return table.astype({"group": "Int64"})


def map_table(maps: Sequence[MapOfStars], regions: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Describe each map and region that has stars in a row: what the map alone makes of it.

    `clusters` and their `purity`, see `purity_of_groups`, are those of the map; `node_recall` and
    `nodes` are as in `region_table`, of this map.
    """
    anywhere = np.logical_or.reduce(list(regions.values()))
    rows = [
        (m.id, n_clusters, purity, name, *_pure_nodes(m, region, anywhere))
        for m in maps
        for n_clusters, purity in [(len(np.unique(m.labels)), purity_of_groups(m.labels, regions))]
        for name, region in regions.items()
        if region.any()
    ]
    return pd.DataFrame(rows, columns=MAP_COLUMNS)


def purity_of_groups(labels: np.ndarray, regions: Mapping[str, np.ndarray]) -> float:
    """Share of main-sequence stars, giants and white dwarfs whose group is mostly of their region.

    The region of a group is that with most of its stars. NaN where no star lies in any of them.
    """
    disjoint = [regions[name] for name in ("main sequence", "giants", "white dwarfs")]
    n_groups = int(labels.max()) + 1
    counts = np.stack([np.bincount(labels[r], minlength=n_groups) for r in disjoint])
    return float(counts.max(axis=0).sum() / counts.sum()) if counts.any() else np.nan


def _pure_nodes(stars: MapOfStars, region: np.ndarray, anywhere: np.ndarray) -> tuple[float, int]:
    """Share of a region's stars on nodes that are mostly of it, and the number of these nodes."""
    inside = np.bincount(stars.winners[region], minlength=stars.n_nodes)
    held = np.bincount(stars.winners[anywhere], minlength=stars.n_nodes)
    pure = 2 * inside > held
    return float(inside[pure].sum() / inside.sum()), int(pure.sum())


def _of_known(values: np.ndarray, how: Callable[[np.ndarray], float]) -> float:
    known = values[np.isfinite(values)]
    return float(how(known)) if known.size else np.nan
