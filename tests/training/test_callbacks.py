"""Callbacks: their order against transformers, those that come with the package, logs and plots."""

import json
import sys

import numpy as np
import pytest
from trainer_cases import arguments, in_torch, losses, padded, sentences, tiny, trainer

import pytxenc
from pytxenc.training.callbacks import EVENTS, CallbackHandler
from pytxenc.training.state import TrainerControl


def recorder(base):
    """A callback that notes every event with the step and the epoch, and its notes."""
    notes = []

    def noting(event):
        def method(self, args, state, control, **kwargs):
            notes.append((event, state.global_step, round(state.epoch, 4)))

        return method

    return type("Recorder", (base,), {event: noting(event) for event in EVENTS})(), notes


CASES = {
    "steps": dict(
        num_train_epochs=2, logging_steps=2, eval_strategy="steps", eval_steps=3,
        save_strategy="steps", save_steps=4, eval_on_start=True,
    ),
    "epochs": dict(
        num_train_epochs=2.5, eval_strategy="epoch", logging_strategy="epoch",
        save_strategy="epoch",
    ),
    "best": dict(
        max_steps=5, eval_strategy="steps", eval_steps=2, save_strategy="best",
        metric_for_best_model="loss",
    ),
    "delayed": dict(
        max_steps=4, logging_first_step=True, logging_steps=500, eval_strategy="steps",
        eval_steps=1, eval_delay=2,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_order_of_events_is_that_of_transformers(tmp_path, case):
    import transformers

    samples = sentences(22)
    common = dict(gradient_accumulation_steps=2, **CASES[case])
    ours, our_notes = recorder(pytxenc.TrainerCallback)
    args = arguments(tmp_path / "ours", **common)
    run = trainer(tiny(), args, samples, eval_dataset=samples[:10], callbacks=[ours])
    run.train()

    theirs, their_notes = recorder(transformers.TrainerCallback)
    fields = dict(
        per_device_train_batch_size=4, learning_rate=1e-2, logging_steps=1, save_strategy="no",
        disable_tqdm=True, train_sampling_strategy="sequential", use_cpu=True, report_to="none",
    )  # fmt: skip
    reference = transformers.Trainer(
        in_torch(tiny()),
        transformers.TrainingArguments(str(tmp_path / "theirs"), **{**fields, **common}),
        data_collator=lambda rows: transformers.default_data_collator([
            {key: value[i] for key, value in padded(rows).items()} for i in range(len(rows))
        ]),
        train_dataset=samples, eval_dataset=samples[:10], callbacks=[theirs],
    )  # fmt: skip
    reference.train()
    assert our_notes == their_notes
    assert len(our_notes) > 30
    for entry, expected in zip(run.state.log_history, reference.state.log_history, strict=True):
        assert set(expected) - {"total_flos"} <= set(entry)
        assert entry["step"] == expected["step"]
        assert entry["epoch"] == pytest.approx(expected["epoch"])


def test_callbacks_steer_the_loop(tmp_path):
    class Steering(pytxenc.TrainerCallback):
        def on_step_end(self, args, state, control, **kwargs):
            control.should_epoch_stop = state.global_step == 1
            control.should_training_stop = state.global_step == 4
            control.should_log = state.global_step == 2

    run = trainer(
        tiny(), arguments(tmp_path, num_train_epochs=9, logging_steps=100), sentences(12),
        callbacks=[Steering],
    )  # fmt: skip
    assert run.train().global_step == 4
    assert run.state.epoch == 2.0  # the first epoch had one step of three
    assert [entry["step"] for entry in run.state.log_history if "loss" in entry] == [2]


@pytest.mark.parametrize("threshold, steps", [(0.0, 5), (0.15, 4)])
def test_early_stopping(tmp_path, threshold, steps):
    values = iter([0.5, 0.7, 0.8, 0.75, 0.79, 0.9, 0.9])
    args = arguments(
        tmp_path, max_steps=7, eval_strategy="steps", eval_steps=1, save_strategy="steps",
        save_steps=1, load_best_model_at_end=True, metric_for_best_model="score",
    )  # fmt: skip
    run = trainer(
        tiny(), args, sentences(4), eval_dataset=sentences(4),
        compute_metrics=lambda prediction: {"score": next(values)},
        callbacks=[pytxenc.EarlyStoppingCallback(2, threshold)],
    )  # fmt: skip
    assert run.train().global_step == steps
    assert run.state.best_metric == 0.8
    state = run.callback_handler.pop_callback(pytxenc.EarlyStoppingCallback).state()
    assert state["args"]["early_stopping_patience"] == 2
    copy = pytxenc.EarlyStoppingCallback.from_state(state)
    assert copy.early_stopping_patience_counter == 2


def test_early_stopping_needs_a_metric(tmp_path):
    for fields, message in (
        ({}, "needs metric_for_best_model"),
        (dict(metric_for_best_model="loss"), "needs evaluations"),
    ):
        run = trainer(
            tiny(), arguments(tmp_path, max_steps=1, **fields), sentences(4),
            callbacks=[pytxenc.EarlyStoppingCallback],
        )  # fmt: skip
        with pytest.raises(ValueError, match=message):
            run.train()


def test_adding_and_removing(caplog):
    handler = CallbackHandler([pytxenc.PrinterCallback])
    added = pytxenc.EarlyStoppingCallback()
    handler.add_callback(added)
    assert handler.callback_list == "PrinterCallback\nEarlyStoppingCallback"
    assert handler.pop_callback(added) is added
    assert handler.pop_callback(added) is None
    assert handler.pop_callback(pytxenc.PrinterCallback) is not None
    assert not handler.callbacks
    with pytest.raises(TypeError, match="must be a TrainerCallback"):
        handler.add_callback(print)
    handler.add_callback(added)
    handler.add_callback(pytxenc.EarlyStoppingCallback)
    assert "already a EarlyStoppingCallback" in caplog.text


def test_a_callback_may_return_another_control():
    class Other(pytxenc.TrainerCallback):
        def on_step_end(self, args, state, control, **kwargs):
            return TrainerControl(should_save=True)

    handler = CallbackHandler([Other, pytxenc.PrinterCallback])
    control = handler.call("on_step_end", None, pytxenc.TrainerState(), TrainerControl())
    assert control.should_save


def test_what_callbacks_are_given(tmp_path):
    seen = {}

    class Looking(pytxenc.TrainerCallback):
        def on_evaluate(self, args, state, control, **kwargs):
            seen.update(kwargs)

    args = arguments(tmp_path, max_steps=1, eval_strategy="epoch")
    run = trainer(
        tiny(), args, sentences(4), eval_dataset=sentences(4), callbacks=[Looking],
    )  # fmt: skip
    run.train()
    assert seen["model"] is run.model and seen["optimizer"] is run.optimizer
    assert seen["lr_scheduler"] is run.lr_scheduler and "eval_loss" in seen["metrics"]
    assert len(seen["train_dataloader"]) == len(seen["eval_dataloader"]) == 1
    assert {"processing_class"} <= set(seen)


def test_states_in_json(tmp_path):
    state = pytxenc.TrainerState(epoch=1.5, global_step=3, log_history=[{"loss": 1.0, "step": 3}])
    state.save_to_json(tmp_path / "state.json")
    assert pytxenc.TrainerState.load_from_json(tmp_path / "state.json") == state
    with pytest.raises(ValueError, match="no state of a Trainer"):
        pytxenc.TrainerState.from_dict({"loss": 1})
    from transformers import TrainerState as Theirs

    theirs = Theirs(epoch=1.5, global_step=3, best_metric=0.5)
    theirs.save_to_json(str(tmp_path / "theirs.json"))
    assert pytxenc.TrainerState.load_from_json(tmp_path / "theirs.json").best_metric == 0.5


def test_the_log_in_json_lines(tmp_path):
    samples = sentences(8)
    args = arguments(tmp_path, max_steps=3, eval_strategy="epoch")
    run = trainer(tiny(), args, samples, eval_dataset=samples)
    run.train()
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert lines == run.state.log_history
    assert pytxenc.read_log(tmp_path) == lines
    keys = {
        "step", "epoch", "loss", "grad_norm", "learning_rate", "tokens", "tokens_per_second",
        "skipped_steps", "elapsed",
    }  # fmt: skip
    assert set(lines[0]) == keys
    trainer(tiny(), args, samples, eval_dataset=samples).train()
    assert len(pytxenc.read_log(tmp_path)) == len(lines)  # a new run begins anew


def test_reading_damaged_logs(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text('{"step": 1, "loss": 2.0}\n{"step": 2, "lo')
    assert pytxenc.read_log(path) == [{"step": 1, "loss": 2.0}]
    for text in ('{"step": 1\n', "3\n", '{"loss": 2.0}\n'):
        path.write_text('{"step": 1}\n' + text)
        with pytest.raises(ValueError, match="line 2 is no"):
            pytxenc.read_log(path)
    with pytest.raises(FileNotFoundError):
        pytxenc.read_log(tmp_path / "none.jsonl")


def test_numbers_that_json_has_not(tmp_path):
    class Wrong(pytxenc.TrainerCallback):
        def on_pre_optimizer_step(self, args, state, control, **kwargs):
            run.session.flat.gradients[0] = np.inf

    run = trainer(tiny(), arguments(tmp_path, max_steps=1), sentences(4), callbacks=[Wrong])
    run.train()
    assert pytxenc.read_log(tmp_path)[0]["grad_norm"] is None


def test_progress(tmp_path, capsys):
    args = arguments(tmp_path, max_steps=2, eval_strategy="epoch", disable_tqdm=False)
    run = trainer(tiny(), args, sentences(8), eval_dataset=sentences(8))
    run.train()
    shown = capsys.readouterr()
    assert "2/2" in shown.err and "loss=" in shown.err and "tokens/s=" in shown.err
    assert "'eval_loss'" in shown.out
    quiet = trainer(tiny(), arguments(tmp_path, max_steps=1), sentences(4))
    quiet.train()
    shown = capsys.readouterr()
    assert "'loss'" in shown.out and not shown.err


def test_curves(tmp_path):
    pytest.importorskip("matplotlib")
    samples = sentences(8)
    args = arguments(tmp_path, max_steps=3, eval_strategy="steps", eval_steps=1)
    run = trainer(
        tiny(), args, samples, eval_dataset=samples, callbacks=[pytxenc.PlotCallback],
        compute_metrics=lambda prediction: {"accuracy": 0.5},
    )  # fmt: skip
    run.train()
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    figure = pytxenc.plot_curves(tmp_path / "log.jsonl", tmp_path / "other.png")
    assert figure._repr_png_().startswith(b"\x89PNG")  # what notebooks ask for
    drawn = {axes.get_title(): axes.get_lines() for axes in figure.axes}
    assert set(drawn) == {
        "loss in nats a label", "grad norm", "learning rate", "eval accuracy",
    }  # fmt: skip
    lines = {line.get_label(): line for line in drawn["loss in nats a label"]}
    assert set(lines) == {"loss", "eval_loss"}
    assert list(lines["loss"].get_ydata()) == losses(run)
    assert list(lines["loss"].get_xdata()) == [1, 2, 3]
    (tmp_path / "log.jsonl").write_text('{"step": 1, "epoch": 1.0}\n')
    with pytest.raises(ValueError, match="no losses or metrics"):
        pytxenc.plot_curves(tmp_path)


def test_curves_need_matplotlib(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match="needs matplotlib"):
        pytxenc.plot_curves(tmp_path)
    with pytest.raises(ImportError, match="needs matplotlib"):
        pytxenc.PlotCallback()
