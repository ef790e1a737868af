"""Compare the results of a study with its manifest; fails where they differ."""

from kohorte.errors import ResultError
from kohorte.study.logs import job_log
from kohorte.study.manifest import compare

if __name__ == "__main__":
    with job_log(snakemake.log[0]) as log:
        manifest = snakemake.params.manifest
        if differences := compare(manifest, unlisted=snakemake.params.unlisted):
            lines = "".join(f"\n  {line}" for line in differences)
            raise ResultError(f"{manifest}: the results are not as it lists them:{lines}")
        log.info("all results are as %s lists them", manifest)
        print(f"\nAll results are as {manifest} lists them.\n", flush=True)
