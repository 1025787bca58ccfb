"""Optimisers against torch, transformers and their rules restated in float64."""

import json
import math
import os
import subprocess
import sys

import numpy as np
import pytest
from flat_arrays import (
    SHAPES,
    assert_close,
    flat_parameters,
    gradients,
    set_gradients,
    set_torch_gradients,
    torch_parameters,
    values,
)

from pytxenc import LAMB, SGD, Adafactor, AdamW, _core

STEPS = 50
DECAYING = [name for name in SHAPES if "bias" not in name and "LayerNorm" not in name]
OTHERS = [name for name in SHAPES if name not in DECAYING]
GROUPS = [
    {"names": DECAYING, "weight_decay": 0.1, "lr": 2e-3},
    {"names": OTHERS, "weight_decay": 0.0},
]


def run(optimizer, steps=STEPS, max_grad_norm=None, seed=1):
    for by_name in gradients(steps, seed=seed):
        set_gradients(optimizer.flat, by_name)
        optimizer.step(max_grad_norm)


def run_torch(optimizer, parameters, max_grad_norm=None):
    import torch

    for by_name in gradients(STEPS):
        set_torch_gradients(parameters, by_name)
        if max_grad_norm is not None:
            torch.nn.utils.clip_grad_norm_(parameters.values(), max_grad_norm)
        optimizer.step()


def torch_groups(parameters, keys=("lr", "weight_decay")):
    return [
        {"params": [parameters[name] for name in group["names"]]}
        | {key: group[key] for key in keys if key in group}
        for group in GROUPS
    ]


def compare_with_torch(make_ours, make_torch, max_grad_norm=None, rtol=2e-5):
    flat = flat_parameters()
    start, parameters = values(flat), torch_parameters(flat)
    run_torch(make_torch(torch_groups(parameters)), parameters, max_grad_norm)
    run(make_ours(flat), max_grad_norm=max_grad_norm)
    assert_close(flat, parameters, start, rtol)


# ---- against torch and transformers ----


@pytest.mark.parametrize("max_grad_norm", [None, 0.5])
@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.9, 0.98), (0.0, 0.5)])
def test_adamw_is_that_of_torch(betas, max_grad_norm):
    torch = pytest.importorskip("torch")
    arguments = dict(lr=1e-3, betas=betas, eps=1e-6)
    compare_with_torch(
        lambda flat: AdamW(flat, **arguments, groups=GROUPS),
        lambda groups: torch.optim.AdamW(groups, **arguments),
        max_grad_norm,
    )


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"momentum": 0.9},
        {"momentum": 0.9, "nesterov": True},
        {"momentum": 0.5, "dampening": 0.25},
    ],
)
def test_sgd_is_that_of_torch(arguments):
    torch = pytest.importorskip("torch")
    compare_with_torch(
        lambda flat: SGD(flat, lr=1e-2, **arguments, groups=GROUPS),
        lambda groups: torch.optim.SGD(groups, lr=1e-2, **arguments),
        max_grad_norm=1.0,
    )


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"warmup_init": True},
        {"scale_parameter": False, "beta1": 0.9},
        {"clip_threshold": 0.3, "decay_rate": -0.5, "eps": (1e-6, 1e-2)},
        {"relative_step": False, "scale_parameter": False, "lr": 1e-3},
    ],
)
def test_adafactor_is_that_of_transformers(arguments):
    optimization = pytest.importorskip("transformers.optimization")
    flat = flat_parameters()
    start, parameters = values(flat), torch_parameters(flat)
    groups = torch_groups(parameters, keys=("weight_decay",))
    run_torch(optimization.Adafactor(groups, **arguments), parameters, max_grad_norm=0.5)
    ours = [{key: group[key] for key in ("names", "weight_decay")} for group in GROUPS]
    run(Adafactor(flat, **arguments, groups=ours), max_grad_norm=0.5)
    assert_close(flat, parameters, start, rtol=5e-5)


def test_norm_is_that_of_torch():
    torch = pytest.importorskip("torch")
    flat = flat_parameters()
    for by_name in gradients(3):
        parameters = torch_parameters(flat)
        set_gradients(flat, by_name)
        set_torch_gradients(parameters, by_name)
        norm = torch.nn.utils.clip_grad_norm_(parameters.values(), 0.1)
        report = SGD(flat, lr=1e-3).step(max_grad_norm=0.1)
        assert report.grad_norm == pytest.approx(float(norm), rel=1e-6)
        exact = math.sqrt(sum(np.square(np.float64(g)).sum() for g in by_name.values()))
        assert report.grad_norm == pytest.approx(exact, rel=1e-13)


