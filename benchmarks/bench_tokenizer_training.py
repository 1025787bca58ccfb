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


def measure(kind: str, documents: list[str], size: int, rounds: int) -> dict[str, Summary]:
    """Seconds of each trainer."""
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

    contenders = {name: (lambda name=name: run(name)) for name in trainers}
    figures = take_turns(contenders, rounds, warm_up=0)
    if len(learned) == 2:
        ours, theirs = learned["pytxenc"], learned["tokenizers"]
        same = ours == theirs if kind == "roberta" else len(ours) == len(theirs)
        if not same:
            raise SystemExit(f"{kind}, {size} tokens: the vocabularies differ")
    return {name: Summary.of(seconds) for name, seconds in figures.items()}


def main() -> None:
    parser = arguments(__doc__.splitlines()[0], rounds=3)
    parser.add_argument("--sizes", type=int, nargs="+", default=[8000, 30000], metavar="N")
    parser.add_argument("--kinds", nargs="+", default=["roberta", "bert"], choices=list(SPECIAL))
    options = parser.parse_args()
    with lzma.open(data_dir() / "text" / "open-corpus.txt.xz", "rt", encoding="utf-8") as file:
        documents = file.read().split("\n\n")
    print(f"{machine()['cpu']}, {machine()['cores']} cores; {len(documents)} documents")
    results = {}
    for kind in options.kinds:
        for size in options.sizes:
            seconds = measure(kind, documents, size, options.rounds)
            results[f"{kind} {size}"] = {name: s._asdict() for name, s in seconds.items()}
            for name, s in seconds.items():
                print(f"{kind:8} {size:6} {name:11} {s.median:6.2f} s ({s.least:.2f}-{s.most:.2f})")
            if "tokenizers" in seconds:
                ratio = seconds["tokenizers"].median / seconds["pytxenc"].median
                print(f"{kind:8} {size:6} {ratio:.1f} times as fast")
                results[f"{kind} {size}"]["ratio"] = ratio
    finish(options.json, results)


if __name__ == "__main__":
    main()
