"""Small sentence models, and sentence-transformers to compare with."""

import pytest
from sentence_models import FAMILIES, write_encoder, write_modules, write_pooling


@pytest.fixture(scope="session")
def encoders(tmp_path_factory):
    """The folder of a plain encoder of each family."""
    folders = {}
    for family in FAMILIES:
        folders[family] = tmp_path_factory.mktemp(family)
        write_encoder(folders[family], family)
    return folders


@pytest.fixture
def bert(encoders, tmp_path):
    """A folder of a BERT with mean pooling, to be changed."""
    for file in encoders["bert"].iterdir():
        (tmp_path / file.name).symlink_to(file)
    write_modules(tmp_path, "Pooling")
    write_pooling(tmp_path, "mean_tokens")
    return tmp_path


@pytest.fixture(scope="session")
def reference():
    """SentenceTransformer of sentence-transformers on the CPU; skips without it."""
    library = pytest.importorskip(
        "sentence_transformers", reason="sentence-transformers is not installed"
    )

    def load(folder, **kwargs):
        return library.SentenceTransformer(str(folder), device="cpu", **kwargs)

    return load
