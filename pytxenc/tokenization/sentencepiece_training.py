"""Training Unigram vocabularies by the `sentencepiece` package, an optional dependency.

transformers trains them with a trainer of its own, whose pieces are others; SentencePiece's
are those that ALBERT and XLM-RoBERTa were made with.
"""

from __future__ import annotations

import io
import logging
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

from .. import _core
from ..arguments import unknown_keyword
from .added_tokens import AddedToken
from .sentencepiece_file import CONTROL, USER_DEFINED
from .sources import typed_pieces
from .training import Successor, Texts, check_count, text_batches

logger = logging.getLogger("pytxenc")

# Names that transformers' trainer has for options, and SentencePiece's.
_RENAMED = {
    "initial_alphabet": "required_chars",
    "max_piece_length": "max_sentencepiece_length",
    "n_sub_iterations": "num_sub_iterations",
    "seed_size": "seed_sentencepiece_size",
}
# Options that are handed on, with the values that ALBERT's authors used where these differ
# from SentencePiece's own (None).
_OPTIONS: dict[str, Any] = {
    "character_coverage": 0.99995,
    "hard_vocab_limit": False,
    "input_sentence_size": 10_000_000,
    "max_sentencepiece_length": None,
    "num_sub_iterations": None,
    "num_threads": None,
    "required_chars": None,
    "seed_sentencepiece_size": None,
    "shrinking_factor": None,
    "shuffle_input_sentence": True,
    "split_by_number": None,
    "split_by_unicode_script": None,
    "split_digits": None,
    "train_extremely_large_corpus": None,
    "user_defined_symbols": (),
}
# SentencePiece passes over longer sentences (in bytes), so lines are cut to fewer characters.
_MAX_SENTENCE_BYTES = 1 << 16
_MAX_SENTENCE_CHARS = _MAX_SENTENCE_BYTES // 4


def train_unigram(
    successor: Successor,
    texts: Texts,
    vocab_size: int,
    length: int | None = None,
    *,
    show_progress: bool = True,
    **options: Any,
) -> Any:
    """An AlbertTokenizer or XLMRobertaTokenizer with pieces learned from the texts.

    The texts are normalised as the old tokenizer does and then as SentencePiece's nmt_nfkc
    does, which becomes the new tokenizer's character map.  ImportError when sentencepiece is
    not installed; ValueError when it cannot learn such a vocabulary.
    """
    try:
        from sentencepiece import SentencePieceTrainer
    except ImportError:
        raise ImportError(
            "training a Unigram tokenizer needs the package sentencepiece:"
            " pip install pytxenc[sentencepiece]"
        ) from None

    from tqdm import tqdm

    arguments = {
        **_trainer_options(options),
        **_layout(successor, check_count("vocab_size", vocab_size)),
    }
    user_defined = [*arguments["user_defined_symbols"], *options.get("user_defined_symbols", ())]
    arguments["user_defined_symbols"] = user_defined = list(dict.fromkeys(user_defined))

    model = io.BytesIO()
    errors: list[BaseException] = []
    with tqdm(
        total=length, desc="Read texts", unit="text", disable=None if show_progress else True
    ) as bar:
        sentences = _sentences(successor.spec, texts, bar.update)
        try:
            SentencePieceTrainer.train(
                sentence_iterator=_until_error(sentences, errors),
                model_writer=model,
                model_type="unigram",
                max_sentence_length=_MAX_SENTENCE_BYTES,
                minloglevel=1 if show_progress else 2,
                **arguments,
            )
        except (RuntimeError, ValueError) as error:
            if not errors:
                raise ValueError(f"sentencepiece: {_reason(error)}") from error
    if errors:
        raise errors[0]
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "spiece.model")
        with open(path, "wb") as file:
            file.write(model.getvalue())
        found = [] if _has_original_rules(successor) else user_defined
        extra = [AddedToken(piece, normalized=False) for piece in found]
        tokenizer = successor.make(vocab=path, extra=extra)
    tokenizer.vocab_file = None  # it is gone
    if tokenizer.vocab_size < vocab_size:
        logger.warning(
            "the texts gave %d tokens, fewer than vocab_size=%d", tokenizer.vocab_size, vocab_size
        )
    return tokenizer


def _trainer_options(given: dict[str, Any]) -> dict[str, Any]:
    options = dict(_OPTIONS)
    for name, value in given.items():
        known = _RENAMED.get(name, name)
        if known not in _OPTIONS:
            raise unknown_keyword("train_new_from_iterator", name, [*_RENAMED, *_OPTIONS])
        options[known] = value
    if isinstance(options["user_defined_symbols"], str):
        raise TypeError("user_defined_symbols must be a list of str, not one str")
    if options["required_chars"] is not None:
        options["required_chars"] = "".join(options["required_chars"])
    return {name: value for name, value in options.items() if value is not None}


def _has_original_rules(successor: Successor) -> bool:
    """Whether user-defined pieces are found by SentencePiece's rules, not as added tokens."""
    return bool(getattr(successor.tokenizer, "original_rules", False))


def _pieces(successor: Successor, kind: int) -> list[str]:
    """The old model's pieces of a type, under their new names."""
    model, old = successor.spec["model"], successor.tokenizer
    original = _has_original_rules(successor)
    typed = typed_pieces(model["vocab"], model["unk_id"], old._added, original)
    return [str(successor.renamed(piece)) for piece, _, this in typed if this == kind]