def test_clipping_scales_what_is_too_long_and_nothing_else():
    flat = flat_parameters()
    set_gradients(flat, next(gradients(1)))
    before, given = flat.values.copy(), flat.gradients.copy()
    norm = SGD(flat, lr=1.0).step(max_grad_norm=1e6).grad_norm
    assert np.array_equal(flat.values, before - given)
    flat.values[...] = before
    SGD(flat, lr=1.0).step(max_grad_norm=norm / 4)
    change = np.linalg.norm(np.float64(flat.values) - before)
    assert change == pytest.approx(norm / 4 * norm / (norm + 1e-6), rel=1e-6)
    assert np.array_equal(flat.gradients, given)


def test_norm_of_gradients_whose_squares_are_no_floats():
    flat = flat_parameters({"weight": (5,)})
    flat.gradients[:5] = [3e30, 0, 0, 4e30, 0]
    report = SGD(flat, lr=1.0).step(max_grad_norm=1.0)
    assert report.grad_norm == pytest.approx(5e30)
    assert not report.skipped
    flat.gradients[:5] = [3e-30, 0, 0, 4e-30, 0]
    assert SGD(flat).step().grad_norm == pytest.approx(5e-30)


# ---- against the rules in float64 ----


class Restated:
    """One tensor under the rules of Adam's family, as their sources have them, in float64."""

    def __init__(self, value, betas, eps):
        self.w = np.float64(value)
        self.m, self.v = np.zeros_like(self.w), np.zeros_like(self.w)
        (self.beta1, self.beta2), self.eps, self.t = betas, eps, 0

    def moments(self, g):
        self.t += 1
        self.m = self.beta1 * self.m + (1 - self.beta1) * g
        self.v = self.beta2 * self.v + (1 - self.beta2) * g * g
        return 1 - self.beta1**self.t, 1 - self.beta2**self.t

    def fairseq(self, g, lr, weight_decay):
        bias1, bias2 = self.moments(g)
        self.w *= 1 - lr * weight_decay
        self.w -= lr * math.sqrt(bias2) / bias1 * self.m / (np.sqrt(self.v) + self.eps)

    def google(self, g, lr, weight_decay):
        self.moments(g)
        update = self.m / (np.sqrt(self.v) + self.eps) + weight_decay * self.w
        self.w -= lr * update

    def torch_without_correction(self, g, lr, weight_decay):
        self.moments(g)
        self.w *= 1 - lr * weight_decay
        self.w -= lr * self.m / (np.sqrt(self.v) + self.eps)

    def google_with_correction(self, g, lr, weight_decay):
        bias1, bias2 = self.moments(g)
        update = self.m / bias1 / (np.sqrt(self.v / bias2) + self.eps)
        self.w -= lr * (update + weight_decay * self.w)

    def lamb(self, g, lr, weight_decay, *, clamp=None, highest=None, corrected=False, adapt=None):
        bias1, bias2 = self.moments(g)
        m, v = (self.m / bias1, self.v / bias2) if corrected else (self.m, self.v)
        update = m / (np.sqrt(v) + self.eps) + weight_decay * self.w
        ratio, length, other = 1.0, np.linalg.norm(self.w), np.linalg.norm(update)
        if clamp is not None:
            length = np.clip(length, *clamp)
        if (weight_decay != 0 if adapt is None else adapt) and length > 0 and other > 0:
            ratio = length / other
        if highest is not None:
            ratio = min(ratio, highest) if ratio != 1.0 else ratio
        self.w -= lr * ratio * update


def compare_with_rule(optimizer, rule, betas, eps, clip=None, **arguments):
    flat = optimizer.flat
    start = values(flat)
    tensors = {name: Restated(value, betas, eps) for name, value in start.items()}
    numbers = {name: group for group in optimizer.param_groups for name in group["names"]}
    for by_name in gradients(STEPS):
        set_gradients(flat, by_name)
        optimizer.step()
        norm = math.sqrt(sum(np.square(np.float64(g)).sum() for g in by_name.values()))
        for name, tensor in tensors.items():
            g = np.float64(by_name[name]) * (1.0 if clip is None else clip(norm))
            group = numbers[name]
            getattr(tensor, rule)(g, group["lr"], group["weight_decay"], **arguments)
    assert_close(flat, {name: tensor.w for name, tensor in tensors.items()}, start)


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        ({"form": "fairseq"}, "fairseq"),
        ({"form": "google"}, "google"),
        ({"form": "torch", "bias_correction": False}, "torch_without_correction"),
        ({"form": "google", "bias_correction": True}, "google_with_correction"),
    ],
)
def test_forms_of_adamw(arguments, rule):
    # eps as large as root v, so that where it stands matters.
    flat = flat_parameters()
    optimizer = AdamW(flat, 1e-3, (0.9, 0.98), 1e-2, groups=GROUPS, **arguments)
    compare_with_rule(optimizer, rule, (0.9, 0.98), 1e-2)


