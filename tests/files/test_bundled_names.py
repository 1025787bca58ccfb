"""Names of models that come with the package: found without a network, and nothing else is."""

import pytest

from pytxenc import bundled
from pytxenc.hub import Source


@pytest.fixture
def models(tmp_path, monkeypatch):
    """A package with one model of its own."""
    folder = tmp_path / "bundled" / "some-mini"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (tmp_path / "bundled" / "no-model").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "config.json").write_text("{}")
    monkeypatch.setattr(bundled, "_HERE", tmp_path / "bundled")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # nobody answers
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_found_by_name(models):
    assert bundled.bundled_models() == ["pytxenc/some-mini"]
    source = Source("pytxenc/some-mini")
    assert source.directory == models / "bundled" / "some-mini"
    assert source.find("config.json") is not None and source.find("vocab.txt") is None
    assert source.listing() == {"config.json": 2}


@pytest.mark.parametrize(
    "name",
    ["some-mini", "pytxenc/no-model", "pytxenc/", "pytxenc/../outside", "pytxenc/some-mini/..",
     "pytxenc/.", "other/some-mini"],
)  # fmt: skip
def test_no_others(models, name):
    assert bundled.bundled_folder(name) is None


def test_a_directory_comes_first(models):
    own = models / "pytxenc" / "some-mini"
    own.mkdir(parents=True)
    assert Source("pytxenc/some-mini").directory.resolve() == own
