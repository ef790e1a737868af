"""Write docs/configuration.md from the schema, one row for every key, and config/config.yaml."""

from pathlib import Path

from kohorte.studies import load_modules
from kohorte.study.config import load_schema
from kohorte.study.page import configuration_page

if __name__ == "__main__":
    root = Path(__file__).resolve().parent.parent
    first = (root / "config" / "config.yaml").read_text(encoding="utf-8")
    page = configuration_page(load_schema(load_modules()), first)
    (root / "docs" / "configuration.md").write_text(page, encoding="utf-8")
