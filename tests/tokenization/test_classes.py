"""The further tokenizer classes, the generic one and AutoTokenizer, against transformers."""

import json
import random

import pytest
from small_tokenizers import BYTE_CHARS

import pytxenc
from pytxenc import AddedToken, AutoTokenizer, PreTrainedTokenizerFast
from pytxenc.tokenization import auto

transformers = pytest.importorskip("transformers")

TEXTS = [
    "Hello world, UNable! caf\xe9",
    "the dog's  cute \u4e2d\u56fd",
    "",
    " <mask> a[MASK]b </s>",
]
TEXTS += ["it\u2581is <|endoftext|>x \n", "newtok xnewtoky NEWTOK <extra> raw"]
LETTERS = "abcdefghijklmnopqrstuvwxyz"
WORDS = [*LETTERS, *("##" + c for c in LETTERS), "the", "dog", "is", "cute", "un", "##able"]
WORDS += ["hello", "world", ",", ".", "!", "'", "9", "caf", "\u4e2d"]
PIECES = ["\u2581the", "\u2581dog", "\u2581is", "\u2581hello", "\u2581un", "able", "9,", ",", "!"]
SENTENCEPIECE = [(piece, -3.0 - 0.25 * i) for i, piece in enumerate(PIECES)]
SENTENCEPIECE += [(c, -9.0) for c in "\u2581'" + LETTERS]


def both(name, folder, **kwargs):
    """(ours, transformers') of the same files."""
    made = (getattr(library, name) for library in (pytxenc, transformers))
    return tuple(cls.from_pretrained(folder, **kwargs) for cls in made)


def write(folder, name, value):
    folder.mkdir(exist_ok=True)
    text = value if isinstance(value, str) else json.dumps(value)
    (folder / name).write_text(text, encoding="utf-8")
    return folder


def gpt2_folder(folder):
    merges = ["h e", "l l", "he ll", "hell o", "\u0120 w", "\u0120 t", "\u0120t he", "' s"]
    tokens = [*BYTE_CHARS, *(m.replace(" ", "") for m in merges), "<|endoftext|>"]
    write(folder, "vocab.json", {token: i for i, token in enumerate(tokens)})
    return write(folder, "merges.txt", "\n".join(["#version: 0.2", *merges]) + "\n")


def mpnet_folder(folder):
    tokens = ["<s>", "<pad>", "</s>", "<unk>", *WORDS, "[UNK]", "<mask>"]
    return write(folder, "vocab.txt", "\n".join(tokens) + "\n")


def bert_folder(folder):
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    return write(folder, "vocab.txt", "\n".join(tokens) + "\n")


def camembert_folder(folder):
    pieces = [("<s>NOTUSED", 0.0), ("<pad>", 0.0), ("</s>NOTUSED", 0.0), ("<unk>", 0.0)]
    pieces += [("<unk>NOTUSED", -100.0), *SENTENCEPIECE, ("<mask>", 0.0)]
    model = {"type": "Unigram", "unk_id": 3, "vocab": pieces, "byte_fallback": False}
    spec = dict.fromkeys(("truncation", "padding", "normalizer", "pre_tokenizer", "decoder"))
    spec |= {"version": "1.0", "added_tokens": [], "post_processor": None, "model": model}
    return write(folder, "tokenizer.json", spec)


FOLDERS = {
    "DistilBertTokenizer": bert_folder,
    "ElectraTokenizer": bert_folder,
    "MPNetTokenizer": mpnet_folder,
    "GPT2Tokenizer": gpt2_folder,
    "CamembertTokenizer": camembert_folder,
}
each_class = pytest.mark.parametrize("name", FOLDERS)


