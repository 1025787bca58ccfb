"""Random tokenizers, texts and arguments: everything that comes back, against transformers.

Tokenizers have made-up vocabularies with random options and added tokens, or published
ones.  PYTXENC_SLOW=1 tries fifty times as many.
"""

import copy
import functools
import os
import pickle

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pytxenc.tokenization
from pytxenc.tokenization import AddedToken

transformers = pytest.importorskip("transformers")
tokenizers = pytest.importorskip("tokenizers")


def examples(count):
    return settings(
        max_examples=count * (50 if os.environ.get("PYTXENC_SLOW") else 1),
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


# ---- texts ----

PIECES = [
    "hello world", " the dog", "is cute.", "unable", "playing", "9,999", "3.0,", "a(b)c", "it's",
    "IT'S", "  ", "\t", "\n", "\r\n", "\u00a0", "\u3000", "\u200b", "\x00", "\ufffd", "\ufeff",
    "café",
    "cafe\u0301", "ﬁ", "①", "½", "ß", "İ", "中国", "日本語テキスト", "한국어", "👩‍👩‍👧", "🇩🇪",
    "e\u0301\u0323", "\u2581", "``quoted''", "€5", "£", "\u2013", "[MASK]", " <mask>", "<mask> ",
    "[CLS]", "<s>", "</s>", "[UNK]", "<unk>", "<pad>", "##ing", "x" * 101, "\ue000", "\u0378",
    "ǅ", "\u017f", "Ω", "ﷺ",
]  # fmt: skip
ADDED = ["Newtok", "<new>", "ab", " b", "a b", "é", "中", "dog", "ing", "9", "##x", "▁y"]
any_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=24)
pieces = st.lists(st.one_of(st.sampled_from(PIECES), st.sampled_from(ADDED)), max_size=6)
texts = st.one_of(any_text, pieces.map("".join), pieces.map(" ".join))
words = st.lists(texts, max_size=5)

# ---- tokenizers ----

OPTIONS = {
    "BertTokenizer": {
        "do_lower_case": st.booleans(),
        "strip_accents": st.sampled_from([None, True, False]),
        "tokenize_chinese_chars": st.booleans(),
    },
    "RobertaTokenizer": {"add_prefix_space": st.booleans(), "trim_offsets": st.booleans()},
    "AlbertTokenizer": {
        "do_lower_case": st.booleans(),
        "keep_accents": st.booleans(),
        "add_prefix_space": st.booleans(),
    },
    "XLMRobertaTokenizer": {"add_prefix_space": st.booleans()},
}
COMMON = {
    "padding_side": st.sampled_from(["left", "right"]),
    "truncation_side": st.sampled_from(["left", "right"]),
    "split_special_tokens": st.booleans(),
    "model_max_length": st.sampled_from([8, 16, 512]),
    "clean_up_tokenization_spaces": st.booleans(),
}
token_flags = st.fixed_dictionaries(
    {name: st.booleans() for name in ("single_word", "lstrip", "rstrip", "normalized", "special")}
)
added_tokens = st.dictionaries(st.sampled_from(ADDED), token_flags, max_size=4)
XLM_R = [
    *((token, 0.0) for token in ("<s>", "<pad>", "</s>", "<unk>")),
    *((word, -3.0 - 0.25 * i) for i, word in enumerate(
        ["▁the", "▁dog", "▁is", "▁hello", "▁world", "9,", "▁un", "able", "s", "ing", "(", "."])),
    *((letter, -9.0 - 0.125 * i) for i, letter in enumerate("▁abcdefghijklmnopqrtuvwxyz9中")),
    ("<mask>", 0.0),
]  # fmt: skip


def some(draw, table):
    """Values for some of the names in a table of strategies."""
    return {name: draw(table[name], name) for name in sorted(table) if draw(st.booleans(), name)}


@functools.lru_cache(maxsize=64)
def build(name, folder, options):
    """(ours, transformers'), to be copied before they are changed."""
    options = dict(options)
    if folder is None:
        return tuple(
            getattr(library, name)(XLM_R, **options)
            for library in (pytxenc.tokenization, transformers)
        )
    return tuple(
        getattr(library, name).from_pretrained(str(folder), **options)
        for library in (pytxenc.tokenization, transformers)
    )


