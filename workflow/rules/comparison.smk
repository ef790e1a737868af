"""Comparison with another finished study, on demand: -> results/<study>/comparison/<other>/.

`comparison.with` is a parameter of these rules alone, so that a finished study stays as it is.
"""

import re

OTHER = config["comparison"]["with"]
# Results are named after the folder of the other study.
OTHER_NAME = plain_name(OTHER or "")
COMPARISON = "<results>/comparison/{other}/"
if OTHER and OTHER_NAME in ("", ".."):
    raise WorkflowError(f"comparison.with: name the folder of a study, not {OTHER!r}")

# A study of label files may have no table.
OTHER_FILES = [
    str(Path(OTHER or "", name))
    for name in ["ensemble.h5", "data.h5"]
    if name == "ensemble.h5" or Path(OTHER or "", name).exists()
]

# Without a study the target `compare_studies` asks for this, which Snakemake then reports as missing.
NO_OTHER = "comparison.with, as in --config 'comparison={with: results/other}'"


# What the figure is drawn with, as for all figures.
COMPARISON_FIGURE = library_digest(*imported_parts("kohorte.figures.comparison"))


rule compare_studies:
    input:
        (
            expand(
                f"{COMPARISON}{{file}}",
                other=OTHER_NAME,
                file=["moved.csv", "comparison.pdf", "comparison.png"],
            )
            if OTHER
            else NO_OTHER
        ),


rule compare_groups:
    input:
        data_file(),
        "<results>/ensemble.h5",
        given("comparison.with", OTHER_FILES),
    output:
        cross_table=report(
            f"{COMPARISON}cross_table.csv",
            caption="../report/cross_table.rst",
            category="8 Comparison",
            labels={"table": "groups of {other}"},
        ),
        scores=report(
            f"{COMPARISON}scores.csv",
            caption="../report/comparison_scores.rst",
            category="8 Comparison",
            labels={"table": "agreement with {other}"},
        ),
        moved=f"{COMPARISON}moved.csv",
    log:
        "<logs>/compare_groups/{other}.log",
    benchmark:
        "<benchmarks>/compare_groups/{other}.tsv"
    wildcard_constraints:
        other=re.escape(OTHER_NAME),
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("compare_groups"),
        runtime=run_time("compare_groups"),
    params:
        **step("kohorte.analysis.comparison:write_comparison", "data/prepared", "data/table"),
        study=lambda wildcards, output: str(Path(output.moved).parents[2]),
        other=as_it_is(OTHER),
        content=content_of("comparison.with", OTHER_FILES),
    script:
        RUN_STEP


rule plot_compared_groups:
    input:
        cross_table=f"{COMPARISON}cross_table.csv",
        scores=f"{COMPARISON}scores.csv",
    output:
        f"{COMPARISON}comparison.pdf",
        report(
            f"{COMPARISON}comparison.png",
            caption="../report/comparison.rst",
            category="8 Comparison",
            labels={"figure": "groups of {other}"},
        ),
    log:
        "<logs>/plot_compared_groups/{other}.log",
    benchmark:
        "<benchmarks>/plot_compared_groups/{other}.tsv"
    wildcard_constraints:
        other=re.escape(OTHER_NAME),
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot"),
        runtime=run_time("plot"),
    params:
        figures={
            "comparison": {
                "module": "kohorte.figures.comparison",
                "inputs": ["cross_table", "scores"],
                "parameters": {},
                "library": COMPARISON_FIGURE,
            }
        },
    script:
        "../../scripts/plot_figures.py"
