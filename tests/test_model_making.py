"""How the bundled models are made and judged: arithmetic, choices, and what is done again."""

import itertools
import json
import math

import numpy as np
import pytest


@pytest.fixture
def modules(root, monkeypatch):
    """The modules of benchmarks that make and judge models."""
    monkeypatch.syspath_prepend(str(root / "benchmarks"))
    import finetune_tasks
    import model_bundle
    import model_cards
    import model_curves
    import model_recipes
    import model_repeats
    import model_verdicts
    import prove_models

    class Modules:
        bundle, cards, tasks = model_bundle, model_cards, finetune_tasks
        verdicts, prove = model_verdicts, prove_models
        curves, recipes, repeats = model_curves, model_recipes, model_repeats

    return Modules


def runs_of(verdicts, gains, seeds=5):
    """Results in which the model is so many points better than its twin, by task."""
    runs = {}
    for task, gain in gains.items():
        for arm in verdicts.ARMS:
            for choice in verdicts.CHOICES:
                dev = 50.0 + 10 * (choice == verdicts.CHOICES[1])
                runs[verdicts.key("m", arm, task, verdicts.TRIAL, choice)] = {"dev": dev}
            for seed in range(1, seeds + 1):
                test = 60 + 0.1 * seed + (gain + 0.01 * seed if arm == "pretrained" else 0)
                name = verdicts.key("m", arm, task, seed, verdicts.CHOICES[1])
                runs[name] = {"dev": 0.0, "test": test}
    return runs


def test_choice_is_the_best_of_development(modules):
    v = modules.verdicts
    runs = {v.key("m", "twin", "sst2", v.TRIAL, choice): {"dev": 50.0} for choice in v.CHOICES}
    assert v.chosen(runs, "m", "twin", "sst2") == v.CHOICES[0]  # of equal ones
    runs[v.key("m", "twin", "sst2", v.TRIAL, v.CHOICES[2])]["dev"] = 51.0
    assert v.chosen(runs, "m", "twin", "sst2") == v.CHOICES[2]
    del runs[v.key("m", "twin", "sst2", v.TRIAL, v.CHOICES[0])]
    assert v.chosen(runs, "m", "twin", "sst2") is None


def test_pairs_are_compared(modules):
    v = modules.verdicts
    found = v.compare(runs_of(v, {"sst2": 2.0}), "m", "sst2")
    assert found.choices == dict.fromkeys(v.ARMS, v.CHOICES[1])
    # Differences 2.01 to 2.05: mean 2.03, SD .0158, half the interval 2.776 SD / sqrt(5).
    assert found.difference.mean == pytest.approx(2.03)
    half = 2.776 * math.sqrt(0.00025) / math.sqrt(5)
    assert found.difference.low == pytest.approx(2.03 - half, abs=1e-5)
    runs = runs_of(v, {"sst2": 2.0})
    del runs[v.key("m", "twin", "sst2", 3, v.CHOICES[1])]
    assert v.compare(runs, "m", "sst2") is None


@pytest.mark.parametrize(
    ("gains", "said"),
    [
        (dict(sst2=1, mrpc=1, conll2000=1), "is passed: better than its twin on sst2, mrpc, conll"),
        ({"sst2": 1, "mrpc": -1, "sick-entailment": -1, "conll2000": 1},
         "is not passed: better than its twin on sst2, conll2000, worse on mrpc, sick-entailment."),
        (dict(sst2=1, mrpc=1), "is not decided: better than its twin on sst2, mrpc, not yet meas"),
        (dict(sst2=-1, mrpc=-1), "is not passed: better than its twin on none, worse on sst2, mr"),
        ({"sick-relatedness": 9}, "is not decided: better than its twin on none"),
    ],
)  # fmt: skip
def test_verdicts(modules, gains, said):
    assert f"the gate {said}" in modules.verdicts.verdict(runs_of(modules.verdicts, gains), "m")


