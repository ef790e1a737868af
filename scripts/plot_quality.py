"""Draw topographic against quantization error of all realizations, and what is recommended."""

import pandas as pd

from kohorte import store
from kohorte.analysis.choice import most_telling
from kohorte.figures.quality import quality_figure
from kohorte.figures.style import save_figure
from kohorte.study.logs import job_log


def plot_quality(realizations, choice, ensemble, swept, color_by):
    """Coloured by `color_by`, or by the swept parameter that tells most of the quantization error;
    marked by the next."""
    telling = [name for name in most_telling(realizations, swept) if name != "metric"]
    color_by = color_by or next(iter(telling), None)
    marker_by = next((name for name in telling if name != color_by), None)
    representative = store.read_representative(ensemble)
    return quality_figure(
        realizations["qe"],
        realizations["te"],
        colour_by=None if color_by is None else realizations[color_by].tolist(),
        colour_name=color_by or "",
        marker_by=None if marker_by is None else realizations[marker_by].tolist(),
        marker_name=marker_by or "",
        metric=realizations["metric"].tolist(),
        settings=choice,
        highlight=int((realizations["id"] == representative).to_numpy().argmax()),
    )


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        figure = plot_quality(
            pd.read_csv(snakemake.input.realizations),
            pd.read_csv(snakemake.input.choice),
            snakemake.input.ensemble,
            snakemake.params.swept,
            snakemake.params.color_by,
        )
        for path in snakemake.output:
            save_figure(figure, path)
