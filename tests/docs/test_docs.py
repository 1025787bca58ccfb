"""Every example in README.md and docs/ runs, on small models; README.zh.md has the same ones.

What a page says that an expression gives is checked where the reference data is, whose
vocabularies are the published ones; values that depend on weights are not written as literals.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from documents import make_documents

from pytxenc import cli

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*sorted(ROOT.glob("README*.md")), *sorted((ROOT / "docs").glob("*.md"))]
FENCED = re.compile(r"```python\n(.*?)```", re.S)
COMMAND = re.compile(r"^ {4,}(python -m pytxenc .*(?:\\\n.*)*)$", re.M)
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(#[^)]*)?\)")


def steps(text):
    """(kind, first line, code) of a page's examples, in order."""
    found = [("python", m.start(1), m[1]) for m in FENCED.finditer(text)]
    found += [("shell", m.start(1), m[1]) for m in COMMAND.finditer(text)]
    found.sort(key=lambda step: step[1])
    return [(kind, text.count("\n", 0, at) + 1, code) for kind, at, code in found]


@pytest.fixture(scope="module")
def documents(tmp_path_factory, request):
    """A cache of models, and whether their vocabularies are the published ones."""
    try:
        data = request.getfixturevalue("data_dir")
    except pytest.skip.Exception:
        data = None
    return make_documents(tmp_path_factory.mktemp("documents"), data)


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if page.name != "README.zh.md"],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_page(page, documents, tmp_path):
    content = {
        "page": str(page),
        "checked": documents.published,
        "steps": steps(page.read_text(encoding="utf-8")),
    }
    (tmp_path / "steps.json").write_text(json.dumps(content))
    documents.fill(tmp_path)
    runner = Path(__file__).with_name("page_runner.py")
    done = subprocess.run(
        [sys.executable, str(runner), "steps.json"],
        cwd=tmp_path,
        env=documents.cache.environment(),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr


def test_pages_have_examples(root):
    assert sum(len(steps(page.read_text(encoding="utf-8"))) for page in PAGES) >= 30


def test_every_command_is_shown(root):
    text = (root / "docs" / "commands.md").read_text("utf-8")
    assert [name for name in cli.COMMANDS if f"python -m pytxenc {name} " not in text] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links(page):
    """Files that are linked to exist; the index lists every page."""
    targets = {target for target, _ in LINK.findall(page.read_text(encoding="utf-8"))}
    local = {target for target in targets if not target.startswith("http")}
    assert [target for target in local if not (page.parent / target).exists()] == []
    if page == ROOT / "docs" / "README.md":
        assert {path.name for path in page.parent.iterdir()} - {"README.md"} <= local


def outline(text):
    """What both languages share: code without comments, levels of headings, rows of tables."""
    code = [re.sub(r"\s+# .*", "", code) for _, _, code in steps(text)]
    headings = re.findall(r"^(#+) ", FENCED.sub("", text), re.M)
    blocks = re.findall(r"^    \w\S*", text, re.M)
    links = {target for target, _ in LINK.findall(text)}
    return code, headings, blocks, text.count("\n| "), links - {"README.md", "README.zh.md"}


def test_both_languages_have_the_same(root):
    english, chinese = (root / name for name in ("README.md", "README.zh.md"))
    assert outline(english.read_text("utf-8")) == outline(chinese.read_text("utf-8"))
