"""The explorer of an ensemble that was fitted in Python."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kohorte import store
from kohorte.data.table import Beside
from kohorte.errors import DataError
from kohorte.explorer.content import Files, Limits
from kohorte.explorer.page import Page, render_explorer
from kohorte.maps.parameters import PARAMETERS

if TYPE_CHECKING:
    from kohorte.estimators import SOMEnsemble


def explore(
    ensemble: SOMEnsemble,
    points: np.ndarray,
    names: Sequence[Any],
    *,
    table: tuple[np.ndarray, Sequence[Any]] | None,
    ids: Sequence[Any] | None,
    title: str,
) -> Page:
    """Return the page of a fitted ensemble.

    `points` (N, F), with the `names` of their features, are those of the fit; `table` are features
    to show instead, (N, F') in any units, with their names; `ids` are N names of the points.
    DataError where their numbers do not fit.
    """
    for what, found in (("X", points), ("table", table and table[0]), ("ids", ids)):
        if found is not None and len(found) != len(ensemble.labels_):
            raise DataError(
                f"{what} has {len(found)} points, but the fit had {len(ensemble.labels_)}; give "
                "those of the fit, in their order"
            )
    members = ensemble.estimators_
    scaled = members[0]._scale(points)
    called = [name if isinstance(name, str) else f"feature {name}" for name in names]
    beside = Beside() if ids is None else Beside({"id": np.array([str(i) for i in ids], object)})
    prepared = store.PreparedData(
        features=scaled,
        names=tuple(called),
        offset=ensemble.center_,
        scale=1 / ensemble.feature_weights_,
        truth=None,
        class_names=None,
        rows=np.arange(len(points)),
        digest="",
        beside=beside,
    )
    varying = [
        name for name in PARAMETERS if len({str(getattr(m.parameters_, name)) for m in members}) > 1
    ]
    labels = store.LabelArrays(ensemble.ids_, tuple(m.labels_ for m in members), ensemble.ids_)
    with tempfile.TemporaryDirectory() as folder:
        ensemble.save(folder)
        maps = [Path(folder, "realizations", f"{identifier}.h5") for identifier in ensemble.ids_]
        shown = (points, called) if table is None else table
        files = Files(title, Path(folder, "ensemble.h5"), prepared, labels, maps, shown, varying)
        return render_explorer(files, Limits(seed=ensemble.seed_))
