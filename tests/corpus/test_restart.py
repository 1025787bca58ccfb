"""Work that is interrupted goes on where it was and comes to the same result."""

import errno
import fcntl
import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from pytxenc.corpus import TokenCorpus, encode_corpus, has_unfinished
from pytxenc.corpus import encode as encode_module
from pytxenc.corpus import npy as npy_module
from pytxenc.corpus import work as work_module

SMALL = {"batch_bytes": 400, "commit_seconds": 0, "keep_lines": True}


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def expected(tmp_path, file, tokenizers):
    """What an uninterrupted run writes."""
    encode_corpus(tokenizers["bert"], file, tmp_path / "expected", **SMALL)
    return content(tmp_path / "expected")


@pytest.mark.parametrize("commit_seconds", [0, 1000])
def test_an_interrupt_loses_nothing(
    tmp_path, file, tokenizers, expected, monkeypatch, interrupted, commit_seconds
):
    tokenizer, output = tokenizers["bert"], tmp_path / "out"
    encoded = []
    encode = encode_module.encode_documents

    def count(*args, **kwargs):
        encoded.append(1)
        return encode(*args, **kwargs)

    for _ in range(3):
        interrupted(2, tokenizer, file, output, **{**SMALL, "commit_seconds": commit_seconds})
        assert has_unfinished(output) and not output.exists()
    monkeypatch.setattr(encode_module, "encode_documents", count)
    encode_corpus(tokenizer, file, output, **SMALL)
    assert content(output) == expected and not has_unfinished(output)
    resumed = len(encoded)
    encode_corpus(tokenizer, file, output, **SMALL, force=True)
    assert resumed == len(encoded) - resumed - 6


def test_other_work_is_not_gone_on_with(
    tmp_path, file, tokenizers, expected, monkeypatch, interrupted
):
    tokenizer, output = tokenizers["bert"], tmp_path / "out"
    interrupted(2, tokenizer, file, output, **SMALL)

    def refused(what, tokenizer=tokenizer, paths=file, **options):
        with pytest.raises(ValueError, match=rf"out\.partial holds unfinished .*{what}.*--restart"):
            encode_corpus(tokenizer, paths, output, **{**SMALL, **options})

    refused("other options: add_special_tokens False, now True", add_special_tokens=True)
    refused("other options: split 'blank-line', now 'line'", split="line")
    refused("other options: keep_lines True, now False", keep_lines=False)
    refused("other options: dtype 'uint16', now 'uint32'", dtype="uint32")
    refused("other tokenizer", tokenizers["albert"])
    refused("other inputs: number 1 was None", paths=[file, file])
    other = tmp_path / "other.txt"
    other.write_text("a")
    refused("other inputs: number 0 was .*text.txt.*, is .*other.txt", paths=other)
    stamp = file.stat().st_mtime_ns
    os.utime(file, ns=(stamp, stamp + 1))
    refused("other inputs")
    os.utime(file, ns=(stamp, stamp))
    with monkeypatch.context() as patch:
        patch.setattr(encode_module, "__version__", "other")
        refused("other pytxenc version")
    encode_corpus(tokenizer, file, output, **SMALL)
    assert content(output) == expected

    interrupted(2, tokenizers["roberta"], file, tmp_path / "again", **SMALL)
    encode_corpus(tokenizer, file, tmp_path / "again", **SMALL, restart=True)
    assert content(tmp_path / "again") == expected


def test_damaged_work(tmp_path, file, tokenizers, expected, interrupted):
    tokenizer, output = tokenizers["bert"], tmp_path / "out"
    work = tmp_path / "out.partial"
    interrupted(3, tokenizer, file, output, **SMALL)
    state = json.loads((work / "journal.json").read_text())
    for name, bad in [
        ("journal.json", b"{"),
        ("journal.json", b"[]"),
        ("journal.json", b"{}"),
        ("journal.json", json.dumps({**state, "tokens": -1}).encode()),
        ("journal.json", json.dumps({**state, "tokens": "x"}).encode()),
        ("job.json", b"\xff"),
        ("corpus/ids.npy", b"short"),
        ("corpus/offsets.npy", b""),
    ]:
        good = (work / name).read_bytes()
        (work / name).write_bytes(bad)
        with pytest.raises(ValueError, match=r"--restart"):
            encode_corpus(tokenizer, file, output, **SMALL)
        (work / name).write_bytes(good)
    with (work / "corpus" / "ids.npy").open("ab") as ids:
        ids.write(b"what was written after the last commit")
    encode_corpus(tokenizer, file, output, **SMALL)
    assert content(output) == expected


def test_an_input_that_changes_meanwhile(tmp_path, file, tokenizers, monkeypatch):
    encode = encode_module.encode_documents

    def change(*args, **kwargs):
        with file.open("a") as appended:
            appended.write("more")
        return encode(*args, **kwargs)

    monkeypatch.setattr(encode_module, "encode_documents", change)
    with pytest.raises(ValueError, match="changed while it was read"):
        encode_corpus(tokenizers["bert"], file, tmp_path / "out")
    assert not (tmp_path / "out").exists()


# ---- locks ----


