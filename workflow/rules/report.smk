"""The pages of a study -> results/<study>/report.html and explorer.html.

The report tells what was found, whether to trust it, and has figures and tables; the explorer is to
ask the ensemble on. The words of the report are those of Snakemake's own report: the captions of the
files. For that, report/overview.rst is what it begins with, and report/<table>.html are tables that
can be looked at in it.
"""

ALL_TABLES = [*rules.tables.input, "<results>/tables/sweep.csv"] if PER else rules.tables.input


REPORTED = find_reported(ALL_TABLES)


rule write_report:
    input:
        origins=list(ORIGINS.values()),
        data=data_file(),
        maps=label_sources() if HAS_MAPS else [],
        ensemble="<results>/ensemble.h5",
        names=GROUP_NAMES,
        tables=ALL_TABLES,
        figures=rules.figures.input,
    output:
        page="<results>/report.html",
        overview="<results>/report/overview.rst",
        sheets=[show_sheet(name, *told) for name, told in REPORTED.items()],
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
        sections=sorted({f.section for f in DRAWN_FIGURES} | {c for _, c in REPORTED.values()}),
        settings=changed_settings(),
        config=portable_config(config, MODULES),
        origins=list(ORIGINS),
        library=library_digest(
            "report", "study/manifest", "provenance", *imported_parts("kohorte.report.page")
        ),
    script:
        "../../scripts/write_report.py"


rule write_explorer:
    input:
        data=data_file(),
        labels=label_sources(),
        ensemble="<results>/ensemble.h5",
        names=GROUP_NAMES,
    output:
        page="<results>/explorer.html",
    log:
        "<logs>/write_explorer.log",
    benchmark:
        "<benchmarks>/write_explorer.tsv"
    conda:
        "../../envs/kohorte.yaml"
    threads: 1
    resources:
        mem_mb=memory("write_explorer"),
        runtime=run_time("write_explorer"),
    params:
        study=STUDY.name,
        files=STUDY.labels,
        reading=LABEL_READING,
        swept=STUDY.swept,
        points=config["explorer"]["points"],
        megabytes=config["explorer"]["megabytes"],
        seed=STUDY.seed,
        content=content_of("realizations.labels"),
        library=library_digest("explorer", *imported_parts("kohorte.explorer.page"), *LABEL_PARTS),
    script:
        "../../scripts/write_explorer.py"