def _symbols(successor: Successor, placed: list[str]) -> dict[str, Any]:
    """Control and user-defined symbols, but for those that have a place of their own."""
    control = [*_pieces(successor, CONTROL), *successor.special_contents()]
    control = [piece for piece in dict.fromkeys(control) if piece not in placed]
    user_defined = _pieces(successor, USER_DEFINED)
    return {
        "control_symbols": control,
        "user_defined_symbols": [p for p in user_defined if p not in {*placed, *control}],
    }


def _layout(successor: Successor, vocab_size: int) -> dict[str, Any]:
    """Which ids the pieces of special tokens have, and how many there are in all."""
    from .albert import AlbertTokenizer
    from .camembert import CamembertTokenizer
    from .xlm_roberta import XLMRobertaTokenizer

    layouts = {
        AlbertTokenizer: _albert_layout,
        CamembertTokenizer: _camembert_layout,
        XLMRobertaTokenizer: _xlm_roberta_layout,
    }
    for kind, layout in layouts.items():
        if isinstance(successor.tokenizer, kind):
            return layout(successor, vocab_size)
    raise ValueError(
        f"a {type(successor.tokenizer).__name__} with a Unigram model cannot be trained;"
        f" {', '.join(kind.__name__ for kind in layouts)} can"
    )


def _albert_layout(successor: Successor, vocab_size: int) -> dict[str, Any]:
    """<pad> 0, <unk> 1, then [CLS], [SEP], [MASK] and other special tokens."""
    model, old = successor.spec["model"], successor.tokenizer
    pad = str(successor.renamed(old.pad_token or "<pad>"))
    unk = str(successor.renamed(model["vocab"][model["unk_id"]][0]))
    return {
        "vocab_size": vocab_size,
        "pad_id": 0,
        "unk_id": 1,
        "bos_id": -1,
        "eos_id": -1,
        "pad_piece": pad,
        "unk_piece": unk,
        **_symbols(successor, [pad, unk]),
    }


def _xlm_roberta_layout(successor: Successor, vocab_size: int) -> dict[str, Any]:
    """<unk> 0, <s> 1, </s> 2 in the file, which are <s> <pad> </s> <unk> in the tokenizer."""
    return _roberta_layout(successor, vocab_size - 2, [])  # <pad> and <mask> are not in the file


def _camembert_layout(successor: Successor, vocab_size: int) -> dict[str, Any]:
    """<unk> 0, <s> 1, </s> 2 in the file; the tokenizer has five tokens of its own for the
    first, and <mask> last."""
    own = ["<s>NOTUSED", "</s>NOTUSED", "<unk>NOTUSED"]
    return _roberta_layout(successor, vocab_size - 5, own)


def _roberta_layout(successor: Successor, size: int, own: list[str]) -> dict[str, Any]:
    old = successor.tokenizer
    named = [old.bos_token, old.pad_token, old.eos_token, old.unk_token, old.mask_token]
    bos, pad, eos, unk, mask = (str(successor.renamed(token)) for token in named)
    return {
        "vocab_size": max(size, 0),
        "unk_id": 0,
        "bos_id": 1,
        "eos_id": 2,
        "pad_id": -1,
        "unk_piece": unk,
        "bos_piece": bos,
        "eos_piece": eos,
        **_symbols(successor, [bos, pad, eos, unk, mask, *own]),
    }


def _sentences(spec: dict[str, Any], texts: Texts, count: Callable[[int], Any]) -> Iterator[str]:
    """The lines of the texts, normalised and cut where they are too long."""
    normalizer = spec["normalizer"] or {"type": "Sequence", "normalizers": []}
    steps = normalizer.get("normalizers", [normalizer])
    steps = [step for step in steps if step["type"] != "Precompiled"]  # SentencePiece has its own
    pipeline = {
        "model": {"type": "BPE", "vocab": {}, "merges": []},
        "normalizer": {"type": "Sequence", "normalizers": steps},
    }
    for batch in text_batches(texts):
        for text in _core.normalize_texts(pipeline, batch) if steps else batch:
            for line in text.splitlines():
                yield from _cut_line(line)
        count(len(batch))


def _cut_line(line: str) -> Iterator[str]:
    """The line in pieces that are short enough, cut at spaces where there are any."""
    start = 0
    while len(line) - start > _MAX_SENTENCE_CHARS:
        stop = line.rfind(" ", start + 1, start + _MAX_SENTENCE_CHARS)
        stop = stop if stop > 0 else start + _MAX_SENTENCE_CHARS
        yield line[start:stop]
        start = stop
    yield line[start:]


def _until_error(sentences: Iterator[str], errors: list[BaseException]) -> Iterator[str]:
    """The sentences; keeps an error of theirs, of which SentencePiece makes another."""
    try:
        yield from sentences
    except (Exception, KeyboardInterrupt) as error:
        errors.append(error)
        raise


def _reason(error: Exception) -> str:
    """What SentencePiece says, without the place in its source."""
    reason = re.sub(r"^(\w+: )?(src/\S+\(\d+\) )?(\[.*?\] )?", "", str(error)).strip()
    return reason or "there is no text to learn from"
