"""Time the stages of online training, and measure the errors of its maps."""

from pathlib import Path

from kohorte import store
from kohorte.study.logs import job_log
from kohorte_benchmarks import stages


def write_stages(times, quality, *, data, seed, options):
    """Write both tables; points lie in the folder of `times` meanwhile."""
    sizes = stages.Sizes(
        **{key: tuple(v) if isinstance(v, list) else v for key, v in options.items()}
    )
    tables = stages.take_points(store.read_data(data).features, sizes.points, seed)
    store.write_csv(stages.measure_errors(tables, sizes, seed), quality)
    store.write_csv(stages.time_all(tables, sizes, Path(times).parent, seed), times)


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        write_stages(
            snakemake.output.times,
            snakemake.output.quality,
            data=snakemake.input.data,
            seed=snakemake.params.seed,
            options=snakemake.params.options,
        )
