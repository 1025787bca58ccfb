"""The reader of safetensors files, against the safetensors package and by hand."""

import gc
import json
import os
import random
import re
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytxenc._core import SafeTensors, to_float32

F32 = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}


def write(path, header, data=b"", length=None):
    """A file whose header is a dict (aligned as is usual), or JSON text as it is."""
    if isinstance(header, dict):
        header = json.dumps(header)
        header += " " * (-len(header) % 8)
    if isinstance(header, str):
        header = header.encode()
    length = len(header) if length is None else length
    path.write_bytes(length.to_bytes(8, "little") + header + data)
    return path


def refused(path, header, data=b"", length=None):
    """The message with which such a file is refused, without its path."""
    write(path, header, data, length)
    with pytest.raises(ValueError, match=re.escape(str(path))) as caught:
        SafeTensors(path)
    return str(caught.value).removeprefix(f"{path}: ")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "m.safetensors"


def test_reads_what_the_reference_writes(path):
    reference = pytest.importorskip("safetensors.numpy")
    rng = np.random.default_rng(0)
    dtypes = "bool int8 uint8 int16 uint16 int32 uint32 int64 uint64 float16 float32 float64"
    tensors = {}
    for name in dtypes.split():
        for shape in [(), (3,), (2, 0, 4), (4, 3, 2)]:
            values = rng.integers(0, 2 if name == "bool" else 100, shape)
            tensors[f"{name}{shape}"] = np.asarray(values).astype(name)
    reference.save_file(tensors, path, {"format": "np", "\u00e9\n": '"\\\U0001f600'})
    file = SafeTensors(path)
    assert file.metadata == {"format": "np", "\u00e9\n": '"\\\U0001f600'}
    assert file.nbytes == path.stat().st_size
    assert sorted(file.keys()) == sorted(tensors)
    for name, expected in tensors.items():
        got = file.tensor(name)
        assert got.dtype == expected.dtype and file.dtype(name) == expected.dtype.name
        assert got.shape == expected.shape == file.shape(name)
        assert got.flags.aligned and got.flags.c_contiguous and not got.flags.writeable
        np.testing.assert_array_equal(got, expected)
        if expected.dtype.kind == "f":
            as_float = file.float32(name)
            assert as_float.dtype == np.float32
            np.testing.assert_array_equal(as_float, expected.astype(np.float32))
        else:
            with pytest.raises(ValueError, match=rf"holds {expected.dtype.name}, not float"):
                file.float32(name)


def test_dtypes_numpy_lacks(path):
    torch = pytest.importorskip("torch")
    reference = pytest.importorskip("safetensors.torch")
    brain = torch.randn(3, 5).to(torch.bfloat16)
    reference.save_file({"b": brain, "f8": torch.ones(4).to(torch.float8_e4m3fn)}, path)
    file = SafeTensors(path)
    assert file.dtype("b") == "bfloat16" and file.tensor("b").dtype == np.uint16
    np.testing.assert_array_equal(file.tensor("b"), brain.view(torch.uint16).numpy())
    np.testing.assert_array_equal(file.float32("b"), brain.float().numpy())
    assert file.dtype("f8") == "F8_E4M3" and file.shape("f8") == (4,)
    for read in (file.tensor, file.float32):
        with pytest.raises(ValueError, match=r"'f8': dtype F8_E4M3 is not supported"):
            read("f8")


def test_to_float32_is_exact():
    bits = np.arange(65536, dtype=np.uint16)
    with np.errstate(invalid="ignore"):
        half = bits.view(np.float16).astype(np.float32)
    np.testing.assert_array_equal(to_float32(bits.view(np.float16), "float16"), half)
    brain = (bits.astype(np.uint32) << 16).view(np.float32)
    np.testing.assert_array_equal(to_float32(bits.reshape(256, 256), "bfloat16").ravel(), brain)
    double = np.array([[0.1, 1e300], [-1e-300, np.nan]])
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(to_float32(double.T, "float64"), double.T.astype("f4"))


@pytest.mark.parametrize(
    ("array", "dtype", "error"),
    [
        (np.zeros(2, np.float32), "float16", TypeError),
        (np.zeros(2, np.float16), "bfloat16", TypeError),
        (np.zeros(2, ">f8"), "float64", TypeError),
        (np.zeros(2, np.float32), "float32", ValueError),
        ([1.0], "float64", AttributeError),
    ],
)
def test_to_float32_reinterprets_nothing(array, dtype, error):
    with pytest.raises(error):
        to_float32(array, dtype)


