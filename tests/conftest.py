"""What all tests share: where the reference data is, and no network."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"  # read when huggingface_hub is imported
if "PYTHONPATH" in os.environ:  # tests start programs in other folders
    folders = os.environ["PYTHONPATH"].split(os.pathsep)
    os.environ["PYTHONPATH"] = os.pathsep.join(os.path.abspath(f) for f in folders)

import pytest

ROOT = Path(__file__).resolve().parent.parent


def pytest_configure(config):
    if os.environ.get("PYTXENC_TEST_INSTALLED"):
        import pytxenc

        if Path(pytxenc.__file__).parent == ROOT / "pytxenc":
            raise pytest.UsageError("the source tree would be tested, not the installed package")


def pytest_runtest_call():
    """One thread for torch: in models as small as these, threads mostly wait for each other."""
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)


@pytest.fixture(scope="session")
def root() -> Path:
    """The source tree; skips where the tests stand alone."""
    if not (ROOT / "setup.py").exists():
        pytest.skip("there is no source tree around the tests")
    return ROOT


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of reference data ($PYTXENC_DATA or ../shared/data); skips without it."""
    folder = Path(os.environ.get("PYTXENC_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no reference data: {folder} does not exist (see PYTXENC_DATA)")
    return folder


@pytest.fixture(scope="session")
def weights_dir() -> Path:
    """The folder of models that `make demo` fills ($PYTXENC_CACHE); skips without it."""
    from pytxenc.demo.weights import cache_dir

    folder = cache_dir()
    if not folder.is_dir():
        pytest.skip(f"no models: {folder} does not exist (make demo fetches them)")
    return folder


@pytest.fixture
def resident() -> Callable[[], int]:
    """Tells the bytes of memory in use; skips where that would say nothing about leaks."""
    if not os.path.exists("/proc/self/statm"):
        pytest.skip("memory is measured by /proc/self/statm")
    if "libasan" in os.environ.get("LD_PRELOAD", ""):
        pytest.skip("AddressSanitizer keeps memory that was freed")

    def measure() -> int:
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    return measure
