"""New models: what their weights are drawn from, and that a seed repeats them."""

import random
import subprocess
import sys

import numpy as np
import pytest

import pytxenc
from pytxenc.configuration import (
    AlbertConfig,
    BertConfig,
    DistilBertConfig,
    ElectraConfig,
    RobertaConfig,
    XLMRobertaConfig,
)

RANGE = 0.07
SIZES = dict(
    vocab_size=211, hidden_size=36, num_hidden_layers=2, num_attention_heads=3,
    intermediate_size=50, max_position_embeddings=60, type_vocab_size=3, initializer_range=RANGE,
)  # fmt: skip
CONFIGS = {
    "Albert": AlbertConfig(**SIZES, embedding_size=24, pad_token_id=4, num_labels=5),
    "Bert": BertConfig(**SIZES, pad_token_id=4, num_labels=5),
    "DistilBert": DistilBertConfig(
        vocab_size=211, dim=36, n_layers=2, n_heads=3, hidden_dim=50, max_position_embeddings=60,
        initializer_range=RANGE, pad_token_id=4,
    ),
    "Electra": ElectraConfig(**SIZES, embedding_size=24, pad_token_id=4, num_labels=5),
    "Roberta": RobertaConfig(**SIZES, pad_token_id=4, num_labels=5),
    "XLMRoberta": XLMRobertaConfig(**SIZES, pad_token_id=4, num_labels=5),
}  # fmt: skip
MODELS = [
    (name, family)
    for name in pytxenc._EXPORTS["modeling"]
    for family in CONFIGS
    if name.startswith(family) and not name.endswith("PreTrainedModel")
]


def new_model(name, family, **fields):
    config = type(CONFIGS[family]).from_dict({**CONFIGS[family].to_dict(), **fields})
    return getattr(pytxenc, name)(config)


def zero_rows(value):
    return np.flatnonzero(~value.any(axis=1)).tolist() if value.ndim == 2 else []


@pytest.mark.parametrize(("name", "family"), MODELS)
def test_drawn_as_the_reference_draws_them(name, family):
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    config = getattr(transformers, f"{family}Config")(**CONFIGS[family].to_dict())
    torch.manual_seed(0)
    theirs = {n: v.numpy() for n, v in getattr(transformers, name)(config).state_dict().items()}
    pytxenc.set_seed(0)
    ours = new_model(name, family).state_dict()
    assert set(ours) == set(theirs)
    for parameter, value in ours.items():
        expected = theirs[parameter]
        assert zero_rows(value) == zero_rows(expected), parameter
        if not expected.any() or (expected == 1).all():
            np.testing.assert_array_equal(value, expected, parameter)
            continue
        for drawn in (value[value != 0], expected[expected != 0]):  # but padding
            # Six standard errors of the mean and of the standard deviation.
            assert abs(drawn.mean()) < 6 * RANGE / drawn.size**0.5, parameter
            assert abs(drawn.std() / RANGE - 1) < 6 / (2 * drawn.size) ** 0.5, parameter
            if drawn.size > 1000:  # not cut off at two standard deviations
                assert 0.02 < (abs(drawn) > 2 * RANGE).mean() < 0.08, parameter


@pytest.mark.parametrize(("name", "family"), MODELS)
def test_a_seed_repeats_the_weights(name, family):
    pytxenc.set_seed(5)
    first, second = new_model(name, family), new_model(name, family)
    pytxenc.set_seed(5)
    again = new_model(name, family)
    pytxenc.set_seed(6)
    other = new_model(name, family)
    for parameter, value in first.state_dict().items():
        np.testing.assert_array_equal(value, again.get_parameter(parameter))
        if value.any() and not (value == 1).all():
            assert (value != second.get_parameter(parameter)).any()
            assert (value != other.get_parameter(parameter)).any()


def test_distinct_parameters_are_drawn_independently():
    pytxenc.set_seed(0)
    matrices = [v.ravel() for v in new_model("BertModel", "Bert").parameters() if v.size == 36 * 36]
    correlations = np.corrcoef(matrices) - np.eye(len(matrices))
    assert abs(correlations).max() < 6 / 36


def test_the_range_of_initialisation():
    assert abs(new_model("BertModel", "Bert", initializer_range=0.0).get_input_embeddings()
               .weight.std() - 0.02) < 0.002  # fmt: skip
    for wrong in (-1.0, float("nan"), float("inf"), 1e300):
        with pytest.raises(ValueError, match=r"initializer_range is .*; it must be a positive"):
            new_model("BertModel", "Bert", initializer_range=wrong)


def test_set_seed():
    torch = pytest.importorskip("torch")

    def draw():
        return random.random(), np.random.rand(), torch.rand(1).item()

    pytxenc.set_seed(11)
    drawn = draw()
    pytxenc.set_seed(np.int64(11), deterministic=False)
    assert draw() == drawn != draw()
    transformers = pytest.importorskip("transformers")
    transformers.set_seed(11)
    assert draw() == drawn
    try:
        pytxenc.set_seed(1, deterministic=True)
        assert torch.are_deterministic_algorithms_enabled()
    finally:
        torch.use_deterministic_algorithms(False)
    for wrong, error in ((-1, ValueError), (2**32, ValueError), (1.5, TypeError), (None, TypeError),
                         ("1", TypeError), (True, TypeError)):  # fmt: skip
        with pytest.raises(error, match=r"seed .*must be"):
            pytxenc.set_seed(wrong)


def test_set_seed_imports_no_torch_and_stands_for_transformers():
    code = """
import sys
import pytxenc
pytxenc.install_as_transformers()
from transformers import set_seed
from transformers.trainer_utils import set_seed as second
assert set_seed is second is pytxenc.set_seed
set_seed(1)
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
