"""Written safetensors files against the safetensors library."""

import os
import stat

import numpy as np
import pytest

from pytxenc.safetensors_file import _DTYPES, atomic_file, save_file

RNG = np.random.default_rng(3)
TENSORS = {
    f"{prefix}.{dtype}": RNG.integers(0, 2, shape).astype(dtype)
    for prefix, shape in {"b": (3, 5), "a": (), "ümlaut\n": (0, 4), "c": (7,)}.items()
    for dtype in _DTYPES
    if dtype != "bfloat16"
}


def test_same_bytes_as_the_library(tmp_path):
    numpy = pytest.importorskip("safetensors.numpy")
    for metadata in (None, {}, {"format": "pt"}):
        save_file(TENSORS, tmp_path / "ours", metadata)
        numpy.save_file(TENSORS, tmp_path / "theirs", metadata)
        assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()


def test_bfloat16_as_the_library(tmp_path):
    """Bits and their place in the file are those of torch's tensors."""
    torch = pytest.importorskip("torch")
    library = pytest.importorskip("safetensors.torch")
    from pytxenc.numeric import bfloat16_bits

    values = RNG.integers(0, 2**32, (64, 257), dtype=np.uint32).view(np.float32)
    values[0, :4] = [np.nan, -np.inf, 1.00390625, 1.01171875]  # the last two are halfway
    half = RNG.standard_normal(9).astype(np.float16)
    given = {
        "a": values,
        "h": half,
        "bf": bfloat16_bits(values),
        "u": np.arange(3, dtype=np.uint16),
    }
    theirs = {name: torch.from_numpy(given[name]) for name in "ahu"}
    theirs["bf"] = torch.from_numpy(values).bfloat16()
    theirs["bf"].view(torch.int16)[torch.from_numpy(np.isnan(values))] = 0
    given["bf"][np.isnan(values)] = 0  # of NaN the bits may differ
    save_file(given, tmp_path / "ours", bfloat16={"bf"})
    library.save_file(theirs, tmp_path / "theirs")
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()
    bits = bfloat16_bits(values[np.isnan(values)])
    assert np.isnan((bits.astype(np.uint32) << 16).view(np.float32)).all()


def test_library_reads_what_needs_converting(tmp_path):
    numpy = pytest.importorskip("safetensors.numpy")
    matrix = RNG.standard_normal((4, 6)).astype(np.float32)
    given = {"turned": matrix.T, "strided": matrix[::2, ::3], "big": matrix.astype(">f4")}
    save_file(given, tmp_path / "file")
    for name, array in numpy.load_file(tmp_path / "file").items():
        np.testing.assert_array_equal(array, given[name])


def test_we_read_what_we_write(tmp_path):
    from pytxenc._core import SafeTensors

    tensors = {n: t for n, t in TENSORS.items() if "complex" not in n}
    save_file(tensors, tmp_path / "file", {"format": "np"})
    file = SafeTensors(tmp_path / "file")
    assert file.metadata == {"format": "np"} and set(file.keys()) == set(tensors)
    for name, array in tensors.items():
        np.testing.assert_array_equal(file.tensor(name), array)
        assert file.dtype(name) == array.dtype.name


@pytest.mark.parametrize(
    ("tensors", "metadata", "error", "match"),
    [
        ({"x": [1, 2]}, None, TypeError, "'x' is a list"),
        ({"x": np.zeros(2, complex)}, None, TypeError, "'x' has dtype complex128"),
        ({3: np.zeros(2)}, None, TypeError, "name 3"),
        ({"__metadata__": np.zeros(2)}, None, ValueError, "__metadata__"),
        ({"x": np.zeros(2)}, {"n": 3}, ValueError, "metadata"),
    ],
)
def test_refused(tmp_path, tensors, metadata, error, match):
    with pytest.raises(error, match=match):
        save_file(tensors, tmp_path / "file", metadata)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(KeyError), atomic_file(path) as file:
        file.write(b"new")
        raise KeyError
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_permissions_are_the_usual_ones(tmp_path):
    save_file({}, tmp_path / "file")
    (tmp_path / "plain").touch()
    modes = {stat.S_IMODE(os.stat(tmp_path / name).st_mode) for name in ("file", "plain")}
    assert len(modes) == 1
