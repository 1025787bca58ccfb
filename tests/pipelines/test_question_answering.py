"""Question answering against the definition, worked out by brute force over torch's logits."""

import random

import numpy as np
import pytest

import pytxenc
from pytxenc.pipelines.question_answering import best_spans, word_spans

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from model_pairs import make_pair  # noqa: E402
from tokenizer_pairs import FAMILIES, make_tokenizers  # noqa: E402

WORDS = [
    *("hello", "world", "new", "york", "yorkers", "Ada", "Lovelace", "unable", "the", "x"),
    *(",", ".", "don't", "caf\u00e9", "\u4e2d\u56fd", "9,9"),
]


def make(family):
    """The models and tokenizers of transformers and of ours."""
    tokenizers = make_tokenizers(family, model_max_length=90)
    models = make_pair(
        family, "ForQuestionAnswering", vocab_size=len(tokenizers[0]), initializer_range=0.4,
        max_position_embeddings=100, pad_token_id=tokenizers[0].pad_token_id,
    )  # fmt: skip
    return models[0], tokenizers[0], pytxenc.QuestionAnsweringPipeline(models[1], tokenizers[1])


@pytest.fixture(scope="module", params=FAMILIES)
def pair(request):
    return make(request.param)


@pytest.fixture(scope="module")
def answer():
    return make("Bert")[2]


def windows_of(model, tokenizer, question, context, length, stride):
    """Of every window: the logits, which tokens are the context's, their spans and words."""
    encoded = tokenizer(
        question, context, truncation="only_second", max_length=length, stride=stride,
        return_overflowing_tokens=True, return_offsets_mapping=True,
        return_token_type_ids="Roberta" not in type(model).__name__,
    )  # fmt: skip
    for row in range(len(encoded["input_ids"])):
        inputs = {
            name: torch.tensor([encoded[name][row]])
            for name in ("input_ids", "attention_mask", "token_type_ids")
            if name in encoded
        }
        with torch.no_grad():
            output = model(**inputs)
        yield (
            output.start_logits[0].double().numpy(),
            output.end_logits[0].double().numpy(),
            [i for i, part in enumerate(encoded.sequence_ids(row)) if part == 1],
            encoded["offset_mapping"][row],
            encoded.word_ids(row),
        )


def by_definition(model, tokenizer, question, context, **options):
    """The answers by trying every span of every window."""
    length, stride = options["max_seq_len"], options["doc_stride"]
    top_k, longest = options["top_k"], options["max_answer_len"]
    align, nothing = options["align_to_words"], 1.0
    found = {}
    for starts, ends, places, spans, words in windows_of(
        model, tokenizer, question, context, length, stride
    ):
        allowed = [0, *places]  # the first token stands for no answer
        start = np.exp(starts - starts[allowed].max())
        end = np.exp(ends - ends[allowed].max())
        start, end = start / start[allowed].sum(), end / end[allowed].sum()
        nothing = min(nothing, start[0] * end[0])
        candidates = [
            (start[i] * end[j], i, j) for i in places for j in places if i <= j < i + longest
        ]
        candidates.sort(key=lambda candidate: -candidate[0])
        for score, i, j in candidates[: 2 * top_k + 10 if align else top_k]:
            same_start = [t for t in places if words[t] == words[i]] if align else [i]
            same_end = [t for t in places if words[t] == words[j]] if align else [j]
            first, last = spans[min(same_start)][0], spans[max(same_end)][1]
            text = context[first:last]
            entry = found.setdefault(text.lower(), [0.0, first, last, text])
            entry[0] += score
    answers = list(found.values())
    if options["handle_impossible_answer"]:
        answers.append([nothing, 0, 0, ""])
    return sorted(answers, key=lambda entry: -entry[0])[:top_k]


@pytest.mark.parametrize("seed", range(6))
def test_against_the_definition(pair, seed):
    model, tokenizer, answer = pair
    rng = random.Random(seed)
    for _ in range(6):
        question = " ".join(rng.choices(WORDS, k=rng.randint(1, 4)))
        context = " ".join(rng.choices(WORDS, k=rng.choice([1, 5, 30, 90])))
        options = dict(
            top_k=rng.choice([1, 3]),
            max_answer_len=rng.choice([1, 4, 15, 200]),
            max_seq_len=rng.choice([60, 80]),
            doc_stride=rng.choice([0, 1, 9]),
            align_to_words=rng.random() < 0.7,
            handle_impossible_answer=rng.random() < 0.3,
        )
        expected = by_definition(model, tokenizer, question, context, **options)
        got = answer(question=question, context=context, **options)
        assert isinstance(got, dict) == (options["top_k"] == 1)
        got = [got] if isinstance(got, dict) else got
        assert [list(one) for one in got] == [["score", "start", "end", "answer"]] * len(expected)
        for mine, (score, start, end, text) in zip(got, expected, strict=True):
            assert mine["score"] == pytest.approx(score, abs=1e-4)
            assert (mine["start"], mine["end"], mine["answer"]) == (start, end, text)
            assert type(mine["score"]) is float and type(mine["start"]) is int


