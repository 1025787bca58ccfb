"""One adapter a peer: how it is best given a whole text, and what ids it answers.

As a program, this is one contender in a process of its own: it loads a tokenizer, encodes a
text several times and prints the seconds of each pass as JSON.
"""

import argparse
import importlib.util
import json
import os
import time
from pathlib import Path
from typing import Any

from harness import data_dir
from tokenizer_data import FILE, KINDS, read_json, read_text, split

PASSES, ENOUGH_SECONDS = 6, 2.0
# Settings that bound the threads of peers; read when they start theirs.
THREAD_SETTINGS = ("RAYON_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class Peer:
    """Encodes whole texts with one package.

    `give` makes of a text what `encode` takes and is not timed; `flat` makes of its answer
    the ids of all documents, one after another, and the number of each.
    """

    package = ""
    caches = False  # whether a second pass is quicker than the first
    threads = True  # whether it can use more than one
    kinds: tuple[str, ...] = tuple(KINDS)

    def __init__(self, kind: str, folder: Path, threads: int) -> None:
        raise NotImplementedError

    def give(self, data: bytes, ends: Any) -> Any:
        return [document.decode() for document in split(data, ends)]

    def encode(self, given: Any) -> Any:
        raise NotImplementedError

    def flat(self, answer: Any) -> tuple[Any, Any]:
        import numpy as np

        lengths = np.array([len(ids) for ids in answer], np.int64)
        return np.concatenate([np.asarray(ids, np.int64) for ids in answer]), lengths


class Pytxenc(Peer):
    package = "pytxenc"
    caches = True

    def __init__(self, kind: str, folder: Path, threads: int) -> None:
        import pytxenc

        pytxenc.set_num_threads(threads)
        cls = KINDS[kind].cls
        if cls is None:
            self.core = pytxenc._core.Tokenizer(read_json(folder / kind / FILE))
        else:
            self.core = getattr(pytxenc, cls).from_pretrained(folder / kind)._core

    def give(self, data: bytes, ends: Any) -> Any:
        return data, ends

    def encode(self, given: Any) -> Any:
        return self.core.encode_flat(*given, dtype="uint32")

    def flat(self, answer: Any) -> tuple[Any, Any]:
        import numpy as np

        ids, ends = answer
        return ids, np.diff(ends, prepend=0)


class Tokenizers(Peer):
    package = "tokenizers"

    def __init__(self, kind: str, folder: Path, threads: int) -> None:
        from tokenizers import Tokenizer

        self.tokenizer = Tokenizer.from_file(str(folder / kind / FILE))

    def encode(self, given: Any) -> Any:
        return self.tokenizer.encode_batch_fast(given, add_special_tokens=False)

    def flat(self, answer: Any) -> tuple[Any, Any]:
        return super().flat([encoding.ids for encoding in answer])


class Gigatoken(Peer):
    package = "gigatoken"
    caches = True
    kinds = ("roberta",)

    def __init__(self, kind: str, folder: Path, threads: int) -> None:
        import gigatoken

        self.tokenizer = gigatoken.Tokenizer(folder / kind / FILE)
        self.parallel = threads > 1  # one thread is quicker without its pool of one

    def give(self, data: bytes, ends: Any) -> Any:
        import gigatoken

        return gigatoken.BytesSource(split(data, ends))

    def encode(self, given: Any) -> Any:
        return self.tokenizer.encode_batch(given, parallel=self.parallel)

    def flat(self, answer: Any) -> tuple[Any, Any]:
        import numpy as np

        return np.asarray(answer.layout.content.data), np.diff(np.asarray(answer.layout.offsets))


class Tiktoken(Peer):
    """Its ranks are made of the merges; its ids are ranks, mapped back afterwards."""

    package = "tiktoken"
    kinds = ("roberta",)
    # The pattern that the package has for GPT-2, which RoBERTa shares.
    pattern = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"

    def __init__(self, kind: str, folder: Path, threads: int) -> None:
        import numpy as np
        import tiktoken

        self.threads_used = threads
        saved = read_json(folder / kind / FILE)
        vocab = saved["model"]["vocab"]
        added = {token["content"]: token["id"] for token in saved["added_tokens"]}
        byte_of = _byte_of_letter()
        tokens = [*byte_of, *("".join(merge) for merge in saved["model"]["merges"])]
        ranks: dict[bytes, int] = {}
        for token in tokens:
            ranks.setdefault(bytes(byte_of[letter] for letter in token), len(ranks))
        specials = {content: len(ranks) + i for i, content in enumerate(added)}
        self.encoding = tiktoken.Encoding(
            kind, pat_str=self.pattern, mergeable_ranks=ranks, special_tokens=specials
        )
        id_of = {bytes(byte_of[letter] for letter in t): vocab[t] for t in tokens}
        self.id_of = np.array([*(id_of[token] for token in ranks), *added.values()])

    def encode(self, given: Any) -> Any:
        return self.encoding.encode_batch(
            given, num_threads=self.threads_used, allowed_special="all"
        )

    def flat(self, answer: Any) -> tuple[Any, Any]:
        ranks, lengths = super().flat(answer)
        return self.id_of[ranks], lengths


class Kitoken(Peer):
    package = "kitoken"
    threads = False

    def __init__(self, kind: str, folder: Path, threads: int) -> None:
        import kitoken

        file = folder / kind / FILE
        self.tokenizer = kitoken.Kitoken.from_tokenizers_file(str(file))

    def encode(self, given: Any) -> Any:
        return self.tokenizer.encode_all(given, True)


class Blingfire(Peer):
    package = "blingfire"
    threads = False
    kinds = tuple(name for name, kind in KINDS.items() if kind.blingfire)

    def __init__(self, kind: str, folder: Path, threads: int) -> None:
        import blingfire

        model = Path(blingfire.__file__).with_name(str(KINDS[kind].blingfire))
        self.model = blingfire.load_model(str(model))
        blingfire.change_settings_dummy_prefix(self.model, False)
        vocab = read_json(folder / kind / FILE)["model"]["vocab"]
        self.unknown = vocab.get("[UNK]", vocab.get("<unk>", 0))

    def give(self, data: bytes, ends: Any) -> Any:
        documents = split(data, ends)
        return [(document.decode(), len(document)) for document in documents]

    def encode(self, given: Any) -> Any:
        from blingfire import text_to_ids

        return [
            text_to_ids(self.model, text, nbytes, unk=self.unknown, no_padding=True)
            for text, nbytes in given
        ]


class Sentencepiece(Peer):
    package = "sentencepiece"
    kinds = ("sentencepiece", "albert")

    def __init__(self, kind: str, folder: Path, threads: int) -> None:
        from sentencepiece import SentencePieceProcessor

        model = data_dir() / "tokenizers" / KINDS[kind].source / "spiece.model"
        self.processor = SentencePieceProcessor(model_file=str(model))
        self.threads_used = threads

    def give(self, data: bytes, ends: Any) -> Any:
        return split(data, ends)

    def encode(self, given: Any) -> Any:
        return self.processor.encode_as_numpy(given, num_threads=self.threads_used)


PEERS: dict[str, type[Peer]] = {
    peer.package: peer
    for peer in (Pytxenc, Gigatoken, Tokenizers, Sentencepiece, Tiktoken, Kitoken, Blingfire)
}


def _byte_of_letter() -> dict[str, int]:
    """The letters that stand for bytes in a byte-level vocabulary."""
    shown = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(256) if byte not in shown]
    letters = {chr(byte): byte for byte in shown}
    letters.update({chr(256 + i): byte for i, byte in enumerate(hidden)})
    return letters