def same(ours, theirs, texts=TEXTS):
    assert ours.get_vocab() == theirs.get_vocab() and len(ours) == len(theirs)
    assert ours.special_tokens_map == theirs.special_tokens_map
    assert ours.extra_special_tokens == theirs.extra_special_tokens
    assert ours.all_special_ids == theirs.all_special_ids
    assert ours.model_input_names == list(theirs.model_input_names)
    for key in ("padding_side", "truncation_side", "model_max_length", "vocab_size"):
        assert getattr(ours, key) == getattr(theirs, key), key
    tokens = {i: str(token) for i, token in theirs.added_tokens_decoder.items()}
    assert {i: token.content for i, token in ours.added_tokens_decoder.items()} == tokens
    for index, token in theirs.added_tokens_decoder.items():
        for flag in ("single_word", "lstrip", "rstrip", "normalized", "special"):
            mine = ours.added_tokens_decoder[index]
            assert getattr(mine, flag) == getattr(token, flag), (flag, token)
    wanted = dict(return_offsets_mapping=True, return_special_tokens_mask=True)
    wanted |= dict(return_token_type_ids=True)
    for i, text in enumerate(texts):
        for pair in (None, texts[i - 1]):
            expected = dict(theirs(text, pair, **wanted))
            assert dict(ours(text, pair, **wanted)) == expected, (text, pair)
            assert dict(ours(text, pair)) == dict(theirs(text, pair))
        ids = expected["input_ids"]
        for skip in (False, True):
            assert ours.decode(ids, skip) == theirs.decode(ids, skip), text
        assert ours.tokenize(text) == theirs.tokenize(text)
    for pair in (False, True):
        assert ours.num_special_tokens_to_add(pair) == theirs.num_special_tokens_to_add(pair)


@each_class
def test_from_vocabulary_files(name, tmp_path):
    same(*both(name, FOLDERS[name](tmp_path / "a")))
    assert getattr(pytxenc, name + "Fast") is getattr(pytxenc, name)
    ours, theirs = both(name, tmp_path / "a", extra_special_tokens=["<extra>"])
    for tokenizer in (ours, theirs):
        tokenizer.add_tokens(["newtok"])
    same(ours, theirs)


@each_class
@pytest.mark.parametrize("seed", range(4))
def test_saved_by_either(name, seed, tmp_path):
    """Random added tokens and settings; each library reads what the other wrote."""
    rng = random.Random(f"{name} {seed}")
    flags = ("single_word", "lstrip", "rstrip", "normalized")
    chosen = [
        (content, {flag: rng.random() < 0.4 for flag in flags}, rng.random() < 0.4)
        for content in rng.sample(["newtok", "raw", "<extra>", "a", "NEWTOK", "x y"], 4)
    ]
    side = rng.choice(("left", "right"))
    options = dict(model_max_length=rng.choice((20, 512)), padding_side=side, truncation_side=side)
    folder = FOLDERS[name](tmp_path / "a")
    ours, theirs = both(name, folder, **options)
    for content, values, special in chosen:
        ours.add_tokens([AddedToken(content, **values)], special_tokens=special)
        token = transformers.AddedToken(content, **values)
        theirs.add_tokens([token], special_tokens=special)
    same(ours, theirs)
    ours.save_pretrained(tmp_path / "ours")
    theirs.save_pretrained(tmp_path / "theirs")
    for saved in ("ours", "theirs"):
        again, reference = both(name, tmp_path / saved)
        same(again, reference)
        same(again, theirs)
        same(*both("PreTrainedTokenizerFast", tmp_path / saved))
        chosen_class = type(transformers.AutoTokenizer.from_pretrained(tmp_path / saved)).__name__
        assert type(AutoTokenizer.from_pretrained(tmp_path / saved)).__name__ == chosen_class


def test_camembert_from_a_sentencepiece_model(tmp_path):
    spm = pytest.importorskip("sentencepiece")
    text = (
        "the dog is cute. hello world, un able! a b c d e f g h i j k l m n o p q r s t u v w x y"
    )
    (tmp_path / "text.txt").write_text((text + "\n") * 30, encoding="utf-8")
    spm.SentencePieceTrainer.train(
        input=str(tmp_path / "text.txt"),
        model_prefix=str(tmp_path / "sentencepiece.bpe"),
        vocab_size=40,
        user_defined_symbols=["<sym>"],
        minloglevel=2,
    )
    same(*both("CamembertTokenizer", tmp_path), texts=[*TEXTS, "a<sym>b"])


