"""Lay what the jobs of a study used beside what they asked for."""

import ast
from pathlib import Path

import pandas as pd

from kohorte import store
from kohorte.study.logs import job_log

#: Column of Snakemake's record -> column of the table.
MEASURED = {"s": "seconds", "cpu_time": "cpu_seconds", "max_rss": "memory_mb"}

#: Resource in Snakemake's extended record -> column of the table.
ASKED = {
    "mem_mb": "asked_memory_mb",
    "runtime": "asked_minutes",
    "_cores": "threads",
    "gpu": "gpus",
}

COLUMNS = ["rule", "job", *MEASURED.values(), *ASKED.values()]


def read_record(path):
    """What a job used, and where the record is an extended one what it asked for."""
    record = pd.read_csv(path, sep="\t", dtype=str, na_values=["NA", "-"]).iloc[-1]
    row = {new: float(record[old]) for old, new in MEASURED.items()}
    if "resources" in record:
        asked = ast.literal_eval(record["resources"])
        row |= {new: asked.get(old, 0) for old, new in ASKED.items()}
    return row


def job_table(records):
    """One row a job; files are <rule>.tsv or <rule>/<job>.tsv in a folder `benchmarks`."""
    rows = []
    for path in map(Path, records):
        parts = path.with_suffix("").parts
        rule, *job = parts[len(parts) - parts[::-1].index("benchmarks") :]
        rows.append({"rule": rule, "job": "/".join(job), **read_record(path)})
    return pd.DataFrame(rows, columns=COLUMNS)


if __name__ == "__main__":
    with job_log(snakemake.log[0]) as log:
        table = job_table(snakemake.params.records)
        store.write_csv(table, snakemake.output.jobs)
        log.info("%d jobs, %.0f s of CPU", len(table), table["cpu_seconds"].sum())
