"""Steps of a study of a plasma: its simulation, features of cells, and what groups of cells are."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from kohorte import store
from kohorte._tallies import merge_tallies
from kohorte.errors import ResultError
from kohorte.provenance import portable_path
from kohorte.store.ensembles import StoredEnsemble
from kohorte.studies.plasma import store as plasma_store
from kohorte.studies.plasma.fields.features import derive_features
from kohorte.studies.plasma.fields.snapshots import read_snapshot
from kohorte.studies.plasma.fields.statistics import describe_fields
from kohorte.studies.plasma.physics.groups import Grouping
from kohorte.studies.plasma.physics.parts import CellTallies
from kohorte.studies.plasma.physics.tables import profile_cells, tabulate_cells
from kohorte.studies.plasma.simulation.turbulence import simulate
from kohorte.studies.plasma.store.simulations import energy_error

_LOG = logging.getLogger(__name__)

#: Interpreter of the environment that simulations run in.
PYTHON = ".simulation/bin/python"


def simulate_plasma(*, simulation: str, options: Mapping[str, Any]) -> None:
    """Simulate decaying turbulence of a pair plasma, as the section `simulation` says."""
    run = simulate(options, PYTHON)
    plasma_store.write_simulation(simulation, run, options)
    _LOG.info("%s, %d snapshots", run.program, len(run.snapshots))
    _LOG.info("energy was conserved to %.2g of it", energy_error(run.energies))


def derive_fields(*, fields: str, table: str, options: Mapping[str, Any], simulated: bool) -> None:
    """Derive features of a plasma on a grid, from a simulation or a user's own snapshot.

    `fields`, `table`: where `fields.h5` will lie, and a table with a row for each field; `options`:
    the section `fields` of the configuration; `simulated`: whether its source is a `simulation.h5`.
    """
    if simulated:
        snapshot = plasma_store.read_simulated(options["source"], options["snapshot"])
    else:
        snapshot = read_snapshot(options)
    features = options["features"]
    how = {name: options[name] for name in ("kernel_radius", "smoothing")}
    derived = derive_features(snapshot, features, **how)
    made_with = {**options, "source": portable_path(derived.source)}
    plasma_store.write_fields(fields, derived, features=features, **how, parameters=made_with)
    store.write_csv(describe_fields(derived), table)
    _LOG.info("%s cells, fields %s", derived.grid.shape, ", ".join(derived.values))


def write_grid(
    *,
    data: str,
    fields: str,
    labels: Sequence[str],
    ensemble: str,
    grid: str,
    picture: str,
    files: Mapping[str, str],
    reading: Mapping[str, Any],
    memory_mb: int,
    threads: int,
) -> None:
    """Put what the ensemble says of each point onto the grid of the study, also for ParaView.

    `data`, `fields`, `ensemble`: `data.h5`, `fields.h5` (empty where there is none) and
    `ensemble.h5`; `labels`, `files`, `reading`: as for `kohorte.store.open_label_arrays`;
    `grid`, `picture`: where `grid.h5` and the same as VTK image data will lie; `memory_mb`: labels
    held in memory at once, in MiB.
    """
    with store.open_label_arrays(labels, files, **reading) as opened:
        where = plasma_store.find_grid(data, fields)
        _LOG.info("%d cells, shape %s, axes %s", where.n_cells, where.shape, ", ".join(where.axes))
        plasma_store.write_grid(grid, where, ensemble, opened, memory_mb=memory_mb, threads=threads)
        with plasma_store.open_cells(data, fields, grid) as cells:
            plasma_store.write_picture(picture, cells)


def write_grid_labels(
    *,
    source: Sequence[str],
    grid: str,
    labels: str,
    files: Mapping[str, str],
    reading: Mapping[str, Any],
) -> None:
    """Put the labels of every realization onto the grid of the study.

    `source`, `files`, `reading`: as for `kohorte.store.open_label_arrays`; `grid`: `grid.h5`;
    `labels`: where `grid_labels.h5` will lie.
    """
    with store.open_label_arrays(source, files, **reading) as opened:
        plasma_store.write_labels_on_grid(labels, plasma_store.read_grid(grid, "grid"), opened)


def tally_cells(
    *,
    data: str,
    fields: str,
    maps: Sequence[str],
    ensemble: str,
    grid: str,
    former: Sequence[str],
    tally: str,
    slab: int,
    slabs: int,
    options: Mapping[str, Any],
) -> None:
    """Tally the cells of one slab for `measure_physics`, in the round after those of `former`.

    `former`: what `kohorte.jobs.tabulation.gather_tallies` wrote of each round before; `tally`:
    what is written; `slab`, `slabs`: the slab, from 0, of so many; each has whole parts of the
    grid, and some none where there are more slabs than parts. Other arguments as there.
    """
    with plasma_store.open_cells(data, fields, grid) as cells:
        tallies = _tallies_of(cells, ensemble, maps, options)
        for turn, path in enumerate(former):
            tallies.take(turn, store.read_tally(path))
        count = len(tallies.parts)
        start, stop = count * slab // slabs, count * (slab + 1) // slabs
        found = merge_tallies(tallies.count(len(former), part) for part in range(start, stop))
        store.write_tally(tally, found, start, stop)


def _tallies_of(
    cells: plasma_store.CellValues,
    ensemble: str,
    maps: Sequence[str],
    options: Mapping[str, Any],
) -> CellTallies:
    return CellTallies(
        list_groupings(cells, store.read_ensemble(ensemble), maps),
        {name: cells[name] for name in cells.fields},
        cells.grid,
        plasma_store.parts_of(cells.grid.shape),
        radius=cells.kernel_radius,
        threshold=options["threshold"],
        connectivity=options["connectivity"],
    )


def measure_physics(
    *,
    data: str,
    fields: str,
    maps: Sequence[str],
    ensemble: str,
    grid: str,
    physics: str,
    structures: str,
    threshold: str,
    field_features: str,
    tallies: Sequence[str] = (),
    options: Mapping[str, Any],
) -> None:
    """Measure the groups of cells: shares, means, structures, and what the threshold finds.

    `data`, `fields`, `ensemble`, `grid`: `data.h5`, `fields.h5` (empty where there is none),
    `ensemble.h5` and `grid.h5`. `maps`: indexes of the maps; none where the labels were given.
    `physics`, `structures`, `threshold`: tables to write: `measure_cells` describes them;
    `field_features`: that of `profile_cells`.
    `tallies`: those of the cells in all rounds, where jobs have made them. `options`: the section
    `physics` of the configuration.
    """
    with plasma_store.open_cells(data, fields, grid) as cells:
        found = _tallies_of(cells, ensemble, maps, options)
        groupings, values, parts = list(found.groupings), found.values, found.parts
        if tallies and (made := store.tallied_blocks(tallies[:1])) != (0, len(parts)):
            raise ResultError(
                f"{tallies[0]}: tallies of the parts from {made[0]} to {made[1]}, and not of all "
                f"{len(parts)}; delete it and run again"
            )
        found.run([store.read_tally(path) for path in tallies])
        tables = tabulate_cells(found, smallest=options["smallest"])
        units = [cells.unit(name) for name in cells.fields]
        profiles = profile_cells(groupings, values, units, parts)
    paths = (physics, structures, threshold, field_features)
    for table, path in zip((*tables, profiles), paths, strict=True):
        store.write_csv(table, path)
        _LOG.info("%s: %d rows", path, len(table))


def list_groupings(
    cells: plasma_store.CellValues, ensemble: StoredEnsemble, indexes: Sequence[str]
) -> list[Grouping]:
    """List the ways to sort cells: consensus, SCE groups, clusters of the representative map."""
    groupings = [
        Grouping("consensus", int(ensemble.consensus.n_groups), cells["label"].__getitem__),
        Grouping("sce", int(ensemble.clusters.sce_group.max()) + 1, cells["sce_group"].__getitem__),
    ]
    if indexes:
        path = store.find_realization(indexes, ensemble.realizations.representative)
        chosen = plasma_store.read_map_labels(path, cells.grid)
        groupings.append(Grouping("map", chosen.n_clusters, chosen.labels.__getitem__))
    return groupings
