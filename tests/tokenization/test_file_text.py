"""Files that C reads as they stand: the same tokenizers as through Python objects."""

import copy
import gc
import json
import pickle

import fuzz_file_text
import mutate
import pytest
import small_tokenizers as small

from pytxenc import _core
from pytxenc.tokenization import AlbertTokenizer, BertTokenizer, RobertaTokenizer
from pytxenc.tokenization.files import FileText


@pytest.mark.parametrize("name", fuzz_file_text.CASES)
def test_whole_files_are_taken(name):
    for data in fuzz_file_text.CASES[name][2]:
        assert fuzz_file_text.compare(name, data)


def test_damaged_files():
    accepted, refused = mutate.run(fuzz_file_text.check, 3000, 1)
    assert accepted > 300 and refused > 300


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("vocab.json", b'{"a": 0, "a": 1}'),
        ("vocab.json", b'{"a": 0, "b": 0}'),
        ("vocab.json", b"{}"),
        ("vocab.json", b'{"a": 0} x'),
        ("vocab.json", b'{"a": 1.0}'),
        ("vocab.json", b'{"a": 4294967296}'),
        ("vocab.json", b'{"a": 99999999999999999999}'),
        ("vocab.json", b'{"\\ud800": 0}'),
        ("vocab.txt", b"a\nb\na\n"),
        ("vocab.txt", b"\xff\n"),
        ("vocab.txt", b""),
        ("pieces.json", b"[]"),
        ("pieces.json", b'[["a"]]'),
        ("pieces.json", b'[["a", true]]'),
        ("pieces.json", b'[["a", "1"]]'),
        ("pieces.json", b'[["a", 0, 1]]'),
        ("pieces.json", b'[["a", -1e999]]'),
        ("pieces.json", b'[["a", 0.' + b"1" * 50 + b"]]"),
        ("merges.json", b'["#version: 0.2"]'),
        ("merges.json", b'["h e", ["h", "e", "l"]]'),
        ("merges.json", b'[["h e", "l"]]'),
        ("merges.txt", b"h e\n\nl l\n"),
        ("merges.txt", b" he\n"),
        ("nonsense", b""),
    ],
)
def test_what_is_out_of_the_ordinary_is_left_to_python(name, data):
    model, key = (fuzz_file_text.CASES.get(name) or fuzz_file_text.CASES["vocab.json"])[:2]
    with pytest.raises(ValueError, match=rf"tokenizer model\.{key}"):
        _core.Tokenizer({"model": {**model, key: FileText(name, data, "")}})


def test_a_format_in_the_wrong_place():
    text = FileText("vocab.txt", b"a\n", "")
    with pytest.raises(ValueError, match=r"model\.merges: the format 'vocab\.txt'"):
        _core.Tokenizer({"model": {**fuzz_file_text.BPE, "merges": text}})
    with pytest.raises(ValueError, match=r"model\.vocab: the format 'vocab\.txt'"):
        _core.Tokenizer({"model": {**fuzz_file_text.UNIGRAM, "vocab": text}})


def test_repeated_tokens_of_a_vocab_json(tmp_path):
    """Python's rule, the last id, holds for files that C does not take."""
    vocab = json.dumps(small.roberta_vocab())[:-1] + ', "h": 500}'
    (tmp_path / "vocab.json").write_text(vocab)
    (tmp_path / "merges.txt").write_text("h e\n")
    tokenizer = RobertaTokenizer(tmp_path / "vocab.json", tmp_path / "merges.txt")
    assert tokenizer.convert_tokens_to_ids("h") == 500
    assert tokenizer.add_tokens(["new"]) == 1 and tokenizer.convert_tokens_to_ids("new") == 501


@pytest.mark.parametrize("cls", [RobertaTokenizer, AlbertTokenizer, BertTokenizer])
def test_no_python_objects_for_the_vocabulary(cls, made_up, tmp_path):
    """Not by loading, nor by encoding, adding tokens, copies or pickles."""
    family = cls.__name__.removesuffix("Tokenizer").lower()
    for folder in (made_up[family], tmp_path):
        tokenizer = cls.from_pretrained(folder)
        tokenizer.add_tokens(["<new>"])
        again = pickle.loads(pickle.dumps(tokenizer))
        for one in (tokenizer, again, copy.copy(tokenizer), copy.deepcopy(tokenizer)):
            assert one("hello <new>")["input_ids"] == tokenizer("hello <new>")["input_ids"]
            assert isinstance(one._parts["model"]["vocab"], FileText)
        assert copy.deepcopy(tokenizer)._core is tokenizer._core
        kinds = [type(x) for x in gc.get_referents(tokenizer._parts["model"])]
        assert list not in kinds and dict not in kinds
        again.save_pretrained(tmp_path)  # and here they are made
        assert not isinstance(again._parts["model"]["vocab"], FileText)
        assert again("hello")["input_ids"] == tokenizer("hello")["input_ids"]


def test_sentencepiece_without_normal_pieces(tmp_path):
    data = fuzz_file_text.CASES["sentencepiece"][2][0]
    every = _core.read_sentencepiece(data)
    some = _core.read_sentencepiece(data, with_normal=False)
    assert some["pieces"] == [piece if piece[2] != 1 else None for piece in every["pieces"]]
    assert {**some, "pieces": 0} == {**every, "pieces": 0}


def test_a_vocabulary_of_many_tokens(tmp_path):
    """Ids in any order, and tables that grow on the way."""
    vocab = {f"t{i * 7919 % 60_000}": i for i in range(60_000)} | {"[UNK]": 60_000}
    model = {**fuzz_file_text.WORD_PIECE, "vocab": dict(reversed(vocab.items()))}
    text = FileText("vocab.json", small.as_json(model["vocab"]), "")
    for tokenizer in (_core.Tokenizer({"model": model}),
                      _core.Tokenizer({"model": {**model, "vocab": text}})):  # fmt: skip
        assert tokenizer.get_vocab() == vocab
        assert tokenizer.get_first_free_id() == 60_001
        ids = tokenizer.encode_batch([f"t{i}" for i in range(0, 60_000, 100)])["ids"]
        assert ids.tolist() == [vocab[f"t{i}"] for i in range(0, 60_000, 100)]
        assert all(tokenizer.id_to_token(i) == token for token, i in vocab.items())
