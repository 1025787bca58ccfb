"""Arguments of a call, by hand-made expectations and without reference data."""

import logging
import warnings

import numpy as np
import pytest

import pytxenc.tokenization
from pytxenc.tokenization import BertTokenizer, RobertaTokenizer


def ids(tokenizer, text):
    return tokenizer.encode(text, add_special_tokens=False)


def test_one_text_pair_and_batch(bert):
    hello, world = ids(bert, "hello"), ids(bert, "world")
    cls, sep = [bert.cls_token_id], [bert.sep_token_id]
    assert bert("hello") == {
        "input_ids": cls + hello + sep,
        "token_type_ids": [0, 0, 0],
        "attention_mask": [1, 1, 1],
    }
    pair = {
        "input_ids": cls + hello + sep + world + sep,
        "token_type_ids": [0, 0, 0, 1, 1],
        "attention_mask": [1] * 5,
    }
    assert bert("hello", "world") == pair
    for batch in (
        bert([("hello", "world")]),
        bert([["hello", "world"]]),
        bert(["hello"], ["world"]),
        bert(("hello",), ("world",)),
    ):
        assert batch == {key: [value] for key, value in pair.items()}
    assert bert.encode("hello", "world") == pair["input_ids"]
    assert bert.encode(["hello", "world"]) == [cls + hello + sep, cls + world + sep]
    assert bert.encode_plus("hello", "world", max_length=9) == pair
    assert bert.batch_encode_plus([("hello", "world")])["input_ids"] == [pair["input_ids"]]


def test_roberta_template_and_types(roberta):
    hello = ids(roberta, "hello")
    pair = roberta("hello", "hello", return_token_type_ids=True)
    assert pair["input_ids"] == [0, *hello, 2, 2, *hello, 2]
    assert pair["token_type_ids"] == [0] * len(pair["input_ids"])
    assert list(roberta("hello")) == ["input_ids", "attention_mask"]


def test_words_given(bert):
    assert bert(["hello", "playing"], is_split_into_words=True).word_ids() == [None, 0, 1, 1, None]
    batch = bert([["hello"], ["un", "is"]], is_split_into_words=True)
    assert [len(row) for row in batch["input_ids"]] == [3, 4]
    pairs = bert([(["hello"], ["un"])], is_split_into_words=True)
    assert pairs.sequence_ids() == [None, 0, None, 1, None]
    assert bert([], is_split_into_words=True)["input_ids"] == bert("")["input_ids"]


def test_empty_texts_and_batches(ours):
    nothing = ours("")
    assert nothing["input_ids"] == [ours.cls_token_id, ours.sep_token_id]
    assert ours("", add_special_tokens=False)["input_ids"] == []
    assert ours("hello", "") == ours("hello")
    assert len(ours(["hello"], [""])["input_ids"][0]) > len(ours("hello")["input_ids"])
    assert ours([])["input_ids"] == []
    assert ours([], return_tensors="np", padding=True)["input_ids"].shape == (0, 0)
    assert ours([""], add_special_tokens=False, return_tensors="np")["input_ids"].shape == (1, 0)


def test_padding(ours):
    short, long = "hello", "hello the dog is cute"
    pad = ours.pad_token_id
    alone = ours(long)["input_ids"]
    batch = ours([short, long], padding=True)
    row, mask = batch["input_ids"][0], batch["attention_mask"][0]
    known = len(ours(short)["input_ids"])
    assert row == ours(short)["input_ids"] + [pad] * (len(alone) - known)
    assert mask == [1] * known + [0] * (len(alone) - known)
    left = ours([short, long], padding="longest", padding_side="left")
    assert left["input_ids"][0] == [pad] * (len(alone) - known) + ours(short)["input_ids"]
    fixed = ours(short, padding="max_length", max_length=20)
    assert len(fixed["input_ids"]) == 20
    assert len(ours(short, padding=True, pad_to_multiple_of=16)["input_ids"]) % 16 == 0
    assert ours(long, padding="max_length", max_length=3)["input_ids"] == alone
    assert ours(short, padding="max_length")["input_ids"] == ours(short)["input_ids"]


