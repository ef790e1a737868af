"""Draw the confidence of the consensus labels: in two features, on a map, and its distribution."""

import numpy as np

from kohorte import store
from kohorte.figures.points import choose_features, confidence_figure
from kohorte.figures.style import save_figure
from kohorte.logs import job_log


def plot_confidence(ensemble, data, stored, chosen):
    """On the map of a stored realization, in the features named `chosen` or the most telling."""
    confidence, hits = ensemble.points.confidence, stored.arrays["hits"]
    columns = choose_features(data.features, data.names, ensemble.points.label, chosen)
    total = np.bincount(stored.arrays["winners"], weights=confidence, minlength=hits.size)
    return confidence_figure(
        data.physical(columns),
        [data.names[k] for k in columns],
        confidence=confidence,
        node_confidence=np.where(hits > 0, total / np.maximum(hits, 1), np.nan),
        lattice=stored.lattice,
    )


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        combined = store.read_ensemble(snakemake.input.ensemble)
        identifier = snakemake.params.realization or combined.realizations.representative
        figure = plot_confidence(
            combined,
            store.read_data(snakemake.input.data),
            store.read_realization(
                store.find_realization(snakemake.input.indexes, identifier), "winners", "hits"
            ),
            snakemake.params.features,
        )
        for path in snakemake.output:
            save_figure(figure, path)
