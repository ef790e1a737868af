"""Steps of the benchmarks: what is measured, written as tables; scratch files lie beside them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import pandas as pd

from kohorte import store
from kohorte_benchmarks import map_quality, maps, searches
from kohorte_benchmarks.consensus import compare
from kohorte_benchmarks.ensemble import Sizes, benchmark_ensemble
from kohorte_benchmarks.label_sets import CLUSTERERS
from kohorte_benchmarks.scaling import measure_scaling
from kohorte_benchmarks.simpsom import compare_simpsom
from kohorte_benchmarks.stages import Sizes as StageSizes
from kohorte_benchmarks.stages import measure_errors, take_points, time_all

_LOG = logging.getLogger(__name__)


def time_ensemble(*, table: str, points: int, threads: int) -> None:
    """Time the ensemble step against the published algorithm and the machine's limits."""
    sizes = Sizes(end_to_end=points, threads=threads)
    store.write_csv(benchmark_ensemble(sizes, Path(table).parent), table)


def time_maps(*, table: str, quality: str, text: str, size: str, peers: str | None) -> None:
    """Time maps against NumPy, other packages and the machine's limits, and compare their quality.

    Writes the tables of times and of quality, and both as Markdown, `text`. `size` is `full`, or
    `small` to try whether all of it runs; `peers` the Python of the environment that holds the
    other packages, None leaves them out.
    """
    timed = maps.benchmark_maps(maps.SIZES[size], Path(table).parent, peers)
    compared = map_quality.compare_quality(map_quality.SIZES[size], peers)
    store.write_csv(timed, table)
    store.write_csv(compared, quality)
    Path(text).write_text(f"{maps.markdown_table(timed)}\n{map_quality.markdown_table(compared)}")


def time_searches(*, table: str, text: str, size: str, peers: str | None) -> None:
    """Time searches for winners, and count what they look at; arguments as for `time_maps`."""
    timed = searches.benchmark_searches(searches.SIZES[size], Path(table).parent, peers)
    store.write_csv(timed, table)
    Path(text).write_text(maps.markdown_table(timed))


def time_simpsom(*, images: str, table: str, peer: str | None) -> None:
    """Time SimpSOM and kohorte on the images of MNIST; `peer` as for `compare_simpsom`."""
    with h5py.File(images) as file:
        pixels = file["features"][:]
    store.write_csv(compare_simpsom(pixels, Path(table).parent, peer), table)


def compare_methods(
    *, methods: str, rules: str, data_set: str, seed: int, peers: str | None
) -> None:
    """Compare consensus methods on the ensembles of one data set and seed, over all clusterers.

    Writes the tables of methods and of rules for the number of groups; see `compare`.
    """
    if peers is None:
        _LOG.warning("CSPA, HGPA, MCLA and HBGF are left out: envs/peers.txt is not installed")
    compared = [compare(data_set, clusterer, seed, peers) for clusterer in CLUSTERERS]
    for path, tables in zip((methods, rules), zip(*compared, strict=True), strict=True):
        store.write_csv(pd.DataFrame([row for table in tables for row in table]), path)


def time_scaling(
    *,
    data: str,
    weights: str,
    table: str,
    members: Sequence[Mapping[str, Any]],
    ensemble: Mapping[str, Any],
    options: Mapping[str, Any],
    seed: int,
) -> None:
    """Measure time and memory of the study of a `seed` against its number of points.

    Reads data.h5, and `weights`, the file of the start of the maps, empty where there is none;
    writes `table`. `members` and `ensemble` are as for `measure_scaling`, `options` the section
    `scaling` of the configuration.
    """
    features = store.read_data(data, mapped=True).features
    told = {"seed": seed, "rounds": options["rounds"], "weights": weights or None}
    study = options["points"], members, ensemble, Path(table).parent
    measured = measure_scaling(features, *study, **told)
    store.write_csv(measured, table)


def time_stages(
    *, data: str, times: str, quality: str, options: Mapping[str, Any], seed: int
) -> None:
    """Time the stages of online training, and measure the errors of its maps.

    Reads data.h5, writes the tables of times and of quality. `options` are the section `stages` of
    the configuration, the seed is the study's.
    """
    chosen: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in options.items()}
    sizes = StageSizes(**chosen)
    tables = take_points(store.read_data(data).features, sizes.points, seed)
    store.write_csv(measure_errors(tables, sizes, seed), quality)
    store.write_csv(time_all(tables, sizes, Path(times).parent, seed), times)
