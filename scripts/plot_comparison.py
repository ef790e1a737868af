"""Join the comparisons of consensus methods, and draw and tabulate them."""

import pandas as pd

from kohorte import store
from kohorte.figures.style import save_figure
from kohorte.study.logs import job_log
from kohorte_benchmarks.consensus import markdown_table
from kohorte_benchmarks.figures.comparison import methods_figure, rules_figure


def join(paths):
    """One table of the same columns."""
    return pd.concat([pd.read_csv(path) for path in paths], ignore_index=True)


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        methods, rules = join(snakemake.input.methods), join(snakemake.input.rules)
        store.write_csv(methods, snakemake.output.methods)
        store.write_csv(rules, snakemake.output.rules)
        with open(snakemake.output.text, "w", encoding="utf-8") as page:
            page.write(markdown_table(methods, "method"))
            page.write("\n")
            page.write(markdown_table(rules, "rule"))
        figures = {"methods": methods_figure(methods), "rules": rules_figure(rules)}
        for name, figure in figures.items():
            save_figure(figure, snakemake.output[f"{name}_pdf"])
            save_figure(figure, snakemake.output[f"{name}_png"])
