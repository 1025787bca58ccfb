"""The reader of pytorch_model.bin, against torch.save and against files made to do harm."""

import argparse
import collections
import io
import os
import pickle
import random
import struct
import sys
import zipfile

import numpy as np
import pytest

from pytxenc import pytorch_bin, restricted_pickle
from pytxenc.pytorch_bin import load, load_state_dict

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "fuzz"))
import fuzz_pytorch_bin
import mutate
import torch_files
from torch_files import Call, Name, Storage, Tensor, dump

both_forms = pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])


@pytest.fixture
def path(tmp_path):
    return tmp_path / "pytorch_model.bin"


def save(path, value, legacy):
    torch = pytest.importorskip("torch")
    torch.save(value, path, _use_new_zipfile_serialization=not legacy)


def check_equal(got, tensor):
    torch = pytest.importorskip("torch")
    tensor = tensor.detach()
    expected = (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()
    assert got.dtype == expected.dtype and got.shape == expected.shape
    assert got.flags.c_contiguous and got.flags.aligned
    np.testing.assert_array_equal(got, expected)


@both_forms
def test_tensors(path, legacy):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    base = torch.randn(4, 6)
    tensors = {
        "base": base,
        "row": base[1],
        "block": base[1:3, 2:5],
        "transposed": base.t(),
        "permuted": torch.randn(2, 3, 4).permute(2, 0, 1),
        "step": torch.arange(10)[1::3],
        "expanded": torch.randn(1, 4).expand(3, 4),
        "position_ids": torch.arange(512).expand((1, -1)),
        "scalar": torch.tensor(3.5, dtype=torch.float64),
        "empty": torch.zeros(0, 3),
        "half": torch.randn(5).half(),
        "brain": torch.randn(7).bfloat16(),
        "brain_t": torch.randn(3, 2).bfloat16().t(),
        "bool": torch.tensor([True, False]),
        "parameter": torch.nn.Parameter(torch.randn(2, 2)),
        "uint16": torch.arange(3).to(torch.uint16),
        "uint64": torch.tensor([0, 2**63], dtype=torch.uint64),
    }
    for dtype in (torch.int8, torch.uint8, torch.int16, torch.int32, torch.int64):
        tensors[str(dtype)] = torch.arange(-3, 3).to(dtype)
    save(path, tensors, legacy)
    got = load_state_dict(path)
    assert list(got) == list(tensors)
    for name, tensor in tensors.items():
        check_equal(got[name], tensor)
    stored = pytorch_bin.load_stored(path)
    assert stored["brain"].dtype == "bfloat16" and stored["brain"].array.dtype == np.uint16
    assert stored["half"].dtype == "float16" and stored["half"].float32().dtype == np.float32
    assert stored["bool"].float32().dtype == np.bool_


@both_forms
def test_shared_storage_is_viewed_in_place(path, legacy):
    torch = pytest.importorskip("torch")
    base = torch.randn(64, 64)
    # The older form puts the data where its pickles happen to end, often misaligned; the length
    # of this name is chosen so that one of the files has them aligned.
    viewed = 0
    for name in ("a", "ab", "abc", "abcd"):
        save(path, {name: base, "tied": base, "part": base[3:7]}, legacy)
        got = load_state_dict(path)
        for key, tensor in ((name, base), ("tied", base), ("part", base[3:7])):
            check_equal(got[key], tensor)
        if not got[name].flags.owndata and got[name].base is not None:
            viewed += np.shares_memory(got[name], got["tied"])
            assert not got[name].flags.writeable or legacy
    assert viewed == 4 if not legacy else viewed >= 1


@both_forms
def test_nested_values(path, legacy):
    torch = pytest.importorskip("torch")
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    extra = {
        "args": argparse.Namespace(lr=0.1, none=None, names=["a", ("b", b"c", True)]),
        "size": torch.Size([1, 2]),
        "dtype": torch.float16,
        "numbers": [0, 255, -1, 65536, 2**31, -(2**31), 2**70, 1.5, float("inf")],
        "bytes": [b"", bytes(range(256))],
        "text": "\u00e9\u4e2d\U0001f600\0",
        "odd keys": {1: 2, None: 3, (b"x"): 4},
        "ordered": collections.OrderedDict(a=1, b=[{}, [], ()]),
    }
    save(path, {"model": model.state_dict(), **extra}, legacy)
    got = load(path)
    assert list(got["model"]) == list(model.state_dict())
    for name, tensor in model.state_dict().items():
        check_equal(got["model"][name], tensor)
    assert got["args"] == vars(extra["args"])
    assert got["size"] == (1, 2) and got["dtype"] == "torch.float16"
    for key in ("numbers", "bytes", "text", "odd keys", "ordered"):
        assert got[key] == extra[key]
    with pytest.raises(ValueError, match=r"entry 'model' is a dict, not a dict of tensors"):
        load_state_dict(path)


@both_forms
def test_optimizer_state(path, legacy):
    torch = pytest.importorskip("torch")
    model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.randn(4, 3)).sum().backward()
    optimizer.step()
    save(path, optimizer.state_dict(), legacy)
    got, expected = load(path), optimizer.state_dict()
    assert got["param_groups"] == expected["param_groups"]
    for i in (0, 1):
        check_equal(got["state"][i]["exp_avg"], expected["state"][i]["exp_avg"])


