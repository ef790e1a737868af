"""Write what a study was made from and with, and the checksums of its results."""

from importlib import metadata
from pathlib import Path

import pandas as pd
import yaml

from kohorte import store
from kohorte._files import replacing
from kohorte.study.logs import job_log
from kohorte.study.manifest import provenance_rows, write_manifest

if __name__ == "__main__":
    with job_log(snakemake.log[0]) as log:
        config, inputs, output = snakemake.params.config, snakemake.input, snakemake.output
        maps = store.listed_realizations(inputs.get("maps", []))
        data = [inputs.data] if inputs.get("data") else []
        with replacing(output.config) as temporary:
            text = yaml.safe_dump(config, sort_keys=False, allow_unicode=True)
            temporary.write_text(text, encoding="utf-8")
        origins = dict(zip(snakemake.params.origins, inputs.get("origins", []), strict=True))
        rows = provenance_rows(
            config,
            {
                **{kind: [file] for kind, file in origins.items()},
                "data": data,
                "realization": maps,
                "ensemble": [inputs.ensemble],
            },
            {"snakemake": metadata.version("snakemake")},
        )
        table = pd.DataFrame(rows, columns=["topic", "name", "value"])
        store.write_csv(table, output.table)
        results = {*data, *origins.values()}
        results |= {inputs.ensemble, *inputs.results, output.config, output.table}
        write_manifest(output.manifest, {*map(Path, results), *maps}, config)
        log.info("%d results listed", len(results) + len(maps))
