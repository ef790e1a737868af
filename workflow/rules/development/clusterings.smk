"""Clusterings of labelled sets, and of tables without structure: -> results/benchmarks/clusterings*
and null_tables*. They belong to no study.

The sets are those of a folder, SUITE of `make compare-clusterings`; none comes with kohorte. Each
set is a job for each of its METHODS, and only what is missing or stale is run. Genie runs in an
environment of its own, .genie, made from envs/genie.txt; where it is missing the page says so.
"""

SUITE = os.environ.get("KOHORTE_SUITE", "")
SUITE_SETS = {
    f"{file.parent.name}/{file.name.removesuffix('.data.gz')}": file
    for file in sorted(Path(SUITE).glob("*/*.data.gz") if SUITE else [])
}
# Those of kohorte, with and without maps; and others, which do not depend on the library.
OWN_METHODS, PEER_METHODS = ["kohorte", "published", "labels"], ["common", "genie", "m3c"]
COMPARED_METHODS = os.environ.get("KOHORTE_METHODS", "").split() or OWN_METHODS + PEER_METHODS
WITH_NULL = os.environ.get("KOHORTE_NULL", "") not in ("", "0")
SUITE_SEED = 42
GENIE = Path(".genie/bin/python")
LEFT_OUT = []
if "genie" in COMPARED_METHODS and not GENIE.exists():
    COMPARED_METHODS = [name for name in COMPARED_METHODS if name != "genie"]
    LEFT_OUT = ["Genie, since envs/genie.txt is not installed (.genie)"]

UNSTRUCTURED = (
    "gaussian gaussian_6d gaussian_correlated uniform uniform_6d uniform_disc sphere exponential "
    "student_t line gradient ring banana"
).split()
STRUCTURED = (
    "two_gaussians_at_2 two_gaussians_at_3 two_gaussians_at_4 two_gaussians_at_5 linked_rings "
    "ball_in_shell seven_balls bullseye facing_slabs three_shapes four_balls two_spirals chains"
).split()
NULL_TABLES = int(os.environ.get("KOHORTE_NULL_TABLES", "") or 20)


def suite_tables(wildcards):
    """The tables of all sets and methods, where there is a suite."""
    unknown = set(COMPARED_METHODS) - {*OWN_METHODS, *PEER_METHODS}
    if unknown:
        known = " ".join(OWN_METHODS + PEER_METHODS)
        raise WorkflowError(f"METHODS: unknown {' '.join(sorted(unknown))}; choose from {known}")
    if not SUITE_SETS:
        raise WorkflowError(
            f"SUITE={SUITE}: no <battery>/<set>.data.gz there. Give the folder of a suite, such as "
            "that of Gagolewski, SoftwareX 20 (2022) 101270: make compare-clusterings SUITE=folder"
        )
    return expand(
        "results/benchmarks/clusterings/{set}/{methods}.csv",
        set=SUITE_SETS,
        methods=COMPARED_METHODS,
    )


def set_data(wildcards):
    """The points of a set."""
    return as_given(str(SUITE_SETS[wildcards.set]))


def set_labels(wildcards):
    """The reference labelings of a set."""
    data = SUITE_SETS[wildcards.set]
    name = data.name.removesuffix(".data.gz")
    return [as_given(str(file)) for file in sorted(data.parent.glob(f"{name}.labels*.gz"))]


def published_file(wildcards):
    """Indices that the suite has of published methods, if any."""
    file = Path(SUITE, "published_ari.csv")
    return [as_given(str(file))] if file.exists() else []


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
