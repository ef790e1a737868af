"""Benchmarks: -> results/benchmarks/ensemble.csv and its figure. They belong to no study."""

# A number of points with which the case that begins and ends on disk fills memory or disk is for
# the person at the machine to choose: it is no property of a study.
BENCHMARK_POINTS = int(os.environ.get("KOHORTE_BENCHMARK_POINTS", 10_000_000))


rule benchmarks:
    input:
        "results/benchmarks/ensemble.csv",
        "results/benchmarks/ensemble.pdf",
        "results/benchmarks/ensemble.png",


rule benchmark_ensemble:
    output:
        table="results/benchmarks/ensemble.csv",
    log:
        "results/benchmarks/logs/benchmark_ensemble.log",
    benchmark:
        "results/benchmarks/benchmarks/benchmark_ensemble.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 2
    resources:
        mem_mb=4000,
        disk_mb=2000 + 34 * BENCHMARK_POINTS // 1_000_000,
        runtime=60,
    params:
        points=BENCHMARK_POINTS,
        library=library_digest("benchmarks", "ensemble", "store"),
    script:
        "../../scripts/benchmark_ensemble.py"


rule plot_ensemble_benchmark:
    input:
        table="results/benchmarks/ensemble.csv",
        published="scripts/published_sce_timings.csv",
    output:
        pdf="results/benchmarks/ensemble.pdf",
        png="results/benchmarks/ensemble.png",
    log:
        "results/benchmarks/logs/plot_ensemble_benchmark.log",
    benchmark:
        "results/benchmarks/benchmarks/plot_ensemble_benchmark.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        library=library_digest("figures"),
    script:
        "../../scripts/plot_ensemble_benchmark.py"
