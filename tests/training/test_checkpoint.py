"""Checkpoints: complete or not there, whatever happens, and refused when they are not right."""

import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import pytxenc
from pytxenc.training.checkpoint import (
    Checkpointer,
    SaveClock,
    StopSignals,
    find_last,
    get_last_checkpoint,
    load_weights,
)

SIZES = dict(
    vocab_size=20, hidden_size=4, num_hidden_layers=1, num_attention_heads=1,
    intermediate_size=4, max_position_embeddings=8,
)  # fmt: skip
ARRAYS = {
    "exp_avg": np.arange(5, dtype=np.float32),
    "steps": np.array(7),
    "none": np.empty((0, 3), np.float64),
}
NUMBERS = {"epoch": 2, "loss": 0.1 + 0.2, "best": float("inf"), "log": [{"lr": 1e-300}]}


def new_model(cls=pytxenc.BertForMaskedLM, **sizes):
    pytxenc.set_seed(3)
    return cls(cls.config_class(**{**SIZES, **sizes}))


@pytest.fixture(scope="module")
def model():
    return new_model()


def save(checkpointer, step, model, **options):
    return checkpointer.save(step, model=model, arrays=ARRAYS, numbers=NUMBERS, **options)


def steps_in(folder):
    return sorted(int(name.removeprefix("checkpoint-")) for name in os.listdir(folder))


def test_round_trip(tmp_path, model):
    checkpointer = Checkpointer(tmp_path / "new" / "run")
    path = save(checkpointer, 12, model, trainer_state={"global_step": 12})
    assert path == tmp_path / "new" / "run" / "checkpoint-12" == checkpointer.path(12)
    arrays, numbers = checkpointer.load(path, model)
    assert numbers == NUMBERS and arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(arrays[name], array)
    assert json.loads((path / "trainer_state.json").read_text()) == {"global_step": 12}
    into = {name: np.zeros_like(value) for name, value in new_model().state_dict().items()}
    ties = {v: k for k, v in reversed(model._ties.items())}
    for name, tied in ties.items():  # as the views of flat parameters are
        into[tied] = into[name]
    load_weights(path, into)
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(into[name], value)


def test_transformers_reads_it(tmp_path, model):
    transformers = pytest.importorskip("transformers")
    words = tmp_path / "vocab.txt"
    words.write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefg"]))
    tokenizer = pytxenc.BertTokenizer(str(words))
    path = save(Checkpointer(tmp_path), 3, model, tokenizer=tokenizer)
    theirs = transformers.AutoModelForMaskedLM.from_pretrained(path).state_dict()
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(theirs[name].numpy(), value)
    ids = transformers.AutoTokenizer.from_pretrained(path)("a c").input_ids
    assert ids == tokenizer("a c").input_ids


def test_keeping(tmp_path, model):
    checkpointer = Checkpointer(tmp_path, keep_last=2, keep_best=True)
    assert checkpointer.last is checkpointer.best is None
    (tmp_path / "checkpoint-1").mkdir()  # not ours
    for step, best, kept in [
        (2, False, [2]), (3, True, [2, 3]), (4, False, [3, 4]), (5, False, [3, 4, 5]),
        (6, True, [5, 6]), (7, False, [6, 7]), (8, False, [6, 7, 8]),
    ]:  # fmt: skip
        save(checkpointer, step, model, best=best)
        assert steps_in(tmp_path) == [1, *kept]
        assert checkpointer.last == checkpointer.path(step)
    assert checkpointer.best == checkpointer.path(6)
    save(Checkpointer(tmp_path, keep_last=1), 9, model)
    assert steps_in(tmp_path) == [1, 9] and checkpointer.best is None


def test_last_is_last_in_time(tmp_path, model):
    """A run that went back to an early checkpoint goes on from its own."""
    checkpointer = Checkpointer(tmp_path, keep_last=2)
    for step in (100, 200, 50, 100):
        save(checkpointer, step, model)
    assert find_last(tmp_path) == tmp_path / "checkpoint-100"
    assert steps_in(tmp_path) == [50, 100]


def test_last_as_in_transformers(tmp_path):
    theirs = pytest.importorskip("transformers.trainer_utils").get_last_checkpoint
    assert get_last_checkpoint(tmp_path) is theirs(str(tmp_path)) is None
    for name in ("checkpoint-9", "checkpoint-10", "checkpoint-x", "xcheckpoint-99"):
        (tmp_path / name).mkdir()
    (tmp_path / "checkpoint-11").write_text("")
    assert get_last_checkpoint(str(tmp_path)) == theirs(str(tmp_path))
    assert find_last(tmp_path) is None and find_last(tmp_path / "none") is None


# ---- what goes wrong when saving ----


