"""Draw one feature of the weights over one map."""

from kohorte import store
from kohorte.errors import ConfigError
from kohorte.figures.classes import feature_map_figure
from kohorte.figures.style import save_figure
from kohorte.study.logs import job_log


def plot_feature_map(indexes, ensemble, data, chosen, feature):
    """The figure for realization `chosen` and a feature, or the representative and most varied."""
    stored = store.read_chosen_map(indexes, ensemble, chosen, "weights")
    weights = stored.arrays["weights"]
    column = choose_feature(data.names, weights, feature)
    values = weights[:, column] * data.scale[column] + data.offset[column]
    return feature_map_figure(values, data.names[column], stored.lattice)


def choose_feature(names, weights, feature):
    """Column of a feature; of that whose scaled weights vary most where it is None."""
    if feature is None:
        return int(weights.std(axis=0).round(6).argmax())
    if feature not in names:
        raise ConfigError(
            f"figures.feature: the table has no feature {feature!r}, or it was left out because it "
            f"is constant; it has {len(names)}, the first is {names[0]!r}"
        )
    return names.index(feature)


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        figure = plot_feature_map(
            snakemake.input.labels,
            snakemake.input.ensemble,
            store.read_data(snakemake.input.data, mapped=True),
            snakemake.params.realization,
            snakemake.params.feature,
        )
        for path in snakemake.output:
            save_figure(figure, path)
