"""Model configurations: what config.json keeps for these encoders."""

from .base import (
    CONFIG_NAME,
    SAME_ARCHITECTURE,
    PreTrainedConfig,
    PretrainedConfig,
    check_attention,
    dtype_name,
)
from .families import (
    AlbertConfig,
    BertConfig,
    DistilBertConfig,
    ElectraConfig,
    RobertaConfig,
    XLMRobertaConfig,
)

__all__ = [
    "CONFIG_NAME",
    "SAME_ARCHITECTURE",
    "AlbertConfig",
    "BertConfig",
    "DistilBertConfig",
    "ElectraConfig",
    "PreTrainedConfig",
    "PretrainedConfig",
    "RobertaConfig",
    "XLMRobertaConfig",
    "check_attention",
    "dtype_name",
]
