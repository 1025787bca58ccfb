"""Starting up: imports beyond NumPy's, and opening half a gigabyte of safetensors."""

import subprocess
import sys
import tempfile
from pathlib import Path

from harness import Summary, arguments, finish, take_turns, without_tuning

IMPORTS = {
    "import pytxenc": "import pytxenc",
    "pytxenc, model and tokenizer": "from pytxenc import RobertaModel, RobertaTokenizer",
    "transformers, model and tokenizer": (
        "from transformers import RobertaModel, RobertaTokenizer"
    ),
}
OPENINGS = {
    "pytxenc": (
        "from pytxenc._core import SafeTensors",
        "f = SafeTensors(path); held = [f.float32(name) for name in f.keys()]",
    ),
    "safetensors": (
        "from safetensors.numpy import load_file",
        "held = load_file(path)",
    ),
}
TIMED = """
import sys, numpy
path = sys.argv[1]
{before}
from time import perf_counter
start = perf_counter()
{what}
print(perf_counter() - start)
"""


def timed(before: str, what: str, path: Path) -> float:
    """Seconds that `what` takes in a Python of its own, after NumPy and `before`."""
    code = TIMED.format(before=before, what=what)
    command = [sys.executable, "-c", code, str(path)]
    # Elsewhere than here: python -c would find the source tree before the installed package.
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=tempfile.gettempdir()
    )
    return float(done.stdout)


def main() -> None:
    options = arguments("Import and open.", rounds=9).parse_args()
    without_tuning()
    import numpy as np

    from pytxenc.safetensors_file import save_file

    results = {}
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "half.safetensors"
        save_file({f"w{i}": np.zeros((1 << 20), np.float32) for i in range(120)}, path)
        print(f"Opening {path.stat().st_size / 1e6:.0f} MB (milliseconds):")
        contenders = {name: lambda code=code: timed(*code, path) for name, code in OPENINGS.items()}
        results["open"] = show(take_turns(contenders, options.rounds))
        print("Importing, beyond NumPy (milliseconds):")
        contenders = {
            name: lambda code=code: timed("", code, path) for name, code in IMPORTS.items()
        }
        results["import"] = show(take_turns(contenders, options.rounds))
    finish(options.json, results)


def show(figures: dict[str, list[float]]) -> dict[str, list[float]]:
    for name, seconds in figures.items():
        middle, least, most = (1e3 * s for s in Summary.of(seconds))
        print(f"  {name:36} {middle:8.2f}   ({least:.2f} to {most:.2f})")
    return figures


if __name__ == "__main__":
    main()
