"""`data.h5`: the checked and scaled table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kohorte.store.files import create, open_result, put, read_text


@dataclass(frozen=True)
class PreparedData:
    """The scaled table that every realization is trained on.

    Attributes:
        features: (N, F) float32, C order, scaled.
        names: F feature names.
        offset: (F,) float64; physical value = features * scale + offset.
        scale: (F,) float64.
        truth: (N,) int64 class of each point, or None where it is not known.
        class_names: names of the classes, or None.
        rows: (N,) int64 row of each point in the source.
        digest: SHA-256 of the features and names.
    """

    features: np.ndarray
    names: tuple[str, ...]
    offset: np.ndarray
    scale: np.ndarray
    truth: np.ndarray | None
    class_names: tuple[str, ...] | None
    rows: np.ndarray
    digest: str

    def physical(self, columns: Sequence[int]) -> np.ndarray:
        """Some features of all points in the units of the source, (N, len(columns)) float64."""
        columns = list(columns)
        return self.features[:, columns] * self.scale[columns] + self.offset[columns]


def write_data(path: str | Path, data: PreparedData, **attributes: Any) -> None:
    """Write `data.h5`."""
    with create(path, "data", digest=data.digest, **attributes) as file:
        put(
            file,
            {
                "features": data.features,
                "names": data.names,
                "scaling/offset": data.offset,
                "scaling/scale": data.scale,
                "truth": data.truth,
                "class_names": data.class_names,
                "rows": data.rows,
            },
        )


def read_data(path: str | Path) -> PreparedData:
    """Read `data.h5`."""
    with open_result(path, "data") as file:
        return PreparedData(
            features=file["features"][:],
            names=read_text(file["names"]),
            offset=file["scaling/offset"][:],
            scale=file["scaling/scale"][:],
            truth=file["truth"][:] if "truth" in file else None,
            class_names=read_text(file["class_names"]) if "class_names" in file else None,
            rows=file["rows"][:],
            digest=file.attrs["digest"],
        )
