"""Pictures of the documentation, on demand: figures -> docs/images/*.png.

The target is `gallery`: the pictures of this study, small enough for a page. Those that belong to no
study are targets of their own name.
"""

# Picture -> the figure that it shows.
PICTURES = {
    "iris-signal": "results/iris/figures/signal.png",
    "explorer": "results/pictures/explorer.png",
    "iris-1000-sweep": "results/iris-1000/figures/sweep.png",
    "wine": "results/wine/figures/similarity.png",
    "penguins-signal": "results/penguins/figures/signal.png",
    "penguins-profiles": "results/penguins/figures/profiles.png",
    "penguins-evidence": "results/penguins/figures/evidence.png",
    "penguins-splits": "results/penguins/figures/splits.png",
    "bacteria-profiles": "results/bacteria/figures/profiles.png",
    "landsat-map": "results/landsat/figures/group_map.png",
    "stars-foreign": "results/stars/figures/signal.png",
    "colours": "results/colours/figures/colours.png",
    "colours6d": "results/colours6d/figures/colours.png",
    "schedule": "results/colours/figures/schedule.png",
    "mnist": "results/mnist/figures/image_map.png",
    "mnist-digits": "results/mnist/figures/class_projections.png",
    "mnist-classification": "results/mnist-ensemble/figures/classification.png",
    "stars": "results/hipparcos/figures/colour_magnitude.png",
    "stars-regions": "results/hipparcos/figures/star_regions.png",
    "gaia-groups": "results/gaia/figures/signal.png",
    "gaia-scaling": "results/gaia/scaling/scaling.png",
    "plasma2d-current": "results/plasma2d/figures/field_slice.png",
    "plasma2d-clusters": "results/plasma2d/figures/cluster_slice.png",
    "plasma2d-shares": "results/plasma2d/figures/group_shares.png",
    "plasma3d-sheets": "results/plasma3d/figures/sheet_surfaces.png",
    "plasma3d-paper-sheets": "results/plasma3d-paper/figures/sheet_surfaces.png",
    "spirals-courses": "results/spirals/courses.png",
    "spirals-decisions": "results/spirals/decisions.png",
    "spirals-layers": "results/spirals/layers.png",
    "spirals-sweep": "results/spirals/sweep.png",
    "spirals-unwinding": "results/spirals/unwinding.png",
    "bank": "results/bank/stages/stages.png",
    "generated": "results/generated/tables.png",
    "joss": "results/benchmarks/joss.png",
    "benchmark-maps": "results/benchmarks/maps.png",
    "benchmark-ensemble": "results/benchmarks/ensemble.png",
    "consensus": "results/benchmarks/consensus.png",
    "consensus_rules": "results/benchmarks/consensus_rules.png",
}

# Picture -> the page whose top it shows.
PAGES = {"penguins-report": "results/penguins/report.html"}


rule gallery:
    input:
        [
            f"docs/images/{name}.png"
            for name, figure in (PICTURES | PAGES).items()
            if figure.startswith(f"results/{STUDY.name}/")
        ],


rule shrink_picture:
    input:
        figure=lambda wildcards: PICTURES[wildcards.picture],
    output:
        picture="docs/images/{picture}.png",
    log:
        "<logs>/shrink_picture/{picture}.log",
    benchmark:
        "<benchmarks>/shrink_picture/{picture}.tsv"
    wildcard_constraints:
        picture="|".join(PICTURES),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        widths=[1400, 1200, 1000, 850, 700, 600],
        most_bytes=400_000,
        library=library_digest("figures/pictures"),
    script:
        "../../../scripts/shrink_picture.py"


rule photograph_page:
    input:
        page=lambda wildcards: PAGES[wildcards.picture],
    output:
        picture="docs/images/{picture}.png",
    log:
        "<logs>/photograph_page/{picture}.log",
    benchmark:
        "<benchmarks>/photograph_page/{picture}.tsv"
    wildcard_constraints:
        picture="|".join(PAGES),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        width=1100,
        height=900,
        library=library_digest("figures/pictures"),
    script:
        "../../../scripts/photograph_page.py"


rule plot_generated:
    output:
        png="results/generated/tables.png",
    log:
        "results/generated/logs/plot_generated.log",
    benchmark:
        "results/generated/benchmarks/plot_generated.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        library=library_digest(
            "figures/generated", "figures/style", "data/generated", "data/reading"
        ),
    script:
        "../../../scripts/plot_generated.py"


# The versicolor flowers of Iris; needs chromium.
rule show_explorer:
    input:
        page="results/iris/explorer.html",
    output:
        picture="results/pictures/explorer.png",
    log:
        "results/pictures/logs/show_explorer.log",
    benchmark:
        "results/pictures/benchmarks/show_explorer.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        shown="shade=group&order=by:alpha",
        rows=list(range(50, 100)),
    script:
        "../../../scripts/show_explorer.py"
