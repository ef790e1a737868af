"""Comparison of consensus methods: -> results/benchmarks/consensus*. It belongs to no study.

Methods of other packages run in an environment of their own, .peers, made from envs/peers.txt;
where it is missing their rows are absent.
"""

COMPARED = ["iris", "wine", "breast_cancer", "digits", "blobs", "moons"]
COMPARISON_SEEDS = range(5)
PEERS = Path(".peers/bin/python")


rule comparison:
    input:
        "results/benchmarks/consensus.csv",
        "results/benchmarks/consensus_rules.csv",
        "results/benchmarks/consensus.md",
        "results/benchmarks/consensus.pdf",
        "results/benchmarks/consensus_rules.pdf",


rule compare_consensus:
    output:
        methods="results/benchmarks/consensus/{data_set}_{seed}.csv",
        rules="results/benchmarks/consensus/{data_set}_{seed}_rules.csv",
    log:
        "results/benchmarks/logs/compare_consensus/{data_set}_{seed}.log",
    benchmark:
        "results/benchmarks/benchmarks/compare_consensus/{data_set}_{seed}.tsv"
    wildcard_constraints:
        data_set="|".join(COMPARED),
        seed=r"\d+",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        **step(
            "kohorte_benchmarks.steps:compare_methods",
            "kohorte_benchmarks/consensus",
            "kohorte_benchmarks/label_sets",
            "kohorte_benchmarks/peer_consensus",
            "kohorte_benchmarks/signal_cuts",
            "data",
            "ensemble",
            "analysis/evaluation",
            "maps",
        ),
        data_set=lambda wildcards: wildcards.data_set,
        seed=lambda wildcards: int(wildcards.seed),
        peers=str(PEERS) if PEERS.exists() else None,
    script:
        RUN_STEP


rule plot_comparison:
    input:
        methods=expand(
            "results/benchmarks/consensus/{data_set}_{seed}.csv",
            data_set=COMPARED,
            seed=COMPARISON_SEEDS,
        ),
        rules=expand(
            "results/benchmarks/consensus/{data_set}_{seed}_rules.csv",
            data_set=COMPARED,
            seed=COMPARISON_SEEDS,
        ),
    output:
        methods="results/benchmarks/consensus.csv",
        rules="results/benchmarks/consensus_rules.csv",
        text="results/benchmarks/consensus.md",
        methods_pdf="results/benchmarks/consensus.pdf",
        methods_png="results/benchmarks/consensus.png",
        rules_pdf="results/benchmarks/consensus_rules.pdf",
        rules_png="results/benchmarks/consensus_rules.png",
    log:
        "results/benchmarks/logs/plot_comparison.log",
    benchmark:
        "results/benchmarks/benchmarks/plot_comparison.tsv"
    conda:
        "../../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        library=library_digest(
            "kohorte_benchmarks/consensus", "figures", "kohorte_benchmarks/figures"
        ),
    script:
        "../../../scripts/plot_comparison.py"
