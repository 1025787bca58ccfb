"""Collators against those of transformers, and what they do beyond."""

import pickle
import subprocess
import sys

import numpy as np
import pretraining_corpora as corpora
import pytest
from pretraining_corpora import CLS, FIRST, MASK, SEP

import pytxenc
from pytxenc import BatchEncoding
from pytxenc.data import word_starts

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

IGNORED = -100
WORDS = 94  # with the special tokens and "##s" the vocabulary has 100 ids


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory):
    """The same tokenizer of this package and of transformers."""
    folder = tmp_path_factory.mktemp("tokenizer")
    ours = corpora.bert_tokenizer(WORDS)
    ours.save_pretrained(folder)
    return ours, transformers.BertTokenizerFast.from_pretrained(folder)


@pytest.fixture(scope="module")
def tokenizer(tokenizers):
    return tokenizers[0]


def features(tokenizer, *lengths, seed=0, **options):
    """Encoded texts of so many words, some of two tokens."""
    rng = np.random.default_rng(seed)
    texts = [
        " ".join(f"w{rng.integers(0, WORDS)}" + "s" * rng.integers(0, 2) for _ in range(n))
        for n in lengths
    ]
    return [dict(tokenizer(text, **options)) for text in texts]


def both(tokenizers, name, examples, **options):
    """What the collator of this package and that of transformers make of the same examples."""
    return [
        getattr(module, name)(tok, **options)([dict(e) for e in examples])
        for module, tok in zip((pytxenc, transformers), tokenizers, strict=True)
    ]


def check_equal(ours, theirs):
    assert set(ours) == set(theirs)
    for key in theirs:
        assert type(ours[key]) is type(theirs[key]), key
        if isinstance(theirs[key], int):
            assert ours[key] == theirs[key]
            continue
        assert ours[key].dtype == theirs[key].dtype, key
        assert ours[key].tolist() == theirs[key].tolist(), key


# ---- padding ----


@pytest.mark.parametrize("kind", ["np", "pt"])
@pytest.mark.parametrize("label", ["label", "label_ids", "labels", None])
@pytest.mark.parametrize(
    "options", [{}, {"pad_to_multiple_of": 8}, {"padding": "max_length", "max_length": 20}]
)
def test_padding(tokenizers, kind, label, options):
    examples = features(tokenizers[0], 3, 7, 5)
    if label is not None:
        examples = [{**e, label: i} for i, e in enumerate(examples)]
    options = {**options, "return_tensors": kind}
    ours, theirs = both(tokenizers, "DataCollatorWithPadding", examples, **options)
    assert isinstance(ours, BatchEncoding)
    check_equal(ours, theirs)


@pytest.mark.parametrize("kind", ["np", "pt"])
@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("label", ["label", "labels", None])
def test_token_classification(tokenizers, kind, side, label):
    examples = features(tokenizers[0], 3, 7, 5)
    if label is not None:
        examples = [{**e, label: list(range(len(e["input_ids"])))} for e in examples]
    try:
        for tokenizer in tokenizers:
            tokenizer.padding_side = side
        name = "DataCollatorForTokenClassification"
        check_equal(*both(tokenizers, name, examples, return_tensors=kind, label_pad_token_id=-7))
    finally:
        for tokenizer in tokenizers:
            tokenizer.padding_side = "right"


@pytest.mark.parametrize("label", ["label", "labels"])
def test_multiple_choice(tokenizers, label):
    examples = []
    for i, lengths in enumerate([(3, 5), (8, 2), (1, 1)]):
        choices = features(tokenizers[0], *lengths, seed=i)
        examples.append({key: [c[key] for c in choices] for key in choices[0]} | {label: i % 2})
    check_equal(*both(tokenizers, "DataCollatorForMultipleChoice", examples, return_tensors="pt"))


EXAMPLES = {
    "whole labels": [{"x": [1, 2], "label": 1}, {"x": [3, 4], "label": 0}],
    "fractions": [{"x": [1, 2], "label": 0.5}, {"x": [3, 4], "label": 1}],
    "label lists": [{"x": [1, 2], "label_ids": [1, 2]}, {"x": [3, 4], "label_ids": [0, 1]}],
    "fraction lists": [{"x": [1], "label_ids": [0.0, 1.0]}, {"x": [3], "label_ids": [0, 1]}],
    "arrays": [
        {"x": np.arange(3), "label": np.int64(1), "label_ids": None},
        {"x": np.arange(3) + 1, "label": np.int64(2), "label_ids": None},
    ],
    "strings": [{"x": [1], "text": "a", "none": None}, {"x": [2], "text": "b", "none": None}],
    "numbers": [{"x": 1, "labels": 3}, {"x": 2, "labels": 4}],
    "bytes": [{"x": np.zeros(2, np.uint8)}, {"x": np.ones(2, np.uint8)}],
}


