"""Tensors at the border: torch's where torch is in use, a light stand-in where it is not.

Everything inside the package is NumPy.  `as_tensor` and `like` turn a finished array into
what the caller works with, `to_numpy` takes in what the caller has.  torch is imported only
when somebody asks for "pt" and it is installed: a process that has not imported torch cannot
hold one of its tensors, so `sys.modules` answers every other question.
"""

# mypy: disable-error-code="override"

import importlib
import sys
from collections.abc import Callable, Iterable, Sequence
from types import ModuleType
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Kind", "Tensor", "as_tensor", "is_tensor", "kind_of", "like", "to_numpy"]

Kind = Literal["np", "pt", "tensor"]
"""What a caller works with: NumPy arrays, torch tensors, light tensors."""

_Int: TypeAlias = int  # two names that methods of Tensor take, needed in annotations after them
_Bool: TypeAlias = bool
_Dim: TypeAlias = int | Sequence[int] | None


class ValuesIndices(NamedTuple):
    """What `max(dim)`, `min(dim)` and `topk` return."""

    values: "Tensor"
    indices: "Tensor"


class _Device(str):
    """The one device there is; compares equal to "cpu"."""

    __slots__ = ()

    @property
    def type(self) -> str:
        return str(self)

    @property
    def index(self) -> None:
        return None


_CPU = _Device("cpu")
_TYPE_NAMES = {
    "float16": "HalfTensor",
    "float32": "FloatTensor",
    "float64": "DoubleTensor",
    "uint8": "ByteTensor",
    "int8": "CharTensor",
    "int16": "ShortTensor",
    "int32": "IntTensor",
    "int64": "LongTensor",
    "bool": "BoolTensor",
}


