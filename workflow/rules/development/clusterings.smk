"""Clusterings of labelled sets, and of tables without structure: -> results/benchmarks/clusterings*
and null_tables*. They belong to no study.

The sets are those of a folder, SUITE of `make compare-clusterings`; none comes with kohorte. Each
set is a job for each of its METHODS, and only what is missing or stale is run. Genie runs in an
environment of its own, .genie, made from envs/genie.txt; where it is missing the page says so.
"""


include: "suite.smk"


rule clusterings:
    input:
        "results/benchmarks/clusterings.csv",
        "results/benchmarks/clusterings.md",
        "results/benchmarks/clusterings.pdf",
        "results/benchmarks/clusterings.png",


rule null_tables:
    input:
        "results/benchmarks/null_tables.csv",
        "results/benchmarks/null_tables.md",


rule cluster_set:
    input:
        data=set_data,
        labels=set_labels,
    output:
        table="results/benchmarks/clusterings/{set}/{methods}.csv",
    log:
        "results/benchmarks/logs/cluster_set/{set}/{methods}.log",
    benchmark:
        "results/benchmarks/benchmarks/cluster_set/{set}/{methods}.tsv"
    wildcard_constraints:
        set="[^/]+/[^/]+",
        methods="|".join(OWN_METHODS),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=6000,
        runtime=60,
    params:
        **step(
            "kohorte_benchmarks.clustering_steps:run_own",
            "kohorte_benchmarks/clusterings",
            "kohorte_benchmarks/clusterers",
            "kohorte_benchmarks/consensus",
            "kohorte_benchmarks/label_sets",
            "analysis/evaluation",
            "data",
            "ensemble",
            "estimators",
            "maps",
        ),
        name=lambda wildcards: wildcards.set,
        methods=lambda wildcards: wildcards.methods,
        seed=SUITE_SEED,
        null=lambda wildcards: WITH_NULL and wildcards.methods == "kohorte",
    script:
        RUN_STEP


rule cluster_set_by_peers:
    input:
        data=set_data,
        labels=set_labels,
    output:
        table="results/benchmarks/clusterings/{set}/{methods}.csv",
    log:
        "results/benchmarks/logs/cluster_set_by_peers/{set}/{methods}.log",
    benchmark:
        "results/benchmarks/benchmarks/cluster_set_by_peers/{set}/{methods}.tsv"
    wildcard_constraints:
        set="[^/]+/[^/]+",
        methods="|".join(PEER_METHODS),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        **step(
            "kohorte_benchmarks.clustering_steps:run_peers",
            "kohorte_benchmarks/clusterings",
            "kohorte_benchmarks/clusterer_peers",
            "kohorte_benchmarks/genie_peer",
        ),
        name=lambda wildcards: wildcards.set,
        methods=lambda wildcards: wildcards.methods,
        seed=SUITE_SEED,
        genie=lambda wildcards: str(GENIE) if wildcards.methods == "genie" else None,
    script:
        RUN_STEP


rule join_clusterings:
    input:
        tables=suite_tables,
        published=published_file,
    output:
        table="results/benchmarks/clusterings.csv",
        text="results/benchmarks/clusterings.md",
    log:
        "results/benchmarks/logs/join_clusterings.log",
    benchmark:
        "results/benchmarks/benchmarks/join_clusterings.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        **step(
            "kohorte_benchmarks.clustering_steps:join_sets",
            "kohorte_benchmarks/clustering_tables",
            "kohorte_benchmarks/clusterings",
        ),
        missing=LEFT_OUT,
    script:
        RUN_STEP


rule plot_clusterings:
    input:
        table="results/benchmarks/clusterings.csv",
    output:
        pdf="results/benchmarks/clusterings.pdf",
        png="results/benchmarks/clusterings.png",
    log:
        "results/benchmarks/logs/plot_clusterings.log",
    benchmark:
        "results/benchmarks/benchmarks/plot_clusterings.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        draw=["clusterings", "clusterings_figure"],
        library=library_digest(
            "figures",
            "kohorte_benchmarks/figures",
            "kohorte_benchmarks/clustering_tables",
            "kohorte_benchmarks/clusterings",
        ),
    script:
        "../../../scripts/plot_benchmark.py"


rule check_tables:
    output:
        table="results/benchmarks/null_tables/{kind}.csv",
    log:
        "results/benchmarks/logs/check_tables/{kind}.log",
    benchmark:
        "results/benchmarks/benchmarks/check_tables/{kind}.tsv"
    wildcard_constraints:
        kind="|".join(UNSTRUCTURED + STRUCTURED),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=3000,
        runtime=120,
    params:
        **step(
            "kohorte_benchmarks.clustering_steps:check_tables",
            "kohorte_benchmarks/null_tables",
            "kohorte_benchmarks/clusterers",
            "kohorte_benchmarks/clusterings",
            "_references",
            "data",
            "ensemble",
            "estimators",
            "maps",
        ),
        kind=lambda wildcards: wildcards.kind,
        tables=NULL_TABLES,
        seed=SUITE_SEED,
        null=WITH_NULL,
    script:
        RUN_STEP


rule join_tables:
    input:
        tables=expand("results/benchmarks/null_tables/{kind}.csv", kind=UNSTRUCTURED + STRUCTURED),
    output:
        table="results/benchmarks/null_tables.csv",
        text="results/benchmarks/null_tables.md",
    log:
        "results/benchmarks/logs/join_tables.log",
    benchmark:
        "results/benchmarks/benchmarks/join_tables.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        **step(
            "kohorte_benchmarks.clustering_steps:join_tables",
            "kohorte_benchmarks/clustering_tables",
            "kohorte_benchmarks/clusterings",
        ),
    script:
        RUN_STEP