@pytest.mark.parametrize("kind", ["np", "pt"])
@pytest.mark.parametrize("examples", EXAMPLES.values(), ids=EXAMPLES)
def test_default(examples, kind):
    theirs = transformers.default_data_collator(examples, return_tensors=kind)
    check_equal(pytxenc.default_data_collator(examples, return_tensors=kind), theirs)
    check_equal(pytxenc.DefaultDataCollator(kind)(examples), theirs)
    check_equal(pytxenc.DefaultDataCollator()(examples, kind), theirs)


def test_default_of_tensors_and_objects():
    examples = [{"x": torch.arange(3), "label": torch.tensor(i)} for i in range(2)]
    check_equal(
        pytxenc.default_data_collator(examples, "pt"),
        transformers.default_data_collator(examples, "pt"),
    )

    class Feature:
        def __init__(self, x):
            self.x, self.label = x, 0

    examples = [Feature([1]), Feature([2])]
    check_equal(
        pytxenc.default_data_collator(examples, "np"),
        transformers.default_data_collator(examples, "np"),
    )


@pytest.mark.parametrize("kind", ["np", "pt"])
@pytest.mark.parametrize("labels", [False, True])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"return_position_ids": False, "separator_id": -5},
        {"return_flash_attn_kwargs": True, "return_seq_idx": True, "position_ids_start": 2},
    ],
)
def test_flattening(kind, labels, options):
    examples = [{"input_ids": [1, 2, 3]}, {"input_ids": [4]}, {"input_ids": [5, 6]}]
    if labels:
        examples = [{**e, "labels": [i + 10 for i in e["input_ids"]]} for e in examples]
    check_equal(
        pytxenc.DataCollatorWithFlattening(return_tensors=kind, **options)(examples),
        transformers.DataCollatorWithFlattening(return_tensors=kind, **options)(examples),
    )


# ---- masking ----


@pytest.mark.parametrize("special_tokens_mask", [False, True])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"mlm_probability": 0.4, "mask_replace_prob": 0.5, "random_replace_prob": 0.3},
        {"mask_replace_prob": 1.0, "random_replace_prob": 0.0},
        {"mask_replace_prob": 0.0, "random_replace_prob": 1.0},
        {"pad_to_multiple_of": 16},
        {"mlm_probability": 0.0},
        {"mlm_probability": 1.0},
    ],
)
def test_draws_are_those_of_transformers(tokenizers, options, special_tokens_mask):
    examples = features(tokenizers[0], 30, 17, 25, return_special_tokens_mask=special_tokens_mask)
    ours, theirs = (
        module.DataCollatorForLanguageModeling(tok, return_tensors="np", seed=5, **options)
        for module, tok in zip((pytxenc, transformers), tokenizers, strict=True)
    )
    for _ in range(3):
        check_equal(ours([dict(e) for e in examples]), theirs([dict(e) for e in examples]))


def test_global_generator(tokenizers):
    examples = features(tokenizers[0], 30, 17)
    batches = []
    for module, tokenizer in zip((pytxenc, transformers), tokenizers, strict=True):
        module.set_seed(3)
        collator = module.DataCollatorForLanguageModeling(tokenizer, return_tensors="np")
        batches.append(collator([dict(e) for e in examples]))
    check_equal(*batches)


@pytest.mark.parametrize("kind", ["np", "pt"])
def test_causal(tokenizers, kind):
    examples = features(tokenizers[0], 3, 7)
    options = {"mlm": False, "return_tensors": kind}
    check_equal(*both(tokenizers, "DataCollatorForLanguageModeling", examples, **options))


@pytest.mark.parametrize("rows", [[[1, 7, 8], [9]], [np.arange(5, 9), np.arange(6, 8)]])
def test_rows_of_ids(tokenizers, rows):
    batches = [
        module.DataCollatorForLanguageModeling(tok, return_tensors="np", seed=1)(rows)
        for module, tok in zip((pytxenc, transformers), tokenizers, strict=True)
    ]
    assert "attention_mask" not in batches[0]
    check_equal(*batches)


def test_torch_tensors(tokenizer):
    batch = pytxenc.DataCollatorForLanguageModeling(tokenizer, return_tensors="pt", seed=0)(
        features(tokenizer, 9, 4)
    )
    assert all(isinstance(value, torch.Tensor) for value in batch.values())
    assert batch["labels"].dtype == batch["input_ids"].dtype == torch.int64
    default = pytxenc.DataCollatorWithPadding(tokenizer)(features(tokenizer, 9, 4))
    assert isinstance(default["input_ids"], torch.Tensor)  # torch is in use here


