"""Loading and saving: every file kind, transformers' files and ours, and bad files."""

import json
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pytxenc.tokenization
from pytxenc.tokenization import (
    AddedToken,
    AlbertTokenizer,
    BertTokenizer,
    RobertaTokenizer,
    XLMRobertaTokenizer,
)

CLASSES = {"bert": BertTokenizer, "roberta": RobertaTokenizer, "albert": AlbertTokenizer}
TEXT = "Hello the unable dog's 9,999 <mask> [MASK]."


def same(a, b):
    assert type(a) is type(b)
    assert a.get_vocab() == b.get_vocab()
    assert a.added_tokens_decoder == b.added_tokens_decoder
    assert a.special_tokens_map == b.special_tokens_map
    assert a.all_special_tokens == b.all_special_tokens
    for pair in (None, "world"):
        assert a(TEXT, pair, return_offsets_mapping=True) == b(
            TEXT, pair, return_offsets_mapping=True
        )
    for name in ("model_max_length", "padding_side", "truncation_side", "split_special_tokens",
                 "model_input_names"):  # fmt: skip
        assert getattr(a, name) == getattr(b, name)


def write(folder, name, content):
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / name).write_text(text, encoding="utf-8")


@pytest.fixture
def folder(request, made_up, tmp_path):
    """A copy of a made-up tokenizer's folder that a test may spoil."""
    return Path(shutil.copytree(made_up[request.param], tmp_path / request.param))


each_family = pytest.mark.parametrize("folder", CLASSES, indirect=True)
bert_folder = pytest.mark.parametrize("folder", ["bert"], indirect=True)
roberta_folder = pytest.mark.parametrize("folder", ["roberta"], indirect=True)
albert_folder = pytest.mark.parametrize("folder", ["albert"], indirect=True)


def test_save_and_load(ours, tmp_path):
    written = ours.save_pretrained(tmp_path / "a" / "b")
    assert sorted(os.path.basename(path) for path in written) == [
        "tokenizer.json", "tokenizer_config.json",
    ]  # fmt: skip
    assert sorted(os.listdir(tmp_path / "a" / "b")) == ["tokenizer.json", "tokenizer_config.json"]
    same(type(ours).from_pretrained(tmp_path / "a" / "b"), ours)
    same(type(ours).from_pretrained(str(tmp_path / "a" / "b")), ours)
    same(type(ours)(tokenizer_file=tmp_path / "a" / "b" / "tokenizer.json"), ours)
    same(type(ours).from_pretrained(tmp_path / "a" / "b" / "tokenizer.json"), ours)


@each_family
def test_save_and_load_with_everything_changed(folder, tmp_path):
    cls = CLASSES[folder.name]
    tokenizer = cls.from_pretrained(
        folder, model_max_length=77, padding_side="left", truncation_side="left",
        split_special_tokens=True, extra_special_tokens=["<extra>"],
        mask_token=AddedToken("<mymask>", lstrip=True),
        model_input_names=["input_ids", "token_type_ids"],
    )  # fmt: skip
    tokenizer.add_tokens(["newtok", AddedToken("raw", normalized=False)])
    tokenizer.save_pretrained(tmp_path / "saved")
    again = cls.from_pretrained(tmp_path / "saved")
    same(again, tokenizer)
    assert again.mask_token == "<mymask>"
    assert again.added_tokens_decoder[again.mask_token_id].lstrip
    assert again.extra_special_tokens == ["<extra>"]
    assert again.model_max_length == 77
    override = cls.from_pretrained(tmp_path / "saved", padding_side="right", model_max_length=5)
    assert (override.padding_side, override.model_max_length) == ("right", 5)


@each_family
def test_transformers_reads_ours_and_we_read_theirs(folder, tmp_path):
    transformers = pytest.importorskip("transformers")
    cls = CLASSES[folder.name]
    theirs_class = getattr(transformers, cls.__name__)
    ours = cls.from_pretrained(folder, model_max_length=50)
    ours.add_special_tokens({"extra_special_tokens": ["<extra>"]})
    ours.add_tokens(["newtok"])
    ours.save_pretrained(tmp_path / "ours")
    theirs = theirs_class.from_pretrained(tmp_path / "ours")
    theirs.save_pretrained(tmp_path / "theirs")
    back = cls.from_pretrained(tmp_path / "theirs")
    same(back, ours)
    for text in (TEXT, "newtok xnewtoky <extra>", ""):
        assert dict(theirs(text, "dog")) == dict(ours(text, "dog")) == dict(back(text, "dog"))
    assert theirs.get_vocab() == ours.get_vocab()
    assert repr(theirs).split(",", 1)[1] == repr(back).split(",", 1)[1].replace("ours", "theirs")


