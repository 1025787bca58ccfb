"""Token classification: a label for every token, or the entities that labelled tokens form."""

from __future__ import annotations

import itertools
import logging
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..modeling.heads import TokenClassificationModel
from ..numeric import softmax
from ..tokenization.call_options import check_count
from .base import ChunkPipeline, Parameters

logger = logging.getLogger("pytxenc")

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]
Entity = dict[str, Any]


class AggregationStrategy(str, Enum):
    """Values of `aggregation_strategy`; the strings themselves do as well."""

    NONE = "none"
    SIMPLE = "simple"
    FIRST = "first"
    AVERAGE = "average"
    MAX = "max"


WHOLE_WORDS = (AggregationStrategy.FIRST, AggregationStrategy.AVERAGE, AggregationStrategy.MAX)


class LabelScheme:
    """What the names of labels say: "B-X" begins an entity X, "I-X" and "X" go on with it."""

    def __init__(self, id2label: Mapping[int, str]) -> None:
        self.names = [id2label[index] for index in range(len(id2label))]
        tags = [n[2:] if n.startswith(("B-", "I-")) else n for n in self.names]
        self.tags: Ints = np.unique(tags, return_inverse=True)[1]
        self.begins: Bools = np.array([n.startswith("B-") for n in self.names])
        # As in the reference what stands before a first "-" is left out, whatever it is.
        self.groups = [n.split("-", 1)[-1] for n in self.names]


class Window(NamedTuple):
    """The tokens of a text, or of a window of it, without the special ones."""

    tokens: list[str]  # unknown ones as they stand in the text
    spans: list[tuple[int, int]]  # characters of the text
    positions: list[int]  # in the row that the model saw
    continues: Bools  # (tokens,); whether a token goes on with the word before it


def continues_word(
    text: str, tokens: Sequence[str], spans: Sequence[tuple[int, int]], prefix: str | None
) -> list[bool]:
    """Whether each token is a later part of a word.

    Where such tokens have a `prefix` ("##"), those are meant that are longer or shorter than
    their text; elsewhere those without a space before them or as their first character.
    """
    if prefix:
        return [
            len(token) != len(text[start:end])
            for token, (start, end) in zip(tokens, spans, strict=True)
        ]
    return [start > 0 and " " not in text[start - 1 : start + 1] for start, _ in spans]


def word_begins(words: Sequence[str], delimiter: str) -> list[int]:
    """The first character of every word in the words joined by `delimiter`."""
    lengths = (len(word) + len(delimiter) for word in words)
    return list(itertools.accumulate(lengths, initial=0))


def word_labels(
    probabilities: Floats, first: Ints, strategy: AggregationStrategy
) -> tuple[Ints, Floats]:
    """(label, probability) of every word, of which `first` has the first token's number."""
    if strategy is AggregationStrategy.FIRST:
        chosen = probabilities[first]
    elif strategy is AggregationStrategy.AVERAGE:
        lengths = np.diff(first, append=len(probabilities))
        sums = np.add.reduceat(probabilities, first, axis=0, dtype=np.float32)
        chosen = (sums / lengths[:, None]).astype(np.float32)
    else:  # the token that is surest of its label; the first one of several
        surest = probabilities.max(axis=1)
        word = np.repeat(np.arange(len(first)), np.diff(first, append=len(surest)))
        best = np.flatnonzero(surest == np.maximum.reduceat(surest, first)[word])
        chosen = probabilities[best[np.unique(word[best], return_index=True)[1]]]
    return chosen.argmax(axis=1), chosen.max(axis=1)


def token_entities(
    window: Window, probabilities: Floats, scheme: LabelScheme, ignored: Collection[str]
) -> list[Entity]:
    """An entity for each token whose label is not ignored; probabilities (tokens, labels)."""
    labels, scores = probabilities.argmax(axis=1), probabilities.max(axis=1)
    entities = []
    for i, label in enumerate(labels.tolist()):
        name = scheme.names[label]
        if name not in ignored:
            start, end = window.spans[i]
            entities.append(
                {
                    "entity": name,
                    "score": scores[i],
                    "index": window.positions[i],
                    "word": window.tokens[i],
                    "start": start,
                    "end": end,
                }
            )
    return entities


