"""Stars: consensus groups in the colour-magnitude diagram -> figures and tables of them.

They belong to a study that names them in `figures.extra` and whose features hold colour and absolute
magnitude.
"""

if "star_regions" in config["figures"]["extra"]:
    MODULE_TABLES += ["stars", "star_regions", "star_maps"]


rule measure_star_groups:
    input:
        source_file,
        data="<results>/data.h5",
        labels=label_sources(),
        ensemble="<results>/ensemble.h5",
    output:
        groups=report(
            "<results>/tables/stars.csv",
            caption="captions/stars_table.rst",
            category="Tables",
            labels={"table": "stars"},
        ),
        regions=report(
            "<results>/tables/star_regions.csv",
            caption="captions/star_regions_table.rst",
            category="Tables",
            labels={"table": "star regions"},
        ),
        maps=report(
            "<results>/tables/star_maps.csv",
            caption="captions/star_maps_table.rst",
            category="Tables",
            labels={"table": "star maps"},
        ),
    log:
        "<logs>/measure_star_groups.log",
    benchmark:
        "<benchmarks>/measure_star_groups.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=memory("prepare_data"),
        runtime=run_time("prepare_data"),
    params:
        **step("kohorte.studies.stars.steps:measure_groups", "studies/stars/regions", *READING),
        source=config["data"]["source"],
    script:
        RUN_STEP


rule plot_colour_magnitude:
    input:
        ensemble="<results>/ensemble.h5",
        data="<results>/data.h5",
    output:
        pdf="<results>/figures/colour_magnitude.pdf",
        png=report(
            "<results>/figures/colour_magnitude.png",
            caption="../../../../workflow/report/colour_magnitude.rst",
            category="Ensemble",
            labels={"figure": "colour-magnitude diagram"},
        ),
    log:
        "<logs>/plot_colour_magnitude.log",
    benchmark:
        "<benchmarks>/plot_colour_magnitude.tsv"
    conda:
        "../../../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot"),
        runtime=run_time("plot"),
    params:
        library=library_digest("figures", "studies/stars/figures", "studies/stars/regions"),
    script:
        "../../../../scripts/plot_colour_magnitude.py"


rule plot_star_regions:
    input:
        table="<results>/tables/stars.csv",
    output:
        pdf="<results>/figures/star_regions.pdf",
        png=report(
            "<results>/figures/star_regions.png",
            caption="../../../../workflow/report/star_regions.rst",
            category="Ensemble",
            labels={"figure": "star regions"},
        ),
    log:
        "<logs>/plot_star_regions.log",
    benchmark:
        "<benchmarks>/plot_star_regions.tsv"
    conda:
        "../../../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("plot"),
        runtime=run_time("plot"),
    params:
        library=library_digest("figures", "studies/stars/figures", "studies/stars/regions"),
    script:
        "../../../../scripts/plot_star_regions.py"
