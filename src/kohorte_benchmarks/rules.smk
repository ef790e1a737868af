"""Benchmarks and comparisons with other programs, each on demand."""


include: "../../workflow/rules/development/benchmarks.smk"
include: "../../workflow/rules/development/stages.smk"
include: "../../workflow/rules/development/scaling.smk"
include: "../../workflow/rules/development/comparison.smk"
include: "../../workflow/rules/development/clusterings.smk"
