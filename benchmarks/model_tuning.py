"""Fine-tuning a model on a task of finetune_tasks, with settings that small models need."""

import math
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from finetune_tasks import TASKS, load, score
from harness import data_dir

import pytxenc


class Tuning(NamedTuple):
    """Settings of a run."""

    rate: float = 3e-4  # the highest learning rate
    epochs: float = 4
    batch: int = 32
    dropout: float = 0.0  # of hidden states and of attention
    dtype: str = "bfloat16"
    limit: int | None = None  # rows of training


def tune(
    folder: Path,
    task: str,
    seed: int,
    settings: Tuning,
    *,
    pretrained: bool = True,
    parts: tuple[str, ...] = ("dev", "test"),
) -> dict[str, float]:
    """Fine-tune the model in a folder, or its randomly initialised twin, on one of TASKS.

    Order, dropout and new weights are drawn from the seed.  Returns the scores after the last
    epoch on the parts, in percent, and the "seconds" of training.  Predictions that are all
    the same correlate with nothing: 0.  KeyboardInterrupt where training was told to stop.
    """
    tokenizer = pytxenc.AutoTokenizer.from_pretrained(folder)
    features = load(task, data_dir() / "tasks", tokenizer, settings.limit)
    kind = TASKS[task]
    pytxenc.set_seed(seed)
    auto = getattr(pytxenc, f"AutoModel{kind.head}")
    fields = {
        "num_labels": len(kind.labels) or 1,
        "hidden_dropout_prob": settings.dropout,
        "attention_probs_dropout_prob": settings.dropout,
    }
    if pretrained:
        model = auto.from_pretrained(folder, **fields)
    else:
        model = auto.from_config(pytxenc.AutoConfig.from_pretrained(folder, **fields))
    tagging = kind.head == "ForTokenClassification"
    collator: Any = (
        pytxenc.DataCollatorForTokenClassification if tagging else pytxenc.DataCollatorWithPadding
    )
    with tempfile.TemporaryDirectory() as output:
        trainer = pytxenc.Trainer(
            model,
            pytxenc.TrainingArguments(
                output_dir=output,
                num_train_epochs=settings.epochs,
                learning_rate=settings.rate,
                warmup_steps=0.1,
                weight_decay=0.01,
                per_device_train_batch_size=settings.batch,
                bf16=settings.dtype == "bfloat16",
                seed=seed,
                disable_tqdm=True,
                logging_strategy="no",
                save_strategy="no",
            ),
            data_collator=collator(tokenizer),
            train_dataset=features.train,
        )
        trainer.remove_callback(pytxenc.PrinterCallback)
        start = time.perf_counter()
        trainer.train()
        if trainer.interrupted:
            raise KeyboardInterrupt
        told = {"seconds": time.perf_counter() - start}
        for name in parts:
            rows = getattr(features, name)
            points = score(task, trainer.predict(rows).predictions, rows)
            told[name] = 0.0 if math.isnan(points) else points
    return told
