"""Write the pages of docs/reference that follow from the schema and the table of figures."""

from pathlib import Path

from kohorte.studies import load_modules
from kohorte.study.config import load_schema
from kohorte.study.figures import all_figures
from kohorte.study.page import configuration_page, results_page

if __name__ == "__main__":
    root = Path(__file__).resolve().parent.parent
    first = (root / "config" / "config.yaml").read_text(encoding="utf-8")
    page = configuration_page(load_schema(load_modules()), first)
    (root / "docs" / "reference" / "configuration.md").write_text(page, encoding="utf-8")
    results = root / "docs" / "reference" / "results.md"
    page = results_page(results.read_text(encoding="utf-8"), all_figures(load_modules()))
    results.write_text(page, encoding="utf-8")
