"""Encoding SST-2 sentences with roberta-base's shape: tokens a second, here and with torch.

Both engines have the same random weights and the same padded batches, each in a process of its
own; they take turns.  Counted are real tokens, not padding.
"""

import multiprocessing
import os
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from harness import Summary, arguments, data_dir, finish, machine, take_turns, without_tuning

ENGINES = ("pytxenc", "torch")
THREAD_SETTINGS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def prepare(folder: Path, batches: int, batch_size: int) -> int:
    """Write a random model and tokenised batches into `folder`; returns the real tokens."""
    import numpy as np
    from transformers import RobertaConfig, RobertaModel, RobertaTokenizer

    config = RobertaConfig(
        max_position_embeddings=514, type_vocab_size=1, layer_norm_eps=1e-5, vocab_size=50265
    )
    RobertaModel(config).save_pretrained(folder)
    tokenizer = RobertaTokenizer.from_pretrained(data_dir() / "tokenizers" / "roberta-base")
    lines = (data_dir() / "tasks" / "sst2" / "dev.tsv").read_text().splitlines()
    sentences = [line.split("\t")[0] for line in lines[: batches * batch_size]]
    tokens = 0
    for i in range(batches):
        batch = tokenizer(
            sentences[i * batch_size : (i + 1) * batch_size], padding=True, return_tensors="np"
        )
        tokens += int(batch["attention_mask"].sum())
        np.savez(folder / f"batch{i}.npz", **batch)
    return tokens


def serve(engine: str, threads: int, folder: Path, pipe: Connection) -> None:
    """Be one engine: encode all batches whenever asked, answer with the seconds it took.

    The first answer is the first batch's hidden states at real tokens.
    """
    import numpy as np

    files = sorted(folder.glob("batch*.npz"))
    batches: list[dict[str, Any]] = [dict(np.load(file)) for file in files]
    mask = batches[0]["attention_mask"].astype(bool)
    if engine == "pytxenc":
        import pytxenc

        pytxenc.set_num_threads(threads)
        ours = pytxenc.RobertaModel.from_pretrained(folder)

        def encode(batch: dict[str, Any]) -> Any:
            return ours(**batch).last_hidden_state
    else:
        import torch
        import transformers

        torch.set_num_threads(threads)
        theirs = transformers.RobertaModel.from_pretrained(folder).eval()
        batches = [{k: torch.from_numpy(v) for k, v in batch.items()} for batch in batches]

        def encode(batch: dict[str, Any]) -> Any:
            with torch.inference_mode():
                return theirs(**batch).last_hidden_state.numpy()

    pipe.send(encode(batches[0])[mask])
    while pipe.recv():
        start = time.perf_counter()
        for batch in batches:
            encode(batch)
        pipe.send(time.perf_counter() - start)


def compare(threads: int, folder: Path, rounds: int) -> tuple[dict[str, list[float]], float]:
    """Seconds of every round by engine, and the largest relative difference of the results."""
    context = multiprocessing.get_context("spawn")
    for name in THREAD_SETTINGS:
        os.environ[name] = str(threads)
    pipes, states = {}, {}
    for engine in ENGINES:
        pipes[engine], theirs = context.Pipe()
        worker = context.Process(target=serve, args=(engine, threads, folder, theirs), daemon=True)
        worker.start()
        states[engine] = pipes[engine].recv()
    difference = abs(states["pytxenc"] - states["torch"]).max() / abs(states["torch"]).max()

    def turn(pipe: Any) -> float:
        pipe.send(True)
        return float(pipe.recv())

    seconds = take_turns({e: lambda e=e: turn(pipes[e]) for e in ENGINES}, rounds)
    for pipe in pipes.values():
        pipe.send(False)
    return seconds, float(difference)


def main() -> None:
    parser = arguments("Encode SST-2 sentences with roberta-base's shape.", rounds=5)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--batches", type=int, default=4)
    parser.add_argument("--batch-size", type=int, default=32)
    options = parser.parse_args()
    without_tuning()
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")

    about = machine()
    print(f"{about['cpu']}, {about['instruction set']}, OpenBLAS for {about['OpenBLAS core']}")
    results = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        tokens = prepare(folder, options.batches, options.batch_size)
        for threads in options.threads:
            seconds, difference = compare(threads, folder, options.rounds)
            speeds = {e: Summary.of([tokens / s for s in seconds[e]]) for e in ENGINES}
            ratios = [t / o for o, t in zip(seconds["pytxenc"], seconds["torch"], strict=True)]
            ratio = Summary.of(ratios)
            print(f"{threads} thread(s), batches of {options.batch_size}, real tokens a second:")
            for engine, speed in speeds.items():
                print(f"  {engine:8} {speed.median:8.0f}   ({speed.least:.0f} to {speed.most:.0f})")
            print(
                f"  {ratio.median:.2f} times torch ({ratio.least:.2f} to {ratio.most:.2f}); "
                f"results differ by {difference:.1e}"
            )
            results.append(
                {
                    "threads": threads,
                    "batch_size": options.batch_size,
                    "tokens": tokens,
                    "seconds": seconds,
                    "ratio": ratio._asdict(),
                    "difference": difference,
                }
            )
    finish(options.json, results)


if __name__ == "__main__":
    main()