class Tensor(np.ndarray[Any, Any]):
    """An ndarray with the methods of torch.Tensor that scripts around encoders use.

    Methods mean what they mean in torch: `size()` is a call, `transpose` takes two axes,
    `max(dim)` gives values and indices, float32 stays float32 whatever it meets, elements
    are 0-d tensors.  Operators and ufuncs give tensors; other NumPy functions see and
    return plain arrays.  Methods of ndarray whose name means something else in torch and
    that are not here raise instead of answering differently; `numpy()` has them all.
    """

    def __new__(cls, data: Any, dtype: Any = None) -> "Tensor":
        array = np.asarray(data, dtype)
        chosen = dtype is not None or isinstance(data, (np.ndarray, np.generic))
        return _wrap(array, double=chosen)  # Python's numbers are float32, as in torch

    # ---- how NumPy treats us ----

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        out = kwargs.get("out")
        if out is not None:
            kwargs["out"] = tuple(_plain(o) for o in out)
        arrays = [x for x in inputs if isinstance(x, np.ndarray)]
        arrays = [x for x in arrays if x.ndim] or arrays
        result = getattr(ufunc, method)(*(_plain(x) for x in inputs), **kwargs)
        if out is not None:
            return out[0] if len(out) == 1 else out
        double = any(x.dtype == np.float64 for x in arrays)
        if isinstance(result, tuple):
            return tuple(_wrap(r, double) for r in result)
        return result if result is None else _wrap(result, double)

    def __array_function__(self, func: Any, types: Iterable[type], args: Any, kwargs: Any) -> Any:
        return func(*_plain(args), **_plain(kwargs))

    def __getitem__(self, index: Any) -> "Tensor":
        return _wrap(np.asarray(self)[_plain(index)])

    # ---- what it is ----

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the length of one dimension."""
        return self.shape if dim is None else self.shape[dim]

    def dim(self) -> int:
        """Number of dimensions."""
        return self.ndim

    def numel(self) -> int:
        """Number of elements."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def device(self) -> _Device:
        return _CPU

    @property
    def data(self) -> "Tensor":
        """Itself: there is no gradient to leave behind (ndarray's own is a buffer)."""
        return self

    @property
    def requires_grad(self) -> bool:
        return False

    def __repr__(self) -> str:
        array = np.asarray(self)
        finite = array[np.isfinite(array)]
        whole = self.dtype.kind != "f" or bool((finite == np.round(finite)).all())
        text = np.array2string(
            array,
            separator=", ",
            floatmode="maxprec" if whole else "fixed",
            prefix="tensor(",
            precision=4,
            threshold=1000,
            edgeitems=3,
            max_line_width=80,
        )
        if not self.numel() and self.ndim > 1:
            text += f", size={self.shape}"
        if self.dtype == np.float32 or (self.dtype in (np.int64, np.bool_) and self.numel()):
            return f"tensor({text})"
        return f"tensor({text}, dtype=torch.{self.dtype})"

    __str__ = __repr__

    # ---- the same data seen or stored otherwise ----

    def numpy(self) -> NDArray[Any]:
        """The plain array, sharing memory."""
        return np.asarray(self)

    def detach(self) -> "Tensor":
        """Itself: there is no gradient to leave behind."""
        return self

    def cpu(self) -> "Tensor":
        """Itself: it is there already."""
        return self

    def clone(self) -> "Tensor":
        """A copy."""
        return _wrap(np.array(self, order="C"))

    def contiguous(self) -> "Tensor":
        """Itself, or a row-major copy."""
        return self if self.flags.c_contiguous else self.clone()

    def to(self, *args: Any, **kwargs: Any) -> "Tensor":
        """Convert to a dtype (NumPy's, or that of another tensor); the device must be "cpu"."""
        result = self
        unknown = set(kwargs) - {"device", "dtype", "non_blocking", "copy"}
        if unknown:
            raise TypeError(f"Tensor.to() has no argument {sorted(unknown)[0]!r}")
        for target in (*args, kwargs.get("device"), kwargs.get("dtype")):
            if target is None or isinstance(target, bool):
                continue
            if isinstance(target, np.ndarray):
                result = result.type(target.dtype)
            elif isinstance(target, str) and not _is_dtype(target):
                if target.split(":")[0] != "cpu":
                    raise ValueError(f"there is no device {target!r} here: only 'cpu'")
            else:
                result = result.type(target)
        return result.clone() if kwargs.get("copy") and result is self else result

    def type(self, dtype: Any = None) -> Any:
        """Converted to `dtype`; without it, torch's name of the present type."""
        if dtype is None:
            return "torch." + _TYPE_NAMES.get(self.dtype.name, self.dtype.name)
        return _wrap(np.asarray(self).astype(np.dtype(dtype), copy=False), double=True)

    def float(self) -> "Tensor":
        """As float32."""
        return self.type(np.float32)

    def double(self) -> "Tensor":
        """As float64."""
        return self.type(np.float64)

    def long(self) -> "Tensor":
        """As int64."""
        return self.type(np.int64)

    def int(self) -> "Tensor":
        """As int32."""
        return self.type(np.int32)

    def bool(self) -> "Tensor":
        """As bool."""
        return self.type(np.bool_)

    # ---- shape ----

    def reshape(self, *shape: Any) -> "Tensor":
        """Another shape of as many elements; one length may be -1."""
        return _wrap(np.asarray(self).reshape(_sizes(shape)))

    def view(self, *shape: Any) -> Any:
        """As `reshape`, never copying: RuntimeError where only a copy would do.

        ndarray's own `view(dtype)` and `view(type)` are understood too.
        """
        if len(shape) == 1 and isinstance(shape[0], (type, np.dtype)):
            return np.asarray(self).view(shape[0])
        result = self.reshape(*shape)
        if self.numel() and not np.may_share_memory(self, result):
            raise RuntimeError(
                f"view to {tuple(_sizes(shape))} needs a copy of this tensor; use reshape()"
            )
        return result

    def unsqueeze(self, dim: _Int) -> "Tensor":
        """With a new dimension of length 1 at `dim`."""
        return _wrap(np.expand_dims(np.asarray(self), dim))

    def squeeze(self, dim: _Dim = None) -> "Tensor":
        """Without the dimensions of length 1, or without those of them named."""
        array = np.asarray(self)
        if dim is None:
            return _wrap(array.squeeze())
        dims = [dim] if isinstance(dim, (int, np.integer)) else list(dim)
        return _wrap(array.squeeze(tuple(d for d in dims if not self.ndim or self.shape[d] == 1)))

    def transpose(self, dim0: _Int, dim1: _Int) -> "Tensor":
        """With two dimensions exchanged."""
        return _wrap(np.asarray(self).swapaxes(dim0, dim1))

    def permute(self, *dims: Any) -> "Tensor":
        """With the dimensions in the order given."""
        return _wrap(np.asarray(self).transpose(_sizes(dims)))

    def expand(self, *sizes: Any) -> "Tensor":
        """Repeated along dimensions of length 1 without copying (read-only); -1 keeps one."""
        wanted = _sizes(sizes)
        own = (-1,) * (len(wanted) - self.ndim) + self.shape
        if -1 in wanted[: len(wanted) - self.ndim]:
            raise RuntimeError(f"expand{wanted}: a new dimension cannot be -1")
        shape = tuple(o if w == -1 else w for w, o in zip(wanted, own, strict=False))
        return _wrap(np.broadcast_to(np.asarray(self), shape))

    def flatten(self, start_dim: _Int = 0, end_dim: _Int = -1) -> "Tensor":
        """With the dimensions from `start_dim` to `end_dim` run together."""
        if not self.ndim:
            return self.reshape(1)
        first, last = start_dim % self.ndim, end_dim % self.ndim
        return self.reshape(*self.shape[:first], -1, *self.shape[last + 1 :])

    # ---- reductions ----

    def sum(self, dim: _Dim = None, keepdim: _Bool = False, *, axis: _Dim = None) -> "Tensor":
        """Sum over all elements or the named dimensions; integers give int64."""
        return self._reduce(np.sum, dim, axis, keepdim)

    def mean(self, dim: _Dim = None, keepdim: _Bool = False, *, axis: _Dim = None) -> "Tensor":
        """Mean over all elements or the named dimensions, of floating point only."""
        self._need_float("mean")
        return self._reduce(np.mean, dim, axis, keepdim)

    def any(self, dim: _Dim = None, keepdim: _Bool = False, *, axis: _Dim = None) -> "Tensor":
        """Whether any element is non-zero."""
        return self._reduce(np.any, dim, axis, keepdim)

    def all(self, dim: _Dim = None, keepdim: _Bool = False, *, axis: _Dim = None) -> "Tensor":
        """Whether all elements are non-zero."""
        return self._reduce(np.all, dim, axis, keepdim)

    def argmax(
        self, dim: _Int | None = None, keepdim: _Bool = False, *, axis: _Int | None = None
    ) -> "Tensor":
        """Index of the largest element: of all, flattened, or along one dimension."""
        return self._reduce(np.argmax, dim, axis, keepdim)

    def argmin(
        self, dim: _Int | None = None, keepdim: _Bool = False, *, axis: _Int | None = None
    ) -> "Tensor":
        """Index of the smallest element: of all, flattened, or along one dimension."""
        return self._reduce(np.argmin, dim, axis, keepdim)

    def max(
        self, dim: _Int | None = None, keepdim: _Bool = False, *, axis: _Int | None = None
    ) -> Any:
        """The largest element; along one dimension, `(values, indices)`."""
        return self._extreme(np.max, np.argmax, dim, axis, keepdim)

    def min(
        self, dim: _Int | None = None, keepdim: _Bool = False, *, axis: _Int | None = None
    ) -> Any:
        """The smallest element; along one dimension, `(values, indices)`."""
        return self._extreme(np.min, np.argmin, dim, axis, keepdim)

    def norm(
        self, p: Any = 2, dim: _Dim = None, keepdim: _Bool = False, *, axis: _Dim = None
    ) -> "Tensor":
        """The p-norm of all elements, or along the named dimensions, as of a vector."""
        self._need_float("norm")
        size: Any = abs(self)
        power = 2.0 if p == "fro" else float(p)
        if power in (np.inf, -np.inf):
            return size._reduce(np.max if power > 0 else np.min, dim, axis, keepdim)
        if power == 0:
            return size.bool().sum(dim, keepdim, axis=axis).type(self.dtype)
        return (size**power).sum(dim, keepdim, axis=axis) ** (1.0 / power)

    def topk(
        self, k: _Int, dim: _Int = -1, largest: _Bool = True, sorted: _Bool = True
    ) -> ValuesIndices:
        """The k largest (or smallest) elements along `dim`, in order, and where they are."""
        array = np.asarray(self)
        if not 0 <= k <= (array.shape[dim] if array.ndim else 1):
            raise RuntimeError(f"topk: {k} of {array.shape[dim]} elements cannot be had")
        array = np.moveaxis(np.atleast_1d(array), dim, -1)
        order = np.argsort(array, axis=-1, kind="stable")
        order = (order[..., ::-1] if largest else order)[..., :k]
        values = np.take_along_axis(array, order, -1)
        if not self.ndim:
            order, values = order.reshape(()), values.reshape(())
            return ValuesIndices(_wrap(values), _wrap(order))
        return ValuesIndices(
            _wrap(np.moveaxis(values, -1, dim)), _wrap(np.moveaxis(order, -1, dim))
        )

    # ---- elementwise ----

    def softmax(self, dim: _Int, dtype: Any = None) -> "Tensor":
        """exp(x) / sum(exp(x)) along `dim`."""
        exponentials, total = self._exponentials("softmax", dim, dtype)[1:]
        return _wrap(exponentials / total, double=True)

    def log_softmax(self, dim: _Int, dtype: Any = None) -> "Tensor":
        """The logarithm of `softmax`, computed without underflow."""
        shifted, _, total = self._exponentials("log_softmax", dim, dtype)
        return _wrap(shifted - np.log(total), double=True)

    def masked_fill(self, mask: Any, value: Any) -> "Tensor":
        """With `value` where `mask` is true."""
        array = np.asarray(self)
        filling = np.asarray(value).astype(array.dtype)
        return _wrap(np.where(np.asarray(mask, dtype=bool), filling, array), double=True)

    def nonzero(self, as_tuple: _Bool = False) -> Any:
        """Indices of the non-zero elements, one row each; `as_tuple`: an array per dimension."""
        array = np.asarray(self)
        if as_tuple:
            return tuple(_wrap(i) for i in np.nonzero(np.atleast_1d(array)))
        return _wrap(np.argwhere(array))

    def eq(self, other: Any) -> "Tensor":
        """self == other, element by element."""
        return self == other

    def ne(self, other: Any) -> "Tensor":
        """self != other, element by element."""
        return self != other

    # ---- shared ----

    def _need_float(self, what: str) -> None:
        if self.dtype.kind != "f":
            raise RuntimeError(
                f"{what} needs a floating-point tensor, not {self.dtype}: call .float()"
            )

    def _reduce(
        self, function: Callable[..., Any], dim: Any, axis: Any, keepdim: _Bool
    ) -> "Tensor":
        dim = axis if dim is None else dim
        dim = tuple(dim) if isinstance(dim, list) else dim
        result = function(np.asarray(self), axis=dim, keepdims=bool(keepdim))
        return _wrap(result, double=True)

    def _extreme(
        self,
        best: Callable[..., Any],
        where: Callable[..., Any],
        dim: Any,
        axis: Any,
        keepdim: _Bool,
    ) -> Any:
        values = self._reduce(best, dim, axis, keepdim)
        if dim is None and axis is None:
            return values
        return ValuesIndices(values, self._reduce(where, dim, axis, keepdim))

    def _exponentials(
        self, what: str, dim: _Int, dtype: Any
    ) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """x - max(x), its exponentials and their sum along `dim`."""
        tensor = self if dtype is None else self.type(dtype)
        tensor._need_float(what)
        array = np.asarray(tensor)
        with np.errstate(invalid="ignore"):  # a row of -inf is NaN, quietly, as in torch
            shifted = array - array.max(axis=dim, keepdims=True)
        exponentials = np.exp(shifted)
        return shifted, exponentials, exponentials.sum(axis=dim, keepdims=True)


