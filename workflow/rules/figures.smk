"""Figures: results/<study>/*.h5 and tables -> results/<study>/figures/*.pdf and *.png.

`draw_figures` draws all that the study has in one job, and of these again only what changed. Each
has a rule of its own, too, `plot_<name>`, for who asks for it alone. Both follow from the table of
figures: kohorte.study.figures, with what the studies add to it.
"""

ALL_FIGURES = [*FIGURES, *(figure for module in MODULES for figure in module.figures)]
DRAWN_FIGURES = choose_figures(ALL_FIGURES, config, STUDY)
CAPTIONS = {
    figure.name: module.folder / "captions" for module in MODULES for figure in module.figures
}


def figure_inputs(figures):
    """What some figures are drawn from, by name."""
    inputs = {
        name: FIGURE_INPUTS.get(name, f"<results>/{name}.h5") for f in figures for name in f.inputs
    }
    return inputs | {name: f"<results>/tables/{name}.csv" for f in figures for name in f.tables}


def figure_files(figure, mark=lambda file: file):
    """The files of a figure, for the report, too."""
    path = f"<results>/figures/{figure.name}"
    picture = report(
        f"{path}.png",
        caption=f"{CAPTIONS.get(figure.name, '../report')}/{figure.name}.rst",
        category=figure.section,
        labels={"figure": figure.name.replace("_", " ")},
    )
    return [mark(f"{path}.pdf"), mark(picture)]


def figure_jobs(figures):
    """What the script must know of some figures; what changes it changes the figure."""
    return {
        figure.name: {
            "module": figure.module,
            "inputs": [*figure.inputs, *figure.tables],
            "parameters": figure.choose_parameters(config, STUDY),
            "library": library_digest(*imported_parts(figure.module)),
        }
        for figure in figures
    }


def figure_origins(wildcards):
    """Rule and input files of each figure of the study, by the name of its file."""
    made = {f.name: getattr(rules, f"plot_{f.name}") for f in DRAWN_FIGURES}
    return {
        Path(str(file)).name: {
            "rule": f"plot_{name}",
            "inputs": sorted({str(f) for f in rule.input}),
        }
        for name, rule in made.items()
        for file in rule.output
    }


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
