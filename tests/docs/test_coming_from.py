"""docs/coming-from-transformers.md says all that differs from transformers in its names.

The page has a table under the heading of each thing compared.  A row holds names, `absent` or
`differs`, and a sentence.  `name(parameter)` is a parameter of a method; `*` stands for any
letters.  What the page does not list must be here, with the same parameters.
"""

import dataclasses
import fnmatch
import importlib.util
import inspect
import re

import pytest

import pytxenc
from pytxenc import compat

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
from transformers.modeling_outputs import MaskedLMOutput  # noqa: E402

FAMILIES = {"bert": "Bert", "roberta": "Roberta", "xlm_roberta": "XLMRoberta", "albert": "Albert"}
FAMILIES |= {"distilbert": "DistilBert", "electra": "Electra"}
FAMILIES = {k: name for k, name in FAMILIES.items() if hasattr(pytxenc, f"{name}Model")}
SIZES = dict(vocab_size=9, hidden_size=8, num_hidden_layers=1, num_attention_heads=2)
WORDS = {token: i for i, token in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a"])}
PIPELINES = [
    "FeatureExtractionPipeline",
    "FillMaskPipeline",
    "TextClassificationPipeline",
    "TokenClassificationPipeline",
    "ZeroShotClassificationPipeline",
]
PIPELINES = [name for name in PIPELINES if name in pytxenc.__all__]
MODULES = {
    *("configuration_utils", "modeling_outputs", "modeling_utils", "models", "models.auto"),
    *("pipelines", "pipelines.base", "pipelines.pt_utils", "tokenization_utils"),
    *("tokenization_utils_base", "tokenization_utils_fast", "utils", "utils.generic"),
    *("utils.hub", "utils.logging", "trainer", "trainer_utils", "training_args"),
    *("data.data_collator", "optimization", "generation", "activations", "pytorch_utils"),
    *(f"models.{family}.modeling_{family}" for family in FAMILIES),
    *(f"models.{family}.configuration_{family}" for family in FAMILIES),
}
OTHER_NAMES = re.compile(
    r"Auto[A-Z]|DataCollator|Trainer|TrainingArguments|EvalPrediction|GenerationConfig"
    r"|get_\w*schedule|HfArgumentParser|logging$"
)
ROW = re.compile(r"\| (`[^|]+`) \| (absent|differs) \| ([^|]+\.) \|")


@pytest.fixture(scope="module")
def page(root):
    """Heading -> {name or pattern: "absent" or "differs"}."""
    tables, heading = {}, None
    text = (root / "docs" / "coming-from-transformers.md").read_text(encoding="utf-8")
    for line in text.splitlines():
        if line.startswith("### "):
            heading = line[4:].replace("`", "")
        elif row := ROW.fullmatch(line):
            names = re.findall(r"`([^`]+)`", row[1])
            tables.setdefault(heading, {}).update(dict.fromkeys(names, row[2]))
    return tables


def public(value):
    return {name for name in dir(value) if not name.startswith("_")}


def parameters(function):
    """The parameters of a function but for self, *args and **kwargs, and whether it has those."""
    try:
        found = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None, False
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    named = [p for p in found if p.kind not in variable]
    plain = {p.name: p for p in named if p.name != "self" and not p.name.startswith("_")}
    return plain, any(p.kind in variable for p in found)


def unlike_parameters(ours, theirs):
    """Parameter of theirs -> "absent" or "differs", where ours does not have the same."""
    there, _ = parameters(theirs)
    here, open_ended = parameters(ours)
    if there is None or here is None:
        return {}
    places = [p.name for p in here.values() if p.kind is not inspect.Parameter.KEYWORD_ONLY]
    result = {}
    for place, (name, parameter) in enumerate(there.items()):
        keyword_only = parameter.kind is inspect.Parameter.KEYWORD_ONLY
        if name in here:
            moved = not keyword_only and place != (places.index(name) if name in places else -1)
            if moved or here[name].default != parameter.default:
                result[name] = "differs"
        elif not (open_ended and re.search(rf"\b{name}\b", ours.__doc__ or "")):
            result[name] = "absent"
    return result


def deviations(ours, theirs, names):
    """Name, or name(parameter) -> "absent" or "differs", for members of two objects."""
    result = {}
    for name in names:
        if not hasattr(ours, name):
            result[name] = "absent"
            continue
        here, there = getattr(ours, name, None), getattr(theirs, name, None)
        if callable(here) and callable(there) and not inspect.isclass(there):
            unlike = unlike_parameters(here, there)
            if name == "push_to_hub":  # whose other arguments are those of save_pretrained
                saving = parameters(ours.save_pretrained)[0]
                unlike = {p: status for p, status in unlike.items() if p not in saving}
            result |= {f"{name}({parameter})": status for parameter, status in unlike.items()}
    return result


def check(found, names, listed):
    """What deviates is what the page lists; a method that differs may do so in its parameters."""
    problems = []
    used = set()
    for name, status in found.items():
        rows = [row for row in listed if fnmatch.fnmatchcase(name, row)]
        whole = name.partition("(")[0]
        if whole != name and listed.get(whole) == "differs":
            rows.append(whole)
        elif status not in {listed[row] for row in rows}:
            problems.append(f"{name} is {status}; the page has {rows or 'no row'} for it")
        used.update(rows)
    for row, status in listed.items():
        present = [n for n in names if fnmatch.fnmatchcase(n, row) and found.get(n) != "absent"]
        if status == "absent" and (present or row not in used):
            problems.append(f"the page says that {row} is absent; it is not ({present})")
        if status == "differs" and not present and row not in used:
            problems.append(f"the page says that {row} differs; there is no such name")
    assert problems == []


def models():
    sizes = {**SIZES, "intermediate_size": 8}
    ours = pytxenc.BertForMaskedLM(pytxenc.BertConfig(**sizes))
    return ours, transformers.BertForMaskedLM(transformers.BertConfig(**sizes))


def tokenizers():
    return pytxenc.BertTokenizer(vocab=WORDS), transformers.BertTokenizer(vocab=WORDS)


def test_names_of_the_library(page):
    """The modules of the families, the Auto classes, outputs, and what scripts import."""
    names = {"pipeline", "set_seed", "Pipeline", "PipelineException", "AddedToken", *PIPELINES}
    names |= {name for name in dir(transformers) if OTHER_NAMES.match(name)}
    names |= {name for name in dir(transformers.modeling_outputs) if name.endswith("Output")}
    names |= {"PreTrainedModel", "PreTrainedConfig", "PreTrainedTokenizer", "BatchEncoding"}
    names |= {"PreTrainedTokenizerFast", "PreTrainedTokenizerBase", "TokenizersBackend"}
    names |= {name for name in dir(transformers) if name.endswith("Pipeline")}
    names |= {"default_data_collator", "ModelOutput", "TensorType", "PaddingStrategy"}
    for module in FAMILIES:
        folder = importlib.import_module(f"transformers.models.{module}")
        names |= {name for name in dir(folder) if name[0].isupper()}
    found = {name: "absent" for name in names if not hasattr(pytxenc, name)}
    for name in names - set(found):
        theirs = getattr(transformers, name, None)
        if name == "TrainingArguments":  # which takes more fields than it has
            ours = pytxenc.TrainingArguments()
            fields = [field.name for field in dataclasses.fields(theirs)]
            assert [field for field in fields if not hasattr(ours, field)] == []
        elif dataclasses.is_dataclass(theirs) and not name.endswith("Config"):
            fields = [field.name for field in dataclasses.fields(theirs)]
            here = [field.name for field in dataclasses.fields(getattr(pytxenc, name))]
            if name == "TrainerState":  # which counts more
                here = [field for field in here if field in fields]
            assert here == fields
    check(found, names, page["Classes and functions"])


def test_models(page):
    ours, theirs = models()
    children = {name for name, _ in theirs.named_children()}
    names = public(theirs) - children - public(torch.nn.Module)
    found = deviations(ours, theirs, names)
    listed = page["PreTrainedModel"]
    for name in pytxenc.__all__:
        if name.startswith(tuple(FAMILIES.values())) and hasattr(getattr(pytxenc, name), "forward"):
            pair = getattr(pytxenc, name), getattr(transformers, name)
            found |= deviations(*pair, ["forward", "from_pretrained", "__init__"])
    check(found, names, listed)


def test_models_as_modules(page):
    ours, theirs = models()
    names = public(torch.nn.Module)
    check(deviations(ours, theirs, names), names, page["torch.nn.Module"])


def test_configurations(page):
    ours, theirs = (model.config for model in models())
    names = public(theirs)
    check(deviations(ours, theirs, names), names, page["PreTrainedConfig"])


def test_tokenizers(page):
    ours, theirs = tokenizers()
    names = public(theirs) | {n for n in theirs.__dict__ if not n.startswith("_")}
    names |= {f"{kind}_token{end}" for kind in ("cls", "sep", "pad", "mask") for end in ("", "_id")}
    found = deviations(ours, theirs, {*names, "__call__"})
    for name in FAMILIES.values():
        classes = [getattr(library, f"{name}Tokenizer") for library in (pytxenc, transformers)]
        found |= deviations(*classes, ["__init__", "from_pretrained"])
    check(found, names, page["PreTrainedTokenizerFast"])


def test_encodings_and_outputs(page):
    encodings = [tokenizer("a") for tokenizer in tokenizers()]
    names = public(encodings[1])
    check(deviations(*encodings, names), names, page.get("BatchEncoding", {}))
    outputs = pytxenc.MaskedLMOutput(logits=1), MaskedLMOutput(logits=1)
    names = public(outputs[1])
    check(deviations(*outputs, names), names, page["ModelOutput"])


def test_auto_classes(page):
    found = {}
    for name in pytxenc.__all__:
        if name.startswith("Auto"):
            pair = getattr(pytxenc, name), getattr(transformers, name)
            found |= deviations(*pair, public(pair[1]))
    check(found, set(), page["Auto classes"])


@pytest.mark.skipif(not PIPELINES, reason="there are no pipelines")
def test_pipelines(page):
    found = unlike_parameters(pytxenc.pipeline, transformers.pipeline)
    found = {f"pipeline({name})": status for name, status in found.items()}
    names = set()
    for name in PIPELINES:
        pair = getattr(pytxenc, name), getattr(transformers, name)
        names |= public(pair[1])
        found |= deviations(*pair, {*public(pair[1]), "__call__"})
    check(found, names, page["Pipelines"])


def test_submodules(page):
    """Modules that programs import from."""
    assert all(importlib.util.find_spec(f"transformers.{name}") for name in MODULES)
    found = {name: "absent" for name in MODULES if name not in compat._SUBMODULES}
    check(found, MODULES, page["Modules"])
