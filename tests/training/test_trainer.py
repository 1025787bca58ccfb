"""The Trainer on tiny models, against torch and against itself."""

import json
import os
import signal

import numpy as np
import pytest
from trainer_cases import (
    arguments,
    in_torch,
    losses,
    padded,
    parameters,
    sentences,
    tagged,
    tiny,
    trainer,
)

import pytxenc

TAGGER = "BertForTokenClassification"


def same(one, other, tolerance=0.0):
    """Assert that two sets of parameters agree: bitwise, or within an absolute tolerance."""
    assert one.keys() == other.keys()
    for name, value in one.items():
        if tolerance:
            np.testing.assert_allclose(value, other[name], rtol=0, atol=tolerance, err_msg=name)
        else:
            assert np.array_equal(value, other[name]), name


# ---- the steps ----


@pytest.mark.parametrize("name", ["RobertaForSequenceClassification", TAGGER, "AlbertForMaskedLM"])
def test_memorises_a_batch(tmp_path, name):
    samples = sentences(6) if "Sequence" in name else tagged(6)
    model = tiny(name)
    args = arguments(tmp_path, max_steps=150, per_device_train_batch_size=6, warmup_steps=10)
    run = trainer(model, args, samples)
    run.train()
    assert losses(run)[0] > 0.9
    assert losses(run)[-1] < 0.05
    assert run.evaluate(samples)["eval_loss"] < 0.05


@pytest.mark.parametrize("dropout", [0.0, 0.1])
def test_accumulation_is_one_batch(tmp_path, dropout):
    samples = tagged(16)
    counts = [sum(label != -100 for label in sample["labels"]) for sample in samples]
    assert len({sum(counts[i : i + 2]) for i in range(0, 16, 2)}) > 4  # as unequal as intended
    found = []
    for size, accumulation in ((8, 1), (2, 4)):
        model = tiny(TAGGER, dropout)
        args = arguments(
            tmp_path, max_steps=3, per_device_train_batch_size=size, max_grad_norm=0.1,
            gradient_accumulation_steps=accumulation, adam_epsilon=1e-3,
        )  # fmt: skip
        run = trainer(model, args, samples)
        run.train()
        found.append((parameters(model), losses(run)))
    same(found[0][0], found[1][0], 1e-6)
    np.testing.assert_allclose(found[0][1], found[1][1], rtol=1e-6)
    start = parameters(tiny(TAGGER, dropout))
    assert not np.allclose(found[0][0]["classifier.weight"], start["classifier.weight"], atol=1e-3)


