"""Sources that are NetCDF files and Zarr stores: variables on one grid are columns."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from kohorte._checks import extra, suggest
from kohorte.data.columns import Column, ColumnSource, choose_columns
from kohorte.data.hdf5 import check_inside, open_file
from kohorte.data.names import extension
from kohorte.data.numbers import yaml_list
from kohorte.data.packing import Packing, Unpacked, unpacked
from kohorte.data.reading import (
    NUMERIC_KINDS,
    ArraySource,
    ReadOptions,
    Source,
    check_expansion,
    damages,
    decode_names,
)
from kohorte.errors import DataError

if TYPE_CHECKING:
    import xarray as xr
    import zarr

_LOG = logging.getLogger(__name__)

#: What NetCDF leaves in entries that were never written, by kind and bytes, where no _FillValue is.
_UNWRITTEN = {"f4": 9.969209968386869e36, "f8": 9.969209968386869e36}
_UNWRITTEN |= {"i2": -32767, "i4": -2147483647, "i8": -9223372036854775806}

#: Groups that a message names.
_LISTED = 20

#: Axes that the grid of a study can have.
_MAX_AXES = 3


@contextmanager
def open_netcdf(title: str, path: str | Path, options: ReadOptions) -> Iterator[Source]:
    """Open the variables of a NetCDF file, of the group `table` where that is given.

    Those that share one grid are columns, and its cells rows in C order; coordinates are columns,
    too, which are features only if named. Variables of one axis are a table by row. Fill values
    and values outside of valid_range are missing; scale_factor and add_offset are applied.
    """
    with open_dataset(title, path, options) as data:
        groups = partial(_groups_of_file, title, path)
        yield _open_dataset(title, data, options, os.stat(path).st_size, groups)


@contextmanager
def open_dataset(title: str, path: str | Path, options: ReadOptions) -> Iterator[xr.Dataset]:
    """Open a NetCDF file or a Zarr store with names of axes in xarray, with times as numbers."""
    with extra("formats"):
        import xarray as xr

        is_hdf5 = h5py.is_hdf5(path)
        if is_hdf5:
            import h5netcdf  # noqa: F401
    how: dict[str, Any] = {"engine": "scipy"}
    if is_hdf5:
        with open_file(title, path) as file:
            check_inside(title, file)
        how = {"engine": "h5netcdf", "phony_dims": "sort"}
    elif extension(str(path)) == ".zarr":
        how = {"engine": "zarr", "chunks": None}
    if options.table is not None:
        how["group"] = str(options.table)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with damages(title):
            try:
                data = xr.open_dataset(path, decode_times=False, decode_coords="all", **how)
            except (KeyError, OSError) as error:
                if options.table is None or isinstance(error, FileNotFoundError):
                    raise
                raise DataError(f"{title}: no group {options.table!r} ({error})") from error
        with data:
            yield data


@contextmanager
def open_zarr(title: str, path: str | Path, options: ReadOptions) -> Iterator[Source]:
    """Open a Zarr store as `open_netcdf` does; one without names of axes as a .npz is."""
    with extra("formats"):
        import xarray  # noqa: F401
        import zarr
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with damages(title):
            whole = zarr.open(store=str(path), mode="r")
            groups = partial(_groups_of_store, whole)
            group = whole
            if options.table is not None:
                try:
                    group = zarr.open(store=str(path), mode="r", path=str(options.table))
                except FileNotFoundError as error:
                    there = suggest(str(options.table), groups())
                    raise DataError(f"{title}: no group {options.table!r}; {there}") from error
            arrays = dict(sorted(_arrays(title, group)))
        if not arrays and (inner := _tell_groups(groups(), options)):
            raise DataError(f"{title}: has no arrays{inner}")
        named = [dimensions_of(array) is not None for array in arrays.values() if array.shape]
        if named and all(named):
            with open_dataset(title, path, options) as data:
                yield _open_dataset(title, data, options, _stored(path), groups, in_store=True)
            return
        yield _open_plain(title, arrays, options, _stored(path))


def dimensions_of(array: zarr.Array) -> list[str] | None:
    """Return the names of the axes of an array, None where it has none."""
    said = array.metadata.to_dict().get("dimension_names") or array.attrs.get("_ARRAY_DIMENSIONS")
    return [str(name) for name in said] if isinstance(said, list | tuple) else None


def _open_plain(
    title: str, arrays: dict[str, zarr.Array], options: ReadOptions, stored: int
) -> Source:
    """Open a group of arrays that have no names of axes, or a single array, called ''."""
    for array in arrays.values():
        check_expansion(title, array.nbytes, stored)
    key = options.feature_dataset
    if "" in arrays:
        return ArraySource(title, unpacked(arrays[""]))
    if key in arrays:
        names, naming = None, options.names_dataset
        if naming is not None and (naming in arrays or naming != "names"):
            if naming not in arrays:
                raise DataError(f"{title}: no array {naming!r}")
            with damages(title):
                names = decode_names(title, arrays[naming][:], f"array {naming!r}")
        source = ArraySource(title, unpacked(arrays[key]), names, f"array {key!r}")
        if options.label in arrays and options.label not in source.names:
            with damages(title):
                source.add_labels(unpacked(arrays[options.label])[:])
        for name in options.beside:
            if name in arrays and name not in source.names:
                with damages(title):
                    source.add_beside(name, unpacked(arrays[name])[:])
        return source
    members = {
        name: Column(array.shape, array.dtype, partial(_whole, array))
        for name, array in ((name, unpacked(array)) for name, array in arrays.items())
    }
    return ColumnSource(title, choose_columns(title, members, options), options)


def _arrays(title: str, group: zarr.Group | zarr.Array) -> Iterator[tuple[str, zarr.Array]]:
    """Give the arrays of a group; raise DataError for one that holds pickled objects."""
    import zarr

    for name, array in [("", group)] if isinstance(group, zarr.Array) else group.arrays():
        if "pickle" in str(array.metadata.to_dict()).lower():
            raise DataError(
                f"{title}: array {name!r} holds pickled objects, which are never loaded"
            )
        there, parts, fill = array.nchunks_initialized, array.nchunks, array.fill_value
        if there < parts and fill is not None and fill == fill:
            _LOG.warning(
                "%s: array %r: %d of its %d chunks are in the store, and the others are read as "
                "%s; copy the store again if it should have them",
                *(title, name, there, parts, fill),
            )
        yield name, array


def _whole(array: zarr.Array | Unpacked) -> np.ndarray:
    return np.asarray(array[:])


def _stored(path: str | Path) -> int:
    if not Path(path).is_dir():
        return os.stat(path).st_size
    return sum(part.stat().st_size for part in Path(path).rglob("*") if part.is_file())


def _groups_of_file(title: str, path: str | Path) -> list[str]:
    """List the groups of a file that hold variables, but for the outermost one."""
    if not h5py.is_hdf5(path):
        return []
    found: list[str] = []
    with open_file(title, path) as file:
        file.visititems(lambda name, thing: found.append(name) if _has_axes(thing) else None)
    return _parents(found)


def _groups_of_store(whole: zarr.Group | zarr.Array) -> list[str]:
    """List the groups of a store that hold arrays, but for the outermost one."""
    members = whole.members(max_depth=None) if hasattr(whole, "members") else ()
    return _parents(name for name, thing in members if _has_axes(thing))


def _has_axes(thing: Any) -> bool:
    return len(getattr(thing, "shape", None) or ()) > 0


def _parents(names: Iterable[str]) -> list[str]:
    return sorted({name.rpartition("/")[0] for name in names} - {""})


def _tell_groups(groups: list[str], options: ReadOptions) -> str:
    """Say which groups a file has beside that which was looked at; nothing where it has none."""
    others = [group for group in groups if group != str(options.table).strip("/")]
    more = ", ..." if len(others) > _LISTED else ""
    named = ", ".join(map(repr, others[:_LISTED])) + more
    return f"; set {options.section}table to one of its groups: {named}" if others else ""


def _names(variables: Iterable[Hashable], in_store: bool) -> list[Any]:
    """List variables in the order of the file; a folder has none."""
    return sorted(variables, key=str) if in_store else list(variables)


def _open_dataset(
    title: str,
    data: xr.Dataset,
    options: ReadOptions,
    stored: int,
    groups: Callable[[], list[str]],
    *,
    in_store: bool = False,
) -> Source:
    with damages(title):
        data = data.squeeze()
        axes = _choose_axes(title, data, options, groups)
        shape = tuple(data.sizes[axis] for axis in axes)
        columns, asides = {}, {}
        for name in _names(data.data_vars, in_store):
            variable = data.data_vars[name]
            if set(variable.dims) == set(axes):
                check_expansion(f"{title}: {name!r}", variable.nbytes, stored)
                columns[str(name)] = _column(variable, axes, shape)
        for name in _names(data.coords, in_store):
            variable = data.coords[name]
            if variable.ndim and set(variable.dims) <= set(axes):
                columns[str(name)] = _column(variable, axes, shape)
                asides[str(name)] = "a coordinate"
        coordinates = {
            axis: data.coords[axis].values
            for axis in axes
            if axis in data.coords and data.coords[axis].dtype.kind in NUMERIC_KINDS
        }
    is_grid = len(axes) > 1
    source = ColumnSource(
        title,
        columns,
        options,
        shape=shape if is_grid else None,
        coordinates=coordinates if is_grid else {},
        asides=asides,
        ids=axes[0] if not is_grid and axes[0] in columns else None,
    )
    source.axes = axes if is_grid else ()
    return source


def _choose_axes(
    title: str, data: xr.Dataset, options: ReadOptions, list_groups: Callable[[], list[str]]
) -> tuple[str, ...]:
    """Choose the axes of the grid: those of the named features, or of all variables of numbers."""
    together: dict[frozenset[Hashable], list[str]] = {}
    order: dict[frozenset[Hashable], tuple[str, ...]] = {}
    wanted = options.features
    for name in data.data_vars if wanted is None else wanted:
        variable = data.data_vars.get(name)
        if variable is None and name in data.coords and data.coords[name].ndim > 1:
            variable = data.coords[name]
        if variable is not None and variable.ndim and variable.dtype.kind in NUMERIC_KINDS:
            key = frozenset(variable.dims)
            together.setdefault(key, []).append(str(name))
            order.setdefault(key, tuple(map(str, variable.dims)))
    if not together and wanted is not None:
        everything = replace(options, features=None)  # What is wrong is the names.
        return _choose_axes(title, data, everything, list_groups)
    if not together:
        inner = _tell_groups(list_groups(), options)
        raise DataError(f"{title}: has no variables of numbers on a grid{inner}")
    groups = [f"({', '.join(order[key])}): {', '.join(names)}" for key, names in together.items()]
    largest = max(together.values(), key=len)
    if len(together) > 1:
        raise DataError(
            f"{title}: {'the features' if wanted else 'its variables'} lie on different grids: "
            f"{'; '.join(groups)}; choose those of one grid, as "
            f"{options.section}features: {yaml_list(largest)}"
        )
    axes = next(iter(order.values()))
    if len(axes) > _MAX_AXES:
        raise DataError(
            f"{title}: {', '.join(largest)} have {len(axes)} axes, {', '.join(axes)}, but a grid "
            f"has at most {_MAX_AXES}; save one step of an axis, or a mean over it, in a file of "
            f"its own, as by xarray's isel({axes[0]}=0).to_netcdf(...)"
        )
    return axes


def _column(variable: xr.DataArray, axes: tuple[str, ...], shape: tuple[int, ...]) -> Column:
    said = variable.attrs
    words = said.get("long_name") or said.get("standard_name") or ""
    # A packed variable is unpacked as floats when it is read.
    return Column(
        shape,
        variable.dtype,
        partial(_read, variable, axes, shape),
        str(said.get("units", "")),
        str(words),
    )


def _read(variable: xr.DataArray, axes: tuple[str, ...], shape: tuple[int, ...]) -> np.ndarray:
    """Read a variable on all cells, in the order of the axes; what is not valid is masked."""
    own = [axis for axis in axes if axis in variable.dims]
    values = variable.transpose(*own).values
    stored = variable.encoding.get("dtype", values.dtype)
    packing = Packing.of({**variable.attrs, **variable.encoding})
    unwritten = None if packing.fills else _UNWRITTEN.get(np.dtype(stored).str[1:])
    low, high = packing.limits()
    if values.dtype.kind in NUMERIC_KINDS:
        absent = np.zeros(values.shape, dtype=bool)
        if unwritten is not None and values.dtype.kind in "iuf":
            absent |= values == values.dtype.type(unwritten * packing.scale + packing.offset)
        if low is not None:
            absent |= values < low
        if high is not None:
            absent |= values > high
        if absent.any():
            values = np.ma.masked_array(values, absent)
    if values.shape == shape:
        return values
    place = tuple(slice(None) if axis in own else None for axis in axes)
    return np.ma.array(np.broadcast_to(np.ma.getdata(values)[place], shape))
