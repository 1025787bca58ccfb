"""Several processes train as one would, and none waits for one that is no more."""

import importlib.util
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from pytxenc.training import distributed
from pytxenc.training.checkpoint import find_last
from pytxenc.training.distributed import SingleProcess, communicator, launched_by_mpi

HERE = Path(__file__).parent
BESIDE = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
MPIEXEC = shutil.which("mpiexec", path=BESIDE)
MPI_VARIABLES = ("PMI", "OMPI_", "MV2_", "MPI_LOCAL")

needs_mpi = pytest.mark.skipif(
    MPIEXEC is None or importlib.util.find_spec("mpi4py") is None,
    reason="needs mpi4py and mpiexec",
)


def run(program, *arguments, ranks, timeout=60):
    """A finished job; with one rank without MPI."""
    command = [sys.executable, HERE / program, *arguments]
    if ranks > 1:
        command = [MPIEXEC, "-n", str(ranks), *command]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(MPI_VARIABLES)}
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, env=environment)


def check(done):
    assert done.returncode == 0, done.stderr[-3000:]
    return done


@needs_mpi
@pytest.mark.parametrize("ranks", [2, 3])
@pytest.mark.parametrize("what", ["exchanges", "reducer", "late"])
def test_exchanges(what, ranks):
    lines = check(run("mpi_checks.py", what, ranks=ranks)).stdout
    for rank in range(ranks):
        assert f"rank {rank} of {ranks}" in lines


@pytest.mark.parametrize("what", ["exchanges", "reducer", "late"])
def test_one_process_needs_no_mpi(what):
    assert "rank 0 of 1" in check(run("mpi_checks.py", what, ranks=1)).stdout


@needs_mpi
def test_ranks_share_the_processors():
    """Unless they are told how many threads to take."""
    processors = len(os.sched_getaffinity(0))
    if "PYTXENC_NUM_THREADS" not in os.environ and "OMP_NUM_THREADS" not in os.environ:
        lines = check(run("mpi_checks.py", "late", ranks=2)).stdout
        assert lines.count(f": {max(1, processors // 2)} threads") == 2


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The parameters after a run of one process."""
    folder = tmp_path_factory.mktemp("alone")
    check(run("training_jobs.py", folder, "accumulation=4", "batch=1", ranks=1))
    return np.load(folder / "final.npy")


def close(folder, expected):
    np.testing.assert_allclose(np.load(folder / "final.npy"), expected, rtol=0, atol=1e-5)


@needs_mpi
@pytest.mark.parametrize("accumulation", [1, 2])
def test_two_ranks_are_as_one(tmp_path, alone, accumulation):
    """With dropout, labels of unequal numbers, steps in which a rank has no samples.

    The ranks make models of different values, of which rank 0's count.
    """
    options = [f"accumulation={accumulation}", f"batch={2 // accumulation}", "own_seeds=true"]
    check(run("training_jobs.py", tmp_path, *options, ranks=2))
    close(tmp_path, alone)


@needs_mpi
@pytest.mark.parametrize(("before", "after"), [(2, 1), (1, 2)])
def test_resumed_with_another_number_of_ranks(tmp_path, alone, before, after):
    first = [f"accumulation={4 // before}", "batch=1", "stop=7"]
    check(run("training_jobs.py", tmp_path, *first, ranks=before))
    assert find_last(tmp_path).name == "checkpoint-7"
    rest = [f"accumulation={4 // after}", "batch=1", "resume=true"]
    check(run("training_jobs.py", tmp_path, *rest, ranks=after))
    close(tmp_path, alone)


@needs_mpi
@pytest.mark.parametrize(
    ("by", "message"),
    [
        ("error", "RuntimeError: this rank cannot go on"),
        ("exit", "rank 1 of 2 failed; the job ends"),
        ("SIGKILL", None),  # mpiexec says what it will
    ],
)
def test_failing_rank_ends_the_job(tmp_path, by, message):
    """Soon, and the checkpoint before stays for those who resume."""
    options = ["stop=5", f'by="{by}"', 'save_strategy="steps"', "save_steps=2"]
    begin = time.monotonic()
    done = run("training_jobs.py", tmp_path, *options, ranks=2)
    assert done.returncode != 0 and time.monotonic() - begin < 50
    assert message is None or message in done.stderr
    assert find_last(tmp_path).name == "checkpoint-4"
    assert not (tmp_path / "final.npy").exists()


@needs_mpi
@pytest.mark.parametrize(
    ("how", "message"),
    [
        (["exit", "0"], "rank 1 of 2 has ended while rank 0 waits for it; the job ends"),
        (["exit", "3"], "rank 1 of 2 has ended while rank 0 waits for it; the job ends"),
        (["interrupt"], "KeyboardInterrupt"),
    ],
)
def test_rank_that_leaves_ends_the_job(how, message):
    done = run("mpi_checks.py", "leave", *how, ranks=2)
    assert done.returncode != 0 and message in done.stderr


@needs_mpi
def test_ranks_agree_to_stop(tmp_path):
    """A signal to one rank alone stops all of them after the same step."""
    check(run("training_jobs.py", tmp_path, "stop=5", 'by="SIGTERM of one"', ranks=2))
    assert find_last(tmp_path).name == "checkpoint-5"


# ---- in one process ----


@pytest.fixture
def environment(monkeypatch):
    for name in list(os.environ):
        if name.startswith(MPI_VARIABLES):
            monkeypatch.delenv(name)
    communicator.cache_clear()
    yield monkeypatch
    communicator.cache_clear()


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, False),
        ({"PMI_SIZE": "2", "PMI_RANK": "0"}, True),
        ({"PMI_SIZE": "1", "PMIX_RANK": "0"}, False),
        ({"OMPI_COMM_WORLD_SIZE": "4"}, True),
        ({"MV2_COMM_WORLD_SIZE": "x"}, False),
        ({"PMIX_RANK": "3"}, True),
    ],
)
def test_launched_by_mpi(environment, variables, expected):
    for name, value in variables.items():
        environment.setenv(name, value)
    assert launched_by_mpi() is expected


def test_single_process(environment):
    world = communicator()
    assert isinstance(world, SingleProcess) and world is communicator()
    assert "mpi4py" not in sys.modules
    with pytest.raises(KeyError), world.guard():
        raise KeyError


def test_mpi4py_is_missing(environment):
    """Better than to train several times over."""
    environment.setenv("PMI_SIZE", "2")
    environment.setitem(sys.modules, "mpi4py", None)
    hook = sys.excepthook
    with pytest.raises(ImportError, match=r"install pytxenc\[mpi\]"):
        distributed.communicator()
    assert sys.excepthook is hook
