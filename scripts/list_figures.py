"""Write which rule made each figure of a study, from what, and the checksums of all of it."""

from pathlib import Path

import pandas as pd

from kohorte import store
from kohorte.study.logs import job_log
from kohorte.study.manifest import figure_rows

if __name__ == "__main__":
    with job_log(snakemake.log[0]) as log:
        folder = Path(snakemake.output.table).parent.parent
        rows = figure_rows(folder, snakemake.params.figures, snakemake.params.config)
        table = pd.DataFrame(rows)
        store.write_csv(table, snakemake.output.table)
        log.info("%d figures listed", len(table))
