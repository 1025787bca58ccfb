"""Everything a call returns, against transformers on the same files."""

import lzma
import os

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

EXAMPLES = 2000 if os.environ.get("PYTXENC_SLOW") else 60
QUICK = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

PIECES = [
    "hello world", " the dog", "is cute.", "unable", "playing", "9,999", "3.0,", "a(b)c", "it's",
    "IT'S", "  ", "\t", "\n", "\r\n", "\u00a0", "\u3000", "\u200b", "\x00", "\ufffd", "\ufeff",
    "café",
    "cafe\u0301", "ﬁ", "①", "½", "ß", "İ", "中国", "日本語テキスト", "한국어", "👩‍👩‍👧", "🇩🇪",
    "e\u0301\u0323", "\u2581", "``quoted''", "€5", "£", "\u2013", "[MASK]", " <mask>", "<mask> ",
    "[CLS]", "<s>", "</s>", "[UNK]", "<unk>", "<pad>", "##ing", "x" * 101, "\ue000", "\u0378",
    "ǅ", "\u017f", "Ω", "ﷺ",
]  # fmt: skip
texts = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=24),
    st.lists(st.sampled_from(PIECES), max_size=6).map("".join),
    st.lists(st.sampled_from(PIECES), max_size=6).map(" ".join),
)
words = st.lists(texts, max_size=5)

FIELDS = ("ids", "type_ids", "attention_mask", "special_tokens_mask", "offsets", "word_ids",
          "sequence_ids")  # fmt: skip


def plain(value):
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def assert_same(ours, reference, unk_id):
    assert list(ours) == list(reference)
    assert {k: plain(v) for k, v in ours.items()} == {k: plain(v) for k, v in reference.items()}
    assert len(ours.encodings) == len(reference.encodings)
    for mine, theirs in zip(ours.encodings, reference.encodings, strict=True):
        for field in FIELDS:
            assert getattr(mine, field) == getattr(theirs, field), field
        for token, known, index in zip(mine.tokens, theirs.tokens, mine.ids, strict=True):
            # The reference shows the text of an unknown piece, and the space that a token
            # takes in; ours are the vocabulary's.
            assert token in (known, known.strip()) or index == unk_id
        if not mine.overflowing and "overflow_to_sample_mapping" in ours:
            continue  # a piece of a pair cut off; the reference says again which others there are
        for a, b in zip(mine.overflowing, theirs.overflowing, strict=True):
            assert (a.ids, a.offsets, a.word_ids) == (b.ids, b.offsets, b.word_ids)


def compare(twins, *args, **kwargs):
    """Both give the same, or both refuse."""
    ours, reference = twins
    try:
        expected = reference(*args, **kwargs)
    except BaseException as error:  # the reference's panics are no Exception
        if isinstance(error, KeyboardInterrupt):
            raise
        with pytest.raises((ValueError, TypeError)):
            ours(*args, **kwargs)
        return
    assert_same(ours(*args, **kwargs), expected, ours.unk_token_id)


@given(text=texts)
@QUICK
def test_any_text(twins, text):
    compare(twins, text, return_offsets_mapping=True, return_token_type_ids=True)


@given(data=st.data())
@QUICK
def test_any_arguments(twins, data):
    split = data.draw(st.booleans(), "is_split_into_words")
    one = words if split else texts
    shape = data.draw(st.sampled_from(["one", "pair", "batch", "batch of pairs"]), "shape")
    size = data.draw(st.integers(1, 4)) if "batch" in shape else None
    first = data.draw(one if size is None else st.lists(one, min_size=size, max_size=size))
    second = None
    if "pair" in shape:
        second = data.draw(one if size is None else st.lists(one, min_size=size, max_size=size))
    arguments = {
        "add_special_tokens": st.booleans(),
        "truncation": st.sampled_from([True, False, "only_first", "only_second", "longest_first"]),
        "max_length": st.integers(4, 16),
        "stride": st.integers(0, 3),
        "padding": st.sampled_from([True, False, "max_length", "longest"]),
        "pad_to_multiple_of": st.sampled_from([None, 2, 8]),
        "padding_side": st.sampled_from([None, "left", "right"]),
        "return_token_type_ids": st.sampled_from([None, True, False]),
        "return_attention_mask": st.sampled_from([None, True, False]),
        "return_overflowing_tokens": st.booleans(),
        "return_special_tokens_mask": st.booleans(),
        "return_offsets_mapping": st.booleans(),
        "return_length": st.booleans(),
        "split_special_tokens": st.booleans(),
    }
    chosen = data.draw(st.sets(st.sampled_from(sorted(arguments))), "arguments")
    kwargs = {name: data.draw(arguments[name], name) for name in sorted(chosen)}
    if split and size is not None and first and not first[0] and second is None:
        return  # an empty list of words says nothing about what the batch holds
    compare(twins, first, second, is_split_into_words=split, verbose=False, **kwargs)


