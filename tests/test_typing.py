"""What type checkers know of the package: its stub of the extension, and of its public names."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import pytxenc

pytest.importorskip("mypy", reason="mypy is not installed")

USES = """
from typing import Any
from typing_extensions import assert_type
import numpy as np
from numpy.typing import NDArray
import pytxenc
from pytxenc.modeling.heads import EncoderModel, MaskedLMModel

# ---- models ----
model = pytxenc.BertModel.from_pretrained("directory")
assert_type(model, pytxenc.BertModel)
assert_type(model.eval().train().to("cpu"), pytxenc.BertModel)
assert_type(model.to("int8").bfloat16().half().float(), pytxenc.BertModel)
assert_type(pytxenc.profile(model, [[1]], runs=3).tokens_per_second, float)
assert_type(pytxenc.BertModel(pytxenc.BertConfig()), pytxenc.BertModel)
states = model(input_ids=[[1]], attention_mask=[[1]], output_hidden_states=True)
assert_type(states, pytxenc.BaseModelOutputWithPoolingAndCrossAttentions)
assert_type(model([[1]]), pytxenc.BaseModelOutputWithPoolingAndCrossAttentions)
assert_type(states.hidden_states, tuple[Any, ...] | None)
assert_type(states.to_tuple(), tuple[Any, ...])
assert_type(model.embed([[1]]), NDArray[np.float32])
assert_type(model.state_dict(), dict[str, NDArray[np.float32]])
assert_type(
    pytxenc.RobertaForMaskedLM.from_pretrained("directory", output_loading_info=True),
    tuple[pytxenc.RobertaForMaskedLM, dict[str, Any]],
)
for outputs in (
    assert_type(pytxenc.AlbertModel(pytxenc.AlbertConfig())([[1]]),
                pytxenc.BaseModelOutputWithPooling),
    assert_type(pytxenc.DistilBertModel(pytxenc.DistilBertConfig())([[1]]),
                pytxenc.BaseModelOutput),
    assert_type(pytxenc.XLMRobertaForMaskedLM.from_pretrained("x")([[1]], labels=[[1]]),
                pytxenc.MaskedLMOutput),
    assert_type(pytxenc.DistilBertForMaskedLM.from_pretrained("x")([[1]], labels=[[1]]),
                pytxenc.MaskedLMOutput),
    assert_type(pytxenc.BertForPreTraining.from_pretrained("x")([[1]]),
                pytxenc.BertForPreTrainingOutput),
    assert_type(pytxenc.ElectraForSequenceClassification.from_pretrained("x")([[1]]),
                pytxenc.SequenceClassifierOutput),
    assert_type(pytxenc.AlbertForTokenClassification.from_pretrained("x")([[1]]),
                pytxenc.TokenClassifierOutput),
    assert_type(pytxenc.RobertaForQuestionAnswering.from_pretrained("x")([[1]]),
                pytxenc.QuestionAnsweringModelOutput),
    assert_type(pytxenc.RobertaForMultipleChoice.from_pretrained("x")([[[1]]]),
                pytxenc.MultipleChoiceModelOutput),
    assert_type(pytxenc.BertForNextSentencePrediction.from_pretrained("x")([[1]]),
                pytxenc.NextSentencePredictorOutput),
    assert_type(pytxenc.BertLMHeadModel.from_pretrained("x")([[1]]),
                pytxenc.CausalLMOutputWithCrossAttentions),
):
    print(outputs.to_tuple())
assert_type(pytxenc.AutoModel.from_pretrained("x"), EncoderModel[Any])
auto = pytxenc.AutoModelForMaskedLM.from_pretrained("x")
assert_type(auto, MaskedLMModel)
assert_type(auto([[1]]), pytxenc.MaskedLMOutput)

# ---- configurations, outputs, tokenizers ----
assert_type(pytxenc.BertConfig.from_pretrained("x"), pytxenc.BertConfig)
assert_type(pytxenc.BertConfig.from_dict({}, return_unused_kwargs=True),
            tuple[pytxenc.BertConfig, dict[str, Any]])
options = {"revision": "main"}
assert_type(pytxenc.AutoConfig.from_pretrained("x", **options), pytxenc.PreTrainedConfig)
assert_type(pytxenc.AutoModel.from_pretrained("x", **options), EncoderModel[Any])
assert_type(model.config.hidden_size, int)
assert_type(model.config.id2label, dict[int, str])
assert_type(pytxenc.MaskedLMOutput(loss=1.0), pytxenc.MaskedLMOutput)
tokenizer = pytxenc.RobertaTokenizer.from_pretrained("directory")
assert_type(tokenizer, pytxenc.RobertaTokenizer)
assert_type(tokenizer("text", return_tensors="np"), pytxenc.BatchEncoding)
assert_type(pytxenc.AutoTokenizer.from_pretrained("x"), pytxenc.PreTrainedTokenizerBase)
assert_type(tokenizer.encode("text"), list[int])
assert_type(tokenizer.tokenize("text"), list[str])
assert_type(tokenizer.get_vocab(), dict[str, int])
assert_type(pytxenc.set_seed(1), None)
"""
WRONG = {
    "model.no_such_attribute": "attr-defined",
    "model([[1]]).logits": "attr-defined",
    "pytxenc.MaskedLMOutput(lss=1)": "call-arg",
    "model([[1]], None, None, None, None, None)": "call-arg",
    "pytxenc.set_seed('1')": "arg-type",
    "pytxenc.NoSuchName": "attr-defined",
}


@pytest.fixture
def settings(tmp_path, pytestconfig):
    """A file of settings for mypy."""
    path, cache = tmp_path / "mypy.ini", pytestconfig.cache.mkdir("mypy")
    lines = ["[mypy]", "strict = true", "ignore_missing_imports = true", f"cache_dir = {cache}"]
    root = Path(pytxenc.__file__).parents[1]
    if root.name not in ("site-packages", "dist-packages"):  # mypy finds what is installed there
        lines += [f"mypy_path = {root}", "follow_imports = silent"]
    path.write_text("\n".join(lines))
    return path


@pytest.fixture
def check(tmp_path, settings):
    """A function to what mypy prints of code."""
    from mypy import api

    def run(code):
        path = tmp_path / "uses.py"
        path.write_text(code)
        return api.run([str(path), f"--config-file={settings}", "--no-error-summary"])[0]

    return run


def test_types_of_public_names(check):
    everything = "\n".join(f"from pytxenc import {name} as _{name}" for name in pytxenc.__all__)
    assert check(USES + everything) == ""


def test_wrong_uses_are_found(check):
    code = "import pytxenc\nmodel = pytxenc.BertModel.from_pretrained('x')\n"
    printed = check(code + "\n".join(WRONG))
    assert re.findall(r"\[([a-z-]+)\]$", printed, re.MULTILINE) == list(WRONG.values())


def test_the_stub_of_the_extension_is_true(settings):
    done = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", "--concise", "pytxenc._core",
         f"--mypy-config-file={settings}"],
        capture_output=True, text=True, timeout=600, cwd=settings.parent,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_stub_has_every_name_of_the_extension():
    stub = ast.parse(Path(pytxenc.__file__).with_name("_core.pyi").read_text())
    written = {n.name for n in stub.body if isinstance(n, (ast.FunctionDef, ast.ClassDef))}
    assert written == {n for n in vars(pytxenc._core) if not n.startswith("__")}
