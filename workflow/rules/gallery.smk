"""Pictures of the documentation, on demand: figures -> docs/images/*.png.

The target is `gallery`: the pictures of this study, small enough for a page. Those that belong to no
study are targets of their own name.
"""

# Picture -> the study and the figure that it shows; no study for those of the benchmarks.
PICTURES = {
    "wine": ("wine", "figures/similarity.png"),
    "colours": ("colours", "figures/colours.png"),
    "colours6d": ("colours6d", "figures/colours.png"),
    "schedule": ("colours", "figures/schedule.png"),
    "bank": ("bank", "stages/stages.png"),
    "bank-similarity": ("bank", "figures/similarity.png"),
    "joss": (None, "results/benchmarks/joss.png"),
}


def pictured(wildcards):
    """The figure that a picture shows."""
    study, figure = PICTURES[wildcards.picture]
    return figure if study is None else f"results/{study}/{figure}"


rule gallery:
    input:
        [f"docs/images/{name}.png" for name, (study, _) in PICTURES.items() if study == STUDY.name],


rule shrink_picture:
    input:
        figure=pictured,
    output:
        picture="docs/images/{picture}.png",
    log:
        "<logs>/shrink_picture/{picture}.log",
    benchmark:
        "<benchmarks>/shrink_picture/{picture}.tsv"
    wildcard_constraints:
        picture="|".join(PICTURES),
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        width=1400,
        most_bytes=200_000,
    script:
        "../../scripts/shrink_picture.py"
