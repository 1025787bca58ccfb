"""Encoding SST-2 sentences with roberta-base's shape: tokens a second, here and with torch.

Both engines have the same random weights and the same padded batches, each in a process of its
own; they take turns.  Counted are real tokens, not padding.
"""

import tempfile
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from engines import answer, compete, prepare_process, show
from harness import arguments, data_dir, finish

ENGINES = ("pytxenc", "torch")


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

    def work() -> None:
        for batch in batches:
            encode(batch)

    answer(pipe, encode(batches[0])[mask], work)


def main() -> None:
    parser = arguments("Encode SST-2 sentences with roberta-base's shape.", rounds=5)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--batches", type=int, default=4)
    parser.add_argument("--batch-size", type=int, default=32)
    options = parser.parse_args()
    prepare_process()
    results = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        tokens = prepare(folder, options.batches, options.batch_size)
        for threads in options.threads:
            seconds, states = compete(serve, ENGINES, (folder,), threads, options.rounds)
            ours, theirs = (states[engine] for engine in ENGINES)
            difference = float(abs(ours - theirs).max() / abs(theirs).max())
            title = f"{threads} thread(s), batches of {options.batch_size}, real tokens a second:"
            ratio = show(title, ENGINES, seconds, tokens, difference)
            results.append(
                {
                    "threads": threads,
                    "batch_size": options.batch_size,
                    "tokens": tokens,
                    "seconds": seconds,
                    "ratio": ratio,
                    "difference": difference,
                }
            )
    finish(options.json, results)


if __name__ == "__main__":
    main()
