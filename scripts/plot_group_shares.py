"""Draw shares of volume, current and dissipation of all groups of cells."""

import pandas as pd

from kohorte.figures.style import save_figure
from kohorte.studies.plasma.figures.cell_groups import group_shares_figure
from kohorte.study.logs import job_log

#: Kind of a group in the tables -> what it is called.
KINDS = {"consensus": "consensus", "sce": "SCE", "map": "one map", "threshold": "threshold"}

#: Rows of a kind that are drawn; of more, the first.
MOST = 12


def plot_group_shares(physics, threshold):
    """The figure for the two tables."""
    rows = {
        name: [
            {name: table[table["kind"] == kind].head(MOST).to_dict("records")}
            for table in (physics, threshold)
        ]
        for kind, name in KINDS.items()
    }
    shares, detector = (
        {k: v for pair in rows.values() for k, v in pair[i].items()} for i in (0, 1)
    )
    return group_shares_figure(shares, detector)


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        figure = plot_group_shares(
            pd.read_csv(snakemake.input.physics), pd.read_csv(snakemake.input.threshold)
        )
        for path in snakemake.output:
            save_figure(figure, path)
