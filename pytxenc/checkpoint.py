"""The weights of a model by name, whichever of the usual files they are in."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from . import _core

if TYPE_CHECKING:
    from .hub import Source

_FLOATS = frozenset({"float16", "bfloat16", "float32", "float64"})


class _Reader(Protocol):
    """What a file of weights must offer; `_core.SafeTensors` does."""

    def keys(self) -> list[str]: ...
    def dtype(self, name: str, /) -> str: ...
    def shape(self, name: str, /) -> tuple[int, ...]: ...
    def tensor(self, name: str, /) -> NDArray[Any]: ...
    def float32(self, name: str, /) -> NDArray[np.float32]: ...


class _PyTorchBin:
    """A pytorch_model.bin as a `_Reader`."""

    def __init__(self, path: Path) -> None:
        from .pytorch_bin import load_stored

        self._tensors = load_stored(path)

    def keys(self) -> list[str]:
        return list(self._tensors)

    def dtype(self, name: str, /) -> str:
        return self._tensors[name].dtype

    def shape(self, name: str, /) -> tuple[int, ...]:
        return self._tensors[name].array.shape

    def tensor(self, name: str, /) -> NDArray[Any]:
        return self._tensors[name].array

    def float32(self, name: str, /) -> NDArray[np.float32]:
        return self._tensors[name].float32()


def weight_files(use_safetensors: bool | None = None, variant: str | None = None) -> list[str]:
    """Names of files that can hold a model's weights, the first to be looked for first.

    The order is that of transformers 5.23: safetensors before pickles, one file before shards.
    `use_safetensors` True leaves out the pickles, False the safetensors.  A `variant` such as
    "fp16" is part of the names: model.fp16.safetensors, model.safetensors.index.fp16.json.
    """
    if variant is not None and (
        not isinstance(variant, str) or not variant or not _is_plain_name(variant)
    ):
        raise ValueError(f"variant {variant!r} cannot be part of a file name")
    infix = f".{variant}" if variant else ""
    kinds = []
    if use_safetensors is not False:
        kinds.append(("model", "safetensors"))
    if not use_safetensors:
        kinds.append(("pytorch_model", "bin"))
    names = []
    for stem, extension in kinds:
        names += [f"{stem}{infix}.{extension}", f"{stem}.{extension}.index{infix}.json"]
    return names


def read_json(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The JSON object in a file; OSError or ValueError (naming the file) when there is none."""
    value = read_json_value(path)
    if not isinstance(value, dict):
        raise ValueError(f"{path}: expected a JSON object, found a {type(value).__name__}")
    return value


def read_json_value(path: str | os.PathLike[str]) -> Any:
    """Whatever JSON is in a file; errors as for `read_json`."""
    try:
        return json.loads(Path(path).read_bytes().decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8 at byte {error.start}") from None
    except ValueError as error:
        raise ValueError(f"{path}: not JSON: {error}") from None
    except RecursionError:
        raise ValueError(f"{path}: not JSON: nested too deeply") from None


def _is_plain_name(name: str) -> bool:
    return name not in ("", ".", "..") and not any(c in name for c in "/\\:\0")


def _read_index(path: Path) -> tuple[dict[str, str], dict[str, Any]]:
    """weight_map and metadata of an index of shards."""
    index = read_json(path)
    weight_map = index.get("weight_map")
    if not isinstance(weight_map, dict):
        raise ValueError(f'{path}: needs a "weight_map" object from tensors to files')
    for tensor, name in weight_map.items():
        if not isinstance(name, str) or not _is_plain_name(name):
            raise ValueError(
                f"{path}: weight_map names {name!r} for tensor {tensor!r}: expected the name of a "
                "file in the same folder"
            )
        if not name.endswith((".safetensors", ".bin")):
            raise ValueError(
                f"{path}: weight_map names {name!r} for tensor {tensor!r}: expected a "
                ".safetensors or .bin file"
            )
    metadata = index.get("metadata", {})
    if not isinstance(metadata, dict):
        raise ValueError(f'{path}: "metadata" must be an object')
    return weight_map, metadata


def index_shards(path: str | os.PathLike[str]) -> list[str]:
    """Names of the files that an index of shards refers to, each once; ValueError if malformed."""
    return list(dict.fromkeys(_read_index(Path(path))[0].values()))


def _open_reader(path: Path) -> _Reader:
    return _core.SafeTensors(path) if path.suffix == ".safetensors" else _PyTorchBin(path)


class Checkpoint(Mapping[str, NDArray[Any]]):
    """Tensors by name, read when asked for.

    Floating-point tensors come as float32: a read-only view of the mapped file where that is how
    they are stored, else converted anew at each access.  Integers and bools come as they are.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Open a .safetensors or .bin file, or the .json index of several in the same folder.

        OSError when a file is missing or cannot be read, ValueError when one is malformed or
        lacks a tensor that the index says it has.
        """
        path = Path(path)
        self._readers: dict[str, _Reader] = {}
        self.files: list[Path] = []
        self.metadata: dict[str, Any] = {}
        if path.suffix == ".json":
            self._open_shards(path)
            return
        reader = _open_reader(path)
        self.files.append(path)
        self._readers = dict.fromkeys(reader.keys(), reader)
        if isinstance(reader, _core.SafeTensors):
            self.metadata = dict(reader.metadata)

    def _open_shards(self, path: Path) -> None:
        weight_map, self.metadata = _read_index(path)
        shards: dict[str, _Reader] = {}
        for name in dict.fromkeys(weight_map.values()):
            shard = path.parent / name
            if not shard.is_file():
                raise OSError(f"{path}: its file {name!r} is missing from {path.parent}")
            shards[name] = _open_reader(shard)
            self.files.append(shard)
        present = {name: frozenset(reader.keys()) for name, reader in shards.items()}
        for tensor, name in weight_map.items():
            if tensor not in present[name]:
                raise ValueError(f"{path}: tensor {tensor!r} is not in {name!r} as it says")
            self._readers[tensor] = shards[name]

    @classmethod
    def find(
        cls, source: Source, *, use_safetensors: bool | None = None, variant: str | None = None
    ) -> Checkpoint:
        """Open the weights of a model, the first of `weight_files` that `source` has.

        From the hub that file alone is downloaded, with its shards if it is an index.  OSError
        when there is none of them.
        """
        names = weight_files(use_safetensors, variant)
        path = source.first(names)
        if path is None:
            raise source.missing(names)
        if path.suffix == ".json":
            source.files(index_shards(path))
        return cls(path)

    def __getitem__(self, name: str) -> NDArray[Any]:
        reader = self._readers[name]
        return reader.float32(name) if reader.dtype(name) in _FLOATS else reader.tensor(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._readers)

    def __len__(self) -> int:
        return len(self._readers)

    def __contains__(self, name: object) -> bool:
        return name in self._readers

    def dtype(self, name: str) -> str:
        """Name of the dtype that the file has, such as "bfloat16"."""
        return self._readers[name].dtype(name)

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a tensor, without reading it."""
        return self._readers[name].shape(name)
