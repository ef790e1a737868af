"""One ensemble for each setting of the parameters of `ensemble.per`, and a table of all."""

from kohorte import store
from kohorte.analysis.sweep import compare_settings
from kohorte.study.logs import job_log

if __name__ == "__main__":
    with job_log(snakemake.log[0]), store.open_label_arrays(snakemake.input.labels) as labels:
        table = compare_settings(
            snakemake.output.sweep,
            labels,
            data=snakemake.input.data,
            realizations=snakemake.input.realizations,
            ensemble=snakemake.input.ensemble,
            per=snakemake.params.per,
            options=snakemake.params.options,
            memory_mb=snakemake.params.memory_mb,
            threads=snakemake.threads,
        )
        store.write_csv(table, snakemake.output.table)
