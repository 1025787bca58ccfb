"""Made-up vocabularies, and the same tokenizer twice: ours and transformers'."""

import json
import shutil

import pytest

SPECIAL = {
    "bert": ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"],
    "roberta": ["<s>", "<pad>", "</s>", "<unk>"],
    "albert": ["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"],
}
WORDS = [
    "the", "dog", "is", "cute", "un", "##able", "##s", "hello", "world", "play", "##ing", ",", ".",
    "!", "?", "'", "-", "9", "##9", "caf", "##e", "中", "国",
]  # fmt: skip
ALBERT_WORDS = [
    "▁the", "▁dog", "▁is", "▁cute", "▁hello", "▁world", "▁9", "9,", "999", "▁un", "able", "s",
    "ing", "▁play", "(", ")", ".", ",",
]  # fmt: skip


def byte_symbols():
    """GPT-2's printable symbol of every byte."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in plain]
    return {b: chr(b) for b in plain} | {b: chr(256 + i) for i, b in enumerate(others)}


def write_bert(folder):
    letters = "abcdefghijklmnopqrstuvwxyz"
    tokens = [*SPECIAL["bert"], *letters, *("##" + c for c in letters), *WORDS]
    lines = dict.fromkeys(tokens)  # each once
    (folder / "vocab.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_roberta(folder):
    merges = ["h e", "l l", "he ll", "hell o", "o r", "Ġ w", "Ġw or", "Ġ t", "Ġt he", "' s"]
    tokens = [*SPECIAL["roberta"], *byte_symbols().values(), *(m.replace(" ", "") for m in merges)]
    vocab = {token: i for i, token in enumerate([*tokens, "<mask>"])}
    (folder / "vocab.json").write_text(json.dumps(vocab), encoding="utf-8")
    lines = ["#version: 0.2", *merges]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def albert_pieces():
    pieces = [(token, 0.0) for token in SPECIAL["albert"]]
    pieces += [(word, -3.0 - 0.25 * i) for i, word in enumerate(ALBERT_WORDS)]
    return pieces + [(c, -9.0 - 0.125 * i) for i, c in enumerate("▁abcdefghijklmnopqrstuvwxyz9中")]


def write_albert(folder):
    """A tokenizer.json, which needs no SentencePiece."""
    spec = {
        "version": "1.0",
        "added_tokens": [
            {
                "id": i,
                "content": token,
                "single_word": False,
                "lstrip": token == "[MASK]",
                "rstrip": False,
                "normalized": False,
                "special": True,
            }
            for i, token in enumerate(SPECIAL["albert"])
        ],
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [
                {"SpecialToken": {"id": "[CLS]", "type_id": 0}},
                {"Sequence": {"id": "A", "type_id": 0}},
                {"SpecialToken": {"id": "[SEP]", "type_id": 0}},
            ],
            "pair": [
                {"SpecialToken": {"id": "[CLS]", "type_id": 0}},
                {"Sequence": {"id": "A", "type_id": 0}},
                {"SpecialToken": {"id": "[SEP]", "type_id": 0}},
                {"Sequence": {"id": "B", "type_id": 1}},
                {"SpecialToken": {"id": "[SEP]", "type_id": 1}},
            ],
            "special_tokens": {
                "[CLS]": {"id": "[CLS]", "ids": [2], "tokens": ["[CLS]"]},
                "[SEP]": {"id": "[SEP]", "ids": [3], "tokens": ["[SEP]"]},
            },
        },
        "model": {"type": "Unigram", "unk_id": 1, "vocab": albert_pieces()},
    }
    (folder / "tokenizer.json").write_text(json.dumps(spec), encoding="utf-8")


MADE_UP = {
    "bert": ("BertTokenizer", write_bert),
    "roberta": ("RobertaTokenizer", write_roberta),
    "albert": ("AlbertTokenizer", write_albert),
}
REAL = {
    "roberta-json": ("RobertaTokenizer", "roberta-base", None, {}),
    "roberta-vocab": ("RobertaTokenizer", "roberta-base", ("vocab.json", "merges.txt"), {}),
    "albert": ("AlbertTokenizer", "albert-base-v2", None, {}),
    "bert-cased": ("BertTokenizer", "bert-base-cased", None, {"do_lower_case": False}),
    "bert-lower": ("BertTokenizer", "bert-base-cased", None, {}),
    "bert-chinese": ("BertTokenizer", "bert-base-chinese", None, {}),
}


@pytest.fixture(scope="session")
def made_up(tmp_path_factory):
    """Folder of a made-up tokenizer by family; every one is written once."""
    folders = {}
    for family, (_, write) in MADE_UP.items():
        folders[family] = tmp_path_factory.mktemp(family)
        write(folders[family])
    return folders


def load_ours(name, folder, **kwargs):
    import pytxenc.tokenization

    return getattr(pytxenc.tokenization, name).from_pretrained(folder, **kwargs)


@pytest.fixture(scope="session", params=list(MADE_UP))
def ours(request, made_up):
    """Our tokenizer of each made-up vocabulary."""
    return load_ours(MADE_UP[request.param][0], made_up[request.param])


@pytest.fixture(scope="session")
def bert(made_up):
    return load_ours("BertTokenizer", made_up["bert"])


@pytest.fixture(scope="session")
def roberta(made_up):
    return load_ours("RobertaTokenizer", made_up["roberta"])


@pytest.fixture(scope="session")
def albert(made_up):
    return load_ours("AlbertTokenizer", made_up["albert"])


def both(name, folder, **kwargs):
    """(ours, transformers') of the same files; skips where transformers is not installed."""
    transformers = pytest.importorskip("transformers")
    reference = getattr(transformers, name).from_pretrained(folder, **kwargs)
    return load_ours(name, folder, **kwargs), reference


@pytest.fixture(scope="session", params=[*MADE_UP, *("real-" + kind for kind in REAL)])
def twins(request, made_up, tmp_path_factory):
    """(ours, transformers') for every made-up and every published vocabulary."""
    if request.param in MADE_UP:
        return both(MADE_UP[request.param][0], made_up[request.param])
    name, model, only, kwargs = REAL[request.param.removeprefix("real-")]
    folder = request.getfixturevalue("data_dir") / "tokenizers" / model
    if only is not None:
        target = tmp_path_factory.mktemp(request.param)
        for file in only:
            shutil.copy(folder / file, target)
        folder = target
    return both(name, folder, **kwargs)
