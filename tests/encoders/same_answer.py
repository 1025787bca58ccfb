"""An encoder gives a token the same bits whatever else is computed with it.

Every check is a function of a precision; run as a program, it runs all of them with the
instruction set that PYTXENC_ISA names.
"""

import sys
import threading

import numpy as np
from random_encoders import DTYPES, make_config, make_encoder

from pytxenc import _core

MODELS = {
    "bert": make_config("bert"),
    "bert pretraining": make_config("bert", "pretraining", vocab_size=207),
    "roberta tokens": make_config("roberta", "tokens", hidden_size=36, num_attention_heads=4),
    "albert masked_lm": make_config("albert", "masked_lm"),
    "electra replaced": make_config("electra", "replaced", hidden_act="gelu_new"),
    "distilbert sequence": make_config("distilbert", "sequence", hidden_act="relu"),
}
LENGTHS = (1, 2, 7, 16, 33, 40, 64, 3)
# More rows than the encoder takes at once through its widest layers.
MANY = (*LENGTHS, 128, 90, 128, 1)
PAD = 1


def outputs_of(config):
    """Names of everything that the model computes, as arguments of forward."""
    head = config["head"]
    return {
        "hidden_states": True,
        "logits": head in ("pretraining", "masked_lm"),
        "scores": head not in ("none", "masked_lm"),
        "pooled": head in ("none", "pretraining") and config["family"] in ("bert", "roberta"),
        "pooling": "mean",
    }


def make_batch(rng, lengths, side="right"):
    """input_ids, attention_mask and position_ids, which count real tokens from 2 on."""
    width = max(lengths)
    mask = np.arange(width) < np.array(lengths)[:, None]
    if side == "left":
        mask = mask[:, ::-1].copy()
    ids = np.where(mask, rng.integers(2, 101, mask.shape), PAD)
    positions = np.where(mask, mask.cumsum(axis=1) + 1, 0)
    return {"input_ids": ids, "attention_mask": mask, "position_ids": positions}


def one_of(batch, b):
    """Sequence b alone, without padding."""
    real = batch["attention_mask"][b]
    return {name: np.ascontiguousarray(value[b : b + 1, real]) for name, value in batch.items()}


def flat(results):
    """The arrays by name, those of tuples numbered."""
    arrays = {}
    for name, value in results.items():
        if isinstance(value, tuple):
            arrays.update({f"{name}[{i}]": array for i, array in enumerate(value)})
        else:
            arrays[name] = value
    return arrays


def check_equal(got, expected, what):
    assert got.shape == expected.shape, what
    assert np.isfinite(expected).all(), what
    np.testing.assert_array_equal(got, expected, what)


def compare_sequence(whole, alone, real, b, side, what):
    """Results of sequence b in a batch against those of the sequence alone."""
    for name, array in flat(alone).items():
        batched = flat(whole)[name][b]
        if array.ndim == 3:  # a row for every token
            batched = batched[real[b]]
        elif side == "left" and name != "embeddings":
            continue  # what is made of the first position, a pad
        check_equal(batched, array[0], f"{what}: {name} of sequence {b}")


def set_and_restore_threads(check):
    def run(dtype):
        before = _core.get_num_threads()
        try:
            check(dtype)
        finally:
            _core.set_num_threads(before)

    run.__name__ = check.__name__
    return run


def check_alone_or_in_a_batch(dtype):
    for model, config in MODELS.items():
        encoder, rng = make_encoder(config, dtype), np.random.default_rng(1)
        for side in ("right", "left"):
            lengths = MANY if side == "right" else LENGTHS
            batch = make_batch(rng, lengths, side)
            whole = encoder.forward(**batch, **outputs_of(config))
            for b in range(len(lengths)):
                alone = encoder.forward(**one_of(batch, b), **outputs_of(config))
                compare_sequence(whole, alone, batch["attention_mask"], b, side, model)


def check_order_of_sequences(dtype):
    for model, config in MODELS.items():
        encoder = make_encoder(config, dtype)
        batch = make_batch(np.random.default_rng(2), LENGTHS)
        order = np.random.default_rng(7).permutation(len(LENGTHS))
        first = flat(encoder.forward(**batch, **outputs_of(config)))
        turned = {name: value[order] for name, value in batch.items()}
        for name, array in flat(encoder.forward(**turned, **outputs_of(config))).items():
            check_equal(array, first[name][order], f"{model}: {name}")


