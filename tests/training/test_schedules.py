"""Schedules against transformers' and torch's over whole runs, and by the clock."""

import json
import math

import pytest
from flat_arrays import flat_parameters

import pytxenc
from pytxenc import SGD, Adafactor, SchedulerType, get_scheduler
from pytxenc.optim import GreedyLR, ReduceLROnPlateau, WallClockSchedule

LR = 3e-3
WD = {"num_decay_steps": 30}
CASES = [
    ("linear", {}),
    ("cosine", {}),
    ("cosine", {"num_cycles": 1.7}),
    ("cosine_with_restarts", {}),
    ("cosine_with_restarts", {"num_cycles": 3}),
    ("polynomial", {}),
    ("polynomial", {"lr_end": 1e-4, "power": 2.5}),
    ("constant", {}),
    ("constant_with_warmup", {}),
    ("inverse_sqrt", {}),
    ("inverse_sqrt", {"timescale": 50}),
    ("cosine_with_min_lr", {"min_lr": 2e-4}),
    ("cosine_with_min_lr", {"min_lr_rate": 0.1, "num_cycles": 1.2}),
    ("cosine_warmup_with_min_lr", {"min_lr": 2e-4}),
    ("cosine_warmup_with_min_lr", {"min_lr_rate": 0.1, "warmup_lr_rate": 0.2}),
    ("warmup_stable_decay", WD),
    ("warmup_stable_decay", {**WD, "min_lr_ratio": 0.1, "decay_type": "linear"}),
    ("warmup_stable_decay", {**WD, "decay_type": "1-sqrt", "warmup_type": "1-sqrt"}),
    ("warmup_stable_decay", {**WD, "warmup_type": "cosine", "num_cycles": 0.8}),
]


def optimizer():
    names = [segment.name for segment in flat_parameters().segments]
    groups = [{"names": names[:3]}, {"names": names[3:], "lr": LR / 7}]
    return SGD(flat_parameters(), lr=LR, groups=groups)


def torch_optimizer():
    torch = pytest.importorskip("torch")
    one, other = torch.nn.Parameter(torch.zeros(1)), torch.nn.Parameter(torch.zeros(1))
    return torch.optim.SGD([{"params": [one]}, {"params": [other], "lr": LR / 7}], lr=LR)


def rates(each):
    return [group["lr"] for group in each.param_groups]


@pytest.mark.filterwarnings("ignore:Detected call of")
@pytest.mark.parametrize("warmup", [0, 1, 10])
@pytest.mark.parametrize(("name", "specific"), CASES)
def test_rates_are_those_of_transformers(name, specific, warmup):
    transformers = pytest.importorskip("transformers")
    theirs, ours = torch_optimizer(), optimizer()
    reference = transformers.get_scheduler(name, theirs, warmup, 100, specific)
    schedule = get_scheduler(name, ours, warmup, 100, specific)
    for _ in range(130):
        assert rates(ours) == pytest.approx(rates(theirs), rel=1e-12, abs=1e-18)
        assert schedule.get_last_lr() == rates(ours)
        reference.step()
        schedule.step()


def test_every_schedule_of_transformers_is_there():
    transformers = pytest.importorskip("transformers")
    theirs = {member.name: member.value for member in transformers.SchedulerType}
    ours = {member.name: member.value for member in SchedulerType}
    assert ours == theirs | {"ONE_CYCLE": "one_cycle", "WALL_CLOCK": "wall_clock"}
    tested = {name for name, _ in CASES} | {"reduce_lr_on_plateau", "greedy"}
    assert set(theirs.values()) == tested


def factors(schedule, steps):
    found = []
    for _ in range(steps):
        found.append(schedule.get_last_lr()[0] / LR)
        schedule.step()
    return found


def test_linear_by_hand():
    """Steps 0, the last of the warm-up, the first after it, and the last."""
    found = factors(get_scheduler("linear", optimizer(), 4, 10), 12)
    assert found == pytest.approx(
        [0, 1 / 4, 2 / 4, 3 / 4, 1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6, 0, 0]
    )  # fmt: skip


@pytest.mark.parametrize("name", ["linear", "cosine", "polynomial", "cosine_with_restarts"])
def test_warmup_as_long_as_all(name):
    found = factors(get_scheduler(name, optimizer(), 5, 5), 8)
    assert found[:5] == pytest.approx([0, 0.2, 0.4, 0.6, 0.8])
    assert all(0 <= factor <= 1 for factor in found)


