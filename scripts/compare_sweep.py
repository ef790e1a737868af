"""One ensemble for each setting of the parameters of `ensemble.per`, and a table of all."""

from dataclasses import asdict

import numpy as np
import pandas as pd

from kohorte import store
from kohorte.analysis.choice import choose_settings, describe_choice, trained_with
from kohorte.analysis.evaluation import evaluate
from kohorte.ensemble.sweep import combine_settings, measure_setting
from kohorte.store.sweeps import read_sweep_labels, write_sweep
from kohorte.study.logs import job_log

SCORES = ["ari", "ami", "accuracy"]

#: Reasons where each setting holds maps in several metrics, and where only segmentations differ.
MIXED = "lowest topographic error (quantization errors in different metrics cannot be compared)"
EQUAL = "neither error depends on the segmentation"


def map_columns(maps, per):
    """The parameters of each setting, in the order of the sweep, and what its maps are like; and
    the (R,) row of each map."""
    mixed = "metric" not in per and maps["metric"].nunique() > 1
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
        reasons = [MIXED if trained_with(per) else EQUAL]
    best = choice.settings.loc[choice.settings["recommended"], "realization"]
    reason_of = dict(zip(best, reasons, strict=True))
    return table.assign(reason=chosen["realization"].map(reason_of)), setting


def ensemble_columns(parts, path, whole, truth):
    """What the ensemble of each setting is like; scores are NaN where `truth` is None."""
    rows = []
    for part, (labels, confidence) in zip(parts, read_sweep_labels(path), strict=True):
        row = {"n_groups": part.ensemble.grouping.n_groups, "mean_confidence": confidence}
        row |= asdict(measure_setting(part.ensemble, labels, whole))
        scores = evaluate(labels, truth) if truth is not None else None
        rows.append(row | {name: getattr(scores, name, np.nan) for name in SCORES})
    return pd.DataFrame(rows)


if __name__ == "__main__":
    with job_log(snakemake.log[0]), store.open_label_arrays(snakemake.input.labels) as opened:
        options, per = snakemake.params.options, snakemake.params.per
        combined = store.read_ensemble(snakemake.input.ensemble, points=True)
        maps = pd.read_csv(snakemake.input.realizations).set_index("id", drop=False)
        table, setting = map_columns(maps.loc[list(opened.ids)].reset_index(drop=True), per)
        choices = {name: options[name] for name in ("identical", "threshold", "groups")}
        found = combine_settings(combined.overlaps, setting, **choices)
        write_sweep(
            snakemake.output.sweep,
            found,
            opened.arrays,
            ids=opened.ids,
            parameters=table[per].astype(object).where(table[per].notna(), None).to_dict("records"),
            options=options,
            memory_mb=snakemake.params.memory_mb,
            threads=snakemake.threads,
        )
        truth = store.read_data(snakemake.input.data).truth
        ensembles = ensemble_columns(found, snakemake.output.sweep, combined.points.label, truth)
        verdict = ["pareto", "recommended", "reason"]
        table = pd.concat([table.drop(columns=verdict), ensembles, table[verdict]], axis=1)
        store.write_csv(table, snakemake.output.table)
