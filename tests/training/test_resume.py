"""A run that was interrupted and resumed has the bits of one that was not."""

import functools
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from training_jobs import STEPS, STEPS_PER_EPOCH, train

from pytxenc.training.checkpoint import find_last

PROGRAM = Path(__file__).with_name("training_jobs.py")
KINDS = {
    "bert": {},
    "bf16": {"bf16": True},
    "albert": {"model": "AlbertForMaskedLM"},
    "roberta bf16": {"model": "RobertaForMaskedLM", "bf16": True, "accumulation": 1, "batch": 4},
    "grouped": {"train_sampling_strategy": "group_by_length"},
    "masks that are drawn": {"data": "masking"},
    "pretraining": {"data": "pretraining"},
    "growing": {
        "data": "pretraining",
        "batch": 1,
        "accumulation": 1,
        "length_curriculum": [(0.0, 6), (0.3, 10), (0.5, 16)],
    },
    "tokens": {"max_tokens_per_batch": 40, "accumulation": 1},
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What a run of a kind comes to without an interruption."""

    @functools.cache
    def run(kind):
        return train(tmp_path_factory.mktemp("whole"), **KINDS[kind])

    return run


def history(trainer):
    """What was logged, without times."""
    return [
        {name: row[name] for name in ("loss", "grad_norm", "learning_rate", "step", "epoch")}
        for row in trainer.state.log_history
        if "loss" in row
    ]


def check_same(trainer, expected):
    assert trainer.state.global_step == expected.state.global_step == STEPS
    np.testing.assert_array_equal(trainer.session.flat.values, expected.session.flat.values)
    assert history(trainer) == history(expected) and len(history(expected)) == STEPS // 3


@pytest.mark.parametrize("by", ["callback", "SIGTERM"])
@pytest.mark.parametrize("stop", [1, STEPS_PER_EPOCH, STEPS_PER_EPOCH + 3, 2 * STEPS_PER_EPOCH])
@pytest.mark.parametrize("kind", KINDS)
def test_resumed(whole, tmp_path, kind, stop, by):
    first = train(tmp_path, stop=stop, by=by, **KINDS[kind])
    assert first.state.global_step == stop and first.interrupted == (by == "SIGTERM")
    assert find_last(tmp_path) == tmp_path / f"checkpoint-{stop}"
    # Other initial values, which the checkpoint's replace.
    check_same(train(tmp_path, seed=2, resume=True, **KINDS[kind]), whole(kind))


def test_seeds_and_dropout_matter(whole, tmp_path):
    """So that equality above says something."""
    other = train(tmp_path, seed=2)
    assert not np.array_equal(other.session.flat.values, whole("bert").session.flat.values)
    again = train(tmp_path / "again", **KINDS["bert"])
    check_same(again, whole("bert"))


def test_resumed_at_every_step(whole, tmp_path):
    """One interruption after the other."""
    for stop in range(1, STEPS):
        train(tmp_path, stop=stop, resume=stop > 1)
    check_same(train(tmp_path, resume=True), whole("bert"))


def test_resumed_with_another_batch_size(whole, tmp_path):
    """Samples and dropout of a step do not depend on micro-batches; the order of sums does."""
    train(tmp_path, stop=4)
    trainer = train(tmp_path, resume=True, batch=1, accumulation=4)
    np.testing.assert_allclose(
        trainer.session.flat.values, whole("bert").session.flat.values, atol=1e-5
    )


@pytest.mark.slow
def test_process_that_is_told_to_stop(tmp_path):
    """SIGTERM at whatever moment; the resumed run ends as one that was left alone."""
    long = ["max_steps=300", "logging_steps=1000"]
    options = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    command = [sys.executable, PROGRAM]
    alone = subprocess.Popen([*command, tmp_path / "alone", *long], **options)
    log = tmp_path / "stopped" / "final.npy"
    stopped = subprocess.Popen([*command, log.parent, *long, "save_steps=20",
                                'save_strategy="steps"'], **options)  # fmt: skip
    deadline = time.monotonic() + 60
    while find_last(log.parent) is None and time.monotonic() < deadline:
        time.sleep(0.01)
    stopped.send_signal(signal.SIGTERM)
    for process in (alone, stopped):
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    assert 20 <= int(find_last(log.parent).name.removeprefix("checkpoint-")) < 300
    resumed = [*command, log.parent, *long, "resume=true"]
    subprocess.run(resumed, check=True, timeout=120, capture_output=True)
    np.testing.assert_array_equal(np.load(log), np.load(tmp_path / "alone" / "final.npy"))