@both_forms
@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_protocols(path, legacy, protocol):
    torch = pytest.importorskip("torch")
    value = {"w": torch.arange(6.0).reshape(2, 3), "more": ["x" * 300, b"y" * 300, (1, 2, 3, 4)]}
    torch.save(value, path, pickle_protocol=protocol, _use_new_zipfile_serialization=not legacy)
    got = load(path)
    check_equal(got["w"], value["w"])
    assert got["more"] == value["more"]


class Evil:
    def __init__(self, function, *arguments):
        self.reduced = function, arguments

    def __reduce__(self):
        return self.reduced


@both_forms
@pytest.mark.parametrize(
    ("function", "arguments", "named"),
    [
        (os.system, ("touch {}",), "system"),
        (eval, ("open('{}', 'w')",), "eval"),
        (exec, ("open('{}', 'w')",), "exec"),
        (open, ("{}", "w"), "open"),
        (getattr, (os, "system"), "getattr"),
    ],
)
def test_no_code_runs(path, tmp_path, legacy, function, arguments, named):
    if function is getattr:
        arguments = ("text", "upper")
    witness = tmp_path / "witness"
    save(path, {"w": Evil(function, *(a.format(witness) for a in arguments))}, legacy)
    with pytest.raises(ValueError, match=rf"refuses to run code: .*{named}"):
        load(path)
    assert not witness.exists()


@both_forms
def test_whole_models_are_refused(path, legacy):
    torch = pytest.importorskip("torch")
    save(path, torch.nn.Linear(2, 2), legacy)
    with pytest.raises(
        ValueError, match=r"refuses to run code.*torch\.nn\.modules\.linear\.Linear"
    ):
        load(path)


@both_forms
def test_truncated_anywhere(path, legacy):
    torch = pytest.importorskip("torch")
    save(path, {"w": torch.randn(20), "b": torch.randn(3).half()}, legacy)
    data = path.read_bytes()
    for end in range(0, len(data), 7):
        path.write_bytes(data[:end])
        with pytest.raises(ValueError, match=str(path)):
            load(path)


def same(value, expected):
    torch = pytest.importorskip("torch")
    if isinstance(expected, torch.Tensor):
        check_equal(value, expected)
        return True
    if isinstance(expected, argparse.Namespace):
        expected = vars(expected)
    if isinstance(expected, dict):
        return list(value) == list(expected) and all(same(value[k], expected[k]) for k in expected)
    if isinstance(expected, (list, tuple)):
        return len(value) == len(expected) and all(map(same, value, expected))
    if isinstance(expected, torch.dtype):
        return value == str(expected)
    return value == expected or expected != expected


