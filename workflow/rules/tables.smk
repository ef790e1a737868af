"""Tables: realizations and ensemble -> results/<study>/tables/*.csv and the summary."""

TABLES = [
    "realizations",
    "clusters",
    "points",
    "evaluation",
    "classes",
    "stability",
    "groups",
    "sufficiency",
    "agreement",
    "effects",
]
TABLES_OF_MAPS = ["choice"]
TABLES_OF_TESTS = ["classification"]

# Where the settings of the maps are weighed; nothing where there are no maps.
CHOICE_TABLE = "<results>/tables/choice.csv" if HAS_MAPS else []


rule tables:
    input:
        expand(
            "<results>/tables/{name}.csv",
            name=[
                *TABLES,
                *(TABLES_OF_MAPS if HAS_MAPS else []),
                *(TABLES_OF_TESTS if config["classification"]["test"] else []),
                *MODULE_TABLES,
            ],
        ),


rule tabulate_results:
    input:
        data=data_file(),
        labels=label_sources(),
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
        choice=report(
            CHOICE_TABLE,
            caption="../report/choice.rst",
            category="Tables",
            labels={"table": "choice"},
        ),
    log:
        "<logs>/tabulate_results.log",
    benchmark:
        "<benchmarks>/tabulate_results.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("tabulate"),
        runtime=run_time("tabulate"),
    params:
        files=STUDY.labels,
        swept=STUDY.swept,
        library=library_digest("analysis/choice"),
    script:
        "../../scripts/tabulate_results.py"


rule evaluate_labels:
    input:
        data=data_file(),
        labels=label_sources(),
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
        mem_mb=memory("evaluate_labels"),
        runtime=run_time("evaluate_labels"),
    params:
        files=STUDY.labels,
        label_name=config["realizations"]["label_name"],
        library=library_digest("analysis/evaluation", "ensemble"),
    script:
        "../../scripts/evaluate_labels.py"


rule summarize_study:
    input:
        ensemble="<results>/ensemble.h5",
        evaluation="<results>/tables/evaluation.csv",
        realizations="<results>/tables/realizations.csv",
        choice=CHOICE_TABLE,
        sufficiency="<results>/tables/sufficiency.csv",
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
        mem_mb=memory("tabulate"),
        runtime=run_time("tabulate"),
    params:
        study=STUDY.name,
        library=library_digest("analysis/choice"),
    script:
        "../../scripts/summarize_study.py"
