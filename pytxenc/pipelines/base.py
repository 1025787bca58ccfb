"""What pipelines share: keyword arguments, batches, and the ways inputs come and results go."""

from __future__ import annotations

import inspect
import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, NamedTuple

from ..arguments import unknown_keyword
from ..modeling import PreTrainedModel
from ..tokenization.call_options import CallOptions, check_positive
from . import loading
from .batching import collate, cut_batches, separate, shape_of

__all__ = ["ChunkPipeline", "Pipeline", "PipelineException"]

# Inputs whose tokens are held at once, so that batches can be cut from those of like length.
_WINDOW_INPUTS = 1024
_WINDOW_TOKENS = 1 << 15
# Inputs of a list from which on a terminal gets a progress bar.
_MANY_INPUTS = 300

# Keywords of a tokenizer call that change what comes out, which models do not take.
_FIELDS_OF_CALLS = {
    "return_length",
    "return_offsets_mapping",
    "return_overflowing_tokens",
    "return_special_tokens_mask",
    "return_tensors",
}
TOKENIZER_KEYWORDS = tuple(
    name
    for name in (*CallOptions.__dataclass_fields__, "text_pair")
    if name not in _FIELDS_OF_CALLS
)
"""Keywords of a tokenizer call that a pipeline may pass on."""

CALL_KEYWORDS = ("batch_size", "num_workers", "progress")
"""Keywords of every call."""

Parameters = dict[str, Any]


class PipelineException(Exception):
    """An input that a task cannot work with.

    Attributes:
        task: name of the task.
        model: what the model is.
    """

    def __init__(self, task: str, model: str, reason: str) -> None:
        super().__init__(reason)
        self.task = task
        self.model = model


class Call(NamedTuple):
    """Everything about a call but its inputs."""

    preprocess: Parameters
    forward: Parameters
    postprocess: Parameters
    batch_size: int | None