@pytest.mark.parametrize(
    ("arguments", "restated"),
    [
        ({}, {}),
        ({"clamp": (1e-3, 0.5)}, {"clamp": (1e-3, 0.5)}),
        ({"clamp": (4.0, 10.0)}, {"clamp": (4.0, 10.0)}),
        ({"max_ratio": 0.01}, {"highest": 0.01}),
        ({"bias_correction": True}, {"corrected": True}),
        ({"adapt": True}, {"adapt": True}),
        ({"adapt": False}, {"adapt": False}),
    ],
)
def test_lamb(arguments, restated):
    flat = flat_parameters()
    optimizer = LAMB(flat, 1e-2, (0.9, 0.99), 1e-4, groups=GROUPS, **arguments)
    compare_with_rule(optimizer, "lamb", (0.9, 0.99), 1e-4, **restated)


def test_lamb_with_normalized_gradients():
    optimizer = LAMB(flat_parameters(), 1e-2, eps=1e-4, normalize_gradients=True, groups=GROUPS)
    compare_with_rule(
        optimizer, "lamb", (0.9, 0.999), 1e-4, clip=lambda norm: 1 / max(1.0, norm)
    )  # fmt: skip


def test_lamb_of_a_tensor_of_zeros():
    """Ratio 1, not 0 or NaN."""
    flat = flat_parameters({"a.weight": (40,), "b.weight": (40,)})
    flat.values[...] = 0
    flat.gradients[:40] = 1
    LAMB(flat, 0.5, (0.0, 0.0), 0.0, weight_decay=0.1).step()
    assert np.all(flat.values[:40] == -0.5)
    flat = flat_parameters({"a.weight": (40,)})
    before = flat.values.copy()
    LAMB(flat, 0.5, (0.0, 0.0), 1.0, weight_decay=0.0, adapt=True).step()  # u is 0
    assert np.array_equal(flat.values, before)


# ---- same bits ----

KINDS = {
    "adam": lambda flat: AdamW(flat, 1e-3, groups=GROUPS),
    "lamb": lambda flat: LAMB(flat, 1e-2, groups=GROUPS),
    "sgd": lambda flat: SGD(flat, 1e-2, 0.9, nesterov=True, groups=GROUPS),
    "adafactor": lambda flat: Adafactor(flat, beta1=0.9),
}


def result(kind):
    flat = flat_parameters()
    optimizer = KINDS[kind](flat)
    run(optimizer, 5, max_grad_norm=0.5)
    return np.concatenate([flat.values, *optimizer.state.values()])


@pytest.mark.parametrize("kind", KINDS)
def test_number_of_threads_does_not_matter(kind):
    before = _core.get_num_threads()
    try:
        results = []
        for count in (1, 2, 4):
            _core.set_num_threads(count)
            results.append(result(kind))
    finally:
        _core.set_num_threads(before)
    assert np.array_equal(results[0], results[1])
    assert np.array_equal(results[0], results[2])


PROGRAM = """
import sys, numpy as np
sys.path.insert(0, {folder!r})
from test_optimizers import KINDS, result
from pytxenc import _core
from pytxenc.optim import ExponentialMovingAverage
from flat_arrays import flat_parameters
flat = flat_parameters()
average = ExponentialMovingAverage(flat, 0.7)
flat.values *= 3
average.update()
arrays = [*(result(kind) for kind in KINDS), average.average()]
print(_core.get_isa())
print(__import__("hashlib").sha256(b"".join(a.tobytes() for a in arrays)).hexdigest())
"""


def test_instruction_sets_give_the_same_bits():
    found = {}
    for isa in _core._kernel_isas():
        folder = os.path.dirname(__file__)
        finished = subprocess.run(
            [sys.executable, "-c", PROGRAM.format(folder=folder)],
            env={**os.environ, "PYTXENC_ISA": isa},
            capture_output=True,
            text=True,
            check=True,
        )
        used, digest = finished.stdout.split()
        assert used == isa
        found[isa] = digest
    assert len(set(found.values())) == 1, found