def test_call_leaves_nothing_behind(ours):
    before = ours("hello the dog")
    ours(["hello", "the dog"], padding="max_length", max_length=40)
    ours("hello the dog", truncation=True, max_length=4, padding_side="left")
    ours("hello", split_special_tokens=True)
    assert ours("hello the dog") == before


def test_truncation(bert):
    a, b = "a b c d e f", "h i j"
    first, second = ids(bert, a), ids(bert, b)
    cls, sep = bert.cls_token_id, bert.sep_token_id
    assert bert(a, max_length=5)["input_ids"] == [cls, *first[:3], sep]
    assert bert(a, truncation=True, max_length=2)["input_ids"] == [cls, sep]
    both = bert(a, b, truncation=True, max_length=7)["input_ids"]
    assert both == [cls, *first[:2], sep, *second[:2], sep]
    only = bert(a, b, truncation="only_second", max_length=10)["input_ids"]
    assert only == [cls, *first, sep, *second[:1], sep]
    assert len(bert(a, truncation=False, max_length=3)["input_ids"]) == 8
    bert.truncation_side = "left"
    try:
        assert bert(a, max_length=5)["input_ids"] == [cls, *first[3:], sep]
    finally:
        bert.truncation_side = "right"


def test_overflow(bert):
    text = "a b c d e f g"
    got = bert(
        text, max_length=5, truncation=True, stride=1, return_overflowing_tokens=True,
        return_length=True, padding=True,
    )  # fmt: skip
    middle = ids(bert, text)
    cls, sep, pad = bert.cls_token_id, bert.sep_token_id, bert.pad_token_id
    assert got["input_ids"] == [
        [cls, *middle[0:3], sep],
        [cls, *middle[2:5], sep],
        [cls, *middle[4:7], sep],
    ]
    assert got["overflow_to_sample_mapping"] == [0, 0, 0]
    assert got["length"] == [5, 5, 5]
    assert [e.ids for e in got.encodings] == got["input_ids"]
    assert [e.ids for e in got[0].overflowing] == got["input_ids"][1:]
    plain = bert(text, max_length=5)
    assert len(plain.encodings) == 1
    assert len(plain[0].overflowing) == 2
    several = bert(["a", text], max_length=4, return_overflowing_tokens=True, padding=True,
                   truncation=True, return_tensors="np")  # fmt: skip
    assert several["overflow_to_sample_mapping"].tolist() == [0, 1, 1, 1, 1]
    assert several["input_ids"].shape == (5, 4)
    assert several["input_ids"][0, -1] == pad


def test_every_return_argument(ours):
    got = ours(
        "hello dog", return_token_type_ids=True, return_special_tokens_mask=True,
        return_offsets_mapping=True, return_length=True, return_attention_mask=False,
    )  # fmt: skip
    assert list(got) == [
        "input_ids", "token_type_ids", "special_tokens_mask", "offset_mapping", "length",
    ]  # fmt: skip
    count = len(got["input_ids"])
    assert got["special_tokens_mask"] == [1] + [0] * (count - 2) + [1]
    assert got["length"] == [count]
    assert got["offset_mapping"][0] == got["offset_mapping"][-1] == (0, 0)
    assert all(isinstance(pair, tuple) for pair in got["offset_mapping"])
    assert got["offset_mapping"][-2][1] == len("hello dog")


@pytest.mark.parametrize("kind", ["np", "pt"])
def test_tensors_are_int64_with_a_batch_axis(ours, kind):
    one = ours("hello dog", return_tensors=kind, return_offsets_mapping=True, return_length=True)
    count = len(ours("hello dog")["input_ids"])
    assert tuple(one["input_ids"].shape) == (1, count)
    assert tuple(one["offset_mapping"].shape) == (1, count, 2)
    for value in one.values():
        assert str(value.dtype).removeprefix("torch.") == "int64"
    if kind == "np":
        assert type(one["input_ids"]) is np.ndarray
    assert np.asarray(one["input_ids"])[0].tolist() == ours("hello dog")["input_ids"]


