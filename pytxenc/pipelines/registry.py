"""The table of tasks, and what a model says it is for."""

from __future__ import annotations

import logging
import os
import re
from typing import Any

from ..checkpoint import read_json
from ..configuration import CONFIG_NAME
from ..hub import Source

logger = logging.getLogger("pytxenc")

Entry = dict[str, Any]


def _entry(implementation: str, model_class: str, default: str) -> Entry:
    """impl: name of the pipeline's class; pt: names of the Auto classes of its models."""
    return {"impl": implementation, "pt": (model_class,), "default": {"model": default}}


# Where a bundled model can do a task it is the default, which then needs no network.
_BUNDLED = "pytxenc/roberta-mini"
_TASKS = {
    "feature-extraction": _entry("FeatureExtractionPipeline", "AutoModel", _BUNDLED),
    "fill-mask": _entry("FillMaskPipeline", "AutoModelForMaskedLM", _BUNDLED),
    "question-answering": _entry(
        "QuestionAnsweringPipeline",
        "AutoModelForQuestionAnswering",
        "distilbert/distilbert-base-cased-distilled-squad",
    ),
    "sentence-similarity": _entry("SentenceSimilarityPipeline", "AutoModel", _BUNDLED),
    "text-classification": _entry(
        "TextClassificationPipeline",
        "AutoModelForSequenceClassification",
        "distilbert/distilbert-base-uncased-finetuned-sst-2-english",
    ),
    "zero-shot-classification": _entry(
        "ZeroShotClassificationPipeline",
        "AutoModelForSequenceClassification",
        "FacebookAI/roberta-large-mnli",
    ),
    "token-classification": _entry(
        "TokenClassificationPipeline",
        "AutoModelForTokenClassification",
        "dbmdz/bert-large-cased-finetuned-conll03-english",
    ),
}
_ALIASES = {"ner": "token-classification", "sentiment-analysis": "text-classification"}

# The end of a model class's name -> the task that it is usually for.
_TASK_OF_HEAD = {
    "ForMaskedLM": "fill-mask",
    "ForPreTraining": "fill-mask",
    "ForQuestionAnswering": "question-answering",
    "ForSequenceClassification": "text-classification",
    "ForTokenClassification": "token-classification",
    "Model": "feature-extraction",
}


class PipelineRegistry:
    """Tasks by name: each has the class of its pipeline, that of its models and a default.

    Attributes:
        supported_tasks: name -> a dict of "impl", "pt" and "default".
        task_aliases: other names -> names.
    """

    def __init__(self, supported_tasks: dict[str, Entry], task_aliases: dict[str, str]) -> None:
        self.supported_tasks = supported_tasks
        self.task_aliases = task_aliases

    def get_supported_tasks(self) -> list[str]:
        """All names of tasks, sorted."""
        return sorted([*self.supported_tasks, *self.task_aliases])

    def check_task(self, task: str) -> tuple[str, Entry, None]:
        """(the task's own name, its entry, None); KeyError for an unknown one."""
        name = self.task_aliases.get(task, task)
        if name not in self.supported_tasks:
            raise KeyError(
                f"Unknown task {task!r}: pytxenc's encoders have pipelines for "
                f"{', '.join(self.get_supported_tasks())}"
            )
        return name, self.supported_tasks[name], None

    def register_pipeline(
        self,
        task: str,
        pipeline_class: type,
        pt_model: Any = None,
        default: Any = None,
        type: str | None = None,
    ) -> None:
        """Add a task, or replace one, which is a warning.

        pipeline_class: a subclass of Pipeline.
        pt_model: the Auto class, or several, that load its models.
        default: name of a model, or {"model": name}.
        type: changes nothing.
        """
        if task in self.supported_tasks:
            logger.warning("the pipeline of task %r is replaced", task)
        models = pt_model if isinstance(pt_model, tuple) else (pt_model,)
        entry: Entry = {"impl": pipeline_class, "pt": tuple(m for m in models if m is not None)}
        if default is not None:
            named = isinstance(default, dict) and "model" in default
            entry["default"] = default if named else {"model": default}
        self.supported_tasks[task] = entry

    def to_dict(self) -> dict[str, Entry]:
        """The table."""
        return self.supported_tasks


PIPELINE_REGISTRY = PipelineRegistry(_TASKS, _ALIASES)


def infer_task(model: Any, hub_options: dict[str, Any]) -> str:
    """The task that a model is for: by its card, else by the class it was saved from.

    RuntimeError where neither tells.
    """
    if isinstance(model, (str, os.PathLike)):
        source = Source(model, **hub_options)
        path = source.find(CONFIG_NAME)
        card = source.find("README.md")
        names = read_json(path).get("architectures") or [] if path is not None else []
        tag = _pipeline_tag(card.read_text("utf-8", "replace")) if card is not None else None
        if tag in PIPELINE_REGISTRY.supported_tasks:
            return tag  # type: ignore[return-value]
    else:
        names = [cls.__name__ for cls in type(model).__mro__]
    for name in names:
        for head, task in _TASK_OF_HEAD.items():
            if str(name).endswith(head) and task in PIPELINE_REGISTRY.supported_tasks:
                return task
    raise RuntimeError(
        f"{model if isinstance(model, (str, os.PathLike)) else type(model).__name__}: what task "
        "this model is for cannot be told; give it as pipeline(task, model), one of "
        f"{', '.join(PIPELINE_REGISTRY.get_supported_tasks())}"
    )


def _pipeline_tag(card: str) -> str | None:
    """`pipeline_tag` of the metadata that a model card begins with."""
    metadata = re.match(r"---\s*\n(.*?)\n---", card, re.DOTALL)
    found = re.search(r"^pipeline_tag:\s*([\w-]+)", metadata[1], re.M) if metadata else None
    return found[1] if found else None
