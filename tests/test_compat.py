"""pytxenc in the place of transformers, and python -m pytxenc."""

import importlib
import os
import subprocess
import sys

import pytest

import pytxenc
from pytxenc.compat import _SUBMODULES

SAMPLE = """\
from transformers import RobertaTokenizer, RobertaModel
print(RobertaModel.__module__.partition(".")[0], RobertaTokenizer.__name__)
"""


def python(*arguments, code=0, cwd=None, **environment):
    """Standard output of a Python of its own (standard error when it should fail)."""
    done = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, **environment},
        timeout=120,
    )
    assert done.returncode == code, done.stderr
    return done.stdout if code == 0 else done.stderr


@pytest.fixture
def installed():
    kept = {n: m for n, m in sys.modules.items() if n.partition(".")[0] == "transformers"}
    for name in kept:
        del sys.modules[name]
    pytxenc.install_as_transformers()
    yield
    pytxenc.uninstall_as_transformers()
    sys.modules.update(kept)


def test_imports(installed):
    import transformers
    import transformers.models.roberta
    from transformers import RobertaModel
    from transformers.configuration_utils import PreTrainedConfig
    from transformers.modeling_outputs import BaseModelOutput
    from transformers.models.roberta import RobertaModel as second
    from transformers.models.roberta.modeling_roberta import RobertaModel as third
    from transformers.utils import ModelOutput

    assert RobertaModel is second is third is transformers.RobertaModel is pytxenc.RobertaModel
    assert transformers.models.roberta.RobertaConfig is pytxenc.RobertaConfig
    assert transformers.models.albert.configuration_albert.AlbertConfig is pytxenc.AlbertConfig
    assert PreTrainedConfig is pytxenc.PreTrainedConfig and ModelOutput is pytxenc.ModelOutput
    assert BaseModelOutput is pytxenc.BaseModelOutput
    from transformers.pipelines import PIPELINE_REGISTRY, FillMaskPipeline
    from transformers.pipelines.base import Pipeline
    from transformers.pipelines.pt_utils import KeyDataset

    assert FillMaskPipeline is pytxenc.FillMaskPipeline and Pipeline is pytxenc.Pipeline
    assert "fill-mask" in PIPELINE_REGISTRY.get_supported_tasks()
    assert list(KeyDataset([{"a": 1}, {"a": 2}], "a")) == [1, 2]
    assert transformers.__version__ == "5.23.0"
    assert not hasattr(transformers.models.roberta, "AlbertModel")
    from transformers.models.auto.configuration_auto import AutoConfig
    from transformers.models.auto.modeling_auto import AutoModelForMaskedLM
    from transformers.models.bert.modeling_bert import BertForPreTrainingOutput
    from transformers.tokenization_utils_base import TruncationStrategy
    from transformers.utils import PaddingStrategy, TensorType

    assert AutoModelForMaskedLM is transformers.AutoModelForMaskedLM
    assert AutoConfig is pytxenc.AutoConfig
    assert BertForPreTrainingOutput is pytxenc.BertForPreTrainingOutput
    assert (PaddingStrategy.LONGEST, TensorType.NUMPY) == ("longest", "np")
    assert TruncationStrategy.ONLY_FIRST == "only_first"


def test_submodules_are_those_of_transformers():
    """What we answer for exists there under the same name."""
    pytest.importorskip("transformers")
    version_4_only = {name for name in _SUBMODULES if name.endswith("_fast")}
    version_4_only.add("models.electra.tokenization_electra")
    for name in set(_SUBMODULES) - version_4_only:
        module = importlib.import_module(f"transformers.{name}")
        assert not hasattr(module, "install_as_transformers")


def test_every_name_of_a_submodule_is_there(installed):
    for name in _SUBMODULES:
        module = importlib.import_module(f"transformers.{name}")
        for inside in dir(module):
            assert getattr(module, inside) is not None or inside.startswith("__")


def test_star_import(installed):
    namespace = {}
    exec("from transformers import *", namespace)
    assert namespace["BertModel"] is pytxenc.BertModel


