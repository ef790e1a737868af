"""Write the page to ask the ensemble of a study on."""

from kohorte.explorer.page import write_explorer
from kohorte.study.logs import job_log

if __name__ == "__main__":
    with job_log(snakemake.log[0], snakemake.input):
        inputs, params = snakemake.input, snakemake.params
        write_explorer(
            snakemake.output.page,
            study=params.study,
            ensemble=inputs.ensemble,
            data=inputs.get("data") or None,
            indexes=inputs.labels,
            files=params.files,
            reading=params.reading,
            names=inputs.get("names") or None,
            swept=params.swept,
            points=params.points,
            megabytes=params.megabytes,
            seed=params.seed,
        )
