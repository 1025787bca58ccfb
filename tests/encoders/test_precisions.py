"""Encoders of odd shapes in every precision: against double precision and against float32."""

import encoder_reference
import numpy as np
import pytest
from random_encoders import DTYPES, make_config, make_encoder, make_weights
from same_answer import flat, make_batch, outputs_of

from pytxenc import _core

SHAPES = {
    "even": {},
    "odd heads": dict(hidden_size=45, num_attention_heads=3),
    "heads of one": dict(hidden_size=12, num_attention_heads=12),
    "hidden 1": dict(hidden_size=1, num_attention_heads=1, intermediate_size=1),
    "hidden 2": dict(hidden_size=2, num_attention_heads=1, intermediate_size=3),
    "hidden 50": dict(hidden_size=50, num_attention_heads=5, intermediate_size=77),
    "odd vocabulary": dict(vocab_size=203, intermediate_size=97),
    "no layers": dict(num_hidden_layers=0),
    "one layer": dict(num_hidden_layers=1),
    "heads of 80": dict(hidden_size=160, num_attention_heads=2, intermediate_size=321),
    "wide": dict(hidden_size=144, num_attention_heads=4, intermediate_size=530),
}
LENGTHS = (1, 2, 3, 4, 6, 21, 70)
# Largest errors, relative to the largest number of a result: against double precision with the
# same roundings, of which some may go the other way; against float32.
SAME_ROUNDINGS = {"float32": 1e-5, "bfloat16": 1.5e-2, "int8": 4e-2}
AGAINST_FLOAT32 = {"float32": 1e-5, "bfloat16": 2e-2, "int8": 6e-2}


def error_of(got, exact):
    assert got.shape == exact.shape and np.isfinite(got).all()
    return np.abs(got - exact).max() / np.abs(exact).max()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_against_double_precision(dtype, shape):
    config = make_config("bert", "masked_lm", **SHAPES[shape])
    weights = make_weights(config)
    encoder = make_encoder(config, dtype, weights)
    rng, errors = np.random.default_rng(3), []
    for length in LENGTHS:
        ids = rng.integers(0, config["vocab_size"], length)
        got = encoder.forward(input_ids=ids[None], logits=True)
        hidden, logits = encoder_reference.forward(config, weights, ids, dtype)
        errors.append(error_of(got["last_hidden_state"][0], hidden))
        errors.append(error_of(got["logits"][0], logits))
    assert max(errors) < SAME_ROUNDINGS[dtype]
    # Where every rounding goes the same way there is no such difference.
    assert sorted(errors)[1] < 2e-5


@pytest.mark.parametrize("family", ["bert", "roberta", "albert", "distilbert", "electra"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_against_float32(dtype, family):
    """Every output of every family, of odd shapes, with padding on both sides."""
    shapes = dict(SHAPES)
    if family == "albert":
        del shapes["no layers"], shapes["one layer"]  # it has two groups of layers
    for head in ("none", "masked_lm", "sequence", "tokens"):
        for shape, fields in shapes.items():
            config = make_config(family, head, **fields)
            weights = make_weights(config)
            wanted = outputs_of(config)
            expected, got = (
                run_both_sides(make_encoder(config, *arguments), wanted)
                for arguments in (("float32", weights, False), (dtype, weights))
            )
            for name, exact in expected.items():
                limit = AGAINST_FLOAT32[dtype]
                assert error_of(got[name], exact) < limit, (head, shape, name)


def run_both_sides(encoder, wanted):
    results = {}
    for side in ("right", "left"):
        batch = make_batch(np.random.default_rng(5), (1, 5, 17, 2), side)
        for name, array in flat(encoder.forward(**batch, **wanted)).items():
            results[f"{side} {name}"] = array
    return results


@pytest.mark.parametrize("dtype", DTYPES)
def test_more_threads_than_work(dtype):
    before = _core.get_num_threads()
    config = make_config("bert", "pretraining", **SHAPES["hidden 2"])
    weights = make_weights(config)
    ids = np.array([[5]])
    results = []
    try:
        for threads in (1, 256):
            _core.set_num_threads(threads)
            encoder = make_encoder(config, dtype, weights)
            results.append(flat(encoder.forward(input_ids=ids, **outputs_of(config))))
    finally:
        _core.set_num_threads(before)
    for name, array in results[0].items():
        assert np.isfinite(array).all()
        np.testing.assert_array_equal(results[1][name], array, name)


@pytest.mark.parametrize("dtype", DTYPES)
def test_weights_that_are_not_finite_show(dtype):
    """A broken checkpoint gives NaN, not numbers that look like answers."""
    config = make_config("bert")
    for broken in (np.nan, np.inf):
        weights = make_weights(config)
        weights["encoder.layer.1.output.dense.weight"][3, 5] = broken
        encoder = make_encoder(config, dtype, weights)
        result = encoder.forward(input_ids=np.array([[5, 6, 7]]), pooled=True)
        assert np.isnan(result["last_hidden_state"]).all()
        assert np.isnan(result["pooler_output"]).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_constant_weights_and_rows(dtype):
    """Scales of nothing divide nothing."""
    config = make_config("bert", "masked_lm")
    weights = {name: np.zeros_like(value) for name, value in make_weights(config).items()}
    encoder = make_encoder(config, dtype, weights)
    result = encoder.forward(input_ids=np.array([[5, 6, 7]]), logits=True)
    assert (result["last_hidden_state"] == 0).all() and (result["logits"] == 0).all()


def test_sums_that_would_exceed_32_bits_are_refused():
    config = make_config("bert", hidden_size=1, num_attention_heads=1, num_hidden_layers=1)
    for width, dtype, refused in (
        (66_000, "int8", False),
        (66_001, "int8", True),
        (66_001, "bfloat16", False),
    ):
        config["intermediate_size"] = width
        weights = make_weights(config)
        if refused:
            with pytest.raises(ValueError, match="no layer may be wider than 66000"):
                make_encoder(config, dtype, weights)
        else:
            result = make_encoder(config, dtype, weights).forward(input_ids=np.array([[5]]))
            assert np.isfinite(result["last_hidden_state"]).all()


def test_precisions_by_name():
    config = make_config("bert")
    for dtype in ("float16", "Float32", ""):
        with pytest.raises(ValueError, match="'float32', 'bfloat16' or 'int8'"):
            make_encoder(config, dtype)
    for dtype in ("bfloat16", "int8"):
        with pytest.raises(ValueError, match="packed"):
            make_encoder(config, dtype, packed=False)