@pytest.mark.parametrize(
    "name, samples",
    [
        ("BertForSequenceClassification", sentences(30)),
        (TAGGER, tagged(30)),
        ("RobertaForMaskedLM", tagged(30)),
        ("AlbertForSequenceClassification", sentences(30)),
    ],
)
def test_follows_torch(tmp_path, name, samples):
    """20 steps of two micro-batches against a loop over transformers' model."""
    import torch
    import transformers

    model = tiny(name)
    theirs = in_torch(model)
    args = arguments(
        tmp_path, max_steps=20, gradient_accumulation_steps=2, per_device_train_batch_size=3,
        learning_rate=3e-3, weight_decay=0.1, warmup_steps=4,
    )  # fmt: skip
    run = trainer(model, args, samples)
    run.train()

    named = [(name.lower(), value) for name, value in theirs.named_parameters()]
    decayed = [value for n, value in named if "bias" not in n and "norm" not in n]
    others = [value for n, value in named if "bias" in n or "norm" in n]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}], lr=3e-3
    )
    schedule = transformers.get_linear_schedule_with_warmup(optimizer, 4, 20)
    expected = []
    for step in range(20):
        batch = samples[step % 5 * 6 : step % 5 * 6 + 6]
        inputs = {key: torch.tensor(value) for key, value in padded(batch).items()}
        loss = theirs(**inputs).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(theirs.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        expected.append(loss.item())
    np.testing.assert_allclose(losses(run), expected, rtol=0, atol=1e-4)
    assert expected[-1] < expected[0] - 0.02


def test_logs_are_means_per_label(tmp_path):
    """One logged loss over three steps of unequal numbers of labels; the rates are those used."""
    samples = tagged(12)
    args = arguments(tmp_path, num_train_epochs=1, learning_rate=0.0, logging_steps=3)
    run = trainer(tiny(TAGGER), args, samples)
    out = run.train()
    sums = [run.session.evaluate(padded([sample])) for sample in samples]
    mean = sum(s.loss_sums[0] for s in sums) / sum(s.counts[0] for s in sums)
    assert losses(run) == [pytest.approx(mean, rel=1e-6)]
    assert out.training_loss == pytest.approx(mean, rel=1e-6)
    first = run.state.log_history[0]
    assert first["tokens"] == sum(len(sample["input_ids"]) for sample in samples)
    assert run.state.log_history[0]["step"] == out.global_step == 3


def test_steps_that_are_not_finite_are_skipped(tmp_path):
    class Poisoned(pytxenc.TrainerCallback):
        def on_pre_optimizer_step(self, args, state, control, **kwargs):
            if state.global_step == 1:
                run.session.flat.gradients[0] = np.nan

    run = trainer(tiny(), arguments(tmp_path, max_steps=4), sentences(16), callbacks=[Poisoned])
    run.train()
    assert run.state.skipped_steps == 1
    assert all(np.isfinite(value).all() for value in parameters(run.model).values())
    rates = [entry["learning_rate"] for entry in run.state.log_history if "loss" in entry]
    assert rates[1] == rates[2]  # the schedule waited


def test_frozen_parameters_stay(tmp_path):
    model = tiny()
    before = parameters(model)
    args = arguments(tmp_path, max_steps=2, frozen=["bert.embeddings"], weight_decay=0.1)
    run = trainer(model, args, sentences(8))
    run.train()
    changed = {name for name, value in parameters(model).items() if (value != before[name]).any()}
    assert changed == {name for name in before if not name.startswith("bert.embeddings")}
    assert run.get_num_trainable_parameters() == sum(before[name].size for name in changed)


def test_label_smoothing_reaches_the_loss(tmp_path):
    import torch

    samples = sentences(4)
    run = trainer(tiny(), arguments(tmp_path, max_steps=1, label_smoothing_factor=0.3), samples)
    theirs = in_torch(run.model)
    batch = padded(samples)
    labels = torch.tensor(batch.pop("labels"))
    logits = theirs(**{key: torch.tensor(value) for key, value in batch.items()}).logits
    expected = torch.nn.functional.cross_entropy(logits, labels, label_smoothing=0.3).item()
    run.train()
    assert losses(run) == [pytest.approx(expected, abs=1e-5)]


def test_loss_of_a_function(tmp_path):
    """A function that is the model's own loss gives the model's own steps."""
    import torch

    def loss(outputs, labels, num_items_in_batch):
        rows = outputs.logits.view(-1, 3)
        total = torch.nn.functional.cross_entropy(rows, labels.view(-1), reduction="sum")
        return total / (num_items_in_batch if num_items_in_batch else (labels != -100).sum())

    found = []
    for function in (None, loss):
        args = arguments(tmp_path, max_steps=4, gradient_accumulation_steps=2)
        run = trainer(
            tiny(TAGGER), args, tagged(16), compute_loss_func=function, eval_dataset=tagged(9, 1)
        )
        run.train()
        found.append((parameters(run.model), losses(run), run.evaluate()["eval_loss"]))
    same(found[0][0], found[1][0], 2e-5)
    np.testing.assert_allclose(found[1][1], found[0][1], rtol=1e-4)
    assert found[1][2] == pytest.approx(found[0][2], rel=1e-4)


# ---- how long, and how it ends ----


def test_number_of_steps(tmp_path):
    def steps(samples, **fields):
        run = trainer(tiny(), arguments(tmp_path, **fields), sentences(samples))
        return run.train().global_step, round(run.state.epoch, 4)

    assert steps(10, num_train_epochs=2) == (6, 2.0)
    assert steps(10, num_train_epochs=1.5) == (5, 1.6667)
    assert steps(10, num_train_epochs=2, gradient_accumulation_steps=2) == (4, 2.0)
    assert steps(10, num_train_epochs=2, dataloader_drop_last=True) == (4, 2.0)
    assert steps(10, max_steps=7, num_train_epochs=1) == (7, 2.3333)


def test_the_clock_ends_training(tmp_path, monkeypatch):
    from pytxenc.training import loop

    ticks = iter(range(10**6))
    monkeypatch.setattr(loop.time, "perf_counter", lambda: next(ticks) / 10)
    args = arguments(
        tmp_path, max_train_seconds=10, save_strategy="steps", save_steps=1000, warmup_steps=0.2
    )
    run = trainer(tiny(), args, sentences(16))
    out = run.train()
    assert 10 < out.global_step < 60 and 10 <= run.state.elapsed < 12
    rates = [entry["learning_rate"] for entry in run.state.log_history if "loss" in entry]
    best = int(np.argmax(rates))
    assert 0.1 * len(rates) < best < 0.3 * len(rates)
    assert rates[0] < rates[best] and rates[-1] < 0.1 * rates[best]
    assert (tmp_path / f"checkpoint-{out.global_step}").is_dir()


class Kill(pytxenc.TrainerCallback):
    """Sends the process a signal after a step."""

    def __init__(self, step, number):
        self.step, self.number = step, number

    def on_step_begin(self, args, state, control, **kwargs):
        if state.global_step + 1 == self.step:
            os.kill(os.getpid(), self.number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("fields", [{}, dict(ema_decay=0.8), dict(average_last=2, save_steps=2)])
def test_interrupted_and_resumed_is_the_same(tmp_path, number, fields):
    """Dropout, shuffling, accumulation and averages: bitwise, wherever it stopped."""
    samples = tagged(22)
    common = dict(
        num_train_epochs=2, gradient_accumulation_steps=2, per_device_train_batch_size=3,
        train_sampling_strategy="random", save_strategy="steps", logging_steps=3, **fields,
    )  # fmt: skip
    whole = trainer(tiny(TAGGER, 0.1), arguments(tmp_path / "whole", **common), samples)
    whole.train()
    for step in (3, 4):  # within the first epoch, and at its end
        folder = tmp_path / f"{step}"
        first = trainer(
            tiny(TAGGER, 0.1), arguments(folder, **common), samples, callbacks=[Kill(step, number)]
        )
        assert first.train().global_step == step
        assert first.interrupted
        second = trainer(tiny(TAGGER, 0.1, seed=5), arguments(folder, **common), samples)
        second.train(resume_from_checkpoint=True)
        assert not second.interrupted
        same(parameters(second.model), parameters(whole.model))
        assert losses(second) == losses(whole)
        lines = pytxenc.read_log(folder)
        assert [x["loss"] for x in lines if "loss" in x] == losses(whole)
    if fields:
        plain = {key: value for key, value in common.items() if key not in fields}
        other = trainer(tiny(TAGGER, 0.1), arguments(tmp_path / "plain", **plain), samples)
        other.train()
        assert not np.array_equal(
            parameters(other.model)["classifier.weight"],
            parameters(whole.model)["classifier.weight"],
        )


def test_resuming_needs_a_checkpoint_of_this_model(tmp_path):
    samples = sentences(8)
    args = arguments(tmp_path, max_steps=2, save_strategy="steps", save_steps=2)
    with pytest.raises(ValueError, match="there is no checkpoint in"):
        trainer(tiny(), args, samples).train(resume_from_checkpoint=True)
    with pytest.raises(FileNotFoundError, match="there is no checkpoint"):
        trainer(tiny(), args, samples).train(resume_from_checkpoint=tmp_path / "none")
    trainer(tiny(), args, samples).train()
    other = trainer(tiny(hidden_size=32), args, samples)
    with pytest.raises(ValueError, match="of another model"):
        other.train(resume_from_checkpoint=True)
    alone = arguments(tmp_path / "alone", **{
        "max_steps": 2, "save_strategy": "steps", "save_steps": 2, "save_only_model": True,
    })  # fmt: skip
    trainer(tiny(), alone, samples).train()
    with pytest.raises(ValueError, match="holds a model alone"):
        trainer(tiny(), alone, samples).train(resume_from_checkpoint=True)


# ---- evaluation ----


def accuracy(prediction):
    return {"accuracy": (prediction.predictions.argmax(-1) == prediction.label_ids).mean()}


@pytest.mark.parametrize("size", [2, 5])
def test_evaluation_is_weighted_by_labels(tmp_path, size):
    import torch

    samples = tagged(11)
    model = tiny(TAGGER)
    logits = in_torch(model)(
        **{k: torch.tensor(v) for k, v in padded(samples).items() if k != "labels"}
    ).logits
    labels = torch.tensor(padded(samples)["labels"])
    expected = torch.nn.functional.cross_entropy(logits.view(-1, 3), labels.view(-1)).item()
    for metrics in (None, lambda prediction: {"shape": prediction.predictions.shape[0]}):
        args = arguments(tmp_path, per_device_eval_batch_size=size)
        run = trainer(model, args, eval_dataset=samples, compute_metrics=metrics)
        found = run.evaluate()
        assert found["eval_loss"] == pytest.approx(expected, abs=2e-5)
        if metrics:
            assert found["eval_shape"] == 11


def test_two_losses_are_each_weighted_by_their_labels(tmp_path):
    samples = [{**sample, "sop": i % 2} for i, sample in enumerate(tagged(7))]

    def collate(rows):
        batch = padded(rows)
        return {**batch, "sentence_order_label": np.array([row["sop"] for row in rows])}

    model = tiny("AlbertForPreTraining")
    args = arguments(tmp_path, remove_unused_columns=False, per_device_eval_batch_size=3)
    whole = model(**collate(samples)).loss
    for metrics in (None, lambda prediction: {"outputs": len(prediction.predictions)}):
        run = trainer(
            model, args, eval_dataset=samples, data_collator=collate, compute_metrics=metrics
        )
        assert run.evaluate()["eval_loss"] == pytest.approx(float(whole), abs=2e-5)


def test_predictions_are_padded(tmp_path):
    samples = tagged(7)
    model = tiny(TAGGER)
    run = trainer(model, arguments(tmp_path, per_device_eval_batch_size=2))
    out = run.predict(samples)
    whole = padded(samples)
    logits = np.asarray(model(**whole).logits)
    real = whole["attention_mask"] == 1
    assert out.predictions.shape == logits.shape
    np.testing.assert_allclose(out.predictions[real], logits[real], atol=1e-5)
    assert np.array_equal(out.label_ids, whole["labels"])
    assert (out.predictions[~real] == -100).any()
    assert {"test_loss", "test_runtime"} <= set(out.metrics)
    unlabelled = [{"input_ids": sample["input_ids"], "labels": None} for sample in samples]
    plain = trainer(
        model, arguments(tmp_path), data_collator=lambda rows: {
            key: value for key, value in padded([
                {"input_ids": row["input_ids"], "label": 0} for row in rows
            ]).items() if key != "labels"
        },
    ).predict(unlabelled)  # fmt: skip
    assert plain.label_ids is None and "test_loss" not in plain.metrics


def test_metrics_by_batch_and_what_they_are_given(tmp_path):
    samples, seen = sentences(10), []

    def by_batch(prediction, compute_result):
        seen.append((prediction.predictions.shape[0], prediction.inputs.shape[0], compute_result))
        return {"batches": len(seen)}

    args = arguments(
        tmp_path, per_device_eval_batch_size=4, batch_eval_metrics=True,
        include_for_metrics=["inputs", "loss"],
    )  # fmt: skip
    run = trainer(tiny(), args, eval_dataset=samples, compute_metrics=by_batch)
    assert run.evaluate()["eval_batches"] == 3
    assert seen == [(4, 4, False), (4, 4, False), (2, 2, True)]
    with pytest.raises(ValueError, match="compute_result"):
        trainer(tiny(), args, compute_metrics=accuracy)

    def whole(prediction):
        predictions, labels, inputs, losses = prediction
        return {"rows": [len(predictions), len(labels), len(inputs), len(losses)]}

    args = arguments(tmp_path, include_for_metrics=["inputs", "loss"])
    run = trainer(tiny(), args, eval_dataset=samples, compute_metrics=whole)
    assert run.evaluate()["eval_rows"] == [10] * 4


def test_logits_can_be_made_smaller(tmp_path):
    run = trainer(
        tiny(), arguments(tmp_path), eval_dataset=sentences(9),
        preprocess_logits_for_metrics=lambda logits, labels: logits.argmax(-1),
        compute_metrics=lambda p: {"accuracy": (p.predictions == p.label_ids).mean()},
    )  # fmt: skip
    assert 0 <= run.evaluate()["eval_accuracy"] <= 1


def test_several_data_sets(tmp_path):
    sets = {"near": sentences(5), "far": sentences(5, 1)}
    run = trainer(tiny(), arguments(tmp_path), eval_dataset=sets, compute_metrics=accuracy)
    assert {"eval_near_loss", "eval_far_loss", "eval_far_accuracy"} <= set(run.evaluate())


def test_evaluation_in_bfloat16(tmp_path):
    samples = sentences(20)
    model = tiny()
    found = {}
    for lower in (False, True):
        run = trainer(
            model, arguments(tmp_path, bf16_full_eval=lower), compute_metrics=accuracy,
        )  # fmt: skip
        found[lower] = run.predict(samples).predictions
        assert model.precision == "float32"
    assert 0 < np.abs(found[True] - found[False]).max() < 0.05


def test_the_best_model_is_loaded(tmp_path):
    samples = sentences(12)
    values = iter([0.2, 0.9, 0.5, 0.9])
    args = arguments(
        tmp_path, num_train_epochs=4, eval_strategy="epoch", save_strategy="epoch",
        load_best_model_at_end=True, metric_for_best_model="score", save_total_limit=1,
    )  # fmt: skip
    run = trainer(
        tiny(), args, samples, eval_dataset=samples,
        compute_metrics=lambda prediction: {"score": next(values)},
    )  # fmt: skip
    run.train()
    assert run.state.best_metric == 0.9 and run.state.best_global_step == 6
    best = tmp_path / "checkpoint-6"
    assert run.state.best_model_checkpoint == str(best)
    saved = pytxenc.BertForSequenceClassification.from_pretrained(best)
    same(parameters(run.model), parameters(saved))
    batch = padded(samples)
    assert np.array_equal(np.asarray(run.model(**batch).logits), np.asarray(saved(**batch).logits))
    assert sorted(p.name for p in tmp_path.glob("checkpoint-*")) == [
        "checkpoint-12",
        "checkpoint-6",
    ]


def test_only_the_best_are_saved(tmp_path):
    values = iter([3.0, 2.0, 2.5, 1.0])
    args = arguments(
        tmp_path, max_steps=4, eval_strategy="steps", eval_steps=1, save_strategy="best",
        metric_for_best_model="cost", greater_is_better=False,
    )  # fmt: skip
    run = trainer(
        tiny(), args, sentences(4), eval_dataset=sentences(4),
        compute_metrics=lambda prediction: {"cost": next(values)},
    )  # fmt: skip
    run.train()
    assert sorted(p.name for p in tmp_path.glob("checkpoint-*")) == [
        "checkpoint-1", "checkpoint-2", "checkpoint-4",
    ]  # fmt: skip


def test_a_metric_that_is_not_there(tmp_path):
    args = arguments(
        tmp_path, max_steps=1, eval_strategy="steps", metric_for_best_model="f1",
    )  # fmt: skip
    run = trainer(tiny(), args, sentences(4), eval_dataset=sentences(4), compute_metrics=accuracy)
    with pytest.raises(KeyError, match=r"'f1', but the evaluation gave .*eval_accuracy"):
        run.train()


def test_a_schedule_that_follows_a_metric(tmp_path):
    args = arguments(
        tmp_path, max_steps=4, eval_strategy="steps", eval_steps=1,
        lr_scheduler_type="reduce_lr_on_plateau", metric_for_best_model="score",
        lr_scheduler_kwargs={"patience": 0, "factor": 0.5},
    )  # fmt: skip
    run = trainer(
        tiny(), args, sentences(4), eval_dataset=sentences(4),
        compute_metrics=lambda prediction: {"score": 1.0},
    )  # fmt: skip
    run.train()
    rates = [entry["learning_rate"] for entry in run.state.log_history if "loss" in entry]
    assert rates == pytest.approx([1e-2, 1e-2, 5e-3, 2.5e-3])


# ---- files ----


def test_saved_models_and_results(tmp_path, capsys):
    run = trainer(tiny(), arguments(tmp_path, max_steps=2), sentences(8))
    out = run.train()
    run.save_model()
    run.save_state()
    run.log_metrics("train", out.metrics)
    run.save_metrics("train", out.metrics)
    run.save_metrics("eval", {"eval_loss": 0.5})
    same(
        parameters(pytxenc.BertForSequenceClassification.from_pretrained(tmp_path)),
        parameters(run.model),
    )
    assert "train_loss" in capsys.readouterr().out
    results = json.loads((tmp_path / "all_results.json").read_text())
    assert results == {**out.metrics, "eval_loss": 0.5}
    state = pytxenc.TrainerState.load_from_json(tmp_path / "trainer_state.json")
    assert state == run.state
    assert json.loads((tmp_path / "training_args.json").read_text()) == run.args.to_dict()


def test_model_init(tmp_path):
    run = pytxenc.Trainer(
        args=arguments(tmp_path, max_steps=2, seed=7), data_collator=padded,
        train_dataset=sentences(8),
        model_init=lambda: pytxenc.BertForSequenceClassification(tiny().config),
    )  # fmt: skip
    run.train()
    first = parameters(run.model)
    run.train()
    same(first, parameters(run.model))


def test_weights_given_to_the_model_between_runs(tmp_path):
    samples = sentences(8)
    args = arguments(tmp_path, max_steps=3, optim="sgd", learning_rate=0.1)
    model = tiny()
    start = parameters(model)
    run = trainer(model, args, samples, eval_dataset=samples)
    before = run.evaluate()["eval_loss"]
    run.train()
    first = parameters(model)
    assert run.evaluate()["eval_loss"] < before - 1e-3
    for metrics in (None, accuracy):  # by the session and by calls of the model
        run.compute_metrics = metrics
        model.load_state_dict(start)
        assert run.evaluate()["eval_loss"] == pytest.approx(before, rel=1e-6)
    run.train()
    same(first, parameters(model))


def test_options_of_the_session(tmp_path):
    """bfloat16 is near, checkpointing the same bits, layer_decay another rate a layer."""
    samples = tagged(12)
    found = {}
    for name, fields in {
        "plain": {},
        "bf16": dict(bf16=True),
        "checkpointing": dict(activation_checkpointing=True),
        "decay": dict(layer_decay=0.5, learning_rate=8e-3),
    }.items():
        run = trainer(tiny(TAGGER, 0.1), arguments(tmp_path, max_steps=3, **fields), samples)
        run.train()
        found[name] = parameters(run.model)
    same(found["plain"], found["checkpointing"])
    assert run.session.dtype == "float32"
    difference = np.abs(found["plain"]["classifier.weight"] - found["bf16"]["classifier.weight"])
    assert 0 < difference.max() < 2e-2
    rates = {name: g["initial_lr"] for g in run.optimizer.param_groups for name in g["names"]}
    assert rates["classifier.weight"] == 8e-3
    layers = [rates[f"bert.encoder.layer.{i}.output.dense.weight"] for i in (0, 1)]
    assert layers[1] == 2 * layers[0]


def test_wrong_use(tmp_path):
    args = arguments(tmp_path, max_steps=1)
    with pytest.raises(ValueError, match="a model or a model_init"):
        pytxenc.Trainer(args=args)
    with pytest.raises(TypeError, match="model must be a model of pytxenc"):
        pytxenc.Trainer("model", args)
    with pytest.raises(TypeError, match="args must be TrainingArguments"):
        pytxenc.Trainer(tiny(), {"output_dir": "x"})
    with pytest.raises(ValueError, match="has no loss to train by"):
        pytxenc.Trainer(tiny("BertModel"), args)
    with pytest.raises(TypeError, match="older name of processing_class"):
        pytxenc.Trainer(tiny(), args, processing_class=1, tokenizer=2)
    with pytest.raises(ValueError, match="needs a train_dataset"):
        trainer(tiny(), args).train()
    with pytest.raises(ValueError, match="needs an eval_dataset"):
        trainer(tiny(), args).evaluate()
    with pytest.raises(TypeError, match="a collator must return a mapping"):
        trainer(tiny(), args, sentences(4), data_collator=lambda rows: rows).train()
    with pytest.raises(IndexError, match="labels"):
        trainer(tiny(), args, [{**sample, "label": 9} for sample in sentences(4)]).train()
    with pytest.raises(ValueError, match="no search of hyperparameters"):
        trainer(tiny(), args, sentences(4)).train(trial={})

    class Own(pytxenc.Trainer):
        def compute_loss(self, model, inputs):
            return 0

    with pytest.raises(TypeError, match="compute_loss would never be called"):
        Own(tiny(), args)


def test_own_optimizers(tmp_path):
    from pytxenc.optim import SGD, get_constant_schedule

    samples = sentences(8)
    args = arguments(tmp_path, max_steps=2)
    found = []
    for options in (
        dict(optimizer_cls_and_kwargs=(SGD, {"lr": 0.1})),
        dict(optimizers=(lambda session: SGD(session, lr=0.1), get_constant_schedule)),
    ):
        run = trainer(tiny(), args, samples, **options)
        run.train()
        assert isinstance(run.optimizer, SGD)
        found.append([e["learning_rate"] for e in run.state.log_history if "loss" in e])
    assert found == [[0.1, 0.05], [0.1, 0.1]]
    elsewhere = SGD(pytxenc.Session(tiny()), lr=0.1)
    with pytest.raises(ValueError, match="not over this Trainer's parameters"):
        trainer(tiny(), args, samples, optimizers=(elsewhere, None)).train()
