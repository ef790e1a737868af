"""Draw an unwound curve, and how well curves of other lengths are unwound."""

import pandas as pd

from kohorte.figures.style import save_figure
from kohorte.studies.spirals import store as spiral_store
from kohorte.studies.spirals.figures import unwinding_figure
from kohorte.study.logs import job_log

if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        figure = unwinding_figure(
            spiral_store.read_unwinding(snakemake.input.curve), pd.read_csv(snakemake.input.table)
        )
        for path in snakemake.output:
            save_figure(figure, path)
