"""Token classification: entities against transformers' pipeline on the same weights."""

import pickle
import random
import warnings

import numpy as np
import pytest

import pytxenc
from pytxenc import AggregationStrategy, TokenClassificationPipeline, pipeline
from pytxenc.pipelines.token_classification import (
    LabelScheme,
    continues_word,
    without_overlaps,
    word_labels,
)

transformers = pytest.importorskip("transformers")
from model_pairs import make_pair  # noqa: E402
from tokenizer_pairs import FAMILIES, make_tokenizers  # noqa: E402

STRATEGIES = [strategy.value for strategy in AggregationStrategy]
LABELS = {
    "BIO": ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"],
    "plain": ["O", "PER", "LOC", "ORG"],
    "mixed": ["O", "B-PER", "I-PER", "PER", "X-PER", "B-", "LOC"],
}
PIECES = [
    *("hello", "world", "new", "york", "yorkers", "Ada", "Lovelace", "unable", "inin", "the", "x"),
    *("ÉTÉ", "e\u0301te\u0301", "中文", "☃", "9,9", "İ", "ﬁn", ",", ".", "(", "--", "don't"),
]
SPACES = [" ", " ", " ", " ", "  ", "", "\n", "\t", "\u00a0"]
pytestmark = pytest.mark.filterwarnings("ignore:.*(does not mark|not support real words)")


class Reference(transformers.TokenClassificationPipeline):
    """transformers' pipeline, for tokens whose label is not for rounding to decide."""

    def gather_pre_entities(self, sentence, ids, scores, offsets, special, *args, **kwargs):
        second, best = np.sort(scores[special == 0], axis=-1)[:, -2:].T
        assert np.all(best - second > 1e-4), "two labels are as likely: take another seed"
        return super().gather_pre_entities(sentence, ids, scores, offsets, special, *args, **kwargs)


def make_pipelines(family, labels="BIO", longest=60, **options):
    """transformers' pipeline and ours, of one model with random weights."""
    tokenizers = make_tokenizers(family, model_max_length=longest)
    names = dict(enumerate(LABELS[labels]))
    models = make_pair(
        family,
        "ForTokenClassification",
        seed=8 if labels == "mixed" else 0,  # by which every label is found
        vocab_size=len(tokenizers[0]),
        id2label=names,
        label2id={label: i for i, label in names.items()},
        initializer_range=0.4,
        pad_token_id=tokenizers[0].pad_token_id,
    )
    theirs = Reference(model=models[0], tokenizer=tokenizers[0], task="ner", **options)
    return theirs, TokenClassificationPipeline(models[1], tokenizers[1], **options)


def random_text(rng, longest=12):
    return "".join(rng.choice(PIECES) + rng.choice(SPACES) for _ in range(rng.randint(1, longest)))


def assert_same(ours, theirs):
    """Equal entities, down to types and the order of keys; scores within a tolerance."""
    if isinstance(theirs, list) and theirs and isinstance(theirs[0], list):
        assert len(ours) == len(theirs)
        for mine, yours in zip(ours, theirs, strict=True):
            assert_same(mine, yours)
        return
    assert [list(e) for e in ours] == [list(e) for e in theirs]
    for mine, yours in zip(ours, theirs, strict=True):
        assert {k: v for k, v in mine.items() if k != "score"} == {
            k: v for k, v in yours.items() if k != "score"
        }
        assert type(mine["score"]) is type(yours["score"]) is np.float32
        assert mine["score"] == pytest.approx(yours["score"], abs=1e-4)
        assert all(type(mine[key]) is int for key in ("start", "end"))


@pytest.fixture(scope="module", params=FAMILIES)
def pipelines(request):
    return make_pipelines(request.param, "mixed" if request.param == "Albert" else "BIO")


@pytest.fixture(scope="module")
def bert():
    return make_pipelines("Bert", "mixed")


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("ignored", [None, [], ["PER", "B-LOC"]], ids=str)
def test_texts(pipelines, strategy, ignored):
    theirs, ours = pipelines
    rng = random.Random(strategy)
    texts = [random_text(rng) for _ in range(30)]
    options = dict(aggregation_strategy=strategy, ignore_labels=ignored)
    assert_same(ours(texts, **options), theirs(texts, **options))


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("labels", LABELS)
def test_schemes_of_labels(labels, strategy):
    theirs, ours = make_pipelines("Bert", labels)
    rng = random.Random(labels)
    texts = [random_text(rng) for _ in range(30)]
    options = dict(aggregation_strategy=strategy, ignore_labels=[])
    found = ours(texts, **options)
    assert_same(found, theirs(texts, **options))
    names = {e.get("entity", e.get("entity_group")) for entities in found for e in entities}
    expected = LABELS[labels] if strategy == "none" else {n.split("-")[-1] for n in LABELS[labels]}
    if strategy in ("none", "simple"):
        assert names == set(expected)  # every label was there