def test_unknown_names(path):
    file = SafeTensors(write(path, {"a": F32}, bytes(4)))
    for look_up in (file.tensor, file.float32, file.shape, file.dtype):
        with pytest.raises(KeyError, match="nope"):
            look_up("nope")
        with pytest.raises(TypeError):
            look_up(1)
        with pytest.raises(ValueError, match="surrogate"):
            look_up("\ud800")


def test_arrays_keep_the_mapping(path):
    array = SafeTensors(write(path, {"a": F32}, np.float32(7).tobytes())).tensor("a")
    path.unlink()
    gc.collect()
    assert array[0] == 7 and isinstance(array.base, SafeTensors)


def test_misaligned_data_are_copied(path):
    values = np.arange(5, dtype="<f8")
    header = {"a": {"dtype": "F64", "shape": [5], "data_offsets": [0, 40]}}
    copied = 0
    for padding in range(8):
        text = json.dumps(header) + " " * padding
        file = SafeTensors(write(path, text, values.tobytes()))
        array = file.tensor("a")
        assert array.flags.aligned and not array.flags.writeable
        np.testing.assert_array_equal(array, values)
        copied += array.base is not file
    assert copied == 7


def test_opening_a_large_file_copies_nothing(path, resident):
    rows = 640 * 1024 * 1024 // 4096
    header = {
        "a": {"dtype": "F32", "shape": [rows // 2, 1024], "data_offsets": [0, rows * 2048]},
        "b": {
            "dtype": "F32",
            "shape": [rows // 2, 1024],
            "data_offsets": [rows * 2048, rows * 4096],
        },
    }
    write(path, header)
    os.truncate(path, path.stat().st_size + rows * 4096)
    SafeTensors(path)  # what the first use of anything costs is not of interest
    before = resident()
    file = SafeTensors(path)
    arrays = [file.tensor("a"), file.float32("a"), file.float32("b")]
    assert file.nbytes > 500e6 and sum(a.nbytes for a in arrays[1:]) > 500e6
    assert np.shares_memory(arrays[0], arrays[1])
    assert arrays[2].ctypes.data - arrays[1].ctypes.data == arrays[1].nbytes
    assert arrays[1][-1, -1] == 0 and arrays[2][-1, -1] == 0
    assert resident() - before < 4 << 20
    # The measure itself works: pages that are touched do count.
    assert arrays[1][: rows // 8].sum() == 0
    assert resident() - before > 32 << 20


def test_nothing_leaks(path, tmp_path, resident):
    header = {
        "__metadata__": {"k": "v" * 10_000},
        "a": {"dtype": "F16", "shape": [5000], "data_offsets": [0, 10_000]},
    }
    good, bad = write(path, header, bytes(10_000)), tmp_path / "bad"
    write(bad, header, bytes(10_001))

    def rounds(count):
        for _ in range(count):
            file = SafeTensors(good)
            assert file.tensor("a").size == file.float32("a").size and file.metadata
            with pytest.raises(ValueError, match="10001 bytes of data"):
                SafeTensors(bad)

    rounds(100)
    before = resident()
    rounds(1500)
    assert resident() - before < 4 << 20


def test_files_that_are_none(tmp_path, path):
    with pytest.raises(OSError, match=r"nope: cannot open: No such file"):
        SafeTensors(tmp_path / "nope")
    with pytest.raises(OSError, match="is a directory"):
        SafeTensors(tmp_path)
    with pytest.raises(OSError, match="not a regular file"):
        SafeTensors("/dev/null")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="not a regular file"):
        SafeTensors(os.fsencode(tmp_path / "pipe"))
    path.write_bytes(b"")
    with pytest.raises(ValueError, match="0 bytes are too few"):
        SafeTensors(str(path))
    path.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0")
    with pytest.raises(ValueError, match="is a Git LFS pointer"):
        SafeTensors(path)
    with pytest.raises(ValueError, match="null"):
        SafeTensors("a\0b")
    with pytest.raises(TypeError):
        SafeTensors(1.5)


def test_header_lengths(path):
    assert "header of 5 bytes does not fit" in refused(path, "{}", length=5)
    assert "more than 100000000" in refused(path, "{}", length=2**63)
    assert "more than 100000000" in refused(path, "{}", length=100_000_001)
    assert "does not fit" in refused(path, "{}", length=100_000_000)
    assert SafeTensors(write(path, "{} ")).keys() == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dtype": "F33"}, r'tensor "t": unknown dtype "F33"'),
        ({"dtype": 5}, "expected a string"),
        ({"dtype": None}, "expected a string"),
        ({"shape": [3]}, r'tensor "t": its shape takes 96 bits of F32, but .* 8 bytes'),
        ({"shape": [2, -1]}, "expected a non-negative integer"),
        ({"shape": [2.0]}, "expected a non-negative integer"),
        ({"shape": [2**62, 4]}, "more elements than memory"),
        ({"shape": [2**63]}, "a dimension of 9223372036854775808"),
        ({"shape": [2**64]}, "more than 64 bits"),
        ({"shape": 2}, "expected an array"),
        ({"data_offsets": [8, 0]}, r"\[8, 0\] do not lie in order"),
        ({"data_offsets": [0, 12]}, r"\[0, 12\] do not lie .* 8 bytes of data"),
        ({"data_offsets": [0, 2**64 - 1]}, "do not lie in order"),
        ({"data_offsets": [0]}, "must be two numbers"),
        ({"data_offsets": [0, 8, 8]}, "must be two numbers"),
        ({"data_offsets": []}, "must be two numbers"),
        ({"shape": [1], "data_offsets": [4, 8]}, r'"t": its data begin at 4, leaving a gap'),
        ({"shape": [1], "data_offsets": [0, 4]}, "8 bytes of data, but the tensors end at 4"),
        ({"dtype": "F4", "shape": [1], "data_offsets": [0, 0]}, "takes 4 bits of F4"),
    ],
)
def test_bad_tensors(path, changes, message):
    tensor = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]} | changes
    assert re.search(message, refused(path, {"t": tensor}, bytes(8)))


