"""python -m pytxenc tokenize."""

import json
import os
import shutil
import subprocess
import sys

import pytest

import pytxenc
from pytxenc import cli
from pytxenc.corpus import TokenCorpus, encode, encode_corpus


def run(*arguments, **options):
    command = [sys.executable, "-m", "pytxenc", "tokenize", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, **options)


@pytest.fixture
def folder(tmp_path, tokenizer_folders):
    """A tokenizer whose configuration tells what it is."""
    folder = tmp_path / "tokenizer"
    shutil.copytree(tokenizer_folders["bert"], folder)
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizerFast"}')
    return folder


def test_encodes(tmp_path, file, folder):
    output = tmp_path / "out"
    done = run("--tokenizer", folder, "--output", output, file)
    assert done.returncode == 0, done.stderr
    corpus = TokenCorpus(output)
    corpus.check_tokenizer(pytxenc.BertTokenizer.from_pretrained(folder))
    lines = done.stdout.splitlines()
    assert lines[0] == f"60 documents, {len(corpus.ids):,} tokens (uint16)"
    assert lines[1].startswith(f"{corpus.meta['bytes']:,} bytes of text in ")
    assert lines[1].endswith("MB/s") and lines[2] == f"written to {output}/"
    assert done.stderr == ""  # the bar is for terminals

    again = run("--tokenizer", folder, "--output", output, file)
    assert again.returncode == 2 and "--force" in again.stderr
    assert len(again.stderr.splitlines()) == 1
    again = run("--tokenizer", folder, "--output", output, "--force", "--quiet", file)
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")


def test_every_option(tmp_path, tokenizer_folders, tokenizers):
    path = tmp_path / "a.csv"
    records = [{"body": "hello [SEP]\nworld"}, {"x": 1}, {"body": "\ud800 " + "a b " * 30}]
    path.write_text("\n".join(map(json.dumps, records)))
    done = run(
        *("--type", "bert", "-t", tokenizer_folders["bert"], "-o", tmp_path / "out"),
        *("--format", "jsonl", "--text-field", "body", "--split", "line", "--dtype", "uint32"),
        *("--errors", "replace", "--missing", "skip", "--long-documents", "cut"),
        *("--max-document-bytes", "500", "--add-special-tokens", "--split-special-tokens"),
        *("--keep-lines", "--threads", "1", "--restart", "--force", path),
    )
    assert done.returncode == 0, done.stderr
    expected = encode_corpus(
        tokenizers["bert"],
        path,
        tmp_path / "expected",
        format="jsonl",
        text_field="body",
        errors="replace",
        missing="skip",
        dtype="uint32",
        add_special_tokens=True,
        split_special_tokens=True,
        keep_lines=True,
    )
    corpus = TokenCorpus(tmp_path / "out")
    assert len(corpus) == 2 and corpus.ids.tolist() == expected.ids.tolist()
    assert corpus.lines.tolist() == expected.lines.tolist()
    assert corpus.meta["options"]["max_document_bytes"] == 500


def test_going_on(tmp_path, file, folder, interrupted):
    tokenizer = pytxenc.BertTokenizer.from_pretrained(folder)
    output = tmp_path / "out"
    interrupted(2, tokenizer, file, output, batch_bytes=400)
    command = ("--tokenizer", folder, "--output", output, file)
    done = run(*command, "--keep-lines")
    assert done.returncode == 2 and "--restart" in done.stderr
    done = run(*command)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("going on with the unfinished work") and "MB/s" not in done.stdout
    encode_corpus(tokenizer, file, tmp_path / "expected")
    assert TokenCorpus(output).ids.tolist() == TokenCorpus(tmp_path / "expected").ids.tolist()
    interrupted(2, tokenizer, file, output, batch_bytes=400, force=True)
    done = run(*command, "--keep-lines", "--restart", "--force")
    assert done.returncode == 0 and TokenCorpus(output).lines is not None


def test_interrupt(tmp_path, file, folder, monkeypatch, capsys):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    command = ["--tokenizer", str(folder), "--output", str(tmp_path / "out"), str(file)]
    with monkeypatch.context() as patch:
        patch.setattr(encode, "encode_documents", interrupt)
        assert cli.run("tokenize", command) == 130
    assert capsys.readouterr().err == "interrupted\n"
    monkeypatch.setattr(encode, "_meta", interrupt)  # when all batches are done
    assert cli.run("tokenize", command) == 130
    error = capsys.readouterr().err
    assert error == "what is done is kept; the same command goes on with it\ninterrupted\n"


@pytest.mark.parametrize(
    ("config", "name"),
    [
        ({"tokenizer_config.json": {"tokenizer_class": "RobertaTokenizer"}}, "RobertaTokenizer"),
        ({"config.json": {"model_type": "roberta"}}, "RobertaTokenizer"),
        ({"config.json": {"tokenizer_class": "RobertaTokenizerFast"}}, "RobertaTokenizer"),
    ],
)
def test_the_class_is_what_the_files_tell(tmp_path, file, tokenizer_folders, config, name):
    folder = tmp_path / "tokenizer"
    shutil.copytree(tokenizer_folders["roberta"], folder)
    for file_name, value in config.items():
        (folder / file_name).write_text(json.dumps(value))
    done = run("--tokenizer", folder, "--output", tmp_path / "out", file)
    assert done.returncode == 0, done.stderr
    assert TokenCorpus(tmp_path / "out").meta["tokenizer"]["class"] == name


def test_refusals(tmp_path, file, folder, tokenizer_folders):
    done = run("--tokenizer", folder, "--output", tmp_path / "out", tmp_path / "nothing")
    assert done.returncode == 2 and "nothing: there is no such file" in done.stderr
    done = run("--tokenizer", folder, "--output", tmp_path / "out", file, "--threads", "0")
    assert done.returncode == 2 and "0 is not a number of threads" in done.stderr
    done = run("--tokenizer", tmp_path / "no where", "--output", tmp_path / "out", file)
    assert done.returncode == 2 and "no where" in done.stderr
    done = run("--output", tmp_path / "out", file)
    assert done.returncode == 2 and "--tokenizer" in done.stderr
    assert not (tmp_path / "out").exists() and not (tmp_path / "out.partial").exists()


def test_help_teaches():
    done = run("--help", env={**os.environ, "COLUMNS": "90"})
    assert done.returncode == 0
    for word in ("--split", "--keep-lines", "--restart", "python -m pytxenc tokenize --tokenizer"):
        assert word in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 90
