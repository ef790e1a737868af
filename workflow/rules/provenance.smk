"""Provenance: what a study was made from, and checksums of its results -> results/<study>/MANIFEST.

`verify` compares the results with the manifest, and depends on nothing, so that it finds what was
changed before anything is made again. `bundle_study` packs a finished study for another lab.
"""

MANIFEST = f"results/{STUDY.name}/MANIFEST"
CRATE = f"results/{STUDY.name}/{STUDY.name}.crate.zip"


rule write_manifest:
    input:
        simulation="<results>/simulation.h5" if HAS_SIMULATION else [],
        fields="<results>/fields.h5" if HAS_FIELDS else [],
        data=data_file(),
        maps=label_sources() if HAS_MAPS else [],
        ensemble="<results>/ensemble.h5",
        results=[
            *rules.tables.input,
            *rules.figures.input,
            *rules.sweep.input,
            *rules.physics.input,
            *(["<results>/tables/fields.csv"] if HAS_FIELDS else []),
        ],
    output:
        config="<results>/config.yaml",
        table=report(
            "<results>/tables/provenance.csv",
            caption="../report/provenance.rst",
            category="Tables",
            labels={"table": "provenance"},
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
        config=portable_config(config),
        library=library_digest("manifest", "provenance"),
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
        config=portable_config(config),
        library=library_digest("manifest", "provenance"),
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
        manifest=MANIFEST,
    script:
        "../../scripts/verify_manifest.py"


rule bundle_study:
    input:
        source=source_file,
        summary="<results>/summary.txt",
        manifest="<results>/MANIFEST",
    output:
        crate=CRATE,
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
        library=library_digest("crate", "manifest"),
    script:
        "../../scripts/bundle_study.py"
