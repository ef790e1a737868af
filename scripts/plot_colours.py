"""Draw one map in the colours of its weights, and how well all maps hold the colours."""

import numpy as np

from kohorte import store
from kohorte.figures.style import save_figure
from kohorte.studies.colours.figures import check_colours, colours_figure
from kohorte.study.logs import job_log


def plot_colours(indexes, ensemble, data, chosen):
    """The figure for realization `chosen`, or for the most representative one."""
    identifier = chosen or store.read_representative(ensemble)
    table = store.read_data(data)
    values = table.features * table.scale + table.offset
    check_colours(values, table.names)
    files = store.listed_realizations(indexes)
    stored = [store.read_realization(file, "weights", "winners") for file in files]
    colours = [r.arrays["weights"] * table.scale + table.offset for r in stored]
    distances = [
        np.linalg.norm(values - weights[r.arrays["winners"]], axis=1)
        for r, weights in zip(stored, colours, strict=True)
    ]
    own = [file.stem for file in files].index(identifier)
    names = table.rows if table.truth is None else np.array(table.class_names)[table.truth]
    return colours_figure(
        colours[own],
        stored[own].lattice,
        table.names,
        winners=stored[own].arrays["winners"],
        names=[str(name) for name in names],
        distances=np.array(distances),
        highlight=own,
    )


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        figure = plot_colours(
            snakemake.input.labels,
            snakemake.input.ensemble,
            snakemake.input.data,
            snakemake.params.realization,
        )
        for path in snakemake.output:
            save_figure(figure, path)
