"""What the examples of the documentation find: models by their published names, files of text."""

import json
import lzma
import shutil
from pathlib import Path

from hub_cache import HubCache, save_model

import pytxenc

TEXT = """\
Hello, my dog is cute.
The capital of France is Paris.

A second document, of one line.
"""
EXAMPLES = "".join(
    f"{'a good movie' if i % 2 else 'a bad movie'} {i}\t{'positive' if i % 2 else 'negative'}\n"
    for i in range(16)
)
CHUNKS = "the DT B-NP\ndog NN I-NP\nis VBZ B-VP\ncute JJ O\n\n" * 8
SCRIPT = """\
from transformers import RobertaModel, RobertaTokenizer

print(RobertaTokenizer.from_pretrained("roberta-base")("Hello world").input_ids)
"""
TASKS = [  # name, family, head, labels
    (
        *("siebert/sentiment-roberta-large-english", "Roberta", "ForSequenceClassification"),
        ["NEGATIVE", "POSITIVE"],
    ),
    (
        *("FacebookAI/roberta-large-mnli", "Roberta", "ForSequenceClassification"),
        ["CONTRADICTION", "NEUTRAL", "ENTAILMENT"],
    ),
    (
        *("dslim/bert-base-NER", "Bert", "ForTokenClassification"),
        ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"],
    ),
    (
        *("deepset/roberta-base-squad2", "Roberta", "ForQuestionAnswering"),
        ["LABEL_0", "LABEL_1"],
    ),
]


class Documents:
    """A hub cache, and files that pages expect in the working directory."""

    def __init__(self, cache, published):
        self.cache = cache
        self.published = published

    def fill(self, folder):
        """Put the files into a folder."""
        data = Path(folder) / "data"
        data.mkdir()
        for name in ("one", "two"):
            (data / f"{name}.txt").write_text(TEXT)
            (data / f"{name}.txt.xz").write_bytes(lzma.compress(TEXT.encode()))
        books = "\n\n".join(f"Document {i} of a few words." for i in range(300))
        (data / "books.txt").write_text(books)
        for name in ("train", "dev", "test"):
            (data / f"{name}.tsv").write_text("sentence\tlabel\n" + EXAMPLES)
        (data / "chunks.txt").write_text(CHUNKS)
        Path(folder, "your_script.py").write_text(SCRIPT)


def make_documents(folder, data):
    """The models; with the reference data, RoBERTa and ALBERT have the published vocabularies."""
    cache = HubCache(folder)
    for name, family in (("roberta-base", "Roberta"), ("albert-base-v2", "Albert")):
        if data is None:
            cache.add(name, family)
        else:
            snapshot = cache.snapshot(name)
            shutil.copytree(data / "tokenizers" / name, snapshot, dirs_exist_ok=True)
            tokenizer = getattr(pytxenc, f"{family}Tokenizer").from_pretrained(snapshot)
            save_model(snapshot, family, vocab_size=len(tokenizer))
    for name, family, head, labels in TASKS:
        fields = {"num_labels": len(labels), "id2label": dict(enumerate(labels))}
        cache.add(name, family, architecture=head, **fields)
    add_sentence_transformer(cache, "sentence-transformers/all-MiniLM-L6-v2")
    return Documents(cache, data is not None)


def add_sentence_transformer(cache, name):
    """A BERT with mean pooling and normalisation, as sentence-transformers saves them."""
    folder = cache.add(name, "Bert")
    parts = ["Transformer", "Pooling", "Normalize"]
    modules = [
        {
            "idx": i,
            "name": str(i),
            "path": f"{i}_{part}" if i else "",
            "type": f"sentence_transformers.models.{part}",
        }
        for i, part in enumerate(parts)
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 256}))
    (folder / "2_Normalize").mkdir()
    (folder / "1_Pooling").mkdir()
    pooling = {"word_embedding_dimension": 32, "pooling_mode_mean_tokens": True}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
