"""python -m pytxenc fill-mask and classify, against the pipelines they are made of."""

import gzip
import json
import subprocess
import sys

import pytest

import pytxenc
from pytxenc import cli


@pytest.fixture
def classifier(model_folder):
    return str(model_folder("Bert", "ForSequenceClassification", num_labels=3))


@pytest.fixture
def filler(model_folder):
    return str(model_folder("Roberta", "ForMaskedLM"))


def run(capsys, command, *arguments):
    """Status, output and errors of a command, in this process."""
    capsys.readouterr()  # what was written before
    status = cli.run(command, list(map(str, arguments)))
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_classify_texts(capsys, classifier, texts):
    expected = pytxenc.pipeline("text-classification", classifier)(texts)
    status, out, err = run(capsys, "classify", "-m", classifier, *texts)
    assert (status, err) == (0, "")
    assert out.splitlines() == [
        f"{found['label']}\t{found['score']:.4f}\t{text}"
        for found, text in zip(expected, texts, strict=True)
    ]


@pytest.mark.parametrize("dtype", ["bfloat16", "int8"])
def test_dtype(capsys, classifier, filler, texts, dtype):
    pipe = pytxenc.pipeline("text-classification", classifier, dtype=dtype)
    status, out, _ = run(capsys, "classify", "-m", classifier, "--dtype", dtype, "--json", *texts)
    records = list(map(json.loads, out.splitlines()))
    assert status == 0 and [record["score"] for record in records] == [
        pytest.approx(found["score"], abs=1e-5) for found in pipe(texts)
    ]
    exact = pytxenc.pipeline("text-classification", classifier)(texts)
    differences = [abs(a["score"] - b["score"]) for a, b in zip(records, exact, strict=True)]
    assert 1e-5 < max(differences) < 0.1

    text = "The cat sat on <mask>."
    status, out, _ = run(capsys, "fill-mask", "-m", filler, "--dtype", dtype, "--json", text)
    expected = pytxenc.pipeline("fill-mask", filler, dtype=dtype)(text)
    assert status == 0 and json.loads(out)["proposals"] == expected


def test_classify_files(capsys, classifier, texts, tmp_path):
    path, output = tmp_path / "a.jsonl.gz", tmp_path / "labels.jsonl"
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps({"body": text}) + "\n" for text in texts * 40)
    status, out, err = run(
        capsys, "classify", "--model", classifier, "--file", path, "--text-field", "body",
        "--top-k", "all", "--json", "--output", output, "--function-to-apply", "sigmoid",
    )  # fmt: skip
    assert (status, out, err) == (0, "", "")
    before = output.read_bytes()
    again = run(
        capsys, "classify", "--model", classifier, "--file", path, "--text-field", "body",
        "--top-k", "all", "-o", output, "--function-to-apply", "sigmoid", "--force",
    )  # fmt: skip
    assert again == (0, "", "") and output.read_bytes() == before
    records = list(map(json.loads, output.read_text("utf-8").splitlines()))
    pipe = pytxenc.pipeline("text-classification", classifier)
    expected = pipe(texts, top_k=None, function_to_apply="sigmoid")
    assert [record["text"] for record in records] == texts * 40
    for record, labels in zip(records, expected * 40, strict=True):
        assert [found["label"] for found in record["labels"]] == [f["label"] for f in labels]
        for found, other in zip(record["labels"], labels, strict=True):
            assert found["score"] == pytest.approx(other["score"], abs=1e-5)


def test_classify_without_training(capsys, model_folder, texts):
    fields = {"id2label": {0: "entailment", 1: "contradiction"}}
    fields["label2id"] = {name: i for i, name in fields["id2label"].items()}
    model = str(model_folder("Roberta", "ForSequenceClassification", **fields))
    status, out, _ = run(
        capsys, "classify", texts[0], "--model", model, "--labels", "money", "rain", "--json",
        "--top-k", "all", "--multi-label", "--hypothesis-template", "About {}.",
    )  # fmt: skip
    expected = pytxenc.pipeline("zero-shot-classification", model)(
        texts[0], ["money", "rain"], multi_label=True, hypothesis_template="About {}."
    )
    record = json.loads(out)
    assert status == 0 and [found["label"] for found in record["labels"]] == expected["labels"]