@each_class
def test_without_a_vocabulary(name, caplog):
    ours, theirs = getattr(pytxenc, name)(), getattr(transformers, name)()
    assert ours.get_vocab() == theirs.get_vocab()
    assert ours.special_tokens_map == theirs.special_tokens_map


@pytest.mark.parametrize("flags", [{"add_bos_token": True}, {"add_eos_token": False}, {}])
def test_gpt2_around_a_text(flags, tmp_path):
    folder = gpt2_folder(tmp_path)
    same(*both("GPT2Tokenizer", folder, **flags))
    write(folder, "tokenizer_config.json", {"add_bos_token": True, **flags})
    same(*both("GPT2Tokenizer", folder))
    same(*both("GPT2Tokenizer", folder, add_prefix_space=True, pad_token="<|endoftext|>"))


def test_save_vocabulary(tmp_path):
    for name in ("DistilBertTokenizer", "MPNetTokenizer", "GPT2Tokenizer"):
        tokenizer = getattr(pytxenc, name).from_pretrained(FOLDERS[name](tmp_path / name))
        (tmp_path / (name + "2")).mkdir()
        tokenizer.save_vocabulary(tmp_path / (name + "2"))
        again = getattr(pytxenc, name).from_pretrained(tmp_path / (name + "2"))
        assert again.get_vocab() == tokenizer.get_vocab()
        assert again(TEXTS[0]) == tokenizer(TEXTS[0])


# ---- the generic class ----


def generic_spec(**parts):
    vocab = {
        token: i for i, token in enumerate(["[UNK]", "a", "b", "hello", "world", "[CLS]", "!"])
    }
    template = {
        "type": "TemplateProcessing",
        "single": [
            {"SpecialToken": {"id": "[CLS]", "type_id": 0}},
            {"Sequence": {"id": "A", "type_id": 0}},
        ],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [5], "tokens": ["[CLS]"]}},
    }
    token = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized", "special"), False)
    added = [{"id": 5, "content": "[CLS]", **token, "special": True}]
    added += [{"id": 7, "content": "newtok", **token, "lstrip": True}]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": {"type": "Replace", "pattern": {"Regex": "x+"}, "content": "a"},
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": template,
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": vocab, "unk_token": "[UNK]"},
        **parts,
    }


TRUNCATION = {"direction": "Left", "max_length": 3, "strategy": "LongestFirst", "stride": 0}
PADDING = {
    "strategy": {"Fixed": 9},
    "direction": "Left",
    "pad_to_multiple_of": None,
    "pad_id": 1,
    "pad_type_id": 0,
    "pad_token": "b",
}
CLS = {"content": "[CLS]", "rstrip": False, "single_word": True, "special": True}
NORMAL = {"content": "a b", "lstrip": False, "rstrip": True, "single_word": False}


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"post_processor": None},
        {"truncation": TRUNCATION, "padding": PADDING},
        {"post_processor": {"type": "Sequence", "processors": [generic_spec()["post_processor"]]}},
        {"added_tokens": [{**NORMAL, "id": 9, "normalized": True, "special": False}]},
    ],
    ids=["plain", "no-post", "truncation", "sequence", "added"],
)
@pytest.mark.parametrize(
    "config",
    [
        {},
        {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "eos_token": "newtok"},
        {"extra_special_tokens": ["<e>", "world"], "model_max_length": 4, "padding_side": "left"},
        {"added_tokens_decoder": {"5": {**CLS, "lstrip": True}, "9": NORMAL}},
        {"add_bos_token": True, "bos_token": "b", "model_input_names": ["input_ids"]},
        {"image_token": "<i>", "additional_special_tokens": ["<x>"]},
    ],
    ids=["none", "named", "extra", "decoder", "bos", "specific"],
)
def test_generic(parts, config, tmp_path):
    texts = ["hello xx newtok a b!", "[CLS] world  newtok", "", "[PAD]<e><x>a b", "a \xe9"]
    write(tmp_path, "tokenizer.json", generic_spec(**parts))
    write(tmp_path, "tokenizer_config.json", config)
    ours, theirs = both("PreTrainedTokenizerFast", tmp_path)
    same(ours, theirs, texts)
    ours.save_pretrained(tmp_path / "ours")
    theirs.save_pretrained(tmp_path / "theirs")
    for saved in ("ours", "theirs"):
        again, reference = both("TokenizersBackend", tmp_path / saved)
        same(again, reference, texts)
        same(again, theirs, texts)
        assert type(AutoTokenizer.from_pretrained(tmp_path / saved)) is type(again)


