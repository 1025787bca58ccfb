"""Words for the gaps of a text."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..modeling.heads import MaskedLMModel
from ..numeric import softmax
from ..tokenization.call_options import check_count
from .base import Parameters, Pipeline, PipelineException, check_tokenizer_keywords

__all__ = ["FillMaskPipeline"]

logger = logging.getLogger("pytxenc")


class FillMaskPipeline(Pipeline):
    """What a masked language model puts in the place of mask tokens.

        >>> fill = pytxenc.pipeline("fill-mask", "roberta-base")
        >>> fill("The capital of France is <mask>.", top_k=1)
        [{'score': 0.96, 'token': 2201, 'token_str': ' Paris', 'sequence': '...'}]

    The mask token of the model is `pipe.tokenizer.mask_token`.  Only its positions are
    computed in the last layer and the head.
    """

    task_name = "fill-mask"
    token_budget = 4096
    model_base = MaskedLMModel
    tokenizer_argument = "tokenizer_kwargs"

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Fill the gaps of a text, a list of texts or a stream.

        top_k: how many proposals for a gap, 5 by default.
        targets: a word or a list of words: no others are proposed, and scores stay what they
            are among all.  One that is not a token counts as its first token, which is a
            warning.
        tokenizer_kwargs: dict of keywords for the tokenizer, such as {"truncation": True}.
        batch_size, progress: see Pipeline.

        Returns for a text with one mask token a list of dicts by falling score: "score"
        (probability), "token" (id), "token_str" and "sequence" (the text with it, special
        tokens left out).  A text with several masks gives a list of such lists, each filling
        its mask alone; special tokens then stay in "sequence".  A list of texts gives a list
        of these, but a list of one text what the text gives.

        PipelineException for a text without a mask token; ValueError when it is too long or
        no target is left.
        """
        results = super().__call__(inputs, *args, **kwargs)
        return results[0] if isinstance(inputs, (list, tuple)) and len(inputs) == 1 else results

    def _sanitize_parameters(
        self, top_k: Any = None, targets: Any = None, tokenizer_kwargs: Any = None
    ) -> tuple[Parameters, Parameters, Parameters]:
        if self.tokenizer.mask_token_id is None:
            raise self._refusal("the tokenizer has no mask_token")
        preprocess: Parameters = {}
        postprocess: Parameters = {}
        if tokenizer_kwargs is not None:
            check_tokenizer_keywords("tokenizer", tokenizer_kwargs)
            preprocess["tokenizer_kwargs"] = tokenizer_kwargs
        if targets is not None:
            postprocess["target_ids"] = self.get_target_ids(targets)
        if top_k is not None:
            postprocess["top_k"] = check_count("top_k", top_k)
        return preprocess, {}, postprocess

    def preprocess(
        self, inputs: Any, return_tensors: str = "np", tokenizer_kwargs: Any = None
    ) -> Any:
        """The tokens of a text, a mask among them."""
        encoded = self.tokenizer(inputs, return_tensors=return_tensors, **(tokenizer_kwargs or {}))
        ids = encoded["input_ids"]
        if len(ids) != 1:
            raise ValueError(f"an input must be one text, not {inputs!r:.100}")
        if not (ids == self.tokenizer.mask_token_id).any():
            raise self._refusal(f"No mask_token ({self.tokenizer.mask_token}) found on the input")
        return encoded

    def _forward(self, model_inputs: Any) -> Any:
        ids = model_inputs["input_ids"]
        masks = ids == self.tokenizer.mask_token_id
        logits = self.model.logits_at(masks, **model_inputs)
        rows = np.split(logits, np.cumsum(masks.sum(1))[:-1])
        # Rows differ in their number of masks, so a batch is a list.
        return {"logits": rows if len(rows) > 1 else rows[0], "input_ids": ids}

    def postprocess(
        self, model_outputs: Any, top_k: int = 5, target_ids: NDArray[np.int64] | None = None
    ) -> Any:
        """The proposals, from logits (masks, vocabulary)."""
        ids = model_outputs["input_ids"][0]
        probabilities = softmax(model_outputs["logits"])
        candidates = np.arange(probabilities.shape[1]) if target_ids is None else target_ids
        masks = np.flatnonzero(ids == self.tokenizer.mask_token_id).tolist()
        single = len(masks) == 1
        results = []
        for position, scores in zip(masks, probabilities[:, candidates], strict=True):
            results.append(
                [
                    self._proposal(ids, position, candidates[i], scores[i], skip_special=single)
                    for i in _best(scores, top_k)
                ]
            )
        return results[0] if single else results

    def _proposal(
        self, ids: Any, position: int, token: int, score: float, *, skip_special: bool
    ) -> dict[str, Any]:
        filled = ids.copy()
        filled[position] = token
        filled = filled[filled != self.tokenizer.pad_token_id]
        return {
            "score": float(score),
            "token": int(token),
            "token_str": self.tokenizer.decode([int(token)]),
            "sequence": self.tokenizer.decode(filled, skip_special_tokens=skip_special),
        }

    def get_target_ids(self, targets: str | Sequence[str]) -> NDArray[np.int64]:
        """Ids of the target words, each once; ValueError when there is none."""
        tokenizer = self.tokenizer
        found: dict[int, None] = {}
        words = [targets] if isinstance(targets, str) else targets
        if not isinstance(words, Iterable) or not all(isinstance(word, str) for word in words):
            raise TypeError(f"targets must be a word or a list of words, not {targets!r:.100}")
        for target in words:
            index = tokenizer.convert_tokens_to_ids(target)
            if index is None or (index == tokenizer.unk_token_id and target != tokenizer.unk_token):
                index = self._first_token(target)
            if index is not None:
                found[index] = None
        if not found:
            raise ValueError("targets: there is none that is a token of the model's vocabulary")
        return np.array(list(found))

    def _first_token(self, target: str) -> int | None:
        """Id of the first token of a word that is not one token itself."""
        ids = self.tokenizer.encode(target, add_special_tokens=False)
        if not ids:
            logger.warning("target %r has no token in the model's vocabulary: left out", target)
            return None
        logger.warning(
            "target %r is not a token of the model's vocabulary: %r stands for it",
            target,
            self.tokenizer.convert_ids_to_tokens(ids[0]),
        )
        return int(ids[0])

    def _refusal(self, reason: str) -> PipelineException:
        return PipelineException(self.task_name, self.model.base_model_prefix, reason)


def _best(scores: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """Indices of the highest scores, by falling score."""
    count = min(count, len(scores))
    if count < len(scores):
        chosen = np.argpartition(-scores, count)[:count]
    else:
        chosen = np.arange(len(scores))
    return chosen[np.argsort(-scores[chosen], kind="stable")]  # type: ignore[no-any-return]
