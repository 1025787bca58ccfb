"""Verbosity of the package: a thin layer over the logger named "pytxenc".

The functions are those of `transformers.utils.logging`.
"""

import logging as _logging
from logging import CRITICAL, DEBUG, ERROR, FATAL, INFO, NOTSET, WARN, WARNING

__all__ = [
    "CRITICAL",
    "DEBUG",
    "ERROR",
    "FATAL",
    "INFO",
    "NOTSET",
    "WARN",
    "WARNING",
    "disable_progress_bar",
    "enable_progress_bar",
    "get_logger",
    "get_verbosity",
    "set_verbosity",
    "set_verbosity_debug",
    "set_verbosity_error",
    "set_verbosity_info",
    "set_verbosity_warning",
]

_LIBRARY = "pytxenc"


def get_logger(name: str | None = None) -> _logging.Logger:
    """The logger `name`, by default the package's own."""
    return _logging.getLogger(name or _LIBRARY)


def get_verbosity() -> int:
    """The level from which the package's messages are shown."""
    return get_logger().getEffectiveLevel()


def set_verbosity(verbosity: int) -> None:
    """Show messages of the package from this level on (a constant of `logging`)."""
    logger = get_logger()
    logger.setLevel(verbosity)
    if verbosity < WARNING and not logger.hasHandlers():
        # Without a handler, Python shows warnings and errors only.
        logger.addHandler(_logging.StreamHandler())


def set_verbosity_debug() -> None:
    """Show everything."""
    set_verbosity(DEBUG)


def set_verbosity_info() -> None:
    """Show information, warnings and errors."""
    set_verbosity(INFO)


def set_verbosity_warning() -> None:
    """Show warnings and errors: as it is without any call."""
    set_verbosity(WARNING)


def set_verbosity_error() -> None:
    """Show errors only."""
    set_verbosity(ERROR)


def disable_progress_bar() -> None:
    """Show no progress bars for downloads."""
    from huggingface_hub.utils import disable_progress_bars

    disable_progress_bars()


def enable_progress_bar() -> None:
    """Show progress bars for downloads again."""
    from huggingface_hub.utils import enable_progress_bars

    enable_progress_bars()