class Pipeline(ABC):
    """A model with its tokenizer, from raw inputs to results.

    Subclasses say how: `_sanitize_parameters` sorts keyword arguments into those of
    `preprocess` (an input becomes what the model takes), `_forward` (which computes, for
    several inputs at once) and `postprocess` (an output becomes a result).

    Calls change nothing, so several threads may share a pipeline.
    """

    task_name: ClassVar[str] = ""
    token_budget: ClassVar[int | None] = None
    """Tokens in a batch when `batch_size` is not given; None for one input at a time."""
    model_base: ClassVar[type | None] = None
    """What the model must be an instance of, if it is one of pytxenc's."""
    tokenizer_argument: ClassVar[str | None] = None
    """The keyword that holds those of the tokenizer; empty if a call takes them directly, None if
    it takes none."""

    def __init__(
        self,
        model: Any,
        tokenizer: Any = None,
        feature_extractor: Any = None,
        image_processor: Any = None,
        video_processor: Any = None,
        processor: Any = None,
        task: str = "",
        device: Any = None,
        binary_output: bool = False,
        **kwargs: Any,
    ) -> None:
        """Make a pipeline of a model and a tokenizer; `pytxenc.pipeline` loads them.

        device: None, "cpu" or a number, all of which mean the processor.
        batch_size: the largest number of inputs computed at once; by default as many as
            make an efficient batch.  Results do not depend on it.
        num_workers, binary_output, dtype: change nothing; a model has its precision already.
        Other keywords: defaults of those of a call.

        ValueError for another device or a model that does not suit; TypeError for an unknown
        keyword.
        """
        for name, given in (
            ("feature_extractor", feature_extractor),
            ("image_processor", image_processor),
            ("video_processor", video_processor),
            ("processor", processor),
        ):
            if given is not None:
                raise ValueError(f"{name} is not supported: pytxenc's models read text")
        check_device(device)
        self.task = task or self.task_name
        self.model = model
        self.tokenizer = tokenizer
        self.device = "cpu"
        self.binary_output = binary_output
        self._check_parts()
        for name in ("args_parser", "torch_dtype", "dtype", "num_workers"):
            kwargs.pop(name, None)
        self._batch_size = _checked_size(kwargs.pop("batch_size", None))
        self._progress = kwargs.pop("progress", None)
        parameters = self._sorted_keywords(kwargs)
        self._preprocess_params, self._forward_params, self._postprocess_params = parameters

    @classmethod
    def load_parts(
        cls, entry: Mapping[str, Any], model: Any, config: Any, tokenizer: Any, options: Parameters
    ) -> Parameters:
        """The arguments "model" and "tokenizer", loaded if they are names.

        entry: of the task in the registry.
        options: keywords of the model's from_pretrained.
        """
        return loading.load_parts(entry, model, config, tokenizer, options)

    # ---- what a task defines ----

    @abstractmethod
    def _sanitize_parameters(
        self, *args: Any, **kwargs: Any
    ) -> tuple[Parameters, Parameters, Parameters]:
        """Keyword arguments of `preprocess`, `_forward` and `postprocess`, of those given."""

    @abstractmethod
    def preprocess(self, input_: Any, /, *args: Any, **preprocess_parameters: Any) -> Any:
        """An input as the model takes it: a mapping with arrays (or tensors) of one row."""

    @abstractmethod
    def _forward(self, model_inputs: Any, /, *args: Any, **forward_parameters: Any) -> Any:
        """What the model computes of a batch: a mapping of arrays or lists, an entry a row."""

    @abstractmethod
    def postprocess(self, model_outputs: Any, /, *args: Any, **parameters: Any) -> Any:
        """The result, from the part of the outputs that is one input's."""

    # ---- calls ----

    def __call__(
        self,
        inputs: Any,
        *args: Any,
        num_workers: int | None = None,
        batch_size: int | None = None,
        progress: bool | None = None,
        **kwargs: Any,
    ) -> Any:
        """Results for an input, for a list of them, or for a stream.

        inputs: one input; a list or tuple, which gives a list; a generator, a data set or
            another iterable, which gives an iterator that reads it as results are taken:
            never further ahead than it has got, and with `batch_size` no more than that many.
        batch_size: the largest number of inputs computed at once; 1 for one by one.
        progress: whether to show a progress bar; by default on a terminal for long lists.
        num_workers: changes nothing.
        Other keywords are the task's.

        TypeError for an unknown keyword.
        """
        if args:
            raise TypeError(
                f"{type(self).__name__} takes one positional argument; a list holds several inputs"
            )
        preprocess, forward, postprocess = self._sorted_keywords(kwargs)
        size = _checked_size(batch_size)
        call = Call(
            {**self._preprocess_params, **preprocess},
            {**self._forward_params, **forward},
            {**self._postprocess_params, **postprocess},
            self._batch_size if size is None else size,
        )
        progress = self._progress if progress is None else progress
        if isinstance(inputs, (list, tuple)):
            results = self._results(inputs, call, len(inputs), inputs_at_hand=True)
            if progress is None:
                progress = len(inputs) > _MANY_INPUTS and sys.stderr.isatty()
            return list(_with_progress(results, len(inputs), bool(progress)))
        if _is_stream(inputs):
            length = len(inputs) if hasattr(inputs, "__len__") else None
            results = self._results(_iterate(inputs), call, length, inputs_at_hand=False)
            return Results(_with_progress(results, length, bool(progress)), length)
        return self._result(self._compute(self._items(inputs, call), call), call)

    def transform(self, X: Any) -> Any:
        """The same as a call, under scikit-learn's name."""
        return self(X)

    def predict(self, X: Any) -> Any:
        """The same as a call, under scikit-learn's name."""
        return self(X)

    def forward(self, model_inputs: Any, **forward_params: Any) -> Any:
        """What the model computes of a batch."""
        return self._forward(model_inputs, **forward_params)

    def _items(self, input_: Any, call: Call) -> list[Any]:
        """What goes into the model for an input."""
        return [self._checked(self.preprocess(input_, **call.preprocess))]

    def _result(self, outputs: list[Any], call: Call) -> Any:
        """The result of an input, from the outputs for its items."""
        return self.postprocess(outputs[0], **call.postprocess)

    def _compute(self, items: list[Any], call: Call) -> list[Any]:
        """The outputs for items, computed in batches, in the order of the items."""
        outputs: list[Any] = [None] * len(items)
        for batch in cut_batches(items, call.batch_size, self.token_budget):
            if len(batch) == 1:
                outputs[batch[0]] = self.forward(items[batch[0]], **call.forward)
                continue
            together = collate([items[index] for index in batch], self._pad_token_id())
            computed = self.forward(together, **call.forward)
            for index, output in zip(batch, separate(computed, len(batch)), strict=True):
                outputs[index] = output
        return outputs

    def _results(
        self, inputs: Iterable[Any], call: Call, length: int | None, inputs_at_hand: bool
    ) -> Iterator[Any]:
        """The results of inputs, in their order, computed a window of inputs at a time."""
        source = iter(inputs)
        one_by_one = call.batch_size == 1 or (call.batch_size is None and not self.token_budget)
        grows = not inputs_at_hand and call.batch_size is None and not one_by_one
        limit = 1 if one_by_one or grows else _WINDOW_INPUTS
        if not inputs_at_hand and call.batch_size is not None:
            limit = call.batch_size
        index, more = 0, True
        while more:
            window: list[list[Any]] = []
            failure: Exception | None = None
            tokens = 0
            while more and len(window) < limit and tokens < _WINDOW_TOKENS:
                try:
                    window.append(self._items(next(source), call))
                    tokens += sum(shape_of(item)[1] for item in window[-1])
                except StopIteration:
                    more = False
                except Exception as error:  # raised after the results before it
                    more, failure = False, error
            outputs = iter(self._compute([item for items in window for item in items], call))
            for items in window:
                yield self._result([next(outputs) for _ in items], call)
                index += 1
            if failure is not None:
                raise failure if length == 1 else _located(failure, index)
            if grows:
                limit = min(2 * limit, _WINDOW_INPUTS)

    # ---- checks ----

    def _sorted_keywords(
        self, kwargs: Mapping[str, Any]
    ) -> tuple[Parameters, Parameters, Parameters]:
        parameters = inspect.signature(self._sanitize_parameters).parameters
        if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
            for name in kwargs:
                if name not in parameters:
                    raise self._unknown_keyword(name, [*parameters, *CALL_KEYWORDS])
        return self._sanitize_parameters(**kwargs)

    def _unknown_keyword(self, name: str, known: list[str]) -> TypeError:
        function, argument = type(self).__name__, self.tokenizer_argument
        if argument and name in TOKENIZER_KEYWORDS:
            return TypeError(
                f"{function}() takes the tokenizer's {name!r} as {argument}={{{name!r}: ...}}"
            )
        return unknown_keyword(function, name, known)

    def _check_parts(self) -> None:
        expected, model = self.model_base, self.model
        if self.task_name and self.tokenizer is None:
            raise ValueError(
                f"{type(self).__name__} needs a tokenizer: pass tokenizer=, or let "
                "pytxenc.pipeline(task, name) load both"
            )
        if expected is None or not isinstance(model, PreTrainedModel):
            return
        if not isinstance(model, expected):
            raise ValueError(
                f"{type(self).__name__} cannot use a {type(model).__name__}: it needs a model that "
                f"{_PURPOSES.get(expected.__name__, 'suits ' + self.task_name)}"
            )

    def _checked(self, item: Any) -> Any:
        """The item, unless it is longer than the model can take."""
        model = self.model
        if not isinstance(model, PreTrainedModel) or not isinstance(item, Mapping):
            return item
        limit = model.longest_input
        length = shape_of(item)[1]
        if length > limit and "position_ids" not in item:
            hint = ""
            if self.tokenizer_argument == "":
                hint = f"; to cut it pass truncation=True, max_length={limit}"
            elif self.tokenizer_argument:
                inside = {"truncation": True, "max_length": limit}
                hint = f"; to cut it pass {self.tokenizer_argument}={inside}"
            raise ValueError(
                f"the text has {length} tokens, special ones included, but the model takes no more "
                f"than {limit}{hint}"
            )
        return item

    def _longest_input(self) -> int:
        """Tokens that both the tokenizer and the model allow."""
        limit = int(self.tokenizer.model_max_length)
        own = isinstance(self.model, PreTrainedModel)
        return min(limit, self.model.longest_input) if own else limit

    def _pad_token_id(self) -> int:
        """What rows are padded with: any id will do, for the mask hides it."""
        for holder in (self.tokenizer, getattr(self.model, "config", None)):
            found = getattr(holder, "pad_token_id", None)
            if found is not None:
                return int(found)
        return 0

    # ---- looking at a pipeline, and saving it ----

    @property
    def dtype(self) -> Any:
        """The dtype of the model."""
        return getattr(self.model, "dtype", None)

    torch_dtype = dtype

    def save_pretrained(self, save_directory: str | os.PathLike[str], **kwargs: Any) -> None:
        """Save model and tokenizer into a directory, from which `pipeline` loads them.

        Keywords and errors are those of the model's save_pretrained.
        """
        self.model.save_pretrained(save_directory, **kwargs)
        if self.tokenizer is not None:
            self.tokenizer.save_pretrained(save_directory)

    def __repr__(self) -> str:
        model = self.model
        return f"{type(self).__name__}({self.task!r}, model={type(model).__name__}, device='cpu')"