def test_what_is_in_no_group_stays():
    flat = flat_parameters()
    room = flat.values.copy()
    names = ["encoder.layer.0.attention.self.query.weight", "classifier.weight"]
    optimizer = AdamW(flat, 0.1, groups=[{"names": names}])
    flat.gradients[...] = np.nan  # also between the segments
    for name in names:
        flat.views(flat.gradients)[name][...] = 0.5
    report = optimizer.step()
    size = sum(math.prod(SHAPES[name]) for name in names)
    assert report.grad_norm == pytest.approx(0.5 * math.sqrt(size), rel=1e-12)
    changed = np.zeros(flat.values.size, bool)
    for name in names:
        flat.views(changed)[name][...] = True
    assert np.array_equal(flat.values != room, changed)
    assert np.array_equal(optimizer.state["exp_avg"] != 0, changed)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", KINDS)
def test_a_step_that_is_not_finite_is_skipped(kind, bad):
    flat = flat_parameters()
    optimizer = KINDS[kind](flat)
    run(optimizer, 2)
    before = np.concatenate([flat.values, *optimizer.state.values()])
    flat.views(flat.gradients)["encoder.layer.1.output.dense.bias"][...] = bad
    report = optimizer.step(1.0)
    assert report.skipped
    assert not math.isfinite(report.grad_norm)
    assert np.array_equal(before, np.concatenate([flat.values, *optimizer.state.values()]))
    assert (optimizer.steps, optimizer.skipped) == (2, 1)
    numbers = optimizer.state_dict()["numbers"]
    assert (numbers["steps"], numbers["skipped"]) == (2, 1)
    run(optimizer, 1)
    assert (optimizer.steps, optimizer.skipped) == (3, 1)


def test_zero_grad():
    flat = flat_parameters({"weight": (3_000_001,)})
    flat.gradients[...] = 1
    AdamW(flat).zero_grad()
    assert not flat.gradients.any()


def test_a_session_zeroes_its_own_gradients():
    class Session:
        flat = flat_parameters()
        zeroed = 0

        def zero_grad(self):
            self.zeroed += 1

    session = Session()
    optimizer = AdamW(session)
    assert optimizer.flat is session.flat
    optimizer.zero_grad()
    assert session.zeroed == 1


# ---- state ----


@pytest.mark.parametrize("kind", KINDS)
def test_state_goes_on_where_it_was(kind):
    whole = flat_parameters()
    optimizer = KINDS[kind](whole)
    run(optimizer, 4, max_grad_norm=1.0)
    numbers = json.loads(json.dumps(optimizer.state_dict()["numbers"], allow_nan=False))
    arrays = {name: array.copy() for name, array in optimizer.state_dict()["state"].items()}
    resumed = flat_parameters(seed=5)
    resumed.values[...] = whole.values
    other = KINDS[kind](resumed)
    other.load_state_dict({"state": arrays, "numbers": numbers})
    for each in (optimizer, other):
        each.param_groups[0]["weight_decay"] = 0.3
        run(each, 3, seed=9)
    assert np.array_equal(whole.values, resumed.values)
    assert other.steps == 7


def test_state_of_something_else_is_refused():
    flat = flat_parameters()
    optimizer = AdamW(flat, groups=GROUPS)
    run(optimizer, 1)
    for other, message in [
        (SGD(flat, groups=GROUPS), "optimizer"),
        (AdamW(flat, form="google", groups=GROUPS), "mode"),
        (AdamW(flat), "groups"),
        (AdamW(flat_parameters({"weight": (3,)})), "groups"),
    ]:
        with pytest.raises(ValueError, match=message):
            optimizer.load_state_dict(other.state_dict())
    state = optimizer.state_dict()
    state["state"]["exp_avg"] = state["state"]["exp_avg"][:-1]
    with pytest.raises(ValueError, match="exp_avg"):
        optimizer.load_state_dict(state)
    state = optimizer.state_dict()
    state["numbers"]["param_groups"][1]["lr"] = -1.0
    with pytest.raises(ValueError, match="lr"):
        optimizer.load_state_dict(state)
    assert optimizer.param_groups[1]["lr"] == 1e-3
    assert optimizer.steps == 1


