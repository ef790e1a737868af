"""Draw the confidence of the consensus labels: in two features, on a map, and its distribution."""

import numpy as np

from kohorte import store
from kohorte.figures.panels import choose_step
from kohorte.figures.points import choose_features, confidence_figure
from kohorte.figures.style import save_figure
from kohorte.study.logs import job_log


def plot_confidence(ensemble, data, stored, chosen, step=1):
    """In the features named `chosen` or the most telling, and on the map of a stored realization
    where there is one; of every `step`-th point."""
    confidence = ensemble.points.confidence
    columns = choose_features(data.features, data.names, ensemble.points.label, chosen)
    node_confidence = lattice = None
    if stored is not None:
        lattice, winners = stored.lattice, stored.arrays["winners"][::step]
        hits = np.bincount(winners, minlength=lattice.n_nodes)
        total = np.bincount(winners, weights=confidence, minlength=lattice.n_nodes)
        node_confidence = np.where(hits > 0, total / np.maximum(hits, 1), np.nan)
    return confidence_figure(
        data.physical(columns),
        [data.names[k] for k in columns],
        confidence=confidence,
        node_confidence=node_confidence,
        lattice=lattice,
        step=step,
    )


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        table = store.read_data(snakemake.input.data, mapped=True)
        every = choose_step(len(table.features))
        combined = store.read_ensemble(snakemake.input.ensemble, points=True, step=every)
        realization = None
        if snakemake.params.has_maps:
            realization = store.read_chosen_map(
                snakemake.input.labels,
                snakemake.input.ensemble,
                snakemake.params.realization,
                "winners",
            )
        figure = plot_confidence(
            combined,
            table.every(every),
            realization,
            snakemake.params.features,
            every,
        )
        for path in snakemake.output:
            save_figure(figure, path)
