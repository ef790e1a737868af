"""Write the table of figures in docs/results.md."""

from pathlib import Path

from kohorte.studies import load_modules
from kohorte.study.figures import FIGURES, tabulate_figures

PAGE = Path(__file__).resolve().parent.parent / "docs" / "results.md"
FIRST = "<!-- figures: the table is written by `make docs` -->\n"
LAST = "<!-- end of figures -->\n"


def page():
    """The whole page as text, with the table as it should be."""
    figures = [*FIGURES, *(figure for module in load_modules() for figure in module.figures)]
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(FIRST)
    table = "".join(f"{line}\n" for line in tabulate_figures(figures))
    return before + FIRST + table + LAST + rest.partition(LAST)[2]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