@each_family
def test_truncation_and_padding_saved_by_others(folder, tmp_path):
    cls = CLASSES[folder.name]
    cls.from_pretrained(folder).save_pretrained(tmp_path)
    spec = json.loads((tmp_path / "tokenizer.json").read_text(encoding="utf-8"))
    spec["truncation"] = {
        "direction": "Left", "max_length": 3, "strategy": "LongestFirst", "stride": 0,
    }  # fmt: skip
    spec["padding"] = {
        "strategy": {"Fixed": 9}, "direction": "Left", "pad_to_multiple_of": None, "pad_id": 0,
        "pad_type_id": 0, "pad_token": "x",
    }  # fmt: skip
    write(tmp_path, "tokenizer.json", spec)
    tokenizer = cls.from_pretrained(tmp_path)
    assert tokenizer.truncation_side == tokenizer.padding_side == "left"
    assert tokenizer(TEXT) == cls.from_pretrained(folder)(TEXT)


@each_family
def test_save_vocabulary(folder, tmp_path):
    cls = CLASSES[folder.name]
    tokenizer = cls.from_pretrained(folder)
    written = tokenizer.save_vocabulary(tmp_path, filename_prefix="my")
    for path in written:
        os.rename(path, path.replace("my-", ""))
    again = cls.from_pretrained(tmp_path)
    assert again.get_vocab() == tokenizer.get_vocab()
    assert again(TEXT)["input_ids"] == tokenizer(TEXT)["input_ids"]
    with pytest.raises(OSError, match="directory"):
        tokenizer.save_vocabulary(tmp_path / "absent")


def test_constructors(made_up):
    bert, roberta = made_up["bert"], made_up["roberta"]
    expected = BertTokenizer.from_pretrained(bert)
    tokens = (bert / "vocab.txt").read_text(encoding="utf-8").split("\n")[:-1]
    for made in (
        BertTokenizer(bert / "vocab.txt"),
        BertTokenizer(str(bert / "vocab.txt")),
        BertTokenizer(vocab_file=bert / "vocab.txt"),
        BertTokenizer(tokens),
        BertTokenizer({token: i for i, token in enumerate(tokens)}),
        BertTokenizer.from_pretrained(bert / "vocab.txt"),
    ):
        assert made(TEXT) == expected(TEXT)
    assert BertTokenizer(tokens, False)("Hello")["input_ids"] != expected("Hello")["input_ids"]
    expected = RobertaTokenizer.from_pretrained(roberta)
    vocab = json.loads((roberta / "vocab.json").read_text(encoding="utf-8"))
    merges = (roberta / "merges.txt").read_text(encoding="utf-8").split("\n")[1:-1]
    for made in (
        RobertaTokenizer(roberta / "vocab.json", roberta / "merges.txt"),
        RobertaTokenizer(vocab_file=roberta / "vocab.json", merges_file=roberta / "merges.txt"),
        RobertaTokenizer(vocab, merges),
        RobertaTokenizer(vocab, [tuple(merge.split(" ")) for merge in merges]),
    ):
        assert made(TEXT) == expected(TEXT)
    with pytest.raises(ValueError, match=r"merges=\[\]"):
        RobertaTokenizer(vocab)
    assert RobertaTokenizer(vocab, []).tokenize("he") == ["h", "e"]


