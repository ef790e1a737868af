"""Figures: results/<study>/*.h5 and tables -> results/<study>/figures/*.pdf and *.png.

`draw_figures` draws all that the study has in one job, and of these again only what changed. Each
has a rule of its own, too, `plot_<name>`, for who asks for it alone. Both follow from the table of
figures: kohorte.study.figures, with what the studies add to it.
"""


rule figures:
    input:
        [figure_files(figure) for figure in DRAWN_FIGURES],


rule draw_figures:
    input:
        **figure_inputs(DRAWN_FIGURES),
    output:
        [figure_files(figure, update) for figure in DRAWN_FIGURES],
    log:
        "<logs>/draw_figures.log",
    benchmark:
        "<benchmarks>/draw_figures.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 2
    resources:
        mem_mb=drawing_memory(DRAWN_FIGURES),
        runtime=drawing_time(DRAWN_FIGURES),
    params:
        figures=figure_jobs(DRAWN_FIGURES),
    script:
        "../../scripts/plot_figures.py"


for figure in ALL_FIGURES:

    rule:
        name:
            f"plot_{figure.name}"
        input:
            **figure_inputs([figure]),
        output:
            figure_files(figure),
        log:
            f"<logs>/plot_{figure.name}.log",
        benchmark:
            f"<benchmarks>/plot_{figure.name}.tsv"
        conda:
            "../../envs/kohorte.yaml"
        threads: 1
        resources:
            mem_mb=drawing_memory([figure]),
            runtime=drawing_time([figure]),
        params:
            figures=figure_jobs([figure]),
        script:
            "../../scripts/plot_figures.py"


# A file of a figure is made with all others; a rule that is named as the target runs alone.
workflow.ruleorder("draw_figures", *(f"plot_{figure.name}" for figure in ALL_FIGURES))
