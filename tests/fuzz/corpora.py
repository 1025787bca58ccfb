"""The texts of the reference data."""

import lzma
from pathlib import Path

_FIELDS = {"sst2": (0,), "mrpc": (3, 4), "sick": (1, 2), "chnsenticorp": (1,)}


def corpus_files(data: Path) -> list[Path]:
    """All files of text under the folder of reference data."""
    tasks = (path for folder in sorted((data / "tasks").iterdir()) for path in folder.iterdir())
    return [*sorted((data / "text").iterdir()), *sorted(tasks)]


def corpus_texts(path: Path) -> list[str]:
    """The paragraphs of a file, or the sentences of a task's."""
    opener = lzma.open if path.suffix == ".xz" else open
    with opener(path, "rt", encoding="utf-8", newline="") as file:
        text = file.read()
    if path.parent.name == "conll2000":
        sentences = text.split("\n\n")
        return [" ".join(line.split(" ")[0] for line in s.split("\n")) for s in sentences]
    lines = text.split("\n")
    fields = _FIELDS.get(path.parent.name)
    if fields is None:
        return lines
    rows = [line.split("\t") for line in lines]
    return [row[field] for row in rows for field in fields if field < len(row)]
