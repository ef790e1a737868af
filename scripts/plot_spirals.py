"""Draw the networks on two spirals: decisions, maps between layers, courses and sweeps."""

import pandas as pd

from kohorte.figures.style import save_figure
from kohorte.studies.spirals import figures as spirals
from kohorte.studies.spirals import store as spiral_store
from kohorte.studies.spirals.plan import EXTENT
from kohorte.study.logs import job_log


def draw_figures(jobs, networks, courses):
    """Name -> figure, from what the jobs left and the paths of the two tables."""
    drawn = [job for job in map(spiral_store.read_networks, jobs) if job["picture"] is not None]
    return {
        "decisions": spirals.decisions_figure(drawn, EXTENT),
        "layers": spirals.layers_figure(drawn),
        "courses": spirals.courses_figure(pd.read_csv(courses)),
        "sweep": spirals.sweep_figure(pd.read_csv(networks)),
    }


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        figures = draw_figures(
            snakemake.input.jobs, snakemake.input.networks, snakemake.input.courses
        )
        for name, figure in figures.items():
            save_figure(figure, snakemake.output[f"{name}_pdf"])
            save_figure(figure, snakemake.output[f"{name}_png"])
