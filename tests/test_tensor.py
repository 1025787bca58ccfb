"""The light tensor against torch, and the border between kinds."""

import math
import pickle
import sys
import warnings

import numpy as np
import pytest

from pytxenc.tensor import Tensor, as_tensor, is_tensor, kind_of, like, to_numpy

RNG = np.random.default_rng(7)
FLOATS = RNG.standard_normal((2, 3, 4)).astype(np.float32)
INTS = RNG.integers(-5, 5, (2, 3, 4))
MASK = FLOATS > 0


def same(ours, theirs):
    """Equal in type, dtype, shape and, within rounding, value."""
    if isinstance(theirs, tuple):
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            same(a, b)
        return
    assert isinstance(ours, Tensor)
    assert str(theirs.dtype) == f"torch.{ours.dtype}"
    assert tuple(theirs.shape) == ours.shape
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-6, atol=1e-6)


# Each is run on both kinds of tensor: f floats, i integers, m a mask.
CASES = {
    "unsqueeze": lambda f, i, m: f.unsqueeze(-1),
    "squeeze": lambda f, i, m: f[:1, :, :1].squeeze(),
    "squeeze_dim": lambda f, i, m: f[:1].squeeze(0),
    "squeeze_no_effect": lambda f, i, m: f.squeeze(1),
    "view": lambda f, i, m: f.view(-1, 4),
    "view_tuple": lambda f, i, m: f.view((6, 4)),
    "reshape": lambda f, i, m: f.transpose(0, 2).reshape(-1),
    "argmax_all": lambda f, i, m: f.argmax(),
    "argmax": lambda f, i, m: f.argmax(dim=-1),
    "argmax_axis": lambda f, i, m: f.argmax(axis=1),
    "argmax_keepdim": lambda f, i, m: f.argmax(dim=1, keepdim=True),
    "argmin": lambda f, i, m: f.argmin(dim=0),
    "softmax": lambda f, i, m: f.softmax(dim=-1),
    "softmax_first": lambda f, i, m: f.softmax(0),
    "softmax_inf": lambda f, i, m: f.masked_fill(m, -math.inf).softmax(-1),
    "log_softmax": lambda f, i, m: (f * 100).log_softmax(dim=1),
    "topk": lambda f, i, m: tuple(f.topk(2)),
    "topk_smallest": lambda f, i, m: tuple(f.topk(2, dim=1, largest=False)),
    "max": lambda f, i, m: f.max(),
    "max_dim": lambda f, i, m: tuple(f.max(dim=1)),
    "max_named": lambda f, i, m: f.max(1, keepdim=True).values,
    "min_dim": lambda f, i, m: tuple(f.min(-1)),
    "sum": lambda f, i, m: f.sum(),
    "sum_ints": lambda f, i, m: i.int().sum(dim=(0, 1)),
    "sum_mask": lambda f, i, m: m.sum(-1, keepdim=True),
    "mean": lambda f, i, m: f.mean(dim=[1, 2], keepdim=True),
    "any": lambda f, i, m: m.any(dim=1),
    "all": lambda f, i, m: m.all(),
    "float": lambda f, i, m: i.float(),
    "long": lambda f, i, m: (f * 3).long(),
    "int": lambda f, i, m: i.int(),
    "bool": lambda f, i, m: i.bool(),
    "double": lambda f, i, m: f.double(),
    "norm": lambda f, i, m: f.norm(),
    "norm_dim": lambda f, i, m: f.norm(p=2, dim=-1, keepdim=True),
    "norm_1": lambda f, i, m: f.norm(1, dim=1),
    "norm_3": lambda f, i, m: f.norm(3, dim=1),
    "norm_inf": lambda f, i, m: f.norm(math.inf, dim=0),
    "norm_0": lambda f, i, m: f.norm(0, dim=0),
    "matmul": lambda f, i, m: f @ f.transpose(1, 2),
    "matmul_vectors": lambda f, i, m: f[0, 0] @ f[0, 1],
    "T": lambda f, i, m: f[0].T,
    "permute": lambda f, i, m: f.permute(2, 0, 1),
    "contiguous": lambda f, i, m: f.permute(2, 0, 1).contiguous(),
    "clone": lambda f, i, m: f.clone(),
    "expand": lambda f, i, m: f[:, :1].expand(2, 5, -1),
    "expand_new": lambda f, i, m: f[0, 0].expand(3, -1),
    "masked_fill": lambda f, i, m: f.masked_fill(m, -1e9),
    "masked_fill_ints": lambda f, i, m: i.masked_fill(m, -100),
    "eq": lambda f, i, m: i.eq(3),
    "ne": lambda f, i, m: i.ne(i + 1),
    "nonzero": lambda f, i, m: m.nonzero(),
    "nonzero_tuple": lambda f, i, m: m.nonzero(as_tuple=True),
    "flatten": lambda f, i, m: f.flatten(1),
    "floats_times_ints": lambda f, i, m: f * i,
    "floats_times_mask": lambda f, i, m: f * m.unsqueeze(0)[0],
    "ints_times_number": lambda f, i, m: i * 0.5,
    "ints_by_ints": lambda f, i, m: i / 3,
    "doubles_stay": lambda f, i, m: f.double() * i,
    "double_number": lambda f, i, m: f * f.double().sum(),
    "numpy_number": lambda f, i, m: f * np.float64(0.5),
    "number_minus": lambda f, i, m: 1.0 - f,
    "compare": lambda f, i, m: f > 0.5,
    "item_index": lambda f, i, m: f[1, 2, 3],
    "int_index": lambda f, i, m: i[0, 0, 0],
    "fancy_index": lambda f, i, m: f[:, (i[0, 0] * i[0, 0]) % 3],
    "mask_index": lambda f, i, m: f[m],
    "zero_dim_topk": lambda f, i, m: tuple(f.sum().topk(1)),
    "pooling": lambda f, i, m: (f * m.float()).sum(1) / (m.sum(1) + 1).float(),
}