@pytest.mark.filterwarnings("ignore")
def test_same_values_as_torch():
    """Where torch.load takes a damaged file too, it reads the same from it."""
    torch = pytest.importorskip("torch")
    compared = 0
    for seed in range(500):
        contents = fuzz_pytorch_bin.make_file(random.Random(seed))
        fd, path = mutate.memory_file(contents)
        try:
            value = load(path)
            with torch.serialization.safe_globals([argparse.Namespace]):
                expected = torch.load(path, weights_only=True)
        except Exception:
            continue  # one of them refuses: that ours does so cleanly is another test's subject
        finally:
            os.close(fd)
        assert same(value, expected), seed
        compared += 1
    assert compared > 50


# ---- files written by hand: no torch needed below ----

F32 = Storage("FloatStorage", "0", 6)
DATA = {"0": np.arange(6, dtype="<f4").tobytes()}


def write_file(path, value, legacy=False, storages=DATA, raw=None):
    pickled = dump(value, legacy) if raw is None else raw
    if legacy:
        counts = {key: len(data) // 4 for key, data in storages.items()}
        path.write_bytes(torch_files.write_legacy(pickled, storages, counts))
    else:
        path.write_bytes(torch_files.write_zip(pickled, storages))
    return path


@both_forms
def test_files_by_hand(path, legacy):
    value = {"w": Tensor(F32, 0, (2, 3), (3, 1)), "t": Tensor(F32, 1, (2, 2), (1, 2))}
    got = load_state_dict(write_file(path, value, legacy))
    assert got["w"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert got["t"].tolist() == [[1, 3], [2, 4]]


@both_forms
@pytest.mark.parametrize(
    ("offset", "size", "stride", "message"),
    [
        (0, (7,), (1,), r"reaches element 6 of a storage of 6"),
        (1, (6,), (1,), r"offset 1 reaches element 6"),
        (6, (), (), r"reaches element 6"),
        (0, (2, 3), (4, 1), r"reaches element 6"),
        (0, (2**61,), (1,), r"reaches element"),
        (0, (2,), (2**61,), r"reaches element"),
        (-1, (1,), (1,), r"offset must be a non-negative integer, got -1"),
        (0, (-1,), (1,), r"size must be a non-negative"),
        (0, (2,), (-1,), r"stride must be a non-negative"),
        (0, (2**62,), (0,), r"non-negative integer"),
        (0, (2**40,), (0,), r"far more memory"),
        (0, (2, 3), (1,), r"size \(2, 3\) with strides \(1,\)"),
        (0, (True,), (1,), r"got True"),
        (0, (1,) * 33, (1,) * 33, r"at most 32"),
        (0, "x", (1,), r"tuple of at most"),
    ],
)
def test_tensors_outside_their_storage(path, legacy, offset, size, stride, message):
    write_file(path, {"w": Tensor(F32, offset, size, stride)}, legacy)
    with pytest.raises(ValueError, match=message):
        load(path)


def test_copies_are_limited(path):
    """A few bytes that ask for many copies of a large tensor."""
    many = [Tensor(F32, 0, (1 << 20,), (0,)) for _ in range(20)]
    with pytest.raises(ValueError, match="far more memory"):
        load(write_file(path, many))
    assert len(load(write_file(path, many[:3]))) == 3


def test_bools_are_checked(path):
    tensor = Tensor(Storage("BoolStorage", "0", 3), 0, (3,), (1,))
    assert load(write_file(path, tensor, storages={"0": b"\1\0\1"})).tolist() == [True, False, True]
    with pytest.raises(ValueError, match="neither 0 nor 1"):
        load(write_file(path, tensor, storages={"0": b"\1\2\1"}))


# A list of twice a list of twice a list..., short here, endless when written out; left in memo 9.
ENDLESS = b"]q\x09" + b"0](h\x09h\x09eq\x09" * 60
SIZE = b"\x80\x02ctorch\nSize\n"
REBUILD = b"\x80\x02ctorch._utils\n_rebuild_tensor_v3\n"
STORAGE = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000NK\x06tQ"

PICKLES = {
    b"\x80\x02" + ENDLESS + b"0" + SIZE[2:] + b"(h\x09t\x85R.": "integer, got a list",
    b"\x80\x02" + ENDLESS + b"0" + SIZE[2:] + b"h\x09\x85R.": "integer, got a list",
    b"\x80\x02" + ENDLESS + b"}(h\x09Nu0.": "a key is a list",
    SIZE + b"N" + b"\x85" * 100_000 + b"\x85\x85R.": "integer, got a tuple",
    REBUILD + b"(" + STORAGE + b"NNNNNNtR.": "unknown dtype None",
    b"\x80\x02ccollections\nOrderedDict\nq\x00]q\x01(" + b"NN\x86" * 20_000 + b"e"
    b"\x85q\x02" + b"0h\x00h\x02R" * 2000 + b".": "far too often",
    b"\x80\x02cargparse\nNamespace\n)\x81}q\x01("
    + b"".join(b"J" + struct.pack("<i", i) + b"N" for i in range(20_000))
    + b"u"
    + b"bh\x01" * 2000
    + b"b.": "far too often",
    b"\x80\x02N\x8a\x08" + b"\xff" * 7 + b"\x7fp99999999999999999999999\n0.": "remembers something",
    b"\x80\x02}\x8a\x08" + b"\xff" * 7 + b"\x7fNs.": "a key is 9223372036854775807",
    b"\x80\x02}G\x3f\xf0\x00\x00\x00\x00\x00\x00Ns.": "a key is a float",
    b"\x80\x02.": "leaves 0 values",
    b"\x80\x02NN.": "leaves 2 values",
    b"\x80\x02(.": "leaves 0 values",
    b"\x80\x020.": "no mark",
    b"\x80\x02N\xff": "damaged pickle",
    b"\x80\x02\xff.": "damaged pickle",
    b"\x80\x02h\x05.": "nothing was remembered as number 5",
    b"\x80\x02j\xff\xff\xff\xff.": "nothing was remembered",
    b"\x80\x02q\x01N.": "nothing on the stack",
    b"\x80\x02N\x85\x86.": "too little",
    b"\x80\x02t.": "no mark",
    b"\x80\x02](NNu.": "what is filled is a list, not a dict",
    b"\x80\x02}(Nu.": "a key without a value",
    b"\x80\x02}(]Nu.": "a key is a list",
    b"\x80\x02}N)Nd.": "no mark",
    b"\x80\x02})Ns.": "a key is a tuple",
    b"\x80\x02NNR.": "what is called is a NoneType",
    b"\x80\x02NNb.": "refuses to set the state",
    b"\x80\x02Na.": "too little|nothing on the stack",
    b"\x80\x02NNa.": "not a list",
    b"\x80\x02Pabc\n.": "refused",
    b"\x80\x02(ios\nsystem\n.": "refused",
    b"\x80\x02(cos\nsystem\no.": "refuses to run code",
    b"\x80\x02\x82\x01.": "refused",
    b"\x80\x04\x8f.": "refused",
    b"\x80\x05\x97.": "refused",
    b"\x80\x02\x8c\x02os\x8c\x06system\x93.": "refuses to run code: .*'os.system'",
    b"\x80\x02ctorch\nFloatStorage\n.": "a bare _StorageType",
    b"\x80\x02ctorch\nSize\n.": "a bare torch.Size",
    b"\x80\x02ctorch\nSize\n(Nt\x85R.": "torch.Size must be a non-negative integer",
    b"\x80\x02c_codecs\nencode\nNN\x86R.": "latin1",
    b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n)R.": "wrong arguments for torch._utils",
    b"\x80\x02ctorch._utils\n_rebuild_parameter\nN\x85R.": "a parameter without a tensor",
    b"\x80\x02NQ.": "persistent id that is not",
    b"\x80\x02(U\x07storageNNNNtQ.": "unknown type",
    b"\x80\x02\x8a\x20" + b"\x01" * 32 + b".": "integer of 249 bits",
    b"\x80\x02]q\x00h\x00a.": "inside itself",
    b"\x80\x02" + b"]" + b"\x85" * 200 + b".": "64 deep",
    b"\x80\x02" + b")" + b"\x85" * 1_000_000 + b".": "64 deep",
    b"\x80\x02N" + b"0N" * 1_000_001 + b".": "more than 2000000 opcodes",
    b"\x80\x02X\xff\xff\xff\x7fabc.": "damaged pickle",
    b"\x80\x02\x8e" + b"\xff" * 7 + b"\x7f.": "damaged pickle",
    b"\x80\x02X\x01\x00\x00\x00\xff.": "damaged pickle",
    b"\x80\x02\x8c\xff.": "damaged pickle",
}


@both_forms
@pytest.mark.parametrize("pickled", PICKLES, ids=lambda data: repr(data[:24]))
def test_bad_pickles(path, legacy, pickled):
    write_file(path, None, legacy, DATA if STORAGE in pickled else {}, raw=pickled)
    with pytest.raises(ValueError, match=PICKLES[pickled]) as caught:
        load(path)
    assert str(path) in str(caught.value)


def test_shared_structure_costs_nothing():
    """A list of twice a list of twice a list... is walked once for each list."""
    pickled = b"\x80\x02]" + b"".join(
        b"q" + bytes([i]) + b"](h" + bytes([i]) * 1 + b"h" + bytes([i]) + b"e" for i in range(60)
    )
    # Each round leaves the inner list below the outer one on the stack: put them in a tuple.
    value = restricted_pickle.read_pickle(io.BytesIO(b"\x80\x02(" + pickled[2:] + b"t."), {})
    assert len(value) == 61 and value[1] == [[], []]


def test_python_values_agree_with_pickle():
    value = {"a": [1, -1, 300, 2**40, -(2**40), 1.5, None, True, False], "b": ("x", b"y" * 300)}
    value["c"] = ["\u4e2d" * 100, {"d": {}}, (), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)]
    for protocol in range(6):
        if protocol < 3:
            value["b"] = ("x",)  # bytes need a function call there
        data = pickle.dumps(value, protocol)
        assert restricted_pickle.read_pickle(io.BytesIO(data), {}) == value


