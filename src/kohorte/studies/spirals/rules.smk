"""Maps inside neural networks: -> results/spirals/*.csv and figures. They belong to no study."""

from kohorte.studies.spirals.plan import cut_numbers, plan_cases

SPIRALS = config["spirals"]
SPIRAL_CASES = plan_cases(SPIRALS)
SPIRAL_NUMBERS = cut_numbers(SPIRALS)
# Editing what the networks are not told must not train them anew.
NETWORK_OPTIONS = {
    name: SPIRALS[name]
    for name in [
        "points",
        "test_points",
        "turns",
        "noise",
        "parameters",
        "steps",
        "rate",
        "refreshes",
    ]
}
CURVE_OPTIONS = {
    name: SPIRALS[name]
    for name in ["seeds", "points", "noise", "chain", "chain_beta", "unwound_turns", "sweep_turns"]
}
SPIRAL_FIGURES = ["unwinding", "decisions", "layers", "courses", "sweep"]


wildcard_constraints:
    case="|".join(SPIRAL_CASES),


rule spirals:
    input:
        "results/spirals/unwinding.csv",
        "results/spirals/networks.csv",
        "results/spirals/courses.csv",
        "results/spirals/comparisons.csv",
        expand("results/spirals/{name}.{format}", name=SPIRAL_FIGURES, format=["pdf", "png"]),


rule unwind_curves:
    output:
        table="results/spirals/unwinding.csv",
        curve="results/spirals/unwinding.h5",
    log:
        "results/spirals/logs/unwind_curves.log",
    benchmark:
        "results/spirals/benchmarks/unwind_curves.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        **step("kohorte.studies.spirals.steps:unwind_curves", "maps", "studies/spirals"),
        options=CURVE_OPTIONS,
        seed=config["seed"],
    script:
        RUN_STEP


rule train_networks:
    output:
        networks="results/spirals/networks/{case}_{batch}.h5",
    log:
        "results/spirals/logs/train_networks/{case}_{batch}.log",
    benchmark:
        "results/spirals/benchmarks/train_networks/{case}_{batch}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        **step("kohorte.studies.spirals.steps:train_networks", "maps", "studies/spirals"),
        variant=lambda wildcards: SPIRAL_CASES[wildcards.case].variant,
        side=lambda wildcards: SPIRAL_CASES[wildcards.case].side,
        betas=lambda wildcards: SPIRAL_CASES[wildcards.case].beta,
        numbers=lambda wildcards: SPIRAL_NUMBERS[wildcards.batch],
        drawn=[SPIRALS["side"], float(SPIRALS["beta"])],
        options=NETWORK_OPTIONS,
        seed=config["seed"],
    script:
        RUN_STEP


rule compare_networks:
    input:
        trained=expand(
            "results/spirals/networks/{case}_{batch}.h5",
            case=SPIRAL_CASES,
            batch=SPIRAL_NUMBERS,
        ),
    output:
        networks="results/spirals/networks.csv",
        courses="results/spirals/courses.csv",
        comparisons="results/spirals/comparisons.csv",
    log:
        "results/spirals/logs/compare_networks.log",
    benchmark:
        "results/spirals/benchmarks/compare_networks.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        **step("kohorte.studies.spirals.steps:compare_networks", "studies/spirals", "store"),
        side=SPIRALS["side"],
        beta=float(SPIRALS["beta"]),
    script:
        RUN_STEP


rule plot_unwinding:
    input:
        table="results/spirals/unwinding.csv",
        curve="results/spirals/unwinding.h5",
    output:
        pdf="results/spirals/unwinding.pdf",
        png="results/spirals/unwinding.png",
    log:
        "results/spirals/logs/plot_unwinding.log",
    benchmark:
        "results/spirals/benchmarks/plot_unwinding.tsv"
    conda:
        "../../../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        draw="draw_unwinding",
        library=library_digest("figures", "studies/spirals/figures", "studies/spirals/plan"),
    script:
        "../../../../scripts/plot_spirals.py"


rule plot_spirals:
    input:
        # Those with networks of the side that is compared, of which the first ones are drawn.
        jobs=expand(
            "results/spirals/networks/{case}_{batch}.h5",
            case=[name for name, case in SPIRAL_CASES.items() if case.side == SPIRALS["side"]],
            batch=next(iter(SPIRAL_NUMBERS)),
        ),
        networks="results/spirals/networks.csv",
        courses="results/spirals/courses.csv",
    output:
        expand("results/spirals/{name}.{format}", name=SPIRAL_FIGURES[1:], format=["pdf", "png"]),
    log:
        "results/spirals/logs/plot_spirals.log",
    benchmark:
        "results/spirals/benchmarks/plot_spirals.tsv"
    conda:
        "../../../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        draw="draw_networks",
        library=library_digest("figures", "studies/spirals/figures", "studies/spirals/plan"),
    script:
        "../../../../scripts/plot_spirals.py"