def grouped_entities(
    window: Window,
    probabilities: Floats,
    strategy: AggregationStrategy,
    scheme: LabelScheme,
    ignored: Collection[str],
    to_string: Callable[[list[str]], str],
) -> list[Entity]:
    """An entity for each run of tokens, or of words, of one tag that is not ignored.

    probabilities: (tokens, labels).
    to_string: text of token strings.
    """
    count = len(window.tokens)
    if not count:
        return []
    if strategy is AggregationStrategy.SIMPLE:
        first = np.arange(count)
        labels, scores = probabilities.argmax(axis=1), probabilities.max(axis=1)
    else:
        first = np.flatnonzero(np.r_[True, ~window.continues[1:]])
        labels, scores = word_labels(probabilities, first, strategy)
    tags = scheme.tags[labels]
    runs = np.flatnonzero(np.r_[True, (tags[1:] != tags[:-1]) | scheme.begins[labels[1:]]])
    lengths = np.diff(runs, append=len(labels))
    means = np.add.reduceat(scores, runs) / lengths.astype(np.float32)
    begins = [*first.tolist(), count]
    entities = []
    for label, score, run, end in zip(
        labels[runs].tolist(), means, runs.tolist(), [*runs[1:].tolist(), len(first)], strict=True
    ):
        group = scheme.groups[label]
        if group not in ignored:
            parts = window.tokens[begins[run] : begins[end]]
            if strategy is not AggregationStrategy.SIMPLE:
                # Words are made text here and once more below, as the reference does: where
                # tokens hold the spaces between words, as in unigram models, these are lost.
                bounds = itertools.pairwise(begins[run : end + 1])
                parts = [to_string(window.tokens[a:b]) for a, b in bounds]
            entities.append(
                {
                    "entity_group": group,
                    "score": score,
                    "word": to_string(parts),
                    "start": window.spans[begins[run]][0],
                    "end": window.spans[begins[end] - 1][1],
                }
            )
    return entities


def without_overlaps(entities: list[Entity]) -> list[Entity]:
    """In the order of the text, of those that overlap the longest, then the likeliest."""
    kept: list[Entity] = []
    for entity in sorted(entities, key=lambda e: e["start"]):
        if kept and entity["start"] < kept[-1]["end"]:
            if _weight(entity) > _weight(kept[-1]):
                kept[-1] = entity
        else:
            kept.append(entity)
    return kept


def _weight(entity: Entity) -> tuple[int, float]:
    return entity["end"] - entity["start"], entity["score"]


@dataclass(frozen=True)
class WithOffsets:
    """An input whose tokens are said to be elsewhere than the tokenizer has them."""

    text: Any
    offsets: Sequence[tuple[int, int]]