def test_constructor_options(made_up):
    folder = made_up["roberta"]
    spaced = RobertaTokenizer.from_pretrained(folder, add_prefix_space=True)
    assert spaced.tokenize("the") == ["Ġthe"]
    trimmed = RobertaTokenizer.from_pretrained(folder)
    kept = RobertaTokenizer.from_pretrained(folder, trim_offsets=False)
    assert trimmed("a the", return_offsets_mapping=True).offset_mapping[2] == (2, 5)
    assert kept("a the", return_offsets_mapping=True).offset_mapping[2] == (1, 5)
    folder = made_up["bert"]
    plain = BertTokenizer.from_pretrained(folder, strip_accents=False)
    assert plain.tokenize("é") == ["[UNK]"]
    assert BertTokenizer.from_pretrained(folder).tokenize("é") == ["e"]
    joined = BertTokenizer.from_pretrained(folder, tokenize_chinese_chars=False)
    assert joined.tokenize("中国") == ["[UNK]"]


@pytest.mark.parametrize("cls", [*CLASSES.values(), XLMRobertaTokenizer])
def test_without_a_vocabulary(cls, caplog):
    tokenizer = cls()
    assert len(tokenizer) == 5
    assert "without a vocabulary" in caplog.text
    transformers = pytest.importorskip("transformers")
    assert tokenizer.get_vocab() == getattr(transformers, cls.__name__)().get_vocab()


def test_xlm_roberta_template():
    pieces = [(p, 0.0) for p in ("<s>", "<pad>", "</s>", "<unk>")]
    pieces += [("▁hello", -1.0), ("▁", -2.0), ("h", -3.0), ("<mask>", 0.0)]
    ours = XLMRobertaTokenizer(pieces)
    assert ours("hello", "h x")["input_ids"] == [0, 4, 2, 2, 5, 6, 5, 3, 2]
    transformers = pytest.importorskip("transformers")
    theirs = transformers.XLMRobertaTokenizer(pieces)
    for text in ("hello", "hello h <mask> h", "x"):
        assert dict(ours(text, "h")) == dict(theirs(text, "h"))


@roberta_folder
def test_legacy_files(folder, tmp_path):
    """Flags of special tokens come from special_tokens_map.json or tokenizer_config.json."""
    transformers = pytest.importorskip("transformers")
    mask = {"content": "<mask>", "lstrip": True, "rstrip": False, "single_word": False,
            "normalized": True}  # fmt: skip
    write(folder, "special_tokens_map.json", {
        "mask_token": mask, "bos_token": "<s>", "additional_special_tokens": ["<one>", "<two>"],
    })  # fmt: skip
    write(folder, "added_tokens.json", {"<two>": 274, "plain": 275})
    ours = RobertaTokenizer.from_pretrained(folder)
    theirs = transformers.RobertaTokenizer.from_pretrained(folder)
    assert ours.get_vocab() == theirs.get_vocab()
    assert ours.added_tokens_decoder[ours.mask_token_id].lstrip
    assert ours.extra_special_tokens == theirs.extra_special_tokens == ["<one>", "<two>"]
    for text in ("a <mask> b", "<one>plain <two>"):
        assert ours(text)["input_ids"] == theirs(text)["input_ids"]
    os.remove(folder / "special_tokens_map.json")
    os.remove(folder / "added_tokens.json")
    write(folder, "tokenizer_config.json", {
        "mask_token": {"__type": "AddedToken", **mask}, "model_max_length": 512,
        "tokenizer_class": "RobertaTokenizer", "unheard_of": [1],
        "added_tokens_decoder": {"0": {**mask, "content": "<s>", "special": True}},
    })  # fmt: skip
    ours = RobertaTokenizer.from_pretrained(folder)
    theirs = transformers.RobertaTokenizer.from_pretrained(folder)
    assert ours.added_tokens_decoder[0].lstrip
    assert ours.get_vocab() == theirs.get_vocab()
    for text in ("a <mask> b", "a <s> b"):
        assert ours(text)["input_ids"] == theirs(text)["input_ids"]
    ours.save_pretrained(tmp_path / "again")
    config = json.loads((tmp_path / "again" / "tokenizer_config.json").read_text())
    assert config["unheard_of"] == [1]
    same(RobertaTokenizer.from_pretrained(tmp_path / "again"), ours)


