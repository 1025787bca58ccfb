"""Text files, as documents and as arrays of token ids.

`read_documents` reads them; `encode_corpus` encodes them, and `TokenCorpus` is the result.
"""

from .encode import encode_corpus
from .readers import Batch, Position, ReadOptions, read_batches, read_documents
from .token_corpus import TokenCorpus
from .work import has_unfinished

__all__ = [
    "Batch",
    "Position",
    "ReadOptions",
    "TokenCorpus",
    "encode_corpus",
    "has_unfinished",
    "read_batches",
    "read_documents",
]
