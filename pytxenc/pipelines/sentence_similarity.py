"""How alike sentences are to one another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from . import loading
from .base import Parameters, Pipeline

__all__ = ["SentenceSimilarityPipeline"]


class SentenceSimilarityPipeline(Pipeline):
    """The similarity of sentences to a sentence, by the vectors of a `SentenceTransformer`.

        >>> compare = pytxenc.pipeline("sentence-similarity", "all-MiniLM-L6-v2")
        >>> compare({"source_sentence": "A happy person", "sentences": ["A happy dog", "Rain"]})
        [0.5, 0.1]

    The form of the input is that of the task on the hub.  The measure is the model's own, by
    default the cosine.
    """

    task_name = "sentence-similarity"

    def __call__(self, inputs: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Compare one sentence with several.

        inputs: a dict of "source_sentence" (str) and "sentences" (list of str), a list of
            such dicts or a stream; or nothing, and both as keywords.
        normalize_embeddings: divide vectors by their length first.
        progress: see Pipeline.

        Returns a list of floats, one for each of the sentences; for a list of inputs a list
        of lists.  TypeError, ValueError for an input of another form.
        """
        if inputs is None:
            inputs = {name: kwargs.pop(name) for name in _FIELDS if name in kwargs}
        return super().__call__(inputs, *args, **kwargs)

    @classmethod
    def load_parts(
        cls, entry: Mapping[str, Any], model: Any, config: Any, tokenizer: Any, options: Parameters
    ) -> Parameters:
        """The SentenceTransformer of a directory or a name; an object is taken as it is."""
        from ..sentences import SentenceTransformer

        if loading.is_name(model):
            if config is not None or tokenizer is not None:
                raise ValueError(
                    "sentence-similarity takes configuration and tokenizer from the model's files"
                )
            hub = loading.hub_options_of(options)
            further = {key: value for key, value in options.items() if key not in hub}
            hub["cache_folder"] = hub.pop("cache_dir", None)
            model = SentenceTransformer(model, model_kwargs=further, **hub)
        return {"model": model, "tokenizer": getattr(model, "tokenizer", tokenizer)}

    def _check_parts(self) -> None:
        if not hasattr(self.model, "encode") or not hasattr(self.model, "similarity"):
            raise ValueError(
                f"{type(self).__name__} cannot use a {type(self.model).__name__}: it needs a "
                "SentenceTransformer"
            )

    def _sanitize_parameters(
        self, normalize_embeddings: Any = None
    ) -> tuple[Parameters, Parameters, Parameters]:
        forward: Parameters = {}
        if normalize_embeddings is not None:
            forward["normalize_embeddings"] = bool(normalize_embeddings)
        return {}, forward, {}

    def preprocess(self, inputs: Any) -> Any:
        """The sentences, the source at their head."""
        if not isinstance(inputs, Mapping) or inputs.keys() != set(_FIELDS):
            raise ValueError(
                f'an input must be a dict of "source_sentence" and "sentences", not {inputs!r:.100}'
            )
        source, sentences = (inputs[name] for name in _FIELDS)
        if not isinstance(source, str):
            raise TypeError(f"source_sentence must be a str, not {source!r:.100}")
        if isinstance(sentences, str) or not all(isinstance(text, str) for text in sentences):
            raise TypeError(f"sentences must be a list of str, not {sentences!r:.100}")
        return {"texts": [source, *sentences]}

    def _forward(self, model_inputs: Any, normalize_embeddings: bool = False) -> Any:
        vectors = self.model.encode(
            model_inputs["texts"], normalize_embeddings=normalize_embeddings
        )
        return {"similarities": np.asarray(self.model.similarity(vectors[:1], vectors[1:]))[0]}

    def postprocess(self, model_outputs: Any) -> list[float]:
        """The similarities as floats."""
        return model_outputs["similarities"].tolist()  # type: ignore[no-any-return]


_FIELDS = ("source_sentence", "sentences")
