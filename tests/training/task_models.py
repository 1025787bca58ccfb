"""Small tokenizers and models for the tests of tasks and commands."""

import functools

import pytxenc

TEXTS = [
    "the cat sat on the mat, and the dog slept by the door.",
    "Rain is expected in the north; the south stays dry and warm.",
    "She paid 9,50 for two tickets and a glass of water!",
    "it was the worst film of the year, and the longest one.",
    "Ada Lovelace lived in London and wrote the first program.",
    "The committee will meet again on Tuesday to discuss the new budget of the city.",
]
_NAMED = {
    "Roberta": ["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
    "Bert": ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"],
}
_SIZES = dict(
    hidden_size=24, num_hidden_layers=2, num_attention_heads=2, intermediate_size=40,
    max_position_embeddings=90, initializer_range=0.1,
)  # fmt: skip


@functools.cache
def small_tokenizer(family):
    """A tokenizer of the family, "Roberta" or "Bert", trained on TEXTS."""
    own = {"merges": []} if family == "Roberta" else {}
    blank = getattr(pytxenc, f"{family}Tokenizer")(vocab=_NAMED[family], **own, model_max_length=80)
    return blank.train_new_from_iterator(TEXTS * 3, 300, show_progress=False)


def small_model(family, head, **fields):
    """A model with random weights, always the same, for `small_tokenizer(family)`."""
    tokenizer = small_tokenizer(family)
    config = getattr(pytxenc, f"{family}Config")(
        vocab_size=len(tokenizer), pad_token_id=tokenizer.pad_token_id, **_SIZES, **fields
    )
    pytxenc.set_seed(0)
    return getattr(pytxenc, family + head)(config)


def save_small(folder, family, head, **fields):
    """Such a model and its tokenizer in a folder, as a str."""
    small_model(family, head, **fields).save_pretrained(folder)
    small_tokenizer(family).save_pretrained(folder)
    return str(folder)
