"""ALBERT's original_rules against the sentencepiece package and the rules written out here."""

import copy
import os
import pickle
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytxenc.tokenization import AlbertTokenizer

EXAMPLES = 20000 if os.environ.get("PYTXENC_SLOW") else 300


@pytest.fixture(scope="module")
def albert_dir(data_dir):
    return data_dir / "tokenizers" / "albert-base-v2"


@pytest.fixture(scope="module")
def original(albert_dir):
    return AlbertTokenizer.from_pretrained(albert_dir, original_rules=True)


@pytest.fixture(scope="module")
def google(albert_dir):
    """google-research/albert's tokenization: text to ids."""
    sentencepiece = pytest.importorskip("sentencepiece")
    model = sentencepiece.SentencePieceProcessor(model_file=str(albert_dir / "spiece.model"))

    def tokenize(text):
        text = " ".join(text.strip().split()).replace("``", '"').replace("''", '"')
        text = unicodedata.normalize("NFKD", text)
        text = "".join(c for c in text if not unicodedata.combining(c)).lower()
        pieces = []
        for piece in model.encode(text, out_type=str):
            if len(piece) > 1 and piece[-1] == "," and piece[-2].isdigit():
                again = model.encode(piece[:-1].replace("▁", ""), out_type=str)
                if piece[0] != "▁" and again and again[0][0] == "▁":
                    again = again[1:] if again[0] == "▁" else [again[0][1:], *again[1:]]
                pieces += [*again, ","]
            else:
                pieces.append(piece)
        return [model.piece_to_id(piece) for piece in pieces]

    return tokenize


special = ("[CLS]", "[SEP]", "[MASK]", "<pad>", "<unk>")
texts = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.lists(
        st.sampled_from(
            ["ddd", "nnn", "\u2013", "9,", "9,999", "3.0,", "a(b)c", "``", "''", "É", "ﬁ", "½,",
             "²,", "\u200b", "  ", ".", "Σ",
             "ΑΣ", "İ", "ß", "हिन्दी", "กำ", "☃", "▁", "\u3000", "\x1c", "\x85", "hello",
             " world", "(", "£5", "e\u0301\u0323", "中", "한", "💡"]
        ),
        max_size=9,
    ).map("".join),
).filter(lambda text: not any(token in text for token in special))  # fmt: skip


@given(text=texts)
@settings(max_examples=EXAMPLES, deadline=None)
def test_any_text(original, google, text):
    assert original.encode(text, add_special_tokens=False) == google(text)


@pytest.mark.parametrize("file", ["botchan.txt", "wagahaiwa-ja.txt", "wikitext-2-test.txt"])
def test_corpora(original, google, data_dir, file):
    lines = (data_dir / "text" / file).read_text(encoding="utf-8").splitlines()
    for line in lines[:: 1 if os.environ.get("PYTXENC_SLOW") else 41]:
        line = line.replace("<unk>", "")
        assert original.encode(line, add_special_tokens=False) == google(line)


def test_rules(original):
    for text, pieces in {
        "9,999 3.0,": ["▁9", ",", "999", "▁3", ".", "0", ","],
        "a(b)c.": ["▁a", "(", "b", ")", "c", "."],
        "``a''": ["▁", '"', "a", '"'],
        "  Café\t ": ["▁cafe"],
        "": [],
        "a [MASK] b": ["▁a", "[MASK]", "▁b"],
    }.items():
        assert original.tokenize(text) == pieces
    assert original.all_special_tokens == ["[CLS]", "[SEP]", "<unk>", "<pad>", "[MASK]"]


def test_offsets_and_words(original):
    text = "  Café (9,999) ﬁt [MASK] ☃☃"
    got = original(text, return_offsets_mapping=True)
    found = [text[start:end] for start, end in got.offset_mapping[1:-1]]
    assert [f for f in found if f.strip()] == [
        "Café", "(", "9", ",", "999", ")", "ﬁt", "[MASK]", "☃☃",
    ]  # fmt: skip
    words = got.word_ids()
    assert words[0] is words[-1] is None
    assert words[1:-1] == sorted(words[1:-1])
    assert len(set(words)) == 6
    pair = original("the dog", "hello", return_offsets_mapping=True, truncation=True, max_length=5)
    assert pair.offset_mapping == [(0, 0), (0, 3), (0, 0), (0, 5), (0, 0)]
    given_words = original([["a", "b9,"], ["c"]], is_split_into_words=True)
    assert given_words.word_ids(0) == [None, 0, 1, 1, 1, None]