def add_tokens(twins, tokens):
    """The same added tokens to both."""
    counts = [
        tokenizer.add_tokens([kind(content, **flags) for content, flags in tokens.items()])
        for tokenizer, kind in zip(twins, (AddedToken, tokenizers.AddedToken), strict=True)
    ]
    assert counts[0] == counts[1]


@pytest.fixture(params=["bert", "roberta", "albert", "xlm-roberta"])
def random_twins(request, made_up):
    """Draws (ours, transformers') of a family, with random options and added tokens."""
    name = {"bert": "BertTokenizer", "roberta": "RobertaTokenizer", "albert": "AlbertTokenizer",
            "xlm-roberta": "XLMRobertaTokenizer"}[request.param]  # fmt: skip
    folder = made_up.get(request.param)

    def draw_twins(draw):
        options = some(draw, {**OPTIONS[name], **COMMON})
        twins = [copy.deepcopy(t) for t in build(name, folder, tuple(sorted(options.items())))]
        add_tokens(twins, draw(added_tokens, "added tokens"))
        return twins

    return draw_twins


# ---- what is compared ----

FIELDS = ("ids", "type_ids", "tokens", "attention_mask", "special_tokens_mask", "offsets",
          "word_ids", "sequence_ids", "n_sequences")  # fmt: skip


