"""python -m pytxenc train-tokenizer."""

import gzip
import json
import lzma
import os
import random
import stat

import pytest

import pytxenc
from pytxenc import cli

FILES = {
    "roberta": {"vocab.json", "merges.txt"},
    "bert": {"vocab.txt"},
    "albert": {"spiece.model"},
    "xlm-roberta": {"sentencepiece.bpe.model"},
}
CLASSES = {
    "roberta": pytxenc.RobertaTokenizer,
    "bert": pytxenc.BertTokenizer,
    "albert": pytxenc.AlbertTokenizer,
    "xlm-roberta": pytxenc.XLMRobertaTokenizer,
}


def documents(seed=0):
    draw = random.Random(seed)
    parts = ["Mor", "tal", "i", "ty", "un", "an", "ge", "lo", "po", "ly", "the", "si", "s", "é"]
    words = ["".join(draw.choices(parts, k=draw.randint(1, 5))) for _ in range(300)]
    return [" ".join(draw.choices(words, k=20)) for _ in range(200)]


@pytest.fixture
def text_file(tmp_path):
    path = tmp_path / "texts.txt"
    path.write_text("\n\n".join(documents()) + "\n", encoding="utf-8")
    return path


def train(*arguments):
    return cli.run("train-tokenizer", [str(argument) for argument in (*arguments, "--quiet")])


@pytest.mark.parametrize("kind", FILES)
def test_kinds(kind, text_file, tmp_path):
    """Ids of special tokens as in the published models, in files of every form."""
    transformers = pytest.importorskip("transformers", minversion="5")
    if kind in ("albert", "xlm-roberta"):
        pytest.importorskip("sentencepiece")
    output = tmp_path / "new" / kind
    size = 320 if kind in ("roberta", "bert") else 200
    assert train(text_file, "--type", kind, "-o", output, "--vocab-size", size) == 0
    names = {path.name for path in output.iterdir()}
    assert names == FILES[kind] | {"tokenizer.json", "tokenizer_config.json"}
    ours = CLASSES[kind].from_pretrained(output)
    theirs = transformers.AutoTokenizer.from_pretrained(output)
    assert type(theirs).__name__ == type(ours).__name__
    assert len(ours) == size and ours.model_max_length == 512
    ids = {
        "roberta": (0, 1, 2, 3, 4),
        "bert": (2, 0, 3, 1, 4),
        "albert": (2, 0, 3, 1, 4),
        "xlm-roberta": (0, 1, 2, 3, 199),
    }[kind]
    named = ("cls", "pad", "sep", "unk", "mask")
    assert tuple(getattr(ours, f"{name}_token_id") for name in named) == ids
    mask = ours.mask_token
    for text in [*documents(1)[:20], f"the {mask} is", ""]:
        assert ours(text)["input_ids"] == theirs(text)["input_ids"]


def test_all_ways_to_read(text_file, tmp_path):
    """The same documents in other forms give the same tokenizer."""
    paths = [text_file, tmp_path / "a.txt.gz", tmp_path / "b.txt.xz", tmp_path / "c.jsonl"]
    paths[1].write_bytes(gzip.compress(text_file.read_bytes()))
    paths[2].write_bytes(lzma.compress(text_file.read_bytes()))
    paths[3].write_text("".join(json.dumps({"body": text}) + "\n" for text in documents()))
    vocabs = []
    for i, path in enumerate(paths):
        output = tmp_path / f"out{i}"
        field = ["--text-field", "body"] if path.suffix == ".jsonl" else []
        assert train(path, "--type", "roberta", "-o", output, "--vocab-size", 300, *field) == 0
        vocabs.append((output / "vocab.json").read_text())
    assert len(set(vocabs)) == 1


def test_options(text_file, tmp_path):
    output = tmp_path / "out"
    options = ["--no-lowercase", "--strip-accents", "--special-token", "<x>", "--limit-alphabet", 9]
    options += ["--vocab-size", 150, "--min-frequency", 3, "--model-max-length", 99]
    assert train(text_file, "--type", "bert", "-o", output, *options) == 0
    tokenizer = pytxenc.BertTokenizer.from_pretrained(output)
    assert (tokenizer.do_lower_case, tokenizer.strip_accents) == (False, True)
    assert tokenizer.convert_tokens_to_ids("<x>") == 5 and tokenizer.model_max_length == 99
    letters = [t for t in tokenizer.get_vocab() if len(t) == 1]
    assert len(letters) == 9

    output = tmp_path / "prefix"
    options = ["--add-prefix-space", "--max-token-length", 4, "--vocab-size", 400]
    assert train(text_file, "--type", "roberta", "-o", output, *options) == 0
    tokenizer = pytxenc.RobertaTokenizer.from_pretrained(output)
    assert tokenizer.add_prefix_space
    assert max(len(t) for t in tokenizer.get_vocab() if not t.startswith("<")) <= 4


@pytest.mark.parametrize(
    "options, message",
    [
        (["--type", "roberta", "--lowercase"], "--lowercase is for bert and albert"),
        (["--type", "bert", "--add-prefix-space"], "--add-prefix-space is for roberta"),
        (["--type", "albert", "--min-frequency", 2], "--min-frequency is not for a albert"),
        (["--type", "bert", "--character-coverage", 1], "--character-coverage is not for"),
        (["--type", "roberta", "--vocab-size", -1], "vocab_size must be a number from 0 on"),
    ],
)
def test_wrong_options(options, message, text_file, tmp_path, capsys):
    before = sorted(os.listdir(tmp_path))
    assert train(text_file, "-o", tmp_path / "out", *options) == 2
    assert message in capsys.readouterr().err
    assert sorted(os.listdir(tmp_path)) == before


def test_nothing_is_overwritten(text_file, tmp_path, capsys):
    output = tmp_path / "out"
    command = [text_file, "--type", "roberta", "-o", output, "--vocab-size"]
    assert train(*command, 270) == 0
    assert train(*command, 280) == 2
    assert "exists; --force replaces it" in capsys.readouterr().err
    assert len(pytxenc.RobertaTokenizer.from_pretrained(output)) == 270
    assert train(*command, 280, "--force") == 0
    assert len(pytxenc.RobertaTokenizer.from_pretrained(output)) == 280

    (output / "weights.bin").write_bytes(b"1")
    assert train(*command, 290, "--force") == 2
    assert "weights.bin in it is no file of a tokenizer" in capsys.readouterr().err
    assert train(text_file, "--type", "bert", "-o", text_file, "--force") == 2
    assert "it is no directory" in capsys.readouterr().err
    assert sorted(os.listdir(tmp_path)) == ["out", "texts.txt"]


def test_failures_leave_nothing(text_file, tmp_path, capsys, monkeypatch):
    bad = tmp_path / "bad.txt"
    bad.write_bytes(b"good line\n\nbad \xff line\n")
    assert train(text_file, bad, "--type", "bert", "-o", tmp_path / "out") == 2
    assert "bad.txt" in capsys.readouterr().err

    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(pytxenc.BertTokenizer, "save_vocabulary", interrupt)
    assert train(text_file, "--type", "bert", "-o", tmp_path / "out") == 130
    assert sorted(os.listdir(tmp_path)) == ["bad.txt", "texts.txt"]


def test_summary(text_file, tmp_path, capsys):
    output = tmp_path / "out"
    arguments = [str(text_file), "--type", "bert", "-o", str(output), "--vocab-size", "200"]
    assert cli.run("train-tokenizer", arguments) == 0
    out = capsys.readouterr().out
    assert "200 tokens in" in out and f"written to {output}{os.sep}" in out
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(output.stat().st_mode) == 0o777 & ~umask
