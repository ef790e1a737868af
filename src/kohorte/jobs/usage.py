"""What the jobs of a study used, beside what they asked for, from Snakemake's records."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from pathlib import Path

from kohorte._checks import extra

with extra("figures"):
    import pandas as pd


# Column of Snakemake's record -> column of the table.
_MEASURED = {"s": "seconds", "cpu_time": "cpu_seconds", "max_rss": "memory_mb"}

# Resource in Snakemake's extended record -> column of the table.
_ASKED = {
    "mem_mb": "asked_memory_mb",
    "runtime": "asked_minutes",
    "_cores": "threads",
    "gpu": "gpus",
}

COLUMNS = ("rule", "job", *_MEASURED.values(), *_ASKED.values())


def job_table(records: Iterable[str | Path]) -> pd.DataFrame:
    """Return one row per job, from `<rule>.tsv` or `<rule>/<job>.tsv` in a folder `benchmarks`."""
    rows = []
    for path in map(Path, records):
        parts = path.with_suffix("").parts
        rule, *job = parts[len(parts) - parts[::-1].index("benchmarks") :]
        rows.append({"rule": rule, "job": "/".join(job), **_read_record(path)})
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _read_record(path: Path) -> dict[str, float]:
    """Return what a job used and, where the record is an extended one, what it asked for."""
    record = pd.read_csv(path, sep="\t", dtype=str, na_values=["NA", "-"]).iloc[-1]
    row = {new: float(record[old]) for old, new in _MEASURED.items()}
    if "resources" in record:
        asked = ast.literal_eval(record["resources"])
        row |= {new: asked.get(old, 0) for old, new in _ASKED.items()}
    return row
