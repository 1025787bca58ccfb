"""What the parts of the demo print: a result, the known one beside it, and the verdict."""

from collections.abc import Sequence

_BARS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float]) -> str:
    """A curve of one character a value, as high as it is between the least and the greatest."""
    low, high = min(values), max(values)
    steps = (high - low) / (len(_BARS) - 1) or 1.0
    return "".join(_BARS[round((value - low) / steps)] for value in values)


class Report:
    """Prints results and counts those that differ from what is known."""

    def __init__(self) -> None:
        self.checks = 0
        self.failures = 0

    def title(self, text: str) -> None:
        """Begin a part."""
        print(f"\n{text}\n{'-' * len(text)}")

    def check(self, what: str, known: object, ours: object, right: bool) -> None:
        """One result against the known one."""
        self.checks += 1
        self.failures += not right
        verdict = "ok" if right else "WRONG"
        start = f"  {what:<34}" if len(what) <= 34 else f"  {what}\n{'':36}"
        print(f"{start}  known {known}  ours {ours}  {verdict}")

    def close(self, what: str, known: float, ours: float, tolerance: float, digits: int) -> None:
        """One number against the known one."""
        right = abs(ours - known) <= tolerance
        self.check(what, f"{known:.{digits}f}", f"{ours:.{digits}f}", right)

    def failure(self, problem: str) -> None:
        """A part that could not be run."""
        self.checks += 1
        self.failures += 1
        print(f"  FAILED: {problem}")

    def skip(self, problem: str) -> None:
        """A part that cannot be run here, which says nothing about the results."""
        print(f"  Not run here: {problem}")

    def summary(self) -> str:
        """One line about all checks."""
        if self.failures:
            return f"{self.failures} of {self.checks} results were not reproduced."
        return f"All {self.checks} known results reproduced."
