"""Runs every part of the demo; exit status 1 when a known result is not reproduced.

Bundled models first, which need no network; then published ones, where they can be fetched.
"""

import os
import runpy
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytxenc

from . import antibodies, books, gaps, likeness, reactions, sentences
from .report import Report
from .weights import Unavailable

HUB = "https://huggingface.co"
SAMPLES = {
    "roberta": ("roberta-base", "pytxenc/roberta-mini"),
    "albert": ("albert-base-v2", "pytxenc/albert-mini"),
}
"""Name -> the model that it is written for, and a bundled one that can take its place."""


def main() -> int:
    config = pytxenc.show_config(quiet=True)
    print(
        f"pytxenc {config['pytxenc']}: {config['instruction set']} kernels, "
        f"{config['threads']} threads, OpenBLAS for {config['OpenBLAS core']}"
    )
    pytxenc.logging.set_verbosity_error()
    report = Report()
    bundled = [gaps.run, likeness.run, books.run]
    published = [sentences.run, reactions.run, antibodies.run]
    parts: list[Callable[[Report], None]] = [*bundled, *published]
    for part in parts:
        start = time.perf_counter()
        try:
            part(report)
        except Unavailable as error:
            report.skip(str(error))
        except OSError as error:
            report.failure(str(error))
        print(f"  ({time.perf_counter() - start:.1f} s)")
    if not hub_answers():
        os.environ["HF_HUB_OFFLINE"] = "1"  # no use in trying again and again
    for name in SAMPLES:
        run_sample(report, name)
    print(f"\n{report.summary()}")
    return 1 if report.failures else 0


def hub_answers() -> bool:
    """Whether the hub can be reached at all, within a few seconds."""
    request = urllib.request.Request(os.environ.get("HF_ENDPOINT", HUB), method="HEAD")
    try:
        urllib.request.urlopen(request, timeout=5).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def run_sample(report: Report, name: str) -> None:
    """Run one of the samples as it stands, or with a bundled model where its own is not here."""
    path = Path(__file__).parent / "samples" / f"{name}.py"
    text, (published, bundled) = path.read_text(), SAMPLES[name]
    report.title(f"The sample {path.name}")
    print("  | " + text.rstrip().replace("\n", "\n  | "))
    pytxenc.install_as_transformers()
    try:
        try:
            outputs: Any = runpy.run_path(str(path))["outputs"]
        except OSError as error:
            report.skip(str(error))
            print(f"  With {bundled} in the place of {published}:")
            names: dict[str, Any] = {}
            exec(text.replace(published, bundled), names)
            outputs = names["outputs"]
        state = outputs.last_hidden_state
        print(f"  last_hidden_state {tuple(state.shape)}, beginning {state[0, 0, :3].tolist()}")
    finally:
        pytxenc.uninstall_as_transformers()


if __name__ == "__main__":
    sys.exit(main())
