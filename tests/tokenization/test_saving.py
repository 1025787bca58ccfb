"""Every form a tokenizer is saved in, read back here and by transformers."""

import json
import os

import pytest
from hub_api import stand_in

import pytxenc.tokenization
from pytxenc.tokenization import AddedToken, AlbertTokenizer, BertTokenizer, XLMRobertaTokenizer
from pytxenc.tokenization.sentencepiece_file import (
    CONTROL,
    NORMAL,
    UNKNOWN,
    USER_DEFINED,
    sentencepiece_model,
)

FAMILIES = {"bert": "BertTokenizer", "roberta": "RobertaTokenizer", "albert": "AlbertTokenizer"}
TEXTS = [
    "Hello the unable dog's 9,999 <mask> [MASK].", "newtok xnewtoky  raw <extra> <mine>", "",
    "a(b)c caf\u00e9  \u4e2d hello",
]  # fmt: skip


def same(one, other):
    """Both give the same for everything that files keep."""
    assert one.get_vocab() == other.get_vocab()
    assert one.all_special_tokens == other.all_special_tokens
    assert one.special_tokens_map == other.special_tokens_map
    assert one.model_max_length == other.model_max_length
    assert one.padding_side == other.padding_side
    decoders = [
        {index: str(token.__repr__()) for index, token in tokenizer.added_tokens_decoder.items()}
        for tokenizer in (one, other)
    ]
    assert decoders[0] == decoders[1]
    for text in TEXTS:
        for pair in (None, "the dog"):
            assert dict(one(text, pair, return_offsets_mapping=True)) == dict(
                other(text, pair, return_offsets_mapping=True)
            ), text


def changed(cls, folder):
    tokenizer = cls.from_pretrained(
        folder, model_max_length=77, padding_side="left", extra_special_tokens=["<extra>"],
        mask_token=AddedToken("<mine>", lstrip=True),
    )  # fmt: skip
    tokenizer.add_tokens(["newtok", AddedToken("raw", normalized=False, rstrip=True)])
    return tokenizer


