"""Tokenizers of RoBERTa, ALBERT, BERT and their kin with the interface of transformers 5.23."""

from .added_tokens import AddedToken
from .albert import AlbertTokenizer, AlbertTokenizerFast
from .auto import AutoTokenizer
from .base import PreTrainedTokenizer, PreTrainedTokenizerBase
from .batch_encoding import BatchEncoding, CharSpan, TokenSpan
from .bert import (
    BertTokenizer,
    BertTokenizerFast,
    DistilBertTokenizer,
    DistilBertTokenizerFast,
    ElectraTokenizer,
    ElectraTokenizerFast,
)
from .camembert import CamembertTokenizer, CamembertTokenizerFast
from .encoding import Encoding
from .generic import PreTrainedTokenizerFast, TokenizersBackend
from .gpt2 import GPT2Tokenizer, GPT2TokenizerFast
from .mpnet import MPNetTokenizer, MPNetTokenizerFast
from .roberta import RobertaTokenizer, RobertaTokenizerFast
from .strategies import PaddingStrategy, TensorType, TruncationStrategy
from .xlm_roberta import XLMRobertaTokenizer, XLMRobertaTokenizerFast

__all__ = [
    "AddedToken",
    "AlbertTokenizer",
    "AlbertTokenizerFast",
    "AutoTokenizer",
    "BatchEncoding",
    "BertTokenizer",
    "BertTokenizerFast",
    "CamembertTokenizer",
    "CamembertTokenizerFast",
    "CharSpan",
    "DistilBertTokenizer",
    "DistilBertTokenizerFast",
    "ElectraTokenizer",
    "ElectraTokenizerFast",
    "Encoding",
    "GPT2Tokenizer",
    "GPT2TokenizerFast",
    "MPNetTokenizer",
    "MPNetTokenizerFast",
    "PaddingStrategy",
    "PreTrainedTokenizer",
    "PreTrainedTokenizerBase",
    "PreTrainedTokenizerFast",
    "RobertaTokenizer",
    "RobertaTokenizerFast",
    "TensorType",
    "TokenSpan",
    "TokenizersBackend",
    "TruncationStrategy",
    "XLMRobertaTokenizer",
    "XLMRobertaTokenizerFast",
]
