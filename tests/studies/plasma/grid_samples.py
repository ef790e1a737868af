"""A finished study of flux ropes on a grid, made by the library alone: no Snakemake."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
from fields_samples import FEATURES, write_sample

from kohorte import store
from kohorte.data.scaling import fit_scaling
from kohorte.ensemble.combination import combine
from kohorte.ensemble.overlaps import count_overlaps
from kohorte.maps.realization import MapParameters, Recording, run_realization
from kohorte.provenance import digest_of
from kohorte.studies.plasma import store as plasma_store

MAPS = [(12, 8, 0.1), (14, 9, 0.2), (10, 10, 0.1), (16, 8, 0.4)]


def write_table(path, fields, names=FEATURES, **attributes):
    """Write `data.h5` with the named fields as features and the shape of their grid."""
    values = np.column_stack([fields.values[name].ravel() for name in names]).astype(np.float32)
    scaling = fit_scaling(values, tuple(names), "two_sigma", "error", {})
    features = scaling.apply(values)
    data = store.PreparedData(
        features=features,
        names=scaling.names,
        offset=scaling.offset,
        scale=scaling.scale,
        truth=None,
        class_names=None,
        rows=np.arange(len(features)),
        digest=digest_of(features, scaling.names),
    )
    store.write_data(path, data, shape=list(fields.grid.shape), **attributes)
    return data


def make_study(folder, shape=(48, 48), *, maps=MAPS, steps=4000, snapshots=6, **how):
    """Write all result files of a study of few maps; returns their paths."""
    paths = SimpleNamespace(
        folder=Path(folder),
        fields=Path(folder) / "fields.h5",
        data=Path(folder) / "data.h5",
        ensemble=Path(folder) / "ensemble.h5",
        index=Path(folder) / "realizations" / "batches" / "000.json",
        grid=Path(folder) / "grid.h5",
        picture=Path(folder) / "grid.vti",
    )
    fields = write_sample(paths.fields, shape, noise=0.02, **how)
    data = write_table(paths.data, fields)
    files = []
    for seed, (xdim, ydim, alpha) in enumerate(maps):
        parameters = MapParameters(xdim, ydim, steps=steps, alpha=alpha)
        made = run_realization(
            data.features, parameters, seed, recording=Recording(snapshots=snapshots)
        )
        path = paths.folder / "realizations" / f"map{seed}.h5"
        known = {**vars(parameters)}
        store.write_realization(
            path, made, id=path.stem, seed=seed, repeat=1, parameters=known, fingerprint="f"
        )
        files.append(path)
    store.write_index(paths.index, files, [store.list_realization(f) for f in files])
    options = {"identical": "resolved", "threshold": -0.015, "groups": "auto", "votes": "equal"}
    with store.open_label_arrays([paths.index]) as labels:
        ensemble = combine(count_overlaps(labels.arrays))
        store.write_ensemble(
            paths.ensemble, ensemble, labels.arrays, ids=labels.ids, options=options
        )
        plasma_store.write_grid(paths.grid, fields.grid, paths.ensemble, labels, threads=1)
    with plasma_store.open_cells(paths.data, paths.fields, paths.grid) as cells:
        plasma_store.write_picture(paths.picture, cells)
    return paths
