"""Novelty of the points of a study, from its table and its maps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kohorte import store
from kohorte.maps.draws import see
from kohorte.maps.novelty import winner_novelty

_BLOCK_VALUES = 1 << 20  # features of points, and of their winners, held at once


def study_novelty(
    data: str | Path, indexes: Sequence[str | Path], ids: Sequence[str]
) -> MeanNovelty:
    """Return the novelty of the points of `data.h5`, by slices, from the maps `ids` of indexes."""
    features = store.read_data(data, mapped=True).features
    paths = {path.stem: path for path in store.listed_realizations(indexes)}
    return MeanNovelty(features, [paths[identifier] for identifier in ids])


class MeanNovelty:
    """Novelty of the points of a study, computed as it is sliced, as `predict` has it.

    `features` (N, F) are those of `data.h5`, `maps` the paths of the realizations. These know the
    winners; only the distances to them are computed anew.
    """

    def __init__(self, features: Any, maps: Sequence[Path]) -> None:
        self.features, self.maps = features, maps

    def __len__(self) -> int:
        return len(self.features)

    def __getitem__(self, rows: slice) -> np.ndarray:
        total = np.zeros(rows.stop - rows.start)
        step = max(1, _BLOCK_VALUES // self.features.shape[1])
        for path in self.maps:
            with store.open_result(path, "realization") as file:
                weights, winners = file["weights"][:], file["winners"]
                metric = store.read_json(file, "parameters")["metric"]
                factors = file["factors"][:] if "factors" in file else None
                weights = see(weights, factors)
                error = float(file["quality"].attrs["quantization_error"])
                for start in range(rows.start, rows.stop, step):
                    block = slice(start, min(start + step, rows.stop))
                    total[start - rows.start : block.stop - rows.start] += winner_novelty(
                        see(self.features[block], factors),
                        weights,
                        winners[block],
                        metric=metric,
                        quantization_error=error,
                    )
        return total / len(self.maps)
