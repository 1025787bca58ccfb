"""Hidden states of texts."""

from __future__ import annotations

from typing import Any

from ..tensor import as_tensor, to_numpy
from .base import Parameters, Pipeline, check_tokenizer_keywords

__all__ = ["FeatureExtractionPipeline"]


class FeatureExtractionPipeline(Pipeline):
    """The last hidden states of texts, token by token.

        >>> extract = pytxenc.pipeline("feature-extraction", "roberta-base")
        >>> extract("Hello world", return_tensors="np").shape
        (1, 4, 768)

    For one vector a text see the task "sentence-similarity" and `SentenceTransformer`.
    """

    task_name = "feature-extraction"
    token_budget = 4096
    tokenizer_argument = "tokenize_kwargs"

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """The features of a text, a list of texts or a stream.

        return_tensors: False for nested lists of floats; True for a tensor of torch (a light
            one where torch is not installed); "np" for a NumPy array.
        truncation: True cuts what is longer than the model takes.
        tokenize_kwargs: dict of other keywords for the tokenizer.
        batch_size, progress: see Pipeline.

        Returns for a text float32 (1, length, hidden), without rows of padding, in whatever
        batch it was; for a list of texts a list of these.  A model with a head gives its
        logits instead.
        """
        return super().__call__(inputs, *args, **kwargs)

    def _sanitize_parameters(
        self, truncation: Any = None, tokenize_kwargs: Any = None, return_tensors: Any = None
    ) -> tuple[Parameters, Parameters, Parameters]:
        preprocess = dict(tokenize_kwargs or {})
        check_tokenizer_keywords("tokenizer", preprocess)
        if truncation is not None:
            if "truncation" in preprocess:
                raise ValueError(
                    "truncation is given twice: as a keyword and inside tokenize_kwargs"
                )
            preprocess["truncation"] = truncation
        postprocess = {} if return_tensors is None else {"return_tensors": return_tensors}
        return preprocess, {}, postprocess

    def preprocess(self, inputs: Any, **tokenize_kwargs: Any) -> Any:
        """The tokens of a text."""
        return self.tokenizer(inputs, return_tensors="np", **tokenize_kwargs)

    def _forward(self, model_inputs: Any) -> Any:
        states = self.model(**model_inputs)[0]
        mask = model_inputs.get("attention_mask")
        rows = [states[i : i + 1] for i in range(len(states))]
        if mask is not None and states.ndim == 3:
            rows = [row[:, real != 0] for row, real in zip(rows, mask, strict=True)]
        return rows if len(rows) > 1 else rows[0]

    def postprocess(self, model_outputs: Any, return_tensors: Any = False) -> Any:
        """The features in the form asked for."""
        if not return_tensors:
            return to_numpy(model_outputs).tolist()
        return as_tensor(model_outputs, "pt" if return_tensors is True else return_tensors)
