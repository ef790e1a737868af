"""Draw consensus groups, signal and confidence in the colour-magnitude diagram."""

from kohorte import store
from kohorte.figures.style import save_figure
from kohorte.studies.stars.figures import colour_magnitude_figure
from kohorte.study.logs import job_log


def plot_colour_magnitude(points, data):
    """The figure for the points of an ensemble and the table that it was made from."""
    columns = [data.names.index(name) for name in ("b_v", "absolute_magnitude")]
    return colour_magnitude_figure(
        *data.physical(columns).T,
        labels=points.label,
        signal=points.signal,
        confidence=points.confidence,
    )


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        figure = plot_colour_magnitude(
            store.read_ensemble(snakemake.input.ensemble, points=True).points,
            store.read_data(snakemake.input.data),
        )
        for path in snakemake.output:
            save_figure(figure, path)
