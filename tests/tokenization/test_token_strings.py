"""The strings of tokens as they stand in the text, against transformers."""

import random

import pytest

pytest.importorskip("transformers")

import compare_tokenizers as reference
from random_texts import random_text


def test_tokenize_and_tokens(data_dir, tmp_path):
    rng = random.Random(0)
    for name, theirs, ours in reference.tokenizer_pairs(data_dir, tmp_path):
        texts = [random_text(rng) for _ in range(150)]
        texts += ["my <mask> [MASK] 語 \u2581", "", " <s> x", "𝄞𝄞 9,9"]
        expected, got = theirs(texts, padding=True), ours(texts, padding=True)
        for row, text in enumerate(texts):
            assert ours.tokenize(text) == theirs.tokenize(text), (name, text)
            assert got.tokens(row) == expected.tokens(row), (name, text)


def test_an_unknown_piece_is_itself(data_dir):
    from pytxenc import AlbertTokenizer

    tokenizer = AlbertTokenizer.from_pretrained(data_dir / "tokenizers" / "albert-base-v2")
    assert tokenizer.tokenize("a 語語") == ["▁a", "▁", "語語"]
    assert tokenizer("語語", "a").tokens() == ["[CLS]", "▁", "語語", "[SEP]", "▁a", "[SEP]"]
    assert tokenizer.convert_ids_to_tokens(tokenizer.encode("語語"))[2] == "<unk>"