def test_arrays_without_torch():
    code = """
import sys, pytxenc
tokenizer = pytxenc.BertTokenizer(vocab={t: i for i, t in enumerate(
    ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a"])})
examples = [tokenizer("a a"), tokenizer("a")]
for name in ("DataCollatorWithPadding", "DataCollatorForLanguageModeling"):
    batch = getattr(pytxenc, name)(tokenizer)(examples)
    assert {type(v).__name__ for v in batch.values()} == {"ndarray"}, batch
assert "torch" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def whole_words(tokenizer, **options):
    """Ids, batch and masked places of 300 texts, masked by whole words."""
    examples = features(tokenizer, *[40] * 300)
    collator = pytxenc.DataCollatorForWholeWordMask(
        tokenizer, return_tensors="np", seed=0, **options
    )
    plain = tokenizer.pad(examples, return_tensors="np")["input_ids"]
    batch = collator(examples)
    return plain, batch, batch["labels"] != IGNORED


def test_whole_words(tokenizer):
    plain, batch, picked = whole_words(tokenizer)
    assert (batch["labels"][picked] == plain[picked]).all()
    continues = ~word_starts(tokenizer)[plain]
    assert continues.any()
    assert (picked[:, 1:] == picked[:, :-1])[continues[:, 1:]].all()
    assert not picked[np.isin(plain, [CLS, SEP, 0])].any()
    words = int((plain >= FIRST).sum())
    masked = int((picked & (plain >= FIRST)).sum())
    expected = [words * 0.15, words * 0.85]
    assert corpora.chi_squared([masked, words - masked], expected) < 1
    seen = batch["input_ids"][picked]
    shares = np.array([(seen == MASK).mean(), (seen == plain[picked]).mean()])
    assert abs(shares - [0.8, 0.1 + 0.1 / 100]).max() < 0.03  # per token, not 100% masks


def test_whole_words_of_two_rows_are_apart(tokenizer):
    """A row that begins with a piece of a word begins a word."""
    collator = pytxenc.DataCollatorForWholeWordMask(tokenizer, return_tensors="np", seed=1)
    rows = [[FIRST, FIRST - 1], [FIRST - 1, FIRST - 1]] * 200
    picked = collator(rows)["labels"] != IGNORED
    assert (picked[:, 0] == picked[:, 1]).all()
    assert (picked[::2, 0] != picked[1::2, 0]).any()


def test_offsets_are_not_needed(tokenizer):
    examples = features(tokenizer, 9, 4, return_offsets_mapping=True)
    collator = pytxenc.DataCollatorForLanguageModeling(
        tokenizer, whole_word_mask=True, return_tensors="np"
    )
    assert set(collator(examples)) == {
        "input_ids",
        "attention_mask",
        "token_type_ids",
        "labels",
    }


def test_sentence_order(tokenizer):
    examples = [
        {**e, "sentence_order_label": i % 2} for i, e in enumerate(features(tokenizer, 5, 9))
    ]
    batch = pytxenc.DataCollatorForSOP(tokenizer, return_tensors="np", seed=0)(examples)
    assert batch["sentence_order_label"].tolist() == [0, 1]
    assert batch["sentence_order_label"].dtype == np.int64
    assert batch["attention_mask"].sum() == sum(len(e["input_ids"]) for e in examples)
    assert batch["labels"].shape == batch["input_ids"].shape
    with pytest.raises(ValueError, match="sentence_order_label"):
        pytxenc.DataCollatorForSOP(tokenizer)(features(tokenizer, 5))


def test_pretraining_samples(tmp_path, tokenizer):
    """What a PretrainingDataset gives one by one goes through a collator."""
    corpus = corpora.write(tmp_path, tokenizer, [["w1 w2", "w3 w4 w5", "w6"], ["w7", "w8 w9"]])
    dataset = pytxenc.PretrainingDataset(corpus, tokenizer, packing="sop", masking=None)
    batch = pytxenc.DataCollatorForSOP(tokenizer, return_tensors="np", mlm_probability=0.0)(
        list(dataset)
    )
    plain = dataset.batch(np.arange(len(dataset)))
    for key, value in plain.items():
        assert (batch[key] == value).all(), key


# ---- errors ----

COLLATORS = [
    "DataCollatorWithPadding",
    "DataCollatorForTokenClassification",
    "DataCollatorForMultipleChoice",
    "DataCollatorForLanguageModeling",
    "DataCollatorForWholeWordMask",
    "DataCollatorForSOP",
]


@pytest.mark.parametrize("name", COLLATORS)
def test_no_features(tokenizer, name):
    collator = getattr(pytxenc, name)(tokenizer)
    with pytest.raises(ValueError, match="no features"):
        collator([])
    assert type(pickle.loads(pickle.dumps(collator))) is type(collator)


@pytest.mark.parametrize("name", COLLATORS)
def test_missing_keys(tokenizer, name):
    examples = features(tokenizer, 3, 4)
    del examples[1]["attention_mask"]
    with pytest.raises(ValueError, match="feature 1 has no 'attention_mask'"):
        getattr(pytxenc, name)(tokenizer)(examples)
    with pytest.raises(ValueError, match=r"input_ids|label"):
        getattr(pytxenc, name)(tokenizer)([{"x": 1}])


def test_other_errors(tokenizer):
    for call in (pytxenc.default_data_collator, pytxenc.DataCollatorWithFlattening()):
        with pytest.raises(ValueError, match="no features"):
            call([])
    with pytest.raises(ValueError, match="feature 1 has no 'b'"):
        pytxenc.default_data_collator([{"a": 1, "b": 2}, {"a": 1}])
    with pytest.raises(ValueError, match=r"'a' has features of the shapes \(2,\) and \(3,\)"):
        pytxenc.default_data_collator([{"a": [1, 2]}, {"a": [1, 2, 3]}])
    with pytest.raises(ValueError, match="return_tensors must be"):
        pytxenc.default_data_collator([{"a": 1}], "tf")
    with pytest.raises(ValueError, match="need 'input_ids'"):
        pytxenc.DataCollatorWithFlattening()([{"a": 1}])
    with pytest.raises(ValueError, match="feature 0 has 2 ids but 1 labels"):
        pytxenc.DataCollatorWithFlattening()([{"input_ids": [1, 2], "labels": [1]}])
    examples = [{**features(tokenizer, 3)[0], "labels": [0] * 30}]
    with pytest.raises(ValueError, match="feature 0 has labels"):
        pytxenc.DataCollatorForTokenClassification(tokenizer)(examples)
    examples = [
        {"input_ids": [[1], [2]], "label": 0},
        {"input_ids": [[1]], "label": 0},
    ]
    with pytest.raises(ValueError, match="feature 1 has 1 choices"):
        pytxenc.DataCollatorForMultipleChoice(tokenizer)(examples)
    with pytest.raises(ValueError, match="id 5000"):
        pytxenc.DataCollatorForWholeWordMask(tokenizer)([[5000]])


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"mlm_probability": 1.5}, "mlm_probability"),
        ({"mlm_probability": None}, "mlm_probability"),
        ({"mask_replace_prob": -0.1}, "mask_replace_prob"),
        ({"random_replace_prob": 2}, "random_replace_prob"),
        ({"mask_replace_prob": 0.9, "random_replace_prob": 0.2}, "must be from 0 to 1"),
        ({"mlm": False, "whole_word_mask": True}, "needs mlm"),
    ],
)
def test_wrong_arguments(tokenizer, options, match):
    with pytest.raises(ValueError, match=match):
        pytxenc.DataCollatorForLanguageModeling(tokenizer, **options)


def test_no_mask_token():
    tokenizer = corpora.bert_tokenizer(3)
    tokenizer.mask_token = None
    with pytest.raises(ValueError, match="no mask token"):
        pytxenc.DataCollatorForLanguageModeling(tokenizer)
    assert pytxenc.DataCollatorForLanguageModeling(tokenizer, mlm=False)([[1, 2]])["labels"].shape


# ---- text files ----


def test_text_datasets(tmp_path, tokenizer):
    path = tmp_path / "text"
    path.write_text("w0 w1 w2\n\nw3\n  \nw4s w5 w6 w7\n")
    blocks = pytxenc.TextDataset(tokenizer, path, block_size=5)
    ids = [i + FIRST for i in range(8)]
    ids.insert(5, FIRST - 1)
    assert [row.tolist() for row in blocks] == [[CLS, *ids[i : i + 3], SEP] for i in (0, 3, 6)]
    lines = pytxenc.LineByLineTextDataset(tokenizer, path, block_size=5)
    assert [row["input_ids"].tolist() for row in lines] == [
        [CLS, *ids[:3], SEP],
        [CLS, ids[3], SEP],
        [CLS, *ids[4:7], SEP],
    ]
    assert len(lines) == 3 and lines[1] is lines.examples[1]
    with pytest.raises(ValueError, match="no room"):
        pytxenc.TextDataset(tokenizer, path, block_size=2)
    batch = pytxenc.DataCollatorForLanguageModeling(tokenizer)(list(lines))
    assert batch["input_ids"].shape == (3, 5)
