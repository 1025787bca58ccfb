"""Training byte-level BPE and WordPiece vocabularies on a corpus: seconds, here and with
Hugging Face's `tokenizers`.

Both get the same documents as Python strings, use all cores and take turns in one process.
Vocabularies are compared: those of BPE must be the same, those of WordPiece as large (the order
of its "##" characters is random in `tokenizers`).
"""

import importlib.util
import json
import lzma
import time
from typing import Any

from harness import Summary, arguments, data_dir, finish, machine, take_turns

SPECIAL = {
    "roberta": ["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
    "bert": ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"],
}


def train_ours(kind: str, documents: list[str], size: int) -> list[str]:
    """The tokens that pytxenc learns, by id."""
    import pytxenc

    if kind == "roberta":
        blank = pytxenc.RobertaTokenizer(vocab=SPECIAL[kind], merges=[])
    else:
        blank = pytxenc.BertTokenizer(vocab=SPECIAL[kind])
    trained = blank.train_new_from_iterator(documents, size, show_progress=False)
    return trained.convert_ids_to_tokens(range(len(trained)))


def train_theirs(kind: str, documents: list[str], size: int) -> list[str]:
    """The tokens that `tokenizers` learns, by id."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

    options: dict[str, Any] = {
        "vocab_size": size,
        "special_tokens": SPECIAL[kind],
        "show_progress": False,
    }
    if kind == "roberta":
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(initial_alphabet=alphabet, **options)
    else:
        tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        tokenizer.normalizer = normalizers.BertNormalizer()
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        trainer = trainers.WordPieceTrainer(**options)
    tokenizer.train_from_iterator(documents, trainer)
    vocab = json.loads(tokenizer.to_str())["model"]["vocab"]
    return sorted(vocab, key=vocab.get)


def compare(
    kind: str, documents: list[str], size: int, rounds: int
) -> tuple[dict[str, list[float]], dict[str, list[str]]]:
    """Seconds of every round by trainer, and the tokens each learned."""
    trainers = {"pytxenc": train_ours, "tokenizers": train_theirs}
    if importlib.util.find_spec("tokenizers") is None:
        print("tokenizers is not installed: skipped")
        del trainers["tokenizers"]
    learned: dict[str, list[str]] = {}

    def run(name: str) -> float:
        start = time.perf_counter()
        tokens = trainers[name](kind, documents, size)
        seconds = time.perf_counter() - start
        learned[name] = tokens
        return seconds

    seconds = take_turns({name: lambda name=name: run(name) for name in trainers}, rounds)
    return seconds, learned


def main() -> None:
    parser = arguments(__doc__.splitlines()[0], rounds=3)
    parser.add_argument("--sizes", type=int, nargs="+", default=[8000, 30000], metavar="N")
    parser.add_argument("--kinds", nargs="+", default=["roberta", "bert"], choices=list(SPECIAL))
    options = parser.parse_args()
    with lzma.open(data_dir() / "text" / "open-corpus.txt.xz", "rt", encoding="utf-8") as file:
        documents = file.read().split("\n\n")
    print(f"{machine()['cpu']}, {machine()['cores']} cores; {len(documents)} documents")
    results = []
    for kind in options.kinds:
        for size in options.sizes:
            seconds, learned = compare(kind, documents, size, options.rounds)
            result: dict[str, Any] = {"kind": kind, "vocab_size": size, "seconds": seconds}
            results.append(result)
            print(f"{kind}, {size} tokens, seconds:")
            for name in seconds:
                s = Summary.of(seconds[name])
                print(f"  {name:10} {s.median:6.2f}   ({s.least:.2f} to {s.most:.2f})")
            if len(seconds) < 2:
                continue
            check(kind, learned["pytxenc"], learned["tokenizers"])
            pairs = zip(seconds["pytxenc"], seconds["tokenizers"], strict=True)
            ratio = Summary.of([theirs / ours for ours, theirs in pairs])
            print(f"  {ratio.median:.1f} times as fast ({ratio.least:.1f} to {ratio.most:.1f})")
            result["ratio"] = ratio._asdict()
    finish(options.json, results)


def check(kind: str, ours: list[str], theirs: list[str]) -> None:
    """End the program where a vocabulary is not what it should be."""
    if ours != theirs if kind == "roberta" else len(ours) != len(theirs):
        raise SystemExit(f"{kind}, {len(theirs)} tokens: the vocabularies differ")


if __name__ == "__main__":
    main()
