"""Tables: realizations and ensemble -> results/<study>/tables/*.csv and the summary."""


rule tables:
    input:
        "<results>/tables/realizations.csv",
        "<results>/tables/clusters.csv",
        "<results>/tables/points.csv",
        "<results>/tables/evaluation.csv",
        "<results>/tables/classes.csv",


rule tabulate_results:
    input:
        data="<results>/data.h5",
        indexes=expand("<results>/realizations/batches/{batch}.json", batch=BATCHES),
        ensemble="<results>/ensemble.h5",
    output:
        realizations=report(
            "<results>/tables/realizations.csv",
            caption="../report/realizations.rst",
            category="Tables",
            labels={"table": "realizations"},
        ),
        clusters=report(
            "<results>/tables/clusters.csv",
            caption="../report/cluster_table.rst",
            category="Tables",
            labels={"table": "clusters"},
        ),
        points="<results>/tables/points.csv",
    log:
        "<logs>/tabulate_results.log",
    benchmark:
        "<benchmarks>/tabulate_results.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        swept=STUDY.swept,
    script:
        "../../scripts/tabulate_results.py"


rule evaluate_labels:
    input:
        data="<results>/data.h5",
        indexes=expand("<results>/realizations/batches/{batch}.json", batch=BATCHES),
        ensemble="<results>/ensemble.h5",
    output:
        evaluation=report(
            "<results>/tables/evaluation.csv",
            caption="../report/evaluation.rst",
            category="Tables",
            labels={"table": "evaluation"},
        ),
        classes=report(
            "<results>/tables/classes.csv",
            caption="../report/classes.rst",
            category="Tables",
            labels={"table": "classes"},
        ),
    log:
        "<logs>/evaluate_labels.log",
    benchmark:
        "<benchmarks>/evaluate_labels.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        library=library_digest("evaluation"),
    script:
        "../../scripts/evaluate_labels.py"


rule summarize_study:
    input:
        ensemble="<results>/ensemble.h5",
        evaluation="<results>/tables/evaluation.csv",
        realizations="<results>/tables/realizations.csv",
    output:
        summary="<results>/summary.txt",
    log:
        "<logs>/summarize_study.log",
    benchmark:
        "<benchmarks>/summarize_study.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=10,
    params:
        study=STUDY.name,
        results=f"results/{STUDY.name}",
    script:
        "../../scripts/summarize_study.py"
