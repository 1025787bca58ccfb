"""The protocol of claims.py, fixed before anything was run: what the papers claim about
pretraining, the arms that test it here, what is measured of them, and what the papers found.

All arms read the same text by the same tokenizer (those of albert-mini, in sentences).  Under the
same seed they have the same initial weights and the same order of samples wherever their shapes
and samples allow it, so that arms are compared in pairs.  Most begin from the arm "start" of their
seed: so small a model first knows nothing but frequencies of words for millions of tokens, and
what it has not yet left shows no difference between ways to train; short blocks and sinusoidal
positions let it leave sooner.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple, TypeVar

SOURCE = "albert-mini"  # of model_recipes: the text and the tokenizer
LONGEST = 128  # tokens of a block
SHORT = 32
LEFT = (
    1.2  # nats below the unigram entropy of held-out text; the plateau is half a nat to a nat below
)
TASKS = ("sst2", "mrpc", "sick-entailment", "conll2000")
SENTENCE_TASKS = TASKS[:3]
MILLION = 1e6


class Arm(NamedTuple):
    """A way to pretrain."""

    name: str
    says: str  # what it is, for the page
    model: str = "bert"
    layers: int = 4
    hidden: int = 128
    groups: int = 1  # of layers that share weights; albert
    embedding: int = 128  # width of the embeddings; albert
    start: str | None = "start"  # the arm of the same seed whose model it goes on with
    tokens: float = 4 * MILLION
    seconds: float | None = None  # of training, instead of tokens
    lengths: tuple[tuple[float, int], ...] = ((0.0, LONGEST),)  # from which share of the run on
    packing: str = "full_sentences"
    pair_loss: bool = False  # trained on the labels of pairs too
    masks: int = 0  # the same ones again after so many epochs; 0: never
    text: float | None = None  # tokens of the text, if not all of it
    batch: int = 16  # sequences of the longest length in a step
    accumulation: int = 1  # micro-batches in a step
    rate: float = 1e-3
    schedule: str = "linear"
    dtype: str = "bfloat16"
    tasks: tuple[str, ...] = ()  # it is fine-tuned on
    pairs: bool = False  # tested on pairs of segments
    gradients: bool = False  # of accumulated micro-batches are compared

    @property
    def trained(self) -> bool:
        """False: the start's randomly initialised twin."""
        return self.tokens > 0


Named = TypeVar("Named", bound=Any)


def _by_name(things: Iterable[Named]) -> dict[str, Named]:
    """ValueError for a name that two have."""
    named: dict[str, Named] = {}
    for thing in things:
        if thing.name in named:
            raise ValueError(f"there are two of the name {thing.name!r}")
        named[thing.name] = thing
    return named


COMMON: dict[str, Any] = dict(
    warmup_steps=0.06,
    weight_decay=0.01,
    adam_beta1=0.9,
    adam_beta2=0.98,
    adam_epsilon=1e-6,
    max_grad_norm=1.0,
)
INITIALIZER_RANGE = 0.03
MASKED = 0.15

_FROM_SCRATCH: dict[str, Any] = dict(start=None, lengths=((0.0, SHORT), (0.5, LONGEST)))
_ALBERT: dict[str, Any] = dict(
    _FROM_SCRATCH, model="albert", layers=3, hidden=256, tokens=7 * MILLION
)
_SHAPED: dict[str, Any] = dict(_FROM_SCRATCH, seconds=300.0)
_SUBSET: dict[str, Any] = dict(text=0.4 * MILLION, tokens=8 * MILLION)
_PAIRS: dict[str, Any] = dict(packing="segment_pair", pairs=True, tasks=SENTENCE_TASKS)

ARMS = _by_name(
    (
        Arm(
            "start", "BERT 4×128, blocks of 32, constant rate", start=None, schedule="constant",
            lengths=((0.0, SHORT),), tasks=TASKS,
        ),
        Arm("full", "start, then blocks of 128 of whole sentences", tasks=TASKS, pairs=True),
        Arm("none", "not pretrained: start's random twin", tokens=0, tasks=TASKS),
        Arm("long", "as full, three times as long", tokens=12 * MILLION, tasks=TASKS),
        Arm("nsp", "pairs of segments, with the loss of next sentences", pair_loss=True, **_PAIRS),
        Arm("pairs", "the same pairs without that loss", **_PAIRS),
        Arm("doc", "blocks that end with documents", packing="doc_sentences", pairs=True,
            tasks=SENTENCE_TASKS),
        Arm("sop", "pairs of segments in a row, half of them swapped, with the loss of their order",
            pair_loss=True, **{**_PAIRS, "packing": "sop"}),
        Arm("static-1", "the same masks in all 20 epochs", masks=1, **_SUBSET),
        Arm("static-5", "5 masks in turn, each seen 4 times", masks=5, **_SUBSET),
        Arm("dynamic", "new masks in every epoch", **_SUBSET),
        Arm("float32", "as full, in float32", dtype="float32"),
        Arm("accumulated", "as full, a step of 4 micro-batches of 4", accumulation=4,
            gradients=True),
        Arm("constant", "as full, the rate stays", schedule="constant"),
        Arm("cosine", "as full, the rate falls along a cosine", schedule="cosine"),
        Arm("batch-4", "as full, 4 sequences a step, half the rate", batch=4, rate=5e-4),
        Arm("batch-64", "as full, 64 sequences a step, twice the rate", batch=64, rate=2e-3),
        Arm("shared", "ALBERT 3×256, E 128, all layers one", **_ALBERT),
        Arm("unshared", "ALBERT 3×256, E 128, three layers", groups=3, **_ALBERT),
        Arm("embedding-32", "shared, E 32", embedding=32, **_ALBERT),
        Arm("embedding-64", "shared, E 64", embedding=64, **_ALBERT),
        Arm("embedding-256", "shared, E 256, as wide as the layers", embedding=256, **_ALBERT),
        Arm("2x128", "BERT 2×128", layers=2, **_SHAPED),
        Arm("4x128", "BERT 4×128", **_SHAPED),
        Arm("8x128", "BERT 8×128", layers=8, **_SHAPED),
        Arm("4x256", "BERT 4×256", hidden=256, **_SHAPED),
    )
)  # fmt: skip


