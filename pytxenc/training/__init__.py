"""Training: the Trainer and what it is told, and the sessions that it stands on."""

from .arguments import IntervalStrategy, SaveStrategy, TrainingArguments
from .callbacks import (
    CallbackHandler,
    DefaultFlowCallback,
    EarlyStoppingCallback,
    PrinterCallback,
    TrainerCallback,
)
from .checkpoint import get_last_checkpoint
from .flat import FlatParameters, Segment
from .logging import JsonLinesCallback, read_log
from .plot import PlotCallback, plot_curves
from .progress import ProgressCallback
from .session import Session, StepResult
from .state import (
    EvalLoopOutput,
    EvalPrediction,
    ExportableState,
    PredictionOutput,
    TrainerControl,
    TrainerState,
    TrainOutput,
)
from .trainer import Trainer, enable_full_determinism

__all__ = [
    "CallbackHandler",
    "DefaultFlowCallback",
    "EarlyStoppingCallback",
    "EvalLoopOutput",
    "EvalPrediction",
    "ExportableState",
    "FlatParameters",
    "IntervalStrategy",
    "JsonLinesCallback",
    "PlotCallback",
    "PredictionOutput",
    "PrinterCallback",
    "ProgressCallback",
    "SaveStrategy",
    "Segment",
    "Session",
    "StepResult",
    "TrainOutput",
    "Trainer",
    "TrainerCallback",
    "TrainerControl",
    "TrainerState",
    "TrainingArguments",
    "enable_full_determinism",
    "get_last_checkpoint",
    "plot_curves",
    "read_log",
]
