"""Small training runs for tests, in this process or as a program.

training_jobs.py OUTPUT_DIR [OPTION=JSON ...] runs `train` with these options; rank 0 leaves the
parameters in OUTPUT_DIR/final.npy.
"""

import json
import os
import signal
import sys
import tempfile
from pathlib import Path

import numpy as np

import pytxenc
from pytxenc.data import DataCollatorForLanguageModeling, PretrainingDataset
from pytxenc.training.distributed import communicator

SIZES = dict(
    vocab_size=50, hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
    intermediate_size=24, max_position_embeddings=24, pad_token_id=0,
)  # fmt: skip
SAMPLES, STEPS_PER_EPOCH, STEPS = 22, 6, 14  # the last step of an epoch has two samples of four


class Samples:
    """Sequences of 3 to 16 tokens with one to half of them to be predicted."""

    def __init__(self, labelled):
        rng = np.random.default_rng(11)
        self.samples = []
        for _ in range(SAMPLES):
            length = int(rng.integers(3, 17))
            ids = rng.integers(5, 50, length)
            chosen = rng.permutation(length)[: rng.integers(1, length // 2 + 1)]
            if not labelled:
                self.samples.append({"input_ids": ids})
                continue
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


def masking():
    """A collator that draws what is masked, for vocabularies of 50."""
    with tempfile.TemporaryDirectory() as folder:
        words = Path(folder, "vocab.txt")
        special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
        words.write_text("\n".join([*special, *(f"w{i}" for i in range(45))]))
        tokenizer = pytxenc.BertTokenizer(str(words))
    return DataCollatorForLanguageModeling(tokenizer, mlm_probability=0.4)


def pretraining(folder):
    """Blocks of a small corpus, packed anew in every epoch; made and masked in C."""
    tokenizer = masking().tokenizer
    rng = np.random.default_rng(6)
    text = Path(folder, "text.txt")
    lines = [" ".join(f"w{i}" for i in rng.integers(0, 45, rng.integers(2, 9))) for _ in range(60)]
    text.write_text("\n".join("" if n % 7 == 6 else line for n, line in enumerate(lines)))
    corpus = Path(folder, "corpus")
    options = dict(keep_lines=True, add_special_tokens=False, force=True, progress=False)
    pytxenc.encode_corpus(tokenizer, text, corpus, **options)
    return PretrainingDataset(corpus, tokenizer, block_size=16, repack=True)


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
    batch=2, accumulation=2, own_seeds=False, data=None, **options,
):  # fmt: skip
    """A Trainer after its run; with own_seeds each rank's model has its own initial values."""
    pytxenc.set_seed(seed + own_seeds * communicator().rank)
    cls = getattr(pytxenc, model)
    arguments = dict(
        max_steps=STEPS, learning_rate=1e-2, warmup_steps=3, weight_decay=0.01,
        per_device_train_batch_size=batch, gradient_accumulation_steps=accumulation,
        save_strategy="no", logging_steps=3, disable_tqdm=True, seed=5,
    )  # fmt: skip
    output.mkdir(exist_ok=True)
    collators = {None: pad, "masking": masking()}
    trainer = pytxenc.Trainer(
        cls(cls.config_class(**SIZES)),
        pytxenc.TrainingArguments(output_dir=str(output), **{**arguments, **options}),
        data_collator=collators.get(data),
        train_dataset=pretraining(output) if data == "pretraining" else Samples(data is None),
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