@pytest.mark.parametrize("name", CASES)
def test_means_what_torch_means(name):
    torch = pytest.importorskip("torch")
    theirs = CASES[name](*(torch.from_numpy(a.copy()) for a in (FLOATS, INTS, MASK)))
    ours = CASES[name](*(Tensor(a.copy()) for a in (FLOATS, INTS, MASK)))
    same(ours, theirs)


def test_metadata():
    tensor = Tensor(FLOATS)
    assert tensor.size() == (2, 3, 4) and tensor.size(-1) == 4
    assert tensor.dim() == tensor.ndim == 3 and tensor.numel() == 24
    assert tensor.device == "cpu" and tensor.device.type == "cpu"
    assert tensor.requires_grad is False
    assert tensor.type() == "torch.FloatTensor"
    assert tensor.detach().cpu() is tensor
    assert tensor.contiguous() is tensor


def test_new():
    assert Tensor([1.5, 2]).dtype == np.float32 and Tensor([1, 2]).dtype == np.int64
    assert Tensor(np.float64([1.5])).dtype == Tensor(1.5, np.float64).dtype == np.float64


def test_shares_memory():
    array = FLOATS.copy()
    tensor = Tensor(array)
    tensor.view(-1)[0] = 9
    assert array.flat[0] == 9
    assert type(tensor.numpy()) is np.ndarray and np.shares_memory(tensor.numpy(), array)
    assert tensor.float().numpy().ctypes.data == array.ctypes.data
    assert not np.shares_memory(tensor.clone(), array)
    tensor += 1
    assert isinstance(tensor, Tensor) and array.flat[0] == 10


def test_elements():
    tensor = Tensor(INTS)
    elements = list(tensor[0, 0])
    assert all(isinstance(e, Tensor) and e.dim() == 0 for e in elements)
    assert [e.item() for e in elements] == INTS[0, 0].tolist() == tensor[0, 0].tolist()
    assert type(elements[0].item()) is int and elements[0].tolist() == INTS[0, 0, 0]
    assert float(Tensor(2.5)) == 2.5 and f"{Tensor(2.5):.2f}" == "2.50"
    assert INTS[0, 0, 0] in tensor


def test_numpy_functions_see_plain_arrays():
    tensor = Tensor(FLOATS)
    assert type(np.mean(tensor, axis=(0, 1))) is np.ndarray
    np.testing.assert_array_equal(np.std(tensor), np.std(FLOATS))
    np.testing.assert_array_equal(np.sort(tensor), np.sort(FLOATS))
    np.testing.assert_array_equal(np.concatenate([tensor, tensor]), np.concatenate([FLOATS] * 2))
    assert isinstance(np.exp(tensor), Tensor)
    assert type(np.asarray(tensor)) is np.ndarray