def test_labels_from_a_target(ours):
    got = ours("hello", text_target="the dog is cute", max_target_length=4, truncation=True,
               max_length=30)  # fmt: skip
    assert got["input_ids"] == ours("hello")["input_ids"]
    assert got["labels"] == ours("the dog is cute", max_length=4)["input_ids"]
    assert ours(text_target="hello") == ours("hello")


def test_special_tokens_in_text(bert):
    cls = bert.cls_token_id
    assert bert("[CLS] hello")["input_ids"][:2] == [cls, cls]
    for plain in (
        bert("[CLS] hello", split_special_tokens=True),
        bert("[CLS] hello", tokenizer_kwargs={"split_special_tokens": True}),
    ):
        assert plain["input_ids"].count(cls) == 1


def test_tokenize(bert, roberta):
    assert bert.tokenize("Hello unable world!") == ["hello", "un", "##able", "world", "!"]
    assert bert.tokenize("hello", "world", add_special_tokens=True) == [
        "[CLS]", "hello", "[SEP]", "world", "[SEP]",
    ]  # fmt: skip
    assert roberta.tokenize("hello the") == ["hello", "Ġthe"]
    assert bert.tokenize("a b c d", max_length=2) == ["a", "b"]
    with pytest.raises(TypeError, match="one text"):
        bert.tokenize(["a", "b"])


@pytest.mark.parametrize(
    ("arguments", "error", "told"),
    [
        ({"text": None}, ValueError, "text_target"),
        ({"text": 5}, ValueError, "int"),
        ({"text": [1, 2]}, ValueError, "decode"),
        ({"text": ["a", 1]}, TypeError, "1"),
        ({"text": ["a", None]}, TypeError, "1"),
        ({"text": b"a"}, ValueError, "bytes"),
        ({"text": {"a": 1}}, ValueError, "dict"),
        ({"text": [["a"]]}, ValueError, "pair"),
        ({"text": [["a", "b", "c"]]}, ValueError, "is_split_into_words"),
        ({"text": [("a", "b"), "c"]}, ValueError, "item 1"),
        ({"text": "a", "is_split_into_words": True}, TypeError, "words"),
        ({"text": "a", "text_pair": ["b"]}, TypeError, "text_pair"),
        ({"text": ["a"], "text_pair": "b"}, TypeError, "text_pair"),
        ({"text": ["a"], "text_pair": ["b", "c"]}, ValueError, "1 texts but 2"),
        ({"text": "\ud800"}, (ValueError, TypeError), "surrogate"),
        ({"padding": "foo"}, ValueError, "do_not_pad"),
        ({"padding": 1.5}, ValueError, "padding"),
        ({"truncation": "foo"}, ValueError, "only_second"),
        ({"truncation": True, "max_length": -1}, ValueError, "max_length"),
        ({"truncation": True, "max_length": 2.5}, TypeError, "max_length"),
        ({"truncation": True, "max_length": True}, TypeError, "max_length"),
        ({"max_length": 1}, ValueError, "max_length|special"),
        ({"max_length": 4, "stride": 2}, ValueError, "stride"),
        ({"stride": -1}, ValueError, "stride"),
        ({"truncation": "only_second", "max_length": 4}, ValueError, "second|pair"),
        (
            {"padding": True, "truncation": True, "max_length": 5, "pad_to_multiple_of": 4},
            ValueError,
            "multiple",
        ),
        ({"padding": True, "padding_side": "up"}, ValueError, "padding_side"),
        ({"pad_to_multiple_of": -2, "padding": True}, ValueError, "pad_to_multiple_of"),
        ({"return_tensors": "tf"}, ValueError, "tf"),
        ({"return_tensor": "np"}, TypeError, "return_tensors"),
        ({"max_len": 5}, TypeError, "max_length"),
        ({"text": ["a", "a b"], "return_tensors": "np"}, ValueError, "padding=True"),
        ({"text": ["a", "a b"], "return_tensors": "pt"}, ValueError, "padding=True"),
    ],
)
def test_what_is_refused(bert, arguments, error, told):
    with pytest.raises(error, match=told):
        bert(**{"text": "a b c d e f", **arguments})


