"""Raw fields of a snapshot, from a simulation of ours or from files of a user's own.

Your own file is HDF5 (.h5, .hdf5), or .npz with an array for each field, or a pattern of .npy
files with `{field}` in it, as `run7/{field}_5000.npy`. HDF5 files of Runko have flat datasets, in
which x runs fastest, beside the numbers `Nx`, `Ny` and `Nz`.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from kohorte._checks import suggest
from kohorte.data.arrays import open_npy_array, read_member
from kohorte.data.hdf5 import find_dataset, open_file
from kohorte.data.names import find_file
from kohorte.data.reading import NUMERIC_KINDS, check_memory, damages
from kohorte.errors import ConfigError, DataError
from kohorte.studies.plasma.fields.features import needed_fields
from kohorte.studies.plasma.fields.grid import DIRECTIONS, Fields, Grid, shape_hint
from kohorte.studies.plasma.fields.names import DEFAULT_UNITS, PLACE, RAW, field_datasets

DEFAULT_AXES = {2: ("y", "x"), 3: ("z", "y", "x")}


def read_snapshot(options: Mapping[str, Any]) -> Fields:
    """Raw fields from files of a user's own.

    `options`: the section `fields` of the configuration. Returns Fields: those that the features,
    and the physics of clusters, need. Raises ConfigError: names or axes that cannot be. DataError:
    a file or field is missing, damaged, or does not fit the others; the message names it.
    """
    source = options["source"]
    datasets = field_datasets(options["datasets"])
    with _opened(source) as (there, read):
        found = {name for name, parts in datasets.items() if set(parts) <= there(parts)}
        asked = set(options["datasets"])
        lost = [name for name in RAW if name in asked - found]
        if lost:
            parts = [part for part in datasets[lost[0]] if part not in there(datasets[lost[0]])]
            raise DataError(
                f"{source}: no dataset {parts[0]!r}, which fields.datasets names for {lost[0]}; "
                f"{suggest(parts[0], there(None))}"
            )
        try:
            needed_fields(options["features"], tuple(found))
        except DataError as error:
            raise DataError(
                f"{source}: {error}, which it does not hold; name its dataset in fields.datasets "
                f"({suggest('', there(None))})"
            ) from None
        values: dict[str, np.ndarray] = {}
        for name in [name for name in RAW if name in found]:
            values[name] = _mean(source, name, datasets[name], read, values)
    units = {**DEFAULT_UNITS, **options["units"]}
    grid = make_grid(next(iter(values.values())).shape, options)
    if options["crop"]:
        grid, kept = crop_grid(grid, options["crop"], source)
        values = {name: np.ascontiguousarray(array[kept]) for name, array in values.items()}
    return Fields(
        grid=grid,
        values=values,
        units={name: units[RAW[name]] for name in values},
        time=options["time"],
        time_unit=options["time_unit"],
        source=source,
    )


def make_grid(shape: Sequence[int], options: Mapping[str, Any]) -> Grid:
    """Return the grid of arrays of a shape, as the section `fields` of the configuration has it."""
    n_axes = len(shape)
    if n_axes not in DIRECTIONS:
        raise DataError(
            f"{options['source']}: fields have shape {tuple(shape)}, but a grid has two or three "
            "axes"
        )

    def each(value: Any) -> tuple[Any, ...]:
        return tuple(value) if isinstance(value, list) else (value,) * n_axes

    try:
        return Grid(
            shape=tuple(int(n) for n in shape),
            axes=tuple(options["axes"] or DEFAULT_AXES[n_axes]),
            spacing=tuple(float(step) for step in each(options["spacing"])),
            periodic=each(options["periodic"]),
            length_unit={**DEFAULT_UNITS, **options["units"]}["length"],
        )
    except DataError as error:
        raise ConfigError(
            f"fields: {error} (keys axes, spacing and periodic, fields of {options['source']})"
        ) from None


def crop_grid(
    grid: Grid, crop: Mapping[str, Sequence[int]], source: str
) -> tuple[Grid, tuple[slice, ...]]:
    """Return the part of a grid that lies within [first, end) cells along some directions.

    Its axes are no longer periodic where cells were cut off. The slices are those of its arrays.
    ConfigError for a direction that the grid does not have, and for cells beyond it.
    """
    kept, periodic = [slice(0, n) for n in grid.shape], list(grid.periodic)
    for direction, (first, end) in crop.items():
        key = f"fields.crop.{direction}"
        if direction not in grid.axes:
            raise ConfigError(f"{key}: the grid of {source} has the axes {', '.join(grid.axes)}")
        axis = grid.axes.index(direction)
        if end > grid.shape[axis]:
            raise ConfigError(
                f"{key}: [{first}, {end}] ends beyond the {grid.shape[axis]} cells of {source}"
            )
        kept[axis] = slice(first, end)
        periodic[axis] &= end - first == grid.shape[axis]
    shape = tuple(part.stop - part.start for part in kept)
    return replace(grid, shape=shape, periodic=tuple(periodic)), tuple(kept)


def _mean(
    source: str,
    name: str,
    parts: Sequence[str],
    read: Callable[[str], np.ndarray],
    others: Mapping[str, np.ndarray],
) -> np.ndarray:
    """Mean of one or more datasets, float32; all have one shape, which is that of `others`."""
    total: Any = None
    for part in parts:
        array = read(part)
        where = f"{source}: dataset {part!r}"
        if array.dtype.kind not in NUMERIC_KINDS:
            raise DataError(f"{where} holds {array.dtype}, but a field is numbers")
        first, shape = next(
            ((n, a.shape) for n, a in others.items()),
            (name, None if total is None else total.shape),
        )
        if shape is not None and array.shape != shape:
            raise DataError(
                f"{where} has shape {array.shape}, but field {first!r} has {shape}"
                f"{shape_hint(array.shape, shape)}"
            )
        total = array.astype(np.float64) if total is None else total + array
    return (total / len(parts)).astype(np.float32)


#: Two functions: which of some datasets are there (of None all), and one to read a dataset.
_Access = tuple[Callable[[Sequence[str] | None], set[str]], Callable[[str], np.ndarray]]


@contextmanager
def _opened(source: str) -> Iterator[_Access]:
    """Open the files of a source."""
    if PLACE in source:
        yield _pattern(source)
        return
    path = find_file(source)
    suffix = path.suffix.lower()
    if suffix in (".h5", ".hdf5"):
        with open_file(source, path) as file:
            yield _hdf5(source, file)
    elif suffix == ".npz":
        if not zipfile.is_zipfile(path):
            raise DataError(f"{source}: is not a .npz file, or it is truncated")
        with damages(source), np.load(path, allow_pickle=False) as archive:
            yield _npz(source, archive)
    else:
        raise DataError(
            f"{source}: fields are read from .h5, .hdf5 and .npz files, or from .npy files whose "
            f"names have {PLACE} for the field"
        )


def _hdf5(source: str, file: h5py.File) -> _Access:
    names: set[str] = set()
    with damages(source):
        file.visititems(lambda name, item: names.add(name) if hasattr(item, "dtype") else None)

    sides = [f"N{direction}" for direction in "zyx"]

    def read(name: str) -> np.ndarray:
        dataset = find_dataset(source, file, name)
        check_memory(source, 2 * dataset.nbytes)
        with damages(source):
            array = dataset[()]
            if array.ndim != 1 or not names.issuperset(sides):
                return array
            shape = [int(np.asarray(file[side][()]).reshape(-1)[0]) for side in sides]
        if array.size != np.prod(shape, dtype=object):
            said = " x ".join(f"{n}" for n in reversed(shape))
            raise DataError(
                f"{source}: dataset {name!r} has {array.size:,} values, but Nx x Ny x Nz is {said}"
            )
        return array.reshape(shape[1:] if shape[0] == 1 else shape)

    return (
        lambda parts: names if parts is None else {p for p in parts if p.strip("/") in names},
        read,
    )


def _npz(source: str, archive: np.lib.npyio.NpzFile) -> _Access:
    names = set(archive.files)

    def read(name: str) -> np.ndarray:
        return read_member(source, archive, name)

    return lambda parts: names if parts is None else names & set(parts), read


def _pattern(source: str) -> _Access:
    def path(name: str) -> str:
        return source.replace(PLACE, name)

    def there(parts: Sequence[str] | None) -> set[str]:
        if parts is not None:
            return {name for name in parts if Path(path(name)).exists()}
        folder, name = Path(source).parent, Path(source).name
        before, _, after = name.partition(PLACE)
        files = folder.glob(f"{before}*{after}") if PLACE in name else ()
        return {file.name[len(before) : len(file.name) - len(after)] for file in files}

    def read(name: str) -> np.ndarray:
        title = path(name)
        array = open_npy_array(title, find_file(title))
        check_memory(title, 2 * array.nbytes)
        return array

    return there, read
