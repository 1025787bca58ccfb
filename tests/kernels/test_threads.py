"""The thread pool: every index exactly once, from many threads, after fork."""

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from pytxenc import _core

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def restore_threads():
    before = _core.get_num_threads()
    yield
    _core.set_num_threads(before)


def loop(count, work=0):
    """Run a loop; the worker that ran each index, after checking that each ran once."""
    counts, workers = np.zeros(count, np.int32), np.full(count, -1, np.int32)
    _core._kernel_parallel_for(counts, workers, count, work)
    np.testing.assert_array_equal(counts, 1)
    return workers


@pytest.mark.parametrize("threads", [1, 2, 3, 16])
def test_every_index_once(threads):
    _core.set_num_threads(threads)
    for count in [*range(70), 1000, 100_000]:
        workers = loop(count)
        assert count == 0 or 0 <= workers.min() <= workers.max() < threads


def test_workers_take_part():
    """A worker gets a share sooner or later; how soon is up to the machine."""
    _core.set_num_threads(2)
    for _ in range(1000):
        if loop(64, work=20_000).max() == 1:
            return
    pytest.fail("no worker ever ran an index")


def test_many_python_threads_at_once():
    _core.set_num_threads(3)
    failures = []

    def run(seed):
        try:
            for i in range(300):
                loop((seed * 31 + i * 7) % 60, work=20)
        except AssertionError as error:
            failures.append(error)

    callers = [threading.Thread(target=run, args=(seed,)) for seed in range(6)]
    for caller in callers:
        caller.start()
    for i in range(20):  # the size changes under their hands
        _core.set_num_threads(i % 4 + 1)
    for caller in callers:
        caller.join()
    assert not failures


def in_child(work):
    """Exit status of a forked child that runs work(); 0 when it was right."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
            os._exit(0)
        except BaseException:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_fork():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(200, 64)).astype(np.float32)
    W = rng.normal(size=(300, 64)).astype(np.float32)

    def product():
        y = np.empty((200, 300), np.float32)
        _core._kernel_blas_linear(y, 300, x, 64, W, 200, 300, 64, False)
        np.testing.assert_allclose(y, x.astype(float) @ W.T, atol=1e-4)
        loop(500)
        _core.set_num_threads(3)
        loop(500)

    stop = threading.Event()

    def busy():
        while not stop.is_set():
            loop(50, work=50)

    for threads in (1, 2, 4):
        _core.set_num_threads(threads)
        loop(100)
        assert in_child(product) == 0
        product()
        _core.set_num_threads(threads)
        stop.clear()
        other = threading.Thread(target=busy)  # forks fall into its loops
        other.start()
        try:
            for _ in range(10):
                assert in_child(lambda: (loop(100), _core.set_num_threads(2), loop(100))) == 0
        finally:
            stop.set()
            other.join()


def test_set_num_threads():
    for n in (1, 5, 256):
        _core.set_num_threads(n)
        assert _core.get_num_threads() == n
    for n in (0, -1, 257, 2**31):
        with pytest.raises(ValueError, match="between 1 and 256"):
            _core.set_num_threads(n)
    for n in ("2", 1.5, None):
        with pytest.raises(TypeError):
            _core.set_num_threads(n)
    with pytest.raises(OverflowError):
        _core.set_num_threads(2**64)
    assert _core.get_num_threads() == 256


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"PYTXENC_NUM_THREADS": "3", "OMP_NUM_THREADS": "5"}, 3),
        ({"OMP_NUM_THREADS": "5"}, 5),
        ({"OMP_NUM_THREADS": "4,2"}, 4),
        ({"PYTXENC_NUM_THREADS": "100000"}, 256),
    ],
)
def test_environment(environment, expected):
    clean = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    code = "from pytxenc import _core; print(_core.get_num_threads())"
    for extra, wanted in (
        (environment, expected),
        ({"PYTXENC_NUM_THREADS": "many", "OMP_NUM_THREADS": "0"}, None),
    ):
        result = subprocess.run(
            [sys.executable, "-c", code], env={**clean, **extra}, capture_output=True, text=True
        )
        got = int(result.stdout)
        assert got == wanted if wanted else 1 <= got <= os.cpu_count()


def test_no_data_races(tmp_path):
    """The pool alone under ThreadSanitizer, driven from C."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    sources = [Path(__file__).with_name("pool_driver.c"), ROOT / "ext" / "base" / "threads.c"]
    if compiler is None or not sources[1].exists():
        pytest.skip("needs a C compiler and the source tree")
    program = tmp_path / "driver"
    flags = ["-std=c11", "-O1", "-g", "-fsanitize=thread", "-pthread", f"-I{ROOT / 'ext'}"]
    clean = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD"}  # another sanitizer
    build = subprocess.run(
        [compiler, *flags, *sources, "-o", program], env=clean, capture_output=True, text=True
    )
    if build.returncode != 0:
        pytest.skip(f"no ThreadSanitizer here: {build.stderr[-300:]}")
    result = subprocess.run([program], env=clean, capture_output=True, text=True)
    if "unexpected memory mapping" in result.stderr:
        pytest.skip("ThreadSanitizer does not run on this kernel")
    assert result.returncode == 0, result.stderr[-3000:]
