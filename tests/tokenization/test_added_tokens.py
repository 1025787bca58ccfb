"""Added and special tokens: adding, setting, matching in texts."""

import copy
import logging
import pickle

import pytest

from pytxenc.tokenization import AddedToken, AlbertTokenizer, BertTokenizer, RobertaTokenizer


@pytest.fixture
def fresh(made_up):
    return BertTokenizer.from_pretrained(made_up["bert"])


@pytest.fixture
def pair(made_up):
    """(ours, transformers'), both new."""
    transformers = pytest.importorskip("transformers")
    return (
        BertTokenizer.from_pretrained(made_up["bert"]),
        transformers.BertTokenizer.from_pretrained(made_up["bert"]),
    )


def test_added_token_object():
    token = AddedToken("<x>", lstrip=True)
    assert str(token) == "<x>"
    assert token.normalized
    assert not AddedToken("<x>", special=True).normalized
    assert AddedToken("<x>", special=True, normalized=True).normalized
    assert token == AddedToken("<x>", lstrip=True)
    assert token != AddedToken("<x>")
    assert token != "<x>"
    assert len({token, AddedToken("<x>", lstrip=True)}) == 1
    assert pickle.loads(pickle.dumps(token)) == copy.deepcopy(token) == token
    assert repr(token) == (
        'AddedToken("<x>", rstrip=False, lstrip=True, single_word=False, normalized=True,'
        " special=False)"
    )
    with pytest.raises(TypeError, match="int"):
        AddedToken(5)


def test_add_tokens(fresh):
    size = fresh.vocab_size
    assert fresh.add_tokens(["newtok", "hello", "newtok"]) == 2
    assert fresh.add_tokens("newtok") == 0
    assert fresh.add_tokens(AddedToken("newtok", lstrip=True)) == 1
    assert fresh.add_tokens([]) == fresh.add_tokens("") == 0
    assert fresh.add_tokens(["<a>", "<b>"], special_tokens=True) == 2
    assert len(fresh) == size + 3
    assert fresh.vocab_size == size
    assert fresh.convert_tokens_to_ids(["newtok", "<a>", "<b>"]) == [size, size + 1, size + 2]
    assert fresh.get_added_vocab()["hello"] == fresh.get_vocab()["hello"] < size
    assert fresh.added_tokens_decoder[size].lstrip
    assert fresh.tokenize("xnewtoky <a>") == ["x", "newtok", "y", "<a>"]
    assert fresh.decode([size, size + 1], skip_special_tokens=True) == "newtok"
    fresh.added_tokens_decoder[size].content = "changed"
    assert fresh.convert_ids_to_tokens(size) == "newtok"
    with pytest.raises(TypeError, match="int"):
        fresh.add_tokens([5])


TOKENS = [
    AddedToken("NEWTOK"),
    AddedToken("rawTok", normalized=False),
    AddedToken("single", single_word=True),
    AddedToken("left", lstrip=True),
    AddedToken("right", rstrip=True),
    AddedToken("<spec>", special=True),
    AddedToken("dog", lstrip=True, rstrip=True),
]
TEXTS = [
    "a NEWTOK b newtok cNEWTOKd", "x rawTok RAWTOK rawtok", "single singles a single,",
    "a  left  b", "a  right  b", "a<spec>b <SPEC>", "the dog  is hotdogs", "", "left", " right ",
    "NEWTOK" * 3, "leftright single<spec>",
]  # fmt: skip


@pytest.mark.parametrize("family", ["Bert", "Roberta", "Albert"])
def test_matching_as_in_the_reference(made_up, family):
    transformers = pytest.importorskip("transformers")
    import tokenizers

    name = f"{family}Tokenizer"
    folder = made_up[family.lower()]
    ours = {"Bert": BertTokenizer, "Roberta": RobertaTokenizer, "Albert": AlbertTokenizer}[family]
    ours, reference = (c.from_pretrained(folder) for c in (ours, getattr(transformers, name)))
    count = reference.add_tokens([tokenizers.AddedToken(**t.to_dict()) for t in TOKENS])
    assert ours.add_tokens(TOKENS) == count
    assert ours.get_vocab() == reference.get_vocab()
    for text in TEXTS:
        for split in (False, True):
            mine, theirs = (
                t(text, return_offsets_mapping=True, split_special_tokens=split)
                for t in (ours, reference)
            )
            assert dict(mine) == dict(theirs), text
            assert mine.word_ids() == theirs.word_ids(), text


def test_add_special_tokens(pair):
    for tokenizer in pair:
        size = len(tokenizer)
        assert tokenizer.add_special_tokens({"bos_token": "<bos>", "cls_token": "[CLS]"}) == 1
        assert tokenizer.bos_token == "<bos>"
        assert tokenizer.bos_token_id == size
        new = {"additional_special_tokens": ["<e1>", "<e2>"]}
        assert tokenizer.add_special_tokens(new) == 2
        assert tokenizer.extra_special_tokens == ["<e1>", "<e2>"]
        assert tokenizer.extra_special_tokens_ids == [size + 1, size + 2]
        tokenizer.add_special_tokens(
            {"extra_special_tokens": ["<e2>", "<e3>"]}, replace_extra_special_tokens=False
        )
        assert tokenizer.extra_special_tokens == ["<e1>", "<e2>", "<e3>"]
        tokenizer.add_special_tokens({"extra_special_tokens": ["<e4>"]})
        assert tokenizer.all_special_tokens[-1] == "<e4>"
        assert "<e1>" not in tokenizer.all_special_tokens
        assert len(tokenizer) == size + 5
        assert tokenizer.add_special_tokens({}) == 0
        with pytest.raises(ValueError, match="clss_token"):
            tokenizer.add_special_tokens({"clss_token": "x"})
    assert pair[0].get_vocab() == pair[1].get_vocab()
    assert pair[0].special_tokens_map == pair[1].special_tokens_map
    assert pair[0].additional_special_tokens == ["<e4>"]
    assert pair[0].additional_special_tokens_ids == [len(pair[0]) - 1]


