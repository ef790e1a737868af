"""Draw the errors of all realizations as their training went on."""

import pandas as pd

from kohorte import store
from kohorte.analysis.choice import most_telling
from kohorte.figures.style import save_figure
from kohorte.figures.training import history_figure
from kohorte.study.logs import job_log

CURVES = ("step", "quantization_error", "topographic_error", "radius")


def plot_history(indexes, realizations, ensemble, swept, color_by):
    """Coloured by `color_by`, or by the swept parameter that tells most of the final error."""
    files = store.listed_realizations(indexes)
    stored = [store.read_realization(f, *(f"history/{name}" for name in CURVES)) for f in files]
    color_by = color_by or next(iter(most_telling(realizations, swept)), None)
    representative = store.read_representative(ensemble)
    return history_figure(
        [{name: r.arrays[f"history/{name}"] for name in CURVES} for r in stored],
        colour_by=None if color_by is None else realizations[color_by].tolist(),
        colour_name=color_by or "",
        metric=realizations["metric"].tolist(),
        highlight=int((realizations["id"] == representative).to_numpy().argmax()),
    )


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        figure = plot_history(
            snakemake.input.labels,
            pd.read_csv(snakemake.input.realizations),
            snakemake.input.ensemble,
            snakemake.params.swept,
            snakemake.params.color_by,
        )
        for path in snakemake.output:
            save_figure(figure, path)
