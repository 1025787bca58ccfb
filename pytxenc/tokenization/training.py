"""Training tokenizers: a new vocabulary for the pipeline of a tokenizer there is.

Byte-level BPE and WordPiece vocabularies are learned in C, with the result that
`tokenizers` 0.23 has on the same texts; Unigram ones by the `sentencepiece` package.
"""

from __future__ import annotations

import logging
import operator
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from .. import _core
from ..arguments import unknown_keyword
from ..safetensors_file import write_text
from .added_tokens import AddedToken
from .files import to_json
from .special_tokens import NAMED_TOKENS, check_token

logger = logging.getLogger("pytxenc")

Tokenizer = TypeVar("Tokenizer")
Texts = Iterable[str | Iterable[str]]

# Characters of text that are given to C at a time.
_BATCH_CHARS = 16 << 20
# A text costs something however short it is.
_TEXT_CHARS = 64

# The smallest models there are: words are counted for their kind.
_MODELS: dict[str, dict[str, Any]] = {
    "BPE": {"type": "BPE", "vocab": {}, "merges": []},
    "WordPiece": {
        "type": "WordPiece",
        "vocab": {"[UNK]": 0},
        "unk_token": "[UNK]",
        "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 100,
    },
    "WordLevel": {"type": "WordLevel", "vocab": {"[UNK]": 0}, "unk_token": "[UNK]"},
}
_OPTIONS: dict[str, dict[str, Any]] = {
    "BPE": {
        "min_frequency": 0,
        "show_progress": True,
        "limit_alphabet": None,
        "initial_alphabet": (),
        "continuing_subword_prefix": "",
        "end_of_word_suffix": "",
        "max_token_length": None,
    },
    "WordPiece": {
        "min_frequency": 0,
        "show_progress": True,
        "limit_alphabet": None,
        "initial_alphabet": (),
        "continuing_subword_prefix": "##",
        "end_of_word_suffix": "",
    },
    "WordLevel": {"min_frequency": 0, "show_progress": True},
}


class Vocabulary(NamedTuple):
    """What was learned."""

    tokens: list[str]  # by id; of a token that is there twice the last id counts
    merges: list[tuple[str, str]]  # by rank


def learn_vocabulary(
    spec: Mapping[str, Any],
    texts: Texts,
    vocab_size: int,
    special_tokens: Sequence[str] = (),
    *,
    length: int | None = None,
    affixed: Sequence[str] = (),
    **options: Any,
) -> Vocabulary:
    """The vocabulary that the reference's trainer learns for a pipeline.

    spec: "model" (of which only the type counts), "normalizer" and "pre_tokenizer" as in
        tokenizer.json.
    texts: str, or lists of str.
    vocab_size: tokens wanted; special tokens and characters are there even beyond it, and
        there are fewer where the texts give no more.
    special_tokens: the first tokens.
    length: number of texts, for the progress bar.
    affixed: characters with the prefix or suffix, to be numbered in this order.  The
        reference's order is random; here they follow each other by code point.
    options: those of `BpeTrainer`, `WordPieceTrainer` and `WordLevelTrainer`: min_frequency
        and show_progress; but for WordLevel limit_alphabet, initial_alphabet,
        continuing_subword_prefix and end_of_word_suffix; for BPE max_token_length.

    A bar is shown at a terminal only.  TypeError naming the item that is no text; ValueError
    for impossible options.
    """
    from tqdm import tqdm

    kind = str(spec["model"]["type"])
    if kind not in _OPTIONS:
        raise ValueError(f"a {kind} vocabulary cannot be learned here; {', '.join(_OPTIONS)} can")
    for name in options:
        if name not in _OPTIONS[kind]:
            raise unknown_keyword("train_new_from_iterator", name, _OPTIONS[kind])
    options = {**_OPTIONS[kind], **options}
    size = check_count("vocab_size", vocab_size)
    arguments = _merge_arguments(options) if kind != "WordLevel" else {}
    frequency = check_count("min_frequency", options["min_frequency"])
    hidden = None if options["show_progress"] else True

    counter = _core.WordCounter({**spec, "model": _MODELS[kind]})
    ntexts = 0
    with tqdm(total=length, desc="Count words", unit="text", disable=hidden) as bar:
        for batch in text_batches(texts):
            counter.add(batch, ntexts)
            ntexts += len(batch)
            bar.update(len(batch))
    if kind == "WordLevel":
        return Vocabulary(_frequent_words(counter.words(), size, frequency, special_tokens), [])
    with tqdm(total=size, desc="Learn tokens", unit="token", disable=hidden) as bar:
        tokens, merges = counter.train_bpe(
            size,
            frequency,
            tuple(special_tokens),
            affixed=tuple(affixed),
            progress=lambda ntokens: bar.update(ntokens - bar.n),
            **arguments,
        )
        bar.update(len(tokens) - bar.n)
    if len(tokens) > size:
        logger.warning(
            "the special tokens and the characters of the texts are %d tokens already, more than"
            " vocab_size=%d; limit_alphabet keeps the frequent characters only",
            len(tokens),
            size,
        )
    return Vocabulary(tokens, merges)


