"""Time the ensemble step against the published algorithm and the machine's limits."""

from pathlib import Path

from kohorte import store
from kohorte.study.logs import job_log
from kohorte_benchmarks.ensemble import Sizes, benchmark_ensemble


def write_benchmark(path, *, points, threads):
    """Run the benchmark on the disk that `path` lies on; write its table to `path`."""
    sizes = Sizes(end_to_end=points, threads=threads)
    store.write_csv(benchmark_ensemble(sizes, Path(path).parent), path)


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        write_benchmark(
            snakemake.output.table,
            points=snakemake.params.points,
            threads=snakemake.threads,
        )