@pytest.mark.parametrize(
    "kwargs",
    [
        {},
        {"pad_token": "b", "bos_token": "a", "add_bos_token": True},
        {"bos_token": "<s>", "eos_token": "</s>", "add_bos_token": True, "add_eos_token": True},
        {"extra_special_tokens": ["<e>"], "padding_side": "left", "mask_token": "[M]"},
    ],
)
def test_generic_constructor(kwargs, tmp_path):
    path = write(tmp_path, "tokenizer.json", generic_spec()) / "tokenizer.json"
    ours = PreTrainedTokenizerFast(tokenizer_file=path, **kwargs)
    theirs = transformers.PreTrainedTokenizerFast(tokenizer_file=str(path), **kwargs)
    same(ours, theirs, ["hello xx <e> newtok a b!", "[M]"])
    made = PreTrainedTokenizerFast(tokenizer_object=theirs.backend_tokenizer, **kwargs)
    assert made("hello a b") == ours("hello a b")
    assert PreTrainedTokenizerFast.from_pretrained(path)("a").input_ids == [5, 1]
    with pytest.raises(ValueError, match="save_pretrained"):
        ours.save_vocabulary(tmp_path)


def test_generic_errors(tmp_path):
    with pytest.raises(ValueError, match="tokenizer_file="):
        PreTrainedTokenizerFast()
    with pytest.raises(TypeError, match="Tokenizer of the tokenizers library, not int"):
        PreTrainedTokenizerFast(tokenizer_object=3)
    with pytest.raises(OSError, match=r"has no tokenizer\.json"):
        PreTrainedTokenizerFast.from_pretrained(tmp_path)
    path = write(tmp_path, "tokenizer.json", generic_spec(pre_tokenizer={"type": "Odd"}))
    with pytest.raises(ValueError, match=r"tokenizer\.json: .*pre_tokenizer: the type 'Odd'"):
        PreTrainedTokenizerFast.from_pretrained(path)
    (tmp_path / "vocab.txt").write_text("a\n")
    with pytest.raises(ValueError, match=r"expected a tokenizer\.json or a directory"):
        PreTrainedTokenizerFast.from_pretrained(tmp_path / "vocab.txt")
    with pytest.raises(OSError, match="from_pretrained"):
        AutoTokenizer()


# ---- AutoTokenizer ----


@pytest.mark.parametrize("model_type", [None, *sorted(auto._BY_MODEL_TYPE)])
def test_auto_knows_the_model_types(model_type):
    """The class for each model type alone, and with a class that the files declare."""
    from transformers.models.auto import tokenization_auto as reference

    names = reference.TOKENIZER_MAPPING_NAMES
    chosen = auto.choose_class(model_type, None).__name__
    expected = names.get(model_type) or "TokenizersBackend"
    assert chosen == expected
    for declared in ("BertTokenizerFast", "RobertaTokenizer", "PreTrainedTokenizerFast"):
        found = auto.choose_class(model_type, declared).__name__
        generic = expected == "TokenizersBackend" and model_type is not None
        if generic or declared.startswith("PreTrained"):
            assert found == "TokenizersBackend"
        else:
            assert found == declared.removesuffix("Fast")


