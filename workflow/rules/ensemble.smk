"""Ensemble: the labels of all realizations -> results/<study>/ensemble.h5."""


rule combine_realizations:
    input:
        data="<results>/data.h5",
        indexes=expand("<results>/realizations/batches/{batch}.json", batch=BATCHES),
    output:
        ensemble="<results>/ensemble.h5",
    log:
        "<logs>/combine_realizations.log",
    benchmark:
        "<benchmarks>/combine_realizations.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 2
    resources:
        mem_mb=4000,
        runtime=120,
    params:
        options=config["ensemble"],
        library=library_digest("ensemble"),
    script:
        "../../scripts/combine_realizations.py"