def test_forms(answer):
    question, context = "hello ada", "the new york of Ada Lovelace"
    expected = answer(question=question, context=context)
    one = {"question": question, "context": context}
    other = {"question": "world", "context": "unable yorkers"}
    for got in (
        answer(one),
        answer([one]),
        answer(question, context),
        answer(question=[question], context=context),
        answer([one, other])[0],
        answer(one, other)[0],
        next(answer(example for example in [one, other])),
        answer(question=[question, "world"], context=[context, "unable yorkers"])[0],
        answer(question=question, context=[context, "x"])[0],
    ):
        assert got["score"] == pytest.approx(expected["score"], abs=1e-5)
        assert got["answer"] == expected["answer"]
    assert answer([]) == []
    assert len(answer(one, top_k=3)) == 3
    with pytest.warns(UserWarning, match="now called top_k"):
        assert len(answer(one, topk=2)) == 2


def test_batches_change_nothing(answer):
    rng = random.Random(1)
    examples = [
        {"question": "hello", "context": " ".join(rng.choices(WORDS, k=rng.randint(1, 80)))}
        for _ in range(20)
    ]
    alone = [answer(example, max_seq_len=60) for example in examples]
    for size in (None, 1, 7):
        for got, one in zip(answer(examples, max_seq_len=60, batch_size=size), alone, strict=True):
            assert got["answer"] == one["answer"]
            assert got["score"] == pytest.approx(one["score"], abs=1e-5)


def test_long_questions_are_cut(answer):
    question = "hello world " * 60
    cut = answer(question=" ".join(question.split()[:10]), context="new york", max_question_len=10)
    assert answer(question=question, context="new york", max_question_len=10) == cut


def test_characters_of_cut_questions_stay_whole():
    answer = make("Roberta")[2]
    snowmen, context = "\u2603" * 9, "new york " * 9  # three tokens each
    options = dict(max_seq_len=14, doc_stride=3)
    expected = answer(question=snowmen[:2], context=context, **options)
    assert answer(question=snowmen, context=context, max_question_len=4, **options) == expected
    with pytest.raises(ValueError, match=r"less than the 4 tokens .* a question of 6"):
        answer(question=snowmen, context=context, max_question_len=4, max_seq_len=14, doc_stride=5)


@pytest.mark.parametrize("family", ["Roberta", "XLMRoberta", "DistilBert"])
def test_types_of_tokens_only_for_models_that_learn_them(family):
    """A tokenizer that gives them by default, and models with several types or with none."""
    tokenizer = make_tokenizers("Bert")[1]
    model = make_pair(family, "ForQuestionAnswering", vocab_size=len(tokenizer))[1]
    answer = pytxenc.QuestionAnsweringPipeline(model, tokenizer)
    (row,) = answer.preprocess({"question": "hello", "context": "new york"})
    assert "token_type_ids" in tokenizer("hello") and "token_type_ids" not in row


@pytest.mark.parametrize(
    ("inputs", "options", "error", "message"),
    [
        ({"question": "a"}, {}, KeyError, "needs 'context'"),
        ({"question": "a", "context": ""}, {}, ValueError, "context must not be empty"),
        ({"question": "a", "context": 3}, {}, ValueError, "context must be a str, not 3"),
        (3, {}, TypeError, "must be a dict"),
        ("a text", {}, TypeError, "pass question="),
        ({"question": "a", "context": "b"}, {"top_k": 0}, ValueError, "top_k must be at least 1"),
        ({"question": "a", "context": "b"}, {"max_len": 3}, TypeError, "max_len"),
        ({"question": "a", "context": "b"}, {"doc_stride": 99}, ValueError, "must be less than"),
        ({"question": "a " * 60, "context": "b"}, {"max_seq_len": 20}, ValueError, "no room"),
    ],
)
def test_wrong_use(answer, inputs, options, error, message):
    with pytest.raises(error, match=message):
        answer(inputs, **options)


def test_lists_that_do_not_fit(answer):
    with pytest.raises(ValueError, match="2 questions but 3 contexts"):
        answer(question=["a", "b"], context=["c", "d", "e"])
    with pytest.raises(TypeError, match="context must be a str or a list"):
        answer(question=["a"], context=7)


def test_spans_by_hand():
    starts = np.array([0.6, 0.3, 0.1], np.float32)
    ends = np.array([0.1, 0.1, 0.8], np.float32)
    first, last, scores = best_spans(starts, ends, 2, 2)
    assert list(zip(first, last, strict=True)) == [(1, 2), (2, 2)]
    np.testing.assert_allclose(scores, [0.24, 0.08], rtol=1e-6)
    first, last, _ = best_spans(starts, ends, 10, 1)
    assert (first[0], last[0]) == (0, 2)
    spans = np.array([[0, 2], [2, 4], [5, 6], [6, 9]])
    assert word_spans(spans, [0, 0, 1, 2]).tolist() == [[0, 4], [0, 4], [5, 6], [6, 9]]
    assert word_spans(spans, [None, None, 1, 1]).tolist() == [[0, 2], [2, 4], [5, 9], [5, 9]]
