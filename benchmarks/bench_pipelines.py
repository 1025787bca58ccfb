"""Pipelines and sentence embeddings on lists of texts, here and with transformers.

Both engines have the same random weights and the same list of SST-2 sentences, each in a
process of its own; they take turns.  transformers gets the batch size that its guide
suggests trying; pytxenc chooses its own.
"""

import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from engines import compete, prepare_process, show
from harness import arguments, data_dir, finish

ENGINES = ("pytxenc", "transformers")


class Work(NamedTuple):
    """A task on a kind of model."""

    task: str
    head: str
    tokenizer: str
    texts: int
    fields: dict[str, Any]


_ROBERTA = dict(max_position_embeddings=514, type_vocab_size=1, layer_norm_eps=1e-5)
_MINILM = dict(hidden_size=384, num_hidden_layers=6, intermediate_size=1536)
WORKS = {
    "fill-mask, roberta-base": Work("fill-mask", "ForMaskedLM", "roberta-base", 64, _ROBERTA),
    "text-classification, roberta-base": Work(
        "text-classification", "ForSequenceClassification", "roberta-base", 64, _ROBERTA
    ),
    "embeddings, MiniLM-L6": Work("embeddings", "Model", "bert-base-cased", 512, _MINILM),
}


def prepare(folder: Path, work: Work) -> list[str]:
    """Write a random model of the work's shape and its tokenizer; returns the texts."""
    import transformers

    family = "Roberta" if work.tokenizer.startswith("roberta") else "Bert"
    tokenizer = getattr(transformers, f"{family}Tokenizer").from_pretrained(
        data_dir() / "tokenizers" / work.tokenizer
    )
    config = getattr(transformers, f"{family}Config")(vocab_size=len(tokenizer), **work.fields)
    getattr(transformers, family + work.head)(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    lines = (data_dir() / "tasks" / "sst2" / "dev.tsv").read_text().splitlines()
    texts = [line.split("\t")[0] for line in lines[: work.texts]]
    if work.task == "fill-mask":
        texts = [f"{text.rsplit(' ', 1)[0]}{tokenizer.mask_token}." for text in texts]
    return texts


def load(engine: str, work: Work, folder: Path, threads: int) -> Any:
    """A function from texts to results."""
    if engine == "pytxenc":
        import pytxenc

        pytxenc.set_num_threads(threads)
        if work.task == "embeddings":
            return pytxenc.SentenceTransformer(folder).encode
        return pytxenc.pipeline(work.task, str(folder))
    import torch

    torch.set_num_threads(threads)
    if work.task == "embeddings":
        import sentence_transformers

        return sentence_transformers.SentenceTransformer(str(folder), device="cpu").encode
    import transformers

    pipe = transformers.pipeline(work.task, str(folder), device="cpu")
    return lambda texts: pipe(texts, batch_size=32)


def numbers(results: Any) -> Any:
    """The results' scores, or the vectors, to compare."""
    import numpy as np

    if not isinstance(results, list):
        return np.asarray(results)
    return np.array([(r[0] if isinstance(r, list) else r)["score"] for r in results])


class Engine:
    """One engine with the work it has to do."""

    def __init__(
        self, engine: str, threads: int, work: Work, folder: Path, texts: list[str]
    ) -> None:
        self._run, self._texts = load(engine, work, folder, threads), texts

    def results(self) -> Any:
        return numbers(self._run(self._texts))

    def seconds(self) -> float:
        start = time.perf_counter()
        self._run(self._texts)
        return time.perf_counter() - start


def main() -> None:
    parser = arguments("Pipelines on lists of texts.", rounds=5)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args()
    prepare_process()
    results = []
    for name, work in WORKS.items():
        for threads in options.threads:
            with tempfile.TemporaryDirectory() as temporary:
                folder = Path(temporary)
                given = (work, folder, prepare(folder, work))
                seconds, found = compete(Engine, ENGINES, given, threads, options.rounds)
            ours, theirs = (found[engine] for engine in ENGINES)
            difference = float(abs(ours - theirs).max())
            title = f"{name}, {threads} thread(s), texts a second:"
            ratio = show(title, ENGINES, seconds, work.texts, difference)
            results.append(
                {
                    "work": name,
                    "threads": threads,
                    "texts": work.texts,
                    "seconds": seconds,
                    "ratio": ratio,
                    "difference": difference,
                }
            )
    finish(options.json, results)


if __name__ == "__main__":
    main()