def test_bad_layouts(path):
    def tensor(begin, end):
        return {"dtype": "U8", "shape": [end - begin], "data_offsets": [begin, end]}

    overlap = {"a": tensor(0, 4), "b": tensor(2, 8)}
    assert "inside another tensor's (4 would" in refused(path, overlap, bytes(8))
    assert "leaving a gap" in refused(path, {"a": tensor(0, 3), "b": tensor(4, 8)}, bytes(8))
    assert "tensors end at 0" in refused(path, {}, bytes(1))
    one = json.dumps(tensor(0, 4))
    assert 'tensor "a" twice' in refused(path, f'{{"a":{one},"\\u0061":{one}}}', bytes(4))
    twice = '{"a":{"dtype":"U8","dtype":"U8","shape":[4],"data_offsets":[0,4]}}'
    assert '"dtype" twice' in refused(path, twice, bytes(4))
    for field in ("dtype", "shape", "data_offsets"):
        rest = {key: value for key, value in tensor(0, 4).items() if key != field}
        assert f'no "{field}"' in refused(path, {"a": rest}, bytes(4))
    assert "twice" in refused(path, '{"__metadata__":{},"__metadata__":{}}')
    assert 'has "k" twice' in refused(path, '{"__metadata__":{"k":"","k":""}}')
    assert "expected a string" in refused(path, '{"__metadata__":{"k":1}}')
    unordered = {"b": tensor(4, 8), "none": tensor(4, 4), "a": tensor(0, 4)}
    assert SafeTensors(write(path, unordered, bytes(8))).keys() == ["a", "none", "b"]


def test_many_dimensions(path):
    header = {"a": {"dtype": "F32", "shape": [1] * 50, "data_offsets": [0, 4]}}
    file = SafeTensors(write(path, header, bytes(4)))
    assert file.shape("a") == (1,) * 50
    with pytest.raises(ValueError, match="'a': 50 dimensions, at most 8"):
        file.tensor("a")


def test_bools_are_checked(path):
    header = {"a": {"dtype": "BOOL", "shape": [3], "data_offsets": [0, 3]}}
    assert SafeTensors(write(path, header, b"\0\1\1")).tensor("a").tolist() == [False, True, True]
    with pytest.raises(ValueError, match="element 1 is 2, not a bool"):
        SafeTensors(write(path, header, b"\0\2\1")).tensor("a")


# ---- JSON, which this file format is the first to need ----


def read_json(path, value):
    """Pass JSON text through the reader, at a place where any value may stand."""
    text = b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"more":%s}}' % value
    return SafeTensors(write(path, text, bytes(4)))


GOOD_JSON = ["0", "-0", "1.5", "-1e9", "1E+9", "0.0e-0", '""', '"\\u0000\\ud83d\\ude00"', "[]"]
GOOD_JSON += ["{}", "[[],{}]", "null", "true", "false", ' [ 1 , { "a" : 2 } ] ', "9" * 400]
GOOD_JSON += ["[" * 120 + "]" * 120, '"\\"\\\\\\/\\b\\f\\n\\r\\t"', '"\x7f\u00e9\U0010ffff"']
BAD_JSON = ["", "01", "-", "+1", "1.", ".5", "1e", "1e+", "-a", "0x1", "NaN", "Infinity", "nul"]
BAD_JSON += ["truee", "'a'", '"', '"\\x"', '"\\u12"', '"\\u12g4"', '"\\ud800"', '"\\udc00"']
BAD_JSON += ['"\\ud800\\u0041"', '"\n"', '"\0"', "[1,]", "[,]", "[1 2]", "[1}", "{1:2}", "{]"]
BAD_JSON += [
    '{"a"}',
    '{"a":}',
    '{"a":1,}',
    '{"a" 1}',
    "[",
    "{",
    "1 1",
    "/**/1",
    "\u00e9",
    "\ufeff1",
]
BAD_JSON += ["[" * 200 + "]" * 200, "[" * 1_000_000, '{"a":' * 100_000, "\x00", "\v1", "\u00a01"]


