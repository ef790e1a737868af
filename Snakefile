# The kohorte workflow: table -> maps -> labels -> overlaps -> significance -> consensus -> figures.
# One study per run: config/config.yaml, with the keys of a --configfile on top of it.
from snakemake.utils import min_version

min_version("9.14")


configfile: "config/config.yaml"


include: "workflow/rules/common.smk"


report: "workflow/report/workflow.rst"


pathvars:
    results=f"results/{STUDY.name}",
    logs=f"results/{STUDY.name}/logs",
    benchmarks=f"results/{STUDY.name}/benchmarks",


include: "workflow/rules/resources.smk"
include: "workflow/rules/packages.smk"
include: "workflow/rules/plasma.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/realizations.smk"
include: "workflow/rules/imputation.smk"
include: "workflow/rules/ensemble.smk"
include: "workflow/rules/prediction.smk"
include: "workflow/rules/physics.smk"
include: "workflow/rules/tables.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/classes.smk"
include: "workflow/rules/stars.smk"
include: "workflow/rules/colours.smk"
include: "workflow/rules/grid_figures.smk"
include: "workflow/rules/sweep.smk"
include: "workflow/rules/provenance.smk"
include: "workflow/rules/jobs.smk"
include: "workflow/rules/benchmarks.smk"
include: "workflow/rules/stages.smk"
include: "workflow/rules/scaling.smk"
include: "workflow/rules/comparison.smk"
include: "workflow/rules/spirals.smk"
include: "workflow/rules/gallery.smk"


rule all:
    default_target: True
    input:
        "<results>/summary.txt",
        rules.tables.input,
        rules.figures.input,
        rules.sweep.input,
        rules.physics.input,
        "<results>/MANIFEST",


onsuccess:
    show_summary()
