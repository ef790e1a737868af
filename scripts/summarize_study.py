"""Write the few lines that a study ends with."""

from pathlib import Path

import pandas as pd

from kohorte import store
from kohorte._files import replacing
from kohorte.analysis.composition import read_composition
from kohorte.analysis.summary import summarize_study
from kohorte.study.logs import job_log

if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        tables = ("realizations", "choice", "evaluation", "reliability", "sufficiency")
        tables += ("notable",)
        data, found = snakemake.input.get("data"), snakemake.input.get("composition")
        text = summarize_study(
            snakemake.params.study,
            store.read_ensemble(snakemake.input.ensemble),
            results=Path(snakemake.output.summary).parent,
            composition=read_composition(found) if found else None,
            data=store.read_data(data, mapped=True, beside=True) if data else None,
            **{k: pd.read_csv(snakemake.input[k]) for k in tables if snakemake.input.get(k)},
        )
        with replacing(snakemake.output.summary) as temporary:
            temporary.write_text(text, encoding="utf-8")
