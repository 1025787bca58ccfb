"""Everything a call returns, against transformers on the same files."""

import lzma
import os

import numpy as np
import pytest


def plain(value):
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


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