@given(text=texts)
@QUICK
def test_tokens_and_text(twins, text):
    ours, reference = twins
    ids = reference(text)["input_ids"]
    assert ours.convert_ids_to_tokens(ids) == reference.convert_ids_to_tokens(ids)
    for skip in (False, True):
        assert ours.decode(ids, skip) == reference.decode(ids, skip_special_tokens=skip)
    tokens = reference.convert_ids_to_tokens(ids)
    assert ours.convert_tokens_to_string(tokens) == reference.convert_tokens_to_string(tokens)
    assert ours.convert_tokens_to_ids(tokens) == reference.convert_tokens_to_ids(tokens)


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("pair", [None, "the world is playing, hello dog"])
@pytest.mark.parametrize("truncation", ["longest_first", "only_first"])
def test_truncation_on_each_side(twins, side, pair, truncation):
    text = "hello the dog's unable world 9,999 is cute"
    before = [tokenizer.truncation_side for tokenizer in twins]
    try:
        for tokenizer in twins:
            tokenizer.truncation_side = side
        for overflow in (False, True):
            compare(
                twins, text, pair, truncation=truncation, max_length=21, stride=2,
                return_overflowing_tokens=overflow,
            )  # fmt: skip
    finally:
        for tokenizer, value in zip(twins, before, strict=True):
            tokenizer.truncation_side = value


@pytest.mark.parametrize("kind", ["np", "pt"])
def test_tensors(twins, kind):
    if kind == "pt":
        pytest.importorskip("torch")
    batch = ["hello world", "", "the dog is cute"]
    for kwargs in ({}, {"padding_side": "left"}, {"return_offsets_mapping": True}):
        ours, reference = (t(batch, padding=True, return_tensors=kind, **kwargs) for t in twins)
        for key, value in reference.items():
            assert type(ours[key]) is type(value)
            assert str(ours[key].dtype) == str(value.dtype)
            assert np.array_equal(np.asarray(ours[key]), np.asarray(value))


def test_special_tokens_and_vocabulary(twins):
    ours, reference = twins
    for name in (
        "all_special_tokens", "all_special_ids", "special_tokens_map", "extra_special_tokens",
        "extra_special_tokens_ids", "vocab_size", "model_max_length", "max_len_single_sentence",
        "max_len_sentences_pair", "padding_side", "truncation_side", "model_input_names",
        "added_tokens_encoder", "pad_token_type_id", "is_fast", "name_or_path",
    ):  # fmt: skip
        assert getattr(ours, name) == getattr(reference, name), name
    for name in ("bos", "eos", "unk", "sep", "pad", "cls", "mask"):
        for attribute in (f"{name}_token", f"{name}_token_id"):
            assert getattr(ours, attribute) == getattr(reference, attribute), attribute
    assert len(ours) == len(reference)
    assert ours.get_vocab() == reference.get_vocab() == ours.vocab
    assert ours.get_added_vocab() == reference.get_added_vocab()
    assert repr(ours) == repr(reference)
    for pair in (False, True):
        assert ours.num_special_tokens_to_add(pair) == reference.num_special_tokens_to_add(pair)
    decoder = {
        index: token.__getstate__() for index, token in reference.added_tokens_decoder.items()
    }
    assert {i: token.to_dict() for i, token in ours.added_tokens_decoder.items()} == decoder


