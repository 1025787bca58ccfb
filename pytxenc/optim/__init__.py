"""Optimisers, learning-rate schedules and averages over the flat parameters of a model."""

from .adafactor import Adafactor
from .adam import LAMB, AdamW
from .averaging import ExponentialMovingAverage, LastAverage
from .base import Optimizer, StepReport
from .create import OPTIMIZER_NAMES, create_optimizer
from .groups import has_no_decay, layer_depths, parameter_groups
from .plateau import GreedyLR, ReduceLROnPlateau
from .schedules import (
    Schedule,
    SchedulerType,
    WallClockSchedule,
    get_constant_schedule,
    get_constant_schedule_with_warmup,
    get_cosine_schedule_with_warmup,
    get_cosine_with_hard_restarts_schedule_with_warmup,
    get_cosine_with_min_lr_schedule_with_warmup,
    get_cosine_with_min_lr_schedule_with_warmup_lr_rate,
    get_inverse_sqrt_schedule,
    get_linear_schedule_with_warmup,
    get_one_cycle_schedule,
    get_polynomial_decay_schedule_with_warmup,
    get_scheduler,
    get_wsd_schedule,
)
from .sgd import SGD

__all__ = [
    "LAMB",
    "OPTIMIZER_NAMES",
    "SGD",
    "Adafactor",
    "AdamW",
    "ExponentialMovingAverage",
    "GreedyLR",
    "LastAverage",
    "Optimizer",
    "ReduceLROnPlateau",
    "Schedule",
    "SchedulerType",
    "StepReport",
    "WallClockSchedule",
    "create_optimizer",
    "get_constant_schedule",
    "get_constant_schedule_with_warmup",
    "get_cosine_schedule_with_warmup",
    "get_cosine_with_hard_restarts_schedule_with_warmup",
    "get_cosine_with_min_lr_schedule_with_warmup",
    "get_cosine_with_min_lr_schedule_with_warmup_lr_rate",
    "get_inverse_sqrt_schedule",
    "get_linear_schedule_with_warmup",
    "get_one_cycle_schedule",
    "get_polynomial_decay_schedule_with_warmup",
    "get_scheduler",
    "get_wsd_schedule",
    "has_no_decay",
    "layer_depths",
    "parameter_groups",
]
