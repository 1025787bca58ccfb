"""Choosing the class of a configuration or a model by its files."""

from __future__ import annotations

import os
from typing import Any, ClassVar, Generic, Literal, TypeVar, overload

from ..checkpoint import read_json
from ..configuration import (
    CONFIG_NAME,
    SAME_ARCHITECTURE,
    AlbertConfig,
    BertConfig,
    DistilBertConfig,
    ElectraConfig,
    PreTrainedConfig,
    RobertaConfig,
    XLMRobertaConfig,
)
from ..hub import HUB_KEYWORDS, Source, without_old_keywords
from . import albert, bert, distilbert, electra, roberta
from .heads import (
    CausalLMModel,
    EncoderModel,
    MaskedLMModel,
    MultipleChoiceModel,
    NextSentenceModel,
    QuestionAnsweringModel,
    SequenceClassificationModel,
    TokenClassificationModel,
)
from .precision import pop_precision
from .pretrained import PreTrainedModel

Model = TypeVar("Model", bound=PreTrainedModel, covariant=True)

_FAMILIES: dict[type[PreTrainedConfig], tuple[Any, str]] = {
    AlbertConfig: (albert, "Albert"),
    BertConfig: (bert, "Bert"),
    DistilBertConfig: (distilbert, "DistilBert"),
    ElectraConfig: (electra, "Electra"),
    RobertaConfig: (roberta, "Roberta"),
    XLMRobertaConfig: (roberta, "XLMRoberta"),
}
_CONFIGS = {
    **{config.model_type: config for config in _FAMILIES},
    **dict.fromkeys(SAME_ARCHITECTURE, RobertaConfig),
}

# Of RoBERTa, XLM-RoBERTa and DistilBERT pretraining is masked language modelling.
_OTHER_NAMES = {
    "BertForCausalLM": "BertLMHeadModel",
    "DistilBertForPreTraining": "DistilBertForMaskedLM",
    "RobertaForPreTraining": "RobertaForMaskedLM",
    "XLMRobertaForPreTraining": "XLMRobertaForMaskedLM",
}


class AutoConfig:
    """Makes a configuration of the class that a model's files ask for."""

    def __init__(self) -> None:
        raise OSError("use AutoConfig.from_pretrained(directory_or_name)")

    @staticmethod
    def for_model(model_type: str, **kwargs: Any) -> PreTrainedConfig:
        """A configuration of a model type, such as "roberta" or "xlm-roberta".

        ValueError for another one, naming those that are known.
        """
        if not isinstance(model_type, str) or model_type not in _CONFIGS:
            raise ValueError(
                f"model type {model_type!r} is not known here; known are {', '.join(_CONFIGS)}"
            )
        return _CONFIGS[model_type](**kwargs)

    @overload
    @staticmethod
    def from_pretrained(
        pretrained_model_name_or_path: str | os.PathLike[str],
        *,
        return_unused_kwargs: Literal[True],
        **kwargs: Any,
    ) -> tuple[PreTrainedConfig, dict[str, Any]]: ...
    @overload
    @staticmethod
    def from_pretrained(
        pretrained_model_name_or_path: str | os.PathLike[str],
        **kwargs: Any,
    ) -> PreTrainedConfig: ...
    @staticmethod
    def from_pretrained(
        pretrained_model_name_or_path: str | os.PathLike[str], **kwargs: Any
    ) -> Any:
        """The configuration in a directory, a file or a hub repository, by its model_type.

        Arguments and errors as for PreTrainedConfig.from_pretrained; ValueError for a model
        type that is not known here, or for none.
        """
        kwargs = without_old_keywords(kwargs)
        kwargs.pop("trust_remote_code", None)
        options = {key: kwargs.pop(key) for key in HUB_KEYWORDS if key in kwargs}
        return_unused = kwargs.pop("return_unused_kwargs", False)
        source = Source(pretrained_model_name_or_path, **options)
        config, unused = _class_of(source).from_source(source, **kwargs)
        if return_unused:
            return config, unused
        for name, value in unused.items():
            setattr(config, name, value)
        return config


def _class_of(source: Source) -> type[PreTrainedConfig]:
    given = source.name if os.path.isfile(source.name) else source.find(CONFIG_NAME)
    if given is None:
        raise source.missing([CONFIG_NAME])
    model_type = read_json(given).get("model_type")
    if model_type not in _CONFIGS:
        stated = "no model_type" if model_type is None else f"model_type {model_type!r}"
        raise ValueError(f"{given}: has {stated}; known here are {', '.join(_CONFIGS)}")
    return _CONFIGS[model_type]


