"""One run of claims.py: an arm pretrained under a seed, and what is measured of its model.

    python benchmarks/claim_runs.py WORK full 1

writes WORK/claims/full-1.json, and the model to WORK/claims/models/full-1.
"""

import argparse
import json
import math
import tempfile
import time
from pathlib import Path
from typing import Any

import claim_arms
import numpy as np
from claim_arms import ARMS, Arm
from claim_measures import TUNING, gradients, pair_tests, tuned
from harness import commit, positive, processor, without_tuning
from model_measures import masked
from model_recipes import RECIPES

import pytxenc
from pytxenc.corpus import read_documents
from pytxenc.data import PretrainingDataset
from pytxenc.safetensors_file import write_text
from pytxenc.training.initial import set_sinusoidal_positions

POINTS = 12  # of a curve
CURVE_BLOCKS = 192  # that a point is measured on


class Place:
    """Where claims.py works, at a scale: what it reads and what it writes.

    scale: of all budgets.  Results at another scale than 1 are in a folder of their own.
    """

    def __init__(self, work: Path, scale: float = 1.0) -> None:
        self.work, self.scale = work, scale
        self.recipe = RECIPES[claim_arms.SOURCE]
        self.folder = work / ("claims" if scale == 1 else f"claims-{scale:g}")
        self.folder.mkdir(exist_ok=True)

    def result(self, arm: str, seed: int) -> Path:
        """The file of a run's results."""
        return self.folder / f"{arm}-{seed}.json"

    def model(self, arm: str, seed: int) -> Path:
        """The folder of a run's model."""
        return self.folder / "models" / f"{arm}-{seed}"

    def read(self, arm: str, seed: int) -> dict[str, Any] | None:
        """A run's results; None if there are none, it failed, or the protocol was another."""
        path = self.result(arm, seed)
        told = json.loads(path.read_text()) if path.exists() else {}
        return told if told.get("settings") == settings_of(ARMS[arm]) else None

    def failure(self, arm: str, seed: int) -> dict[str, Any] | None:
        """What is known of a run that failed."""
        path = self.result(arm, seed)
        told = json.loads(path.read_text()) if path.exists() else {}
        return told if "failed" in told else None

    def write(self, told: dict[str, Any]) -> None:
        """Write a run's results, all at once."""
        write_text(self.result(told["arm"], told["seed"]), json.dumps(told, indent=1) + "\n")

    def tokenizer(self) -> Any:
        """That of all arms."""
        return pytxenc.AutoTokenizer.from_pretrained(self.recipe.tokenizer(self.work))

    def corpus(self, text: float | None) -> Path:
        """The encoded text for training, or so many tokens of it."""
        path = self.recipe.corpus(self.work, "train")
        return path if text is None else self.folder / f"text-{text * self.scale:.0f}"

    def make_text(self, text: float) -> None:
        """Encode whole documents, evenly spread over the text, of so many tokens together."""
        target = self.corpus(text)
        if target.exists():
            return
        total = len(pytxenc.TokenCorpus(self.corpus(None)).ids)
        step = max(1, round(total / (text * self.scale)))
        documents = list(read_documents(self.work / "train.txt"))[::step]
        written = self.folder / f"{target.name}.txt"
        written.write_text("\n\n".join(documents) + "\n", encoding="utf-8")
        pytxenc.encode_corpus(
            self.tokenizer(), written, target, split_special_tokens=True, keep_lines=True,
            split_sentences=True, progress=False,
        )  # fmt: skip


def settings_of(arm: Arm) -> dict[str, Any]:
    """All that a run's results depend on but the text, as JSON has it.

    The arm's fields without its description, those of the arm that it begins from, and what is
    common to all.
    """
    fields = {name: value for name, value in arm._asdict().items() if name != "says"}
    fields["start"] = settings_of(ARMS[arm.start]) if arm.start else None
    names = ("COMMON", "INITIALIZER_RANGE", "MASKED", "LONGEST")
    fields["common"] = {name: getattr(claim_arms, name) for name in names}
    fields["tuning"] = TUNING._asdict() if arm.tasks else None
    return json.loads(json.dumps(fields))