class ChunkPipeline(Pipeline):
    """A pipeline whose inputs may become several items: `preprocess` yields them.

    `postprocess` gets the list of their outputs.
    """

    def _items(self, input_: Any, call: Call) -> list[Any]:
        return [self._checked(item) for item in self.preprocess(input_, **call.preprocess)]

    def _result(self, outputs: list[Any], call: Call) -> Any:
        return self.postprocess(outputs, **call.postprocess)


class Results(Iterator[Any]):
    """The results of a stream, one after another; it has a length if the stream has."""

    def __init__(self, results: Iterator[Any], length: int | None) -> None:
        self._results = results
        self._length = length

    def __next__(self) -> Any:
        return next(self._results)

    def __len__(self) -> int:
        if self._length is None:
            raise TypeError("the inputs come from a stream whose length is not known")
        return self._length


# What models are for, by the base class of their kind.
_PURPOSES = {
    "MaskedLMModel": "predicts masked tokens (AutoModelForMaskedLM)",
    "SequenceClassificationModel": "classifies texts (AutoModelForSequenceClassification)",
    "TokenClassificationModel": "classifies tokens (AutoModelForTokenClassification)",
    "QuestionAnsweringModel": "finds answers (AutoModelForQuestionAnswering)",
}


def check_device(device: Any) -> None:
    """ValueError for the name of a device that is not the processor.

    A number means the accelerator of that number, or the processor where there is none.
    """
    if isinstance(device, int):
        return
    if device is not None and str(device).split(":")[0] != "cpu":
        raise ValueError(f"pytxenc computes on the CPU only, not on device {device!r}")


