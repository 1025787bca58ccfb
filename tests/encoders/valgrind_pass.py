"""Forward passes of small encoders under valgrind, whose errors in the C extension it prints.

    python valgrind_pass.py [instruction set ...]       (default: scalar and avx2)

Exit status 1 when there are any.  Results are written to /dev/null: there valgrind tells of
bytes that nobody has computed.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree

ISAS = ("scalar", "avx2")


def run_passes():
    import numpy as np
    from random_encoders import DTYPES, make_config, make_encoder
    from same_answer import flat, make_batch, outputs_of

    from pytxenc import _core

    odd = dict(hidden_size=18, num_attention_heads=2, intermediate_size=21, vocab_size=101)
    configs = [
        make_config("bert", "pretraining", **odd),
        make_config("albert", "masked_lm", num_hidden_layers=2),
        make_config("roberta", "tokens", hidden_size=10, num_attention_heads=2),
    ]
    for threads in (1, 2):
        _core.set_num_threads(threads)
        for dtype in DTYPES:
            for config in configs:
                encoder = make_encoder(config, dtype)
                for lengths in ((1,), (3, 19, 70)):
                    batch = make_batch(np.random.default_rng(1), lengths)
                    results = [
                        encoder.forward(**batch, **outputs_of(config)),
                        encoder.forward(**batch, last_hidden=False, pooling="cls"),
                    ]
                    with open(os.devnull, "wb", buffering=0) as sink:
                        for result in results:
                            for array in flat(result).values():
                                sink.write(array)


def errors_of(report):
    """Errors with a frame of the extension near the top, or that a write has shown."""
    for error in ElementTree.parse(report).iter("error"):
        frames = [
            (Path(frame.findtext("obj", "")).name, frame.findtext("fn"), frame.findtext("line"))
            for frame in error.find("stack")
        ]
        kind = error.findtext("kind")
        if kind == "SyscallParam" or any(name.startswith("_core.") for name, *_ in frames[:4]):
            what = error.findtext("what") or error.findtext("xwhat/text") or kind
            yield "\n".join([what, *(f"  {name}: {fn} {line}" for name, fn, line in frames[:10])])


def check(isa):
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        program = [sys.executable, __file__, "run"]
        options = ["-q", "--xml=yes", f"--xml-file={report}", "--num-callers=20"]
        environment = {**os.environ, "PYTXENC_ISA": isa, "PYTHONMALLOC": "malloc"}
        subprocess.run(["valgrind", *options, *program], env=environment, check=True)
        errors = list(errors_of(report))
    print(f"{isa}: {len(errors)} errors", *errors, sep="\n")
    return len(errors)


if __name__ == "__main__":
    if sys.argv[1:] == ["run"]:
        run_passes()
    else:
        sys.exit(sum(map(check, sys.argv[1:] or ISAS)) != 0)
