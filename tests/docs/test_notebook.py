"""docs/tour.ipynb runs from the first cell to the last and holds the README's samples."""

import copy
import re

import pytest
from documents import make_documents

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")


@pytest.fixture(scope="module")
def notebook(root):
    return nbformat.read(root / "docs" / "tour.ipynb", as_version=4)


def test_tour(notebook, tmp_path):
    notebook = copy.deepcopy(notebook)
    documents = make_documents(tmp_path / "cache", None)
    documents.fill(tmp_path)
    client = nbclient.NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    )
    client.execute(env=documents.cache.environment())  # an error in a cell is raised
    shown = {
        cell.source: "".join(
            output.data["text/plain"] for output in cell.outputs if "data" in output
        )
        for cell in notebook.cells
        if cell.cell_type == "code"
    }
    assert shown["tokenizer"].startswith("RobertaTokenizer(name_or_path='pytxenc/roberta-mini'")
    assert shown["outputs"].startswith("BaseModelOutputWithPooling")
    assert shown["model"].startswith("RobertaForMaskedLM(") and "float32" in shown["model"]
    assert shown["batch.tokens(0)"].startswith("['[CLS]'")
    assert '"model_type": "roberta"' in shown["model.config"]
    curve = next(cell for cell in notebook.cells if cell.source.endswith('plot_curves("books")'))
    assert "image/png" in curve.outputs[0].data
    guesses = next(text for source, text in shown.items() if "classify(" in source)
    assert guesses.count("'label'") == 3


def test_tour_has_the_samples(notebook, root):
    cells = {cell.source for cell in notebook.cells}
    samples = re.findall(r"```python\n(.*?)\n```", (root / "README.md").read_text("utf-8"), re.S)
    assert [sample for sample in samples if sample not in cells] == []


def test_tour_is_committed_without_outputs(notebook):
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)
