"""Describe the consensus groups of stars, and compare them with regions of the diagram."""

import numpy as np

from kohorte import store
from kohorte.data.sources import read_table
from kohorte.errors import DataError
from kohorte.studies.stars import regions as stars
from kohorte.study.logs import job_log


def read_velocities(source, rows, log):
    """Transverse velocities (N,) in km/s of the rows, NaN where the source does not know them."""
    try:
        table = read_table(source, features=["log_velocity"], missing="skip")
    except DataError as error:
        log.info("no velocities: %s", error)
        return np.full(len(rows), np.nan)
    return 10.0 ** table.values[rows, 0].astype(np.float64)


def read_maps(indexes):
    """Winners and clusters on all maps."""
    for path in store.listed_realizations(indexes):
        stored = store.read_realization(path, "winners", "labels")
        winners, labels = stored.arrays["winners"], stored.arrays["labels"].astype(np.int64)
        yield stars.MapOfStars(stored.id, winners, stored.lattice.n_nodes, labels)


if __name__ == "__main__":
    with job_log(snakemake.log[0]) as log:
        data = store.read_data(snakemake.input.data)
        ensemble = store.read_ensemble(snakemake.input.ensemble, points=True)
        columns = {
            name: data.physical([data.names.index(name)])[:, 0]
            for name in ("b_v", "absolute_magnitude")
        }
        regions = stars.find_regions(*columns.values())
        columns["velocity"] = read_velocities(snakemake.params.source, data.rows, log)
        points = ensemble.points
        groups = stars.group_table(points.label, columns, points.confidence, regions)
        store.write_csv(groups, snakemake.output.groups)
        maps = list(read_maps(snakemake.input.labels))
        known = points.label, points.confidence, points.signal, regions
        store.write_csv(stars.region_table(*known, maps), snakemake.output.regions)
        store.write_csv(stars.map_table(maps, regions), snakemake.output.maps)
        log.info("purity of the groups %.4f", stars.purity_of_groups(points.label, regions))
