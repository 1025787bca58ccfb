"""RoBERTa, ALBERT and BERT encoders for CPU: the API of transformers, computed in C.

Names are loaded from their modules when first used, so importing the package is quick.
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from . import logging as logging
    from . import metrics as metrics
    from . import tasks as tasks
    from ._core import get_num_threads as get_num_threads
    from ._core import set_num_threads as set_num_threads
    from .compat import install_as_transformers as install_as_transformers
    from .compat import uninstall_as_transformers as uninstall_as_transformers
    from .configuration import AlbertConfig as AlbertConfig
    from .configuration import BertConfig as BertConfig
    from .configuration import DistilBertConfig as DistilBertConfig
    from .configuration import ElectraConfig as ElectraConfig
    from .configuration import PreTrainedConfig as PreTrainedConfig
    from .configuration import PretrainedConfig as PretrainedConfig
    from .configuration import RobertaConfig as RobertaConfig
    from .configuration import XLMRobertaConfig as XLMRobertaConfig
    from .corpus import TokenCorpus as TokenCorpus
    from .corpus import encode_corpus as encode_corpus
    from .corpus import read_documents as read_documents
    from .data import DataCollatorForLanguageModeling as DataCollatorForLanguageModeling
    from .data import DataCollatorForMultipleChoice as DataCollatorForMultipleChoice
    from .data import DataCollatorForSOP as DataCollatorForSOP
    from .data import DataCollatorForTokenClassification as DataCollatorForTokenClassification
    from .data import DataCollatorForWholeWordMask as DataCollatorForWholeWordMask
    from .data import DataCollatorWithFlattening as DataCollatorWithFlattening
    from .data import DataCollatorWithPadding as DataCollatorWithPadding
    from .data import DefaultDataCollator as DefaultDataCollator
    from .data import LineByLineTextDataset as LineByLineTextDataset
    from .data import PretrainingDataset as PretrainingDataset
    from .data import TextDataset as TextDataset
    from .data import default_data_collator as default_data_collator
    from .data import split_sentences as split_sentences
    from .environment import show_config as show_config
    from .metrics import chunk_scores as chunk_scores
    from .metrics import glue_metrics as glue_metrics
    from .metrics import squad_scores as squad_scores
    from .modeling import AlbertForMaskedLM as AlbertForMaskedLM
    from .modeling import AlbertForMultipleChoice as AlbertForMultipleChoice
    from .modeling import AlbertForPreTraining as AlbertForPreTraining
    from .modeling import AlbertForQuestionAnswering as AlbertForQuestionAnswering
    from .modeling import AlbertForSequenceClassification as AlbertForSequenceClassification
    from .modeling import AlbertForTokenClassification as AlbertForTokenClassification
    from .modeling import AlbertModel as AlbertModel
    from .modeling import AlbertPreTrainedModel as AlbertPreTrainedModel
    from .modeling import AutoConfig as AutoConfig
    from .modeling import AutoModel as AutoModel
    from .modeling import AutoModelForCausalLM as AutoModelForCausalLM
    from .modeling import AutoModelForMaskedLM as AutoModelForMaskedLM
    from .modeling import AutoModelForMultipleChoice as AutoModelForMultipleChoice
    from .modeling import AutoModelForNextSentencePrediction as AutoModelForNextSentencePrediction
    from .modeling import AutoModelForPreTraining as AutoModelForPreTraining
    from .modeling import AutoModelForQuestionAnswering as AutoModelForQuestionAnswering
    from .modeling import AutoModelForSequenceClassification as AutoModelForSequenceClassification
    from .modeling import AutoModelForTextEncoding as AutoModelForTextEncoding
    from .modeling import AutoModelForTokenClassification as AutoModelForTokenClassification
    from .modeling import BertForMaskedLM as BertForMaskedLM
    from .modeling import BertForMultipleChoice as BertForMultipleChoice
    from .modeling import BertForNextSentencePrediction as BertForNextSentencePrediction
    from .modeling import BertForPreTraining as BertForPreTraining
    from .modeling import BertForQuestionAnswering as BertForQuestionAnswering
    from .modeling import BertForSequenceClassification as BertForSequenceClassification
    from .modeling import BertForTokenClassification as BertForTokenClassification
    from .modeling import BertLMHeadModel as BertLMHeadModel
    from .modeling import BertModel as BertModel
    from .modeling import BertPreTrainedModel as BertPreTrainedModel
    from .modeling import DistilBertForMaskedLM as DistilBertForMaskedLM
    from .modeling import DistilBertForMultipleChoice as DistilBertForMultipleChoice
    from .modeling import DistilBertForQuestionAnswering as DistilBertForQuestionAnswering
    from .modeling import DistilBertForSequenceClassification as DistilBertForSequenceClassification
    from .modeling import DistilBertForTokenClassification as DistilBertForTokenClassification
    from .modeling import DistilBertModel as DistilBertModel
    from .modeling import DistilBertPreTrainedModel as DistilBertPreTrainedModel
    from .modeling import ElectraForCausalLM as ElectraForCausalLM
    from .modeling import ElectraForMaskedLM as ElectraForMaskedLM
    from .modeling import ElectraForMultipleChoice as ElectraForMultipleChoice
    from .modeling import ElectraForPreTraining as ElectraForPreTraining
    from .modeling import ElectraForQuestionAnswering as ElectraForQuestionAnswering
    from .modeling import ElectraForSequenceClassification as ElectraForSequenceClassification
    from .modeling import ElectraForTokenClassification as ElectraForTokenClassification
    from .modeling import ElectraModel as ElectraModel
    from .modeling import ElectraPreTrainedModel as ElectraPreTrainedModel
    from .modeling import PreTrainedModel as PreTrainedModel
    from .modeling import RobertaForCausalLM as RobertaForCausalLM
    from .modeling import RobertaForMaskedLM as RobertaForMaskedLM
    from .modeling import RobertaForMultipleChoice as RobertaForMultipleChoice
    from .modeling import RobertaForQuestionAnswering as RobertaForQuestionAnswering
    from .modeling import RobertaForSequenceClassification as RobertaForSequenceClassification
    from .modeling import RobertaForTokenClassification as RobertaForTokenClassification
    from .modeling import RobertaModel as RobertaModel
    from .modeling import RobertaPreTrainedModel as RobertaPreTrainedModel
    from .modeling import XLMRobertaForCausalLM as XLMRobertaForCausalLM
    from .modeling import XLMRobertaForMaskedLM as XLMRobertaForMaskedLM
    from .modeling import XLMRobertaForMultipleChoice as XLMRobertaForMultipleChoice
    from .modeling import XLMRobertaForQuestionAnswering as XLMRobertaForQuestionAnswering
    from .modeling import XLMRobertaForSequenceClassification as XLMRobertaForSequenceClassification
    from .modeling import XLMRobertaForTokenClassification as XLMRobertaForTokenClassification
    from .modeling import XLMRobertaModel as XLMRobertaModel
    from .modeling import XLMRobertaPreTrainedModel as XLMRobertaPreTrainedModel
    from .optim import LAMB as LAMB
    from .optim import SGD as SGD
    from .optim import Adafactor as Adafactor
    from .optim import AdamW as AdamW
    from .optim import ExponentialMovingAverage as ExponentialMovingAverage
    from .optim import LastAverage as LastAverage
    from .optim import SchedulerType as SchedulerType
    from .optim import create_optimizer as create_optimizer
    from .optim import get_constant_schedule as get_constant_schedule
    from .optim import get_constant_schedule_with_warmup as get_constant_schedule_with_warmup
    from .optim import get_cosine_schedule_with_warmup as get_cosine_schedule_with_warmup
    from .optim import (
        get_cosine_with_hard_restarts_schedule_with_warmup as get_cosine_with_hard_restarts_schedule_with_warmup,  # noqa: E501
    )
    from .optim import (
        get_cosine_with_min_lr_schedule_with_warmup as get_cosine_with_min_lr_schedule_with_warmup,
    )
    from .optim import (
        get_cosine_with_min_lr_schedule_with_warmup_lr_rate as get_cosine_with_min_lr_schedule_with_warmup_lr_rate,  # noqa: E501
    )
    from .optim import get_inverse_sqrt_schedule as get_inverse_sqrt_schedule
    from .optim import get_linear_schedule_with_warmup as get_linear_schedule_with_warmup
    from .optim import get_one_cycle_schedule as get_one_cycle_schedule
    from .optim import (
        get_polynomial_decay_schedule_with_warmup as get_polynomial_decay_schedule_with_warmup,
    )
    from .optim import get_scheduler as get_scheduler
    from .optim import get_wsd_schedule as get_wsd_schedule
    from .optim import parameter_groups as parameter_groups
    from .outputs import AlbertForPreTrainingOutput as AlbertForPreTrainingOutput
    from .outputs import BaseModelOutput as BaseModelOutput
    from .outputs import (
        BaseModelOutputWithPastAndCrossAttentions as BaseModelOutputWithPastAndCrossAttentions,
    )
    from .outputs import BaseModelOutputWithPooling as BaseModelOutputWithPooling
    from .outputs import (
        BaseModelOutputWithPoolingAndCrossAttentions as BaseModelOutputWithPoolingAndCrossAttentions,  # noqa: E501
    )
    from .outputs import BertForPreTrainingOutput as BertForPreTrainingOutput
    from .outputs import CausalLMOutputWithCrossAttentions as CausalLMOutputWithCrossAttentions
    from .outputs import ElectraForPreTrainingOutput as ElectraForPreTrainingOutput
    from .outputs import MaskedLMOutput as MaskedLMOutput
    from .outputs import ModelOutput as ModelOutput
    from .outputs import MultipleChoiceModelOutput as MultipleChoiceModelOutput
    from .outputs import NextSentencePredictorOutput as NextSentencePredictorOutput
    from .outputs import QuestionAnsweringModelOutput as QuestionAnsweringModelOutput
    from .outputs import SequenceClassifierOutput as SequenceClassifierOutput
    from .outputs import TokenClassifierOutput as TokenClassifierOutput
    from .pipelines import AggregationStrategy as AggregationStrategy
    from .pipelines import FeatureExtractionPipeline as FeatureExtractionPipeline
    from .pipelines import FillMaskPipeline as FillMaskPipeline
    from .pipelines import NerPipeline as NerPipeline
    from .pipelines import Pipeline as Pipeline
    from .pipelines import PipelineException as PipelineException
    from .pipelines import QuestionAnsweringPipeline as QuestionAnsweringPipeline
    from .pipelines import SentenceSimilarityPipeline as SentenceSimilarityPipeline
    from .pipelines import TextClassificationPipeline as TextClassificationPipeline
    from .pipelines import TokenClassificationPipeline as TokenClassificationPipeline
    from .pipelines import ZeroShotClassificationPipeline as ZeroShotClassificationPipeline
    from .pipelines import pipeline as pipeline
    from .profiling import profile as profile
    from .seed import set_seed as set_seed
    from .sentences import SentenceTransformer as SentenceTransformer
    from .tasks import ClassificationDataset as ClassificationDataset
    from .tasks import MultipleChoiceDataset as MultipleChoiceDataset
    from .tasks import QuestionAnsweringDataset as QuestionAnsweringDataset
    from .tasks import RegressionDataset as RegressionDataset
    from .tasks import TaggingDataset as TaggingDataset
    from .tensor import Tensor as Tensor
    from .tokenization import AddedToken as AddedToken
    from .tokenization import AlbertTokenizer as AlbertTokenizer
    from .tokenization import AlbertTokenizerFast as AlbertTokenizerFast
    from .tokenization import AutoTokenizer as AutoTokenizer
    from .tokenization import BatchEncoding as BatchEncoding
    from .tokenization import BertTokenizer as BertTokenizer
    from .tokenization import BertTokenizerFast as BertTokenizerFast
    from .tokenization import CamembertTokenizer as CamembertTokenizer
    from .tokenization import CamembertTokenizerFast as CamembertTokenizerFast
    from .tokenization import DistilBertTokenizer as DistilBertTokenizer
    from .tokenization import DistilBertTokenizerFast as DistilBertTokenizerFast
    from .tokenization import ElectraTokenizer as ElectraTokenizer
    from .tokenization import ElectraTokenizerFast as ElectraTokenizerFast
    from .tokenization import GPT2Tokenizer as GPT2Tokenizer
    from .tokenization import GPT2TokenizerFast as GPT2TokenizerFast
    from .tokenization import MPNetTokenizer as MPNetTokenizer
    from .tokenization import MPNetTokenizerFast as MPNetTokenizerFast
    from .tokenization import PaddingStrategy as PaddingStrategy
    from .tokenization import PreTrainedTokenizer as PreTrainedTokenizer
    from .tokenization import PreTrainedTokenizerBase as PreTrainedTokenizerBase
    from .tokenization import PreTrainedTokenizerFast as PreTrainedTokenizerFast
    from .tokenization import RobertaTokenizer as RobertaTokenizer
    from .tokenization import RobertaTokenizerFast as RobertaTokenizerFast
    from .tokenization import TensorType as TensorType
    from .tokenization import TokenizersBackend as TokenizersBackend
    from .tokenization import TruncationStrategy as TruncationStrategy
    from .tokenization import XLMRobertaTokenizer as XLMRobertaTokenizer
    from .tokenization import XLMRobertaTokenizerFast as XLMRobertaTokenizerFast
    from .training import DefaultFlowCallback as DefaultFlowCallback
    from .training import EarlyStoppingCallback as EarlyStoppingCallback
    from .training import EvalPrediction as EvalPrediction
    from .training import IntervalStrategy as IntervalStrategy
    from .training import PlotCallback as PlotCallback
    from .training import PredictionOutput as PredictionOutput
    from .training import PrinterCallback as PrinterCallback
    from .training import ProgressCallback as ProgressCallback
    from .training import SaveStrategy as SaveStrategy
    from .training import Session as Session
    from .training import Trainer as Trainer
    from .training import TrainerCallback as TrainerCallback
    from .training import TrainerControl as TrainerControl
    from .training import TrainerState as TrainerState
    from .training import TrainingArguments as TrainingArguments
    from .training import TrainOutput as TrainOutput
    from .training import enable_full_determinism as enable_full_determinism
    from .training import get_last_checkpoint as get_last_checkpoint
    from .training import plot_curves as plot_curves
    from .training import read_log as read_log
    from .training.initial import set_sinusoidal_positions as set_sinusoidal_positions

_EXPORTS = {
    "compat": ("install_as_transformers", "uninstall_as_transformers"),
    "configuration": (
        "AlbertConfig",
        "BertConfig",
        "DistilBertConfig",
        "ElectraConfig",
        "PreTrainedConfig",
        "PretrainedConfig",
        "RobertaConfig",
        "XLMRobertaConfig",
    ),
    "corpus": ("TokenCorpus", "encode_corpus", "read_documents"),
    "data": (
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
    ),
    "environment": ("show_config",),
    "logging": (),
    "metrics": ("chunk_scores", "glue_metrics", "squad_scores"),
    "modeling": (
        "AlbertForMaskedLM",
        "AlbertForMultipleChoice",
        "AlbertForPreTraining",
        "AlbertForQuestionAnswering",
        "AlbertForSequenceClassification",
        "AlbertForTokenClassification",
        "AlbertModel",
        "AlbertPreTrainedModel",
        "AutoConfig",
        "AutoModel",
        "AutoModelForCausalLM",
        "AutoModelForMaskedLM",
        "AutoModelForMultipleChoice",
        "AutoModelForNextSentencePrediction",
        "AutoModelForPreTraining",
        "AutoModelForQuestionAnswering",
        "AutoModelForSequenceClassification",
        "AutoModelForTextEncoding",
        "AutoModelForTokenClassification",
        "BertForMaskedLM",
        "BertForMultipleChoice",
        "BertForNextSentencePrediction",
        "BertForPreTraining",
        "BertForQuestionAnswering",
        "BertForSequenceClassification",
        "BertForTokenClassification",
        "BertLMHeadModel",
        "BertModel",
        "BertPreTrainedModel",
        "DistilBertForMaskedLM",
        "DistilBertForMultipleChoice",
        "DistilBertForQuestionAnswering",
        "DistilBertForSequenceClassification",
        "DistilBertForTokenClassification",
        "DistilBertModel",
        "DistilBertPreTrainedModel",
        "ElectraForCausalLM",
        "ElectraForMaskedLM",
        "ElectraForMultipleChoice",
        "ElectraForPreTraining",
        "ElectraForQuestionAnswering",
        "ElectraForSequenceClassification",
        "ElectraForTokenClassification",
        "ElectraModel",
        "ElectraPreTrainedModel",
        "PreTrainedModel",
        "RobertaForCausalLM",
        "RobertaForMaskedLM",
        "RobertaForMultipleChoice",
        "RobertaForQuestionAnswering",
        "RobertaForSequenceClassification",
        "RobertaForTokenClassification",
        "RobertaModel",
        "RobertaPreTrainedModel",
        "XLMRobertaForCausalLM",
        "XLMRobertaForMaskedLM",
        "XLMRobertaForMultipleChoice",
        "XLMRobertaForQuestionAnswering",
        "XLMRobertaForSequenceClassification",
        "XLMRobertaForTokenClassification",
        "XLMRobertaModel",
        "XLMRobertaPreTrainedModel",
    ),
    "optim": (
        "Adafactor",
        "AdamW",
        "ExponentialMovingAverage",
        "LAMB",
        "LastAverage",
        "SGD",
        "SchedulerType",
        "create_optimizer",
        "get_constant_schedule",
        "get_constant_schedule_with_warmup",
        "get_cosine_schedule_with_warmup",
        "get_cosine_with_hard_restarts_schedule_with_warmup",
        "get_cosine_with_min_lr_schedule_with_warmup",
        "get_cosine_with_min_lr_schedule_with_warmup_lr_rate",
        "get_inverse_sqrt_schedule",
        "get_linear_schedule_with_warmup",
        "get_one_cycle_schedule",
        "get_polynomial_decay_schedule_with_warmup",
        "get_scheduler",
        "get_wsd_schedule",
        "parameter_groups",
    ),
    "outputs": (
        "AlbertForPreTrainingOutput",
        "BaseModelOutput",
        "BaseModelOutputWithPastAndCrossAttentions",
        "BaseModelOutputWithPooling",
        "BaseModelOutputWithPoolingAndCrossAttentions",
        "BertForPreTrainingOutput",
        "CausalLMOutputWithCrossAttentions",
        "ElectraForPreTrainingOutput",
        "MaskedLMOutput",
        "ModelOutput",
        "MultipleChoiceModelOutput",
        "NextSentencePredictorOutput",
        "QuestionAnsweringModelOutput",
        "SequenceClassifierOutput",
        "TokenClassifierOutput",
    ),
    "pipelines": (
        "AggregationStrategy",
        "FeatureExtractionPipeline",
        "FillMaskPipeline",
        "NerPipeline",
        "Pipeline",
        "PipelineException",
        "QuestionAnsweringPipeline",
        "SentenceSimilarityPipeline",
        "TextClassificationPipeline",
        "TokenClassificationPipeline",
        "ZeroShotClassificationPipeline",
        "pipeline",
    ),
    "profiling": ("profile",),
    "seed": ("set_seed",),
    "sentences": ("SentenceTransformer",),
    "tasks": (
        "ClassificationDataset",
        "MultipleChoiceDataset",
        "QuestionAnsweringDataset",
        "RegressionDataset",
        "TaggingDataset",
    ),
    "tensor": ("Tensor",),
    "tokenization": (
        "AddedToken",
        "AlbertTokenizer",
        "AlbertTokenizerFast",
        "AutoTokenizer",
        "BatchEncoding",
        "BertTokenizer",
        "BertTokenizerFast",
        "CamembertTokenizer",
        "CamembertTokenizerFast",
        "DistilBertTokenizer",
        "DistilBertTokenizerFast",
        "ElectraTokenizer",
        "ElectraTokenizerFast",
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
        "TokenizersBackend",
        "TruncationStrategy",
        "XLMRobertaTokenizer",
        "XLMRobertaTokenizerFast",
    ),
    "training": (
        "DefaultFlowCallback",
        "EarlyStoppingCallback",
        "EvalPrediction",
        "IntervalStrategy",
        "PlotCallback",
        "PredictionOutput",
        "PrinterCallback",
        "ProgressCallback",
        "SaveStrategy",
        "Session",
        "TrainOutput",
        "Trainer",
        "TrainerCallback",
        "TrainerControl",
        "TrainerState",
        "TrainingArguments",
        "enable_full_determinism",
        "get_last_checkpoint",
        "plot_curves",
        "read_log",
    ),
    "training.initial": ("set_sinusoidal_positions",),
    "_core": ("get_num_threads", "set_num_threads"),
}
_MODULE_OF = {name: module for module, names in _EXPORTS.items() for name in names}

__all__ = sorted([*_MODULE_OF, "logging", "metrics", "tasks"])


if not TYPE_CHECKING:  # which is to know of a misspelt name

    def __getattr__(name: str) -> Any:
        if name in _EXPORTS:
            return importlib.import_module(f".{name}", __name__)
        if name not in _MODULE_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(f".{_MODULE_OF[name]}", __name__), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _load_core() -> None:
    """Import the extension, whose OpenBLAS comes from the scipy-openblas32 package.

    An installed package finds the library beside itself; a source checkout or a split
    installation finds it here.
    """
    try:
        importlib.import_module("._core", __name__)
    except ImportError as error:
        import ctypes
        from importlib.util import find_spec
        from pathlib import Path

        spec = find_spec("scipy_openblas32")
        libraries = []
        if spec is not None and spec.origin is not None:
            libraries = sorted(Path(spec.origin).parent.glob("lib/libscipy_openblas*"))
        if not libraries or "openblas" not in str(error):
            raise
        ctypes.CDLL(str(libraries[0]))
        importlib.import_module("._core", __name__)


_load_core()
del _load_core
