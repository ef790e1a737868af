"""Draw learning rate, radius and kernel as training goes on."""

import pandas as pd

from kohorte import store
from kohorte.analysis.choice import most_telling
from kohorte.figures.schedules import schedule_figure
from kohorte.figures.style import save_figure
from kohorte.maps.realization import MapParameters
from kohorte.study.logs import job_log


def plot_schedule(indexes, realizations, ensemble, data, swept, color_by):
    """Coloured by `color_by`, or by the swept parameter that tells most of the final error."""
    stored = [store.read_realization(file) for file in store.listed_realizations(indexes)]
    color_by = color_by or next(iter(most_telling(realizations, swept)), None)
    representative = store.read_representative(ensemble)
    return schedule_figure(
        [MapParameters(**r.parameters) for r in stored],
        n_points=len(store.read_data(data).features),
        colour_by=None if color_by is None else realizations[color_by].tolist(),
        colour_name=color_by or "",
        highlight=[r.id for r in stored].index(representative),
    )


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        figure = plot_schedule(
            snakemake.input.labels,
            pd.read_csv(snakemake.input.realizations),
            snakemake.input.ensemble,
            snakemake.input.data,
            snakemake.params.swept,
            snakemake.params.color_by,
        )
        for path in snakemake.output:
            save_figure(figure, path)
