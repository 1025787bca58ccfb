"""From ids to what a model takes, against transformers' tokenizers that still have it."""

import random

import pytest

from pytxenc.tokenization import BertTokenizer


@pytest.fixture
def pair(made_up):
    """(ours, transformers' pure Python BERT), of the same vocabulary."""
    pytest.importorskip("transformers")
    from transformers.models.bert.tokenization_bert_legacy import BertTokenizerLegacy

    folder = made_up["bert"]
    return BertTokenizer.from_pretrained(folder), BertTokenizerLegacy(str(folder / "vocab.txt"))


def ids_of(rng, least=0):
    return [rng.randint(5, 40) for _ in range(rng.randint(least, 12))]


def test_truncate_sequences(pair):
    rng = random.Random(5)
    for tokenizer in pair:
        tokenizer.verbose = False
    for _ in range(3000):
        first, second = ids_of(rng), rng.choice([None, ids_of(rng, 1)])
        strategy = rng.choice(["longest_first", "only_first", "only_second"])
        if strategy == "only_second" and second is None:
            continue
        longest = len(second if strategy == "only_second" else first)
        if strategy == "longest_first" and second is not None:
            longest += len(second) - 1  # the reference loses a second text cut to nothing
        arguments = (first, second, rng.randint(0, max(longest, 0)), strategy, rng.randint(0, 3))
        side = rng.choice(["left", "right"])
        for tokenizer in pair:
            tokenizer.truncation_side = side
        ours, theirs = (tokenizer.truncate_sequences(*arguments) for tokenizer in pair)
        assert ours == theirs, (arguments, side)


def test_prepare_for_model(pair):
    rng = random.Random(6)
    for _ in range(2000):
        first = ids_of(rng, 1)
        second = ids_of(rng, 1) if rng.random() < 0.6 else None
        truncation = rng.choice([False, True, "only_first"])
        arguments = {
            "pair_ids": second,
            "truncation": truncation,
            "max_length": rng.choice([None, 16, 28]) if truncation is True else None,
            "padding": rng.choice([False, True, "max_length"]),
            "padding_side": rng.choice([None, "left"]),
            "pad_to_multiple_of": rng.choice([None, 4]),
            "stride": rng.randint(0, 2),
            "add_special_tokens": rng.random() < 0.8,
            "return_token_type_ids": rng.choice([None, True, False]),
            "return_attention_mask": rng.choice([None, True, False]),
            "return_special_tokens_mask": rng.random() < 0.5,
            "return_overflowing_tokens": second is None and rng.random() < 0.5,
            "return_length": rng.random() < 0.5,
            "verbose": False,
        }
        for tokenizer in pair:
            tokenizer.model_input_names = ["input_ids", "token_type_ids", "attention_mask"]
        ours, theirs = (tokenizer.prepare_for_model(first, **arguments) for tokenizer in pair)
        assert dict(ours) == dict(theirs), (first, arguments)


def test_the_ids_of_a_text_give_what_the_text_gives(ours):
    def ids(text):
        return ours.encode(text, add_special_tokens=False)

    first, second = "hello the dog is cute", "the world"
    for pair in (None, second):
        for arguments in (
            {},
            {"truncation": True, "max_length": 9},
            {"max_length": 9},
            {"padding": "max_length", "max_length": 40, "return_special_tokens_mask": True},
            {"return_tensors": "np", "return_token_type_ids": True},
        ):
            whole = ours(first, pair, **arguments)
            prepared = ours.prepare_for_model(
                ids(first),
                None if pair is None else ids(pair),
                prepend_batch_axis="return_tensors" in arguments,
                **arguments,
            )
            assert {k: v.tolist() if "return_tensors" in arguments else v
                    for k, v in prepared.items()} == {
                k: v.tolist() if "return_tensors" in arguments else v for k, v in whole.items()
            }  # fmt: skip


def test_what_is_refused(bert):
    with pytest.raises(ValueError, match="cannot remove 3"):
        bert.truncate_sequences([5, 6], None, 3)
    with pytest.raises(ValueError, match="cannot remove 5"):
        bert.truncate_sequences([5, 6], [7, 8], 5)
    with pytest.raises(ValueError, match="no second text"):
        bert.truncate_sequences([5, 6], None, 1, "only_second")
    with pytest.raises(ValueError, match="'foo'"):
        bert.truncate_sequences([5, 6], None, 1, "foo")
    with pytest.raises(ValueError, match="only_first"):
        bert.prepare_for_model(
            [5] * 9, [6], truncation=True, max_length=8, return_overflowing_tokens=True
        )


def test_other_names_of_version_4(made_up):
    tokenizer = BertTokenizer.from_pretrained(made_up["bert"], mask_token="[MASK]")
    with tokenizer.as_target_tokenizer():
        assert tokenizer("hello")["input_ids"] == tokenizer(text_target="hello")["input_ids"]
    tokenizer.bos_token = "<new>"
    size = len(tokenizer)
    assert tokenizer.all_special_tokens_extended == tokenizer.all_special_tokens
    assert tokenizer.sanitize_special_tokens() == 1
    assert tokenizer.bos_token_id == size
    assert tokenizer.sanitize_special_tokens() == 0