def missing() -> list[str]:
    """The peers that are not installed."""
    return [name for name in PEERS if importlib.util.find_spec(name) is None]


def environment(threads: int) -> dict[str, str]:
    """The settings under which a contender may use so many threads."""
    return {
        **os.environ,
        **dict.fromkeys(THREAD_SETTINGS, str(threads)),
        "TOKENIZERS_PARALLELISM": "true" if threads > 1 else "false",
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_VERBOSITY": "error",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("text")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--ids", type=Path, help="write the ids to this .npz file")
    options = parser.parse_args()

    peer = PEERS[options.peer](options.kind, options.folder, options.threads)
    data, ends = read_text(options.folder, options.text)
    # Some peers import packages in their first call: that is no matter of encoding.
    peer.flat(peer.encode(peer.give(b"Hello.", ends[:1] * 0 + len(b"Hello."))))
    given = peer.give(data, ends)
    seconds: list[float] = []
    least = PASSES if peer.caches else 1
    while len(seconds) < least or (len(seconds) < PASSES and sum(seconds) < ENOUGH_SECONDS):
        start = time.perf_counter()
        answer = peer.encode(given)
        seconds.append(time.perf_counter() - start)
        if options.ids is not None:
            import numpy as np

            ids, lengths = peer.flat(answer)
            np.savez(options.ids, ids=ids.astype(np.int32), lengths=lengths)
            break
        del answer
    print(json.dumps(seconds))


if __name__ == "__main__":
    main()
