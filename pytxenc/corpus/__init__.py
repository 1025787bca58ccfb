"""Text files, as documents and as arrays of token ids.

`read_documents` reads them, `split_documents` holds some out; `encode_corpus` encodes them, and
`TokenCorpus` is the result.
"""

from .encode import encode_corpus
from .readers import Batch, Position, ReadOptions, read_batches, read_documents
from .split import SplitCounts, is_held_out, split_documents
from .token_corpus import TokenCorpus
from .work import has_unfinished

__all__ = [
    "Batch",
    "Position",
    "ReadOptions",
    "SplitCounts",
    "TokenCorpus",
    "encode_corpus",
    "has_unfinished",
    "is_held_out",
    "read_batches",
    "read_documents",
    "split_documents",
]