def test_logging(installed):
    import transformers
    from transformers import logging

    before = logging.get_verbosity()
    transformers.utils.logging.set_verbosity_error()
    assert pytxenc.logging.get_verbosity() == logging.ERROR
    logging.set_verbosity(before)
    assert logging.get_logger().name == "pytxenc"
    assert pytxenc.logging.__spec__.name == "pytxenc.logging"


def test_what_we_lack(installed):
    import transformers

    with pytest.raises(ImportError, match=r"does not provide 'GPT2Model'.*uninstall"):
        from transformers import GPT2Model  # noqa: F401
    with pytest.raises(ImportError, match=r"'RobertaModle'.*Nearest.*RobertaModel"):
        from transformers import RobertaModle  # noqa: F401
    with pytest.raises(ImportError, match="does not provide 't5'"):
        import transformers.models.t5
    with pytest.raises(ImportError, match="does not provide 'RobertaLayer'"):
        from transformers.models.roberta.modeling_roberta import RobertaLayer  # noqa: F401
    with pytest.raises(AttributeError, match="does not provide 'GPT2Model'"):
        _ = transformers.GPT2Model
    assert not hasattr(transformers, "GPT2Model") and not hasattr(transformers, "__wrapped__")


def test_install_twice_and_undo(installed):
    import transformers

    pytxenc.install_as_transformers()
    assert importlib.import_module("transformers") is transformers
    pytxenc.uninstall_as_transformers()
    pytxenc.uninstall_as_transformers()
    assert "transformers" not in sys.modules
    assert sum(type(f).__name__ == "_Finder" for f in sys.meta_path) == 0
    pytxenc.install_as_transformers()


def test_refused_beside_the_real_one(installed, monkeypatch):
    pytxenc.uninstall_as_transformers()
    monkeypatch.setitem(sys.modules, "transformers", type(sys)("transformers"))
    with pytest.raises(RuntimeError, match="already imported"):
        pytxenc.install_as_transformers()


# ---- python -m pytxenc ----


def test_runs_a_script(tmp_path):
    (tmp_path / "beside.py").write_text("value = 42\n")
    script = tmp_path / "script.py"
    script.write_text(
        SAMPLE + "import sys, beside\nprint(sys.argv[1:], beside.value, __name__, sys.path[0])\n"
    )
    output = python("-m", "pytxenc", str(script), "--flag", "x y")
    assert output.splitlines() == [
        "pytxenc RobertaTokenizer",
        f"['--flag', 'x y'] 42 __main__ {tmp_path}",
    ]


def test_runs_code_and_modules(tmp_path):
    assert python("-m", "pytxenc", "-c", SAMPLE + "print(__import__('sys').argv)", "a") == (
        "pytxenc RobertaTokenizer\n['-c', 'a']\n"
    )
    (tmp_path / "program.py").write_text(SAMPLE + "print(__name__)\n")
    output = python(
        "-m", "pytxenc", "-m", "program", cwd=tmp_path, PYTHONPATH=os.pathsep.join(sys.path)
    )
    assert output == "pytxenc RobertaTokenizer\n__main__\n"


def test_failing_scripts_fail_as_under_python(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("import sys\ndef f():\n    raise KeyError('here')\nf()\n")
    ours, theirs = python("-m", "pytxenc", str(script), code=1), python(str(script), code=1)
    assert ours == theirs
    script.write_text("import sys\nsys.exit(7)\n")
    python("-m", "pytxenc", str(script), code=7)
    script.write_text("def f(:\n")
    assert python("-m", "pytxenc", str(script), code=1).startswith("  File ")
    script.write_text("from transformers import GPT2Model\n")
    error = python("-m", "pytxenc", str(script), code=1)
    assert "ImportError: pytxenc does not provide 'GPT2Model'" in error
    assert "runpy" not in error


def test_options(tmp_path):
    assert python("-m", "pytxenc", "--version") == f"pytxenc {pytxenc.__version__}\n"
    assert "usage: python -m pytxenc" in python("-m", "pytxenc", "--help")
    assert python("-m", "pytxenc") == python("-m", "pytxenc", "-h")
    assert "no such file" in python("-m", "pytxenc", str(tmp_path / "gone.py"), code=2)
    assert "unknown option --fast" in python("-m", "pytxenc", "--fast", code=2)
    assert "-c needs" in python("-m", "pytxenc", "-c", code=2)