# ---- damaged containers ----


def rewrite(path, change):
    data = bytearray(path.read_bytes())
    change(data)
    path.write_bytes(data)


def test_zip_damage(path):
    value = {"w": Tensor(F32, 0, (6,), (1,))}
    data = write_file(path, value).read_bytes()
    local = data.index(b"PK\x03\x04", 4)  # the second member
    central = data.index(b"PK\x01\x02")

    def message(*edits):
        damaged = bytearray(data)
        for where, new in edits:
            damaged[where : where + len(new)] = new
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=str(path)) as caught:
            load(path)
        return str(caught.value)

    assert "is encrypted" in message((6, b"\1"))
    assert "is encrypted" in message((central + 8, b"\1"))
    assert "is compressed" in message((8, b"\x08"))
    assert "is compressed" in message((central + 10, b"\x08"))
    assert "another name" in message((30, b"X"))
    assert "lacks" in message((data.index(b"archive/data/0", central), b"archive/data/9"))
    assert "do not fit" in message((central + 20, b"\xff\xff\xff\x7f" * 2))
    assert "do not fit" in message((central + 20, b"\x01\0\0\0"))
    assert "do not fit" in message((28, b"\xff\xff"))
    assert "no local header" in message((central + 42, struct.pack("<I", local + 1)))
    assert "big-endian" in message((data.index(b"little"), b"biggie"))
    assert "0 members called data.pkl" in message(
        (30, b"archive/data.pkX"), (central + 46, b"archive/data.pkX")
    )


