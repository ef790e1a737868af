"""Steps of a study of stars."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

import numpy as np

from kohorte import store
from kohorte.data.sources import read_table
from kohorte.errors import DataError
from kohorte.studies.stars.regions import (
    MapOfStars,
    find_regions,
    group_table,
    map_table,
    purity_of_groups,
    region_table,
)

_LOG = logging.getLogger(__name__)


def measure_groups(
    *,
    source: str,
    data: str,
    labels: Sequence[str],
    ensemble: str,
    groups: str,
    regions: str,
    maps: str,
) -> None:
    """Describe the consensus groups of stars, and compare them with regions of the diagram.

    `source`: where the table was read from; it may know velocities. `data`, `labels`, `ensemble`:
    `data.h5`, the indexes of realizations and `ensemble.h5`. `groups`, `regions`, `maps`: tables to
    write: a row for each group, each region, and each map and region.
    """
    table = store.read_data(data)
    points = store.read_ensemble(ensemble, points=True).points
    columns = {
        name: table.physical([table.names.index(name)])[:, 0]
        for name in ("b_v", "absolute_magnitude")
    }
    found = find_regions(columns["b_v"], columns["absolute_magnitude"])
    columns["velocity"] = read_velocities(source, table.rows)
    store.write_csv(group_table(points.label, columns, points.confidence, found), groups)
    read = list(read_maps(labels))
    described = region_table(points.label, points.confidence, points.signal, found, read)
    store.write_csv(described, regions)
    store.write_csv(map_table(read, found), maps)
    _LOG.info("purity of the groups %.4f", purity_of_groups(points.label, found))


def read_velocities(source: str, rows: np.ndarray) -> np.ndarray:
    """Transverse velocities (N,) in km/s of the rows, NaN where the source does not know them."""
    try:
        table = read_table(source, features=["log_velocity"], missing="skip")
    except DataError as error:
        _LOG.info("no velocities: %s", error)
        return np.full(len(rows), np.nan)
    return 10.0 ** table.values[rows, 0].astype(np.float64)


def read_maps(indexes: Sequence[str]) -> Iterator[MapOfStars]:
    """Winners and clusters of the stars on all maps."""
    for path in store.listed_realizations(indexes):
        stored = store.read_realization(path, "winners", "labels")
        winners, labels = stored.arrays["winners"], stored.arrays["labels"].astype(np.int64)
        yield MapOfStars(stored.id, winners, stored.lattice.n_nodes, labels)