def test_trials_come_first_and_nothing_twice(modules):
    v, prove = modules.verdicts, modules.prove
    first = prove.wanted({}, ["m"], ["sst2"], 5)
    assert first == [("m", arm, "sst2", v.TRIAL, choice) for arm in v.ARMS for choice in v.CHOICES]
    runs = {key: run for key, run in runs_of(v, {"sst2": 1.0}).items() if "/0/" in key}
    then = prove.wanted(runs, ["m"], ["sst2"], 5)
    assert then == [("m", arm, "sst2", s, v.CHOICES[1]) for arm in v.ARMS for s in range(1, 6)]
    assert prove.wanted(runs_of(v, {"sst2": 1.0}), ["m"], ["sst2"], 5) == []


def test_results_of_other_files_do_not_count(modules, monkeypatch, tmp_path):
    prove = modules.prove
    now = {"pretrained": "new weights", "twin": "a shape"}
    monkeypatch.setattr(prove, "digest", lambda model, arm: now[arm])
    choice = modules.verdicts.Choice(1e-4, 0.0)
    path = tmp_path / "results.json"
    run = {arm: {"dev": 1.0, **prove.stamp("m", arm, "sst2", choice)} for arm in now}
    prove.finish(path, {
        "m/twin/sst2/0/0.0001/0": run["twin"],
        "m/twin/sst2/0/0.0001/0.1": run["twin"],  # of another dropout than it says
        "m/twin/mrpc/0/0.0001/0": run["twin"],  # mrpc has more epochs
        "m/pretrained/sst2/0/0.0001/0": run["pretrained"],
    })  # fmt: skip
    assert list(prove.known(path)) == ["m/twin/sst2/0/0.0001/0", "m/pretrained/sst2/0/0.0001/0"]
    now["pretrained"] = "newer weights"
    assert list(prove.known(path)) == ["m/twin/sst2/0/0.0001/0"]
    assert prove.known(tmp_path / "none.json") == {}


def test_a_twin_depends_on_its_shape_and_tokenizer_alone(modules, monkeypatch, tmp_path):
    prove = modules.prove
    for name in ("model.safetensors", "config.json", "tokenizer.json"):
        (tmp_path / name).write_bytes(name.encode())
    monkeypatch.setattr(prove, "bundled", lambda recipe: tmp_path)

    def digests():
        prove.digest.cache_clear()
        return {arm: prove.digest("roberta-mini", arm) for arm in modules.verdicts.ARMS}

    before = digests()
    (tmp_path / "model.safetensors").write_bytes(b"trained further")
    after = digests()
    assert after["twin"] == before["twin"] and after["pretrained"] != before["pretrained"]
    (tmp_path / "config.json").write_bytes(b"wider")
    assert digests()["twin"] != after["twin"]
    prove.digest.cache_clear()


