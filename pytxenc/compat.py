"""Lets programs written for `transformers` run on pytxenc unmodified.

`install_as_transformers()` puts an import hook in front of all others that answers to
`transformers` and `transformers.<anything>`: with modules that take their names from ours
where we have them, and with an ImportError that says so where we do not.  A submodule of
transformers that holds the classes of one family offers our classes of that family.
"""

import difflib
import importlib
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

import pytxenc

__all__ = ["TRANSFORMERS_VERSION", "install_as_transformers", "uninstall_as_transformers"]

TRANSFORMERS_VERSION = "5.23.0"
"""The release whose behaviour is followed."""

_NAME = "transformers"
# Submodule of transformers -> our module whose names it has.
_ALIKE = {
    "utils.logging": "logging",
    "pipelines": "pipelines",
    **{
        f"pipelines.{name}": f"pipelines.{name}"
        for name in ("base", "feature_extraction", "fill_mask", "pt_utils", "text_classification",
                     "zero_shot_classification")
    },
}  # fmt: skip
_FAMILIES = {
    "albert": "Albert",
    "bert": "Bert",
    "camembert": "Camembert",
    "distilbert": "DistilBert",
    "electra": "Electra",
    "gpt2": "GPT2",
    "mpnet": "MPNet",
    "roberta": "Roberta",
    "xlm_roberta": "XLMRoberta",
}


def _submodules() -> dict[str, tuple[tuple[str, ...], str | tuple[str, ...]]]:
    """Submodule of transformers -> (our modules it draws on, what names must start with)."""
    shared = ("ModelOutput", "PaddingStrategy", "TensorType")
    table: dict[str, tuple[tuple[str, ...], str | tuple[str, ...]]] = {
        "configuration_utils": (("configuration",), "Pre"),
        "modeling_outputs": (("outputs",), ""),
        "modeling_utils": (("modeling",), "Pre"),
        "models": ((), ""),
        "models.auto": (("modeling", "tokenization"), "Auto"),
        "models.auto.configuration_auto": (("modeling",), "AutoConfig"),
        "models.auto.modeling_auto": (("modeling",), "AutoModel"),
        "models.auto.tokenization_auto": (("tokenization",), "Auto"),
        "pipelines.token_classification": (("pipelines",), ("Aggregation", "Ner", "TokenClass")),
        "tokenization_utils": (("tokenization",), ""),
        "tokenization_utils_base": (("tokenization",), ""),
        "tokenization_utils_fast": (("tokenization",), ""),
        "tokenization_utils_tokenizers": (("tokenization",), ""),
        "trainer": (("training",), "Train"),
        "trainer_callback": (("training",), ""),
        "trainer_utils": (("training", "optim", "seed"), ""),
        "training_args": (
            ("training", "optim"),
            ("TrainingArguments", "Scheduler", "Interval", "Save"),
        ),
        "optimization": (("optim",), ("get_", "Adafactor")),
        "data": (("data",), "D"),
        "data.data_collator": (("data",), ""),
        "utils": (("outputs", "tokenization"), shared),
        "utils.generic": (("outputs", "tokenization"), shared),
    }
    for folder, prefix in _FAMILIES.items():
        parts = {
            f"configuration_{folder}": ("configuration",),
            f"modeling_{folder}": ("modeling", "outputs"),
            f"tokenization_{folder}": ("tokenization",),
            f"tokenization_{folder}_fast": ("tokenization",),
        }
        table[f"models.{folder}"] = (("configuration", "modeling", "tokenization"), prefix)
        table |= {f"models.{folder}.{part}": (ours, prefix) for part, ours in parts.items()}
    return table


_SUBMODULES = {**_submodules(), **dict.fromkeys(_ALIKE, ((), ""))}


def _source(fullname: str) -> ModuleType:
    """The module of ours that has the names of the stand-in module `fullname`."""
    alike = _ALIKE.get(fullname.removeprefix(f"{_NAME}."))
    return importlib.import_module(f"pytxenc.{alike}") if alike else pytxenc


def _names(fullname: str) -> list[str]:
    """Public names that the stand-in module `fullname` takes from us."""
    source = _source(fullname)
    if fullname == _NAME or source is not pytxenc:
        return source.__all__
    modules, prefix = _SUBMODULES[fullname.removeprefix(f"{_NAME}.")]
    return [n for m in modules for n in pytxenc._EXPORTS[m] if n.startswith(prefix)]


def _children(fullname: str) -> list[str]:
    """Names of the modules right below the module `fullname`."""
    inside = [f"{_NAME}.{n}" for n in _SUBMODULES]
    return [n.rpartition(".")[2] for n in inside if n.rpartition(".")[0] == fullname]


def _missing(fullname: str) -> str:
    """The sentence for a name that we do not have."""
    where, _, name = fullname.rpartition(".")
    close = difflib.get_close_matches(name, pytxenc.__all__, n=3, cutoff=0.7)
    nearest = f" Nearest here: {', '.join(close)}." if close else ""
    return (
        f"pytxenc does not provide {name!r}, and {where!r} stands for pytxenc in this process "
        f"(pytxenc.install_as_transformers() or python -m pytxenc).{nearest} For the transformers "
        "library itself run the program with plain python, or call "
        "pytxenc.uninstall_as_transformers() first."
    )


class _StandIn(ModuleType):
    """A module called transformers or below it, whose contents are ours."""

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("__"):
            if name in _children(self.__name__):
                return importlib.import_module(f"{self.__name__}.{name}")
            if name in _names(self.__name__):
                return getattr(_source(self.__name__), name)
        raise AttributeError(_missing(f"{self.__name__}.{name}"))

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *_names(self.__name__), *_children(self.__name__)})


class _Finder:
    """Answers for transformers and everything below it; loads what it finds itself."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        root, _, rest = fullname.partition(".")
        if root != _NAME:
            return None
        if rest and rest not in _SUBMODULES:
            # Also how `from transformers import X` ends: a package is asked for submodule X.
            raise ImportError(_missing(fullname), name=fullname)
        return ModuleSpec(fullname, self, is_package=True)  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _StandIn(spec.name, f"pytxenc in the place of {spec.name}.")

    def exec_module(self, module: ModuleType) -> None:
        if module.__name__ == _NAME:
            module.__dict__.update(
                __version__=TRANSFORMERS_VERSION,
                __file__=pytxenc.__file__,
                __all__=_names(_NAME),
            )


_FINDER = _Finder()


def _loaded() -> dict[str, ModuleType]:
    """Every loaded module called transformers or below it."""
    return {
        name: module
        for name, module in sys.modules.items()
        if name.partition(".")[0] == _NAME and module is not None
    }


def install_as_transformers() -> None:
    """Make the name `transformers` mean pytxenc in imports from here on.

    `from transformers import RobertaModel`, `import transformers.models.roberta` and the
    like give our classes; names that we do not have raise ImportError (AttributeError as
    attributes).  Calling it again changes nothing.  RuntimeError when the transformers
    library has been imported already: two libraries cannot share one name.
    """
    if _FINDER in sys.meta_path:
        return
    if any(not isinstance(module, _StandIn) for module in _loaded().values()):
        raise RuntimeError(
            "the transformers library is already imported in this process: call "
            "pytxenc.install_as_transformers() before anything imports transformers"
        )
    sys.meta_path.insert(0, _FINDER)


def uninstall_as_transformers() -> None:
    """Undo `install_as_transformers`: `transformers` is again whatever is installed."""
    if _FINDER not in sys.meta_path:
        return
    sys.meta_path.remove(_FINDER)
    for name in _loaded():
        del sys.modules[name]