@pytest.mark.slow
def test_kill_at_any_moment():
    """200 times SIGKILL at a random moment: see kill_saves.py."""
    script = Path(__file__).with_name("kill_saves.py")
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # a kill is the same there
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        command = [sys.executable, script, folder, "200"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    saves, interrupted = map(int, done.stdout.split())
    assert saves >= 20 and interrupted >= 20, "the processes were not killed while they saved"


def debris(folder):
    return [name for name in os.listdir(folder) if name.startswith(".")]


def test_debris_is_removed(tmp_path, model):
    """What kills leave between any two renames; one is that of the only checkpoint."""
    checkpointer = Checkpointer(tmp_path)
    path = save(checkpointer, 1, model)
    path.rename(tmp_path / ".checkpoint-1.0123abcd.replaced")
    for name in (".checkpoint-1.0123abcd.partial", ".checkpoint-2.0123abcd.partial"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text("{")
    mine = tmp_path / ".checkpoint-notes"
    mine.mkdir()
    checkpointer.clean()
    assert sorted(os.listdir(tmp_path)) == [mine.name, path.name]
    checkpointer.load(path, model)
    shutil.copytree(path, tmp_path / ".checkpoint-1.0123abcd.replaced")
    save(checkpointer, 2, model)
    assert sorted(os.listdir(tmp_path)) == [mine.name, path.name, "checkpoint-2"]


@pytest.mark.parametrize("number", range(5))
def test_full_disk(tmp_path, model, number):
    """Files may not become as large as the n-th largest: writing fails in one or another."""
    resource = pytest.importorskip("resource")
    checkpointer = Checkpointer(tmp_path, keep_last=1)
    path = save(checkpointer, 1, model)
    sizes = sorted(file.stat().st_size for file in path.iterdir())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (sizes[number] - 1, hard))
    try:
        with pytest.raises(OSError, match="checkpoint of step 2 cannot be written") as caught:
            save(checkpointer, 2, model)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.errno == errno.EFBIG and str(tmp_path) in str(caught.value)
    assert os.listdir(tmp_path) == [path.name]
    checkpointer.load(path, model)


CALLS = ("fsync", "rename", "replace", "mkdir")


@pytest.mark.parametrize("replace", [False, True])
@pytest.mark.parametrize("call", CALLS)
def test_no_space_at_any_call(tmp_path, model, monkeypatch, call, replace):
    """The n-th of the system's calls fails, for every n: the checkpoint before stays whole."""
    checkpointer = Checkpointer(tmp_path)
    path = save(checkpointer, 1, model)
    original, failures = getattr(os, call), 0
    while True:
        calls = 0

        def failing(*args, calls_before=failures, **kwargs):
            nonlocal calls
            calls += 1
            if calls == calls_before + 1:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return original(*args, **kwargs)

        monkeypatch.setattr(os, call, failing)
        try:
            save(checkpointer, 1 if replace else 2, model)
        except OSError as error:
            assert error.errno == errno.ENOSPC
            assert "step" in str(error) and str(tmp_path) in str(error)
        else:
            break
        finally:
            monkeypatch.setattr(os, call, original)
        failures += 1
        checkpointer.clean()
        assert not debris(tmp_path)
        checkpointer.load(path, model)
    assert failures == 2 if call == "rename" and replace else failures >= 1


@pytest.mark.parametrize("present", [False, True])
def test_no_permission(tmp_path, model, present):
    checkpointer = Checkpointer(tmp_path)
    path = save(checkpointer, 1, model)
    tmp_path.chmod(0o555 if present else 0)
    superuser = os.geteuid() == 0
    if superuser:
        os.seteuid(65534)
    try:
        with pytest.raises(PermissionError, match=re.escape(str(tmp_path))):
            save(checkpointer, 2, model)
    finally:
        if superuser:
            os.seteuid(0)
        tmp_path.chmod(0o755)
    assert os.listdir(tmp_path) == [path.name]


def test_no_directory(tmp_path, model):
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(NotADirectoryError, match=re.escape(str(file))):
        save(Checkpointer(file), 1, model)


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"arrays": {"x": [1]}}, TypeError, "'x' is a list"),
        ({"numbers": {"x": {1, 2}}}, TypeError, "set is not JSON"),
        ({"trainer_state": {"x": object()}}, TypeError, "object is not JSON"),
    ],
)
def test_what_files_cannot_hold(tmp_path, model, options, error, match):
    with pytest.raises(error, match=match):
        Checkpointer(tmp_path).save(1, **{"model": model, "arrays": {}, "numbers": {}, **options})
    assert os.listdir(tmp_path) == []


def test_wrong_arguments(tmp_path, model):
    with pytest.raises(ValueError, match="keep_last is 0"):
        Checkpointer(tmp_path, keep_last=0)
    with pytest.raises(ValueError, match="step is -1"):
        save(Checkpointer(tmp_path), -1, model)


# ---- what goes wrong when loading ----


@pytest.fixture
def saved(tmp_path, model):
    return save(Checkpointer(tmp_path), 5, model)


FILES = ["training_state.json", "training_state.safetensors", "model.safetensors"]