def test_to():
    tensor = Tensor(INTS)
    assert tensor.to("cpu") is tensor and tensor.to(device="cpu", non_blocking=True) is tensor
    assert tensor.to(np.float32).dtype == tensor.to("float32").dtype == np.float32
    assert tensor.to(Tensor(FLOATS)).dtype == np.float32
    with pytest.raises(ValueError, match="cuda:0"):
        tensor.to("cuda:0")
    with pytest.raises(TypeError, match="dvice"):
        tensor.to(dvice="cpu")


@pytest.mark.parametrize("name", ["std", "sort", "repeat", "cumsum"])
def test_what_would_differ_raises(name):
    with pytest.raises(NotImplementedError, match=f"numpy\\(\\).{name}"):
        getattr(Tensor(FLOATS), name)()


def test_errors():
    tensor = Tensor(FLOATS)
    with pytest.raises(RuntimeError, match="reshape"):
        tensor.transpose(0, 1).view(-1)
    with pytest.raises(RuntimeError, match="float"):
        Tensor(INTS).mean()
    with pytest.raises(RuntimeError, match="float"):
        Tensor(INTS).softmax(-1)
    with pytest.raises(RuntimeError, match="topk"):
        tensor.topk(5)
    with pytest.raises(RuntimeError, match="expand"):
        tensor.expand(-1, 2, 3, 4)


def test_pickles():
    again = pickle.loads(pickle.dumps(Tensor(FLOATS)))
    assert isinstance(again, Tensor) and np.array_equal(again, FLOATS)


# ---- the border ----


def test_numpy_stays_numpy():
    array = FLOATS.copy()
    assert as_tensor(array, "np") is array
    assert to_numpy(array) is array
    assert kind_of(array, [1, 2], None) == "np" and like(array, "np") is array
    assert not is_tensor(array)


def test_light_where_torch_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    tensor = as_tensor(FLOATS, "pt")
    assert isinstance(tensor, Tensor) and np.shares_memory(tensor, FLOATS)
    assert is_tensor(tensor) and kind_of(FLOATS, tensor) == "tensor"
    assert isinstance(like(FLOATS, "tensor"), Tensor)
    assert type(to_numpy(tensor)) is np.ndarray


@pytest.mark.parametrize(
    "error", [ModuleNotFoundError("no torch", name="torch"), ImportError("no")]
)
def test_light_where_torch_is_blocked(monkeypatch, error):
    class Blocker:
        def find_spec(self, name, path=None, target=None):
            if name == "torch":
                raise error

    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Blocker(), *sys.meta_path])
    assert isinstance(as_tensor(FLOATS, "pt"), Tensor)


def test_a_broken_torch_is_not_hidden(monkeypatch, tmp_path):
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text("import torch._C")
    for name in [name for name in sys.modules if name.partition(".")[0] == "torch"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ImportError, match=r"torch\._C"):
        as_tensor(FLOATS, "pt")


@pytest.mark.parametrize("kind", ["tf", "jax", "mlx", "numpy"])
def test_other_kinds_are_refused(kind):
    with pytest.raises(ValueError, match=f"{kind}.*'pt'.*'np'"):
        as_tensor(FLOATS, kind)


def test_torch_shares_memory():
    torch = pytest.importorskip("torch")
    array = FLOATS.copy()
    tensor = as_tensor(array, "pt")
    assert isinstance(tensor, torch.Tensor) and tensor.data_ptr() == array.ctypes.data
    assert to_numpy(tensor).ctypes.data == array.ctypes.data
    assert is_tensor(tensor) and kind_of(Tensor(array), tensor) == "pt"
    assert to_numpy(tensor.requires_grad_()).ctypes.data == array.ctypes.data


def test_torch_takes_what_it_cannot_share():
    pytest.importorskip("torch")
    frozen = FLOATS.copy()
    frozen.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tensor = as_tensor(frozen, "pt")
        flipped = as_tensor(FLOATS[::-1], "pt")
    tensor[0, 0, 0] = 99
    assert frozen[0, 0, 0] != 99
    np.testing.assert_array_equal(flipped.numpy(), FLOATS[::-1])


def test_bfloat16_comes_as_float32():
    torch = pytest.importorskip("torch")
    array = to_numpy(torch.tensor([1.5, -2.25], dtype=torch.bfloat16))
    assert array.dtype == np.float32 and array.tolist() == [1.5, -2.25]


def test_ragged_lists_are_an_error():
    with pytest.raises(ValueError):
        to_numpy([[1, 2], [3]])