@pytest.mark.parametrize("text", GOOD_JSON, ids=lambda text: ascii(text[:20]))
def test_good_json(path, text):
    json.loads(text)
    assert read_json(path, text.encode()).keys() == ["a"]


@pytest.mark.parametrize("text", BAD_JSON, ids=lambda text: ascii(text[:20]))
def test_bad_json(path, text):
    with pytest.raises(ValueError, match=r"(byte \d+)"):
        read_json(path, text.encode())


BAD_UTF8 = [b"\x80", b"\xc0\x80", b"\xc1\xbf", b"\xe0\x80\x80", b"\xed\xa0\x80", b"\xff", b"\xc3"]
BAD_UTF8 += [
    b"\xf0\x80\x80\x80",
    b"\xf4\x90\x80\x80",
    b"\xf5\x80\x80\x80",
    b"\xe2\x82",
    b"\xf0\x9f",
]


@pytest.mark.parametrize("data", BAD_UTF8)
def test_bad_utf8(path, data):
    with pytest.raises(UnicodeDecodeError):
        data.decode()
    with pytest.raises(ValueError, match="invalid UTF-8 at byte"):
        read_json(path, b'"' + data + b'"')


def test_every_code_point(path):
    text = "".join(map(chr, [*range(0xD800), *range(0xE000, 0x110000)]))
    for ascii_only in (False, True):
        header = json.dumps({"__metadata__": {text: text[::-1]}}, ensure_ascii=ascii_only)
        assert SafeTensors(write(path, header)).metadata == {text: text[::-1]}


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner)
    ),
)


@given(values, st.booleans(), st.sampled_from([None, 0, 3]))
def test_any_json(tmp_path_factory, value, ascii_only, indent):
    path = tmp_path_factory.getbasetemp() / "any.safetensors"
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    assert read_json(path, text.encode()).keys() == ["a"]


# ---- against the reference reader ----


def test_same_verdict_as_the_reference(path, monkeypatch):
    """On damaged headers both readers agree, repeated names aside."""
    safetensors = pytest.importorskip("safetensors")
    monkeypatch.syspath_prepend(os.path.join(os.path.dirname(__file__), "..", "fuzz"))
    import fuzz_safetensors

    agreed = {True: 0, False: 0}
    for seed in range(4000):
        contents = fuzz_safetensors.make_file(random.Random(seed))
        path.write_bytes(contents)
        problem = None
        try:
            SafeTensors(path)
        except ValueError as error:
            problem = str(error)
        try:
            expected = dict(safetensors.deserialize(contents))
        except safetensors.SafetensorError:
            expected = None
        if problem is not None and expected is not None:
            assert re.search(r"twice|surrogate|expected a value|dimension of", problem), seed
            continue
        assert (problem is None) == (expected is not None), (seed, problem, contents)
        if expected is not None:
            file = SafeTensors(path)
            assert {name: list(file.shape(name)) for name in file.keys()} == {  # noqa: SIM118
                name: info["shape"] for name, info in expected.items()
            }
        agreed[problem is None] += 1
    assert min(agreed.values()) > 300, agreed


def test_many_threads(path):
    header = {
        f"t{i}": {"dtype": "F32", "shape": [256], "data_offsets": [i * 1024, i * 1024 + 1024]}
        for i in range(100)
    }
    data = np.repeat(np.arange(100, dtype="<f4"), 256)
    write(path, header, data.tobytes())
    failures = []

    def work():
        try:
            for _ in range(20):
                file = SafeTensors(path)
                for i in range(100):
                    assert (file.float32(f"t{i}") == i).all()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_a_message_that_does_not_fit_ends_between_letters(tmp_path):
    """The buffer for messages is shorter than this path; it must not cut a letter in two."""
    for shift in range(3):
        folder = tmp_path / ("x" * shift)
        for _ in range(8):
            folder /= "语" * 60
        folder.mkdir(parents=True)
        path = folder / "model.safetensors"
        path.write_bytes(b"too short")
        with pytest.raises(ValueError, match="语") as caught:
            SafeTensors(path)
        assert "\ufffd" not in str(caught.value)
