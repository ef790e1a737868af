"""Memory, time and GPUs that jobs ask for: kohorte.study.resources, filled in from config and input files.

Rules name a function of this file in their `resources`.
"""

import functools
import math

from kohorte._limits import BLOCK_ROWS, MAX_ROWS
from kohorte.study.resources import (
    COSTS as CORE_COSTS,
    combining_mb,
    combining_seconds,
    counting_mb,
    counting_seconds,
    counts_mb,
    epoch_mb,
    gathering_seconds,
    map_seconds,
    memory_mb,
    pass_time,
    run_minutes,
    tabulating_mb,
    tallying_mb,
    tallying_seconds,
    training_mb,
    training_seconds,
)

DEVICE = config["execution"]["device"]

COSTS = dict(CORE_COSTS)
for module in MODULES:
    COSTS.update(module.costs)

# Jobs on a node with a GPU leave it alone. Jobs read this file, too, wherever they run.
if DEVICE == "cpu":
    os.environ.update(JAX_PLATFORMS="cpu")


def memory(rule):
    """Memory of a rule whose needs follow from the size of its input files."""
    return lambda wildcards, input, attempt: memory_mb(COSTS[rule].mb(input.size_mb), attempt)


def run_time(rule, times=1):
    """Time limit of a rule whose needs follow from the size of its input files.

    times: how much longer it takes than with the default configuration.
    """
    return lambda wildcards, input, attempt: run_minutes(
        times * COSTS[rule].seconds(input.size_mb), attempt
    )


def two_threads(wildcards):
    """Two threads; one where the table is so small that another job beside gains more.

    No result depends on the number of threads.
    """
    data = RESULTS / "data.h5"
    return 1 if HAS_MAPS and data.is_file() and data.stat().st_size < 5_000_000 else 2


def drawing_costs(figures, input):
    """Memory in MB and time in seconds of each of some figures."""
    for figure in figures:
        paths = [input[name] for name in (*figure.inputs, *figure.tables)]
        files = [file for p in paths for file in ([p] if isinstance(p, str) else p)]
        size = sum(os.path.getsize(file) for file in files) / 1e6
        yield COSTS[figure.cost].mb(size), COSTS[figure.cost].seconds(size)


def drawing_memory(figures):
    """Memory of a job that draws some figures, as many at once as it has threads."""

    def memory_of(wildcards, input, threads, attempt):
        costs = sorted(mb for mb, _ in drawing_costs(figures, input))
        return memory_mb(sum(costs[-threads:]), attempt)

    return memory_of


def drawing_time(figures):
    """Time limit of a job that draws some figures."""
    return lambda wildcards, input, attempt: run_minutes(
        sum(seconds for _, seconds in drawing_costs(figures, input)), attempt
    )


@functools.cache
def read_shape(path, changed):
    """N and F of a prepared table; `changed` tells its states apart."""
    import h5py  # takes a quarter of a second, and not every run asks

    try:
        with h5py.File(path) as file:
            return file["features"].shape
    except (OSError, KeyError):
        return 0, 0  # the job that needs the table will say what is wrong with it


def table_shape(path):
    """N and F of a prepared table; FileNotFoundError, which Snakemake waits on, before it exists."""
    return read_shape(path, os.stat(path).st_mtime_ns)


def batch_parameters(wildcards):
    """The parameters of the maps of one training job."""
    return [PLANS[identifier].parameters for identifier in BATCHES[wildcards.batch]]


def training_gpus(wildcards):
    """GPUs of a training job: one where a map of the batch is trained by JAX."""
    maps = batch_parameters(wildcards)
    return int(DEVICE == "gpu" and any(p["backend"] == "jax" for p in maps))


def training_memory(wildcards, input, threads, attempt):
    used = training_mb(
        batch_parameters(wildcards),
        *table_shape(input.data),
        threads,
        snapshots=config["training"]["snapshots"],
        gpu=training_gpus(wildcards) > 0,
    )
    return memory_mb(used, attempt)


def training_time(wildcards, input, threads, attempt):
    seconds = training_seconds(batch_parameters(wildcards), *table_shape(input.data), threads)
    return run_minutes(seconds, attempt)


def epoch_memory(wildcards, attempt):
    """Memory of a job of an epoch in slabs, whatever the number of points."""
    shape = table_shape(RESULTS / "data.h5")
    return memory_mb(epoch_mb(batch_parameters(wildcards), *shape, len(EPOCH_SLABS)), attempt)


def look_memory(wildcards, attempt):
    """Memory of a job that finds the winners of a slab, which it keeps for all maps."""
    maps, shape = batch_parameters(wildcards), table_shape(RESULTS / "data.h5")
    winners = 4e-6 * shape[0] / len(EPOCH_SLABS) * 2 * len(maps)
    return memory_mb(epoch_mb(maps, *shape, len(EPOCH_SLABS)) + winners, attempt)


def finish_memory(wildcards, attempt):
    """Memory of the job that has winners and labels of all points, of one map at a time."""
    maps, shape = batch_parameters(wildcards), table_shape(RESULTS / "data.h5")
    points = 16e-6 * shape[0]
    return memory_mb(epoch_mb(maps, *shape, len(EPOCH_SLABS)) + points, attempt)


