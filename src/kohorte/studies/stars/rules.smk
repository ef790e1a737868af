"""Stars: consensus groups in the colour-magnitude diagram -> figures and tables of them.

The tables belong to a study that names `star_regions` in `figures.extra` and whose features hold
colour and absolute magnitude.
"""

if "star_regions" in config["figures"]["extra"]:
    MODULE_TABLES += ["stars", "star_regions", "star_maps"]


rule measure_star_groups:
    input:
        given("data.source", config["data"]["source"]),
        data="<results>/data.h5",
        labels=label_sources(),
        ensemble="<results>/ensemble.h5",
    output:
        groups=report(
            "<results>/tables/stars.csv",
            caption="captions/stars_table.rst",
            category=TABLES_SECTION,
            labels=table_labels("stars"),
        ),
        regions=report(
            "<results>/tables/star_regions.csv",
            caption="captions/star_regions_table.rst",
            category=TABLES_SECTION,
            labels=table_labels("star regions"),
        ),
        maps=report(
            "<results>/tables/star_maps.csv",
            caption="captions/star_maps_table.rst",
            category=TABLES_SECTION,
            labels=table_labels("star maps"),
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
        **step(
            "kohorte.studies.stars.steps:measure_groups",
            "analysis/profiles",
            "studies/stars/regions",
            *READING,
        ),
        source=as_it_is(config["data"]["source"]),
        content=content_of("data.source"),
    script:
        RUN_STEP
