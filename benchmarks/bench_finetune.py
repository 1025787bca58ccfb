"""Fine-tuning a real model by our Trainer and by that of transformers: quality and time.

MiniLM (all-MiniLM-L6-v2) on SST-2, MRPC, SICK and CoNLL-2000 with the same features, settings
and seeds, each engine in a process of its own; they take turns.  Timed is `train()` alone; scores
are of the development set after the last epoch.  Each round has a seed, that of the new head, the
order and the dropout, which are drawn by each engine's own generators.

All of it takes hours on two cores, which nothing else should use: --limit-train makes it a
sample.  transformers' Trainer needs the package `accelerate`.
"""

import importlib.util
import statistics
import tempfile
import time
from functools import partial
from typing import Any, NamedTuple

from engines import Remote, prepare_process
from finetune_tasks import TASKS, load, score
from harness import Summary, arguments, data_dir, finish, positive, take_turns

ENGINES = ("pytxenc", "transformers")
DTYPES = ("float32", "bfloat16")
MODEL = "all-minilm-l6-v2"
GOAL = 3.0  # times as fast


class Settings(NamedTuple):
    """Of a run; the others are the defaults of both."""

    dtype: str
    epochs: float
    rate: float
    batch: int
    limit: int | None

    def arguments(self, seed: int, folder: str) -> dict[str, Any]:
        """Those of TrainingArguments, here and there."""
        return dict(
            output_dir=folder,
            num_train_epochs=self.epochs,
            learning_rate=self.rate,
            warmup_steps=0.1,
            weight_decay=0.01,
            per_device_train_batch_size=self.batch,
            per_device_eval_batch_size=self.batch,
            bf16=self.dtype == "bfloat16",
            use_cpu=True,
            seed=seed,
            disable_tqdm=True,
            report_to="none",
            logging_strategy="no",
            save_strategy="no",
        )


class Tuner:
    """An engine on a task, in a process of its own."""

    def __init__(self, engine: str, task: str, settings: Settings, threads: int) -> None:
        import pytxenc
        from pytxenc.demo.weights import model_dir

        self._folder, self._name, self._settings = model_dir(MODEL), task, settings
        tokenizer = pytxenc.BertTokenizer.from_pretrained(self._folder)
        self._features = load(task, data_dir() / "tasks", tokenizer, settings.limit)
        if engine == "pytxenc":
            pytxenc.set_num_threads(threads)
            self._package: Any = pytxenc
        else:
            import torch
            import transformers

            torch.set_num_threads(threads)
            self._package = transformers

    def run(self, seed: int) -> tuple[float, float]:
        """Fine-tune with a seed; returns the seconds that it took, and the score."""
        package, task = self._package, TASKS[self._name]
        package.set_seed(seed)
        model = getattr(package, f"Bert{task.head}").from_pretrained(
            self._folder, num_labels=len(task.labels) or 1
        )
        tokenizer = package.BertTokenizerFast.from_pretrained(self._folder)
        tagging = task.head == "ForTokenClassification"
        collator = "DataCollatorForTokenClassification" if tagging else "DataCollatorWithPadding"
        with tempfile.TemporaryDirectory() as folder:
            trainer = package.Trainer(
                model=model,
                args=package.TrainingArguments(**self._settings.arguments(seed, folder)),
                data_collator=getattr(package, collator)(tokenizer),
                train_dataset=self._features.train,
            )
            trainer.remove_callback(package.PrinterCallback)
            start = time.perf_counter()
            trainer.train()
            seconds = time.perf_counter() - start
            predicted = trainer.predict(self._features.dev).predictions
        return seconds, score(self._name, predicted, self._features.dev)


