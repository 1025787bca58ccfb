"""The commands pretrain, finetune, evaluate and predict, end to end on tiny models and files."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from task_models import TEXTS, save_small, small_tokenizer

import pytxenc
from pytxenc import cli, metrics, tasks
from pytxenc.cli.settings import tomllib


@pytest.fixture
def run(capsys):
    """Runs a command in this process: (status, output, errors)."""

    def run_command(command, *arguments):
        capsys.readouterr()
        status = cli.run(command, [str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run_command


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder of small files of every task."""
    folder = tmp_path_factory.mktemp("tasks")
    nouns, places = ["cat", "dog", "committee", "film"], ["mat", "door", "city", "year"]
    rows, numbers, sentences = [], [], []
    for i in range(48):
        noun, place = nouns[i % 4], places[i // 4 % 4]
        good = i % 2
        text = f"the {noun} {'slept' if good else 'sat'} by the {place}"
        rows.append(f"{text}\tit was {'warm' if good else 'dry'}\t{'good' if good else 'bad'}\n")
        numbers.append(json.dumps({"a": text, "b": "rain", "y": good + 0.25}) + "\n")
        words = [("the", "B-NP"), (noun, "I-NP"), ("slept", "O"), ("the", "B-NP"), (place, "I-NP")]
        sentences.append("".join(f"{word} X {tag}\n" for word, tag in words) + "\n")
    for name, part in (("train", slice(0, 32)), ("dev", slice(32, 40)), ("test", slice(40, 48))):
        (folder / f"{name}.tsv").write_text("first\tsecond\tlabel\n" + "".join(rows[part]))
        (folder / f"{name}.jsonl").write_text("".join(numbers[part]))
        (folder / f"{name}.txt").write_text("".join(sentences[part]))
        questions = [
            {"id": f"{name}{i}", "question": "Where did she live?",
             "answers": [{"text": "London", "answer_start": TEXTS[4].index("London")}]}
            for i in range(6)
        ]  # fmt: skip
        paragraph = {"context": TEXTS[4], "qas": questions}
        (folder / f"{name}.json").write_text(json.dumps({"data": [{"paragraphs": [paragraph]}]}))
    return folder


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A model to fine-tune."""
    return save_small(
        tmp_path_factory.mktemp("base"), "Bert", "ForMaskedLM", hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )  # fmt: skip


def three(files, suffix):
    return [x for name in ("train", "dev", "test") for x in (f"--{name}", files / (name + suffix))]


def results(folder):
    return json.loads(Path(folder, "results.json").read_text())


SHORT = ["--epochs", 10, "--learning-rate", "5e-3", "--batch-size", 8, "--quiet", "--threads", 1]


# ---- fine-tuning ----


@pytest.fixture(scope="module")
def sentiment(files, base, tmp_path_factory):
    """What `finetune` makes of pairs of texts."""
    folder = tmp_path_factory.mktemp("runs") / "pairs"
    status = cli.run("finetune", [str(x) for x in [
        "--model", base, *three(files, ".tsv"), "--text", "first", "--pair", "second",
        "--metric", "mrpc", "--output", folder, *SHORT,
    ]])  # fmt: skip
    assert status == 0
    return folder


def test_finetune_pairs(sentiment, files):
    found = results(sentiment)
    assert set(found) == {"runs", "summary"}
    (one,) = found["runs"]
    assert set(one) == {"seed", "train", "dev", "test"} and one["seed"] == 42
    assert set(one["test"]) == {"accuracy", "f1", "combined_score"}
    assert one["test"]["accuracy"] > 0.9  # one word tells the label
    assert one["train"]["train_loss"] < math.log(2)
    assert found["summary"]["test_f1"]["mean"] == one["test"]["f1"]
    assert found["summary"]["test_f1"]["sd"] is None  # of one run
    config = pytxenc.AutoConfig.from_pretrained(sentiment)
    assert config.id2label == {0: "bad", 1: "good"}
    assert config.problem_type == "single_label_classification"
    assert config.architectures == ["BertForSequenceClassification"]


def test_run_file(sentiment):
    with open(sentiment / "run.toml", "rb") as file:
        written = tomllib.load(file)
    assert written["command"] == "finetune" and written["learning-rate"] == 5e-3
    assert written["metric"] == ["mrpc"] and written["seeds"] == 1
    assert {"pytxenc", "NumPy", "Python", "instruction set", "CPU"} <= set(written["versions"])
    steps = [json.loads(line)["step"] for line in (sentiment / "log.jsonl").open()]
    assert steps == sorted(steps) and steps[-1] == 40


def test_evaluate_agrees(run, sentiment, files, tmp_path):
    columns = ["--text", "first", "--pair", "second", "--metric", "mrpc"]
    status, out, err = run("evaluate", "--model", sentiment, "--file", files / "test.tsv", *columns)
    assert (status, err) == (0, "")
    assert json.loads(out) == {"examples": 8, **results(sentiment)["runs"][0]["test"]}
    output = tmp_path / "found.json"
    status, out, _ = run(
        "evaluate", "-m", sentiment, "-f", files / "test.tsv", *columns, "-o", output
    )
    assert (status, out) == (0, "") and json.loads(output.read_text())["examples"] == 8


def test_predict_texts(run, sentiment, files, tmp_path):
    columns = ["--text", "first", "--pair", "second"]
    file = files / "test.tsv"
    status, out, _ = run("predict", "-m", sentiment, "-f", file, *columns)
    assert status == 0
    rows = [line.split("\t") for line in file.read_text().splitlines()[1:]]
    classify = pytxenc.pipeline("text-classification", str(sentiment))
    for line, (first, second, _) in zip(out.splitlines(), rows, strict=True):
        label, score = line.split("\t")
        expected = classify({"text": first, "text_pair": second})
        assert label == expected["label"]
        assert float(score) == pytest.approx(expected["score"], abs=1e-4)
    output = tmp_path / "labels.jsonl"
    status, out, _ = run("predict", "-m", sentiment, "-f", file, *columns, "-o", output)
    found = [json.loads(line) for line in output.read_text().splitlines()]
    assert [set(record) for record in found] == [{"label", "score"}] * 8


def test_the_same_again(run, sentiment, files, tmp_path):
    """A run.toml repeats its run; a flag wins over it."""
    folder = tmp_path / "again"
    config = sentiment / "run.toml"
    found = run("finetune", "--config", config, "--output", folder, "--quiet")
    assert found == (0, "", "")
    assert results(folder)["runs"][0]["test"] == results(sentiment)["runs"][0]["test"]
    weights = [pytxenc.AutoModel.from_pretrained(f).state_dict() for f in (folder, sentiment)]
    for name, value in weights[0].items():
        np.testing.assert_array_equal(value, weights[1][name], err_msg=name)


def test_seeds(run, base, files, tmp_path):
    folder = tmp_path / "runs"
    arguments = [
        "--task", "regression", "--model", base, *three(files, ".jsonl"), "--text", "a", "--pair",
        "b", "--label", "y", "--seeds", 2, "--seed", 7, "--output", folder, *SHORT,
    ]  # fmt: skip
    status, _, err = run("finetune", *arguments)
    assert (status, err) == (0, "")
    found = results(folder)
    assert [one["seed"] for one in found["runs"]] == [7, 8]
    for name in ("dev", "test"):
        values = [one[name]["mse"] for one in found["runs"]]
        assert values[0] != values[1]
        expected = metrics.mean_interval(values)._asdict()
        assert found["summary"][f"{name}_mse"] == pytest.approx(expected)
    config = pytxenc.AutoConfig.from_pretrained(folder / "seed-8")
    assert (config.num_labels, config.problem_type) == (1, "regression")
    # What is done is not done again.
    before = (folder / "seed-7" / "model.safetensors").stat().st_mtime_ns
    (folder / "seed-8" / "results.json").unlink()
    status, _, err = run("finetune", *arguments, "--resume")
    assert (status, err) == (0, "")
    assert (folder / "seed-7" / "model.safetensors").stat().st_mtime_ns == before
    assert results(folder)["runs"][1]["test"] == found["runs"][1]["test"]
    _, out, _ = run("predict", "-m", folder / "seed-7", "-f", files / "test.jsonl", "--text", "a",
                    "--pair", "b")  # fmt: skip
    assert len(out.splitlines()) == 8 and all(map(float, out.splitlines()))


def test_tagging(run, base, files, tmp_path):
    folder = tmp_path / "tagger"
    status, _, err = run(
        "finetune", "--task", "tagging", "--model", base, *three(files, ".txt"), "--output", folder,
        *SHORT,
    )  # fmt: skip
    assert (status, err) == (0, "")
    test = results(folder)["runs"][0]["test"]
    assert test["f1"] > 0.9 and test["mode"] == "conlleval" and test["types"]["NP"]["chunks"] == 16
    _, out, _ = run("evaluate", "-m", folder, "-f", files / "test.txt")
    assert json.loads(out) == {"examples": 8, **test}
    _, out, _ = run("evaluate", "-m", folder, "-f", files / "test.txt", "--scheme", "tags")
    assert set(json.loads(out)) == {"examples", "accuracy"}
    _, out, _ = run("predict", "-m", folder, "-f", files / "test.txt")
    predicted = tmp_path / "predicted.txt"
    predicted.write_text(out)
    words = [sentence.words for sentence in tasks.read_conll(files / "test.txt")]
    tagged = list(tasks.read_conll(predicted))
    assert [sentence.words for sentence in tagged] == words
    truths = [sentence.tags for sentence in tasks.read_conll(files / "test.txt")]
    found = metrics.chunk_scores(truths, [sentence.tags for sentence in tagged])
    assert found["f1"] == pytest.approx(test["f1"])


def test_answers(run, base, files, tmp_path):
    folder = tmp_path / "answers"
    status, _, err = run(
        "finetune", "--task", "qa", "--model", base, *three(files, ".json"), "--output", folder,
        "--max-length", 40, "--epochs", 12, *SHORT[2:],
    )  # fmt: skip
    assert (status, err) == (0, "")
    test = results(folder)["runs"][0]["test"]
    assert test == {"exact_match": 100, "f1": 100}
    _, out, _ = run("predict", "-m", folder, "-f", files / "test.json", "--max-length", 40)
    rows = [line.split("\t") for line in out.splitlines()]
    assert [row[:2] for row in rows] == [[f"test{i}", "London"] for i in range(6)]


def test_resumed_after_an_interrupt(run, base, files, tmp_path, monkeypatch):
    """A run that was stopped and goes on ends with the same weights."""
    arguments = ["--model", base, "--train", files / "train.tsv", "--text", "first", *SHORT]
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert run("finetune", *arguments, "--output", whole)[0] == 0

    class Stop(pytxenc.TrainerCallback):
        def on_step_end(self, args, state, control, **kwargs):
            if state.global_step == 6:
                control.should_save = control.should_training_stop = True

    class Stopped(pytxenc.Trainer):
        def train(self, *args, **kwargs):
            self.add_callback(Stop)
            found = super().train(*args, **kwargs)
            self.interrupted = True
            return found

    with monkeypatch.context() as patch:
        patch.setattr(pytxenc, "Trainer", Stopped)
        status, _, err = run("finetune", *arguments, "--output", parts)
    assert (status, err) == (130, "interrupted\n")
    assert not (parts / "results.json").exists()
    status, _, err = run("finetune", *arguments, "--output", parts)
    assert status == 2 and "go on with --resume" in err
    status, _, err = run("finetune", *arguments, "--output", parts, "--resume", "--seed", 1)
    assert status == 2 and "another seed: 42, not 1" in err
    status, _, err = run("finetune", *arguments, "--output", parts, "--resume")
    assert (status, err) == (0, "")
    one, two = (pytxenc.AutoModel.from_pretrained(f).state_dict() for f in (whole, parts))
    for name, value in one.items():
        np.testing.assert_array_equal(value, two[name], err_msg=name)


# ---- pretraining ----


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    """Files of text and a tokenizer's folder for each family."""
    folder = tmp_path_factory.mktemp("text")
    for name, count in (("train", 40), ("dev", 6)):
        lines = [
            " ".join(TEXTS[(i + j) % 6] for j in range(3)) + "\n" + ("\n" if i % 3 == 2 else "")
            for i in range(count)
        ]
        (folder / f"{name}.txt").write_text("".join(lines))
    for family in ("Roberta", "Bert"):
        small_tokenizer(family).save_pretrained(folder / family)
    return folder


TINY = [
    "--hidden-size", 32, "--layers", 2, "--heads", 2, "--dropout", 0, "--batch-size", 8, "--quiet",
    "--threads", 1, "--eval-steps", 10,
]  # fmt: skip


@pytest.mark.parametrize(
    ("family", "kind", "objective"),
    [("Roberta", "roberta", "mlm"), ("Bert", "bert", "mlm+nsp"), ("Bert", "albert", "mlm+sop")],
)
def test_pretrain(run, text, tmp_path, family, kind, objective):
    folder = tmp_path / "model"
    status, _, err = run(
        "pretrain", "--files", text / "train.txt", "--dev-files", text / "dev.txt", "--tokenizer",
        text / family, "--model-type", kind, "--objective", objective, "--block-size", 48,
        "--epochs", 12, "--learning-rate", "1e-2", "--output", folder, *TINY,
    )  # fmt: skip
    assert (status, err) == (0, "")
    found = results(folder)["dev"]
    assert found["perplexity"] == pytest.approx(math.exp(found["loss"]))
    assert found["loss"] < math.log(len(small_tokenizer(family))) - 1
    assert 0 < found["masked_accuracy"] <= 1
    assert ("pair_accuracy" in found) == (objective != "mlm")
    model = pytxenc.AutoModelForMaskedLM.from_pretrained(folder)
    assert model.config.model_type == kind
    tokenizer = pytxenc.AutoTokenizer.from_pretrained(folder)
    logs = [json.loads(line) for line in (folder / "log.jsonl").open()]
    assert any("eval_loss" in log for log in logs)
    assert model.config.vocab_size == len(tokenizer)


def test_pretrain_with_growing_lengths(run, text, tmp_path):
    """From a corpus, with positions that begin as waves; then on from that model."""
    folder, more = tmp_path / "model", tmp_path / "more"
    corpus = tmp_path / "ids"
    tokenizer = small_tokenizer("Roberta")
    pytxenc.encode_corpus(tokenizer, text / "train.txt", corpus, keep_lines=True, progress=False)
    arguments = ["--corpus", corpus, "--tokenizer", text / "Roberta", "--masking", "whole_word"]
    status, _, err = run(
        "pretrain", *arguments, "--model-type", "roberta", "--position-init", "sinusoidal",
        "--lengths", "16:0.5", "64:0.5", "--max-steps", 8, "--batch-tokens", 256,
        "--optimizer", "lamb", "--dtype", "bfloat16", "--output", folder, *TINY,
    )  # fmt: skip
    assert (status, err) == (0, "")
    assert "dev" not in results(folder)
    status, _, err = run(
        "pretrain", *arguments, "--model", folder, "--max-steps", 2, "--output", more, *TINY
    )
    assert (status, err) == (0, "")


def test_pretrain_pairs_with_growing_lengths(run, text, tmp_path):
    """Pairs are put together anew for every length."""
    folder = tmp_path / "model"
    status, _, err = run(
        "pretrain", "--files", text / "train.txt", "--tokenizer", text / "Bert",
        "--model-type", "albert", "--embedding-size", 8, "--objective", "mlm+sop",
        "--masking", "ngram", "--lengths", "16:0.5", "32:0.5", "--max-steps", 6,
        "--dev-files", text / "dev.txt", "--output", folder, *TINY,
    )  # fmt: skip
    assert (status, err) == (0, "")
    assert 0 <= results(folder)["dev"]["pair_accuracy"] <= 1


def test_pretrain_an_albert_on_with_more_layers(run, text, tmp_path):
    """The layer that all share is applied more often; other models have no layers to share."""
    arguments = ["--files", text / "train.txt", "--tokenizer", text / "Bert", "--max-steps", 2]
    short = [*TINY[:2], *TINY[4:]]  # without --layers
    shallow, deep = tmp_path / "shallow", tmp_path / "deep"
    for folder, model in (
        (shallow, ["--model-type", "albert", "--embedding-size", 8, "--layers", 2]),
        (deep, ["--model", shallow, "--layers", 5, "--objective", "mlm+sop"]),
    ):
        status, _, err = run("pretrain", *arguments, *model, "--output", folder, *short)
        assert (status, err) == (0, "")
    assert pytxenc.AutoConfig.from_pretrained(deep).num_hidden_layers == 5
    model = pytxenc.AlbertModel.from_pretrained(deep)
    names = [name for name in model.state_dict() if "albert_layers.0.attention.query" in name]
    assert len(names) == 2  # weight and bias
    status, _, _ = run(
        "pretrain", *arguments, "--model-type", "bert", "--output", tmp_path / "bert", *TINY
    )
    assert status == 0
    status, _, err = run(
        "pretrain", *arguments, "--model", tmp_path / "bert", "--layers", 3,
        "--output", tmp_path / "no", *short,
    )  # fmt: skip
    assert status == 2 and "a bert would need new layers" in err


@pytest.mark.parametrize(("family", "first"), [("Roberta", 2), ("Albert", 0)])
def test_repeated_positions(family, first):
    """The same states for a text at the beginning and behind as many positions as are repeated."""
    from pytxenc.training.initial import repeat_positions

    pytxenc.set_seed(1)
    config = getattr(pytxenc, f"{family}Config")(
        vocab_size=30, hidden_size=8, embedding_size=8, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=8, max_position_embeddings=14, pad_token_id=1,
    )  # fmt: skip
    model = getattr(pytxenc, f"{family}Model")(config)
    name = next(n for n in model.state_dict() if n.endswith("position_embeddings.weight"))
    before = np.array(model.state_dict()[name])
    repeat_positions(model, 5)
    after = model.state_dict()[name]
    np.testing.assert_array_equal(after[: first + 5], before[: first + 5])
    for row in range(first + 5, 14):
        np.testing.assert_array_equal(after[row], before[first + (row - first) % 5])
    ids = np.array([[7, 8, 9]])
    one, two = (
        model(ids, position_ids=ids * 0 + np.arange(3) + first + start).last_hidden_state
        for start in (0, 5)
    )
    np.testing.assert_array_equal(one, two)
    for count in (0, 15 - first):
        with pytest.raises(ValueError, match=f"of {14 - first} positions the first {count} cannot"):
            repeat_positions(model, count)


def test_pretrain_on_with_longer_blocks(run, text, tmp_path):
    arguments = ["--files", text / "train.txt", "--tokenizer", text / "Roberta", "--max-steps", 2]
    arguments += [*TINY[:2], *TINY[4:]]
    short, long = tmp_path / "short", tmp_path / "long"
    new = ["--model-type", "roberta", "--block-size", 8, "--max-positions", 32]
    assert run("pretrain", *arguments, *new, "--output", short)[0] == 0
    again = ["--model", short, "--block-size", 32, "--learning-rate", 0, "--repeat-positions", 8]
    status, _, err = run("pretrain", *arguments, *again, "--output", long)
    assert (status, err) == (0, "")
    name = "embeddings.position_embeddings.weight"
    table = pytxenc.RobertaModel.from_pretrained(long).state_dict()[name]
    np.testing.assert_array_equal(table[2:10], table[10:18])
    status, _, err = run(
        "pretrain", *arguments, *new, "--repeat-positions", 8, "--output", tmp_path / "no"
    )
    assert status == 2 and "--repeat-positions needs --model" in err


def test_sinusoidal_positions():
    from pytxenc.training.initial import set_sinusoidal_positions, sinusoidal_positions

    table = sinusoidal_positions(40, 6, std=0.05)
    assert table.std() == pytest.approx(0.05, rel=1e-5)
    position, column = 7, 2
    angle = position / 10000 ** (column / 3)
    expected = [math.sin(angle), math.cos(angle)]
    scale = table[0, 3]  # of cos 0
    assert table[position, [column, 3 + column]] / scale == pytest.approx(expected, rel=1e-5)
    model = pytxenc.RobertaForMaskedLM(pytxenc.RobertaConfig(
        vocab_size=20, hidden_size=8, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=8, max_position_embeddings=12, pad_token_id=1,
    ))  # fmt: skip
    name = "roberta.embeddings.position_embeddings.weight"
    before = model.state_dict()[name].copy()
    set_sinusoidal_positions(model)
    after = model.state_dict()[name]
    np.testing.assert_array_equal(after[:2], before[:2])
    np.testing.assert_array_equal(after[2:], sinusoidal_positions(10, 8))
    with pytest.raises(ValueError, match="0 positions"):
        sinusoidal_positions(0, 4)


# ---- what is wrong ----


def test_errors_in_files(run, base, files, tmp_path):
    bad = tmp_path / "bad.tsv"
    common = ["--model", base, "--text", 0, "--output", tmp_path / "out", "--quiet"]
    for content, arguments, message in (
        ("a\tx\nb\n", [], f"{bad}: line 2: 1 fields, but 2"),
        ("a\t1\nb\tnan\n", ["--task", "regression"], f"{bad}: line 2: the label must be a finite"),
        ("a\tx\nb\ty\n", ["--labels", "x", "z"], f"{bad}: line 2: the label 'y' is none of 'x'"),
        ("a\tx\nb\tx\n", [], "one label only, 'x'"),
        ("a\tx\n", ["--label", "y"], f"{bad}: line 1: there is no column 'y'"),
        ("", [], "the file is empty"),
        ("a\tx\nb\ty\n", ["--metric", "rouge"], "rouge"),
        ("a\tx\n", ["--scheme", "strict", "--format", "squad"], "must be tsv or csv or jsonl"),
        ("a\tx\nb\ty\n", ["--patience", 2], "--patience needs --dev"),
        ("a\tx\nb\ty\n", ["--schedule", "sudden"], "'sudden'"),
    ):
        bad.write_text(content)
        label = [] if "--label" in arguments else ["--label", 1]
        status, out, err = run("finetune", *common, "--train", bad, *label, *arguments)
        assert status == 2 and message in err and err.count("\n") == 1, (content, err)
        assert out == ""
    assert not (tmp_path / "out").exists()


def test_errors_of_settings(run, base, files, tmp_path):
    config = tmp_path / "run.toml"
    for content, message in (
        ("epoch = 3", f"{config}: epoch is no setting of finetune"),
        ("epochs = 'three'", f"{config}: epochs: 'three': could not convert"),
        ("epochs = true", f"{config}: epochs must not be True"),
        ("quiet = 1", f"{config}: quiet must be true or false, not 1"),
        ("dtype = 'int8'", f"{config}: dtype is 'int8'; it must be one of float32, bfloat16"),
        ("command = 'pretrain'", "settings of another command than finetune"),
        ("epochs = ", f"{config}: not TOML"),
    ):
        config.write_text(content)
        status, _, err = run("finetune", "--config", config, "--model", base)
        assert status == 2 and message in err, (content, err)
    status, _, err = run("finetune", "--config", tmp_path / "none.toml")
    assert status == 2 and "none.toml" in err
    status, _, err = run("evaluate", "-m", base, "-f", files / "test.tsv")
    assert status == 2 and "is not fine-tuned for one of classification" in err
    status, _, err = run(
        "finetune", "-m", base, "--train", files / "train.tsv", "--text", "first", "-o",
        tmp_path / "none", "--resume", "-q",
    )  # fmt: skip
    assert status == 2 and "there is no run to resume" in err


def test_errors_of_pretraining(run, text, tmp_path):
    common = ["--tokenizer", text / "Roberta", "--output", tmp_path / "out", "--quiet"]
    files = ["--files", text / "train.txt"]
    roberta = ["--model-type", "roberta"]
    for arguments, message in (
        (roberta, "give --corpus or --files"),
        ([*files, "--corpus", "x", *roberta], "--corpus or --files, not both"),
        (files, "give one of --model, --model-type and --config-name"),
        (
            [*files, *roberta, "--objective", "mlm+nsp"],
            "a RobertaForMaskedLM has no head for pairs",
        ),
        ([*files, *roberta, "--packing", "sop"], "--packing for mlm must be one of full_sentences"),
        ([*files, *roberta, "--lengths", "32:0.5", "64:0.4"], "add up to 0.9, not 1"),
        ([*files, *roberta, "--embedding-size", 8], "--embedding-size is for albert"),
        ([*files, "--model-type", "gpt"], "'gpt' is not known"),
    ):
        status, _, err = run("pretrain", *common, *arguments)
        assert status == 2 and message in err, (arguments, err)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", ["pretrain", "finetune", "evaluate", "predict"])
def test_help(run, capsys, command):
    with pytest.raises(SystemExit):
        run(command, "--help")
    out = capsys.readouterr().out
    assert f"python -m pytxenc {command}" in out and "%(default)s" not in out
