"""Provenance: what a study was made from, and checksums of its results -> results/<study>/MANIFEST.

`verify` compares the results with the manifest, and depends on nothing, so that it finds what was
changed before anything is made again. `bundle_study` packs a finished study for another lab.
"""


rule write_manifest:
    input:
        origins=list(ORIGINS.values()),
        data=data_file(),
        maps=label_sources() if HAS_MAPS else [],
        ensemble="<results>/ensemble.h5",
        results=[
            *rules.tables.input,
            *rules.figures.input,
            *rules.sweep.input,
            *MODULE_RESULTS,
            GROUP_NAMES,
            "<results>/explorer.html",
            rules.write_report.output,
        ],
    output:
        config=report(
            "<results>/config.yaml",
            caption="../report/configuration.rst",
            category=PROVENANCE,
            labels=table_labels("configuration"),
        ),
        table=report(
            "<results>/tables/provenance.csv",
            caption="../report/provenance.rst",
            category=PROVENANCE,
            labels=table_labels("provenance"),
        ),
        manifest="<results>/MANIFEST",
    log:
        "<logs>/write_manifest.log",
    benchmark:
        "<benchmarks>/write_manifest.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        config=portable_config(config, MODULES),
        sources=contents,
        origins=list(ORIGINS),
        library=library_digest("study/manifest", "provenance"),
    script:
        "../../scripts/write_manifest.py"


rule list_figures:
    input:
        figures=rules.figures.input,
    output:
        table="<results>/figures/manifest.csv",
    log:
        "<logs>/list_figures.log",
    benchmark:
        "<benchmarks>/list_figures.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        figures=figure_origins,
        config=portable_config(config, MODULES),
        library=library_digest("study/manifest", "provenance"),
    script:
        "../../scripts/list_figures.py"


rule verify:
    log:
        "<logs>/verify.log",
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        manifest=str(RESULTS / "MANIFEST"),
        sources=contents,
        unlisted=[pattern for module in MODULES for pattern in module.unlisted],
    script:
        "../../scripts/verify_manifest.py"


rule bundle_study:
    input:
        source=given("data.source", config["data"]["source"]),
        summary="<results>/summary.txt",
        report="<results>/report.html",
        explorer="<results>/explorer.html",
        manifest="<results>/MANIFEST",
    output:
        crate=f"<results>/{STUDY.name}.crate.zip",
    log:
        "<logs>/bundle_study.log",
    benchmark:
        "<benchmarks>/bundle_study.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        library=library_digest("study/crate", "study/manifest"),
    script:
        "../../scripts/bundle_study.py"
