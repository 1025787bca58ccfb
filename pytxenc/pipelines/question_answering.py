"""Question answering: the part of a text that answers a question."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..modeling.heads import QuestionAnsweringModel
from ..numeric import softmax
from ..tokenization import PreTrainedTokenizerBase
from ..tokenization.call_options import check_count, check_positive
from .base import ChunkPipeline, Parameters

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]
Answer = dict[str, Any]


class Window(NamedTuple):
    """Where in a row the context, or a window of it, is, and where that is in the text."""

    context: str
    first: int  # token of the context
    spans: Ints  # (tokens, 2), characters of the context's tokens
    words: list[int | None]  # (tokens,)
    null: bool  # whether the row begins with the token that stands for no answer


def word_spans(spans: Ints, words: Sequence[int | None]) -> Ints:
    """`spans` (tokens, 2) widened to those of the words that the tokens are parts of."""
    ids = np.array([-1 if word is None else word for word in words], np.int64)
    if not len(ids):
        return spans
    first = np.flatnonzero(np.r_[True, (ids[1:] != ids[:-1]) | (ids[1:] < 0)])
    lengths = np.diff(first, append=len(ids))
    last = first + lengths - 1
    whole = np.column_stack([spans[first, 0], spans[last, 1]])
    return np.repeat(whole, lengths, axis=0)


def best_spans(
    starts: Floats, ends: Floats, max_length: int, count: int
) -> tuple[Ints, Ints, Floats]:
    """(first token, last token, score) of the likeliest answers, the likeliest first.

    starts, ends: (tokens,), the probability of every token to be the answer's first or last.
    An answer has up to `max_length` tokens; its score is the product of both probabilities.
    Of answers with one score the earlier comes first, then the shorter.
    """
    width = min(max_length, len(starts))
    if not width:
        none = np.empty(0, np.int64)
        return none, none, np.empty(0, np.float32)
    followed = np.concatenate([ends, np.full(width - 1, -1, ends.dtype)])
    scores = starts[:, None] * np.lib.stride_tricks.sliding_window_view(followed, width)
    inside = np.add.outer(np.arange(len(starts)), np.arange(width)) < len(starts)
    flat = scores[inside]
    count = min(count, len(flat))
    enough = np.flatnonzero(flat >= np.partition(flat, -count)[-count])
    best = enough[np.argsort(-flat[enough], kind="stable")][:count]
    first, more = (indices[best] for indices in np.nonzero(inside))
    return first, first + more, flat[best]


def probabilities(logits: Floats, window: Window) -> tuple[Floats, float]:
    """Of every token of the context, and of none: a softmax over these alone."""
    context = logits[window.first : window.first + len(window.spans)]
    allowed = np.concatenate([logits[:1], context]) if window.null else context
    if not len(allowed):
        return allowed, 0.0
    shares = softmax(allowed)
    return (shares[1:], float(shares[0])) if window.null else (shares, 0.0)


class Answers:
    """The answers in the windows of a context.

    Those whose text is the same but for case are one, with the sum of their scores.
    """

    def __init__(self) -> None:
        self._by_text: dict[str, Answer] = {}
        self._nothing = 1.0  # the score of there being none: the lowest of all windows

    def add(
        self,
        window: Window,
        start_logits: Floats,
        end_logits: Floats,
        count: int,
        max_length: int,
        align_to_words: bool,
    ) -> None:
        """Take in the `count` likeliest answers of a window; logits (length,)."""
        starts, no_start = probabilities(start_logits, window)
        ends, no_end = probabilities(end_logits, window)
        self._nothing = min(self._nothing, no_start * no_end)
        spans = word_spans(window.spans, window.words) if align_to_words else window.spans
        found = best_spans(starts, ends, max_length, count)
        for first, last, score in zip(*(values.tolist() for values in found), strict=True):
            start, end = int(spans[first, 0]), int(spans[last, 1])
            text = window.context[start:end]
            answer = {"score": 0.0, "start": start, "end": end, "answer": text}
            self._by_text.setdefault(text.lower(), answer)["score"] += score

    def best(self, count: int, may_be_none: bool) -> list[Answer]:
        """The `count` likeliest, or fewer; without any, an empty one."""
        answers = list(self._by_text.values())
        if may_be_none or not answers:
            score = self._nothing if may_be_none else 0.0
            answers.append({"score": score, "start": 0, "end": 0, "answer": ""})
        return sorted(answers, key=lambda answer: -answer["score"])[:count]


def takes_types(config: Any) -> bool:
    """Whether types of tokens tell question and context apart: models of RoBERTa's kind
    never learn any, even where they have several."""
    return getattr(config, "type_vocab_size", 1) > 1 and "roberta" not in config.model_type


def encode_windows(
    tokenizer: PreTrainedTokenizerBase,
    question: str,
    context: str,
    *,
    length: int,
    stride: int | None,
    max_question_len: int,
    types: bool,
) -> Iterator[tuple[dict[str, list[int]], Window]]:
    """A question with each window of its context: the fields that a model takes, and where.

    length: tokens of a row.
    stride: tokens that windows share; None for 128, or fewer where the rows are short.
    max_question_len: tokens of the question, beyond which it is cut.
    types: whether the model takes token_type_ids.

    ValueError where there is no room for the context.
    """
    question, tokens = _cut_question(tokenizer, question, max_question_len)
    room = length - tokenizer.num_special_tokens_to_add(pair=True) - tokens
    if room < 1:
        raise ValueError(
            f"the question has {tokens} tokens, which leaves no room for the context: "
            f"question, context and special tokens may be {length} in all; cut the question "
            "by max_question_len"
        )
    if stride is None:
        stride = min(length // 2, 128)
        stride = stride if stride < room else room // 2
    elif stride >= room:
        raise ValueError(
            f"doc_stride ({stride}) must be less than the {room} tokens of context that "
            f"there is room for beside a question of {tokens}"
        )
    encoded = tokenizer(
        question,
        context,
        truncation="only_second",
        max_length=length,
        stride=stride,
        return_token_type_ids=types,
        return_overflowing_tokens=True,
    )
    del encoded["overflow_to_sample_mapping"]
    for row, encoding in enumerate(encoded.encodings or ()):
        sequences = encoding.sequence_ids
        count = sequences.count(1)
        first = sequences.index(1) if count else len(sequences)
        window = Window(
            context,
            first,
            np.array(encoding.offsets, np.int64).reshape(-1, 2)[first : first + count],
            encoding.word_ids[first : first + count],
            encoding.ids[0] == tokenizer.cls_token_id,
        )
        yield {name: field[row] for name, field in encoded.items()}, window


def _cut_question(
    tokenizer: PreTrainedTokenizerBase, question: str, max_question_len: int
) -> tuple[str, int]:
    """The question, cut after a character where it is longer, and its number of tokens."""
    encoded = tokenizer(
        question,
        add_special_tokens=False,
        truncation=True,
        max_length=max_question_len,
        return_offsets_mapping=True,
        return_overflowing_tokens=True,
    )
    spans = encoded["offset_mapping"]
    if len(spans) == 1:
        return question, len(spans[0])
    # A character may have several tokens, and what is left of a word others than before.
    question = question[spans[0][0][0] : spans[0][-1][1]]
    return question, len(tokenizer.tokenize(question))


class QuestionAnsweringPipeline(ChunkPipeline):
    """Answers to questions, each a part of a text.

        >>> answer = pytxenc.pipeline("question-answering", "directory-or-name")
        >>> answer(question="Where did she live?", context="Ada Lovelace lived in London.")
        {'score': 0.9713, 'start': 22, 'end': 28, 'answer': 'London'}

    The interface is that of transformers 4.57; version 5 has no such pipeline.
    """

    task_name = "question-answering"
    token_budget = 4096
    model_base = QuestionAnsweringModel

    def __call__(  # type: ignore[override]
        self, *args: Any, question: Any = None, context: Any = None, **kwargs: Any
    ) -> Any:
        """Find the answer to a question, or to every one of a list or a stream.

        question, context: texts, or lists of texts; one text goes with every one of a list.
        args: instead of these a dict {"question": ..., "context": ...}, a list of such dicts
            or a stream of them; or a question and a context.
        top_k: how many answers, by falling score; 1 by default.
        max_answer_len: tokens of the longest answer; 15.
        handle_impossible_answer: whether there may be no answer, which is the text ""; False.
        align_to_words: widen answers to whole words; True.
        max_seq_len: tokens of question and context together; 384, or what the model takes.
            A longer context is gone through in windows.
        doc_stride: tokens that windows share; 128, less where they are small.
        max_question_len: tokens of a question, beyond which it is cut; 64.
        batch_size, progress: see Pipeline.

        Returns a dict: "score" (float), "start" and "end" (characters of the context) and
        "answer" (str); a list of such dicts if `top_k` is more than 1.  For several
        questions, a list of these; one question in a list is like one alone.

        A score is the probability of the answer's first token times that of its last, in the
        softmax over the window's context and "no answer"; answers of equal text add up.

        KeyError, TypeError, ValueError for what is not a question with a context, or cannot
        be asked for.
        """
        inputs = _examples(args, question, context)
        if isinstance(inputs, list) and len(inputs) == 1:
            inputs = inputs[0]
        return super().__call__(inputs, **kwargs)

    def _sanitize_parameters(
        self,
        top_k: int | None = None,
        topk: int | None = None,
        doc_stride: int | None = None,
        max_answer_len: int | None = None,
        max_seq_len: int | None = None,
        max_question_len: int | None = None,
        handle_impossible_answer: bool | None = None,
        align_to_words: bool | None = None,
    ) -> tuple[Parameters, Parameters, Parameters]:
        if topk is not None:
            warnings.warn("topk is now called top_k", UserWarning, stacklevel=2)
            top_k = topk if top_k is None else top_k
        positive = {
            "top_k": top_k,
            "max_answer_len": max_answer_len,
            "max_seq_len": max_seq_len,
            "max_question_len": max_question_len,
        }
        for name, value in positive.items():
            if value is not None:
                check_positive(name, value)
        if doc_stride is not None:
            check_count("doc_stride", doc_stride)
        preprocess = {
            "doc_stride": doc_stride,
            "max_seq_len": max_seq_len,
            "max_question_len": max_question_len,
        }
        postprocess = {
            "top_k": top_k,
            "max_answer_len": max_answer_len,
            "handle_impossible_answer": handle_impossible_answer,
            "align_to_words": align_to_words,
        }
        return _given(preprocess), {}, _given(postprocess)

    def preprocess(
        self,
        example: Any,
        doc_stride: int | None = None,
        max_seq_len: int = 384,
        max_question_len: int = 64,
    ) -> Iterator[dict[str, Any]]:
        """The question with each window of the context, as the model takes it."""
        question, context = _checked_example(example)
        rows = encode_windows(
            self.tokenizer,
            question,
            context,
            length=min(max_seq_len, self._longest_input()),
            stride=doc_stride,
            max_question_len=max_question_len,
            types=takes_types(self.model.config),
        )
        for fields, window in rows:
            yield {**{name: np.array([row]) for name, row in fields.items()}, "window": window}

    def _forward(self, model_inputs: Any) -> Any:
        inputs = dict(model_inputs)
        window = inputs.pop("window")
        outputs = self.model(**inputs)
        return {"start": outputs["start_logits"], "end": outputs["end_logits"], "window": window}

    def postprocess(
        self,
        model_outputs: list[Any],
        top_k: int = 1,
        handle_impossible_answer: bool = False,
        max_answer_len: int = 15,
        align_to_words: bool = True,
    ) -> Any:
        """The best answers in all windows."""
        # Widened to words some answers become one: take more of them to begin with.
        count = 2 * top_k + 10 if align_to_words else top_k
        answers = Answers()
        for outputs in model_outputs:
            starts, ends = outputs["start"][0], outputs["end"][0]
            answers.add(outputs["window"], starts, ends, count, max_answer_len, align_to_words)
        best = answers.best(top_k, handle_impossible_answer)
        return best[0] if top_k == 1 else best


def _given(parameters: Parameters) -> Parameters:
    return {name: value for name, value in parameters.items() if value is not None}


def _examples(args: tuple[Any, ...], question: Any, context: Any) -> Any:
    """What was asked: an example, a list of them or a stream."""
    if args and (question is not None or context is not None):
        raise TypeError("give question= and context=, or examples, not both")
    if len(args) == 2 and all(isinstance(arg, str) for arg in args):
        return {"question": args[0], "context": args[1]}
    if len(args) == 1 and not isinstance(args[0], str):
        return list(args[0]) if isinstance(args[0], (list, tuple)) else args[0]
    if args and all(isinstance(arg, Mapping) for arg in args):
        return list(args)
    if args or question is None or context is None:
        raise TypeError(
            "pass question=... and context=..., or a dict with both, or a list of such dicts"
        )
    given = {"question": question, "context": context}
    lists = {name: value for name, value in given.items() if not isinstance(value, str)}
    for name, value in lists.items():
        if not isinstance(value, (list, tuple)):
            raise TypeError(f"{name} must be a str or a list of str, not {type(value).__name__}")
    if not lists:
        return given
    if len({len(value) for value in lists.values()}) > 1:
        raise ValueError(
            f"there are {len(question)} questions but {len(context)} contexts: give one context "
            "for all, or one each"
        )
    count = len(next(iter(lists.values())))
    columns = [lists.get(name, [value] * count) for name, value in given.items()]
    return [dict(zip(given, both, strict=True)) for both in zip(*columns, strict=True)]


def _checked_example(example: Any) -> tuple[str, str]:
    if not isinstance(example, Mapping):
        raise TypeError(
            f'an example must be a dict {{"question": ..., "context": ...}}, not {example!r:.80}'
        )
    for name in ("question", "context"):
        if name not in example:
            raise KeyError(f"an example needs {name!r}, but has {sorted(map(str, example))}")
        if not isinstance(example[name], str):
            raise ValueError(f"{name} must be a str, not {example[name]!r:.80}")
        if not example[name]:
            raise ValueError(f"{name} must not be empty")
    return example["question"], example["context"]
