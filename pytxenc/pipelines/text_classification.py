"""Classification of texts."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

import numpy as np

from ..modeling.heads import SequenceClassificationModel
from ..numeric import sigmoid, softmax
from ..tokenization.call_options import check_count
from .base import TOKENIZER_KEYWORDS, Parameters, Pipeline, check_tokenizer_keywords

__all__ = ["ClassificationFunction", "TextClassificationPipeline"]


class ClassificationFunction(str, Enum):
    """What turns logits into scores."""

    SIGMOID = "sigmoid"
    SOFTMAX = "softmax"
    NONE = "none"


class TextClassificationPipeline(Pipeline):
    """Labels of texts, with scores.

        >>> classify = pytxenc.pipeline("text-classification", "directory-or-name")
        >>> classify("A film to see twice.")
        [{'label': 'POSITIVE', 'score': 0.9998}]

    An input is a text, or a pair of them as {"text": ..., "text_pair": ...}.
    """

    task_name = "text-classification"
    token_budget = 4096
    model_base = SequenceClassificationModel
    tokenizer_argument = ""

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Classify a text, a pair, a list of them or a stream.

        top_k: how many labels, by falling score; None for all.  Without it the best alone.
        function_to_apply: "sigmoid", "softmax" or "none"; by default what the model's
            problem type asks for: none for a regression, the sigmoid for several labels at
            once or a single one, else the softmax.
        batch_size, progress: see Pipeline.
        Other keywords go to the tokenizer, such as truncation=True.

        Returns for one text a list with a dict of "label" (str) and "score" (float), for a
        pair the dict; for a list of inputs a list of such dicts.  With `top_k` it is a list
        of dicts for every input.
        """
        result = super().__call__(inputs, *args, **kwargs)
        return [result] if isinstance(inputs, str) and "top_k" not in kwargs else result

    def _sanitize_parameters(
        self, function_to_apply: Any = None, top_k: Any = "", **tokenizer_kwargs: Any
    ) -> tuple[Parameters, Parameters, Parameters]:
        own = ("top_k", "function_to_apply")
        check_tokenizer_keywords(type(self).__name__, tokenizer_kwargs, own)
        postprocess: Parameters = {}
        if top_k != "":  # not given, for None means all
            count = None if top_k is None else check_count("top_k", top_k)
            postprocess = {"top_k": count, "_legacy": False}
        if function_to_apply is not None:
            postprocess["function_to_apply"] = _function(function_to_apply)
        return tokenizer_kwargs, {}, postprocess

    def preprocess(self, inputs: Any, **tokenizer_kwargs: Any) -> Any:
        """The tokens of a text or a pair."""
        if isinstance(inputs, Mapping) and inputs.keys() <= {"text", *TOKENIZER_KEYWORDS}:
            return self.tokenizer(**inputs, return_tensors="np", **tokenizer_kwargs)
        if isinstance(inputs, (list, tuple)) and len(inputs) == 1:
            pair = inputs[0]  # as older releases of transformers had it
            if isinstance(pair, (list, tuple)) and len(pair) == 2:
                return self.tokenizer(*pair, return_tensors="np", **tokenizer_kwargs)
        if not isinstance(inputs, str):
            raise ValueError(
                f"an input must be a text or, for a pair of texts, a dict "
                f'{{"text": ..., "text_pair": ...}}, not {inputs!r:.100}'
            )
        return self.tokenizer(inputs, return_tensors="np", **tokenizer_kwargs)

    def _forward(self, model_inputs: Any) -> Any:
        return self.model(**model_inputs)

    def postprocess(
        self,
        model_outputs: Any,
        function_to_apply: Any = None,
        top_k: int | None = 1,
        _legacy: bool = True,
    ) -> Any:
        """The label or labels that the logits speak for."""
        config = self.model.config
        logits = model_outputs["logits"][0]
        scores = logits
        function = function_to_apply or self._usual_function()
        if function == ClassificationFunction.SIGMOID:
            scores = sigmoid(logits)
        elif function == ClassificationFunction.SOFTMAX:
            scores = softmax(logits)
        if top_k == 1 and _legacy:
            best = int(scores.argmax())
            return {"label": config.id2label[best], "score": float(scores[best])}
        order = np.argsort(-scores, kind="stable").tolist()
        return [{"label": config.id2label[i], "score": float(scores[i])} for i in order[:top_k]]

    def _usual_function(self) -> ClassificationFunction:
        config = self.model.config
        if config.problem_type == "regression":
            return ClassificationFunction.NONE
        if config.problem_type == "multi_label_classification" or config.num_labels == 1:
            return ClassificationFunction.SIGMOID
        return ClassificationFunction.SOFTMAX


def _function(name: Any) -> ClassificationFunction:
    try:
        return ClassificationFunction(name.lower() if isinstance(name, str) else name)
    except ValueError:
        raise ValueError(
            f"function_to_apply must be 'sigmoid', 'softmax' or 'none', not {name!r}"
        ) from None
