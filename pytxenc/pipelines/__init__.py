"""Pipelines: a task, a model and its tokenizer behind one call.

`pipeline` makes one; each task has a module.  What tasks share is in `base`.
"""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING, Any

from .base import ChunkPipeline, Pipeline, PipelineException, check_device
from .loading import check_config, check_dtype_of, hub_options_of
from .registry import PIPELINE_REGISTRY, PipelineRegistry, infer_task

if TYPE_CHECKING:
    from .feature_extraction import FeatureExtractionPipeline as FeatureExtractionPipeline
    from .fill_mask import FillMaskPipeline as FillMaskPipeline
    from .question_answering import QuestionAnsweringPipeline as QuestionAnsweringPipeline
    from .sentence_similarity import SentenceSimilarityPipeline as SentenceSimilarityPipeline
    from .text_classification import TextClassificationPipeline as TextClassificationPipeline
    from .token_classification import AggregationStrategy as AggregationStrategy
    from .token_classification import NerPipeline as NerPipeline
    from .token_classification import TokenClassificationPipeline as TokenClassificationPipeline
    from .zero_shot_classification import (
        ZeroShotClassificationPipeline as ZeroShotClassificationPipeline,
    )

logger = logging.getLogger("pytxenc")

_CLASSES = {
    "AggregationStrategy": "token_classification",
    "FeatureExtractionPipeline": "feature_extraction",
    "FillMaskPipeline": "fill_mask",
    "NerPipeline": "token_classification",
    "QuestionAnsweringPipeline": "question_answering",
    "SentenceSimilarityPipeline": "sentence_similarity",
    "TextClassificationPipeline": "text_classification",
    "TokenClassificationPipeline": "token_classification",
    "ZeroShotClassificationPipeline": "zero_shot_classification",
}

__all__ = [
    *_CLASSES,
    "PIPELINE_REGISTRY",
    "ChunkPipeline",
    "Pipeline",
    "PipelineException",
    "PipelineRegistry",
    "pipeline",
]


def __getattr__(name: str) -> Any:
    if name not in _CLASSES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_CLASSES[name]}", __name__), name)
    globals()[name] = value
    return value


def pipeline(
    task: str | None = None,
    model: Any = None,
    config: Any = None,
    tokenizer: Any = None,
    feature_extractor: Any = None,
    image_processor: Any = None,
    video_processor: Any = None,
    processor: Any = None,
    revision: str | None = None,
    use_fast: bool = True,
    token: str | bool | None = None,
    device: Any = None,
    device_map: Any = None,
    dtype: Any = "auto",
    trust_remote_code: bool | None = None,
    model_kwargs: dict[str, Any] | None = None,
    pipeline_class: Any = None,
    **kwargs: Any,
) -> Any:
    """Make the pipeline of a task.

        >>> fill = pytxenc.pipeline("fill-mask", "roberta-base")
        >>> fill("The capital of France is <mask>.")[0]["token_str"]
        ' Paris'

    Args:
        task: "fill-mask", "text-classification" ("sentiment-analysis"),
            "token-classification" ("ner"), "question-answering", "feature-extraction",
            "zero-shot-classification" or "sentence-similarity".  By default what the model
            says it is for.
        model: directory, name on the hub, or a model.  By default one that is usual for the
            task, which is a warning.
        config: a configuration, or a path to one, instead of the model's own.
        tokenizer: directory, name, or a tokenizer, instead of the model's own.
        revision, token: of the hub.
        device: None, "cpu" or a number, all of which mean the processor.
        dtype: as for the model's from_pretrained: "float32" (also "auto"), "bfloat16" or
            "int8".  A model that is given as an object keeps its own.
        model_kwargs: keywords of the model's from_pretrained, cache_dir among them.
        pipeline_class: a subclass of Pipeline instead of the task's own.
        use_fast, trust_remote_code, device_map: change nothing; code from the hub is never
            run.
        **kwargs: batch_size and defaults of the keywords of a call.

    Raises:
        KeyError: an unknown task.
        RuntimeError: neither task nor model, a tokenizer without a model, or a model that
            does not say what it is for.
        OSError, ValueError, TypeError: as the from_pretrained of the model and the tokenizer;
            ValueError also for another device.
    """
    check_device(device)
    if device_map not in (None, "auto", {"": "cpu"}):
        check_device(device_map)
    check_config(config)
    options = {**(model_kwargs or {}), **_dtype_option(dtype, kwargs, model_kwargs or {})}
    hub: dict[str, Any] = {"revision": revision, "token": token}
    hub |= {name: kwargs.pop(name, None) for name in ("cache_dir", "local_files_only")}
    options |= {key: value for key, value in hub.items() if value is not None}
    if task is None and model is None:
        raise RuntimeError(
            "pipeline() needs a task, a model or both, such as "
            'pipeline("fill-mask", model="roberta-base")'
        )
    if model is None and tokenizer is not None:
        raise RuntimeError(
            "pipeline() was given a tokenizer but no model: the tokenizer may not fit the "
            "default model, so name the model too"
        )
    if task is None:
        task = infer_task(model, hub_options_of(options))
    _, entry, _ = PIPELINE_REGISTRY.check_task(task)
    if model is None:
        model = _default_model(task, entry)
    check_dtype_of(model, options)
    chosen = pipeline_class or _resolve(entry["impl"])
    if not (isinstance(chosen, type) and issubclass(chosen, Pipeline)):
        raise TypeError(f"pipeline_class must be a subclass of Pipeline, not {chosen!r}")
    parts = {
        "feature_extractor": feature_extractor,
        "image_processor": image_processor,
        "video_processor": video_processor,
        "processor": processor,
        **chosen.load_parts(entry, model, config, tokenizer, options),
    }
    return chosen(task=task, device=device, **parts, **kwargs)


def _dtype_option(dtype: Any, kwargs: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """{"dtype": ...} as the arguments say, torch_dtype of the keywords among them.

    Nothing where it is in the model_kwargs `given`; ValueError where it is in both.
    """
    older = kwargs.pop("torch_dtype", None)
    if dtype in ("auto", None) and older is not None:
        dtype = older
    named = [name for name in ("dtype", "torch_dtype") if name in given]
    if not named:
        return {"dtype": dtype}
    if dtype not in ("auto", None):
        raise ValueError(
            f"dtype is given twice: {dtype!r}, and {given[named[0]]!r} in model_kwargs"
        )
    return {}


def _default_model(task: str, entry: dict[str, Any]) -> str:
    name = entry.get("default", {}).get("model")
    if name is None:
        raise ValueError(f"task {task!r} has no default model: name one")
    logger.warning(
        "no model was named, so %s is used; name the model, and its revision, in anything that "
        "is to last",
        name,
    )
    return str(name)


def _resolve(implementation: Any) -> Any:
    """The class of an entry: itself, or where it is in this package."""
    return __getattr__(implementation) if isinstance(implementation, str) else implementation
