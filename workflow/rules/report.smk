"""The page of a study: what was found, whether to trust it, figures and tables -> results/<study>/report.html.

Its words are those of Snakemake's own report: the captions of the files.
"""


rule write_report:
    input:
        origins=list(ORIGINS.values()),
        data=data_file(),
        maps=label_sources() if HAS_MAPS else [],
        ensemble="<results>/ensemble.h5",
        tables=[*rules.tables.input, "<results>/tables/sweep.csv"] if PER else rules.tables.input,
        figures=rules.figures.input,
    output:
        page="<results>/report.html",
    log:
        "<logs>/write_report.log",
    benchmark:
        "<benchmarks>/write_report.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("write_report"),
        runtime=run_time("write_report"),
    params:
        study=STUDY.name,
        figures=[{k: getattr(f, k) for k in ("name", "question", "section")} for f in DRAWN_FIGURES],
        captions=read_captions,
        has_maps=HAS_MAPS,
        settings=changed_settings(),
        config=portable_config(config, MODULES),
        origins=list(ORIGINS),
        library=library_digest(
            "report", "study/manifest", "provenance", *imported_parts("kohorte.report.page")
        ),
    script:
        "../../scripts/write_report.py"