class WithoutPairLabels(PretrainingDataset):
    """Pairs of segments without the labels that tell which."""

    def batch(self, indices: Any, epoch: int | None = None) -> dict[str, Any]:
        batch = super().batch(indices, epoch)
        if self.label_name is not None:
            del batch[self.label_name]
        return batch


def new_model(arm: Arm, tokenizer: Any, seed: int) -> Any:
    """A model of the arm's shape; the same for the same shape and seed."""
    fields: dict[str, Any] = dict(
        vocab_size=len(tokenizer),
        hidden_size=arm.hidden,
        num_hidden_layers=arm.layers,
        num_attention_heads=arm.hidden // 64,
        intermediate_size=4 * arm.hidden,
        max_position_embeddings=claim_arms.LONGEST,
        initializer_range=claim_arms.INITIALIZER_RANGE,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        **{f"{n}_token_id": getattr(tokenizer, f"{n}_token_id") for n in ("pad", "bos", "eos")},
    )
    if arm.model == "albert":
        fields |= dict(
            embedding_size=arm.embedding,
            num_hidden_groups=arm.groups,
            classifier_dropout_prob=0.0,
        )
    pytxenc.set_seed(seed)
    config = pytxenc.AutoConfig.for_model(arm.model, **fields)
    model = pytxenc.AutoModelForPreTraining.from_config(config)
    set_sinusoidal_positions(model)
    return model


def training_set(arm: Arm, place: Place, tokenizer: Any, seed: int) -> PretrainingDataset:
    """The arm's samples."""
    kind = PretrainingDataset if arm.pair_loss else WithoutPairLabels
    return kind(
        place.corpus(arm.text), tokenizer, block_size=claim_arms.LONGEST, packing=arm.packing,
        mlm_probability=claim_arms.MASKED, static_duplicates=arm.masks, seed=seed,
    )  # fmt: skip