@bert_folder
def test_white_space_in_a_vocabulary(folder):
    transformers = pytest.importorskip("transformers")
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a\u3000", "b ", "", "a", "\x1c", "c\r"]
    write(folder, "vocab.txt", "\n".join(tokens))
    ours = BertTokenizer.from_pretrained(folder)
    theirs = transformers.BertTokenizer.from_pretrained(folder)
    assert ours.get_vocab() == theirs.get_vocab()
    assert len(ours) == len(theirs)
    # "a" is there twice: a new id must not be one in use, as it would be in the reference.
    ours.add_tokens(["new"])
    assert ours.convert_tokens_to_ids("new") == len(tokens)
    ours.save_vocabulary(folder)
    assert BertTokenizer.from_pretrained(folder).get_vocab() == theirs.get_vocab()


class Subclass(BertTokenizer):
    def __init__(self, *args, colour="red", **kwargs):
        super().__init__(*args, **kwargs)
        self.colour = colour


def test_a_subclass_keeps_the_saved_arguments(made_up, tmp_path):
    BertTokenizer.from_pretrained(made_up["bert"], do_lower_case=False).save_pretrained(tmp_path)
    tokenizer = Subclass.from_pretrained(tmp_path, colour="blue")
    assert tokenizer.colour == "blue"
    assert not tokenizer.do_lower_case


# ---- what is refused ----


def test_nothing_there(tmp_path):
    with pytest.raises(OSError, match=r"tokenizer\.json.*vocab\.txt"):
        BertTokenizer.from_pretrained(tmp_path)
    with pytest.raises(OSError, match="nowhere"):
        BertTokenizer.from_pretrained(tmp_path / "nowhere")
    with pytest.raises(OSError, match=r"absent\.txt"):
        BertTokenizer(vocab_file=tmp_path / "absent.txt")


@roberta_folder
def test_half_a_tokenizer(folder):
    with pytest.raises(ValueError, match=r"merges\.txt"):
        RobertaTokenizer.from_pretrained(folder / "vocab.json")
    os.remove(folder / "merges.txt")
    with pytest.raises(OSError, match=r"merges\.txt"):
        RobertaTokenizer.from_pretrained(folder)


@roberta_folder
@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("vocab.json", '{"a": 1,\n "b" 2}', "line 2, column 6"),
        ("vocab.json", "[1]", "JSON object"),
        ("vocab.json", "", "line 1"),
        ("vocab.json", '{"a": -1}', "'a'"),
        ("vocab.json", '{"a": 1.5}', "'a'"),
        ("vocab.json", '{"a": true}', "'a'"),
        ("vocab.json", '{"a": 99999999999}', "'a'"),
        ("vocab.json", "{}", "empty"),
        ("vocab.json", "[" * 100000, "deep"),
        ("merges.txt", "#version: 0.2\nh e\nx\n", "line 3"),
        ("merges.txt", "h e l", "line 1"),
        ("merges.txt", "Q Q", "merge|QQ"),
        ("tokenizer_config.json", "{", "tokenizer_config.json"),
        ("tokenizer_config.json", '{"model_max_length": "x"}', "model_max_length"),
        ("tokenizer_config.json", '{"padding_side": "up"}', "padding_side"),
        ("tokenizer_config.json", '{"pad_token": 5}', "pad_token"),
        ("tokenizer_config.json", '{"extra_special_tokens": [5]}', "extra_special_tokens"),
        ("tokenizer_config.json", '{"model_input_names": []}', "model_input_names"),
        ("special_tokens_map.json", '{"pad_token": 5}', "pad_token"),
        ("tokenizer_config.json", '{"added_tokens_decoder": [1]}', "added_tokens_decoder"),
        ("tokenizer_config.json", '{"added_tokens_decoder": {"x": {"content": "a"}}}', "'x'"),
        ("tokenizer_config.json", '{"added_tokens_decoder": {"1": {"content": 5}}}', "content"),
        ("tokenizer_config.json", '{"added_tokens_decoder": {"1": "a"}}', "object"),
        ("tokenizer_config.json", '{"mask_token": {"__type": "AddedToken"}}', "mask_token"),
        ("special_tokens_map.json", '{"mask_token": {"content": "a", "lstrip": 1}}', "lstrip"),
        ("special_tokens_map.json", "5", "JSON object"),
        ("added_tokens.json", '{"a": "b"}', "'a'"),
        ("added_tokens.json", '{"a": -1}', "'a'"),
    ],
)  # fmt: skip
def test_bad_files(folder, name, content, told):
    write(folder, name, content)
    with pytest.raises(ValueError, match=told) as caught:
        RobertaTokenizer.from_pretrained(folder)
    assert name in str(caught.value)


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("bert", "vocab.txt"),
        ("roberta", "vocab.json"),
        ("roberta", "merges.txt"),
        ("albert", "tokenizer.json"),
    ],
    indirect=["folder"],
)
def test_not_utf8(folder, name):
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[:20] + b"\xff" + data[20:])
    with pytest.raises(ValueError, match=f"{name}.*0xff at offset 20"):
        CLASSES[folder.name].from_pretrained(folder)


