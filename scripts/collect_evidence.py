"""Train maps on the study's table or its references, and write what speaks for groups."""

import json

from kohorte import store
from kohorte._files import replacing
from kohorte.structure import collect_evidence
from kohorte.study.logs import job_log

if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        table = store.read_data(snakemake.input.data, mapped=True)
        members = [
            member | {"factors": table.factors(member["parameters"])}
            for member in snakemake.params.members
        ]
        found = [
            collect_evidence(
                table.features,
                kind,
                number,
                members,
                rows=snakemake.params.rows,
                seed=snakemake.params.seed,
                threads=snakemake.threads,
            ).to_json()
            for kind, number in snakemake.params.tables
        ]
        with replacing(snakemake.output.evidence) as path:
            path.write_text(json.dumps(found), encoding="utf-8")
