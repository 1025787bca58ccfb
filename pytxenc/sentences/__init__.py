"""Sentence embeddings: models of sentence-transformers, read, computed and written."""

from .modules import Dense, Normalize, Pooling, Transformer
from .quantization import quantize_embeddings
from .sentence_transformer import SentenceTransformer

__all__ = [
    "Dense",
    "Normalize",
    "Pooling",
    "SentenceTransformer",
    "Transformer",
    "quantize_embeddings",
]