def plain(value):
    """Arrays and tensors as lists; ragged arrays too."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def assert_same(ours, theirs):
    assert list(ours) == list(theirs)
    assert {k: plain(v) for k, v in ours.items()} == {k: plain(v) for k, v in theirs.items()}
    for key, value in theirs.items():
        assert type(ours[key]) is type(value), key
        assert getattr(ours[key], "dtype", None) == getattr(value, "dtype", None), key
    assert ours.n_sequences == theirs.n_sequences
    assert len(ours.encodings) == len(theirs.encodings)
    for mine, other in zip(ours.encodings, theirs.encodings, strict=True):
        for field in FIELDS:
            assert getattr(mine, field) == getattr(other, field), field
        if not mine.overflowing and "overflow_to_sample_mapping" in ours:
            continue  # a piece cut off: the reference says again which others there are
        for a, b in zip(mine.overflowing, other.overflowing, strict=True):
            for field in FIELDS:
                assert getattr(a, field) == getattr(b, field), field


def outcome(call):
    """(what it returns, None) or (None, the error)."""
    try:
        return call(), None
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # the reference's panics are no Exception
        return None, error


def compare(twins, use, same=assert_same, refused=lambda expected: False):
    """`use(tokenizer)` gives the same for both, or both refuse.

    `refused` tells of what the reference gives that it is refused here on purpose.
    """
    ours, theirs = twins
    expected, refusal = outcome(lambda: use(theirs))
    if refusal is not None or refused(expected):
        with pytest.raises((ValueError, TypeError)):
            use(ours)
        return None
    got = use(ours)
    same(got, expected)
    return got, expected


def ragged(expected):
    """Whether rows of unequal length were made a tensor."""
    if any(getattr(value, "dtype", None) == np.dtype(object) for value in expected.values()):
        return True
    arrays = not isinstance(next(iter(expected.values())), list)
    return arrays and len({len(encoding) for encoding in expected.encodings}) > 1


def equal(a, b):
    assert plain(a) == plain(b)


# ---- arguments ----

CALL = {
    "add_special_tokens": st.booleans(),
    "truncation": st.sampled_from([True, False, "only_first", "only_second", "longest_first"]),
    "max_length": st.integers(4, 18),
    "stride": st.integers(0, 3),
    "padding": st.sampled_from([True, False, "max_length", "longest"]),
    "pad_to_multiple_of": st.sampled_from([None, 2, 8]),
    "padding_side": st.sampled_from([None, "left", "right"]),
    "return_tensors": st.sampled_from([None, "np", "pt"]),
    "return_token_type_ids": st.sampled_from([None, True, False]),
    "return_attention_mask": st.sampled_from([None, True, False]),
    "return_overflowing_tokens": st.booleans(),
    "return_special_tokens_mask": st.booleans(),
    "return_offsets_mapping": st.booleans(),
    "return_length": st.booleans(),
    "split_special_tokens": st.booleans(),
}


@st.composite
def inputs(draw):
    """(text, second text or None, is_split_into_words) in every shape a call takes."""
    split = draw(st.booleans(), "is_split_into_words")
    one = words if split else texts
    shape = draw(st.sampled_from(["one", "pair", "batch", "two batches", "batch of pairs"]))
    if shape == "one":
        return draw(one), None, split
    if shape == "pair":
        return draw(one), draw(one), split
    count = draw(st.integers(1, 4))
    first = draw(st.lists(one, min_size=count, max_size=count))
    if shape == "batch":
        if split and not first[0]:
            first[0] = ["a"]  # an empty list of words says nothing about what the batch holds
        return first, None, split
    second = draw(st.lists(one, min_size=count, max_size=count))
    if shape == "two batches":
        return first, second, split
    if split and not first[0]:
        first[0] = ["a"]
    return list(zip(first, second, strict=True)), None, split


def call_both(twins, draw):
    first, second, split = draw(inputs(), "texts")
    kwargs = {"is_split_into_words": split, "verbose": False, **some(draw, CALL)}
    both = compare(twins, lambda tokenizer: tokenizer(first, second, **kwargs), refused=ragged)
    return both, kwargs


# ---- the tests ----


@given(data=st.data())
@examples(200)
def test_any_call(random_twins, data):
    call_both(random_twins(data.draw), data.draw)


@given(data=st.data())
@examples(60)
def test_any_call_with_real_vocabularies(twins, data):
    changed = [copy.deepcopy(tokenizer) for tokenizer in twins] if data.draw(
        st.integers(0, 9), "change it") == 0 else twins  # fmt: skip
    if changed is not twins:
        add_tokens(changed, data.draw(added_tokens, "added tokens"))
    call_both(changed, data.draw)


@given(text=texts)
@examples(60)
def test_any_text_with_real_vocabularies(twins, text):
    ids = twins[1](text)["input_ids"]
    tokens = twins[1].convert_ids_to_tokens(ids)
    for skip in (False, True):
        compare(twins, lambda t, skip=skip: t.decode(ids, skip_special_tokens=skip), equal)
    compare(twins, lambda t: t.convert_ids_to_tokens(ids), equal)
    compare(twins, lambda t: t.convert_tokens_to_ids(tokens), equal)
    compare(twins, lambda t: t.convert_tokens_to_string(tokens), equal)
    compare(twins, lambda t: t(text, return_offsets_mapping=True, return_token_type_ids=True))
    compare(twins, lambda t: t.tokenize(text), equal)


@given(data=st.data())
@examples(100)
def test_targets_and_the_family_of_encode(random_twins, data):
    twins = random_twins(data.draw)
    text, second = data.draw(texts), data.draw(st.one_of(st.none(), texts))
    kwargs = {"verbose": False, **some(data.draw, CALL)}
    target = dict(kwargs)
    if kwargs.keys() >= {"truncation", "max_length"}:  # see test_the_length_of_a_target
        target.pop("pad_to_multiple_of", None)
        target |= some(data.draw, {"max_target_length": st.integers(4, 12)})
    compare(twins, lambda t: t(text, text_target=second or "a", **target), refused=ragged)
    compare(twins, lambda t: t(text_target=text, **target), refused=ragged)
    kwargs.pop("return_overflowing_tokens", None)
    second = second or None  # an empty second text is one in a batch only
    whole = compare(twins, lambda t: t(text, second, **kwargs))
    compare(twins, lambda t: t.encode(text, second, **kwargs), equal)
    if whole is not None:
        ours = twins[0]
        assert_same(ours.encode_plus(text, second, **kwargs), whole[1])
        equal(ours.encode(text, second, **kwargs), whole[0]["input_ids"])
        batch = [text] if second is None else [(text, second)]
        equal(
            ours.batch_encode_plus(batch, **kwargs)["input_ids"],
            whole[0]["input_ids"] if kwargs.get("return_tensors") else [whole[0]["input_ids"]],
        )
    special = data.draw(st.booleans())
    compare(twins, lambda t: t.tokenize(text, second, add_special_tokens=special), equal)


def test_the_length_of_a_target(made_up):
    """It takes the place of max_length where that is used, and does nothing alone."""
    for kwargs in ({"max_target_length": 5}, {"max_target_length": 5, "padding": "max_length"}):
        twins = build("BertTokenizer", made_up["bert"], ())
        compare(twins, lambda t, k=kwargs: t("a", text_target="hello the dog is cute", **k))


@given(data=st.data())
@examples(100)
def test_decoding(random_twins, data):
    twins = random_twins(data.draw)
    size = len(twins[1])
    ids = st.one_of(st.integers(0, size - 1), st.integers(0, 12), st.integers(size, size + 9))
    row = data.draw(st.one_of(st.lists(ids, max_size=12), texts.map(twins[1].encode)))
    skip = data.draw(st.booleans())
    clean = data.draw(st.sampled_from([None, True, False]))
    kwargs = {"skip_special_tokens": skip, "clean_up_tokenization_spaces": clean}
    compare(twins, lambda t: t.decode(row, **kwargs), equal)
    compare(twins, lambda t: t.decode(np.array(row, dtype=np.int64), **kwargs), equal)
    compare(twins, lambda t: t.batch_decode([row, row[:3]], **kwargs), equal)
    compare(twins, lambda t: t.convert_ids_to_tokens(row, skip_special_tokens=skip), equal)
    tokens = data.draw(st.lists(st.sampled_from(sorted(twins[1].get_vocab())), max_size=6))
    tokens += data.draw(st.lists(texts, max_size=3))
    compare(twins, lambda t: t.convert_tokens_to_ids(tokens), equal)
    compare(twins, lambda t: t.convert_tokens_to_string(tokens), equal)
    compare(twins, lambda t: t.get_special_tokens_mask(row, already_has_special_tokens=True), equal)


@given(data=st.data())
@examples(60)
def test_tokens_words_and_characters(random_twins, data):
    twins = random_twins(data.draw)
    both, _ = call_both(twins, data.draw)
    if both is None:
        return
    ours, theirs = both
    for row, encoding in enumerate(theirs.encodings[:3]):
        for name in ("tokens", "word_ids", "sequence_ids"):
            assert getattr(ours, name)(row) == getattr(theirs, name)(row), name
        for i in range(len(encoding) + 1):
            for name in ("token_to_word", "token_to_chars", "token_to_sequence"):
                compare(both, lambda be, n=name, i=i, r=row: getattr(be, n)(r, i), equal)
        for i in range(max([len(encoding), *(end for _, end in encoding.offsets)]) + 1):
            for sequence in range(theirs.n_sequences):
                at = (row, i, sequence)
                for name in ("char_to_token", "char_to_word", "word_to_tokens"):
                    assert getattr(ours, name)(*at) == getattr(theirs, name)(*at), (name, at)
                if theirs.word_to_tokens(*at) is not None:
                    assert ours.word_to_chars(*at) == theirs.word_to_chars(*at)


@given(data=st.data())
@examples(60)
def test_pad(random_twins, data):
    twins = random_twins(data.draw)
    count = data.draw(st.integers(1, 4))
    given = twins[1](
        data.draw(st.lists(texts, min_size=count, max_size=count)), verbose=False,
        **some(data.draw, {key: CALL[key] for key in (
            "return_token_type_ids", "return_special_tokens_mask", "return_attention_mask")}),
    )  # fmt: skip
    if data.draw(st.booleans(), "as examples"):
        given = [{key: value[i] for key, value in given.items()} for i in range(count)]
    elif data.draw(st.booleans(), "one row"):
        given = {key: value[0] for key, value in given.items()}
    kwargs = some(data.draw, {key: CALL[key] for key in (
        "padding", "max_length", "pad_to_multiple_of", "padding_side", "return_attention_mask",
        "return_tensors")})  # fmt: skip
    if kwargs.get("return_attention_mask") is False:  # the reference leaves the mask unpadded
        for example in given if isinstance(given, list) else [given]:
            example.pop("attention_mask", None)

    def same(a, b):
        assert list(a) == list(b)
        assert {k: plain(v) for k, v in a.items()} == {k: plain(v) for k, v in b.items()}

    def refused(padded):
        return any(getattr(value, "dtype", None) == np.dtype(object) for value in padded.values())

    def pad(tokenizer):
        return tokenizer.pad(copy.deepcopy(given), verbose=False, **kwargs)

    compare(twins, pad, same, refused)


NAMES = ["bos_token", "eos_token", "pad_token", "cls_token", "mask_token"]


@given(data=st.data())
@examples(60)
def test_changes(random_twins, data):
    """Tokens added and named, one change after the other.

    A text has the same flags whenever it is added: of others the reference keeps a mixture.
    """
    twins = random_twins(data.draw)
    kinds = (AddedToken, tokenizers.AddedToken)
    flags = data.draw(st.dictionaries(st.sampled_from(["<a1>", "<a2>", "a"]), token_flags))
    for _ in range(data.draw(st.integers(1, 5))):
        what = data.draw(st.sampled_from(["add", "special", "extra", "set", "attribute"]))
        name = data.draw(st.sampled_from(NAMES))
        plain_token = data.draw(st.sampled_from(["<a1>", "<a2>", "<a3>", "a"]))
        special = data.draw(st.sampled_from(["<t1>", "<t2>", "b"]))
        replace, more = data.draw(st.booleans()), data.draw(st.booleans())
        counts = []
        for tokenizer, kind in zip(twins, kinds, strict=True):
            if what == "add":
                known = flags.get(plain_token)
                token = plain_token if known is None else kind(plain_token, **known)
                counts.append(tokenizer.add_tokens([token, "<a4>"]))
                counts.append(tokenizer.add_tokens(special, special_tokens=True))
            elif what == "special":
                given = {"extra_special_tokens": ["<t3>"]} if more else {}
                counts.append(tokenizer.add_special_tokens({**given, name: special}))
            elif what == "extra":
                counts.append(
                    tokenizer.add_special_tokens(
                        {"extra_special_tokens": [special, "<t4>"]},
                        replace_extra_special_tokens=replace,
                    )
                )
            elif what == "set":
                setattr(tokenizer, name, plain_token)
            else:
                tokenizer.extra_special_tokens = [special, "a"]
        half = len(counts) // 2
        assert counts[:half] == counts[half:], what
    for name in ("special_tokens_map", "all_special_tokens", "all_special_ids", "vocab_size",
                 "extra_special_tokens", "extra_special_tokens_ids"):  # fmt: skip
        assert getattr(twins[0], name) == getattr(twins[1], name), name
    assert repr(twins[0]) == repr(twins[1])
    assert twins[0].get_vocab() == twins[1].get_vocab()
    new = st.sampled_from(["<a1>", " <a2>", "<A3>", "a", "b", "<t1> ", "<T2>", "<t3>", "hello"])
    text = data.draw(st.one_of(texts, st.lists(new).map("".join)))
    compare(twins, lambda t: t(text, return_offsets_mapping=True))
    compare(twins, lambda t: t.decode(t.encode(text), skip_special_tokens=True), equal)


@given(data=st.data())
@examples(20)
def test_copies_are_the_same(random_twins, data):
    ours = random_twins(data.draw)[0]
    first, second, split = data.draw(inputs(), "texts")
    kwargs = {"is_split_into_words": split, "verbose": False}
    expected, refusal = outcome(lambda: ours(first, second, **kwargs))
    for copied in (copy.copy, copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))):
        other = copied(ours)
        assert repr(other) == repr(ours)
        if refusal is None:
            assert_same(other(first, second, **kwargs), expected)
            assert_same(copied(other(first, second, **kwargs)), expected)


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
            kwargs = {"truncation": truncation, "max_length": 21, "stride": 2}
            kwargs["return_overflowing_tokens"] = overflow
            compare(twins, lambda t, kwargs=kwargs: t(text, pair, **kwargs))
    finally:
        for tokenizer, value in zip(twins, before, strict=True):
            tokenizer.truncation_side = value


def test_rows_cut_off_do_not_widen_the_others(twins):
    """Of a pair cut off a row may be longer than max_length; the reference pads without it."""
    kwargs = {"is_split_into_words": True, "return_overflowing_tokens": True}
    kwargs |= {"truncation": True, "max_length": 4, "padding": True}
    compare(twins, lambda t: t([["0"], []], [["0"], []], **kwargs))