def test_setting_special_tokens(pair, caplog):
    for tokenizer in pair:
        tokenizer.bos_token = "hello"
        tokenizer.eos_token_id = tokenizer.convert_tokens_to_ids("world")
        tokenizer.sep_token = None
        tokenizer.mask_token = "nowhere"
        tokenizer.extra_special_tokens = ["dog"]
    ours, reference = pair
    assert ours.bos_token_id == reference.bos_token_id
    assert ours.eos_token == reference.eos_token == "world"
    assert ours.sep_token is reference.sep_token is None
    assert ours.sep_token_id is reference.sep_token_id is None
    assert ours.mask_token_id == reference.mask_token_id == ours.unk_token_id
    assert ours.all_special_tokens == reference.all_special_tokens
    assert ours.all_special_ids == reference.all_special_ids
    assert ours("hello")["input_ids"] == reference("hello")["input_ids"]
    with caplog.at_level(logging.WARNING, "pytxenc"):
        ours.mask_token = "nowhere"
    assert "add_special_tokens" in caplog.text
    with pytest.raises(TypeError, match="pad_token"):
        ours.pad_token = 5
    with pytest.raises(ValueError, match="pad_token_id"):
        ours.pad_token_id = 10**6
    with pytest.raises(ValueError, match="extra_special_tokens"):
        ours.extra_special_tokens = "dog"


def test_model_specific_tokens(made_up):
    tokenizer = BertTokenizer.from_pretrained(
        made_up["bert"], extra_special_tokens={"image_token": "<image>"}
    )
    assert tokenizer.image_token == "<image>"
    assert tokenizer.image_token_id == tokenizer.vocab_size
    assert "image_token" in tokenizer.SPECIAL_TOKENS_ATTRIBUTES
    with pytest.raises(AttributeError, match="audio_token"):
        _ = tokenizer.audio_token


def test_named_tokens_that_a_class_has_no_argument_for(made_up):
    transformers = pytest.importorskip("transformers")
    tokenizers = [
        cls.from_pretrained(made_up["bert"], bos_token="[X]")
        for cls in (BertTokenizer, transformers.BertTokenizer)
    ]
    ours, theirs = (
        (t.bos_token, t.bos_token_id, len(t), t("a [X]b").input_ids) for t in tokenizers
    )
    assert ours == theirs


def test_the_old_name_of_extra_special_tokens(data_dir):
    transformers = pytest.importorskip("transformers")
    folder = data_dir / "tokenizers" / "albert-base-v2"  # whose .model has such tokens itself
    ours, theirs = (
        cls.from_pretrained(folder, additional_special_tokens=["[X]"])
        for cls in (AlbertTokenizer, transformers.AlbertTokenizer)
    )
    assert ours.extra_special_tokens == theirs.extra_special_tokens == ["[X]"]
    assert ours("a [X] b. c").input_ids == theirs("a [X] b. c").input_ids


def test_names_that_are_gone_say_what_to_use(fresh):
    with pytest.raises(AttributeError, match="get_vocab"):
        _ = fresh.encoder
    with pytest.raises(AttributeError, match=r"tokenizer\.json"):
        _ = fresh.backend_tokenizer
    assert not hasattr(fresh, "nonsense")


def test_settings_are_checked(fresh):
    for name in ("padding_side", "truncation_side"):
        with pytest.raises(ValueError, match="right"):
            setattr(fresh, name, "middle")
    for value, error in (("5", TypeError), (True, TypeError), (-1, ValueError)):
        with pytest.raises(error, match="model_max_length"):
            fresh.model_max_length = value
    fresh.model_max_length = 10
    assert fresh.max_len_single_sentence == 8
    assert fresh.max_len_sentences_pair == 7


def test_copies_are_independent(fresh):
    for copied in (copy.copy, copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))):
        other = copied(fresh)
        other.add_tokens(["zzz"])
        other.padding_side = "left"
        other.cls_token = "[MASK]"
        assert fresh.tokenize("zzz") != ["zzz"] == other.tokenize("zzz")
        assert fresh.padding_side == "right"
        assert fresh.cls_token == "[CLS]"
        assert repr(copied(fresh)) == repr(fresh)
        assert copied(other)("zzz hello", "the") == other("zzz hello", "the")


@pytest.mark.slow
def test_a_hundred_thousand_tokens(fresh, tmp_path):
    """Added, found, saved and read in time that grows with their number, not its square."""
    names = [f"tok{i}en" for i in range(100_000)]
    assert fresh.add_tokens(names) == len(names)
    size = fresh.vocab_size
    assert fresh(" ".join(names), add_special_tokens=False).input_ids == [
        *range(size, size + 100_000)
    ]
    fresh.save_pretrained(tmp_path)
    again = BertTokenizer.from_pretrained(tmp_path)
    assert again.get_added_vocab() == fresh.get_added_vocab()
    assert again.tokenize("xtok77en tok5entok99999en") == ["x", "tok77en", "tok5en", "tok99999en"]
