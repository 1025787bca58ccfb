"""Names for values of a tokenizer's arguments; the strings themselves do as well."""

from enum import Enum


class PaddingStrategy(str, Enum):
    """Values of `padding`."""

    LONGEST = "longest"
    MAX_LENGTH = "max_length"
    DO_NOT_PAD = "do_not_pad"


class TruncationStrategy(str, Enum):
    """Values of `truncation`."""

    ONLY_FIRST = "only_first"
    ONLY_SECOND = "only_second"
    LONGEST_FIRST = "longest_first"
    DO_NOT_TRUNCATE = "do_not_truncate"


class TensorType(str, Enum):
    """Values of `return_tensors`."""

    PYTORCH = "pt"
    NUMPY = "np"
