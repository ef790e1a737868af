"""Tables: realizations and ensemble -> results/<study>/tables/*.csv and the summary.

One job makes all tables that take seconds: starting Python for each would take longer. Where there
are several slabs, their points are tallied in jobs of their own, in rounds of which each needs what
the one before has found: tallies/<round>/<slab>.h5 -> tallies/<round>.h5.
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


# What is tallied of the points in slabs; nothing where one job does it all.
ROUNDS = range(count_rounds(HAS_DATA) if len(SLABS) > 1 else 0)


rule tally_points:
    input:
        data=data_file(),
        labels=label_sources(),
        ensemble="<results>/ensemble.h5",
        former=lambda wildcards: [RESULTS / f"tallies/{k}.h5" for k in range(int(wildcards.turn))],
    output:
        tally=temp("<results>/tallies/{turn}/{slab}.h5"),
    log:
        "<logs>/tally_points/{turn}/{slab}.log",
    benchmark:
        "<benchmarks>/tally_points/{turn}/{slab}.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=tallying_memory,
        runtime=tallying_time,
    params:
        **step(
            "kohorte.jobs.tabulation:tally_slab",
            "_limits",
            "_tallies",
            "analysis/evaluation",
            "analysis/orders",
            "analysis/profiles",
            "analysis/reliability",
            "analysis/tallies",
            "data/prepared",
            "ensemble",
        ),
        slab=lambda wildcards: int(wildcards.slab),
        slabs=len(SLABS),
        files=STUDY.labels,
        reading=LABEL_READING,
        signal_cuts=config["ensemble"]["signal_cuts"],
    script:
        RUN_STEP


rule gather_tallies:
    input:
        tallies=expand("<results>/tallies/{{turn}}/{slab}.h5", slab=SLABS),
    output:
        gathered=temp("<results>/tallies/{turn}.h5"),
    log:
        "<logs>/gather_tallies/{turn}.log",
    benchmark:
        "<benchmarks>/gather_tallies/{turn}.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("gather_tallies"),
        runtime=run_time("gather_tallies"),
    params:
        **step("kohorte.jobs.tabulation:gather_tallies", "_tallies"),
    script:
        RUN_STEP


rule tabulate_results:
    input:
        tallies=expand("<results>/tallies/{turn}.h5", turn=ROUNDS),
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
        mem_mb=tabulating_memory,
        runtime=tabulating_time,
    params:
        files=STUDY.labels,
        reading=LABEL_READING,
        swept=STUDY.swept,
        seed=STUDY.seed,
        resamples=config["ensemble"]["resamples"],
        signal_cuts=config["ensemble"]["signal_cuts"],
        library=library_digest(
            "structure",
            "_limits",
            "_references",
            "_principal",
            "_tallies",
            "analysis/boundaries",
            "analysis/choice",
            "analysis/composition",
            "analysis/evaluation",
            "analysis/exchange",
            "analysis/features",
            "analysis/naming",
            "analysis/orders",
            "analysis/profiles",
            "analysis/reliability",
            "analysis/tables",
            "analysis/tallies",
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
            "_references",
            "analysis/choice",
            "analysis/composition",
            "analysis/reliability",
            "analysis/summary",
            "ensemble/sufficiency",
        ),
    script:
        "../../scripts/summarize_study.py"
