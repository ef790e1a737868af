"""Write the page of a study."""

from importlib import metadata
from pathlib import Path

from kohorte import store
from kohorte.report.page import write_report
from kohorte.report.parts import write_parts
from kohorte.study.logs import job_log
from kohorte.study.manifest import provenance_rows

if __name__ == "__main__":
    with job_log(snakemake.log[0], snakemake.input):
        inputs, params = snakemake.input, snakemake.params
        files = {
            **{k: [f] for k, f in zip(params.origins, inputs.get("origins", []), strict=True)},
            "data": [inputs.data] if inputs.get("data") else [],
            "realization": store.listed_realizations(inputs.get("maps", [])),
            "ensemble": [inputs.ensemble],
        }
        pictures = {Path(f).stem: f for f in inputs.figures if f.endswith(".png")}
        provenance = provenance_rows(
            params.config, files, {"snakemake": metadata.version("snakemake")}
        )
        described = {"captions": params.captions, "settings": params.settings}
        facts = write_report(
            snakemake.output.page,
            study=params.study,
            ensemble=inputs.ensemble,
            data=inputs.get("data") or None,
            tables=inputs.tables,
            figures=[{**figure, "file": pictures[figure["name"]]} for figure in params.figures],
            has_maps=params.has_maps,
            names=inputs.get("names") or None,
            provenance=provenance,
            level=params.config["structure"]["level"],
            **described,
        )
        write_parts(
            facts,
            overview=snakemake.output.overview,
            sheets={Path(path).stem: path for path in snakemake.output.sheets},
            sections=params.sections,
            provenance=provenance,
            **described,
        )
