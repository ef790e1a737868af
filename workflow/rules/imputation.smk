"""Imputation, on demand: data.h5 and the trained maps -> results/<study>/imputed.h5."""


rule impute_values:
    input:
        data=data_file(),
        labels=label_sources(),
    output:
        imputed="<results>/imputed.h5",
    log:
        "<logs>/impute_values.log",
    benchmark:
        "<benchmarks>/impute_values.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("impute_values"),
        runtime=run_time("impute_values"),
    params:
        files=STUDY.labels,
        library=library_digest("analysis/imputation", "maps/imputation"),
    script:
        "../../scripts/impute_values.py"