def test_overflow(original):
    got = original(
        ["the dog is here", "we"], max_length=4, stride=1, truncation=True, padding=True,
        return_overflowing_tokens=True, return_offsets_mapping=True,
    )  # fmt: skip
    assert got["overflow_to_sample_mapping"] == [0, 0, 0, 1]
    assert got["offset_mapping"][1] == [(0, 0), (4, 7), (8, 10), (0, 0)]
    assert got.word_ids(2) == [None, 2, 3, None]


def test_saved_with_the_tokenizer(original, tmp_path):
    original.save_pretrained(tmp_path)
    text = "9,999 a(b)c. Ünï \x85 ☃ [MASK]"
    for again in (
        AlbertTokenizer.from_pretrained(tmp_path),
        pickle.loads(pickle.dumps(original)),
        copy.deepcopy(original),
    ):
        assert again.original_rules
        assert again(text, "3,", return_offsets_mapping=True) == original(
            text, "3,", return_offsets_mapping=True
        )
    plain = AlbertTokenizer.from_pretrained(tmp_path, original_rules=False)
    assert plain.tokenize("9,") == ["▁9,"]


def test_comma_penalty_of_published_files_is_undone(original, google, tmp_path):
    """The published tokenizer.json has 100 less for pieces like "9,"."""
    import json

    original.save_pretrained(tmp_path)
    path = tmp_path / "tokenizer.json"
    spec = json.loads(path.read_text(encoding="utf-8"))
    for entry in spec["model"]["vocab"]:
        piece = entry[0]
        if len(piece) > 1 and piece[-1] == "," and piece[-2].isdigit():
            entry[1] -= 100
    path.write_text(json.dumps(spec), encoding="utf-8")
    again = AlbertTokenizer.from_pretrained(tmp_path)
    for text in ("9,999", "1,2,3, 10,000,000", "in 1999, 2,5"):
        assert again.encode(text, add_special_tokens=False) == google(text)


def test_added_tokens(original):
    tokenizer = copy.deepcopy(original)
    tokenizer.add_tokens(["NEWTOK"])
    index = tokenizer.convert_tokens_to_ids("NEWTOK")
    assert index == len(tokenizer) - 1
    assert tokenizer.encode("aNEWTOKb", add_special_tokens=False)[1] == index
    assert tokenizer.tokenize("x [MASK]", split_special_tokens=True) != ["▁x", "[MASK]"]
    assert tokenizer("hello NEWTOK")["input_ids"][-2] == index


def test_made_up_pieces(albert, made_up):
    """Without reference data: the same pieces, cut by each set of rules."""
    original = AlbertTokenizer.from_pretrained(made_up["albert"], original_rules=True)
    assert albert.tokenize("99,") == ["▁9", "9,"]
    assert original.tokenize("99,") == ["▁9", "9", ","]
    assert original.tokenize("the ΩΩ dog") == ["▁the", "▁", "<unk>", "▁dog"]
    assert original("hello", "world")["input_ids"] == albert("hello", "world")["input_ids"]


def test_refused(made_up):
    original = AlbertTokenizer.from_pretrained(made_up["albert"], original_rules=True)
    with pytest.raises(ValueError, match="text 1: lone surrogate"):
        original(["a", "\ud800"])
    with pytest.raises(TypeError, match="text 1"):
        original(["a", 5])
    with pytest.raises(ValueError, match="original_rules"):
        AlbertTokenizer([("a", 0.0), ("<unk>", 0.0)], original_rules=True)


def test_long_texts_take_linear_time(made_up):
    original = AlbertTokenizer.from_pretrained(made_up["albert"], original_rules=True)
    for text in (" " * 50000, "9," * 10000, "Ω" * 20000, "[MASK] " * 5000, "`" * 20000):
        original(text)
