"""Files of tasks as data sets: reading, labels, features, and what a model's scores mean."""

from .answering import QuestionAnsweringDataset
from .base import TaskDataset
from .choices import MultipleChoiceDataset
from .classification import ClassificationDataset, RegressionDataset
from .conll import Sentence, read_conll
from .labels import Labels
from .padding import pad_rows
from .scores import compute_scores, rows_of_predictions
from .squad import Question, read_squad
from .tables import Record, TableOptions, read_records
from .tagging import TaggingDataset

__all__ = [
    "ClassificationDataset",
    "Labels",
    "MultipleChoiceDataset",
    "Question",
    "QuestionAnsweringDataset",
    "Record",
    "RegressionDataset",
    "Sentence",
    "TableOptions",
    "TaggingDataset",
    "TaskDataset",
    "compute_scores",
    "pad_rows",
    "read_conll",
    "read_records",
    "read_squad",
    "rows_of_predictions",
]
