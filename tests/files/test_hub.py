"""Finding files: local directories, a cache laid out by hand, and an imitation of the hub.

huggingface_hub reads its environment when it is imported, so each case runs in a process of its
own.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pytxenc.hub import Source, resolve_files, resolve_first

sys.path.insert(0, os.path.dirname(__file__))
from hub_server import FIRST, SECOND, Hub

OFFLINE = "http://127.0.0.1:9"  # nothing listens there


def run(code, home, **environment):
    """The JSON that `code` prints, or what it raised."""
    pytest.importorskip("huggingface_hub")
    script = (
        "import json, sys\n"
        "from pathlib import Path\n"
        "from pytxenc.hub import Source, resolve_files, resolve_first\n"
        "from pytxenc.checkpoint import Checkpoint\n"
        "def show(value):\n"
        "    print(json.dumps(value, default=str))\n"
        "try:\n" + "".join(f"    {line}\n" for line in code.strip().splitlines()) + "except "
        "OSError as error:\n"
        "    show(str(error))\n"
    )
    keep = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    keep.pop("TRANSFORMERS_OFFLINE", None)
    environment = keep | {"HF_HOME": str(home), "NO_PROXY": "*", "no_proxy": "*"} | environment
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    run.stderr = done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def hub():
    hub = Hub()
    hub.commits["org/model"] = {
        FIRST: {
            "config.json": b"{}",
            "model.safetensors": b"old" * 1000,
            "pytorch_model.bin": b"x",
        },
        SECOND: {"config.json": b"{ }", "model.safetensors": b"new" * 1000, "vocab.txt": b"v"},
    }
    hub.main["org/model"] = FIRST
    yield hub
    hub.close()


@pytest.fixture
def cache(tmp_path):
    """A cache as huggingface_hub lays it out, with one commit of org/model."""
    repository = tmp_path / "hub" / "models--org--model"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(FIRST)
    snapshot = repository / "snapshots" / FIRST
    (snapshot / "sub").mkdir(parents=True)
    (repository / "blobs").mkdir()
    for i, name in enumerate(("config.json", "model.safetensors", "sub/config.json")):
        (repository / "blobs" / f"b{i}").write_text(name)
        (snapshot / name).symlink_to(repository / "blobs" / f"b{i}")
    return tmp_path


# ---- local directories ----


def test_local_directory(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "vocab.txt").write_text("")
    names = ["config.json", "vocab.txt", "sub"]
    assert resolve_files(tmp_path, names) == {"config.json": tmp_path / "config.json"}
    assert resolve_files(str(tmp_path) + "/", names[:1])["config.json"].is_file()
    assert set(resolve_files(tmp_path, names, subfolder="sub")) == {"vocab.txt"}
    assert resolve_files(tmp_path / "config.json", names) == resolve_files(tmp_path, names)
    assert resolve_first(tmp_path, ["a", "config.json"]) == tmp_path / "config.json"
    with pytest.raises(OSError, match=r"this directory has no a nor b$"):
        resolve_first(tmp_path, ["a", "b"])
    assert Source(tmp_path).commit is None


@pytest.mark.parametrize(
    "name",
    [
        *("/no/such/dir", "./model", "../x", "~/model", "a/b/c", "", "a b", "org/", "-a", ".hid"),
        *("a" * 100, "org//model", "org\\model", "a--b", "a..b", "https://x.org/a", "org/\u00e9"),
    ],
)
def test_names_that_are_neither(name):
    with pytest.raises(OSError, match=r"not a directory here, and not a name on the hub"):
        Source(name)


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "a/../../b", "a\0b", "", "."])
def test_files_stay_inside(tmp_path, name):
    with pytest.raises(ValueError, match="not a name of a file inside"):
        Source(tmp_path).find(name)
    if name not in ("", "."):
        with pytest.raises(ValueError, match="not a name of a file inside"):
            Source(tmp_path, subfolder=name)


def test_local_directory_needs_no_hub(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    code = f"""
import socket
def refuse(*_, **__): raise AssertionError("network")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
found = resolve_files({str(tmp_path)!r}, ["config.json", "vocab.txt"])
show([list(found), "huggingface_hub" in sys.modules])
"""
    assert run(code, tmp_path / "home") == [["config.json"], False]


def test_a_directory_wins_over_the_hub(tmp_path, monkeypatch):
    (tmp_path / "org" / "model").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert Source("org/model").directory == Path("org/model")


# ---- the cache ----

OFFLINE_WAYS = [
    ({"HF_HUB_OFFLINE": "1"}, "", "offline mode is on"),
    ({"TRANSFORMERS_OFFLINE": "1"}, "", "offline mode is on"),
    ({}, ", local_files_only=True", "local_files_only"),
]


@pytest.mark.parametrize(("environment", "option", "reason"), OFFLINE_WAYS)
def test_offline(cache, environment, option, reason):
    code = f"""
