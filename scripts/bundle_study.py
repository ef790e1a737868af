"""Put a finished study, and the code that made it, into one archive for other labs."""

from pathlib import Path

from kohorte.study.crate import bundle_study
from kohorte.study.logs import job_log

if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        bundle_study(
            snakemake.output.crate,
            folder=Path(snakemake.output.crate).parent,
            code=Path(snakemake.scriptdir).parent,
            source=snakemake.input.get("source") or None,
        )
