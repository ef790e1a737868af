"""Sources that are GeoTIFF files: cells are rows, bands are columns."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kohorte._checks import extra
from kohorte.data.columns import Column, ColumnSource, column_of
from kohorte.data.reading import ReadOptions, Source, check_expansion, damages
from kohorte.errors import DataError

if TYPE_CHECKING:
    from rasterio.io import DatasetReader


@contextmanager
def open_geotiff(title: str, path: str | Path, options: ReadOptions) -> Iterator[Source]:
    """Open the bands of a GeoTIFF, of page `table` (from 0) where the file has several.

    Bands have the names of their descriptions, else band_1, ...; cells of no data are missing,
    scales and offsets are applied. An alpha band, and the coordinates x and y of the centres of
    cells, are features only if named.
    """
    with open_raster(title, path, options) as raster:
        with damages(title):
            source = _open(title, raster, options, os.stat(path).st_size)
        yield source


@contextmanager
def open_raster(title: str, path: str | Path, options: ReadOptions) -> Iterator[DatasetReader]:
    """Open a GeoTIFF, of page `table` where it has several."""
    with extra("formats"):
        import rasterio
    # Files beside this one could change unseen, so GDAL is not to look for any.
    with warnings.catch_warnings(), rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"):
        warnings.simplefilter("ignore")
        place = os.path.abspath(path)
        with damages(title):
            raster = rasterio.open(place, driver="GTiff")
            pages = len(raster.subdatasets)
        if pages and options.table is None:
            raster.close()
            raise DataError(
                f"{title}: has {pages} pages; set {options.section}table to one, from 0 on"
            )
        if options.table is not None:
            raster.close()
            raster = _open_page(title, place, options.table, max(1, pages))
        with raster:
            yield raster


def _open_page(title: str, place: str, table: str | int, pages: int) -> Any:
    import rasterio

    if not isinstance(table, int) or not 0 <= table < pages:
        raise DataError(f"{title}: no page {table!r}; it has {pages}, counted from 0")
    with damages(title):
        return rasterio.open(f"GTIFF_DIR:{table + 1}:{place}", driver="GTiff")


def _open(title: str, raster: Any, options: ReadOptions, stored: int) -> ColumnSource:
    from rasterio.enums import ColorInterp

    shape = (raster.height, raster.width)
    described = [(words or "").strip() for words in raster.descriptions]
    columns, asides = {}, {}
    for band, words in enumerate(described, 1):
        name = words if words and described.count(words) == 1 else f"band_{band}"
        scale, offset = raster.scales[band - 1], raster.offsets[band - 1]
        dtype = np.dtype(raster.dtypes[band - 1])
        check_expansion(title, shape[0] * shape[1] * dtype.itemsize, stored)
        if (scale, offset) != (1.0, 0.0):
            dtype = np.dtype(np.float64)
        reading = partial(_read, raster, band, scale, offset)
        columns[name] = Column(shape, dtype, reading, raster.units[band - 1] or "")
        if raster.colorinterp[band - 1] == ColorInterp.alpha:
            asides[name] = "the transparency of the cells"
    coordinates = {}
    straight = raster.transform.b == raster.transform.d == 0 and not raster.transform.is_identity
    if straight:
        unit = _unit(raster.crs)
        move = raster.transform
        coordinates = {
            "y": move.f + move.e * (np.arange(shape[0]) + 0.5),
            "x": move.c + move.a * (np.arange(shape[1]) + 0.5),
        }
        for axis, values in coordinates.items():
            along = values[:, None] if axis == "y" else values[None, :]
            if axis not in columns:
                columns[axis] = column_of(np.broadcast_to(along, shape), unit)
                asides[axis] = "a coordinate"
    source = ColumnSource(
        title, columns, options, shape=shape, coordinates=coordinates, asides=asides
    )
    source.axes = ("y", "x")
    return source


def _unit(crs: Any) -> str:
    if not crs:
        return ""
    return "degrees" if crs.is_geographic else str(crs.linear_units)


def _read(raster: Any, band: int, scale: float, offset: float) -> np.ndarray:
    values = raster.read(band, masked=True)
    return values if (scale, offset) == (1.0, 0.0) else values * scale + offset