def test_batch_encoding_maps(twins):
    ours, reference = (
        tokenizer(["hello the dog's", "x"], ["it is cute 9,999", ""], padding=True)
        for tokenizer in twins
    )
    width = len(reference["input_ids"][0])
    for row in range(2):
        assert ours.word_ids(row) == reference.word_ids(row)
        assert ours.sequence_ids(row) == reference.sequence_ids(row)
        for i in range(width):
            for name in ("token_to_word", "token_to_chars", "token_to_sequence"):
                assert getattr(ours, name)(row, i) == getattr(reference, name)(row, i), (name, i)
        for i in range(20):
            for sequence in (0, 1):
                for name in ("char_to_token", "char_to_word", "word_to_tokens"):
                    mine = getattr(ours, name)(row, i, sequence)
                    assert mine == getattr(reference, name)(row, i, sequence), (name, i)
                if ours.word_to_tokens(row, i, sequence) is not None:
                    expected = reference.word_to_chars(row, i, sequence)
                    assert ours.word_to_chars(row, i, sequence) == expected
                else:
                    assert ours.word_to_chars(row, i, sequence) is None
    assert ours.n_sequences == reference.n_sequences == 2


@pytest.mark.parametrize("file", ["botchan.txt", "wagahaiwa-ja.txt", "wikitext-2-test.txt"])
def test_corpora(twins, data_dir, file):
    lines = (data_dir / "text" / file).read_text(encoding="utf-8").splitlines()
    check_lines(twins, lines[:: 1 if os.environ.get("PYTXENC_SLOW") else 25])


def test_open_corpus(twins, data_dir):
    with lzma.open(data_dir / "text" / "open-corpus.txt.xz", "rt", encoding="utf-8") as file:
        lines = [line for i, line in enumerate(file) if i % 997 == 0]
    check_lines(twins, lines[:: 1 if os.environ.get("PYTXENC_SLOW") else 3])


def test_chinese(twins, data_dir):
    folder = data_dir / "tasks" / "chnsenticorp"
    path = min(path for path in folder.iterdir() if path.is_file())
    lines = path.read_text(encoding="utf-8").splitlines()
    check_lines(twins, lines[:: 5 if os.environ.get("PYTXENC_SLOW") else 50])


def check_lines(twins, lines):
    ours, reference = (
        tokenizer(lines, return_offsets_mapping=True, verbose=False) for tokenizer in twins
    )
    for i, line in enumerate(lines):
        assert ours["input_ids"][i] == reference["input_ids"][i], line
        assert ours["offset_mapping"][i] == reference["offset_mapping"][i], line
        assert ours.word_ids(i) == reference.word_ids(i), line


@pytest.mark.parametrize("kind", ["lists", "np", "pt", "examples"])
def test_pad(twins, kind):
    ours, reference = twins
    batch = reference(["hello world", "x", "the dog"], return_special_tokens_mask=True,
                      return_token_type_ids=True)  # fmt: skip
    if kind == "examples":
        given = [{key: value[i] for key, value in batch.items()} for i in range(3)]
    elif kind == "lists":
        given = dict(batch)
    else:
        torch = pytest.importorskip("torch") if kind == "pt" else None
        make = np.array if torch is None else torch.tensor
        given = [{key: make(value[i]) for key, value in batch.items()} for i in range(3)]
    for kwargs in (
        {}, {"padding": "max_length", "max_length": 12}, {"pad_to_multiple_of": 8},
        {"padding_side": "left"}, {"padding": False}, {"return_attention_mask": False},
        {"return_tensors": "np"},
    ):  # fmt: skip
        if kind in ("np", "pt") and kwargs.get("padding") is False:
            continue  # rows of unequal length cannot become a tensor
        if kwargs.get("return_attention_mask") is False:
            given = given if isinstance(given, dict) else [dict(g) for g in given]
            for example in given if isinstance(given, list) else [given]:
                example.pop("attention_mask", None)
        copy = dict(given) if isinstance(given, dict) else [dict(g) for g in given]
        mine, theirs = ours.pad(given, **kwargs), reference.pad(copy, **kwargs)
        assert {k: plain(v) for k, v in mine.items()} == {k: plain(v) for k, v in theirs.items()}
        assert [type(v) for v in mine.values()] == [type(v) for v in theirs.values()]


def test_rows_cut_off_do_not_widen_the_others(twins):
    """Of a pair cut off a row may be longer than max_length; the reference pads without it."""
    first, second = [["0"], []], [["0"], []]
    arguments = {"truncation": True, "max_length": 4, "padding": True}
    compare(
        twins, first, second, is_split_into_words=True, return_overflowing_tokens=True, **arguments
    )