@set_and_restore_threads
def check_threads(dtype):
    for model, config in MODELS.items():
        encoder, rng = make_encoder(config, dtype), np.random.default_rng(3)
        for lengths in (LENGTHS, (129,), (128, 128, 90)):
            batch = make_batch(rng, lengths)
            batch["position_ids"] %= 130
            _core.set_num_threads(1)
            expected = flat(encoder.forward(**batch, **outputs_of(config)))
            for threads in (2, 3, 8):
                _core.set_num_threads(threads)
                for name, array in flat(encoder.forward(**batch, **outputs_of(config))).items():
                    check_equal(array, expected[name], f"{model}: {name}, {threads} threads")


def check_calls_at_once(dtype):
    """From four threads of Python, the first calls of all, which pack the weights."""
    for model, config in MODELS.items():
        rng = np.random.default_rng(4)
        batches = [make_batch(rng, lengths) for lengths in (LENGTHS, (5,), (60, 60), (31, 8, 9))]
        quiet, shared = make_encoder(config, dtype), make_encoder(config, dtype)
        expected = [flat(quiet.forward(**batch, **outputs_of(config))) for batch in batches]
        start = threading.Barrier(len(batches))
        got = [None] * len(batches)

        def call(i, shared=shared, config=config, batches=batches, start=start, got=got):
            start.wait()
            for _ in range(5):
                got[i] = flat(shared.forward(**batches[i], **outputs_of(config)))

        callers = [threading.Thread(target=call, args=(i,)) for i in range(len(batches))]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        for results, wanted in zip(got, expected, strict=True):
            for name, array in results.items():
                check_equal(array, wanted[name], f"{model}: {name}")


def check_what_is_asked_for(dtype):
    """Where only some tokens are read, the last layer computes those alone."""
    for model, config in MODELS.items():
        encoder = make_encoder(config, dtype)
        batch = make_batch(np.random.default_rng(5), LENGTHS)
        wanted = outputs_of(config)
        whole = flat(encoder.forward(**batch, **wanted))
        for name, key in (("pooled", "pooler_output"), ("scores", "scores")):
            if wanted[name]:
                some = encoder.forward(**batch, last_hidden=False, **{name: True})
                check_equal(some[key], whole[key], f"{model}: {name} alone")
        for pooling in ("cls", "last", "mean", "max"):
            with_all = encoder.forward(**batch, pooling=pooling)
            some = encoder.forward(**batch, last_hidden=False, pooling=pooling)
            check_equal(some["embeddings"], with_all["embeddings"], f"{model}: {pooling}")
        if wanted["logits"]:
            predicted = batch["attention_mask"] & (batch["input_ids"] % 5 == 0)
            for more in ({}, {"pooling": "last"}, {"pooling": "cls"}):
                some = encoder.forward(
                    **batch, last_hidden=False, logits=True, predicted=predicted, **more
                )
                check_equal(some["logits"], whole["logits"][predicted], f"{model}: {more}")


def check_packing(dtype):
    """At once, when first needed, or again in another encoder."""
    config = MODELS["bert pretraining"]
    batch = make_batch(np.random.default_rng(6), LENGTHS)
    early, late = make_encoder(config, dtype), make_encoder(config, dtype)
    early.pack()
    expected = flat(late.forward(**batch, **outputs_of(config)))
    for encoder in (early, early, late):
        for name, array in flat(encoder.forward(**batch, **outputs_of(config))).items():
            check_equal(array, expected[name], name)


CHECKS = [
    check_alone_or_in_a_batch,
    check_order_of_sequences,
    check_threads,
    check_calls_at_once,
    check_what_is_asked_for,
    check_packing,
]


def promised(dtype):
    """OpenBLAS, which stands in for plain C in float32, promises nothing of the kind."""
    return not (dtype == "float32" and _core.get_isa() == "scalar")


if __name__ == "__main__":
    for dtype in filter(promised, DTYPES):
        for check in CHECKS:
            check(dtype)
    sys.exit()