class _AutoModel(Generic[Model]):
    """Makes a model of the class that its configuration asks for."""

    _head: ClassVar[str]

    def __init__(self) -> None:
        name = type(self).__name__
        raise OSError(
            f"use {name}.from_pretrained(directory_or_name) or {name}.from_config(config)"
        )

    @classmethod
    def _model_class(cls, config_class: type) -> type[PreTrainedModel]:
        found = cls._find(config_class)
        if found is None:
            known = [kind.__name__ for kind in _FAMILIES if cls._find(kind) is not None]
            raise ValueError(
                f"{cls.__name__} has no model for a {config_class.__name__}; it has for "
                f"{', '.join(known)}"
            )
        return found

    @classmethod
    def _find(cls, config_class: type) -> type[PreTrainedModel] | None:
        module, prefix = _FAMILIES.get(config_class, (None, ""))
        name = prefix + cls._head
        found = getattr(module, _OTHER_NAMES.get(name, name), None)
        return found  # type: ignore[no-any-return]

    @classmethod
    def from_config(cls, config: PreTrainedConfig, **kwargs: Any) -> Model:
        """A model with new weights.

        dtype: as for from_pretrained.  ValueError where the configuration has no such model.
        """
        precision = pop_precision(kwargs)
        model = cls._model_class(type(config))(config, **kwargs).to(dtype=precision)
        config.dtype = precision
        return model  # type: ignore[return-value]

    @overload
    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | os.PathLike[str],
        *model_args: Any,
        output_loading_info: Literal[True],
        **kwargs: Any,
    ) -> tuple[Model, dict[str, Any]]: ...
    @overload
    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | os.PathLike[str],
        *model_args: Any,
        **kwargs: Any,
    ) -> Model: ...
    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | os.PathLike[str],
        *model_args: Any,
        config: Any = None,
        **kwargs: Any,
    ) -> Any:
        """The model saved in a directory or a hub repository.

        The class is that of config.json's model_type, or of `config`, a configuration or a
        path to one.  Other arguments and errors are those of that class's from_pretrained;
        ValueError where it has no such model.
        """
        kwargs = without_old_keywords(kwargs)
        options = {key: kwargs[key] for key in HUB_KEYWORDS if key in kwargs}
        if config is None:
            source = Source(pretrained_model_name_or_path, **options)
            model = cls._model_class(_class_of(source))
            if source.commit is not None:  # all files come from one commit
                kwargs["revision"] = source.commit
        else:
            if not isinstance(config, PreTrainedConfig):
                config = AutoConfig.from_pretrained(config, **options)
            model = cls._model_class(type(config))
            kwargs["config"] = config
        return model.from_pretrained(pretrained_model_name_or_path, *model_args, **kwargs)


class AutoModel(_AutoModel[EncoderModel[Any]]):
    """Encoders without a head."""

    _head = "Model"


class AutoModelForPreTraining(_AutoModel[PreTrainedModel]):
    """Models as they are pretrained: RoBERTa's is its masked language model."""

    _head = "ForPreTraining"


class AutoModelForMaskedLM(_AutoModel[MaskedLMModel]):
    """Models that predict masked tokens."""

    _head = "ForMaskedLM"


class AutoModelForCausalLM(_AutoModel[CausalLMModel]):
    """Models that predict the next token."""

    _head = "ForCausalLM"


class AutoModelForNextSentencePrediction(_AutoModel[NextSentenceModel]):
    """Models that tell whether a segment follows another: BERT's."""

    _head = "ForNextSentencePrediction"


class AutoModelForSequenceClassification(_AutoModel[SequenceClassificationModel]):
    """Models that classify sequences."""

    _head = "ForSequenceClassification"


class AutoModelForTokenClassification(_AutoModel[TokenClassificationModel]):
    """Models that classify every token."""

    _head = "ForTokenClassification"


class AutoModelForQuestionAnswering(_AutoModel[QuestionAnsweringModel]):
    """Models that find the start and the end of an answer."""

    _head = "ForQuestionAnswering"


class AutoModelForMultipleChoice(_AutoModel[MultipleChoiceModel]):
    """Models that score continuations."""

    _head = "ForMultipleChoice"


class AutoModelForTextEncoding(_AutoModel[EncoderModel[Any]]):
    """Encoders without a head, as AutoModel."""

    _head = "Model"
