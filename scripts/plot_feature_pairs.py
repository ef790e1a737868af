"""Draw all pairs of features, coloured by consensus group."""

import numpy as np

from kohorte import store
from kohorte.errors import ResultError
from kohorte.figures.panels import choose_points, fill_missing
from kohorte.figures.style import save_figure
from kohorte.studies.plasma.figures.cell_groups import feature_pairs_figure
from kohorte.studies.plasma.figures.slices import field_label
from kohorte.study.logs import job_log

#: Features that are drawn; of more, the first.
MOST = 6


def plot_feature_pairs(ensemble, data, units):
    """The figure of the points that `choose_points` chooses; `units` are those of features."""
    table = store.read_data(data, mapped=True)
    with store.read_result(ensemble, "ensemble") as file:
        labels = file["points/label"][:]
        n_groups = int(file["consensus"].attrs["n_groups"])
    if len(table.names) < 2:
        raise ResultError(f"{data}: has one feature only, so there are no pairs to draw")
    shown, columns = choose_points(len(labels)), list(range(len(table.names)))[:MOST]
    points = table.features[shown][:, columns].astype(np.float64)
    names = [table.names[k] for k in columns]
    return feature_pairs_figure(
        fill_missing(points) * table.scale[columns] + table.offset[columns],
        [field_label(name, units.get(name, "")) for name in names],
        labels[shown],
        shares=np.bincount(labels[labels >= 0], minlength=n_groups) / len(labels),
        n_points=len(labels),
    )


def read_units(fields):
    """Unit of each field of `fields.h5`, where there is one."""
    if not fields:
        return {}
    with store.read_result(fields, "fields") as file:
        return {name: dataset.attrs["unit"] for name, dataset in file["fields"].items()}


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        figure = plot_feature_pairs(
            snakemake.input.ensemble,
            snakemake.input.data,
            read_units(snakemake.input.get("fields") or None),
        )
        for path in snakemake.output:
            save_figure(figure, path)
