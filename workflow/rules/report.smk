"""The page of a study: what was found, whether to trust it, figures and tables -> results/<study>/report.html.

Its words are those of Snakemake's own report: the captions of the files.
"""

from snakemake.io import get_flag_value


def read_captions(wildcards):
    """Captions of figures and tables, as `figures/<name>` and `tables/<name>`."""
    found = {}
    for rule in workflow.rules:
        for file in rule.output:
            told = get_flag_value(file, "report")
            if told and told.caption:
                path = Path(str(file))
                found[f"{path.parent.name}/{path.stem}"] = told.caption
    return {name: workflow.sourcecache.open(caption).read() for name, caption in found.items()}


def changed_settings():
    """What the configuration says beyond the defaults of its recipe, by dotted key."""
    given = {name: config[name] for name in ("study", "recipe")}
    default = portable_config(prepare_config(check_config(given, SCHEMA), MODULES), MODULES)
    changed = {}
    for name, value in portable_config(config, MODULES).items():
        if not isinstance(value, dict):
            changed |= {} if name != "study" and value == default.get(name) else {name: value}
            continue
        usual = default.get(name) or {}
        changed |= {f"{name}.{k}": v for k, v in value.items() if k not in usual or v != usual[k]}
    return changed


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