def test_zip_with_repeated_members(path):
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/data.pkl", dump({}))
        archive.writestr("a/data.pkl", dump({}))
    with pytest.raises(ValueError, match="same name"):
        load(path)


def test_compressed_archives_are_refused(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data.pkl", dump({}))
    with pytest.raises(ValueError, match="is compressed"):
        load(path)


def test_storage_of_another_length(path):
    value = {"w": Tensor(Storage("FloatStorage", "0", 5), 0, (5,), (1,))}
    with pytest.raises(ValueError, match=r"'0': 5 elements of float32, but 24 bytes"):
        load(write_file(path, value))


def test_legacy_damage(path):
    value = {"w": Tensor(F32, 0, (6,), (1,))}

    def message(contents):
        path.write_bytes(contents)
        with pytest.raises(ValueError, match=str(path)) as caught:
            load(path)
        return str(caught.value)

    def file(pickled, storages, counts, system=None):
        contents = torch_files.write_legacy(pickled, storages, counts)
        if system is not None:
            head = dump(torch_files.MAGIC) + dump(1001)
            old = dump(
                {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2}}
            )
            assert contents.startswith(head + old)
            contents = head + dump(system) + contents[len(head + old) :]
        return contents

    good = dump(value, True)
    assert load(write_file(path, value, True))["w"].tolist() == [0, 1, 2, 3, 4, 5]
    assert "not those that the tensors use" in message(file(good, {}, {}))
    more = {**DATA, "1": b""}
    assert "not those that the tensors use" in message(file(good, more, {"0": 6, "1": 0}))
    assert "6 elements expected, 7 in the file" in message(file(good, DATA, {"0": 7}))
    assert "cut short" in message(file(good, DATA, {"0": 6})[:-1])
    assert "little-endian" in message(file(good, DATA, {"0": 6}, {"little_endian": False}))
    assert "little-endian" in message(file(good, DATA, {"0": 6}, [1]))
    assert "not from torch.save" in message(dump(5))
    assert "protocol 7" in message(dump(torch_files.MAGIC) + dump(7))
    twice = [Tensor(F32, 0, (6,), (1,)), Tensor(Storage("LongStorage", "0", 6), 0, (1,), (1,))]
    assert "described in two ways" in message(file(dump(twice, True), DATA, {"0": 6}))