def test_one_cycle():
    found = factors(get_scheduler("one_cycle", optimizer(), None, 8), 10)
    assert found == pytest.approx([0, 1 / 4, 2 / 4, 3 / 4, 1, 3 / 4, 2 / 4, 1 / 4, 0, 0])
    found = factors(get_scheduler("one_cycle", optimizer(), 2, 8, {"start": 0.5, "end": 0.1}), 9)
    assert found == pytest.approx([0.5, 0.75, 1, 0.85, 0.7, 0.55, 0.4, 0.25, 0.1])
    found = factors(get_scheduler("one_cycle", optimizer(), 0, 4, {"shape": "cosine"}), 5)
    half = math.sqrt(0.5) / 2
    assert found == pytest.approx([1, 0.5 + half, 0.5, 0.5 - half, 0])
    found = factors(get_scheduler("one_cycle", optimizer(), 4, 4), 6)
    assert found == pytest.approx([0, 1 / 4, 2 / 4, 3 / 4, 0, 0])


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


def test_by_the_clock():
    clock = Clock()
    schedule = WallClockSchedule(
        optimizer(), "linear", budget=50.0, num_warmup_steps=10, num_training_steps=100, clock=clock
    )  # fmt: skip
    seconds = [2.5, 2.5, 22.5, 22.5, 1.0]
    found = []
    for passed in seconds:
        found.append(schedule.get_last_lr()[0] / LR)
        assert schedule.finished == (schedule.elapsed >= 50)
        clock.now += passed
        schedule.step()
    assert found == pytest.approx([0, 0.5, 1, 0.5, 0], abs=1e-12)
    assert schedule.finished
    assert schedule.elapsed == 51.0
    assert schedule.last_epoch == 5
    assert schedule.get_last_lr() == [0, 0]


def test_by_the_clock_goes_on_after_a_pause():
    clock = Clock()
    kwargs = {"budget": 100.0, "schedule": "cosine_with_min_lr", "min_lr_rate": 0.2, "clock": clock}
    schedule = get_scheduler("wall_clock", optimizer(), scheduler_specific_kwargs=kwargs)
    clock.now += 40
    schedule.step()
    state = json.loads(json.dumps(schedule.state_dict()))
    clock.now += 1e6
    other = get_scheduler("wall_clock", optimizer(), scheduler_specific_kwargs=kwargs)
    other.load_state_dict(state)
    assert other.get_last_lr() == schedule.get_last_lr()
    clock.now += 10
    other.step()
    assert other.elapsed == 50.0
    assert other.get_last_lr()[0] == pytest.approx(LR * (0.5 * 0.8 + 0.2), rel=1e-12)


@pytest.mark.parametrize(("name", "specific"), CASES)
def test_state_goes_on_where_it_was(name, specific):
    whole, resumed = optimizer(), optimizer()
    schedule = get_scheduler(name, whole, 10, 100, specific)
    for _ in range(37):
        schedule.step()
    other = get_scheduler(name, resumed, 10, 100, specific)
    other.load_state_dict(json.loads(json.dumps(schedule.state_dict())))
    assert rates(resumed) == rates(whole)
    schedule.step()
    other.step()
    assert rates(resumed) == rates(whole)


def test_last_epoch_starts_later():
    whole = get_scheduler("linear", optimizer(), 4, 10)
    for _ in range(6):
        whole.step()
    later = pytxenc.get_linear_schedule_with_warmup(optimizer(), 4, 10, last_epoch=5)
    assert later.get_last_lr() == whole.get_last_lr()


# ---- by a metric ----

METRICS = [3.0, 2.0, 2.0, 1.99995, 2.1, 2.0, 1.5, 1.5, 1.5, 1.5, 1.5, 1.6, 1.4, 1.4, 1.4, 1.4] * 3


@pytest.mark.parametrize(
    "arguments",
    [
        {"patience": 2},
        {"patience": 1, "cooldown": 2, "factor": 0.5},
        {"patience": 0, "mode": "max", "threshold": 0.1, "threshold_mode": "abs"},
        {"patience": 0, "mode": "max", "threshold": 0.1},
        {"patience": 1, "threshold": 0.2, "threshold_mode": "abs", "min_lr": [1e-3, 1e-5]},
        {"patience": 0, "eps": 1e-3},
    ],
)
def test_plateau_is_that_of_torch(arguments):
    torch = pytest.importorskip("torch")
    theirs, ours = torch_optimizer(), optimizer()
    reference = torch.optim.lr_scheduler.ReduceLROnPlateau(theirs, **arguments)
    schedule = get_scheduler("reduce_lr_on_plateau", ours, scheduler_specific_kwargs=arguments)
    assert schedule.needs_metric
    follow(ours, theirs, schedule, reference)