class TokenClassificationPipeline(ChunkPipeline):
    """Labels of the tokens of texts, or the entities that they form.

    >>> recognize = pytxenc.pipeline("ner", "directory-or-name", aggregation_strategy="simple")
    >>> recognize("Ada Lovelace lived in London.")
    [{'entity_group': 'PER', 'score': 0.9984, 'word': 'Ada Lovelace', 'start': 0, 'end': 12},
     {'entity_group': 'LOC', 'score': 0.9991, 'word': 'London', 'start': 22, 'end': 28}]
    """

    task_name = "token-classification"
    token_budget = 4096
    model_base = TokenClassificationModel

    def __init__(self, model: Any, tokenizer: Any = None, **kwargs: Any) -> None:
        super().__init__(model, tokenizer, **kwargs)
        self._cut_was_reported = False

    def __call__(  # type: ignore[override]
        self, inputs: Any, *, offset_mapping: Sequence[Any] | None = None, **kwargs: Any
    ) -> Any:
        """Label the tokens of a text, of a list of texts or of a stream.

        aggregation_strategy: "none" (an entity a token), "simple" (one a run of tokens with
            the same tag), or the same with one label for all of a word: "first" (that of its
            first token), "average" (of the mean of the probabilities) or "max" (of the token
            that is surest of its own).  Of tags, "B-X" begins an entity X, "I-X" and "X" go
            on with it.
        ignore_labels: labels (with "none") or tags that are left out; ["O"] by default.
        stride: go through all of a long text in windows that share so many tokens; of
            entities that overlap the longest counts, then the likeliest.  Without it what is
            beyond the model's length is left out, and a warning says so.
        is_split_into_words: the text is a list of words; offsets are those in the words
            joined by `delimiter`, a space by default.
        offset_mapping: (start, end) of every token in the text, special ones included, for a
            text tokenized elsewhere; for a list of texts a list of such lists.
        batch_size, progress: see Pipeline.

        Returns for a text a list of dicts: "entity" (the label), "score" (NumPy float32),
        "index" (of the token), "word" (the token), "start" and "end" (characters of the
        text), or with a strategy "entity_group", "score", "word", "start", "end"; for a list
        of texts a list of such lists.

        Words are found by the "##" of their later tokens, or where the tokenizer has no such
        mark by spaces.  ValueError for what does not fit together, and for an input that is
        no text.
        """
        split = {**self._preprocess_params, **kwargs}.get("is_split_into_words", False)
        if split and isinstance(inputs, (list, tuple)) and not all(map(_is_list, inputs)):
            inputs = [inputs]
        if offset_mapping is not None:
            inputs = _with_offsets(inputs, offset_mapping)
        return super().__call__(inputs, **kwargs)

    def _sanitize_parameters(
        self,
        aggregation_strategy: Any = None,
        ignore_labels: Collection[str] | None = None,
        stride: int | None = None,
        is_split_into_words: bool | None = None,
        delimiter: str | None = None,
    ) -> tuple[Parameters, Parameters, Parameters]:
        preprocess: Parameters = {}
        postprocess: Parameters = {}
        if aggregation_strategy is not None:
            strategy = _strategy(aggregation_strategy)
            postprocess["aggregation_strategy"] = strategy
            if strategy in WHOLE_WORDS and not self._word_prefix():
                warnings.warn(
                    f"{type(self.tokenizer).__name__} does not mark the later tokens of a word: "
                    "words are taken to be what stands between spaces",
                    UserWarning,
                    stacklevel=2,
                )
            if strategy is AggregationStrategy.NONE and stride is not None:
                raise ValueError(
                    "stride goes through long texts in windows, whose entities are joined: it "
                    "needs an aggregation_strategy other than 'none'"
                )
        if ignore_labels is not None:
            if isinstance(ignore_labels, str):
                raise TypeError(f"ignore_labels must be a list of labels, not {ignore_labels!r}")
            postprocess["ignore_labels"] = ignore_labels
        if stride is not None:
            limit = self._longest_input()
            if check_count("stride", stride) >= limit:
                raise ValueError(
                    f"stride ({stride}) must be less than the {limit} tokens that the model takes, "
                    "special ones included"
                )
            preprocess["stride"] = stride
        if is_split_into_words is not None:
            preprocess["is_split_into_words"] = is_split_into_words
        if delimiter is not None:
            preprocess["delimiter"] = delimiter
        return preprocess, {}, postprocess

    def preprocess(
        self,
        sentence: Any,
        stride: int | None = None,
        is_split_into_words: bool = False,
        delimiter: str = " ",
    ) -> Iterator[dict[str, Any]]:
        """The text as the model takes it: one row, or with `stride` one for every window."""
        given = None
        if isinstance(sentence, WithOffsets):
            sentence, given = sentence.text, sentence.offsets
        text = delimiter.join(_words(sentence)) if is_split_into_words else _text(sentence)
        limit = self._longest_input()
        encoded = self.tokenizer(
            sentence,
            truncation=True,
            max_length=limit,
            stride=stride or 0,
            is_split_into_words=is_split_into_words,
            return_overflowing_tokens=True,
            return_special_tokens_mask=True,
            return_offsets_mapping=True,
        )
        special, spans = encoded.pop("special_tokens_mask"), encoded.pop("offset_mapping")
        del encoded["overflow_to_sample_mapping"]
        rows = len(special)
        if rows > 1 and stride is None:
            self._report_cut(limit)
            rows = 1
        if given is not None:
            spans = [_checked_offsets(given, len(special[0]), windows=len(special))]
        begins = word_begins(sentence, delimiter) if is_split_into_words else []
        for row in range(rows):
            positions = [i for i, is_special in enumerate(special[row]) if not is_special]
            places = [spans[row][i] for i in positions]
            if is_split_into_words:
                word_ids = encoded.encodings[row].word_ids
                places = [
                    (begins[word_ids[i]] + start, begins[word_ids[i]] + end)
                    for i, (start, end) in zip(positions, places, strict=True)
                ]
            ids = [encoded["input_ids"][row][i] for i in positions]
            yield {
                **{name: np.array([field[row]]) for name, field in encoded.items()},
                "window": self._window(text, ids, places, positions),
            }

    def _window(
        self, text: str, ids: list[int], spans: list[tuple[int, int]], positions: list[int]
    ) -> Window:
        tokens = self.tokenizer.convert_ids_to_tokens(ids)
        continues = np.array(continues_word(text, tokens, spans, self._word_prefix()), bool)
        unknown = self.tokenizer.unk_token_id
        for i, token in enumerate(ids):
            if token == unknown:
                tokens[i] = text[slice(*spans[i])]
                continues[i] = False
        return Window(tokens, spans, positions, continues)

    def _forward(self, model_inputs: Any) -> Any:
        inputs = dict(model_inputs)
        window = inputs.pop("window")
        return {"logits": self.model(**inputs)["logits"], "window": window}

    def postprocess(
        self,
        all_outputs: list[Any],
        aggregation_strategy: AggregationStrategy = AggregationStrategy.NONE,
        ignore_labels: Collection[str] = ("O",),
    ) -> list[Entity]:
        """The entities in all windows of a text."""
        scheme = LabelScheme(self.model.config.id2label)
        to_string = self.tokenizer.convert_tokens_to_string
        entities: list[Entity] = []
        for outputs in all_outputs:
            window = outputs["window"]
            scores = softmax(outputs["logits"][0][window.positions])
            if aggregation_strategy is AggregationStrategy.NONE:
                entities += token_entities(window, scores, scheme, ignore_labels)
            else:
                entities += grouped_entities(
                    window, scores, aggregation_strategy, scheme, ignore_labels, to_string
                )
        return without_overlaps(entities) if len(all_outputs) > 1 else entities

    def _word_prefix(self) -> str | None:
        return self.tokenizer._parts["model"].get("continuing_subword_prefix")

    def _report_cut(self, limit: int) -> None:
        if not self._cut_was_reported:
            self._cut_was_reported = True
            logger.warning(
                "a text is longer than the %d tokens that the model takes, and is cut; "
                "stride=... with an aggregation_strategy goes through all of it",
                limit,
            )