class Metric(NamedTuple):
    """A figure of a run."""

    title: str
    path: str  # in the run's results
    digits: int = 2


METRICS = {
    "loss": Metric("held-out loss, nats", "held_out.loss", 3),
    "accuracy": Metric("masked words right, %", "held_out.accuracy"),
    "pair-text": Metric("loss in pairs, nats", "pairs.nsp.loss", 3),
    "nsp-head": Metric("NSP test by the arm's head, %", "pairs.nsp.head"),
    "sop-head": Metric("SOP test by the arm's head, %", "pairs.sop.head"),
    "nsp-probe": Metric("NSP test by regression, %", "pairs.nsp.probe"),
    "sop-probe": Metric("SOP test by regression, %", "pairs.sop.probe"),
    "seconds": Metric("seconds of training", "seconds", 0),
    "equal": Metric("gradient, equal micro-batches: relative error", "gradients.equal", -1),
    "unequal": Metric("unequal ones: relative error", "gradients.unequal", -1),
    "mean-of-means": Metric("unequal ones, mean of their means", "gradients.mean_of_means", -1),
    "sst2": Metric("SST-2, accuracy", "tasks.sst2.test"),
    "mrpc": Metric("MRPC, F1", "tasks.mrpc.test"),
    "sick-entailment": Metric("SICK-E, accuracy", "tasks.sick-entailment.test"),
    "conll2000": Metric("CoNLL-2000, chunk F1", "tasks.conll2000.test"),
}


class Claim(NamedTuple):
    """A claim, and what tests it."""

    name: str
    title: str
    arms: tuple[str, ...]  # the first is what the others are compared with
    metrics: tuple[str, ...]
    paper: str
    note: str = ""

    @property
    def baseline(self) -> str:
        """The arm that the others are compared with."""
        return self.arms[0]


