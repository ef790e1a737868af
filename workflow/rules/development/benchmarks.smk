"""Benchmarks: -> results/benchmarks/ensemble.csv, maps.csv, searches.csv, simpsom.csv and figures. They
belong to no study.

Other packages that make maps run in environments of their own, .map_peers and .simpsom, made from
envs/map_peers.txt and envs/simpsom.txt; where one is missing its rows are absent.
"""

# A number of points with which the case that begins and ends on disk fills memory or disk is for
# the person at the machine to choose: it is no property of a study.
BENCHMARK_POINTS = int(os.environ.get("KOHORTE_BENCHMARK_POINTS", 10_000_000))
# "small" tries whether all of the benchmark of the maps runs; its times mean nothing.
MAP_BENCHMARK_SIZE = os.environ.get("KOHORTE_BENCHMARK_SIZE", "full")
MAP_PEERS = Path(".map_peers/bin/python")
SIMPSOM = Path(".simpsom/bin/python")


rule benchmarks:
    input:
        "results/benchmarks/ensemble.csv",
        "results/benchmarks/ensemble.pdf",
        "results/benchmarks/ensemble.png",


rule map_benchmarks:
    input:
        "results/benchmarks/maps.csv",
        "results/benchmarks/map_quality.csv",
        "results/benchmarks/maps.pdf",
        "results/benchmarks/maps.png",


rule figure_joss:
    input:
        "results/benchmarks/joss.pdf",
        "results/benchmarks/joss.png",


rule benchmark_ensemble:
    output:
        table="results/benchmarks/ensemble.csv",
    log:
        "results/benchmarks/logs/benchmark_ensemble.log",
    benchmark:
        "results/benchmarks/benchmarks/benchmark_ensemble.tsv"
    conda:
        ENVIRONMENT
    threads: 2
    resources:
        mem_mb=4000,
        disk_mb=2000 + 34 * BENCHMARK_POINTS // 1_000_000,
        runtime=60,
    params:
        **step("kohorte_benchmarks.steps:time_ensemble", "kohorte_benchmarks", "ensemble", "store"),
        points=BENCHMARK_POINTS,
    script:
        RUN_STEP


rule plot_ensemble_benchmark:
    input:
        table="results/benchmarks/ensemble.csv",
        published="src/kohorte_benchmarks/published_timings.csv",
    output:
        pdf="results/benchmarks/ensemble.pdf",
        png="results/benchmarks/ensemble.png",
    log:
        "results/benchmarks/logs/plot_ensemble_benchmark.log",
    benchmark:
        "results/benchmarks/benchmarks/plot_ensemble_benchmark.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        draw=["benchmarks", "benchmark_figure"],
        library=library_digest("figures", "kohorte_benchmarks/figures"),
    script:
        "../../../scripts/plot_benchmark.py"


rule benchmark_maps:
    output:
        table="results/benchmarks/maps.csv",
        quality="results/benchmarks/map_quality.csv",
        text="results/benchmarks/maps.md",
    log:
        "results/benchmarks/logs/benchmark_maps.log",
    benchmark:
        "results/benchmarks/benchmarks/benchmark_maps.tsv"
    conda:
        ENVIRONMENT
    threads: 2
    resources:
        mem_mb=6000,
        disk_mb=2000,
        runtime=90,
    params:
        **step("kohorte_benchmarks.steps:time_maps", "kohorte_benchmarks", "data", "maps"),
        size=MAP_BENCHMARK_SIZE,
        peers=str(MAP_PEERS) if MAP_PEERS.exists() else None,
    script:
        RUN_STEP


rule benchmark_searches:
    output:
        table="results/benchmarks/searches.csv",
        text="results/benchmarks/searches.md",
    log:
        "results/benchmarks/logs/benchmark_searches.log",
    benchmark:
        "results/benchmarks/benchmarks/benchmark_searches.tsv"
    conda:
        ENVIRONMENT
    threads: 2
    resources:
        mem_mb=2000,
        disk_mb=200,
        runtime=30,
    params:
        **step("kohorte_benchmarks.steps:time_searches", "kohorte_benchmarks", "maps"),
        size=MAP_BENCHMARK_SIZE,
        peers=str(MAP_PEERS) if MAP_PEERS.exists() else None,
    script:
        RUN_STEP


rule plot_map_benchmark:
    input:
        table="results/benchmarks/maps.csv",
        published="src/kohorte_benchmarks/published_timings.csv",
    output:
        pdf="results/benchmarks/maps.pdf",
        png="results/benchmarks/maps.png",
    log:
        "results/benchmarks/logs/plot_map_benchmark.log",
    benchmark:
        "results/benchmarks/benchmarks/plot_map_benchmark.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        draw=["map_benchmarks", "map_benchmark_figure"],
        library=library_digest("figures", "kohorte_benchmarks/figures"),
    script:
        "../../../scripts/plot_benchmark.py"


rule plot_joss:
    input:
        maps="results/benchmarks/maps.csv",
        ensemble="results/benchmarks/ensemble.csv",
        published="src/kohorte_benchmarks/published_timings.csv",
        records="src/kohorte_benchmarks/records.csv",
    output:
        pdf="results/benchmarks/joss.pdf",
        png="results/benchmarks/joss.png",
    log:
        "results/benchmarks/logs/plot_joss.log",
    benchmark:
        "results/benchmarks/benchmarks/plot_joss.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        draw=["joss", "joss_figure"],
        library=library_digest("figures", "kohorte_benchmarks/figures"),
    script:
        "../../../scripts/plot_benchmark.py"


rule compare_simpsom:
    input:
        images="results/resources/mnist.h5",
    output:
        table="results/benchmarks/simpsom.csv",
    log:
        "results/benchmarks/logs/compare_simpsom.log",
    benchmark:
        "results/benchmarks/benchmarks/compare_simpsom.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=4000,
        disk_mb=500,
        runtime=30,
    params:
        **step("kohorte_benchmarks.steps:time_simpsom", "kohorte_benchmarks", "maps"),
        peer=str(SIMPSOM) if SIMPSOM.exists() else None,
    script:
        RUN_STEP
