"""Tables: realizations and ensemble -> results/<study>/tables/*.csv and the summary.

One job makes all tables that take seconds: starting Python for each would take longer.
"""

TABLES = [
    "realizations",
    "clusters",
    "points",
    "notable",
    "structure",
    "evidence",
    "evaluation",
    "classes",
    "reliability",
    "stability",
    "groups",
    "group_features",
    "features",
    "exchange",
    "boundaries",
    "sufficiency",
    "splits",
    "agreement",
    "effects",
]
TABLES_OF_MAPS = ["choice"]
TABLES_OF_TESTS = ["classification"]
TABLES_OF_SAMPLES = ["composition"]

# Which samples the points of each group come from; nothing where no column says so.
COMPOSITION_TABLE = "<results>/tables/composition.csv" if HAS_SAMPLES else []

# Where the settings of the maps are weighed; nothing where there are no maps.
CHOICE_TABLE = "<results>/tables/choice.csv" if HAS_MAPS else []


rule tables:
    input:
        expand(
            "<results>/tables/{name}.csv",
            name=[
                *TABLES,
                *(TABLES_OF_MAPS if HAS_MAPS else []),
                *(TABLES_OF_SAMPLES if HAS_SAMPLES else []),
                *(TABLES_OF_TESTS if config["classification"]["test"] else []),
                *MODULE_TABLES,
            ],
        ),


rule tabulate_results:
    input:
        data=data_file(),
        labels=label_sources(),
        ensemble="<results>/ensemble.h5",
        names=GROUP_NAMES,
        structure=STRUCTURE_FILES,
    output:
        realizations=report(
            "<results>/tables/realizations.csv",
            caption="../report/realizations.rst",
            category=TABLES_SECTION,
            labels=table_labels("realizations"),
        ),
        clusters=report(
            "<results>/tables/clusters.csv",
            caption="../report/cluster_table.rst",
            category=TABLES_SECTION,
            labels=table_labels("clusters"),
        ),
        points="<results>/tables/points.csv",
        notable=report(
            "<results>/tables/notable.csv",
            caption="../report/notable.rst",
            category=TABLES_SECTION,
            labels=table_labels("notable"),
        ),
        composition=report(
            COMPOSITION_TABLE,
            caption="../report/composition_table.rst",
            category=TABLES_SECTION,
            labels=table_labels("composition"),
        ),
        choice=report(
            CHOICE_TABLE,
            caption="../report/choice.rst",
            category=TABLES_SECTION,
            labels=table_labels("choice"),
        ),
        stability=report(
            "<results>/tables/stability.csv",
            caption="../report/stability_table.rst",
            category=TABLES_SECTION,
            labels=table_labels("stability"),
        ),
        groups=report(
            "<results>/tables/groups.csv",
            caption="../report/groups.rst",
            category=TABLES_SECTION,
            labels=table_labels("groups"),
        ),
        group_features=report(
            "<results>/tables/group_features.csv",
            caption="../report/group_features.rst",
            category=TABLES_SECTION,
            labels=table_labels("group_features"),
        ),
        features=report(
            "<results>/tables/features.csv",
            caption="../report/features_table.rst",
            category=TABLES_SECTION,
            labels=table_labels("features"),
        ),
        exchange=report(
            "<results>/tables/exchange.csv",
            caption="../report/exchange_table.rst",
            category=TABLES_SECTION,
            labels=table_labels("exchange"),
        ),
        boundaries=report(
            "<results>/tables/boundaries.csv",
            caption="../report/boundaries_table.rst",
            category=TABLES_SECTION,
            labels=table_labels("boundaries"),
        ),
        structure=report(
            "<results>/tables/structure.csv",
            caption="../report/structure_table.rst",
            category=TABLES_SECTION,
            labels=table_labels("structure"),
        ),
        evidence=report(
            "<results>/tables/evidence.csv",
            caption="../report/evidence_table.rst",
            category=TABLES_SECTION,
            labels=table_labels("evidence"),
        ),
        evaluation=report(
            "<results>/tables/evaluation.csv",
            caption="../report/evaluation.rst",
            category=TABLES_SECTION,
            labels=table_labels("evaluation"),
        ),
        classes=report(
            "<results>/tables/classes.csv",
            caption="../report/classes.rst",
            category=TABLES_SECTION,
            labels=table_labels("classes"),
        ),
        reliability=report(
            "<results>/tables/reliability.csv",
            caption="../report/reliability_table.rst",
            category=TABLES_SECTION,
            labels=table_labels("reliability"),
        ),
        agreement=report(
            "<results>/tables/agreement.csv",
            caption="../report/agreement_table.rst",
            category=TABLES_SECTION,
            labels=table_labels("agreement"),
        ),
        effects=report(
            "<results>/tables/effects.csv",
            caption="../report/effects_table.rst",
            category=TABLES_SECTION,
            labels=table_labels("effects"),
        ),
    log:
        "<logs>/tabulate_results.log",
    benchmark:
        "<benchmarks>/tabulate_results.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("tabulate_results"),
        runtime=run_time("tabulate_results", max(1, config["ensemble"]["resamples"] / 1000)),
    params:
        files=STUDY.labels,
        reading=LABEL_READING,
        swept=STUDY.swept,
        seed=STUDY.seed,
        resamples=config["ensemble"]["resamples"],
        signal_cuts=config["ensemble"]["signal_cuts"],
        library=library_digest(
            "structure",
            "_references",
            "_principal",
            "analysis/boundaries",
            "analysis/choice",
            "analysis/composition",
            "analysis/evaluation",
            "analysis/exchange",
            "analysis/features",
            "analysis/naming",
            "analysis/profiles",
            "analysis/reliability",
            "analysis/tables",
            "data/table",
            "ensemble",
            "study/groups",
        ),
    script:
        "../../scripts/tabulate_results.py"


rule summarize_study:
    input:
        data=data_file(),
        notable="<results>/tables/notable.csv",
        composition=COMPOSITION_TABLE,
        ensemble="<results>/ensemble.h5",
        evaluation="<results>/tables/evaluation.csv",
        reliability="<results>/tables/reliability.csv",
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
        library=library_digest(
            "analysis/choice",
            "analysis/composition",
            "analysis/reliability",
            "analysis/summary",
            "ensemble/sufficiency",
        ),
    script:
        "../../scripts/summarize_study.py"
