"""Times of the stages of online training, on demand: data.h5 -> results/<study>/stages/*.

The published experiment of the parallel map: the target is `stages`, its sizes are in the section
of that name, and config/bank.yaml is its study.
"""


rule stages:
    input:
        "<results>/stages/times.csv",
        "<results>/stages/quality.csv",
        "<results>/stages/stages.pdf",
        "<results>/stages/stages.png",


rule time_stages:
    input:
        data="<results>/data.h5",
    output:
        times="<results>/stages/times.csv",
        quality="<results>/stages/quality.csv",
    log:
        "<logs>/time_stages.log",
    benchmark:
        "<benchmarks>/time_stages.tsv"
    conda:
        ENVIRONMENT
    threads: 2
    resources:
        mem_mb=2000,
        runtime=90,
        gpu=int(DEVICE == "gpu"),
    params:
        **step(
            "kohorte_benchmarks.steps:time_stages",
            "kohorte_benchmarks/serving",
            "kohorte_benchmarks/stages",
            "kohorte_benchmarks/stage_kernels",
            "kohorte_benchmarks/stage_tasks",
            "kohorte_benchmarks/worker",
            "kohorte_benchmarks/workloads",
            "maps",
        ),
        seed=config["seed"],
        options=config["stages"],
    script:
        RUN_STEP


rule plot_stages:
    input:
        times="<results>/stages/times.csv",
        quality="<results>/stages/quality.csv",
    output:
        pdf="<results>/stages/stages.pdf",
        png="<results>/stages/stages.png",
    log:
        "<logs>/plot_stages.log",
    benchmark:
        "<benchmarks>/plot_stages.tsv"
    conda:
        "../../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        draw=["stages", "stages_figure"],
        library=library_digest("figures", "kohorte_benchmarks/figures"),
    script:
        "../../../scripts/plot_benchmark.py"