def test_standard_input_and_a_closed_pipe(classifier):
    command = [sys.executable, "-m", "pytxenc", "classify", "--model", classifier]
    text = b"one\ttext\r\n\nlast"
    done = subprocess.run(command, input=text, capture_output=True, timeout=120)
    lines = done.stdout.decode().splitlines()
    assert (done.returncode, done.stderr) == (0, b"")
    assert [line.split("\t", 2)[2] for line in lines] == ["one text", "", "last"]
    closed = subprocess.run(
        f"yes 'a text' | {' '.join(command)} | head -n 1", shell=True, capture_output=True,
        timeout=120,
    )  # fmt: skip
    assert closed.stdout.endswith(b"a text\n") and closed.stderr == b""
    bad = subprocess.run(command, input=b"\xff\n", capture_output=True, timeout=120)
    assert bad.returncode == 2 and b"utf-8" in bad.stderr and bad.stderr.count(b"\n") == 1


def test_fill_mask(capsys, filler):
    pipe = pytxenc.pipeline("fill-mask", filler)
    one, two = "The cat sat on the <mask>.", "The <mask> sat on the <mask>."
    status, out, err = run(capsys, "fill-mask", "--model", filler, "--top-k", "2", one, two)
    lines = [one, *(f"  {p['score']:.4f}  {p['token_str'].strip()}" for p in pipe(one, top_k=2))]
    lines.append(two)
    for number, proposals in enumerate(pipe(two, top_k=2), 1):
        lines.append(f"  mask {number}:")
        lines += [f"  {p['score']:.4f}  {p['token_str'].strip()}" for p in proposals]
    assert (status, err) == (0, "") and out.splitlines() == lines
    status, out, _ = run(capsys, "fill-mask", "--model", filler, "--json", one)
    record = json.loads(out)
    assert record["text"] == one and len(record["proposals"]) == 5
    assert record["proposals"][0]["sequence"] == pipe(one)[0]["sequence"]
    target = pipe(one)[3]["token_str"]
    status, out, _ = run(
        capsys, "fill-mask", "--model", filler, "--truncate", "--targets", target, "--", one
    )
    assert status == 0 and len(out.splitlines()) == 2 and target.strip() in out


def test_errors(capsys, classifier, filler, tmp_path):
    output = tmp_path / "out.tsv"
    output.write_text("what was there")
    for command, arguments, message in (
        ("fill-mask", ["-m", filler, "no gap here"], "No mask_token"),
        ("fill-mask", ["-m", filler, "-o", output, "a <mask>"], "--force replaces it"),
        (
            "fill-mask",
            ["-m", filler, "--force", "-o", output, "a <mask>", "no gap"],
            "input 1: No mask_token",
        ),
        ("fill-mask", ["-m", filler, "<mask>" * 90], "truncat"),
        ("fill-mask", ["-m", classifier, "<mask>"], "No mask_token"),
        ("classify", ["-m", classifier, "a", "--file", "b"], "either texts or --file"),
        ("classify", ["-m", classifier, "a", "--multi-label"], "need --labels"),
        ("classify", ["-m", classifier, "a b " * 90, "--no-truncate"], "no more than 90"),
        ("classify", ["-m", tmp_path / "none", "a"], "none"),
        ("classify", ["-m", classifier, "--file", tmp_path / "none.txt"], "none.txt"),
    ):
        status, out, err = run(capsys, command, *arguments)
        assert status == 2 and message in err.splitlines()[-1], (arguments, err)
        assert err.splitlines()[-1].startswith(f"python -m pytxenc {command}: ")
        assert out == ""
    assert output.read_text() == "what was there"
    assert [path.name for path in tmp_path.iterdir()] == ["out.tsv"]


@pytest.mark.parametrize("command", ["fill-mask", "classify"])
def test_help(capsys, command):
    with pytest.raises(SystemExit):
        cli.run(command, ["--help"])
    out = capsys.readouterr().out
    assert f"python -m pytxenc {command} --model" in out.replace(" \\\n       ", "")
    assert "what separates documents in text files (default: line)" in " ".join(out.split())
