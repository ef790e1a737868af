"""Time maps against NumPy, other packages and the machine's limits, and compare their quality."""

from pathlib import Path

from kohorte import store
from kohorte.study.logs import job_log
from kohorte_benchmarks import map_quality, maps


def write_benchmark(table, quality, text, *, size, peers):
    """Run the benchmark in the folder of `table`; both tables go to `text` as Markdown, too."""
    timed = maps.benchmark_maps(maps.SIZES[size], Path(table).parent, peers)
    compared = map_quality.compare_quality(map_quality.SIZES[size], peers)
    store.write_csv(timed, table)
    store.write_csv(compared, quality)
    Path(text).write_text(f"{maps.markdown_table(timed)}\n{map_quality.markdown_table(compared)}")


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        write_benchmark(
            snakemake.output.table,
            snakemake.output.quality,
            snakemake.output.text,
            size=snakemake.params.size,
            peers=snakemake.params.peers,
        )
