"""RoBERTa, ALBERT and BERT encoders for CPU: the API of transformers, computed in C.

Names are loaded from their modules when first used, so importing the package is quick.
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_EXPORTS = {
    "compat": ("install_as_transformers", "uninstall_as_transformers"),
    "config": ("show_config",),
    "configuration": (
        "AlbertConfig",
        "BertConfig",
        "PreTrainedConfig",
        "PretrainedConfig",
        "RobertaConfig",
        "XLMRobertaConfig",
    ),
    "modeling": (
        "AlbertForMaskedLM",
        "AlbertModel",
        "AlbertPreTrainedModel",
        "BertForMaskedLM",
        "BertModel",
        "BertPreTrainedModel",
        "PreTrainedModel",
        "RobertaForMaskedLM",
        "RobertaModel",
        "RobertaPreTrainedModel",
        "XLMRobertaForMaskedLM",
        "XLMRobertaModel",
        "XLMRobertaPreTrainedModel",
    ),
    "outputs": (
        "BaseModelOutput",
        "BaseModelOutputWithPooling",
        "BaseModelOutputWithPoolingAndCrossAttentions",
        "MaskedLMOutput",
        "ModelOutput",
    ),
    "tensor": ("Tensor",),
    "tokenization": (
        "AddedToken",
        "AlbertTokenizer",
        "AlbertTokenizerFast",
        "BatchEncoding",
        "BertTokenizer",
        "BertTokenizerFast",
        "PreTrainedTokenizerBase",
        "RobertaTokenizer",
        "RobertaTokenizerFast",
        "XLMRobertaTokenizer",
        "XLMRobertaTokenizerFast",
    ),
    "_core": ("get_num_threads", "set_num_threads"),
}
_MODULE_OF = {name: module for module, names in _EXPORTS.items() for name in names}

__all__ = sorted(_MODULE_OF)  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_MODULE_OF[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _load_core() -> None:
    """Import the extension, whose OpenBLAS comes from the scipy-openblas32 package.

    An installed package finds the library beside itself; a source checkout or a split
    installation finds it here.
    """
    try:
        from . import _core  # noqa: F401
    except ImportError as error:
        import ctypes
        import importlib.util
        from pathlib import Path

        spec = importlib.util.find_spec("scipy_openblas32")
        libraries = []
        if spec is not None and spec.origin is not None:
            libraries = sorted(Path(spec.origin).parent.glob("lib/libscipy_openblas*"))
        if not libraries or "openblas" not in str(error):
            raise
        ctypes.CDLL(str(libraries[0]))
        from . import _core  # noqa: F401


_load_core()
del _load_core
