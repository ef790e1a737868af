# The kohorte workflow: table -> maps -> labels -> overlaps -> significance -> consensus -> figures.
# One study per run: that of --configfile, or else of config/config.yaml. A study stands alone.
from snakemake.utils import min_version

min_version("9.14")


# Jobs in processes of their own, here or on a cluster, are given the same --configfile.
if not workflow.overwrite_configfiles:

    configfile: "config/config.yaml"


include: "workflow/rules/common.smk"


if IS_MAIN:

    # It tells of this study; the report of a workflow with this one as a module tells of its own.
    # A finished one has its result there.
    report: OVERVIEW if Path(OVERVIEW).exists() else "workflow/report/workflow.rst"


pathvars:
    results=f"results/{STUDY.name}",
    logs=f"results/{STUDY.name}/logs",
    benchmarks=f"results/{STUDY.name}/benchmarks",


include: "workflow/rules/resources.smk"


for module in MODULES:
    if module.rules:

        include: module.rules


include: "workflow/rules/packages.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/realizations.smk"
include: "workflow/rules/imputation.smk"
include: "workflow/rules/ensemble.smk"
include: "workflow/rules/labelled.smk"
include: "workflow/rules/prediction.smk"
include: "workflow/rules/comparison.smk"
include: "workflow/rules/tables.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/classes.smk"
include: "workflow/rules/sweep.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/provenance.smk"
include: "workflow/rules/development/jobs.smk"
include: "workflow/rules/development/gallery.smk"


rule all:
    default_target: True
    input:
        "<results>/summary.txt",
        "<results>/report.html",
        "<results>/explorer.html",
        rules.tables.input,
        rules.figures.input,
        rules.sweep.input,
        COPIED,
        MODULE_RESULTS,
        "<results>/MANIFEST",


if IS_MAIN and workflow.is_main_process:
    check_study()
    look_at_data()
    escape_reports()


onstart:
    start_run(log[0] if log else "")


onsuccess:
    end_run()