def check_tokenizer_keywords(
    function: str, keywords: Iterable[str], others: Iterable[str] = ()
) -> None:
    """TypeError for a keyword that a tokenizer call does not have.

    `others` are keywords that may have been meant as well.
    """
    for name in keywords:
        if name not in TOKENIZER_KEYWORDS:
            raise unknown_keyword(function, name, [*others, *CALL_KEYWORDS, *TOKENIZER_KEYWORDS])


def _checked_size(batch_size: Any) -> int | None:
    return None if batch_size is None else check_positive("batch_size", batch_size)


def _is_stream(inputs: Any) -> bool:
    """Whether these are inputs to go through, not one of them."""
    if isinstance(inputs, (str, bytes, Mapping)):
        return False
    return hasattr(inputs, "__iter__") or (
        hasattr(inputs, "__getitem__") and hasattr(inputs, "__len__")
    )


def _iterate(inputs: Any) -> Iterator[Any]:
    if hasattr(inputs, "__iter__"):
        return iter(inputs)
    return (inputs[index] for index in range(len(inputs)))  # a data set in torch's sense


def _with_progress(results: Iterator[Any], total: int | None, shown: bool) -> Iterator[Any]:
    if not shown:
        return results
    from tqdm.auto import tqdm

    return iter(tqdm(results, total=total, unit=" inputs"))


def _located(error: Exception, index: int) -> Exception:
    """The error with the number of the input in front, where it has a message."""
    if error.args and isinstance(error.args[0], str):
        error.args = (f"input {index}: {error.args[0]}", *error.args[1:])
    return error