def pass_seconds(wildcards, passes, slabs):
    """Time of some passes over the points of a slab for all maps of a job."""
    maps, shape = batch_parameters(wildcards), table_shape(RESULTS / "data.h5")
    return sum(pass_time(p, -(-shape[0] // slabs), shape[1]) for p in maps) * passes


def begin_time(wildcards, attempt):
    return run_minutes(10 + 1e-7 * math.prod(table_shape(RESULTS / "data.h5")), attempt)


def epoch_time(wildcards, attempt):
    return run_minutes(10 + pass_seconds(wildcards, 2, len(EPOCH_SLABS)), attempt)


def finish_time(wildcards, attempt):
    n_points = table_shape(RESULTS / "data.h5")[0]
    maps = batch_parameters(wildcards)
    seconds = sum(map_seconds(p, 0, table_shape(RESULTS / "data.h5")[1]) for p in maps)
    return run_minutes(10 + seconds + 2e-7 * n_points * len(maps), attempt)


# Counts do not depend on what counts them, so `auto` may take the GPU where one is asked for.
COUNTING_GPUS = int(DEVICE == "gpu" and config["ensemble"]["backend"] != "numba")
N_REALIZATIONS = len(STUDY.realizations) or len(STUDY.labels)


def count_points():
    """N of the study as far as it is known: from its table, else at most one byte for each label."""
    files = STUDY.labels.values() if STUDY.labels else [RESULTS / "data.h5"]
    files = [file for file in files if Path(file).exists()]
    if not STUDY.labels:
        return table_shape(files[0])[0] if files else 0
    return max((Path(file).stat().st_size for file in files), default=0)


def known_counts_mb():
    """Size of the counts, from those of the first slab once they are there."""
    counted = RESULTS / f"overlaps/{SLABS[0]}.h5"
    return counted.stat().st_size / 1e6 if counted.exists() else counts_mb(N_REALIZATIONS)


def counting_memory(wildcards, attempt):
    used = counting_mb(
        N_REALIZATIONS,
        config["execution"]["memory_mb"],
        jax=config["ensemble"]["backend"] != "numba",
        gpu=COUNTING_GPUS > 0,
    )
    return memory_mb(used, attempt)


def counting_time(wildcards, attempt):
    seconds = counting_seconds(count_points() // len(SLABS), N_REALIZATIONS)
    return run_minutes(seconds, attempt)


def combining_memory(wildcards, attempt):
    used = combining_mb(count_points(), known_counts_mb(), config["execution"]["memory_mb"])
    return memory_mb(used, attempt)


def combining_time(wildcards, input, attempt):
    n_features = table_shape(input.data)[1] if HAS_MAPS else 0
    seconds = combining_seconds(count_points(), N_REALIZATIONS, known_counts_mb(), n_features)
    return run_minutes(seconds, attempt)


def counts_memory(wildcards, attempt):
    """Memory of a job that has the counts, and no more points than a block of them."""
    return memory_mb(combining_mb(1 << 20, known_counts_mb(), 0), attempt)


def counts_time(wildcards, attempt):
    return run_minutes(combining_seconds(0, N_REALIZATIONS, known_counts_mb()), attempt)


def labelling_memory(wildcards, attempt):
    used = combining_mb(count_points() // len(SLABS), 0, config["execution"]["memory_mb"])
    return memory_mb(used, attempt)


def labelling_time(wildcards, input, attempt):
    n_features = table_shape(input.data)[1] if HAS_MAPS else 0
    n_points = count_points() // len(SLABS)
    return run_minutes(combining_seconds(n_points, N_REALIZATIONS, 0, n_features), attempt)


def tallying_memory(wildcards, input, attempt):
    n_features = table_shape(input.data)[1] if HAS_DATA else 0
    return memory_mb(tallying_mb(n_features), attempt)


def tallying_time(wildcards, input, attempt):
    n_features = table_shape(input.data)[1] if HAS_DATA else 0
    # A slab has whole blocks of points, and so at most one more than its share.
    n_points = count_points() // len(SLABS) + BLOCK_ROWS
    return run_minutes(tallying_seconds(n_points, n_features, N_REALIZATIONS), attempt)


def tabulating_memory(wildcards, input, attempt):
    if count_points() <= MAX_ROWS:
        return memory_mb(COSTS["tabulate_results"].mb(input.size_mb), attempt)
    n_features = table_shape(input.data)[1] if HAS_DATA else 0
    return memory_mb(tabulating_mb(n_features, known_counts_mb()), attempt)


def tabulating_time(wildcards, input, attempt):
    n_features = table_shape(input.data)[1] if HAS_DATA else 0
    tallied = 0
    if len(SLABS) == 1:
        tallied = tallying_seconds(count_points(), n_features, N_REALIZATIONS)
    counted = COSTS["tabulate_results"].seconds(known_counts_mb())
    resampled = max(1, config["ensemble"]["resamples"] / 1000) * counted
    small = COSTS["tabulate_results"].seconds(input.size_mb) if count_points() <= MAX_ROWS else 0
    return run_minutes(max(small, resampled) + tallied, attempt)


def gathering_time(wildcards, attempt):
    return run_minutes(gathering_seconds(count_points(), known_counts_mb()), attempt)


def job_records():
    """The record of each job that has one, by its path, and when it was written."""
    return {
        str(file): file.stat().st_mtime_ns
        for file in sorted((RESULTS / "benchmarks").rglob("*.tsv"))
    }
