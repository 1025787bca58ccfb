"""Small training runs for tests, in this process or as a program.

training_jobs.py OUTPUT_DIR [OPTION=JSON ...] runs `train` with these options; rank 0 leaves the
parameters in OUTPUT_DIR/final.npy.
"""

import json
import os
import signal
import sys
from pathlib import Path

import numpy as np

import pytxenc
from pytxenc.training.distributed import communicator

SIZES = dict(
    vocab_size=50, hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
    intermediate_size=24, max_position_embeddings=24, pad_token_id=0,
)  # fmt: skip
SAMPLES, STEPS_PER_EPOCH, STEPS = 22, 6, 14  # the last step of an epoch has two samples of four


class Samples:
    """Sequences of 3 to 16 tokens with one to half of them to be predicted."""

    def __init__(self, count=SAMPLES):
        rng = np.random.default_rng(11)
        self.samples = []
        for _ in range(count):
            length = int(rng.integers(3, 17))
            ids = rng.integers(5, 50, length)
            chosen = rng.permutation(length)[: rng.integers(1, length // 2 + 1)]
            labels = np.full(length, -100)
            labels[chosen] = ids[chosen]
            ids[chosen] = 4
            self.samples.append({"input_ids": ids, "labels": labels})

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, i):
        return self.samples[i]


def pad(samples):
    shape = len(samples), max(len(sample["input_ids"]) for sample in samples)
    batch = {
        "input_ids": np.zeros(shape, np.int64),
        "attention_mask": np.zeros(shape, np.int64),
        "labels": np.full(shape, -100, np.int64),
    }
    for row, sample in enumerate(samples):
        length = len(sample["input_ids"])
        batch["input_ids"][row, :length] = sample["input_ids"]
        batch["attention_mask"][row, :length] = 1
        batch["labels"][row, :length] = sample["labels"]
    return batch


class Stop(pytxenc.TrainerCallback):
    """Ends a run after some step, as `by` says."""

    def __init__(self, step, by):
        self.step, self.by = step, by

    def on_step_begin(self, args, state, control, **kwargs):
        if state.global_step + 1 != self.step:
            return
        if self.by == "SIGTERM":
            signal.raise_signal(signal.SIGTERM)
        if communicator().rank == 0:
            return
        if self.by == "SIGTERM of one":
            signal.raise_signal(signal.SIGTERM)
        if self.by == "error":
            raise RuntimeError("this rank cannot go on")
        if self.by == "exit":
            sys.exit(3)
        if self.by == "SIGKILL":
            os.kill(os.getpid(), signal.SIGKILL)

    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == self.step and self.by == "callback":
            control.should_save = control.should_training_stop = True


def train(
    output, *, model="BertForMaskedLM", seed=1, stop=None, by="callback", resume=None,
    batch=2, accumulation=2, own_seeds=False, **options,
):  # fmt: skip
    """A Trainer after its run; with own_seeds each rank's model has its own initial values."""
    pytxenc.set_seed(seed + own_seeds * communicator().rank)
    cls = getattr(pytxenc, model)
    arguments = dict(
        max_steps=STEPS, learning_rate=1e-2, warmup_steps=3, weight_decay=0.01,
        per_device_train_batch_size=batch, gradient_accumulation_steps=accumulation,
        save_strategy="no", logging_steps=3, disable_tqdm=True, seed=5,
    )  # fmt: skip
    trainer = pytxenc.Trainer(
        cls(cls.config_class(**SIZES)),
        pytxenc.TrainingArguments(output_dir=str(output), **{**arguments, **options}),
        data_collator=pad,
        train_dataset=Samples(),
        callbacks=[] if stop is None else [Stop(stop, by)],
    )
    trainer.train(resume_from_checkpoint=resume)
    return trainer


def main():
    output = Path(sys.argv[1])
    options = {name: json.loads(value) for name, value in (a.split("=", 1) for a in sys.argv[2:])}
    trainer = train(output, **options)
    if trainer.world.is_main:
        np.save(output / "final.npy", trainer.session.flat.values)


if __name__ == "__main__":
    main()
