"""Metrics of tasks, as GLUE, conlleval and SQuAD define them, and intervals over seeds."""

from .chunking import chunk_scores, chunks
from .classification import accuracy, f1, matthews_correlation
from .correlation import pearson, spearman
from .intervals import Interval, mean_interval, paired_difference, t_quantile
from .named import METRICS, glue_metrics, metric_set, perplexity
from .squad import normalize_answer, squad_scores

__all__ = [
    "METRICS",
    "Interval",
    "accuracy",
    "chunk_scores",
    "chunks",
    "f1",
    "glue_metrics",
    "matthews_correlation",
    "mean_interval",
    "metric_set",
    "normalize_answer",
    "paired_difference",
    "pearson",
    "perplexity",
    "spearman",
    "squad_scores",
    "t_quantile",
]
