"""Data for training: sentences, pretraining samples with masks, collators.

`encode_corpus` writes a corpus of token ids, `PretrainingDataset` packs it into samples and
masks them.  Everything is computed in C over the ids on disk.
"""

from .collators import (
    DataCollatorForLanguageModeling,
    DataCollatorForMultipleChoice,
    DataCollatorForSOP,
    DataCollatorForTokenClassification,
    DataCollatorForWholeWordMask,
    DataCollatorWithFlattening,
    DataCollatorWithPadding,
    DefaultDataCollator,
    default_data_collator,
)
from .pretraining import PretrainingDataset
from .sentences import split_sentences
from .text_datasets import LineByLineTextDataset, TextDataset
from .words import word_starts

__all__ = [
    "DataCollatorForLanguageModeling",
    "DataCollatorForMultipleChoice",
    "DataCollatorForSOP",
    "DataCollatorForTokenClassification",
    "DataCollatorForWholeWordMask",
    "DataCollatorWithFlattening",
    "DataCollatorWithPadding",
    "DefaultDataCollator",
    "LineByLineTextDataset",
    "PretrainingDataset",
    "TextDataset",
    "default_data_collator",
    "split_sentences",
    "word_starts",
]
