"""A finished study of flux ropes on a grid, made by the library alone: no Snakemake."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
from fields_samples import FEATURES, write_sample
from planning import plain_data

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
    known = {"names": scaling.names, "offset": scaling.offset, "scale": scaling.scale}
    data = plain_data(features, digest=digest_of(features, scaling.names), **known)
    store.write_data(path, data, shape=list(fields.grid.shape), **attributes)
    return data


def make_study(folder, shape=(48, 48), *, maps=MAPS, steps=4000, snapshots=6, **how):
    """Write all result files of a study of few maps; returns their paths."""
    folder = Path(folder)
    paths = SimpleNamespace(folder=folder, index=folder / "realizations" / "batches" / "000.json")
    for name in ("fields.h5", "data.h5", "ensemble.h5", "grid.h5"):
        setattr(paths, name.removesuffix(".h5"), folder / name)
    paths.picture = folder / "grid.vti"
    fields = write_sample(paths.fields, shape, noise=0.02, **how)
    data = write_table(paths.data, fields)
    files = []
    for seed, (xdim, ydim, alpha) in enumerate(maps):
        parameters = MapParameters(xdim, ydim, steps=steps, alpha=alpha)
        recording = Recording(snapshots=snapshots)
        made = run_realization(data.features, parameters, seed, recording=recording)
        path = folder / "realizations" / f"map{seed}.h5"
        known = {"id": path.stem, "seed": seed, "repeat": 1, "parameters": {**vars(parameters)}}
        store.write_realization(path, made, fingerprint="f", **known)
        files.append(path)
    store.write_index(paths.index, files, [store.list_realization(f) for f in files])
    options = {"identical": "resolved", "threshold": -0.015, "groups": "auto", "votes": "equal"}
    with store.open_label_arrays([paths.index]) as labels:
        ensemble = combine(count_overlaps(labels.arrays))
        known = {"ids": labels.ids, "options": options}
        store.write_ensemble(paths.ensemble, ensemble, labels.arrays, **known)
        plasma_store.write_grid(paths.grid, fields.grid, paths.ensemble, labels, threads=1)
    with plasma_store.open_cells(paths.data, paths.fields, paths.grid) as cells:
        plasma_store.write_picture(paths.picture, cells)
    return paths