def _merge_arguments(options: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `WordCounter.train_bpe` that options stand for."""
    return {
        "limit_alphabet": _check_limit("limit_alphabet", options["limit_alphabet"]),
        "initial_alphabet": _check_strings("initial_alphabet", options["initial_alphabet"]),
        "prefix": _check_affix("continuing_subword_prefix", options),
        "suffix": _check_affix("end_of_word_suffix", options),
        "max_token_length": _check_limit("max_token_length", options.get("max_token_length")),
    }


def _frequent_words(
    counts: Mapping[bytes, int], size: int, min_frequency: int, special_tokens: Sequence[str]
) -> list[str]:
    """Special tokens and the most frequent words, of equally frequent ones the first."""
    frequent = [(-count, word) for word, count in counts.items() if count >= min_frequency]
    words = [word.decode() for _, word in sorted(frequent)]
    return [*special_tokens, *words][:size]


def text_batches(texts: Texts) -> Iterator[list[str]]:
    """The texts in lists of a few million characters."""
    batch: list[str] = []
    room = _BATCH_CHARS
    for text in each_text(texts):
        batch.append(text)
        room -= len(text) + _TEXT_CHARS
        if room <= 0:
            yield batch
            batch, room = [], _BATCH_CHARS
    if batch:
        yield batch


def each_text(texts: Texts) -> Iterator[str]:
    """The texts of an iterable of str and of lists of str; TypeError names what is neither."""
    if isinstance(texts, (str, bytes, Mapping)) or not isinstance(texts, Iterable):
        raise TypeError(
            "the texts must be an iterable of str or of lists of str, not one"
            f" {type(texts).__name__}"
        )
    for index, item in enumerate(texts):
        if isinstance(item, str):
            yield item
            continue
        if isinstance(item, (bytes, Mapping)) or not isinstance(item, Iterable):
            raise TypeError(
                f"item {index} of the texts must be a str or a list of str, not"
                f" {type(item).__name__}: {item!r:.80}"
            )
        for place, text in enumerate(item):
            if not isinstance(text, str):
                raise TypeError(
                    f"item {index} of the texts: its element {place} must be a str, not"
                    f" {type(text).__name__}: {text!r:.80}"
                )
            yield text


def check_count(name: str, value: Any) -> int:
    """A number from 0 on."""
    try:
        if isinstance(value, bool):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an int, not {type(value).__name__}") from None
    if not 0 <= number < 2**63:
        raise ValueError(f"{name} must be a number from 0 on, not {number}")
    return number


def _check_limit(name: str, value: Any) -> int | None:
    return None if value is None else check_count(name, value)


def _check_strings(name: str, value: Any) -> tuple[str, ...]:
    strings = tuple(value)
    if isinstance(value, (bytes, Mapping)) or not all(isinstance(s, str) for s in strings):
        raise TypeError(f"{name} must be a list of str, not {value!r:.80}")
    return strings


def _check_affix(name: str, options: Mapping[str, Any]) -> str:
    affix = options[name]
    if affix is not None and not isinstance(affix, str):
        raise TypeError(f"{name} must be a str, not {type(affix).__name__}")
    return affix or ""


# ---- a tokenizer like another ----


def train_new(
    tokenizer: Tokenizer,
    texts: Texts,
    vocab_size: int,
    length: int | None = None,
    new_special_tokens: Sequence[str | AddedToken] | None = None,
    special_tokens_map: Mapping[str, str] | None = None,
    **options: Any,
) -> Tokenizer:
    """See `PreTrainedTokenizerBase.train_new_from_iterator`."""
    successor = Successor(tokenizer, new_special_tokens, special_tokens_map)
    spec = successor.spec
    kind = spec["model"]["type"]
    if kind == "Unigram":
        from .sentencepiece_training import train_unigram

        return train_unigram(successor, texts, vocab_size, length, **options)
    for name in ("continuing_subword_prefix", "end_of_word_suffix"):
        own = spec["model"].get(name) or ""
        if kind == "WordLevel" or (kind == "WordPiece" and name == "end_of_word_suffix"):
            continue  # such a model has none; the reference's trainer takes a suffix even so
        if (options.setdefault(name, own) or "") != own:
            raise ValueError(
                f"{name}={options[name]!r} cannot be used: {type(tokenizer).__name__} writes its"
                f" tokens with {own!r}"
            )
    if _is_byte_level(spec["pre_tokenizer"]):
        options["initial_alphabet"] = _byte_alphabet()
    tokens, merges = learn_vocabulary(
        spec, texts, vocab_size, successor.special_contents(), length=length, **options
    )
    vocab = {token: index for index, token in enumerate(tokens)}
    if kind == "BPE":
        return successor.make(vocab=vocab, merges=merges)
    return successor.make(vocab=vocab)


def _is_byte_level(pre_tokenizer: Mapping[str, Any] | None) -> bool:
    steps = (pre_tokenizer or {}).get("pretokenizers", [pre_tokenizer])
    return any(step is not None and step["type"] == "ByteLevel" for step in steps)


def _byte_alphabet() -> list[str]:
    """The characters that byte-level vocabularies write bytes with."""
    own = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    return [chr(code) for code in (*own, *range(0x100, 0x200 - len(own)))]


class Successor:
    """A tokenizer to be made after another: same class and arguments, new vocabulary.

    special_tokens_map: new names of special tokens.
    """

    def __init__(
        self,
        tokenizer: Any,
        new_special_tokens: Sequence[str | AddedToken] | None,
        special_tokens_map: Mapping[str, str] | None,
    ) -> None:
        if isinstance(new_special_tokens, str):
            raise TypeError("new_special_tokens must be a list of tokens, not one str")
        self.tokenizer = tokenizer
        self.spec: dict[str, Any] = tokenizer._spec
        self._new = [check_token("new_special_tokens", t) for t in new_special_tokens or ()]
        self._names = dict(special_tokens_map or {})
        for old, name in self._names.items():
            check_token(f"special_tokens_map[{old!r}]", name)

    def renamed(self, token: str | AddedToken) -> str | AddedToken:
        """The token under its new name."""
        name = str(self._names.get(str(token), token))
        if isinstance(token, str):
            return name
        return AddedToken(
            name, token.single_word, token.lstrip, token.rstrip, token.normalized, token.special
        )

    def special_tokens(self) -> list[AddedToken]:
        """The special tokens of the new tokenizer, in order of id."""
        old = [token for token in self.tokenizer._added.values() if token.special]
        tokens = [*map(self.renamed, old), *self._new]
        return [
            t.copy(special=True) if isinstance(t, AddedToken) else AddedToken(t, special=True)
            for t in tokens
        ]

    def special_contents(self) -> list[str]:
        """Their texts."""
        return [token.content for token in self.special_tokens()]

    def make(self, *, extra: Sequence[AddedToken] = (), **vocabulary: Any) -> Any:
        """The new tokenizer; `vocabulary` are the constructor's arguments for that.

        extra: tokens of the vocabulary to be found in texts, special or not.
        """
        old = self.tokenizer
        arguments = {**old.init_kwargs, "saved_config": old._saved_config}
        specific = {}
        for name, token in old.special_tokens_map_extended.items():
            if name in NAMED_TOKENS:
                arguments[name] = self.renamed(token)
            else:
                specific[name] = self.renamed(token)
        for name in ("additional_special_tokens", "model_specific_special_tokens", *specific):
            arguments.pop(name, None)
        if specific:
            arguments["model_specific_special_tokens"] = specific
        tokens = [*old._extra_special_tokens, *self._new]
        tokens += [token for token in extra if token.content not in map(str, tokens)]
        arguments["extra_special_tokens"] = tokens
        # Tokens that came with the old tokenizer's files are there too, as in transformers.
        read = arguments.get("added_tokens_decoder") or {}
        first = self.special_tokens()
        arguments["added_tokens_decoder"] = dict(
            enumerate([*first, *(read[index] for index in sorted(read))])
        )
        if "vocab_file" not in type(old).vocab_files_names:
            return self._make_from_json(vocabulary, arguments)
        return type(old)(**vocabulary, **arguments)

    def _make_from_json(self, vocabulary: dict[str, Any], arguments: dict[str, Any]) -> Any:
        """A tokenizer that is what its tokenizer.json says."""
        vocab: dict[str, int] = vocabulary["vocab"]
        model = {**self.spec["model"], **vocabulary}
        if "unk_token" in model and model["unk_token"] is not None:
            model["unk_token"] = self.renamed(model["unk_token"])
        added = [
            {"id": vocab.get(token.content, len(vocab)), **token.to_dict()}
            for token in self.special_tokens()
        ]
        spec = {
            **self.tokenizer._tokenizer_json(),
            "model": model,
            "added_tokens": added,
            "post_processor": self._with_new_ids(self.tokenizer._post_processor, vocab),
        }
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "tokenizer.json")
            write_text(path, to_json(spec))
            return type(self.tokenizer)(tokenizer_file=path, **arguments)

    def _with_new_ids(self, post_processor: Any, vocab: Mapping[str, int]) -> Any:
        """A tokenizer.json post-processor for the new vocabulary."""
        if post_processor is None:
            return None
        new = dict(post_processor)

        def renamed(token: str) -> tuple[str, int]:
            name = str(self.renamed(token))
            if name not in vocab:
                raise ValueError(
                    f"the post-processor puts {name!r} around texts, which is not a special token"
                    " of the new tokenizer"
                )
            return name, vocab[name]

        if "processors" in new:
            new["processors"] = [self._with_new_ids(part, vocab) for part in new["processors"]]
        for name in ("cls", "sep"):
            if name in new:
                new[name] = list(renamed(new[name][0]))
        if "special_tokens" in new:
            new["special_tokens"] = {
                key: {
                    **entry,
                    "tokens": [renamed(token)[0] for token in entry["tokens"]],
                    "ids": [renamed(token)[1] for token in entry["tokens"]],
                }
                for key, entry in new["special_tokens"].items()
            }
        return new
