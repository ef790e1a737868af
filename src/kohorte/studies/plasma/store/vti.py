"""Grids as VTK image data (`.vti`), which ParaView and VisIt open."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np

from kohorte._files import replacing
from kohorte.studies.plasma.fields.grid import Grid

_TYPES = {"u1": "UInt8", "u2": "UInt16", "u4": "UInt32", "i4": "Int32", "f4": "Float32"}
_BLOCK = 2**22  # cells held in memory at once


def write_vti(path: str | Path, grid: Grid, arrays: Mapping[str, Any]) -> None:
    """Write values of the cells of a grid as VTK image data, part by part.

    VTK runs through x fastest, whatever the order of the array: axes are put in that order, so that
    the directions of the grid are those of the picture. `arrays`: arrays or datasets of its shape
    by name, of 8, 16 or 32 bit integers or float32.
    """
    order = [grid.axes.index(axis) for axis in sorted(grid.axes, reverse=True)]  # slowest first
    sides = [grid.shape[k] for k in reversed(order)] + [0] * (3 - len(order))
    steps = [grid.spacing[k] for k in reversed(order)] + [1.0] * (3 - len(order))
    extent = quoteattr(" ".join(f"0 {n}" for n in sides))
    lines, offset = [], 0
    for name, array in arrays.items():
        code = np.dtype(array.dtype).str[1:]
        lines.append(
            f"    <DataArray Name={quoteattr(name)} type={quoteattr(_TYPES[code])} "
            f'format="appended" offset="{offset}"/>'
        )
        offset += 8 + grid.n_cells * np.dtype(array.dtype).itemsize
    spacing = quoteattr(" ".join(repr(float(step)) for step in steps))
    header = [
        '<?xml version="1.0"?>',
        '<VTKFile type="ImageData" version="1.0" byte_order="LittleEndian" header_type="UInt64">',
        f'<ImageData WholeExtent={extent} Origin="0 0 0" Spacing={spacing}>',
        f"<Piece Extent={extent}>",
        "  <CellData>",
        *lines,
        "  </CellData>",
        "</Piece>",
        "</ImageData>",
        '<AppendedData encoding="raw">',
        "_",
    ]
    slowest = order[0]
    rows = max(1, _BLOCK // (grid.n_cells // grid.shape[slowest]))
    with replacing(path) as temporary, open(temporary, "wb") as stream:
        stream.write("\n".join(header).encode())
        for array in arrays.values():
            little = np.dtype(array.dtype).newbyteorder("<")
            stream.write(np.array(grid.n_cells * little.itemsize, "<u8").tobytes())
            for start in range(0, grid.shape[slowest], rows):
                key: list[Any] = [slice(None)] * len(order)
                key[slowest] = slice(start, start + rows)
                block = np.asarray(array[tuple(key)]).transpose(order)
                stream.write(np.ascontiguousarray(block, dtype=little).data)
        stream.write(b"\n</AppendedData>\n</VTKFile>\n")
