"""The notebooks of the documentation run from the first cell to the last, and keep no outputs."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).parent.parent / "docs" / "notebooks"
#: Notebook -> what its outputs say.
SAID = {
    "iris": ["index of the consensus 0.834", "of single maps 0.568 to 0.851", "image/png"],
    "own-table": ["there are groups", "strange", "image/png"],
}


def test_notebooks_are_stored_without_outputs():
    paths = sorted(FOLDER.glob("*.ipynb"))
    assert [path.stem for path in paths] == sorted(SAID)
    for path in paths:
        for cell in nbformat.read(path, as_version=4).cells:
            assert cell.cell_type == "markdown" or (not cell.outputs and not cell.execution_count)


@pytest.mark.parametrize("name", sorted(SAID))
def test_notebook_runs(name, tmp_path):
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    client = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    assert [output for output in outputs if output.get("name") == "stderr"] == []
    assert [words for words in SAID[name] if words not in str(outputs)] == []
