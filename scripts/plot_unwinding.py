"""Draw an unwound curve, and how well curves of other lengths are unwound."""

import pandas as pd

from kohorte import store
from kohorte.figures.spirals import unwinding_figure
from kohorte.figures.style import save_figure
from kohorte.logs import job_log

if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        figure = unwinding_figure(
            store.read_unwinding(snakemake.input.curve), pd.read_csv(snakemake.input.table)
        )
        for path in snakemake.output:
            save_figure(figure, path)