@pytest.mark.parametrize("strategy", STRATEGIES[1:])
@pytest.mark.parametrize("stride", [0, 1, 7])
def test_stride(pipelines, strategy, stride):
    theirs, ours = pipelines
    rng = random.Random(stride)
    texts = ["", " ".join(PIECES[::-1] * 6), *(random_text(rng, 90) for _ in range(3))]
    options = dict(aggregation_strategy=strategy, stride=stride, ignore_labels=["LOC"])
    expected = theirs(texts, **options)
    assert max(len(ours.tokenizer.tokenize(text)) for text in texts) > 120
    for entities in expected:  # the reference repeats a first entity without characters
        if len(entities) > 1 and entities[0] == entities[1]:
            del entities[0]
    assert_same(ours(texts, **options), expected)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("delimiter", [None, "", " / "])
def test_words(pipelines, strategy, delimiter):
    theirs, ours = pipelines
    rng = random.Random(f"words joined by {delimiter!r}")
    texts = [[rng.choice(PIECES) for _ in range(rng.randint(1, 8))] for _ in range(15)]
    options = dict(
        aggregation_strategy=strategy,
        is_split_into_words=True,
        delimiter=delimiter,
        ignore_labels=[],
    )
    assert_same(ours(texts, **options), theirs(texts, **options))
    assert_same(ours(texts[0], **options), theirs(texts[0], **options))


def test_words_in_windows(pipelines):
    theirs, ours = pipelines
    rng = random.Random("windows")
    words = [rng.choice(PIECES) for _ in range(120)]
    options = dict(aggregation_strategy="simple", is_split_into_words=True, stride=9)
    assert_same(ours(words, **options), theirs(words, **options))


def test_defaults_of_a_pipeline():
    options = dict(aggregation_strategy="max", ignore_labels=["PER"], stride=4)
    theirs, ours = make_pipelines("XLMRoberta", **options)
    text = random_text(random.Random(3), 80)
    assert_same(ours(text), theirs(text))
    assert_same(ours(text, ignore_labels=[]), theirs(text, ignore_labels=[]))
    ours = make_pipelines("Bert", is_split_into_words=True)[1]
    assert ours(["hello", "world"]) == ours(["hello", "world"], is_split_into_words=True)


def test_offset_mapping(bert):
    theirs, ours = bert
    text = "hello new york"
    spans = [(0, 0), (1, 4), (6, 9), (9, 14), (0, 0)]
    for strategy in ("none", "first"):
        options = dict(aggregation_strategy=strategy, ignore_labels=[])
        expected = theirs(text, offset_mapping=spans, **options)
        assert_same(ours(text, offset_mapping=spans, **options), expected)
        others = [(start + 1, end + 1) for start, end in spans]
        both = ours([text, text], offset_mapping=[spans, others], **options)
        assert_same(both[0], expected)  # each text has its own
        assert_same(both[1], theirs(text, offset_mapping=others, **options))
        assert_same(ours([text], offset_mapping=np.array([spans]), **options), [expected])
    assert ours([""], offset_mapping=np.zeros((1, 2, 2), int)) == [[]]  # two tokens, not numbers


def test_forms(bert):
    theirs, ours = bert
    for inputs in ("hello ada", ["hello ada"], ["hello", "new york"], "", [""], " "):
        assert_same(ours(inputs), theirs(inputs))
    assert ours(("hello",)) == ours(["hello"])
    assert ours([]) == []
    texts = ["hello ada", "", "new york"]
    assert list(ours(text for text in texts)) == ours(texts)


def test_results_do_not_depend_on_batches(pipelines):
    ours = pipelines[1]
    rng = random.Random(5)
    texts = [random_text(rng, 60) for _ in range(20)]
    options = dict(aggregation_strategy="average", stride=3)
    singly = [ours(text, **options) for text in texts]
    for size in (None, 1, 7):
        assert_same(ours(texts, batch_size=size, **options), singly)


def test_from_files(tmp_path, bert):
    ours = bert[1]
    ours.save_pretrained(tmp_path)
    for task in ("ner", "token-classification"):
        loaded = pipeline(task, str(tmp_path), aggregation_strategy="simple")
        assert type(loaded) is TokenClassificationPipeline is pytxenc.NerPipeline
        text = "hello Ada Lovelace"
        assert loaded(text) == ours(text, aggregation_strategy="simple")
        assert pickle.loads(pickle.dumps(loaded))(text) == loaded(text)


