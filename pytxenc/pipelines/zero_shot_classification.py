"""Classification of texts by labels that are given in the call."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..modeling.heads import SequenceClassificationModel
from ..numeric import softmax
from .base import ChunkPipeline, Parameters

__all__ = ["ZeroShotClassificationPipeline"]

logger = logging.getLogger("pytxenc")


class ZeroShotClassificationPipeline(ChunkPipeline):
    """Labels of texts by a model of entailment: each label makes a hypothesis about the text.

        >>> classify = pytxenc.pipeline("zero-shot-classification", "FacebookAI/roberta-large-mnli")
        >>> classify("I need a new phone, now!", candidate_labels=["urgent", "not urgent"])
        {'sequence': '...', 'labels': ['urgent', 'not urgent'], 'scores': [0.98, 0.02]}

    The model's configuration must name a label that begins with "entail".
    """

    task_name = "zero-shot-classification"
    token_budget = 4096
    model_base = SequenceClassificationModel

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """As Pipeline; a model without a label for entailment is a warning."""
        super().__init__(*args, **kwargs)
        if self.entailment_id == -1:
            logger.warning(
                "no label of the model begins with 'entail', so the last one is taken for "
                "entailment; name the labels in the configuration's label2id"
            )

    def __call__(  # type: ignore[override]
        self, sequences: Any, *args: Any, **kwargs: Any
    ) -> Any:
        """Classify a text, a list of texts or a stream.

        candidate_labels: a list of labels, or a str of labels between commas; also as the
            second positional argument.
        hypothesis_template: what a label makes a sentence of; "This example is {}." by
            default.
        multi_label: True where several labels may be true: each is scored against its own
            contradiction.  By default scores add up to 1 over the labels.
        batch_size, progress: see Pipeline.

        Too long a text is cut.  Returns for a text a dict of "sequence" (the text), "labels"
        and "scores", by falling score; for a list of texts a list of dicts.

        ValueError for no labels, or a template without a place for the label.
        """
        if args:
            if len(args) > 1 or "candidate_labels" in kwargs:
                raise TypeError(
                    "ZeroShotClassificationPipeline takes the texts and the candidate_labels by "
                    "position, everything else by keyword"
                )
            kwargs["candidate_labels"] = args[0]
        return super().__call__(sequences, **kwargs)

    @property
    def entailment_id(self) -> int:
        """Index of the label that begins with "entail"; -1 where there is none."""
        for label, index in self.model.config.label2id.items():
            if label.lower().startswith("entail"):
                return int(index)
        return -1

    def _sanitize_parameters(
        self,
        candidate_labels: Any = None,
        hypothesis_template: Any = None,
        multi_label: Any = None,
    ) -> tuple[Parameters, Parameters, Parameters]:
        preprocess: Parameters = {}
        if candidate_labels is not None:
            preprocess["candidate_labels"] = _labels(candidate_labels)
        if hypothesis_template is not None:
            preprocess["hypothesis_template"] = _check_template(hypothesis_template)
        postprocess = {} if multi_label is None else {"multi_label": bool(multi_label)}
        return preprocess, {}, postprocess

    def preprocess(
        self,
        inputs: Any,
        candidate_labels: Sequence[str] | None = None,
        hypothesis_template: str = "This example is {}.",
    ) -> Iterator[Any]:
        """A pair of the text and a hypothesis for every label."""
        if not candidate_labels:
            raise ValueError("candidate_labels must be given: the labels to choose among")
        if not isinstance(inputs, str) or not inputs:
            raise ValueError(f"an input must be a text that is not empty, not {inputs!r:.100}")
        for label in candidate_labels:
            encoded = self._encode(inputs, hypothesis_template.format(label))
            yield {"candidate_label": label, "sequence": inputs, **encoded}

    def _encode(self, text: str, hypothesis: str) -> dict[str, Any]:
        limit = self._longest_input()
        try:
            encoded = self.tokenizer(
                text, hypothesis, truncation="only_first", max_length=limit, return_tensors="np"
            )
        except ValueError:  # the text is not what makes the pair too long
            encoded = self.tokenizer(text, hypothesis, return_tensors="np")
        return {name: encoded[name] for name in self.tokenizer.model_input_names if name in encoded}

    def _forward(self, inputs: Any) -> Any:
        encoded = {name: value for name, value in inputs.items() if name not in _ABOUT}
        about = {name: inputs[name] for name in _ABOUT}
        return {**about, **self.model(**encoded)}

    def postprocess(self, model_outputs: Any, multi_label: bool = False) -> Any:
        """The labels by falling score, from the logits of every hypothesis."""
        labels = [output["candidate_label"] for output in model_outputs]
        logits = np.concatenate([output["logits"] for output in model_outputs])
        entailment = self.entailment_id
        if multi_label or len(labels) == 1:
            contradiction = -1 if entailment == 0 else 0
            scores = softmax(logits[:, [contradiction, entailment]])[:, 1]
        else:
            scores = softmax(logits[:, entailment])
        order = scores.argsort()[::-1]
        return {
            "sequence": model_outputs[0]["sequence"],
            "labels": [labels[i] for i in order],
            "scores": scores[order].tolist(),
        }


_ABOUT = ("candidate_label", "sequence")  # what an item holds beside the model's inputs


def _labels(labels: Any) -> list[str]:
    if isinstance(labels, str):
        labels = [label.strip() for label in labels.split(",") if label.strip()]
    labels = list(labels)
    if not labels:
        raise ValueError("candidate_labels is empty: give at least one label")
    return labels


def _check_template(template: Any) -> str:
    if not isinstance(template, str):
        raise TypeError(f"hypothesis_template must be a str, not {template!r}")
    try:
        filled = template.format("label")
    except (IndexError, KeyError, ValueError):
        raise ValueError(
            f"hypothesis_template {template!r} must have one place for the label, written {{}}"
        ) from None
    if filled == template:
        raise ValueError(
            f"hypothesis_template {template!r} has no place for the label: write {{}} where it "
            "belongs"
        )
    return template