source = Source("org/model"{option})
names = ["config.json", "vocab.txt", "model.safetensors"]
found = source.files(names)
deep = resolve_files("org/model", ["config.json"], subfolder="sub"{option})
texts = [path.read_text() for path in (*found.values(), *deep.values())]
try:
    Checkpoint.find(source, use_safetensors=False)
except OSError as error:
    message = str(error)
show([list(found), texts, source.commit, message])
"""
    found, texts, commit, message = run(code, cache, HF_ENDPOINT=OFFLINE, **environment)
    assert found == ["config.json", "model.safetensors"]
    assert texts == ["config.json", "model.safetensors", "sub/config.json"]
    assert commit == FIRST
    assert message == (
        f"org/model: has no pytorch_model.bin nor pytorch_model.bin.index.json at revision {FIRST} "
        f"in the cache ({reason}, so only the cache was searched)"
    )


@pytest.mark.parametrize(("environment", "option", "reason"), OFFLINE_WAYS)
def test_offline_and_never_downloaded(cache, environment, option, reason):
    for name, more in (("org/other", ""), ("org/model", ', revision="v2"')):
        code = f'show(Source("{name}"{option}{more}).find("config.json"))'
        message = run(code, cache, HF_ENDPOINT=OFFLINE, **environment)
        assert message.startswith(f"{name} (revision ")
        assert "not in the cache" in message and reason in message
        assert "check the connection" in message


def test_another_cache_folder(cache):
    code = f"""
options = dict(cache_dir=Path({str(cache / "hub")!r}), local_files_only=True)
show(resolve_first("org/model", ["vocab.txt", "config.json"], **options))
"""
    path = run(code, cache / "elsewhere")
    assert path == str(cache / f"hub/models--org--model/snapshots/{FIRST}/config.json")


# ---- the hub ----


def test_download_only_what_is_asked_for(hub, tmp_path):
    code = """
source = Source("org/model")
path = source.first(["model.safetensors", "pytorch_model.bin"])
again = resolve_first("org/model", ["model.safetensors", "pytorch_model.bin"])
show([path, path == again, path.read_text()[:3], source.commit])
"""
    # -1: show the progress bar although nobody watches.
    path, same, text, commit = run(code, tmp_path, HF_ENDPOINT=hub.url, TQDM_POSITION="-1")
    assert same and text == "old" and commit == FIRST and Path(path).is_file()
    assert hub.downloaded() == ["model.safetensors"]
    assert "model.safetensors" in run.stderr and "100%" in run.stderr  # the progress bar


def test_missing_files_are_asked_for_once(hub, tmp_path):
    code = """
names = ["tokenizer.json", "config.json", "tokenizer.json", "vocab.txt"]
show([list(resolve_files("org/model", names)) for _ in range(2)])
"""
    assert run(code, tmp_path, HF_ENDPOINT=hub.url) == [["config.json"]] * 2
    # The second time the revision is looked up anew; what its commit lacks is known.
    assert sum("tokenizer.json" in request for request in hub.requests) == 2
    assert sum("vocab.txt" in request for request in hub.requests) == 1
    assert hub.downloaded() == ["config.json"]


@pytest.mark.parametrize("first", ["config.json", "tokenizer.json"])
def test_all_files_come_from_one_commit(hub, tmp_path, first):
    """The branch moves after the first file, found or not."""
    code = f"""
import urllib.request
source = Source("org/model")
source.find("{first}")
urllib.request.urlopen({hub.url!r} + "/move").read()
found = source.files(["model.safetensors", "vocab.txt"])
new = resolve_files("org/model", ["model.safetensors", "vocab.txt"])
show([{{k: v.read_text()[:3] for k, v in files.items()}} for files in (found, new)])
"""
    answer = hub.answer

    def moving(handler, body):
        if handler.path != "/move":
            return answer(handler, body)
        hub.main["org/model"] = SECOND
        handler.send_response(200)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    hub.answer = moving
    assert run(code, tmp_path, HF_ENDPOINT=hub.url) == [
        {"model.safetensors": "old"},
        {"model.safetensors": "new", "vocab.txt": "v"},
    ]


def test_force_download(hub, tmp_path):
    code = """
for _ in range(2):
    found = resolve_files("org/model", ["config.json"], force_download=True)