def run_of(folder, losses, **settings):
    """A folder as a run of pretraining leaves it, of 100 tokens and 36 seconds a step."""
    folder.mkdir()
    told = {"max-steps": len(losses), "block-size": 128, **settings}
    lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in told.items())
    (folder / "run.toml").write_text(lines + '[versions]\nCPU = "a processor"\n')
    rows = [
        {"step": step, "loss": loss, "tokens": 100 * step, "elapsed": 36 * step}
        for step, loss in enumerate(losses, 1)
    ]
    rows.append({"step": len(losses), "eval_loss": 5.0})
    (folder / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_courses_are_read_from_logs_or_kept(modules, tmp_path):
    stages = tuple(modules.recipes.Stage(name) for name in ("a", "b", "c"))
    recipe = modules.recipes.RECIPES["roberta-mini"]._replace(stages=stages)
    run_of(tmp_path / "c", [3.0, 2.0, 1.0, 0.5], lengths=["32:0.5", "128:0.5"])
    before = [{"stages": ["a", "b"], "tokens": 7}]
    kept, read = modules.curves.courses(recipe, tmp_path, before)
    assert kept is before[0]
    assert read == {
        "stages": ["c"], "tokens": 400, "hours": pytest.approx(0.04), "cpu": "a processor",
        "lengths": [(0, 32), (100, 128)], "held_out": [(400, 5.0)],
        "train": [(100, 3.0), (200, 2.0), (300, 1.0), (400, 0.5)],
    }  # fmt: skip
    run_of(tmp_path / "a", [4.0])
    assert modules.curves.courses(recipe, tmp_path, before)[0] is before[0]  # b is gone
    run_of(tmp_path / "b", [4.0, 2.0])
    parts = modules.curves.courses(recipe, tmp_path, before)
    assert [part["stages"] for part in parts] == [["a"], ["b"], ["c"]]
    assert parts[1]["lengths"] == [(0, 128)]
    settings = (tmp_path / "b" / "run.toml").read_text()
    (tmp_path / "b" / "run.toml").write_text(settings.replace("max-steps = 2", "minutes = 1.0"))
    assert modules.curves.courses(recipe, tmp_path, before)[1] == parts[1]
    with pytest.raises(FileNotFoundError, match="gone"):
        modules.curves.courses(recipe, tmp_path / "gone", before)


def test_sentences_return_with_fewer_words(modules, tmp_path):
    sentences = [" ".join(f"W{i}x{j}" for j in range(20)) + "." for i in range(400)]
    documents = [" ".join(sentences[:200]), " ".join(sentences[200:])]
    (tmp_path / "text.txt").write_text("\n\n".join(documents), "utf-8")
    modules.repeats.write_repeats(tmp_path / "text.txt", tmp_path / "repeats.txt")
    written = (tmp_path / "repeats.txt").read_text("utf-8").rstrip("\n").split("\n\n")
    assert len(written) == 2
    lines = [line for document in written for line in document.split("\n")]
    assert list(dict.fromkeys(line.split("x")[0] for line in lines)) == [
        sentence.split("x")[0] for sentence in sentences
    ]
    returned = [
        second.split() for first, second in itertools.pairwise(lines)
        if set(second.split()) <= set(first.split())
    ]  # fmt: skip
    assert 160 < len(returned) < 240
    assert 0.07 < 1 - sum(map(len, returned)) / (20 * len(returned)) < 0.13
    modules.repeats.write_repeats(tmp_path / "text.txt", tmp_path / "pairs.txt", apart=True)
    apart = (tmp_path / "pairs.txt").read_text("utf-8").rstrip("\n").split("\n\n")
    assert [pair.split("\n")[1].split() for pair in apart] == returned


def test_whitened_vectors_vary_alike(modules):
    rng = np.random.default_rng(2)
    vectors = (rng.standard_normal((5000, 6)) @ rng.standard_normal((6, 6)) + 3).astype(np.float32)
    weight, bias = modules.bundle.whitening(vectors, 4)
    white = vectors @ weight.T + bias
    np.testing.assert_allclose(white.mean(0), 0, atol=1e-3)
    np.testing.assert_allclose(np.cov(white, rowvar=False), np.eye(4), atol=1e-3)
    # What is left out varies less than what is kept.
    lost = np.linalg.eigvalsh(np.cov(vectors, rowvar=False))[:2].max()
    assert 1 / np.linalg.norm(weight, axis=1).max() ** 2 > lost


def test_no_more_than_chance_is_said(modules):
    say = modules.cards._against_chance
    assert "has not learned" in say({"accuracy": 0.52, "pairs": 1000})  # 1.3 standard errors
    assert "at most 53.1 %" in say({"accuracy": 0.54, "pairs": 1000})


def test_development_rows_are_not_trained_on(modules, tmp_path):
    task = modules.tasks.Task("", "", (), ("a.txt", "b.txt"), lambda path: list(range(25)))
    train, dev, test = task.rows(tmp_path)
    assert dev == [0, 10, 20] and len(train) == 22 and not set(train) & set(dev)
    assert test == list(range(25))


def test_most_frequent_class(modules, tmp_path):
    """Chosen in training, scored in test."""
    folder = tmp_path / "sst2"
    folder.mkdir()
    for name, labels in (("train", "1110"), ("dev", "10"), ("test", "1000")):
        (folder / f"{name}.tsv").write_text(
            "".join(f"text {i}\t{x}\n" for i, x in enumerate(labels))
        )
    assert modules.tasks.majority("sst2", tmp_path) == 25
    assert modules.tasks.majority("conll2000", tmp_path) is None