def spoil(spec, path, value):
    *way, last = path
    for key in way:
        spec = spec[key]
    if value is None:
        del spec[last]
    else:
        spec[last] = value


@albert_folder
@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        (["model"], None, "no 'model'"),
        (["model"], 5, "'model'"),
        (["model", "vocab"], None, "vocab"),
        (["model", "vocab"], [], "empty"),
        (["model", "vocab"], {"a": 1}, "list"),
        (["model", "vocab"], [["a", 0.0]], "piece 1"),
        (["model", "vocab", 3], ["a"], "entry 3"),
        (["model", "vocab", 3], ["a", "b"], "entry 3"),
        (["model", "vocab", 3], [5, 0.0], "entry 3"),
        (["model", "type"], "BPE", "BPE"),
        (["added_tokens"], 5, "added_tokens"),
        (["added_tokens", 1], 5, r"added_tokens\[1\]"),
        (["added_tokens", 1, "id"], "x", r"added_tokens\[1\]"),
        (["added_tokens", 1, "content"], None, r"added_tokens\[1\]"),
        (["added_tokens", 1, "special"], 1, "special"),
        (["normalizer"], {"type": "Precompiled", "precompiled_charsmap": "!!"}, "base64"),
        (["normalizer"], {"type": "Precompiled", "precompiled_charsmap": 5}, "base64"),
        (["truncation"], 5, "truncation"),
        (["padding"], {"direction": "up"}, "padding_side"),
        (["post_processor"], 5, "post_processor"),
        (["post_processor"], {"type": "Nonsense"}, "Nonsense|post_processor"),
    ],
)
def test_bad_tokenizer_json(folder, path, value, told):
    spec = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    spoil(spec, path, value)
    write(folder, "tokenizer.json", spec)
    with pytest.raises(ValueError, match=told) as caught:
        AlbertTokenizer.from_pretrained(folder)
    assert "tokenizer.json" in str(caught.value)


@bert_folder
def test_wrong_class_of_file(folder, made_up):
    for cls in (BertTokenizer, RobertaTokenizer):
        with pytest.raises(ValueError, match="Unigram"):
            cls.from_pretrained(made_up["albert"])
    write(folder, "vocab.txt", "a\nb\n")
    with pytest.raises(ValueError, match=r"vocab\.txt.*\[UNK\]"):
        BertTokenizer.from_pretrained(folder)
    write(folder, "vocab.txt", "")
    with pytest.raises(ValueError, match="empty"):
        BertTokenizer.from_pretrained(folder)


def test_not_sentencepiece(tmp_path):
    for content in (b"", b"hello", b"\x0a\xff\xff\xff\xff\x0f", bytes(range(256))):
        (tmp_path / "spiece.model").write_bytes(content)
        with pytest.raises(ValueError, match=r"spiece\.model"):
            AlbertTokenizer.from_pretrained(tmp_path)


def test_saving_fails_cleanly(bert, tmp_path):
    bert.save_pretrained(tmp_path)
    before = (tmp_path / "tokenizer.json").read_bytes()
    with pytest.raises(OSError):
        bert.save_pretrained(tmp_path / "tokenizer.json")
    assert (tmp_path / "tokenizer.json").read_bytes() == before
    with pytest.raises(OSError, match="offline"):
        bert.save_pretrained(tmp_path, push_to_hub=True)
    assert sorted(os.listdir(tmp_path)) == ["tokenizer.json", "tokenizer_config.json"]


