"""A bundled model, and one that starts from nothing, learn which book a sentence is from."""

import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

from .. import (
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PrinterCallback,
    ProgressCallback,
    Trainer,
    TrainingArguments,
    set_seed,
    tasks,
)
from .report import Report, sparkline

MODEL = "pytxenc/roberta-mini"
FOLDER = Path(__file__).parent / "book_sentences"
COLUMNS: dict[str, str | int] = {"text": "sentence", "label": "book"}
EPOCHS, RATE, BATCH, SEED = 4, 3e-4, 16, 1


class Bar(ProgressCallback):
    """Shows how far training is, without a line for each loss."""

    def on_log(self, *args: Any, **kwargs: Any) -> None:
        pass


def run(report: Report) -> None:
    """Fine-tune both and print how many sentences of other chapters they know."""
    report.title(f"Which book is a sentence from?  {MODEL}, fine-tuned here and now")
    train, test = (
        list(tasks.read_records(FOLDER / f"{n}.tsv", COLUMNS)) for n in ("train", "test")
    )
    labels = tasks.Labels.found(record.label("label") for record in train)
    print(f"  {len(train)} sentences of {', '.join(labels.names)};")
    print("  all with names or terms that give a book away were left out.")
    shares = {}
    for pretrained in (False, True):
        shares[pretrained] = fine_tune(train, test, labels, pretrained)
    print(f"  {len(test)} sentences of chapters that neither has seen; by chance", end=" ")
    print(f"{1 / len(labels):.0%} are right")
    best, other = shares[True], shares[False]
    report.check("what pretraining is worth", f"> {other:.1%}", f"{best:.1%}", best > other)


def fine_tune(train: list[Any], test: list[Any], labels: tasks.Labels, pretrained: bool) -> float:
    """The share of test records that are right after training; prints it and the losses."""
    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    config = AutoConfig.from_pretrained(
        MODEL, **labels.config_fields("single_label_classification")
    )
    make = partial(tasks.ClassificationDataset.of_records, tokenizer, labels=labels, max_length=128)
    learned, asked = make(train), make(test)
    set_seed(SEED)
    auto = AutoModelForSequenceClassification
    model = auto.from_pretrained(MODEL, config=config) if pretrained else auto.from_config(config)
    with tempfile.TemporaryDirectory() as output:
        trainer = Trainer(
            model,
            TrainingArguments(
                output,
                num_train_epochs=EPOCHS,
                learning_rate=RATE,
                warmup_steps=0.1,
                per_device_train_batch_size=BATCH,
                logging_steps=0.025,
                save_strategy="no",
                disable_tqdm=True,  # the bar is our own
                seed=SEED,
            ),
            data_collator=partial(tasks.pad_rows, pad_id=tokenizer.pad_token_id),
            train_dataset=learned,
            eval_dataset=asked,
            compute_metrics=lambda found: asked.score(found.predictions),
        )
        trainer.remove_callback(PrinterCallback)
        trainer.add_callback(Bar)
        start = time.perf_counter()
        trainer.train()
        seconds = time.perf_counter() - start
        found = trainer.evaluate()
    losses = [line["loss"] for line in trainer.state.log_history if "loss" in line]
    who = "pretrained" if pretrained else "from random values"
    print(f"  {who:19} loss {losses[0]:.2f} {sparkline(losses)} {losses[-1]:.2f}")
    print(f"  {'':19} {found['eval_accuracy']:.1%} right after {seconds:.0f} s")
    return float(found["eval_accuracy"])