show(list(found))
"""
    assert run(code, tmp_path, HF_ENDPOINT=hub.url) == ["config.json"]
    assert hub.downloaded() == ["config.json"] * 2


def test_shards_are_downloaded(hub, tmp_path):
    header = b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    shard = len(header).to_bytes(8, "little") + header + bytes(4)
    index = {"weight_map": {"a": "model-00001-of-00001.safetensors"}}
    hub.commits["org/model"][FIRST] = {
        "model.safetensors.index.json": json.dumps(index).encode(),
        "model-00001-of-00001.safetensors": shard,
        "model-00002-of-00001.safetensors": shard,
        "pytorch_model.bin": b"",
    }
    code = 'show(list(Checkpoint.find(Source("org/model"))))'
    assert run(code, tmp_path, HF_ENDPOINT=hub.url) == ["a"]
    assert hub.downloaded() == ["model.safetensors.index.json", "model-00001-of-00001.safetensors"]
    del hub.commits["org/model"][FIRST]["model-00001-of-00001.safetensors"]
    message = run(code, tmp_path / "fresh", HF_ENDPOINT=hub.url)
    assert "model.safetensors.index.json: its file 'model-00001-of-00001.safetensors'" in message


def test_private_repository(hub, tmp_path):
    hub.private["org/model"] = "secret"
    ask = 'show(resolve_files("org/model", ["config.json"]{}))'
    message = run(ask.format(""), tmp_path, HF_ENDPOINT=hub.url)
    assert "knows no repository of that name, or it is private" in message
    assert "token=" in message
    assert "private" in run(ask.format(', token="wrong"'), tmp_path, HF_ENDPOINT=hub.url)
    assert "config.json" in run(ask.format(', token="secret"'), tmp_path, HF_ENDPOINT=hub.url)
    fresh = {"HF_ENDPOINT": hub.url, "HF_TOKEN": "secret"}
    assert "config.json" in run(ask.format(""), tmp_path / "fresh", **fresh)


def test_refusals(hub, tmp_path):
    hub.gated.add("org/model")
    hub.commits["org/open"] = hub.commits["org/model"]
    hub.main["org/open"] = FIRST
    code = """
messages = []
for name, options in (
    ("org/model", {}), ("org/none", {}), ("none", {}), ("org/open", {"revision": "v9"})
):
    try:
        resolve_files(name, ["config.json"], **options)
    except OSError as error:
        messages.append(str(error))
show(messages)
"""
    gated, missing, bare, revision = run(code, tmp_path, HF_ENDPOINT=hub.url)
    assert "must be granted" in gated and f"{hub.url}/org/model" in gated
    for message, name in ((missing, "org/none"), (bare, "none")):
        assert message.startswith(f"{name} (revision main): not a directory here")
        assert "check the name" in message
    assert "org/open: has no branch, tag or commit 'v9'" in revision


def test_download_that_breaks_off_is_resumed(hub, tmp_path):
    hub.cut_once.add("model.safetensors")
    code = 'show(resolve_first("org/model", ["model.safetensors"]).read_text() == "old" * 1000)'
    assert run(code, tmp_path, HF_ENDPOINT=hub.url) is True
    assert hub.downloaded() == ["model.safetensors"] * 2


def test_download_that_fails_leaves_nothing(hub, tmp_path):
    hub.always_short.add("model.safetensors")
    code = 'show(resolve_first("org/model", ["model.safetensors"]))'
    message = run(code, tmp_path, HF_ENDPOINT=hub.url)
    assert "could not get model.safetensors" in message and "Consistency check failed" in message
    left = [path.name for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(name == "model.safetensors" or "incomplete" in name for name in left), left
    hub.always_short.clear()
    assert run(code, tmp_path, HF_ENDPOINT=hub.url).endswith("model.safetensors")


def test_unreachable_hub(cache):
    """A refused connection: what the cache has is used, the rest is not waited for again."""
    code = """
import huggingface_hub.utils._http as http
http.time.sleep = lambda _: None
source = Source("org/model")
found = source.files(["config.json", "vocab.txt", "merges.txt", "model.safetensors"])
try:
    resolve_first("org/other", ["config.json"])
except OSError as error:
    show([list(found), str(source.missing(["vocab.txt"])), str(error)])
"""
    found, missing, other = run(code, cache, HF_ENDPOINT=OFFLINE)
    assert found == ["config.json", "model.safetensors"]
    assert f"{OFFLINE} did not answer, so only the cache was searched" in missing
    assert other.startswith("org/other (revision main): not a directory here, not in the cache")
    assert f"{OFFLINE} did not answer" in other
