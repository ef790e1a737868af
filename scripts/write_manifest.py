"""Write what a study was made from and with, and the checksums of its results."""

from importlib import metadata

from kohorte import store
from kohorte.study.logs import job_log
from kohorte.study.manifest import record_study

if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        inputs = snakemake.input
        origins = zip(snakemake.params.origins, inputs.get("origins", []), strict=True)
        record_study(
            snakemake.output.manifest,
            snakemake.output.table,
            snakemake.output.config,
            config=snakemake.params.config,
            sources=snakemake.params.sources,
            files={
                **{kind: [file] for kind, file in origins},
                "data": [inputs.data] if inputs.get("data") else [],
                "realization": store.listed_realizations(inputs.get("maps", [])),
                "ensemble": [inputs.ensemble],
            },
            results=inputs.results,
            releases={"snakemake": metadata.version("snakemake")},
        )
