"""BatchEncoding, Encoding and what they know about tokens, words and characters."""

import copy
import pickle

import numpy as np
import pytest

from pytxenc.tokenization import BatchEncoding, CharSpan, TokenSpan

TEXT = "hello unable, dog"  # hello un ##able , d..  in the made-up BERT vocabulary


def test_fields_by_key_and_attribute(bert):
    got = bert(TEXT)
    assert got.input_ids is got["input_ids"]
    assert "attention_mask" in got
    assert dict(got) == got.data
    assert {**got} == got.data
    with pytest.raises(AttributeError, match="attention_mask"):
        _ = got.labels
    with pytest.raises(KeyError):
        got["labels"]
    assert got.is_fast
    got["labels"] = [1]
    assert got.labels == [1]


def test_tokens_words_and_characters(bert):
    got = bert(TEXT, "dog")
    assert got.tokens() == ["[CLS]", "hello", "un", "##able", ",", "dog", "[SEP]", "dog", "[SEP]"]
    assert got.word_ids() == [None, 0, 1, 1, 2, 3, None, 0, None]
    assert got.words() == got.word_ids()
    assert got.sequence_ids() == [None, 0, 0, 0, 0, 0, None, 1, None]
    assert got.token_to_word(3) == got.token_to_word(0, 3) == 1
    assert got.token_to_word(0) is got.token_to_word(99) is None
    assert got.token_to_sequence(7) == 1
    assert got.token_to_chars(3) == CharSpan(8, 12)
    assert got.token_to_chars(-2) == got.token_to_chars(7) == CharSpan(0, 3)
    assert got.token_to_word(-4) == 3
    assert got.word_to_tokens(1) == TokenSpan(2, 4)
    assert got.word_to_tokens(0, 0, sequence_index=1) == TokenSpan(7, 8)
    assert got.word_to_tokens(9) is None
    assert got.word_to_chars(1) == CharSpan(6, 12)
    assert got.word_to_chars(9) is None
    assert got.char_to_token(9) == 3
    assert got.char_to_token(5) is None
    assert got.char_to_token(0, 1, sequence_index=1) == 7
    assert got.char_to_word(9) == 1
    assert got.n_sequences == 2
    assert bert(TEXT).n_sequences == 1
    with pytest.raises(IndexError):
        got.tokens(4)


def test_encoding(bert):
    encoding = bert([TEXT, "dog"], padding=True)[1]
    assert len(encoding) == 7
    assert encoding.tokens == ["[CLS]", "dog", "[SEP]"] + ["[PAD]"] * 4
    assert encoding.attention_mask == [1, 1, 1, 0, 0, 0, 0]
    assert encoding.special_tokens_mask == [1, 0, 1, 1, 1, 1, 1]
    assert encoding.offsets == [(0, 0), (0, 3)] + [(0, 0)] * 5
    assert encoding.type_ids == [0] * 7
    assert encoding.words == encoding.word_ids == [None, 0] + [None] * 5
    assert encoding.n_sequences == 1
    assert "num_tokens=7" in repr(encoding)
    assert [e.ids for e in bert([TEXT, "dog"])[0:2]] == bert([TEXT, "dog"])["input_ids"]


def test_left_padding_moves_positions(bert):
    got = bert([TEXT, "dog"], padding=True, padding_side="left")
    assert got.tokens(1)[-3:] == ["[CLS]", "dog", "[SEP]"]
    assert got.char_to_token(1, 0) == 5
    assert got.word_to_tokens(1, 0) == TokenSpan(5, 6)


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda b: pickle.loads(pickle.dumps(b))]
)
def test_copies(bert, copied):
    got = bert([TEXT, "dog"], padding=True, return_tensors="np")
    again = copied(got)
    assert list(again) == list(got)
    assert np.array_equal(again.input_ids, got.input_ids)
    assert again.tokens(1) == got.tokens(1)
    assert again.word_ids(0) == got.word_ids(0)
    assert again[0].offsets == got[0].offsets
    assert again.n_sequences == 1


def test_texts_may_change_after_the_call(bert):
    words = [["hello", "dog"], ["un"]]
    got = bert(words, is_split_into_words=True)
    words[0][0] = "the"
    words.clear()
    assert got.tokens(0) == ["[CLS]", "hello", "dog", "[SEP]"]
    assert got[1].ids == got["input_ids"][1]


def test_added_tokens_later_do_not_change_a_result(made_up):
    from pytxenc.tokenization import BertTokenizer

    tokenizer = BertTokenizer.from_pretrained(made_up["bert"])
    got = tokenizer("unable")
    tokenizer.add_tokens(["unable"])
    assert got.tokens() == ["[CLS]", "un", "##able", "[SEP]"]
    assert tokenizer.tokenize("unable") == ["unable"]


def test_made_by_hand():
    got = BatchEncoding({"input_ids": [[1, 2], [3, 4]]})
    assert not got.is_fast
    assert got.encodings is got.n_sequences is None
    assert got[0:1] == {"input_ids": [[1, 2]]}
    with pytest.raises(KeyError, match="input_ids"):
        got[0]
    with pytest.raises(ValueError, match="tokens"):
        got.tokens()
    arrays = BatchEncoding({"input_ids": [1, 2]}, tensor_type="np", prepend_batch_axis=True)
    assert arrays["input_ids"].shape == (1, 2)
    assert got.convert_to_tensors("np") is got
    assert got.input_ids.dtype == np.int64
    with pytest.raises(ValueError, match="labels"):
        BatchEncoding({"labels": [[1], [1, 2]]}, tensor_type="np")
    with pytest.raises(ValueError, match="labels"):
        BatchEncoding({"labels": ["a"]}, tensor_type="pt")
    with pytest.raises(ValueError, match="tf"):
        BatchEncoding({"labels": [1]}, tensor_type="tf")
    assert BatchEncoding({"input_ids": []}, tensor_type="np").input_ids.dtype == np.int64


def test_to_a_device(bert):
    got = bert("dog", return_tensors="pt")
    assert got.to("cpu") is got
    assert got["input_ids"].shape[1] == 3
    lists = bert("dog").to("cpu")
    assert lists["input_ids"] == bert("dog")["input_ids"]
