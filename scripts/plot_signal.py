"""Draw the stacked signal and the consensus labels in two features, beside the truth if known."""

from kohorte import store
from kohorte.analysis.evaluation import evaluate
from kohorte.figures.panels import choose_step
from kohorte.figures.points import choose_features, classes_of_groups, signal_figure
from kohorte.figures.style import save_figure
from kohorte.study.logs import job_log


def plot_signal(ensemble, data, chosen, step=1):
    """In the features named `chosen`, or those that tell the consensus groups apart best; of every
    `step`-th point."""
    labels, truth = ensemble.points.label, data.truth
    matching = None
    if truth is not None:
        matching = classes_of_groups(evaluate(labels, truth), ensemble.consensus.n_groups)
    columns = choose_features(data.features, data.names, labels, chosen)
    return signal_figure(
        data.physical(columns),
        [data.names[k] for k in columns],
        signal=ensemble.points.signal,
        labels=labels,
        truth=truth,
        class_names=data.class_names,
        matching=matching,
        step=step,
    )


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        table = store.read_data(snakemake.input.data, mapped=True)
        every = choose_step(len(table.features))
        figure = plot_signal(
            store.read_ensemble(snakemake.input.ensemble, points=True, step=every),
            table.every(every),
            snakemake.params.features,
            every,
        )
        for path in snakemake.output:
            save_figure(figure, path)