@pytest.mark.parametrize("name", FILES)
def test_truncated(saved, model, name):
    """At every 97th byte, and without the file."""
    whole = (saved / name).read_bytes()
    for size in range(0, len(whole) - 2, 97):  # the last byte of the JSON is a line's end
        (saved / name).write_bytes(whole[:size])
        with pytest.raises((ValueError, OSError), match=re.escape(str(saved / name))):
            Checkpointer(saved.parent).load(saved, model)
        assert find_last(saved.parent) is None
    (saved / name).unlink()
    with pytest.raises(OSError, match=re.escape(name)):
        Checkpointer(saved.parent).load(saved, model)
    assert find_last(saved.parent) is None


@pytest.mark.parametrize("name", FILES[1:])
def test_flipped_bit(saved, model, name):
    data = bytearray((saved / name).read_bytes())
    data[-1] ^= 1
    (saved / name).write_bytes(data)
    with pytest.raises(ValueError, match=f"{name}: has .* CRC-32 .* damaged or of another"):
        Checkpointer(saved.parent).load(saved, model)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"format": 2}, "format 2; this version reads 1"),
        ({"format": None}, "format None"),
        ({"numbers": []}, "'numbers' is"),
        ({"serial": "1"}, "'serial' is '1'"),
        ({"files": {}}, "lacks 'model.safetensors'"),
        ({"files": {"../x": {"bytes": 1, "crc32": 2}}}, "'../x'"),
        ({"files": {"model.safetensors": 3}}, "'model.safetensors': 3"),
        ({"model": 3}, "of class 3"),
        ({"model": {"class": "BertForMaskedLM"}}, "parameters are not told"),
    ],
)
def test_hostile_state(saved, model, change, match):
    file = saved / "training_state.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    with pytest.raises(ValueError, match=match) as caught:
        Checkpointer(saved.parent).load(saved, model)
    assert str(saved) in str(caught.value)


@pytest.mark.parametrize("text", ["[]", "{", "[" * 100000, "\xff", '{"format": NaN}'])
def test_no_state(saved, text):
    (saved / "training_state.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match=re.escape(str(saved))):
        Checkpointer(saved.parent).load(saved)
    assert find_last(saved.parent) is None


def test_model_of_transformers(tmp_path, model):
    model.save_pretrained(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"has no training_state\.json"):
        Checkpointer(tmp_path).load(tmp_path)


@pytest.mark.parametrize(
    ("other", "match"),
    [
        (lambda: new_model(pytxenc.BertForPreTraining), "'BertForMaskedLM', not 'BertForPreTr"),
        (
            lambda: new_model(vocab_size=21),
            r"the parameter 'bert\.embeddings\.word_embeddings\.weight' is \[20, 4\] there, "
            r"\[21, 4\] in the model",
        ),
        (
            lambda: new_model(num_hidden_layers=2),
            r"it lacks the parameter 'bert\.encoder\.layer\.1\.",
        ),
        (
            lambda: new_model(num_hidden_layers=1, hidden_dropout_prob=0.3),
            "the configuration's 'hidden_dropout_prob' is 0.1 there, 0.3 in the model",
        ),
    ],
)
def test_another_model(saved, other, match):
    with pytest.raises(ValueError, match=f"checkpoint-5: a checkpoint of another model: .*{match}"):
        Checkpointer(saved.parent).load(saved, other())


def test_weights_of_another_model(saved):
    into = new_model(pytxenc.RobertaForMaskedLM).state_dict()
    with pytest.raises(ValueError, match=r"no parameter 'bert\.embeddings"):
        load_weights(saved, into)
    into = new_model(vocab_size=21).state_dict()
    before = {name: value.copy() for name, value in into.items()}
    with pytest.raises(ValueError, match=r"shape \(20,.*needs \(21,"):
        load_weights(saved, into)
    for name, value in into.items():
        np.testing.assert_array_equal(value, before[name])
    into = {**new_model().state_dict(), "extra": np.zeros(3, np.float32)}
    with pytest.raises(ValueError, match="'extra' is missing"):
        load_weights(saved, into)


# ---- signals and the clock ----


@pytest.fixture
def handlers():
    before = {n: signal.signal(n, signal.default_int_handler) for n in (2, 15)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals(handlers, number):
    with StopSignals() as stop:
        assert not stop.requested and stop.signal is None
        signal.raise_signal(number)
        assert stop.requested and stop.signal is number
        signal.raise_signal(signal.SIGTERM)
        if number == signal.SIGINT:
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
        else:
            signal.raise_signal(signal.SIGINT)
        assert stop.signal is number
    assert signal.getsignal(number) is signal.default_int_handler


def test_ignored_signals_stay_so(handlers):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with StopSignals() as stop:
        signal.raise_signal(signal.SIGINT)
        assert not stop.requested
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_signals_in_a_thread(handlers):
    found = []

    def work():
        with StopSignals() as stop:
            found.append((stop.requested, signal.getsignal(signal.SIGTERM)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [(False, signal.default_int_handler)]


def test_clock(monkeypatch):
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    clock, never = SaveClock(2.5), SaveClock(None)
    now += 149
    assert not clock.due()
    now += 2
    assert clock.due() and clock.due() and not never.due()
    clock.restart()
    assert not clock.due()
    for wrong in (0, -1, float("nan")):
        with pytest.raises(ValueError, match="must be positive"):
            SaveClock(wrong)