@pytest.mark.parametrize(
    ("config", "saved"),
    [
        ({"model_type": "bert"}, None),
        ({"model_type": "distilbert"}, {"tokenizer_class": "DistilBertTokenizer"}),
        ({"model_type": "electra"}, {"tokenizer_class": "ElectraTokenizerFast"}),
        ({"model_type": "bert", "tokenizer_class": "PreTrainedTokenizerFast"}, None),
        ({"model_type": "bert"}, {"tokenizer_class": "BertTokenizerFast"}),
        ({"model_type": "modernbert"}, {"tokenizer_class": "BertTokenizer"}),
        ({"model_type": "bert", "tokenizer_class": "DistilBertTokenizer"}, {"do_lower_case": True}),
        (None, {"tokenizer_class": "BertTokenizer"}),
        (None, {"tokenizer_class": "MPNetTokenizerFast"}),
        (None, None),
    ],
)
def test_auto_chooses_as_transformers(config, saved, tmp_path):
    bert = pytxenc.BertTokenizer.from_pretrained(bert_folder(tmp_path / "a"))
    bert.save_pretrained(tmp_path)
    (tmp_path / "tokenizer_config.json").unlink()
    for name, value in (("config.json", config), ("tokenizer_config.json", saved)):
        if value is not None:
            write(tmp_path, name, value)
    ours = AutoTokenizer.from_pretrained(tmp_path, model_max_length=33)
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path, model_max_length=33)
    assert type(ours).__name__ == type(theirs).__name__
    same(ours, theirs)


def test_auto_options(tmp_path, caplog):
    folder = bert_folder(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(folder, tokenizer_type="bert", use_fast=False)
    assert type(tokenizer) is pytxenc.BertTokenizer
    with pytest.raises(ValueError, match="'brt' is not known; the types are albert"):
        AutoTokenizer.from_pretrained(folder, tokenizer_type="brt")
    config = pytxenc.BertConfig()
    assert type(AutoTokenizer.from_pretrained(folder, config=config)) is pytxenc.BertTokenizer
    tokenizer.save_pretrained(tmp_path)
    write(tmp_path, "tokenizer_config.json", {"tokenizer_class": "DebertaV2Tokenizer"})
    assert type(AutoTokenizer.from_pretrained(tmp_path)) is PreTrainedTokenizerFast
    assert "there is no DebertaV2Tokenizer here" in caplog.text


def test_auto_register(tmp_path, monkeypatch):
    for table in ("_CLASSES", "_BY_CONFIG_CLASS", "_REGISTERED_TYPES"):
        monkeypatch.setattr(auto, table, dict(getattr(auto, table)))

    class MyConfig(pytxenc.BertConfig):
        model_type = "mine"

    class MyTokenizer(pytxenc.BertTokenizer):
        pass

    folder = bert_folder(tmp_path)
    write(folder, "config.json", {"model_type": "mine"})
    AutoTokenizer.register(MyConfig, MyTokenizer)
    assert type(AutoTokenizer.from_pretrained(folder)) is MyTokenizer
    assert type(AutoTokenizer.from_pretrained(folder, config=MyConfig())) is MyTokenizer
    AutoTokenizer.from_pretrained(folder).save_pretrained(folder)
    (folder / "config.json").unlink()
    assert type(AutoTokenizer.from_pretrained(folder)) is MyTokenizer
    with pytest.raises(ValueError, match="exist_ok=True"):
        AutoTokenizer.register(MyConfig, MyTokenizer)
    AutoTokenizer.register(MyConfig, fast_tokenizer_class=MyTokenizer, exist_ok=True)
    with pytest.raises(ValueError, match="needs a tokenizer_class"):
        AutoTokenizer.register(MyConfig)
