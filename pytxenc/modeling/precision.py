"""What a model computes with: the precision of its matrix products, and the processor."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np

from ..configuration import dtype_name
from .loading import Weights

logger = logging.getLogger("pytxenc")

PRECISIONS = ("float32", "bfloat16", "int8")
_NAMES = '"float32", "bfloat16" or "int8"'
# Other names of dtypes that mean one of them.
_SAME = {"auto": "float32", "float": "float32", "qint8": "int8"}
_ITEM_NBYTES = {"float32": 4, "bfloat16": 2, "int8": 1}
_ROW_NBYTES = {"float32": 0, "bfloat16": 0, "int8": 8}  # a scale and a sum
# Tables, of which rows are taken, and layers on a vector a text or on few labels.
_ALWAYS_FLOAT32 = re.compile(
    r"_embeddings\.weight$|(^|\.)(pooler|(pre_|sop_)?classifier|seq_relationship|qa_outputs"
    r"|sequence_summary|discriminator_predictions)\."
)

Self = TypeVar("Self", bound="Precision")


def as_precision(dtype: Any) -> str:
    """The precision that a dtype asks for: a name, a NumPy or a torch dtype; float32 for None.

    float16 is float32 and a warning; ValueError for any other.
    """
    name = "float32" if dtype is None else dtype_name(dtype)
    if name in ("float16", "half"):
        logger.warning(
            "dtype %s: there are no kernels for float16, so the model is computed in float32; "
            "there are some for bfloat16",
            name,
        )
        return "float32"
    precision = _SAME.get(name, name)
    if precision not in PRECISIONS:
        raise ValueError(f"dtype={dtype!r} is not supported: it must be {_NAMES}")
    return precision


def pop_precision(kwargs: dict[str, Any]) -> str:
    """The precision that the keywords ask for: dtype, or torch_dtype, its older name."""
    dtype, older = kwargs.pop("dtype", None), kwargs.pop("torch_dtype", None)
    return as_precision(older if dtype is None else dtype)


def check_device_map(device_map: Any) -> None:
    """ValueError for a device_map that puts anything elsewhere than on the processor."""
    devices = device_map.values() if isinstance(device_map, Mapping) else [device_map]
    for device in devices:
        name = str(device).split(":")[0]
        if name not in ("None", "auto", "balanced", "balanced_low_0", "sequential", "cpu"):
            raise ValueError(f"device_map={device_map!r}: pytxenc computes on the CPU only")


def footprint(
    shapes: Mapping[str, tuple[int, ...]], ties: Mapping[str, str], precision: str
) -> int:
    """Bytes of parameters as they are computed with.

    Args:
        shapes: of every distinct parameter, by name.
        ties: parameter -> the one it shares its values with.
        precision: of the matrices of layers and of vocabulary heads; all else is float32.
            A table that is such a matrix too counts as both, unless they are the same.
    """
    total = 0
    for name, shape in shapes.items():
        rounded = len(shape) == 2 and not _ALWAYS_FLOAT32.search(name)
        total += _nbytes(shape, precision if rounded else "float32")
    if precision != "float32":
        total += sum(
            _nbytes(shapes[source], precision)
            for source in ties.values()
            if len(shapes[source]) == 2
        )
    return total


def _nbytes(shape: tuple[int, ...], precision: str) -> int:
    return math.prod(shape) * _ITEM_NBYTES[precision] + shape[0] * _ROW_NBYTES[precision]


class Precision:
    """The part of a model that says and changes what it computes with."""

    _precision: str
    _part_of: str | None
    _weights: Weights

    def _set_weights(self, weights: Weights, precision: str) -> None:
        """Compute from now on with these weights in this precision."""
        raise NotImplementedError

    @property
    def precision(self) -> str:
        """The precision of the matrix products: "float32", "bfloat16" or "int8".

        Of those in the layers and in vocabulary heads; poolers, classifiers and everything
        between the products are float32, and so are arguments and results.
        """
        return self._precision

    @property
    def dtype(self) -> np.dtype[np.float32]:
        """The dtype of arguments, results and `state_dict`: float32 in every `precision`."""
        return np.dtype(np.float32)

    @property
    def device(self) -> str:
        """Where the model computes: always "cpu"."""
        return "cpu"

    def to(self: Self, device: Any = None, dtype: Any = None, non_blocking: bool = False) -> Self:
        """Compute in another precision from now on; returns the model.

        The float32 weights are kept, so `model.float()` is what it was before.  As in torch,
        a dtype may stand in the place of the device: "float32", "bfloat16" or "int8", or
        NumPy's or torch's dtype of that name; float16 is float32 and a warning.  ValueError
        for another device or dtype; RuntimeError for the `base_model` of a model with a head,
        whose precision is that of the whole.
        """
        precision = self._precision
        for target in (device, dtype):
            if target is None or str(target).split(":")[0] == "cpu":
                continue
            try:
                precision = as_precision(target)
            except ValueError:
                raise ValueError(
                    f"pytxenc computes on the CPU only, in {_NAMES}; not on or in {target!r}"
                ) from None
        if precision != self._precision:
            if self._part_of is not None:
                raise RuntimeError(
                    f"this {type(self).__name__} is a part of a {self._part_of}: change the whole"
                )
            self._set_weights(self._weights, precision)
        return self

    def cuda(self: Self, device: Any = None) -> Self:
        """ValueError: the model computes on the CPU only."""
        return self.to("cuda")

    def cpu(self: Self) -> Self:
        """Returns the model, which is there already."""
        return self

    def half(self: Self) -> Self:
        """Compute in float32, which is a warning: there are no kernels for float16."""
        return self.to(dtype="float16")

    def bfloat16(self: Self) -> Self:
        """Compute in bfloat16: `to(dtype="bfloat16")`."""
        return self.to(dtype="bfloat16")

    def float(self: Self) -> Self:
        """Compute in float32: `to(dtype="float32")`."""
        return self.to(dtype="float32")