def test_two_at_once(tmp_path, file, tokenizers, monkeypatch):
    tokenizer, output = tokenizers["bert"], tmp_path / "out"
    encode = encode_module.encode_documents
    refusals = []

    def second(*args, **kwargs):
        for options in ({}, {"restart": True}, {"force": True}):
            with pytest.raises(BlockingIOError, match=r"another process is writing .*out\.partial"):
                encode_corpus(tokenizer, file, output, **SMALL, **options)
            refusals.append(1)
        return encode(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(encode_module, "encode_documents", second)
        encode_corpus(tokenizer, file, output, **SMALL)
    assert len(refusals) > 3 and len(TokenCorpus(output)) == 60


def test_a_lock_taken_while_the_directory_goes_away(tmp_path, monkeypatch):
    folder = tmp_path / "out.partial"
    lock, gone = fcntl.flock, []

    def flock(descriptor, operation):
        if not gone:
            gone.append(os.rmdir(folder))
        lock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", flock)
    descriptor = work_module._locked(str(folder))
    assert os.path.samestat(os.fstat(descriptor), os.stat(folder))
    os.close(descriptor)


# ---- kills ----

CHANGES = ("mkdir", "rmdir", "rename", "replace", "unlink", "write", "fsync", "ftruncate")


def run_child(work, *args):
    """Run work(*args) in a forked process; its exit status, or minus the signal."""
    child = os.fork()
    if child == 0:
        status = 70
        try:
            work(*args)
            status = 0
        except FileExistsError:
            status = 17
        finally:
            os._exit(status)
    return child


def encode_again(tokenizer, file, output, options):
    encode_corpus(tokenizer, file, output, **options)


def wait(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.fixture
def quick(monkeypatch):
    """No waiting for the disk, which a kill of the process does not need."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


def encode_and_die(number, tokenizer, file, output, options):
    """Encode, and die at the call number `number` that changes something on disk."""
    left = [number]

    def dying(call):
        def wrapper(*args, **kwargs):
            left[0] -= 1
            if left[0] < 0:
                os._exit(9)
            return call(*args, **kwargs)

        return wrapper

    for name in CHANGES:
        setattr(os, name, dying(getattr(os, name)))
    encode_corpus(tokenizer, file, output, **options)


@pytest.mark.parametrize("force", [False, True])
def test_killed_at_every_change(tmp_path, file, tokenizers, expected, force, quick):
    tokenizer = tokenizers["bert"]
    options = {**SMALL, "batch_bytes": 3000, "force": force}
    old = tmp_path / "old"
    encode_corpus(tokenizer, file, old)
    number = between = 0
    while True:
        output = tmp_path / f"out{number}"
        if force:
            encode_corpus(tokenizer, file, output)
        status = wait(run_child(encode_and_die, number, tokenizer, file, output, options))
        assert status in (0, 9)
        if status == 0:
            break
        # What is there is whole; only between two renames there is nothing at all.
        if force and not output.exists():
            between += 1  # the old one comes back when there is nothing else
            again = {**options, "force": False}
            assert wait(run_child(encode_again, tokenizer, file, output, again)) == 17
            assert content(output) == content(old)
        if output.exists():
            assert content(output) == expected or (force and content(output) == content(old))
        status = wait(run_child(encode_again, tokenizer, file, output, options))
        assert status == 0 or (status == 17 and not force)
        assert content(output) == expected
        assert not (tmp_path / f"out{number}.partial").exists()
        number += 1
    assert number > 30 and between == int(force)


def kill_many_times(tmp_path, file, tokenizer, expected, kills):
    rng = random.Random(7)
    output, round_, done = tmp_path / "out", 0, 0
    start = time.monotonic()
    assert wait(run_child(encode_again, tokenizer, file, output, SMALL)) == 0
    duration = time.monotonic() - start
    while done < kills:
        output = tmp_path / f"out{round_}"
        child = run_child(encode_again, tokenizer, file, output, SMALL)
        time.sleep(rng.uniform(0, duration))
        os.kill(child, signal.SIGKILL)
        status = wait(child)
        done += status == -signal.SIGKILL
        if status in (0, 17) or output.exists():
            assert content(output) == expected
            round_ += 1
        else:
            assert status == -signal.SIGKILL
    encode_corpus(tokenizer, file, output, **SMALL, force=True)
    assert content(output) == expected
    return round_


def test_killed_at_random(tmp_path, file, tokenizers, expected, quick):
    kill_many_times(tmp_path, file, tokenizers["bert"], expected, 25)


@pytest.mark.slow
def test_killed_at_random_many_times(tmp_path, file, tokenizers, expected, quick):
    assert kill_many_times(tmp_path, file, tokenizers["bert"], expected, 300) > 5


# ---- full disks ----


def test_full_disk(tmp_path, file, tokenizers, expected, monkeypatch):
    tokenizer, output = tokenizers["bert"], tmp_path / "out"
    write, left = os.write, [0]

    def full(descriptor, data):
        if left[0] == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        part = data[: left[0]]  # a disk that fills up takes a part
        left[0] -= len(part)
        return write(descriptor, part)

    for _ in range(3):
        left[0] = 1000
        with monkeypatch.context() as patch:
            patch.setattr(npy_module.os, "write", full)
            with pytest.raises(OSError, match=r"No space left on device: .*\.npy") as caught:
                encode_corpus(tokenizer, file, output, **SMALL)
        assert caught.value.errno == errno.ENOSPC and not output.exists()
    encode_corpus(tokenizer, file, output, **SMALL)
    assert content(output) == expected


def test_full_disk_in_earnest(tmp_path, file, tokenizers, expected, tokenizer_folders):
    """The same through the operating system: a limit on the size of files."""
    code = """
import resource, signal, sys
from pytxenc import BertTokenizer, encode_corpus
tokenizer = BertTokenizer.from_pretrained(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (1500, 1500))
try:
    encode_corpus(tokenizer, sys.argv[2], sys.argv[3], batch_bytes=400, keep_lines=True)
except OSError as error:
    print(error)
"""
    arguments = [tokenizer_folders["bert"], file, tmp_path / "out"]
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "File too large" in done.stdout and "ids.npy" in done.stdout
    assert has_unfinished(tmp_path / "out") and not (tmp_path / "out").exists()
    encode_corpus(tokenizers["bert"], file, tmp_path / "out", **SMALL)
    assert content(tmp_path / "out") == expected