NerPipeline = TokenClassificationPipeline


def _is_list(value: Any) -> bool:
    return isinstance(value, (list, tuple))


def _strategy(name: Any) -> AggregationStrategy:
    try:
        return AggregationStrategy(name.lower() if isinstance(name, str) else name)
    except ValueError:
        known = ", ".join(repr(strategy.value) for strategy in AggregationStrategy)
        raise ValueError(f"aggregation_strategy must be one of {known}, not {name!r}") from None


def _text(sentence: Any) -> str:
    if not isinstance(sentence, str):
        raise ValueError(
            f"an input must be a str, not {sentence!r:.80}; for a list of words pass "
            "is_split_into_words=True"
        )
    return sentence


def _words(sentence: Any) -> list[str]:
    if not _is_list(sentence) or not all(isinstance(word, str) for word in sentence):
        raise ValueError(
            f"with is_split_into_words=True an input must be a list of words, not {sentence!r:.80}"
        )
    return sentence


def _with_offsets(inputs: Any, offset_mapping: Sequence[Any]) -> Any:
    """The inputs, each with its part of `offset_mapping`."""
    mappings = list(offset_mapping)
    if mappings and all(len(pair) == 2 and _is_number(pair[0]) for pair in mappings):
        mappings = [mappings]  # of one text
    texts = list(inputs) if _is_list(inputs) else [inputs]
    if len(mappings) != len(texts):
        raise ValueError(f"offset_mapping is for {len(mappings)} texts, but {len(texts)} are given")
    both = [WithOffsets(*each) for each in zip(texts, mappings, strict=True)]
    return both if _is_list(inputs) else both[0]


def _is_number(value: Any) -> bool:
    return not isinstance(value, np.ndarray) and hasattr(value, "__index__")


def _checked_offsets(offsets: Any, tokens: int, windows: int) -> list[tuple[int, int]]:
    if windows > 1:
        raise ValueError(
            "offset_mapping is for texts that the model takes at once, but this one is longer"
        )
    if len(offsets) != tokens:
        raise ValueError(
            f"offset_mapping has {len(offsets)} spans, but the text has {tokens} tokens, special "
            "ones included"
        )
    return [(int(start), int(end)) for start, end in offsets]