def _elsewhere(name: str) -> Callable[..., Any]:
    def method(self: Tensor, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(
            f"{name}() means different things to torch and NumPy and is not offered by this "
            f"light tensor: use .numpy().{name}(), or install torch"
        )

    method.__name__ = name
    return method


for _name in (
    "argsort",
    "cumprod",
    "cumsum",
    "prod",
    "put",
    "repeat",
    "sort",
    "std",
    "take",
    "var",
):
    setattr(Tensor, _name, _elsewhere(_name))


def _wrap(array: Any, double: bool = True) -> Tensor:
    """A Tensor over `array`; float64 that no input called for becomes float32."""
    array = np.asarray(array)
    if not double and array.dtype == np.float64:
        array = array.astype(np.float32)
    return np.ndarray.view(array, Tensor)


def _plain(value: Any) -> Any:
    """`value` with every Tensor in it, however nested, as a plain array."""
    if isinstance(value, Tensor):
        return np.asarray(value)
    if type(value) in (tuple, list):
        return type(value)(_plain(v) for v in value)
    if type(value) is dict:
        return {k: _plain(v) for k, v in value.items()}
    return value


def _sizes(args: tuple[Any, ...]) -> tuple[int, ...]:
    """Sizes given as separate arguments or as one sequence."""
    if len(args) == 1 and not isinstance(args[0], (int, np.integer)):
        args = tuple(args[0])
    return tuple(int(a) for a in args)


def _is_dtype(name: str) -> bool:
    try:
        np.dtype(name)
    except TypeError:
        return False
    return True


def _torch_if_imported() -> ModuleType | None:
    return sys.modules.get("torch")


def _torch_if_installed() -> ModuleType | None:
    """torch, imported if need be; None where it is absent or blocked.  A broken one raises."""
    try:
        return importlib.import_module("torch")
    except ImportError as error:
        if error.name not in (None, "torch"):
            raise
        return None


def _is_torch(value: Any) -> bool:
    torch = _torch_if_imported()
    tensor = getattr(torch, "Tensor", None)  # missing while torch is still being imported
    return tensor is not None and isinstance(value, tensor)


def is_tensor(value: Any) -> bool:
    """Whether `value` is a torch tensor or a light one (plain arrays are not)."""
    return isinstance(value, Tensor) or _is_torch(value)


def as_tensor(array: NDArray[Any], kind: str) -> Any:
    """`array` as `kind`: "np" the array itself, "pt" a torch tensor sharing its memory.

    Without torch, "pt" gives a light `Tensor` over the same memory.  torch tensors cannot
    be read-only or have negative strides: such arrays are copied.  ValueError for the kinds
    of other libraries.
    """
    kind = getattr(kind, "value", kind)
    if kind == "np":
        return np.asarray(array)
    if kind == "pt":
        torch = _torch_if_installed()
        return _wrap(array) if torch is None else _to_torch(torch, array)
    raise ValueError(
        f"return_tensors={kind!r} is not supported: use 'pt' (torch tensors, or light tensors "
        "where torch is not installed), 'np' (NumPy arrays) or None (lists)"
    )


def _to_torch(torch: ModuleType, array: NDArray[Any]) -> Any:
    array = np.asarray(array)
    if not array.flags.writeable or any(stride < 0 for stride in array.strides):
        array = array.copy()
    return torch.from_numpy(array)


def to_numpy(value: Any) -> NDArray[Any]:
    """`value` as a plain array, sharing memory where it is a tensor on the CPU or an array.

    torch's bfloat16, unknown to NumPy, comes as float32.  Lists and numbers become arrays of
    NumPy's choosing; ragged lists are NumPy's ValueError.
    """
    if _is_torch(value):
        value = value.detach().cpu()
        if str(value.dtype) == "torch.bfloat16":
            value = value.float()
        return np.asarray(value.numpy())
    return np.asarray(value)


def kind_of(*inputs: Any) -> Kind:
    """What a caller who gave `inputs` works with: torch before light tensors before arrays."""
    if any(_is_torch(value) for value in inputs):
        return "pt"
    return "tensor" if any(isinstance(value, Tensor) for value in inputs) else "np"


def like(array: NDArray[Any], kind: Kind) -> Any:
    """A result `array` as the kind that `kind_of` found in the inputs."""
    return _wrap(array) if kind == "tensor" else as_tensor(array, kind)
