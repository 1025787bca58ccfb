"""Text files, as documents and as arrays of token ids."""

from .readers import Batch, Position, ReadOptions, read_batches, read_documents

__all__ = ["Batch", "Position", "ReadOptions", "read_batches", "read_documents"]