def test_legacy_views(path):
    """Torch before 0.4 could save a storage as a view of another."""

    def pickled(view):
        function = Name("torch._utils", "_rebuild_tensor")
        data = dump({"w": Call(function, (F32, 0, (2,), (1,)))}, True)
        assert data.count(b"NtQ") == 1  # the end of the persistent id: no view
        return data.replace(b"NtQ", dump(view)[2:-1] + b"tQ")

    write_file(path, None, True, raw=pickled(("0:3", 3, 2)))
    assert load(path)["w"].tolist() == [3, 4]
    for view, message in [
        (("0:3", 5, 2), "past its end"),
        (("0:3", -1, 2), "non-negative"),
        (("0:3", 3, 1), "reaches element 1"),
        (("0:3", 3), "malformed view"),
        (5, "malformed view"),
    ]:
        write_file(path, None, True, raw=pickled(view))
        with pytest.raises(ValueError, match=message):
            load(path)


def test_files_that_are_none(tmp_path, path):
    with pytest.raises(FileNotFoundError):
        load(path)
    with pytest.raises(OSError, match="not a regular file"):
        load(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="not a regular file"):
        load(tmp_path / "pipe")
    for contents, message in [
        (b"", "is empty"),
        (b"<html>404</html>", "not a file that torch.save writes"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:", "Git LFS pointer"),
        (bytes(257) + b"ustar" + bytes(300), "tar archive"),
        (b"PK\x03\x04" + bytes(100), "damaged zip archive"),
    ]:
        path.write_bytes(contents)
        with pytest.raises(ValueError, match=message):
            load(path)
    path.write_bytes(torch_files.write_zip(dump([1]), {}))
    with pytest.raises(ValueError, match="holds a list, not a dict of tensors"):
        load_state_dict(path)