CLAIMS = _by_name(
    (
        Claim(
            "pretraining", "Pretraining against none", ("none", "start", "full", "long"),
            (*TASKS, "loss"),
            "Cramming (2212.14034): a BERT-base without pretraining gets 79.9 on SST-2 and 77.9 F1"
            " on MRPC, one pretrained for a day 92.2 and 87.5. RoBERTa (1907.11692), table 4, more"
            " and longer pretraining: MNLI-m 89.0 after 100k steps on 16 GB, 90.2 after 500k on"
            " 160 GB.",
            "A pretrained model and its twin are fine-tuned with the same settings and the same"
            " seed, that of pretraining. The twin has random positions, not sinusoidal ones."
            " `start` still had its highest learning rate when it ended.",
        ),
        Claim(
            "nsp", "Next-sentence prediction against none", ("full", "nsp", "pairs", "doc"),
            ("loss", "pair-text", *SENTENCE_TASKS),
            "RoBERTa, table 2 (SQuAD 2.0, MNLI-m, SST-2): segment pairs with NSP 78.7, 84.0, 92.9;"
            " FULL-SENTENCES 79.1, 84.7, 92.5; DOC-SENTENCES 79.7, 84.7, 92.7: to drop NSP costs"
            " nothing or helps, by a point at most. The same pairs without the loss are not in"
            " the table.",
            "The loss is of masked words in held-out blocks of whole sentences, as `full` was"
            " trained on; beside it that in held-out pairs, as `nsp` and `pairs` were.",
        ),
        Claim(
            "sop", "Sentence order against next sentences", ("pairs", "nsp", "sop"),
            ("nsp-probe", "sop-probe", "nsp-head", "sop-head", "loss", *SENTENCE_TASKS),
            "ALBERT (1909.11942), table 5 (NSP test, SOP test, mean of tasks): neither 52.4, 53.3,"
            " 79.0; NSP 90.5, 52.0, 79.2; SOP 78.9, 86.5, 80.1; on SST-2 alone NSP was best, 91.1"
            " against 90.3.",
            "Both tests are of held-out pairs, as many of either label. An arm without a loss of"
            " pairs has no head that knows them, so every arm is also tested alike: a logistic"
            " regression on the last layer's vector of [CLS], fitted to 4,000 pairs of the training"
            " text. A head is tested on both, its own test and the other. What the lengths of"
            " the two segments tell by themselves, in a regression of the same kind, is no merit of"
            " any model.",
        ),
        Claim(
            "masking", "Dynamic against static masks", ("dynamic", "static-1", "static-5"),
            ("loss", "accuracy"),
            "RoBERTa, table 1 (SQuAD 2.0, MNLI-m, SST-2): static 78.3, 84.3, 92.5; dynamic 78.7,"
            " 84.0, 92.9: comparable or slightly better. Static there means ten masks over forty"
            " epochs, each seen four times.",
            "20 epochs of 0.4 million tokens. `static-5` sees each mask four times as the paper"
            " does; `static-1` sees one twenty times.",
        ),
        Claim(
            "precision", "bfloat16 against float32", ("float32", "full"), ("loss", "seconds"),
            "No experiment; RoBERTa was trained in mixed precision with float16.",
            "Matrix products are of bfloat16 with float32 sums; masters, residuals, softmax and"
            " loss are float32. Both models are evaluated in float32.",
        ),
        Claim(
            "accumulation", "Gradient accumulation", ("full", "accumulated"),
            ("loss", "seconds", "equal", "unequal", "mean-of-means"),
            "No experiment: a step over micro-batches is the step over all of them, if the sum of"
            " losses is divided by all labels (as fairseq does), another if means are averaged.",
            "The errors are of the gradient of 16 sequences in float32: four micro-batches of 4,"
            " or of 1, 2, 4 and 9, against all at once. Over thousands of steps rounding alone"
            " makes two runs differ.",
        ),
        Claim(
            "schedule", "Schedules of the learning rate", ("full", "constant", "cosine"),
            ("loss", "accuracy"),
            "BERT, RoBERTa and ALBERT all let the rate fall linearly after a warm-up; none has an"
            " ablation.",
        ),
        Claim(
            "batch", "The size of a batch at equal tokens", ("full", "batch-4", "batch-64"),
            ("loss", "accuracy", "seconds"),
            "RoBERTa, table 3 (perplexity, MNLI-m): 256 sequences 3.99, 84.7; 2,000 sequences 3.68,"
            " 85.2; 8,000 sequences 3.77, 84.6: larger is better, up to a point.",
            "Rates go with the root of the batch and were not tuned. At equal tokens large batches"
            " have few updates: hundreds here, tens of thousands in the paper.",
        ),
        Claim(
            "sharing", "Layers that share their weights", ("unshared", "shared"),
            ("loss", "accuracy", "seconds"),
            "ALBERT, table 4 (mean of tasks, E 128): none shared 81.6, all shared 80.1, attention"
            " shared 81.7, feed-forward layers shared 80.2.",
            "Sharing attention alone, or feed-forward layers alone, is nothing that the models here"
            " can do: they have groups of whole layers. Equal steps are equal time.",
        ),
        Claim(
            "embedding", "Factorised embeddings",
            ("shared", "embedding-32", "embedding-64", "embedding-256"),
            ("loss", "accuracy", "seconds"),
            "ALBERT, table 3, all layers shared (mean of tasks): E 64 79.0, E 128 80.1, E 256 79.6,"
            " E 768 79.8.",
        ),
        Claim(
            "shape", "Depth and width at equal time", ("4x128", "2x128", "8x128", "4x256"),
            ("loss", "accuracy"),
            "Cramming, section 4.2: at equal compute the shape of the model matters little.",
            "Five minutes each on one thread, the evaluations for the curve included, half of them"
            " on blocks of 32, another run perhaps"
            " beside it: how many tokens that is depends on the machine.",
        ),
    )
)  # fmt: skip


# ---- what it costs ----

# Tokens a second of one thread (bfloat16, AVX-512) that the budgets were chosen by.
SPEEDS = {("bert", 2, 128): 55e3, ("bert", 4, 128): 35e3, ("albert", 3, 256): 21e3}
TUNING = 22.0  # seconds a task
TESTS = 15.0  # seconds of evaluation


def expected_seconds(arm: Arm) -> float:
    """Of a thread, by SPEEDS."""
    seconds = arm.seconds
    if seconds is None:
        slower = 2.0 if arm.dtype == "float32" else 1.0
        seconds = slower * arm.tokens / SPEEDS[arm.model, arm.layers, arm.hidden]
    return seconds + TUNING * len(arm.tasks) + TESTS * (1 + 2 * arm.pairs)


def runs_of(claims: list[str], seeds: int) -> list[tuple[str, int]]:
    """(arm, seed) of everything that claims need, in order: claim by claim, seed by seed, each
    arm after the one that it begins from."""
    runs: dict[tuple[str, int], None] = {}
    for claim in claims:
        for seed in range(1, seeds + 1):
            for name in CLAIMS[claim].arms:
                start = ARMS[name].start
                for needed in (start, name) if start else (name,):
                    runs[needed, seed] = None
    return list(runs)
