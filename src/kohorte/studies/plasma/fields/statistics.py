"""What the values of fields are like: how far from noise, and how near to the current."""

from __future__ import annotations

import numpy as np
import pandas as pd

from kohorte.studies.plasma.fields.grid import Fields

#: The field that the others are correlated with.
CURRENT = "j_par"


def describe_fields(fields: Fields) -> pd.DataFrame:
    """Describe each field in a row, in float64.

    Columns: `field`, `unit`, `mean`, `std`, `min`, `max`; `peak`, the largest deviation from the
    mean over the standard deviation; `kurtosis`, the fourth moment of the deviations over the
    square of the second, less the 3 of normal noise; and `correlation` with `CURRENT` (Pearson).
    Intermittent fields have a large peak and kurtosis. What has no meaning for a field of one
    value is NaN.
    """
    current = None if CURRENT not in fields.values else _deviation(fields.values[CURRENT])
    rows = []
    for name, array in fields.values.items():
        away = _deviation(array)
        square = float(np.mean(away**2))
        row = {
            "field": name,
            "unit": fields.units[name],
            "mean": float(np.mean(array, dtype=float)),
        }
        row |= {"std": square**0.5, "min": float(array.min()), "max": float(array.max())}
        row |= {"peak": np.nan, "kurtosis": np.nan, "correlation": np.nan}
        if square > 0:
            row["peak"] = float(np.abs(away).max()) / square**0.5
            row["kurtosis"] = float(np.mean(away**4)) / square**2 - 3
            if current is not None and (size := float(np.mean(current**2))) > 0:
                row["correlation"] = float(np.mean(away * current)) / (square * size) ** 0.5
        rows.append(row)
    return pd.DataFrame(rows)


def _deviation(array: np.ndarray) -> np.ndarray:
    away = array.astype(np.float64)
    return away - away.mean()