def test_vocabulary_arguments_are_checked():
    for vocab, error, told in (
        (5, ValueError, "int"),
        ({1: 1}, ValueError, "1"),
        ({"[UNK]": "x"}, ValueError, "UNK"),
        ([5], ValueError, "entry 0"),
        ({}, ValueError, "empty"),
    ):
        with pytest.raises(error, match=told):
            BertTokenizer(vocab)
    for merges in ([5], ["a"], [("a", "b", "c")], [("a", "")], 5):
        with pytest.raises((ValueError, TypeError), match="merge"):
            RobertaTokenizer({"a": 0}, merges)
    for pieces in ([("a",)], [("a", "b")], [5], "", {"a": 1}):
        with pytest.raises((ValueError, TypeError, OSError)):
            AlbertTokenizer(pieces)
    for wrong in ({"pad_token": 5}, {"extra_special_tokens": "x"}, {"extra_special_tokens": [5]}):
        with pytest.raises(TypeError, match=next(iter(wrong))):
            BertTokenizer({"[UNK]": 0}, **wrong)


def test_every_name_is_public():
    for name in pytxenc.tokenization.__all__:
        assert hasattr(pytxenc.tokenization, name)


# ---- mutated files: loaded or refused, never anything else ----

SOUP = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=4,
)
MUTATED = settings(
    max_examples=2000 if os.environ.get("PYTXENC_SLOW") else 100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def loads_or_refuses(cls, folder):
    try:
        tokenizer = cls.from_pretrained(folder)
    except (ValueError, OSError) as error:
        assert str(error)
        return
    try:
        tokenizer(["hello [MASK] <mask> 9,", ""], padding=True)
    except ValueError as error:
        assert str(error)


def change(draw, value, depth=0):
    """`value` with something in it replaced by any other JSON."""
    if depth < 5 and isinstance(value, (dict, list)) and value and draw(st.integers(0, 5)):
        keys = list(value) if isinstance(value, dict) else range(len(value))
        key = draw(st.sampled_from(keys))
        copy = dict(value) if isinstance(value, dict) else list(value)
        copy[key] = change(draw, value[key], depth + 1)
        return copy
    return draw(SOUP)


@pytest.mark.parametrize("family", CLASSES)
@given(data=st.data())
@MUTATED
def test_changed_json(made_up, tmp_path, family, data):
    name = data.draw(st.sampled_from(["tokenizer.json", "tokenizer_config.json"]))
    folder = tmp_path / family
    if not folder.exists():
        CLASSES[family].from_pretrained(
            made_up[family], extra_special_tokens=["<x>"]
        ).save_pretrained(folder)
    path = folder / name
    text = path.read_text(encoding="utf-8")
    try:
        write(folder, name, change(data.draw, json.loads(text)))
        loads_or_refuses(CLASSES[family], folder)
    finally:
        write(folder, name, text)


def change_bytes(data, content):
    content = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content)))
        size = data.draw(st.integers(0, 6))
        content[at : at + size] = data.draw(st.binary(max_size=6))
    return bytes(content)


@pytest.mark.parametrize(
    ("family", "name"),
    [("bert", "vocab.txt"), ("roberta", "vocab.json"), ("roberta", "merges.txt"),
     ("albert", "tokenizer.json")],
)  # fmt: skip
@given(data=st.data())
@MUTATED
def test_changed_bytes(made_up, tmp_path, family, name, data):
    folder = tmp_path / family
    if not folder.exists():
        shutil.copytree(made_up[family], folder)
    content = (folder / name).read_bytes()
    try:
        (folder / name).write_bytes(change_bytes(data, content))
        loads_or_refuses(CLASSES[family], folder)
    finally:
        (folder / name).write_bytes(content)


@pytest.mark.parametrize("original", [False, True])
@given(data=st.data())
@settings(parent=MUTATED, max_examples=MUTATED.max_examples // 5)
def test_changed_sentencepiece(data_dir, tmp_path, original, data):
    content = (data_dir / "tokenizers" / "albert-base-v2" / "spiece.model").read_bytes()
    size = data.draw(st.sampled_from([len(content), 3000, 100]))
    (tmp_path / "spiece.model").write_bytes(change_bytes(data, content[:size]))
    try:
        tokenizer = AlbertTokenizer.from_pretrained(tmp_path, original_rules=original)
        tokenizer("hello [MASK] 9,")
    except ValueError as error:
        assert str(error)