def compare(
    name: str, engines: list[str], settings: Settings, threads: int, seeds: int
) -> dict[str, Any]:
    """Measure and print a task; returns the figures."""
    remotes = {e: Remote(Tuner, e, name, settings, threads, threads=threads) for e in engines}
    runs: dict[str, list[tuple[float, float]]] = {engine: [] for engine in engines}
    for seed in range(seeds):
        calls = {e: partial(remote.call, "run", seed) for e, remote in remotes.items()}
        for engine, taken in take_turns(calls, rounds=1, warm_up=0).items():
            runs[engine] += taken
    for remote in remotes.values():
        remote.close()
    told: dict[str, Any] = {"task": name, **settings._asdict(), "threads": threads}
    told["seconds"] = {e: [seconds for seconds, _ in taken] for e, taken in runs.items()}
    told["scores"] = {e: [points for _, points in taken] for e, taken in runs.items()}
    print(f"{name}, {settings.dtype}, {threads} thread(s), {seeds} seed(s); {TASKS[name].metric}:")
    for engine in engines:
        points, seconds = told["scores"][engine], told["seconds"][engine]
        spread = statistics.stdev(points) if len(points) > 1 else 0.0
        print(
            f"  {engine:14}{statistics.mean(points):6.2f} ± {spread:.2f}   "
            f"({', '.join(f'{p:.2f}' for p in points)}), {statistics.median(seconds):.1f} s"
        )
    if len(engines) == len(ENGINES):
        ours, theirs = (told["seconds"][engine] for engine in ENGINES)
        ratio = Summary.of([t / o for o, t in zip(ours, theirs, strict=True)])
        told["ratio"] = ratio._asdict()
        print(
            f"  {ratio.median:.2f} times as fast ({ratio.least:.2f} to {ratio.most:.2f}), "
            f"goal {GOAL:g}: {'met' if ratio.median >= GOAL else 'NOT met'}"
        )
    print(flush=True)
    return told


def markdown(results: list[dict[str, Any]]) -> str:
    """One row a task and precision: means and standard deviations over seeds, and times."""
    lines = [
        "| task, metric | precision | transformers | pytxenc | seconds | ratio (goal) |",
        "|---|---|---|---|---|---|",
    ]
    for told in results:
        if "ratio" not in told:
            continue
        cells = [f"{told['task']}, {TASKS[told['task']].metric}", told["dtype"]]
        for engine in reversed(ENGINES):
            points = told["scores"][engine]
            spread = f" ± {statistics.stdev(points):.2f}" if len(points) > 1 else ""
            cells.append(f"{statistics.mean(points):.2f}{spread}")
        theirs, ours = (statistics.median(told["seconds"][e]) for e in reversed(ENGINES))
        cells += [f"{theirs:.0f}, {ours:.0f}", f"**{told['ratio']['median']:.2f}×** ({GOAL:g})"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = arguments("Fine-tuning by pytxenc and transformers.", rounds=3)
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=list(ENGINES))
    parser.add_argument("--dtypes", nargs="+", choices=DTYPES, default=["float32"])
    parser.add_argument("--threads", type=positive, default=2)
    parser.add_argument("--epochs", type=float, default=3.0, help="default 3")
    parser.add_argument("--rate", type=float, default=5e-5, help="learning rate, default 5e-5")
    parser.add_argument("--batch", type=positive, default=32, help="sequences, default 32")
    parser.add_argument("--limit-train", type=positive, metavar="N", help="rows of training")
    parser.add_argument("--markdown", action="store_true", help="print a table in Markdown too")
    options = parser.parse_args()
    if "transformers" in options.engines and importlib.util.find_spec("accelerate") is None:
        parser.error("transformers' Trainer needs accelerate (`make bench-peers` installs it)")
    prepare_process()
    results = []
    for dtype in options.dtypes:
        settings = Settings(dtype, options.epochs, options.rate, options.batch, options.limit_train)
        results += [
            compare(name, options.engines, settings, options.threads, options.rounds)
            for name in options.tasks
        ]
    if options.markdown:
        print(markdown(results))
    finish(options.json, results)


if __name__ == "__main__":
    main()
