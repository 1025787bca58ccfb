"""The measurement of the papers' claims: its protocol, what it does again, and its arithmetic."""

import json
import math
from types import SimpleNamespace

import numpy as np
import pytest
from task_models import TEXTS, small_tokenizer

import pytxenc


@pytest.fixture(scope="module")
def bench(root):
    """The modules of the benchmark."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(root / "benchmarks"))
        import claim_arms
        import claim_measures
        import claim_report
        import claim_runs
        import claims

    return SimpleNamespace(
        arms=claim_arms, runs=claim_runs, measures=claim_measures, main=claims, report=claim_report
    )


# ---- the protocol ----


def test_every_claim_has_arms_that_are_measured_as_it_says(bench):
    arms, metrics = bench.arms.ARMS, bench.arms.METRICS
    for claim in bench.arms.CLAIMS.values():
        assert claim.baseline in claim.arms and len(set(claim.arms)) == len(claim.arms) > 1
        for metric in claim.metrics:
            part, *rest = metrics[metric].path.split(".")
            measuring = [
                name for name in claim.arms
                if {"tasks": rest and rest[0] in arms[name].tasks, "pairs": arms[name].pairs,
                    "gradients": arms[name].gradients}.get(part, arms[name].trained)
            ]  # fmt: skip
            assert measuring, (claim.name, metric)
            if part == "tasks":
                assert measuring == list(claim.arms)
    used = {name for claim in bench.arms.CLAIMS.values() for name in claim.arms}
    assert used == set(arms)
    assert all(arm.batch % arm.accumulation == 0 for arm in arms.values())


def test_two_arms_of_one_name_are_refused(bench):
    with pytest.raises(ValueError, match="'a'"):
        bench.arms._by_name([bench.arms.Arm("a", ""), bench.arms.Arm("a", "")])


def test_runs_are_ordered_claim_by_claim_and_after_their_starts(bench):
    names = list(bench.arms.CLAIMS)
    runs = bench.arms.runs_of(names, 3)
    assert len(set(runs)) == len(runs) == 3 * len(bench.arms.ARMS)
    for number, (arm, seed) in enumerate(runs):
        start = bench.arms.ARMS[arm].start
        assert start is None or (start, seed) in runs[:number]
    assert runs[: len(bench.arms.runs_of(names[:2], 3))] == bench.arms.runs_of(names[:2], 3)
    hours = sum(bench.arms.expected_seconds(bench.arms.ARMS[arm]) for arm, _ in runs) / 3600
    assert hours < 6


# ---- what is done, and what is done again ----


@pytest.fixture
def place(bench, tmp_path):
    return bench.runs.Place(tmp_path)


def made_up(bench, arm, seed, **figures):
    settings = bench.runs.settings_of(bench.arms.ARMS[arm])
    return {"arm": arm, "seed": seed, "settings": settings, **figures}


def launcher(bench, failing=()):
    """A launch for carry_out that only notes what it is asked for."""
    begun = []

    def launch(place, run):
        begun.append(run)
        if run not in failing:
            place.write(made_up(bench, *run))
            place.model(*run).mkdir(parents=True, exist_ok=True)
        message = "out of luck" if run in failing else None
        return SimpleNamespace(
            run=run, over=lambda: True, failure=lambda: message, stop=lambda: None
        )

    return launch, begun


def test_runs_with_a_result_are_left_out(bench, place):
    runs = [("start", 1), ("full", 1), ("long", 1), ("shared", 1)]
    place.write(made_up(bench, "start", 1))
    place.model("start", 1).mkdir(parents=True)
    place.write({"arm": "full", "seed": 1, "failed": "once"})
    changed = made_up(bench, "long", 1)
    changed["settings"]["rate"] *= 2
    place.write(changed)
    launch, begun = launcher(bench)
    bench.main.carry_out(place, runs, 2, 60, launch)
    assert begun == runs[1:]
    bench.main.carry_out(place, runs, 2, 60, launch)
    assert begun == runs[1:]


def test_what_was_collected_is_not_done_again_elsewhere(bench, tmp_path):
    """But for the model that others begin from."""
    runs = [("start", 1), ("full", 1), ("long", 1), ("shared", 1)]
    collected = {"scale": 1, "runs": [made_up(bench, *run) for run in runs if run[0] != "long"]}
    path = tmp_path / "claims.json"
    path.write_text(json.dumps({"results": collected}))
    place = bench.runs.Place(tmp_path)
    bench.main.restore(place, path)
    launch, begun = launcher(bench)
    bench.main.carry_out(place, runs, 2, 60, launch)
    assert begun == [("start", 1), ("long", 1)]
    bench.main.restore(bench.runs.Place(tmp_path, 0.5), path)
    assert not list((tmp_path / "claims-0.5").iterdir())


def test_no_run_is_begun_when_the_time_is_over(bench, place):
    launch, begun = launcher(bench)
    bench.main.carry_out(place, [("start", 1)], 2, 0, launch)
    assert begun == []


def test_a_failure_is_kept_and_stops_only_what_begins_from_it(bench, place):
    runs = [("start", 1), ("full", 1), ("start", 2), ("full", 2)]
    launch, begun = launcher(bench, failing=[("start", 1)])
    bench.main.carry_out(place, runs, 1, 60, launch)
    assert begun == [("start", 1), ("start", 2), ("full", 2)]
    assert place.failure("start", 1)["failed"] == "out of luck"
    assert "start" in place.failure("full", 1)["failed"]
    assert place.read("full", 2) is not None


# ---- the page ----


def results(bench, runs):
    return bench.report.Results(
        {
            "machine": {"pytxenc": "0", "commit": "abc", "cpu": "some", "date": "today"},
            "results": {"scale": 1.0, "unigram_entropy": 7.0, "runs": runs, "trivial": {}},
        }
    )


def schedules(bench):
    """Losses of three seeds of three schedules, one of them failed."""
    losses = {
        "full": (5.0, 5.1, 5.2), "constant": (5.1, 5.25, 5.2), "cosine": (4.8, 4.89, 5.01),
    }  # fmt: skip
    return [
        made_up(
            bench, arm, seed, tokens=4e6, tokens_before=4e6, seconds=100.0, parameters=2e6,
            held_out={"loss": loss, "accuracy": 20.0}, curve=[[2e6, 50, 6.0], [4e6, 100, loss]],
        )
        for arm, values in losses.items()
        for seed, loss in enumerate(values, 1)
    ]  # fmt: skip


def test_paired_differences_and_their_words(bench):
    found = results(bench, schedules(bench))
    claim = bench.arms.CLAIMS["schedule"]
    constant, cosine = found.differences(claim)[:2]
    # t = 4.302653 for three seeds: 0.083333 ± t 0.0763763 / √3, and -0.2 ± t 0.01 / √3.
    assert constant.interval.mean == pytest.approx(0.25 / 3)
    assert constant.interval.low == pytest.approx(-0.106395, abs=1e-5)
    assert not constant.detected
    assert bench.report.verdict(constant) == ("no difference detected (interval -0.106 to +0.273)")
    assert cosine.detected
    assert bench.report.verdict(cosine) == "lower (interval -0.225 to -0.175)"


def test_only_seeds_that_both_have_are_compared(bench):
    runs = [run for run in schedules(bench) if (run["arm"], run["seed"]) != ("full", 2)]
    one = results(bench, runs).difference("constant", "full", "loss")
    assert one.seeds == (1, 3)
    assert one.values == pytest.approx((0.1, 0.0))


def test_the_page_tells_all_seeds_and_what_is_missing(bench):
    runs = schedules(bench)
    runs[-1] = {"arm": "cosine", "seed": 3, "failed": "out of memory"}
    runs[0]["held_out"]["loss"] = 6.9  # on the plateau, and with it the mean
    page = bench.report.page(results(bench, runs))
    section = page[page.index("## Schedules") : page.index("## The size of a batch")]
    for loss in ("6.900", "5.100", "5.200", "5.250", "4.800", "4.890"):
        assert f"| {loss} |" in section
    assert "| `constant` | 5.183 ± 0.076 |" in section
    assert " †" not in section.split("`constant`")[2].split("\n")[0]
    assert "`full` | 5.733 ± 1.012 |" in section
    assert "- Missing: `cosine`, seed 3, which failed: out of memory" in section
    assert "- Missing: `float32`, seed 1, not run yet" in page
    assert "Not measured." in page[page.index("## Layers that share") :]


def test_an_arm_on_the_plateau_is_marked(bench):
    runs = schedules(bench)
    for run in runs[:3]:
        run["held_out"]["loss"] = 6.0
    assert "| `full` | 6.000 ± 0.000 † |" in bench.report.page(results(bench, runs))


def test_figures_are_the_same_for_the_same_results(bench, tmp_path):
    pytest.importorskip("matplotlib")
    found = results(bench, schedules(bench))
    drawn = []
    for number in (1, 2):
        path = tmp_path / f"{number}.svg"
        bench.report.draw_differences(found, path)
        drawn.append(path.read_bytes())
        bench.report.draw_curves(found, path)
        assert b"<svg" in path.read_bytes()
    assert drawn[0] == drawn[1]


# ---- measures ----


def test_logistic_regression_is_at_its_minimum(bench):
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((200, 3)) * [1, 5, 0.1] + [0, 3, 0]
    labels = vectors @ [1.0, -0.2, 4.0] + rng.standard_normal(200) > 0
    weights = bench.measures.logistic_regression(vectors, labels)

    def cost(weights):
        scores = vectors @ weights[:-1] + weights[-1]
        penalty = bench.measures.RIDGE / 2 * np.sum((weights[:-1] * vectors.std(0)) ** 2)
        return np.sum(np.logaddexp(0, scores) - labels * scores) + penalty

    for step in 1e-3 * rng.standard_normal((20, 4)):
        assert cost(weights + step) > cost(weights)


@pytest.fixture
def work(bench, tmp_path):
    """A folder as make_models.py leaves one, of a few sentences."""
    rng = np.random.default_rng(0)
    tokenizer = small_tokenizer("Bert")
    recipe = bench.runs.RECIPES[bench.arms.SOURCE]
    tokenizer.save_pretrained(recipe.tokenizer(tmp_path))
    tokenizer = pytxenc.AutoTokenizer.from_pretrained(recipe.tokenizer(tmp_path))
    for name, count in (("train", 120), ("held-out", 30)):
        text = tmp_path / f"{name}.txt"
        documents = ["\n".join(rng.choice(TEXTS, 12)) for _ in range(count)]
        text.write_text("\n\n".join(documents) + "\n")
        pytxenc.encode_corpus(
            tokenizer, text, recipe.corpus(tmp_path, name), keep_lines=True, split_sentences=True,
            progress=False,
        )  # fmt: skip
    return tmp_path


def test_runs_measure_what_they_say(bench, work, monkeypatch):
    """Arms at a scale of a few steps, without the tasks, which need the reference data."""
    for arm in list(bench.arms.ARMS.values()):
        monkeypatch.setitem(bench.arms.ARMS, arm.name, arm._replace(tasks=()))
    monkeypatch.setattr(bench.measures, "PROBED", 100)
    place = bench.runs.Place(work, scale=0.001)

    def run(name):
        bench.runs.run(bench.arms.ARMS[name], 1, place)
        told = place.read(name, 1)
        assert told["held_out"]["loss"] < 1.2 * math.log(300)
        assert told["tokens"] == told["curve"][-1][0]
        if bench.arms.ARMS[name].text is None:
            wanted = 0.001 * bench.arms.ARMS[name].tokens
            assert told["tokens"] == pytest.approx(wanted, rel=0.5)
        return told

    start = run("start")
    again = bench.runs.pretrain(bench.arms.ARMS["start"], 1, place)
    assert again["train"] == start["train"]
    whole, split = run("full"), run("accumulated")
    assert whole["tokens_before"] == start["tokens"]
    assert split["held_out"]["loss"] == pytest.approx(whole["held_out"]["loss"], abs=1e-3)
    assert split["gradients"]["equal"] < 1e-5 and split["gradients"]["unequal"] < 1e-5
    assert split["gradients"]["mean_of_means"] > 1e-3
    nsp = run("nsp")
    assert "head" not in whole["pairs"]["nsp"] and nsp["pairs"]["sop"]["head"] >= 0
    assert {*nsp["pairs"]} == {"nsp", "sop"}
    run("static-1")
    assert 0 < len(pytxenc.TokenCorpus(place.corpus(4e5)).ids) < 2000
    shared, own = run("shared"), run("unshared")
    assert shared["parameters"] < own["parameters"]
    collected = bench.main.collect(place)
    assert [run["arm"] for run in collected["runs"]] == [
        name for name in bench.arms.ARMS if place.result(name, 1).exists()
    ]
    assert collected["trivial"].keys() == {"nsp-probe", "sop-probe"}
    about = {"machine": {}, "results": json.loads(json.dumps(collected))}
    assert "A trial" in bench.report.page(bench.report.Results(about))
