"""A sweep, setting by setting: what the maps and the ensemble of each are like."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from kohorte import store
from kohorte._checks import extra
from kohorte.analysis.choice import INCOMPARABLE, choose_settings, describe_choice, trained_with
from kohorte.analysis.evaluation import evaluate
from kohorte.ensemble.combination import COMBINED_WITH
from kohorte.ensemble.sweep import SettingEnsemble, combine_settings, measure_setting
from kohorte.store.sweeps import read_sweep_labels, write_sweep

with extra("figures"):
    import pandas as pd

_SCORES = ["ari", "ami", "accuracy"]

# Reasons where the errors of a setting are measured in several ways, and where only
# segmentations differ.
_MIXED = (
    "lowest topographic error (quantization errors in different metrics, scalings or features "
    "cannot be compared)"
)
_EQUAL = "neither error depends on the segmentation"


def tabulate_settings(maps: pd.DataFrame, per: Sequence[str]) -> tuple[pd.DataFrame, np.ndarray]:
    """Return what the maps of each setting are like, and the setting of each map.

    `maps`: one row per trained map: `id`, its parameters, `qe`, `te`, `n_clusters`; `per`: names of
    the parameters whose combinations are the settings. Returns `table` DataFrame: one row a
    setting, in the order of the sweep; `setting` (R,) int64: row of each map.
    """
    per = list(per)
    # Each setting has a consensus of its own; how far a map agrees with that of all is no merit.
    maps = maps.drop(columns="with_consensus", errors="ignore")
    mixed = any(n in maps and n not in per and maps[n].nunique() > 1 for n in INCOMPARABLE)
    maps = maps.assign(qe=np.nan) if mixed else maps
    setting = maps.groupby(per, sort=False, dropna=False).ngroup().to_numpy()
    first, grouped = np.unique(setting, return_index=True)[1], maps.groupby(setting)
    table = maps.iloc[first][per].reset_index(drop=True).assign(realizations=grouped.size())
    for error in ("qe", "te"):
        table[f"{error}_mean"], table[f"{error}_std"] = grouped[error].mean(), grouped[error].std()
    table["n_clusters"] = grouped["n_clusters"].median()
    # The segmentation changes neither error: settings that differ in nothing else are one choice.
    choice = choose_settings(maps, per)
    chosen = choice.settings.iloc[choice.member[first]].reset_index(drop=True)
    names = [*trained_with(per), "pareto", "recommended"]
    table[names] = chosen[names]
    reasons = [reason for _, reason in describe_choice(choice.settings)]
    if mixed or not trained_with(per):
        reasons = [_MIXED if trained_with(per) else _EQUAL] * len(reasons)
    best = choice.settings.loc[choice.settings["recommended"], "realization"]
    reason_of = dict(zip(best, reasons, strict=True))
    return table.assign(reason=chosen["realization"].map(reason_of)), setting


def tabulate_ensembles(
    parts: Sequence[SettingEnsemble],
    labels: Iterable[tuple[np.ndarray, float]],
    whole: np.ndarray,
    truth: np.ndarray | None = None,
) -> pd.DataFrame:
    """Return what the ensemble of each setting is like, one row each.

    `parts`: ensembles of the settings. `labels`: (N,) consensus labels of each, and the mean of
    their confidence, as `store.sweeps.read_sweep_labels` yields them. `whole` (N,): consensus of
    all realizations. `truth` (N,): known classes; scores are NaN without.
    """
    rows = []
    for part, (found, confidence) in zip(parts, labels, strict=True):
        row = {"n_groups": part.ensemble.grouping.n_groups, "mean_confidence": confidence}
        row |= asdict(measure_setting(part.ensemble, found, whole))
        scores = evaluate(found, truth) if truth is not None else None
        rows.append(row | {name: getattr(scores, name, np.nan) for name in _SCORES})
    return pd.DataFrame(rows)


def compare_settings(
    path: str | Path,
    labels: store.LabelArrays,
    *,
    data: str | Path,
    realizations: str | Path,
    ensemble: str | Path,
    per: Sequence[str],
    options: Mapping[str, Any],
    memory_mb: int = 64,
    threads: int | None = None,
) -> pd.DataFrame:
    """Combine the maps of each setting of a study, write the ensembles and return their table.

    `path`: where `sweep.h5` will lie; `labels`: labels of all maps; `data`, `realizations`,
    `ensemble`: the study's `data.h5`, `tables/realizations.csv` and `ensemble.h5`; `per`: names of
    the parameters whose combinations are the settings; `options`, `memory_mb`, `threads`: as for
    `store.sweeps.write_sweep`.
    """
    per = list(per)
    combined = store.read_ensemble(ensemble, points=True)
    maps = pd.read_csv(realizations).set_index("id", drop=False)
    table, setting = tabulate_settings(maps.loc[list(labels.ids)].reset_index(drop=True), per)
    choices = {name: options[name] for name in COMBINED_WITH}
    parts = combine_settings(combined.overlaps, setting, **choices)
    rows = table[per].astype(object).where(table[per].notna(), None).to_dict("records")
    parameters = [{str(name): value for name, value in row.items()} for row in rows]
    how: Any = {"ids": labels.ids, "memory_mb": memory_mb, "threads": threads}
    write_sweep(path, parts, labels.arrays, parameters=parameters, options=options, **how)
    truth = store.read_data(data).truth
    found = tabulate_ensembles(parts, read_sweep_labels(path), combined.points.label, truth)
    verdict = ["pareto", "recommended", "reason"]
    return pd.concat([table.drop(columns=verdict), found, table[verdict]], axis=1)