@pytest.mark.parametrize(
    "arguments",
    [
        {"patience": 0, "min_lr": 1e-5},
        {"patience": 1, "min_lr": 1e-5, "max_lr": 3.1e-3, "cooldown": 1, "warmup": 2},
        {"patience": 0, "min_lr": 1e-5, "mode": "max", "threshold_mode": "rel"},
        {"patience": 0, "min_lr": 1e-5, "smooth": True, "window_size": 3},
        {"patience": 0, "min_lr": [2.9e-3, 4e-4], "factor": 0.5, "reset_start": 3, "mode": "max"},
    ],
)
def test_greedy_is_that_of_transformers(arguments):
    optimization = pytest.importorskip("transformers.optimization")
    theirs, ours = torch_optimizer(), optimizer()
    reference = optimization.GreedyLR(theirs, **arguments)
    schedule = get_scheduler("greedy", ours, scheduler_specific_kwargs=arguments)
    follow(ours, theirs, schedule, reference)


def follow(ours, theirs, schedule, reference):
    seen = set()
    for number, metric in enumerate(METRICS):
        if number == 20:  # through a checkpoint
            state = json.loads(json.dumps(schedule.state_dict(), allow_nan=False))
            schedule.load_state_dict(state)
        reference.step(metric)
        schedule.step(metric)
        assert schedule.get_last_lr() == rates(ours)
        assert rates(ours) == pytest.approx(rates(theirs), rel=1e-12)
        seen.add(rates(ours)[0])
    assert len(seen) > 1 or getattr(reference, "eps", 0) == 1e-3


@pytest.mark.parametrize("kind", [ReduceLROnPlateau, GreedyLR])
def test_a_metric_is_needed(kind):
    with pytest.raises(ValueError, match="metric"):
        kind(optimizer()).step()


# ---- wrong use ----


@pytest.mark.parametrize(
    ("name", "warmup", "total", "specific", "error", "message"),
    [
        ("liner", 0, 10, {}, ValueError, "'liner'; there are linear, cosine"),
        ("linear", None, 10, {}, ValueError, "num_warmup_steps"),
        ("linear", 0, None, {}, ValueError, "num_training_steps"),
        ("one_cycle", 0, None, {}, ValueError, "num_training_steps"),
        ("linear", -1, 10, {}, ValueError, "num_warmup_steps = -1"),
        ("linear", 0, math.nan, {}, ValueError, "num_training_steps = nan"),
        ("linear", 0, 10, {"num_cycles": 1}, TypeError, "num_cycles"),
        ("constant", 0, 10, {"num_cycles": 1}, TypeError, "num_cycles"),
        ("polynomial", 0, 10, {"lr_end": 0.1}, ValueError, "lr_end = 0.1"),
        ("cosine_with_min_lr", 0, 10, {}, ValueError, "min_lr or min_lr_rate"),
        ("cosine_with_min_lr", 0, 10, {"min_lr": 0, "min_lr_rate": 0}, ValueError, "not both"),
        ("warmup_stable_decay", 0, 10, {}, TypeError, "num_decay_steps"),
        ("warmup_stable_decay", 0, None, WD, ValueError, "num_stable_steps"),
        ("warmup_stable_decay", 0, 9, {**WD, "decay_type": "exp"}, ValueError, "decay_type"),
        ("one_cycle", None, 10, {"peak": 1.5}, ValueError, "peak = 1.5"),
        ("one_cycle", None, 10, {"shape": "sine"}, ValueError, "shape = 'sine'"),
        ("wall_clock", None, None, {}, TypeError, "budget"),
        ("wall_clock", None, None, {"budget": 0}, ValueError, "budget = 0"),
        ("wall_clock", None, None, {"budget": 9, "schedule": "greedy"}, ValueError, "greedy"),
        ("reduce_lr_on_plateau", 0, 10, {"factor": 1.5}, ValueError, "factor = 1.5"),
        ("reduce_lr_on_plateau", 0, 10, {"mode": "least"}, ValueError, "mode = 'least'"),
        ("reduce_lr_on_plateau", 0, 10, {"min_lr": [0.0]}, ValueError, "1 values for 2"),
    ],
)
def test_wrong_use(name, warmup, total, specific, error, message):
    with pytest.raises(error, match=message):
        get_scheduler(name, optimizer(), warmup, total, specific)


def test_an_optimizer_that_sets_its_own_rate():
    with pytest.raises(ValueError, match="sets its own rate"):
        get_scheduler("linear", Adafactor(flat_parameters()), 0, 10)


def test_state_of_other_groups():
    schedule = get_scheduler("linear", optimizer(), 0, 10)
    other = get_scheduler("linear", SGD(flat_parameters()), 0, 10)
    with pytest.raises(ValueError, match="of 1 groups, not 2"):
        schedule.load_state_dict(other.state_dict())
