"""Curves of a run: losses, learning rate, the norm of the gradients and metrics over steps."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .callbacks import TrainerCallback
from .logging import read_log
from .state import TrainerControl, TrainerState

if TYPE_CHECKING:
    from .arguments import TrainingArguments

__all__ = ["PLOT_NAME", "PlotCallback", "plot_curves"]

PLOT_NAME = "curves.png"
# Keys of a log that are no curves: what is counted or measured beside the training.
_NOT_DRAWN = ("step", "epoch", "tokens", "elapsed", "skipped_steps", "total_flos")
_NOT_DRAWN_ENDINGS = ("_runtime", "_per_second", "_loss", "_samples")


def plot_curves(
    log_or_dir: str | os.PathLike[str], path: str | os.PathLike[str] | None = None
) -> Any:
    """Draw the curves of a log.

    Args:
        log_or_dir: a log.jsonl, or the folder of a run that has one.
        path: also write the figure there, as PNG or what its ending says.

    Returns:
        A matplotlib Figure, which a notebook shows by itself.

    Raises:
        ImportError: matplotlib is not installed.
        FileNotFoundError, ValueError: there is no such log, or nothing in it to draw.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            "plot_curves needs matplotlib: pip install 'pytxenc[plot]', or pip install matplotlib"
        ) from error
    curves: dict[str, tuple[list[int], list[float]]] = {}
    for line in read_log(log_or_dir):
        for name, value in line.items():
            if isinstance(value, int | float) and not name.startswith("train_"):
                steps, values = curves.setdefault(name, ([], []))
                steps.append(line["step"])
                values.append(value)
    panels = _panels(list(curves))
    if not panels:
        raise ValueError(f"{log_or_dir} has no losses or metrics to draw")
    rows = -(-len(panels) // 2)

    class Curves(Figure):
        """Shows itself in a notebook, whether or not that has been told to draw figures."""

        def _repr_png_(self) -> bytes:
            image = io.BytesIO()
            self.savefig(image, format="png")
            return image.getvalue()

    figure = Curves(figsize=(10, 3.2 * rows), layout="constrained")
    for number, (title, names) in enumerate(panels.items(), 1):
        axes = figure.add_subplot(rows, min(2, len(panels)), number)
        for name in names:
            steps, values = curves[name]
            axes.plot(steps, values, label=name, marker="." if len(steps) < 30 else None)
        axes.set_title(title)
        axes.set_xlabel("step")
        axes.grid(alpha=0.3)
        if len(names) > 1:
            axes.legend()
    if path is not None:
        figure.savefig(path, dpi=120)
    return figure


def _panels(names: list[str]) -> dict[str, list[str]]:
    """Title of a panel -> the curves in it: the losses share one, others have their own."""
    losses = [name for name in names if name == "loss" or name.endswith("_loss")]
    panels = {"loss in nats a label": losses} if losses else {}
    for name in names:
        if name not in (*losses, *_NOT_DRAWN) and not name.endswith(_NOT_DRAWN_ENDINGS):
            panels[name.replace("_", " ")] = [name]
    return panels


class PlotCallback(TrainerCallback):
    """Draws the curves of a run into <output_dir>/curves.png at each evaluation and at the end.

    In a notebook the figure is also shown at the end.  ImportError without matplotlib.
    """

    def __init__(self) -> None:
        from importlib.util import find_spec

        if find_spec("matplotlib") is None:
            raise ImportError("PlotCallback needs matplotlib: pip install matplotlib")

    def on_evaluate(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self._draw(args, state)

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        figure = self._draw(args, state)
        if figure is not None and _in_notebook():
            from IPython.display import display

            display(figure)  # type: ignore[no-untyped-call]

    def _draw(self, args: TrainingArguments, state: TrainerState) -> Any:
        if not state.is_world_process_zero or not state.log_history:
            return None
        assert args.output_dir is not None
        return plot_curves(args.output_dir, Path(args.output_dir) / PLOT_NAME)


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and hasattr(shell, "kernel")