# ---- wrong numbers ----


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda flat: AdamW(flat, lr=-1.0), "lr = -1.0"),
        (lambda flat: AdamW(flat, lr=math.nan), "lr = nan"),
        (lambda flat: AdamW(flat, lr="1e-3"), "lr = '1e-3'"),
        (lambda flat: AdamW(flat, betas=(0.9, 1.0)), "betas"),
        (lambda flat: AdamW(flat, betas=(0.9,)), "betas"),
        (lambda flat: AdamW(flat, eps=-1e-8), "eps"),
        (lambda flat: AdamW(flat, weight_decay=-0.1), "weight_decay"),
        (lambda flat: AdamW(flat, form="adam"), "torch, fairseq, google"),
        (lambda flat: AdamW(flat, groups=[{"lr": 1.0}]), "names"),
        (lambda flat: AdamW(flat, groups=[{"names": "classifier.weight"}]), "list"),
        (lambda flat: AdamW(flat, groups=[{"names": ["clasifier.weight"]}]), "classifier.weight"),
        (lambda flat: AdamW(flat, groups=[*GROUPS, *GROUPS]), "in group 0 and in group 2"),
        (lambda flat: AdamW(flat, groups=[{"names": [], "momentum": 1}]), "momentum"),
        (lambda flat: AdamW(flat, groups=[{"names": [], "lr": -1}]), "group 0: lr"),
        (lambda flat: LAMB(flat, clamp=(1.0, 0.5)), "clamp"),
        (lambda flat: LAMB(flat, max_ratio=-1.0), "max_ratio"),
        (lambda flat: SGD(flat, momentum=1.5), "momentum"),
        (lambda flat: SGD(flat, nesterov=True), "nesterov"),
        (lambda flat: Adafactor(flat, lr=1e-3), "relative_step"),
        (lambda flat: Adafactor(flat, relative_step=False), "relative_step"),
        (lambda flat: Adafactor(flat, lr=1.0, relative_step=False, warmup_init=True), "warmup"),
        (lambda flat: Adafactor(flat, clip_threshold=0.0), "clip_threshold"),
        (lambda flat: Adafactor(flat, beta1=1.0), "beta1"),
        (lambda flat: AdamW(flat).step(-1.0), "max_grad_norm"),
        (lambda flat: AdamW(flat).step(math.nan), "max_grad_norm"),
    ],
)
def test_numbers_that_make_no_sense(make, message):
    with pytest.raises(ValueError, match=message):
        make(flat_parameters())


def test_numbers_changed_later_are_checked():
    flat = flat_parameters()
    optimizer = AdamW(flat)
    optimizer.param_groups[0]["lr"] = math.nan
    with pytest.raises(ValueError, match="lr = nan"):
        optimizer.step()
    optimizer = SGD(flat)
    optimizer.param_groups[0]["momentum"] = 0.9
    with pytest.raises(ValueError, match="buffer"):
        optimizer.step()


def test_a_model_is_no_flat_parameters():
    with pytest.raises(TypeError, match=r"FlatParameters\(model\)"):
        AdamW(object())


@pytest.mark.parametrize(
    "arguments",
    [
        ("adam", np.zeros(4, np.float32), (np.zeros(4, np.float32),)),
        ("adam", np.zeros(4, np.float32), (np.zeros(4, np.float32), np.zeros(3, np.float32))),
        ("adam", np.zeros(4, np.float64), (np.zeros(4, np.float32),) * 2),
        ("adam", np.zeros(4, np.float32), (None, np.zeros(4, np.float32))),
        ("adam", None, (np.zeros(4, np.float32),) * 2),
        ("newton", np.zeros(4, np.float32), (np.zeros(4, np.float32),) * 2),
    ],
)
def test_the_core_refuses_other_arrays(arguments):
    gradient, groups = np.zeros(4, np.float32), np.zeros((1, 6))
    segments = np.array([[0, 4, 0]])
    with pytest.raises((TypeError, ValueError)):
        _core.optimizer_step(*arguments, gradient, segments, groups, 1.0)


@pytest.mark.parametrize(
    "segments",
    [[[0, 5, 0]], [[-1, 2, 0]], [[4, 1, 0]], [[2**62, 2**62, 0]], [[0, 4, 1]], [[0, 4]], [0, 4, 0]],
)
def test_the_core_refuses_segments_outside(segments):
    array, states = np.zeros(4, np.float32), (np.zeros(4, np.float32), np.zeros(4, np.float32))
    with pytest.raises(ValueError, match="segments"):
        _core.optimizer_step(
            "adam", array, states, array, np.array(segments), np.zeros((1, 6)), 1.0
        )
