"""TrainingArguments: fields and defaults of transformers, and what it says of wrong ones."""

import dataclasses
import json

import pytest

import pytxenc
from pytxenc import TrainingArguments

OURS = {
    "max_tokens_per_batch", "layer_decay", "ema_decay", "average_last", "max_train_seconds",
    "save_minutes", "length_curriculum", "frozen",
}  # fmt: skip


def test_fields_and_defaults_are_those_of_transformers():
    from transformers import TrainingArguments as Theirs

    theirs = {field.name: field for field in dataclasses.fields(Theirs)}
    ours = {field.name: field for field in dataclasses.fields(TrainingArguments)}
    assert set(ours) - set(theirs) == OURS
    for name in set(ours) - OURS:
        if theirs[name].default is not dataclasses.MISSING:
            assert ours[name].default == theirs[name].default, name
    arguments = TrainingArguments("x")
    for name in set(theirs) - set(ours):  # accepted with their defaults, and readable
        default = theirs[name].default
        if default is not dataclasses.MISSING:
            TrainingArguments("x", **{name: default})
            getattr(arguments, name)


def test_settled_values_are_those_of_transformers():
    from transformers import TrainingArguments as Theirs

    cases = [
        {},
        dict(eval_strategy="steps", logging_steps=7),
        dict(eval_strategy="epoch", save_strategy="epoch", load_best_model_at_end=True),
        dict(metric_for_best_model="accuracy", save_strategy="best", eval_strategy="epoch"),
        dict(metric_for_best_model="eval_loss"),
        dict(warmup_steps=0.1),
    ]
    names = (
        "output_dir", "eval_steps", "do_eval", "metric_for_best_model", "greater_is_better",
        "eval_strategy", "save_strategy", "logging_strategy", "lr_scheduler_type",
    )  # fmt: skip
    for case in cases:
        ours, theirs = TrainingArguments(**case), Theirs(**case)
        for name in names:
            assert getattr(ours, name) == getattr(theirs, name), (case, name)
        for steps in (1, 95, 1000):
            assert ours.get_warmup_steps(steps) == theirs.get_warmup_steps(steps)


def test_older_names():
    arguments = TrainingArguments(
        "x", evaluation_strategy="epoch", warmup_ratio=0.06, group_by_length=True,
        gradient_checkpointing=True, overwrite_output_dir=True,
    )  # fmt: skip
    assert arguments.eval_strategy == "epoch"
    assert arguments.get_warmup_steps(100) == 6
    assert arguments.train_sampling_strategy == "group_by_length"
    assert arguments.activation_checkpointing is True
    with pytest.raises(TypeError, match="evaluation_strategy is an older name of eval_strategy"):
        TrainingArguments("x", evaluation_strategy="no", eval_strategy="no")


def test_fp16_is_bf16():
    with pytest.warns(UserWarning, match="bfloat16"):
        arguments = TrainingArguments("x", fp16=True)
    assert arguments.bf16 and not arguments.fp16


def test_json():
    arguments = TrainingArguments("x", lr_scheduler_type="cosine", lr_scheduler_kwargs="{}")
    values = json.loads(arguments.to_json_string())
    assert values == arguments.to_dict()
    assert values["lr_scheduler_type"] == "cosine" and values["lr_scheduler_kwargs"] == {}
    assert TrainingArguments(**values).to_dict() == values
    assert dataclasses.replace(arguments, seed=3).seed == 3


@pytest.mark.parametrize(
    "field, value, message",
    [
        ("learning_rat", 1, "did you mean 'learning_rate'"),
        ("learning_rate", -1, "learning_rate is -1; it must be at least 0"),
        ("learning_rate", float("nan"), "learning_rate is nan"),
        ("learning_rate", "1e-4", "learning_rate must be a number, not '1e-4'"),
        ("per_device_train_batch_size", 0, "it must be at least 1"),
        ("per_device_train_batch_size", 1.5, "must be an integer"),
        ("gradient_accumulation_steps", True, "must be a number, not True"),
        ("max_steps", 0, "it must be positive, or -1"),
        ("num_train_epochs", 0, "more than 0"),
        ("warmup_steps", 1.5, "above 1 it must be whole"),
        ("warmup_ratio", 1.5, "warmup_ratio is 1.5"),
        ("adam_beta1", 1.5, "at most 1"),
        ("seed", 2**32, "seed is"),
        ("eval_strategy", "step", "eval_strategy: 'step'"),
        ("save_strategy", "sometimes", "save_strategy: .*'best'"),
        ("lr_scheduler_type", "lineal", "lr_scheduler_type: .*'lineal'"),
        ("optim", "adam", "optim is 'adam'; it must be one of adamw_torch"),
        ("train_sampling_strategy", "batch_rebalance", "train_sampling_strategy"),
        ("include_for_metrics", ["logits"], "include_for_metrics has"),
        ("lr_scheduler_kwargs", "{", "lr_scheduler_kwargs is no JSON"),
        ("lr_scheduler_kwargs", "3", "it must be a JSON object"),
        ("length_curriculum", [(0.5, 32)], "they must rise from 0"),
        ("length_curriculum", [(0, 32), (0, 64)], "they must rise from 0"),
        ("length_curriculum", 32, "must be a list of"),
        ("deepspeed", "ds.json", "deepspeed='ds.json' is not supported"),
        ("fsdp", "full_shard", "every process has the whole model"),
        ("push_to_hub", True, "call push_to_hub of the model"),
        ("torch_compile", True, "compiled C already"),
        ("save_total_limit", 0, "at least 1"),
        ("output_dir", 3, "output_dir must be the path of a folder"),
    ],
)
def test_wrong_values_name_the_field(field, value, message):
    with pytest.raises((TypeError, ValueError), match=message):
        TrainingArguments(**{field: value})


@pytest.mark.parametrize(
    "fields, message",
    [
        (dict(load_best_model_at_end=True), "same eval_strategy and save_strategy"),
        (
            dict(load_best_model_at_end=True, eval_strategy="steps", eval_steps=3, save_steps=4),
            "multiple of eval_steps, not 4 and 3",
        ),
        (dict(save_strategy="best"), "needs metric_for_best_model"),
        (dict(lr_scheduler_type="reduce_lr_on_plateau"), "needs evaluations"),
        (dict(ema_decay=0.9, average_last=2), "choose one"),
        (dict(max_train_seconds=9, warmup_steps=5), "fraction of the time"),
        (dict(max_train_seconds=9, save_steps=0.5), "number of steps"),
    ],
)
def test_contradictions(fields, message):
    with pytest.raises(ValueError, match=message):
        TrainingArguments("x", **fields)


def test_the_process_is_alone():
    arguments = pytxenc.TrainingArguments()
    assert (arguments.world_size, arguments.process_index, arguments.should_save) == (1, 0, True)
    assert arguments.parallel_mode.value == "not_distributed" and arguments.n_gpu == 0