@pytest.mark.parametrize("family", FAMILIES)
def test_legacy_format(made_up, tmp_path, family):
    cls = getattr(pytxenc.tokenization, FAMILIES[family])
    ours = changed(cls, made_up[family])
    written = {os.path.basename(p) for p in ours.save_pretrained(tmp_path, legacy_format=True)}
    own = {"bert": {"vocab.txt"}, "roberta": {"vocab.json", "merges.txt"},
           "albert": {"spiece.model"}}[family]  # fmt: skip
    assert written == set(os.listdir(tmp_path)) == own | {
        "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    }  # fmt: skip
    same(cls.from_pretrained(tmp_path), ours)
    transformers = pytest.importorskip("transformers")
    same(getattr(transformers, cls.__name__).from_pretrained(str(tmp_path)), ours)


@pytest.mark.parametrize("family", ["bert", "roberta"])
def test_legacy_format_without_the_list_of_added_tokens(made_up, tmp_path, family):
    """As versions before added_tokens_decoder read it: flags out of special_tokens_map.json."""
    cls = getattr(pytxenc.tokenization, FAMILIES[family])
    ours = changed(cls, made_up[family])
    ours.save_pretrained(tmp_path, legacy_format=True)
    config = json.loads((tmp_path / "tokenizer_config.json").read_text(encoding="utf-8"))
    del config["added_tokens_decoder"]
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    again = cls.from_pretrained(tmp_path)
    assert again.get_vocab() == ours.get_vocab()
    assert again.all_special_tokens == ours.all_special_tokens
    transformers = pytest.importorskip("transformers")
    same(again, getattr(transformers, cls.__name__).from_pretrained(str(tmp_path)))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_prefix_of_the_names(made_up, tmp_path, family):
    tokenizer = changed(getattr(pytxenc.tokenization, FAMILIES[family]), made_up[family])
    for legacy in (False, True):
        paths = tokenizer.save_pretrained(tmp_path, legacy, filename_prefix="my")
        assert all(os.path.basename(path).startswith("my-") for path in paths)
        assert all(os.path.isfile(path) for path in paths)


# ---- SentencePiece models ----

WORDS = [
    *("▁the", "▁dog", "▁hello", "▁9", "9,", "999", "▁un", "un", "able", ")", ".", ","),
    *"▁abcdefghijklmnopqrstuvwxyz9中",
]  # fmt: skip
TYPED = [
    ("<pad>", 0.0, CONTROL), ("<unk>", 0.0, UNKNOWN), ("[CLS]", 0.0, CONTROL),
    ("[SEP]", 0.0, CONTROL), ("[MASK]", 0.0, CONTROL), ("(", 0.0, USER_DEFINED),
    *((piece, -3.0 - 0.25 * i, NORMAL) for i, piece in enumerate(WORDS)),
]  # fmt: skip


def test_a_written_model_is_one_for_sentencepiece(tmp_path):
    sentencepiece = pytest.importorskip("sentencepiece")
    path = tmp_path / "spiece.model"
    path.write_bytes(sentencepiece_model(TYPED, None))
    model = sentencepiece.SentencePieceProcessor(model_file=str(path))
    assert model.get_piece_size() == len(TYPED)
    assert model.unk_id() == 1
    for index, (piece, score, kind) in enumerate(TYPED):
        assert model.id_to_piece(index) == piece
        assert model.get_score(index) == score
        assert model.is_control(index) == (kind == CONTROL)
    assert model.encode("hello the dog(unable)", out_type=str) == [
        "▁hello", "▁the", "▁dog", "(", "un", "able", ")",
    ]  # fmt: skip


@pytest.mark.parametrize("original", [False, True])
def test_albert_from_a_model_and_back(tmp_path, original):
    (tmp_path / "spiece.model").write_bytes(sentencepiece_model(TYPED, None))
    tokenizer = AlbertTokenizer.from_pretrained(tmp_path, original_rules=original)
    (tmp_path / "again").mkdir()
    assert tokenizer.save_vocabulary(tmp_path / "again") == (
        str(tmp_path / "again" / "spiece.model"),
    )
    again = AlbertTokenizer.from_pretrained(tmp_path / "again", original_rules=original)
    same(again, tokenizer)
    first, second = (folder / "spiece.model" for folder in (tmp_path, tmp_path / "again"))
    assert first.read_bytes() == second.read_bytes()
    if not original:
        transformers = pytest.importorskip("transformers")
        same(transformers.AlbertTokenizer.from_pretrained(str(tmp_path / "again")), tokenizer)


def test_xlm_roberta_from_a_model_and_back(tmp_path):
    pieces = [("<unk>", 0.0, UNKNOWN), ("<s>", 0.0, CONTROL), ("</s>", 0.0, CONTROL), *TYPED[5:]]
    path = tmp_path / "sentencepiece.bpe.model"
    path.write_bytes(sentencepiece_model(pieces, None))
    tokenizer = XLMRobertaTokenizer.from_pretrained(tmp_path)
    (tmp_path / "again").mkdir()
    written = tokenizer.save_vocabulary(tmp_path / "again")
    assert [os.path.basename(p) for p in written] == [path.name]
    same(XLMRobertaTokenizer.from_pretrained(tmp_path / "again"), tokenizer)
    transformers = pytest.importorskip("transformers")
    same(transformers.XLMRobertaTokenizer.from_pretrained(str(tmp_path / "again")), tokenizer)
    tokenizer.save_pretrained(tmp_path / "json")
    same(transformers.XLMRobertaTokenizer.from_pretrained(str(tmp_path / "json")), tokenizer)
    other = XLMRobertaTokenizer([(p, s) for p, s, _ in TYPED])
    with pytest.raises(ValueError, match="does not begin with <s>, <pad>, </s>, <unk>"):
        other.save_vocabulary(tmp_path)


def test_the_published_model_and_back(data_dir, tmp_path):
    transformers = pytest.importorskip("transformers")
    tokenizer = AlbertTokenizer(data_dir / "tokenizers" / "albert-base-v2" / "spiece.model")
    tokenizer.save_vocabulary(tmp_path)
    same(AlbertTokenizer.from_pretrained(tmp_path), tokenizer)
    same(transformers.AlbertTokenizer.from_pretrained(str(tmp_path)), tokenizer)


# ---- chat templates, which only have to survive ----


@pytest.mark.parametrize("template", ["{{ messages }}", [{"name": "a", "template": "b"}]])
def test_chat_template(made_up, tmp_path, template):
    tokenizer = BertTokenizer.from_pretrained(made_up["bert"], chat_template=template)
    tokenizer.save_pretrained(tmp_path)
    assert BertTokenizer.from_pretrained(tmp_path).chat_template == template
    transformers = pytest.importorskip("transformers")
    theirs = transformers.BertTokenizer.from_pretrained(str(tmp_path))
    assert theirs.chat_template in (template, {"a": "b"})


# ---- the hub ----


@pytest.fixture
def hub(monkeypatch):
    return stand_in(monkeypatch)


def test_push_to_hub(bert, hub):
    assert bert.push_to_hub("mine", private=True, token="t", revision="r") == "hub/me/mine/commit/1"
    create, upload = hub.calls
    assert create == ("create", "mine", {"private": True, "token": "t", "exist_ok": True})
    assert upload[:3] == ("upload", "me/mine", ["tokenizer.json", "tokenizer_config.json"])
    assert upload[3]["revision"] == "r"
    assert upload[3]["commit_message"] == "Upload tokenizer"
    with pytest.raises(OSError, match=r"refused.*403"):
        bert.push_to_hub("refused")


def test_save_and_push(bert, hub, tmp_path):
    (tmp_path / "other.txt").write_text("not a file of the tokenizer")
    bert.save_pretrained(tmp_path, push_to_hub=True, commit_message="New")
    create, upload = hub.calls
    assert create[1] == tmp_path.name
    assert upload[2] == ["tokenizer.json", "tokenizer_config.json"]
    assert upload[3]["commit_message"] == "New"
    bert.save_pretrained(tmp_path, push_to_hub=True, repo_id="else")
    assert hub.calls[-1][1] == "me/else"
