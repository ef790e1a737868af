"""Scaling of a study with its points, on demand: data.h5 -> results/<study>/scaling/*.

The target is `scaling`, its numbers of points are in the section of that name, and config/gaia.yaml
has a study with many points. It is for studies that train maps.
"""

from kohorte_benchmarks.costs import scaling_mb, scaling_seconds

SCALED_MAPS = [plan.parameters for plan in STUDY.realizations]
SCALED_POINTS = config["scaling"]["points"]


rule scaling:
    input:
        "<results>/scaling/scaling.csv",
        "<results>/scaling/scaling.pdf",
        "<results>/scaling/scaling.png",


# For a study of label files the target asks for this, which Snakemake then reports as missing.
NO_MAPS_TO_SCALE = "maps to train: scaling is measured for studies without realizations.labels"


rule measure_scaling:
    input:
        data="<results>/data.h5" if HAS_MAPS else NO_MAPS_TO_SCALE,
        weights=config["training"]["weights"] or [],
    output:
        table="<results>/scaling/scaling.csv",
    log:
        "<logs>/measure_scaling.log",
    benchmark:
        "<benchmarks>/measure_scaling.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=lambda wildcards, input, attempt: memory_mb(
            scaling_mb(SCALED_MAPS, SCALED_POINTS, table_shape(input.data)[1]), attempt
        ),
        runtime=lambda wildcards, input, attempt: run_minutes(
            scaling_seconds(
                SCALED_MAPS,
                SCALED_POINTS,
                table_shape(input.data)[1],
                config["scaling"]["rounds"],
            ),
            attempt,
        ),
        gpu=int(DEVICE == "gpu"),
    params:
        **step(
            "kohorte_benchmarks.steps:time_scaling",
            "kohorte_benchmarks/scaling",
            "kohorte_benchmarks/scaling_tasks",
            "kohorte_benchmarks/serving",
            "kohorte_benchmarks/worker",
            "kohorte_benchmarks/workloads",
            "ensemble",
            "maps",
        ),
        seed=STUDY.seed,
        members=[{"seed": p.seed, "parameters": p.parameters} for p in STUDY.realizations],
        ensemble={
            name: config["ensemble"][name]
            for name in ["backend", "identical", "threshold", "groups", "votes"]
        },
        options=config["scaling"],
    script:
        RUN_STEP


rule plot_scaling:
    input:
        table="<results>/scaling/scaling.csv",
    output:
        pdf="<results>/scaling/scaling.pdf",
        png="<results>/scaling/scaling.png",
    log:
        "<logs>/plot_scaling.log",
    benchmark:
        "<benchmarks>/plot_scaling.tsv"
    conda:
        "../../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        draw=["scaling", "scaling_figure"],
        library=library_digest("figures", "kohorte_benchmarks/figures"),
    script:
        "../../../scripts/plot_benchmark.py"
