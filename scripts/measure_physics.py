"""Measure the groups of cells: shares, means, structures, and what the threshold detector finds."""

from kohorte import store
from kohorte.studies.plasma import store as plasma_store
from kohorte.studies.plasma.physics.groups import Grouping
from kohorte.studies.plasma.physics.tables import measure_cells
from kohorte.study.logs import job_log


def list_groupings(cells, ensemble, indexes):
    """The ways to sort the cells: consensus, SCE groups, clusters of the representative map."""
    groupings = [
        Grouping("consensus", int(ensemble.consensus.n_groups), cells["label"].__getitem__),
        Grouping("sce", int(ensemble.clusters.sce_group.max()) + 1, cells["sce_group"].__getitem__),
    ]
    if indexes:
        identifier = ensemble.realizations.representative
        path = store.find_realization(indexes, identifier)
        chosen = plasma_store.read_map_labels(path, cells.grid)
        groupings.append(Grouping("map", chosen.n_clusters, chosen.labels.__getitem__))
    return groupings


if __name__ == "__main__":
    with job_log(snakemake.log[0]) as log:
        data, fields = snakemake.input.data, snakemake.input.get("fields") or None
        with plasma_store.open_cells(data, fields, snakemake.input.grid) as cells:
            combined = store.read_ensemble(snakemake.input.ensemble)
            tables = measure_cells(
                list_groupings(cells, combined, snakemake.input.get("maps") or []),
                {name: cells[name] for name in cells.fields},
                cells.grid,
                plasma_store.parts_of(cells.grid.shape),
                radius=cells.kernel_radius,
                **snakemake.params.options,
            )
        for table, path in zip(tables, snakemake.output, strict=True):
            store.write_csv(table, path)
            log.info("%s: %d rows", path, len(table))