def steps_for(arm: Arm, dataset: PretrainingDataset, tokens: float) -> int:
    """Optimiser steps that see so many tokens, padding not counted."""
    ends = [start for start, _ in arm.lengths[1:]] + [1.0]
    a_step = sum(
        (end - start)
        * (arm.batch * claim_arms.LONGEST // length)
        * float(dataset.with_block_size(length).lengths.mean())
        for (start, length), end in zip(arm.lengths, ends, strict=True)
    )
    return max(1, math.ceil(tokens / a_step))


class Curve(pytxenc.TrainerCallback):
    """The loss on some held-out blocks in the course of training, and the time without that."""

    def __init__(self, dataset: PretrainingDataset) -> None:
        rows = np.unique(np.linspace(0, len(dataset) - 1, CURVE_BLOCKS, dtype=np.int64))
        self._batches = [dataset.batch(rows[i : i + 32]) for i in range(0, len(rows), 32)]
        self.trainer: Any = None
        self.points: list[list[float]] = []  # tokens, seconds, nats
        self.apart = 0.0  # seconds of evaluation

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        over = self.trainer.progress()
        if over * POINTS < len(self.points) + 1 - 1e-9:
            return
        begin = time.perf_counter()
        found = [self.trainer.session.evaluate(batch) for batch in self._batches]
        loss = sum(f.loss_sums[0] for f in found) / sum(f.counts[0] for f in found)
        tokens, seconds = state.num_input_tokens_seen, state.elapsed - self.apart
        self.points.append([tokens, round(seconds, 2), round(loss, 4)])
        self.apart += time.perf_counter() - begin


def pretrain(arm: Arm, seed: int, place: Place) -> dict[str, Any]:
    """Train the arm's model and save it; returns how that went."""
    tokenizer = place.tokenizer()
    train = training_set(arm, place, tokenizer, seed)
    held_out = PretrainingDataset(
        place.recipe.corpus(place.work, "held-out"), tokenizer, block_size=claim_arms.LONGEST,
        static_duplicates=1,
    )  # fmt: skip
    if arm.start is None:
        model = new_model(arm, tokenizer, seed)
    else:
        model = pytxenc.AutoModelForPreTraining.from_pretrained(place.model(arm.start, seed))
    curve, timed = Curve(held_out), arm.seconds is not None
    length: dict[str, Any] = (
        {"max_train_seconds": arm.seconds * place.scale}
        if arm.seconds is not None
        else {"max_steps": steps_for(arm, train, arm.tokens * place.scale)}
    )
    with tempfile.TemporaryDirectory() as output:
        trainer = pytxenc.Trainer(
            model,
            pytxenc.TrainingArguments(
                output_dir=output,
                learning_rate=arm.rate,
                lr_scheduler_type=arm.schedule + "_with_warmup" * (arm.schedule == "constant"),
                per_device_train_batch_size=arm.batch // arm.accumulation,
                gradient_accumulation_steps=arm.accumulation,
                length_curriculum=list(arm.lengths),
                bf16=arm.dtype == "bfloat16",
                seed=seed,
                disable_tqdm=True,
                logging_steps=25 if timed else max(1, length["max_steps"] // 100),
                save_strategy="no",
                **length,
                **claim_arms.COMMON,
            ),
            train_dataset=train,
            processing_class=tokenizer,
            callbacks=[curve],
        )
        trainer.remove_callback(pytxenc.PrinterCallback)
        curve.trainer = trainer
        trainer.train()
        if trainer.interrupted:
            raise KeyboardInterrupt
    trainer.save_model(place.model(arm.name, seed))
    state = trainer.state
    return {
        "steps": state.global_step,
        "tokens": state.num_input_tokens_seen,
        "seconds": round(state.elapsed - curve.apart, 2),
        "parameters": model.num_parameters(),
        "curve": curve.points,
        "train": [
            [row["tokens"], round(row["loss"], 4)] for row in state.log_history if "loss" in row
        ],
    }


def run(arm: Arm, seed: int, place: Place) -> dict[str, Any]:
    """Pretrain, measure and write the results; returns them."""
    told: dict[str, Any] = {
        "arm": arm.name,
        "seed": seed,
        "settings": settings_of(arm),
        "scale": place.scale,
        "version": pytxenc.__version__,
        "commit": commit(),
        "cpu": processor(),
    }
    before = place.read(arm.start, seed) if arm.start else None
    told["tokens_before"] = before["tokens"] + before["tokens_before"] if before else 0
    if arm.text is not None:
        place.make_text(arm.text)
    if arm.trained:
        told |= pretrain(arm, seed, place)
        folder = place.model(arm.name, seed)
        model = pytxenc.AutoModelForPreTraining.from_pretrained(folder)
        told["held_out"] = masked(
            model, place.tokenizer(), place.recipe, place.work, "held-out", claim_arms.LONGEST
        )
        told["held_out"]["accuracy"] *= 100
    else:
        assert arm.start is not None
        folder = place.model(arm.start, seed)
    texts = [place.recipe.corpus(place.work, text) for text in ("train", "held-out")]
    if arm.pairs:
        told["pairs"] = pair_tests(folder, *texts, has_head=arm.pair_loss)
    if arm.gradients:
        told["gradients"] = gradients(folder, texts[0])
    if arm.tasks:
        told["tasks"] = tuned(folder, arm, seed, place.scale)
    place.write(told)
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description="One run of claims.py.")
    parser.add_argument("work", type=Path)
    parser.add_argument("arm", choices=ARMS)
    parser.add_argument("seed", type=positive)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--threads", type=positive, default=1)
    options = parser.parse_args()
    without_tuning()
    pytxenc.set_num_threads(options.threads)
    run(ARMS[options.arm], options.seed, Place(options.work, options.scale))


if __name__ == "__main__":
    main()
