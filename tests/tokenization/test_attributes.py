"""What scripts read and set on a tokenizer beside calling it, against transformers."""

import copy
import pickle

import numpy as np
import pytest

import pytxenc.tokenization
from pytxenc.tokenization import AddedToken, BertTokenizer, RobertaTokenizer


def test_attributes(twins):
    ours, reference = twins
    for name in (
        "vocab_files_names", "pretrained_vocab_files_map", "model_input_names", "backend",
        "init_inputs", "slow_tokenizer_class", "add_bos_token", "add_eos_token",
        "add_prefix_space", "chat_template", "clean_up_tokenization_spaces", "verbose",
        "clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output",
        "split_special_tokens", "SPECIAL_TOKENS_ATTRIBUTES",
    ):  # fmt: skip
        assert getattr(ours, name) == getattr(reference, name), name
    for name in ("trim_offsets", "do_lower_case", "strip_accents", "tokenize_chinese_chars",
                 "keep_accents"):  # fmt: skip
        assert getattr(ours, name, "absent") == getattr(reference, name, "absent"), name
    if ours.vocab_file is not None:
        assert ours.vocab_file == reference.vocab_file
    for name in ("padding_side", "truncation_side", "model_input_names", "vocab_files_names"):
        assert getattr(type(ours), name) == getattr(type(reference), name), name
    assert str(ours) == str(reference)


def test_init_kwargs(made_up):
    """They are what makes the same tokenizer again from the same vocabulary."""
    folder = made_up["roberta"]
    tokenizer = RobertaTokenizer.from_pretrained(
        folder, add_prefix_space=True, model_max_length=9, extra_special_tokens=["<x>"]
    )
    known = tokenizer.init_kwargs
    assert known["add_prefix_space"] is True
    assert known["model_max_length"] == 9
    assert known["cls_token"] == "<s>"
    assert known["name_or_path"] == str(folder)
    again = RobertaTokenizer(folder / "vocab.json", folder / "merges.txt", **known)
    assert repr(again) == repr(tokenizer)
    assert again("hello <x>") == tokenizer("hello <x>")
    other = copy.copy(tokenizer)
    other.init_kwargs["model_max_length"] = 5
    other.deprecation_warnings["x"] = True
    assert tokenizer.init_kwargs["model_max_length"] == 9
    assert not tokenizer.deprecation_warnings
    assert pickle.loads(pickle.dumps(tokenizer)).init_kwargs == known


def test_the_warning_about_long_texts_can_be_turned_off(made_up, caplog):
    """Scripts do it by this key, and tell by it whether there was one."""
    key = "sequence-length-is-longer-than-the-specified-maximum"
    tokenizer = BertTokenizer.from_pretrained(made_up["bert"], model_max_length=3)
    tokenizer("hello the dog")
    assert tokenizer.deprecation_warnings[key]
    caplog.clear()
    tokenizer = BertTokenizer.from_pretrained(made_up["bert"], model_max_length=3)
    tokenizer.deprecation_warnings[key] = True
    tokenizer("hello the dog")
    assert not caplog.records


def test_the_place_it_came_from(made_up):
    tokenizer = BertTokenizer.from_pretrained(made_up["bert"], name_or_path="elsewhere")
    assert tokenizer.name_or_path == str(made_up["bert"])
    assert tokenizer.vocab_file == str(made_up["bert"] / "vocab.txt")
    assert BertTokenizer(["[UNK]", "[CLS]", "[SEP]"]).vocab_file is None


class LeftTokenizer(BertTokenizer):
    padding_side = "left"
    truncation_side = "left"
    model_input_names = ["input_ids"]  # noqa: RUF012


def test_a_subclass_may_have_other_defaults(made_up, tmp_path):
    tokenizer = LeftTokenizer.from_pretrained(made_up["bert"])
    assert (tokenizer.padding_side, tokenizer.truncation_side) == ("left", "left")
    assert list(tokenizer("a")) == ["input_ids"]
    assert tokenizer(["a", "a b"], padding=True)["input_ids"][0][0] == tokenizer.pad_token_id
    tokenizer = LeftTokenizer.from_pretrained(made_up["bert"], padding_side="right")
    assert tokenizer.padding_side == "right"
    tokenizer.save_pretrained(tmp_path)
    assert BertTokenizer.from_pretrained(tmp_path).truncation_side == "left"


@pytest.mark.parametrize("family", ["Bert", "Roberta", "Albert"])
def test_named_tokens_of_its_own(made_up, family):
    transformers = pytest.importorskip("transformers")
    import tokenizers

    name, folder = f"{family}Tokenizer", made_up[family.lower()]
    both = (
        (getattr(pytxenc.tokenization, name), AddedToken),
        (getattr(transformers, name), tokenizers.AddedToken),
    )
    for arguments in (
        lambda token: {"image_token": "<img>", "video_token": token("<v>", lstrip=True)},
        lambda token: {"extra_special_tokens": {"image_token": "<img>", "video_token": "<v>"}},
    ):
        ours, theirs = (cls.from_pretrained(str(folder), **arguments(token)) for cls, token in both)
        assert ours.image_token == theirs.image_token == "<img>"
        assert ours.video_token_id == theirs.video_token_id
        assert repr(ours) == repr(theirs)
        for text in ("a <img>b  <v> c", "<v>"):
            assert dict(ours(text)) == dict(theirs(text))
    with pytest.raises(TypeError, match="mask_tokens"):
        both[0][0].from_pretrained(folder, mask_tokens="x")


def test_arguments_of_sibling_classes_mean_nothing(made_up):
    plain = BertTokenizer.from_pretrained(made_up["bert"])
    tokenizer = BertTokenizer.from_pretrained(
        made_up["bert"], add_prefix_space=True, trim_offsets=False, keep_accents=True, errors="x"
    )
    assert tokenizer("hello dog") == plain("hello dog")


def test_ids_of_extra_special_tokens(made_up):
    tokenizer = BertTokenizer.from_pretrained(made_up["bert"])
    tokenizer.extra_special_tokens_ids = np.array([5, 6])
    assert tokenizer.extra_special_tokens == ["a", "b"]
    assert tokenizer.additional_special_tokens_ids == [5, 6]
    with pytest.raises(ValueError, match="1000000"):
        tokenizer.extra_special_tokens_ids = [5, 1000000]
    tokenizer.extra_special_tokens_ids = None
    assert tokenizer.extra_special_tokens == []
    assert tokenizer.add_tokens(None) == 0


def test_arguments_of_decode_from_version_4(bert):
    ids = bert("hello dog")["input_ids"]
    assert bert.decode(ids, use_source_tokenizer=False) == bert.decode(ids)
    assert bert.batch_decode([ids], spaces_between_special_tokens=True) == [bert.decode(ids)]
    with pytest.raises(TypeError, match=r"'skip_special'.*'skip_special_tokens'"):
        bert.decode(ids, skip_special=True)
    with pytest.raises(TypeError, match="clean_up_tokenization_spaces"):
        bert.batch_decode([ids], clean_up_tokenization=True)


@pytest.mark.parametrize("options", [{}, {"return_attention_mask": True}])
@pytest.mark.parametrize("nothing", [{"input_ids": []}, {"input_ids": [[]]}, [{"input_ids": []}]])
def test_padding_nothing(nothing, options):
    transformers = pytest.importorskip("transformers")
    vocab = {token: i for i, token in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])}
    ours = pytxenc.BertTokenizer(vocab=vocab).pad(nothing, **options)
    theirs = transformers.BertTokenizer(vocab=vocab).pad(nothing, **options)
    assert dict(ours) == dict(theirs)
