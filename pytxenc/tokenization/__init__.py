"""Tokenizers of RoBERTa, ALBERT and BERT with the interface of transformers 5.23."""

from .added_tokens import AddedToken
from .albert import AlbertTokenizer, AlbertTokenizerFast
from .base import PreTrainedTokenizerBase
from .batch_encoding import BatchEncoding, CharSpan, TokenSpan
from .bert import BertTokenizer, BertTokenizerFast
from .encoding import Encoding
from .roberta import RobertaTokenizer, RobertaTokenizerFast
from .xlm_roberta import XLMRobertaTokenizer, XLMRobertaTokenizerFast

__all__ = [
    "AddedToken",
    "AlbertTokenizer",
    "AlbertTokenizerFast",
    "BatchEncoding",
    "BertTokenizer",
    "BertTokenizerFast",
    "CharSpan",
    "Encoding",
    "PreTrainedTokenizerBase",
    "RobertaTokenizer",
    "RobertaTokenizerFast",
    "TokenSpan",
    "XLMRobertaTokenizer",
    "XLMRobertaTokenizerFast",
]