def test_long_texts_are_cut_with_a_warning(bert, caplog):
    theirs, ours = make_pipelines("Bert")
    text = "hello world " * 60
    assert_same(ours(text), theirs(text))
    ours(text)
    assert sum("is cut" in record.message for record in caplog.records) == 1
    unaware = make_pipelines("Bert", longest=10**9)[1]  # the tokenizer does not know
    assert unaware(text) == make_pipelines("Bert", longest=70)[1](text)


def test_warning_of_the_heuristic():
    ours = make_pipelines("Roberta")[1]
    with pytest.warns(UserWarning, match="RobertaTokenizer does not mark the later tokens"):
        ours("hello", aggregation_strategy="first")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ours("hello", aggregation_strategy="simple")
        make_pipelines("Bert", aggregation_strategy="max")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (dict(aggregation_strategy="best"), ValueError, "one of 'none', 'simple', 'first'"),
        (dict(aggregation_strategy=3), ValueError, "not 3"),
        (dict(stride=60, aggregation_strategy="max"), ValueError, "less than the 60 tokens"),
        (dict(stride=-1), ValueError, "stride must not be negative"),
        (dict(stride=2, aggregation_strategy="none"), ValueError, "other than 'none'"),
        (dict(ignore_labels="O"), TypeError, "a list of labels, not 'O'"),
        (dict(ignore_label=["O"]), TypeError, "did you mean 'ignore_labels'"),
        (dict(is_split_into_words=True), ValueError, "a list of words, not 'hello'"),
        (dict(offset_mapping=[(0, 5)]), ValueError, "1 spans, but the text has 3 tokens"),
        (dict(offset_mapping=[[(0, 5)], [(0, 5)]]), ValueError, "for 2 texts, but 1 are given"),
    ],
)
def test_wrong_arguments(bert, options, error, message):
    with pytest.raises(error, match=message):
        bert[1](["hello"] if "is_split" in message else "hello", **options)


@pytest.mark.parametrize("inputs", [3, ["hello", 3], [["hello", "world"]], None])
def test_wrong_inputs(bert, inputs):
    with pytest.raises(ValueError, match="must be a str"):
        bert[1](inputs)


def test_wrong_model():
    tokenizer = make_tokenizers("Bert")[1]
    model = make_pair("Bert", "ForMaskedLM", vocab_size=len(tokenizer))[1]
    with pytest.raises(ValueError, match="AutoModelForTokenClassification"):
        TokenClassificationPipeline(model, tokenizer)


def test_labels_of_words():
    probabilities = np.array(
        [[0.5, 0.3, 0.2], [0.1, 0.6, 0.3], [0.2, 0.2, 0.6], [0.1, 0.9, 0.0]], np.float32
    )
    first = np.array([0, 3])
    expected = {"first": ([0, 1], [0.5, 0.9]), "max": ([1, 1], [0.6, 0.9])}
    expected["average"] = ([1, 1], [1.1 / 3, 0.9])  # means 0.8, 1.1 and 1.1 of 3: the earlier
    for strategy, (labels, scores) in expected.items():
        found = word_labels(probabilities, first, AggregationStrategy(strategy))
        assert found[0].tolist() == labels
        np.testing.assert_allclose(found[1], scores, rtol=1e-6)


def test_label_scheme():
    scheme = LabelScheme({0: "O", 1: "B-PER", 2: "I-PER", 3: "PER", 4: "X-PER"})
    assert scheme.begins.tolist() == [False, True, False, False, False]
    assert len({*scheme.tags[1:4].tolist()}) == 1 and len({*scheme.tags.tolist()}) == 3
    assert scheme.groups == ["O", "PER", "PER", "PER", "PER"]


def test_parts_of_words():
    text = "ab c"
    spans = [(0, 1), (1, 2), (2, 4)]
    assert continues_word(text, ["a", "##b", "c"], spans, "##") == [False, True, True]
    assert continues_word(text, ["a", "b", " c"], spans, None) == [False, True, False]


def test_overlaps():
    def entity(start, end, score):
        return {"start": start, "end": end, "score": score}

    long, short, likely = entity(0, 5, 0.1), entity(3, 5, 0.9), entity(3, 8, 0.2)
    assert without_overlaps([short, long]) == [long]
    assert without_overlaps([long, short, likely]) == [likely]
    apart = entity(8, 9, 0.5)
    assert without_overlaps([apart, likely]) == [likely, apart]
    assert without_overlaps([entity(0, 0, 0.5)]) == [entity(0, 0, 0.5)]
