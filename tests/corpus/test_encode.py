"""Encoding files: the same ids as the public API gives for each document."""

import gzip
import json
import os
import sys

import numpy as np
import pytest

import pytxenc
from pytxenc import _core
from pytxenc.corpus import TokenCorpus, encode_corpus, read_documents
from pytxenc.corpus.encoder import fingerprint


def ids_of(tokenizer, text, **options):
    return tokenizer(text, add_special_tokens=False, verbose=False, **options)["input_ids"]


def content(folder):
    """Every file of a corpus."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("batch_bytes", [50, 8 << 20])
def test_ids_are_those_of_the_tokenizer(tmp_path, file, tokenizer, batch_bytes):
    corpus = encode_corpus(tokenizer, file, tmp_path / "out", batch_bytes=batch_bytes)
    documents = list(read_documents(file))
    assert len(corpus) == len(documents) == 60
    assert [ids.tolist() for ids in corpus] == [ids_of(tokenizer, text) for text in documents]
    assert corpus.ids.dtype == np.uint16 and corpus.offsets.dtype == np.int64
    assert corpus.lines is None and corpus.document_lines is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "text.txt"]
    assert np.load(tmp_path / "out" / "ids.npy", mmap_mode="r").tolist() == corpus.ids.tolist()
    assert np.load(tmp_path / "out" / "offsets.npy").tolist() == corpus.offsets.tolist()
    corpus.check_tokenizer(tokenizer)


def test_options_of_the_call(tmp_path, file, tokenizer):
    documents = list(read_documents(file))
    corpus = encode_corpus(
        tokenizer,
        file,
        tmp_path / "out",
        add_special_tokens=True,
        split_special_tokens=True,
        dtype="uint32",
    )
    expected = [
        tokenizer(text, split_special_tokens=True, verbose=False)["input_ids"] for text in documents
    ]
    assert [ids.tolist() for ids in corpus] == expected
    assert corpus.ids.dtype == np.uint32 and corpus.meta["options"]["add_special_tokens"] is True


@pytest.mark.parametrize("batch_bytes", [50, 8 << 20])
def test_lines(tmp_path, file, tokenizer, batch_bytes):
    output = tmp_path / "out"
    corpus = encode_corpus(tokenizer, file, output, keep_lines=True, batch_bytes=batch_bytes)
    assert len(corpus) == 60
    for index, document in enumerate(read_documents(file)):
        expected = [ids_of(tokenizer, line) for line in document.split("\n")]
        assert [ids.tolist() for ids in corpus.document(index)] == expected
        assert corpus[index].tolist() == [i for line in expected for i in line]
    assert corpus.meta["lines"] == len(corpus.lines) - 1 == 150
    assert [ids.tolist() for ids in corpus.document(-1)] == [
        ids.tolist() for ids in corpus.document(59)
    ]
    with pytest.raises(IndexError):
        corpus.document(60)


@pytest.mark.parametrize(
    "documents",
    [
        [],
        [""],
        ["", ""],
        ["a"],
        ["a\n", "\nb"],
        ["a\r\nb\r\n", " \n\t\n", "\n\n\n", "c\rd\n\ne "],
        ["\n", "a\n\n\nb", "", "中\né"],
    ],
)
def test_lines_of_documents(documents):
    encoded = [text.encode() for text in documents]
    data = np.frombuffer(b"".join(encoded), np.uint8)
    ends = np.cumsum([len(text) for text in encoded], dtype=np.int64)
    spans, counts = _core.find_lines(data, ends)
    lines, line_ends = _core.join_spans(data, spans, False)
    pieces = np.split(lines, line_ends[:-1]) if len(line_ends) else []
    found = [piece.tobytes().decode() for piece in pieces]
    expected = [
        [line for line in text.replace("\r\n", "\n").split("\n") if line.strip()]
        for text in documents
    ]
    assert found == [line for text in expected for line in text]
    assert counts.tolist() == np.cumsum([len(text) for text in expected], dtype=int).tolist()


def test_several_files_of_several_kinds(tmp_path, tokenizers):
    tokenizer = tokenizers["roberta"]
    (tmp_path / "a.txt").write_text("hello\n\nworld")
    (tmp_path / "b.jsonl").write_text('{"text": "hello\\nworld"}\n{"text": ""}\n')
    (tmp_path / "c.txt.gz").write_bytes(gzip.compress(b"x y z\n"))
    (tmp_path / "d.txt").write_bytes(b"")
    paths = [tmp_path / name for name in ("a.txt", "b.jsonl", "c.txt.gz", "d.txt")]
    corpus = encode_corpus(tokenizer, paths, tmp_path / "out")
    expected = ["hello", "world", "hello\nworld", "", "x y z"]
    assert [ids.tolist() for ids in corpus] == [ids_of(tokenizer, text) for text in expected]
    assert [entry["path"] for entry in corpus.meta["inputs"]] == list(map(str, paths))
    assert corpus.meta["bytes"] == sum(map(len, expected))
    assert tokenizer.decode(corpus[2]) == "hello\nworld"


@pytest.mark.parametrize("keep_lines", [False, True])
def test_nothing_to_encode(tmp_path, tokenizers, keep_lines):
    (tmp_path / "a.txt").write_bytes(b"\n \n")
    corpus = encode_corpus(
        tokenizers["bert"], tmp_path / "a.txt", tmp_path / "out", keep_lines=keep_lines
    )
    assert len(corpus) == 0 and list(corpus) == [] and corpus[:] == []
    assert corpus.ids.shape == (0,) and corpus.offsets.tolist() == [0]
    (tmp_path / "b.jsonl").write_text('{"text": ""}\n{"text": "\\n"}\n')
    corpus = encode_corpus(
        tokenizers["bert"], tmp_path / "b.jsonl", tmp_path / "out2", keep_lines=keep_lines
    )
    assert [ids.tolist() for ids in corpus] == [[], []]


def test_ids_that_need_32_bits(tmp_path, file, tokenizer_folders):
    tokenizer = pytxenc.RobertaTokenizer.from_pretrained(tokenizer_folders["roberta"])
    tokenizer.add_tokens([f"<{i}>" for i in range(65535 - len(tokenizer))])
    assert encode_corpus(tokenizer, file, tmp_path / "a").ids.dtype == np.uint16
    assert max(tokenizer.get_vocab().values()) == 65534
    tokenizer.add_tokens(["<last>"])
    assert encode_corpus(tokenizer, file, tmp_path / "b").ids.dtype == np.uint16
    tokenizer.add_tokens(["world"])
    corpus = encode_corpus(tokenizer, file, tmp_path / "c")
    assert corpus.ids.dtype == np.uint32 and corpus.ids.max() == 65536
    with pytest.raises(ValueError, match=r"uint16 holds ids up to 65535, but .* up to 65536"):
        encode_corpus(tokenizer, file, tmp_path / "d", dtype="uint16")
    with pytest.raises(ValueError, match="dtype must be 'uint16' or 'uint32', not 'int64'"):
        encode_corpus(tokenizer, file, tmp_path / "d", dtype="int64")
    assert not (tmp_path / "d").exists()


def test_the_result_is_the_same_to_the_byte(tmp_path, file, tokenizers):
    for keep_lines in (False, True):
        outputs = []
        for number, batch_bytes in enumerate((1, 333, 8 << 20)):
            output = tmp_path / f"{keep_lines}{number}"
            encode_corpus(
                tokenizers["roberta"], file, output, batch_bytes=batch_bytes, keep_lines=keep_lines
            )
            outputs.append(content(output))
        assert outputs[0] == outputs[1] == outputs[2]
    threads = pytxenc.get_num_threads()
    try:
        pytxenc.set_num_threads(1)
        encode_corpus(tokenizers["roberta"], file, tmp_path / "one", keep_lines=True)
    finally:
        pytxenc.set_num_threads(threads)
    assert content(tmp_path / "one") == outputs[0]


def test_fingerprints(tmp_path, tokenizers, tokenizer_folders):
    prints = {kind: fingerprint(tokenizer) for kind, tokenizer in tokenizers.items()}
    assert len(set(prints.values())) == len(prints)
    for kind in ("bert", "roberta", "albert"):
        tokenizer = tokenizers[kind]
        tokenizer.save_pretrained(tmp_path / kind)
        again = type(tokenizer).from_pretrained(tmp_path / kind)
        assert fingerprint(again) == prints[kind]
        again.add_tokens(["new"])
        assert fingerprint(again) != prints[kind]
    uncased = pytxenc.BertTokenizer.from_pretrained(tokenizer_folders["bert"], do_lower_case=False)
    assert fingerprint(uncased) != prints["bert"]


def test_what_is_wrong_in_a_file_is_named(tmp_path, file, tokenizers):
    bad = tmp_path / "bad.txt"
    bad.write_bytes(b"fine\n\n\xff\n")
    with pytest.raises(ValueError, match=r"bad\.txt: line 3: not UTF-8"):
        encode_corpus(tokenizers["bert"], [file, bad], tmp_path / "out")
    assert not (tmp_path / "out").exists()
    encode_corpus(tokenizers["bert"], [file, bad], tmp_path / "out", errors="replace", restart=True)
    assert not (tmp_path / "out.partial").exists()


def test_an_existing_output(tmp_path, file, tokenizers):
    tokenizer, output = tokenizers["bert"], tmp_path / "out"
    output.mkdir()
    encode_corpus(tokenizer, file, output)  # an empty directory may be taken
    before = content(output)
    with pytest.raises(FileExistsError, match=r"force=True .*out"):
        encode_corpus(tokenizer, file, output, keep_lines=True)
    assert content(output) == before and not (tmp_path / "out.partial").exists()
    old = TokenCorpus(output)
    ids = old.ids.tolist()
    corpus = encode_corpus(tokenizer, file, output, keep_lines=True, force=True)
    assert corpus.lines is not None and not (tmp_path / "out.partial").exists()
    assert old.ids.tolist() == ids  # whoever has it open keeps it
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    with pytest.raises(ValueError, match="mine is not a token corpus, so it is not replaced"):
        encode_corpus(tokenizer, file, tmp_path / "mine", force=True)
    with pytest.raises(ValueError, match="not a token corpus"):
        encode_corpus(tokenizer, file, tmp_path / "mine" / "thesis.txt", force=True)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "precious"


def test_an_output_that_is_a_link(tmp_path, file, tokenizers):
    (tmp_path / "out").symlink_to(tmp_path / "elsewhere")
    for force in (False, True):
        encode_corpus(tokenizers["bert"], file, tmp_path / "out", force=force)
        assert (tmp_path / "out").is_symlink()
        assert len(TokenCorpus(tmp_path / "elsewhere")) == 60
    assert len(list(tmp_path.iterdir())) == 3


def test_inputs_that_are_no_files(tmp_path, tokenizers):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="pipe is not a regular file"):
        encode_corpus(tokenizers["bert"], tmp_path / "pipe", tmp_path / "out")
    with pytest.raises(FileNotFoundError):
        encode_corpus(tokenizers["bert"], tmp_path / "nothing", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


def test_progress_goes_to_the_end(tmp_path, file, tokenizers, capsys, monkeypatch):
    encode_corpus(tokenizers["bert"], file, tmp_path / "out", progress=True, batch_bytes=100)
    assert "100%" in capsys.readouterr().err
    # Not at a terminal there is no bar, nor the lock of one that a killed process would keep.
    monkeypatch.setitem(sys.modules, "tqdm", None)
    encode_corpus(tokenizers["bert"], file, tmp_path / "out2")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("RobertaTokenizer", "roberta-base"),
        ("AlbertTokenizer", "albert-base-v2"),
        ("BertTokenizer", "bert-base-cased"),
    ],
)
def test_real_vocabularies_as_transformers(tmp_path, data_dir, name, model):
    transformers = pytest.importorskip("transformers")
    folder = data_dir / "tokenizers" / model
    path = tmp_path / "text.jsonl"
    botchan = (data_dir / "text" / "botchan.txt").read_text(encoding="utf-8").split("\n")
    japanese = (data_dir / "text" / "wagahaiwa-ja.txt").read_text(encoding="utf-8").split("\n")
    texts = ["\n".join(botchan[i : i + 20]) for i in range(0, 1000, 20)] + japanese[:100]
    path.write_text("\n".join(json.dumps({"text": text}) for text in texts))
    ours = getattr(pytxenc, name).from_pretrained(folder)
    corpus = encode_corpus(ours, path, tmp_path / "out", batch_bytes=10000)
    reference = getattr(transformers, name).from_pretrained(folder)
    expected = reference(texts, add_special_tokens=False, verbose=False)["input_ids"]
    assert [ids.tolist() for ids in corpus] == expected