def test_unknown_arguments_everywhere(bert, made_up):
    for call in (bert.encode, bert.tokenize, bert.encode_plus, bert.batch_encode_plus):
        with pytest.raises(TypeError, match=r"'trunc'.*'truncation'"):
            call(["a"], trunc=True)
    with pytest.raises(TypeError, match=r"'do_lowercase'.*'do_lower_case'"):
        BertTokenizer({"[UNK]": 0}, do_lowercase=True)
    with pytest.raises(TypeError, match=r"'padding_sid'.*'padding_side'"):
        BertTokenizer.from_pretrained(made_up["bert"], padding_sid="left")
    with pytest.raises(TypeError, match="token"):
        BertTokenizer.from_pretrained(made_up["bert"], use_auth_token="x")


def test_no_pad_token(made_up):
    tokenizer = BertTokenizer.from_pretrained(made_up["bert"], pad_token=None)
    assert tokenizer.pad_token is None
    assert tokenizer.pad_token_id is None
    with pytest.raises(ValueError, match="add_special_tokens"):
        tokenizer(["a", "a b"], padding=True)


def test_warnings(made_up, caplog):
    tokenizer = RobertaTokenizer.from_pretrained(made_up["roberta"], model_max_length=4)
    with caplog.at_level(logging.WARNING, "pytxenc"):
        tokenizer("hello the world", truncation=True)
        tokenizer("hello the world", verbose=False)
        assert not caplog.records
        tokenizer("hello the world")
        tokenizer("hello the world")
    assert len(caplog.records) == 1
    assert "maximum of 4" in caplog.text
    with pytest.warns(UserWarning, match="padding='max_length'"):
        tokenizer("hello", padding=True, max_length=3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tokenizer("hello", padding=True, max_length=3, verbose=False)
    assert (
        tokenizer("hello the world", truncation=True)["input_ids"]
        == (tokenizer("hello the world", max_length=4)["input_ids"])
    )
    assert len(tokenizer("hello", padding="max_length")["input_ids"]) == 4


def test_decode(bert, roberta, albert):
    got = bert("Hello, unable world!")["input_ids"]
    assert bert.decode(got) == "[CLS] hello, unable world! [SEP]"
    assert bert.decode(got, skip_special_tokens=True) == "hello, unable world!"
    assert bert.decode(np.array(got), skip_special_tokens=True) == "hello, unable world!"
    assert bert.decode([got, got], True) == ["hello, unable world!"] * 2
    assert bert.decode(np.array([got, got]), True) == ["hello, unable world!"] * 2
    assert bert.decode([np.array(got)], True) == ["hello, unable world!"]
    assert bert.decode(bert("hello"), True) == "hello"
    assert bert.decode(got[1]) == "hello"
    assert bert.decode([]) == ""
    assert bert.decode([10**6, got[1], 2**40]) == "hello"
    assert bert.batch_decode([got], True) == ["hello, unable world!"]
    assert bert.batch_decode([]) == []
    assert bert.batch_decode(got, True) == ["hello, unable world!"]
    text = "hello , world . Ünï\n\x00 日本 👩‍👩‍👧"
    assert roberta.decode(roberta(text)["input_ids"], True) == text
    assert albert.decode(albert("hello world")["input_ids"], True) == "hello world"
    assert albert.decode(ids(albert, "a . b"), clean_up_tokenization_spaces=True) == "a. b"


def test_decode_refuses(bert):
    for wrong, error in (
        ([5, -100], ValueError), (-1, ValueError), ([1.5], TypeError), ("a", TypeError),
        (None, TypeError), (["a"], TypeError), ([None], TypeError),
    ):  # fmt: skip
        with pytest.raises(error):
            bert.decode(wrong)


def test_clean_up_is_not_for_bpe(made_up, caplog):
    tokenizer = RobertaTokenizer.from_pretrained(made_up["roberta"])
    with caplog.at_level(logging.WARNING, "pytxenc"):
        text = tokenizer.decode(ids(tokenizer, "a ."), clean_up_tokenization_spaces=True)
    assert text == "a ."
    assert "ignored" in caplog.text


def test_convert(bert):
    assert bert.convert_tokens_to_ids("hello") == bert.get_vocab()["hello"]
    assert bert.convert_tokens_to_ids(["hello", "nothing"])[1] == bert.unk_token_id
    assert bert.convert_ids_to_tokens([1, 10**6, -1]) == ["[UNK]", None, None]
    assert bert.convert_ids_to_tokens(np.int64(1)) == "[UNK]"
    assert bert.convert_ids_to_tokens(np.array([1, 2])) == ["[UNK]", "[CLS]"]
    assert bert.convert_ids_to_tokens([2, 5], skip_special_tokens=True) == ["a"]
    assert bert.convert_tokens_to_string(["hello", "##ing"]) == "helloing"
    with pytest.raises(TypeError, match="list of tokens"):
        bert.convert_tokens_to_string("hello")


def test_ids_with_special_tokens_around(ours):
    a, b = ids(ours, "hello"), ids(ours, "the dog")
    for pair in (None, b):
        whole = ours("hello", None if pair is None else "the dog", return_token_type_ids=True,
                     return_special_tokens_mask=True)  # fmt: skip
        assert ours.build_inputs_with_special_tokens(a, pair) == whole["input_ids"]
        assert ours.create_token_type_ids_from_sequences(a, pair) == whole["token_type_ids"]
        assert ours.get_special_tokens_mask(a, pair) == whole["special_tokens_mask"]
    whole = ours("hello")["input_ids"]
    mask = ours.get_special_tokens_mask(whole, already_has_special_tokens=True)
    assert mask == [1, *[0] * len(a), 1]
    with pytest.raises(ValueError, match="token_ids_1"):
        ours.get_special_tokens_mask(whole, whole, already_has_special_tokens=True)


def test_pad_refuses(bert):
    with pytest.raises(ValueError, match="input_ids"):
        bert.pad({"ids": [1]})
    with pytest.raises(TypeError, match="mapping"):
        bert.pad([1, 2])
    with pytest.raises(ValueError, match="rows"):
        bert.pad({"input_ids": [[1], [2]], "labels": [[1]]})
    with pytest.raises(ValueError, match="example 1"):
        bert.pad([{"input_ids": [1]}, {"labels": [1]}])
    with pytest.raises(ValueError, match="labels"):
        bert.pad({"input_ids": [[1], [2, 3]], "labels": [[1], [2, 3]]}, return_tensors="np")


def test_fast_names_are_the_same_classes():
    for name in ("Roberta", "Albert", "Bert", "XLMRoberta"):
        fast = getattr(pytxenc.tokenization, f"{name}TokenizerFast")
        assert fast is getattr(pytxenc.tokenization, f"{name}Tokenizer")


def test_arguments_of_other_tokenizers_that_old_scripts_pass(made_up):
    for name, cls in (("roberta", "RobertaTokenizer"), ("albert", "AlbertTokenizer")):
        options = {"do_basic_tokenize": True, "never_split": None}
        if name == "roberta":
            options["do_lower_case"] = True
        tokenizer = getattr(pytxenc, cls).from_pretrained(made_up[name], **options)
        assert tokenizer.encode("a") == getattr(pytxenc, cls).from_pretrained(made_up[name]).encode(
            "a"
        )
