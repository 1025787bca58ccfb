"""Writing a model to files and to the hub."""

from __future__ import annotations

import copy
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..arguments import directory_to_write
from ..checkpoint import weight_files
from ..configuration import CONFIG_NAME, PreTrainedConfig
from ..hub import PushToHubMixin
from ..numeric import bfloat16_bits
from ..safetensors_file import save_file, write_text
from ..tensor import to_numpy

_UNITS = {
    "": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40,
}  # fmt: skip
Arrays = Mapping[str, NDArray[Any]]


def parse_size(size: int | str) -> int:
    """Bytes of a size such as 5000, "200MB" or "2GiB"; ValueError for anything else."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", str(size))
    unit = _UNITS.get(match[2].upper()) if match else None
    nbytes = int(float(match[1]) * unit) if match and unit else 0
    if nbytes < 1:
        raise ValueError(f"max_shard_size is {size!r}; it must be like 5000, '200MB' or '2GiB'")
    return nbytes


def split_shards(tensors: Arrays, most: int) -> list[dict[str, NDArray[Any]]]:
    """The tensors in groups of at most so many bytes; a larger tensor is alone in its group."""
    shards: list[dict[str, NDArray[Any]]] = [{}]
    used = 0
    for name, value in tensors.items():
        if shards[-1] and used + value.nbytes > most:
            shards.append({})
            used = 0
        shards[-1][name] = value
        used += value.nbytes
    return shards


def write_weights(
    directory: Path,
    tensors: Arrays,
    max_shard_size: int | str,
    variant: str | None,
    dtype: str = "float32",
) -> list[str]:
    """Write tensors as safetensors, in one file or in shards with an index; their names.

    Of dtype "bfloat16" float32 tensors are rounded to it.
    Files of weights that were there and are not part of the new ones are removed, at last.
    """
    rounded = {n for n, v in tensors.items() if dtype == "bfloat16" and v.dtype == np.float32}
    tensors = {n: bfloat16_bits(v) if n in rounded else v for n, v in tensors.items()}
    whole, index = weight_files(True, variant)
    stem = whole.removesuffix(".safetensors")
    shards = split_shards(tensors, parse_size(max_shard_size))
    names = [whole]
    if len(shards) > 1:
        names = [
            f"{stem}-{i:05}-of-{len(shards):05}.safetensors" for i in range(1, len(shards) + 1)
        ]
    for name, shard in zip(names, shards, strict=True):
        save_file(shard, directory / name, metadata={"format": "pt"}, bfloat16=rounded)
    if len(shards) > 1:
        content = {
            "metadata": {
                "total_parameters": sum(value.size for value in tensors.values()),
                "total_size": sum(value.nbytes for value in tensors.values()),
            },
            "weight_map": {
                tensor: name for name, shard in zip(names, shards, strict=True) for tensor in shard
            },
        }
        write_text(directory / index, json.dumps(content, indent=2, sort_keys=True) + "\n")
        names.append(index)
    ours = re.compile(rf"{re.escape(stem)}(-\d{{5}}-of-\d{{5}})?\.safetensors|{re.escape(index)}")
    for path in directory.iterdir():
        if ours.fullmatch(path.name) and path.name not in names:
            path.unlink()
    return names


class Saving(PushToHubMixin):
    """The part of a model that writes it."""

    config: PreTrainedConfig
    _ties: ClassVar[dict[str, str]]

    @property
    def _pushed_as(self) -> str:  # type: ignore[override]
        return type(self).__name__

    def state_dict(self) -> dict[str, NDArray[np.float32]]:
        """Every parameter by name."""
        raise NotImplementedError

    def save_pretrained(  # type: ignore[override]
        self,
        save_directory: str | os.PathLike[str],
        is_main_process: bool = True,
        state_dict: Mapping[str, Any] | None = None,
        push_to_hub: bool = False,
        max_shard_size: int | str = "50GB",
        variant: str | None = None,
        token: str | bool | None = None,
        safe_serialization: bool = True,
        *,
        repo_id: str | None = None,
        commit_message: str | None = None,
        private: bool | None = None,
        dtype: str = "float32",
    ) -> None:
        """Write config.json and the weights, as safetensors, into a directory.

        transformers reads them.  A file appears complete or not at all: what was there
        stays until then.  Weights larger than `max_shard_size` are cut into several files.

        Args:
            save_directory: made if need be.
            is_main_process: False writes nothing.
            state_dict: tensors by name to write instead of the model's own.
            push_to_hub: then upload the files to the repository `repo_id`, by default named
                as the directory; token, commit_message and private are for that.
            max_shard_size: bytes, or such as "200MB".
            variant: part of the files' names, such as "fp16".
            safe_serialization: False, a pickle, is a ValueError.
            dtype: of the weights in the file, "float32" or "bfloat16", which is half the size;
                config.json says float32, for that is what they are loaded as.

        Raises:
            OSError: the files cannot be written, or the hub refuses.
            ValueError: an impossible max_shard_size, variant or dtype.
        """
        if dtype not in ("float32", "bfloat16"):
            raise ValueError(f'dtype is {dtype!r}; weights are saved as "float32" or "bfloat16"')
        if not safe_serialization:
            raise ValueError("safe_serialization=False: models are saved as safetensors only")
        if not is_main_process:
            return
        directory = directory_to_write(save_directory)
        self.config.architectures = [type(self).__name__]
        if state_dict is None:
            tensors: Arrays = self._distinct_weights()
        elif not isinstance(state_dict, Mapping):
            raise TypeError(f"state_dict must be a mapping of names to tensors, not {state_dict!r}")
        else:
            tensors = {name: to_numpy(value) for name, value in state_dict.items()}
        config = copy.copy(self.config)
        config.dtype = "float32"  # whatever this model computes in
        config.save_pretrained(directory)
        names = write_weights(directory, tensors, max_shard_size, variant, dtype)
        if push_to_hub:
            self._upload_saved(
                directory, [CONFIG_NAME, *names], repo_id, commit_message, private, token
            )

    def _distinct_weights(self) -> dict[str, NDArray[np.float32]]:
        """The parameters without those that share their array with another."""
        weights = self.state_dict()
        return {
            name: value
            for name, value in weights.items()
            if name not in self._ties or weights[self._ties[name]] is not value
        }
