"""Streams, batches and progress: what is read when, and that results do not depend on it."""

import threading

import numpy as np
import pytest

import pytxenc


@pytest.fixture
def classify(model_folder):
    return pytxenc.pipeline(
        "text-classification", str(model_folder("Bert", "ForSequenceClassification", num_labels=3))
    )


def scores(results):
    return np.array([[found["score"] for found in labels] for labels in results])


def test_batches_change_nothing(classify, texts):
    alone = scores([classify(text, top_k=None) for text in texts * 3])
    for batch_size in (None, 1, 2, 7, 1000):
        got = scores(classify(texts * 3, top_k=None, batch_size=batch_size))
        np.testing.assert_allclose(got, alone, atol=1e-5)
        got = scores(classify(iter(texts * 3), top_k=None, batch_size=batch_size))
        np.testing.assert_allclose(got, alone, atol=1e-5)


def test_batches_are_of_like_length_and_within_the_budget(classify, monkeypatch):
    shapes = []
    forward = classify.model.forward

    def watched(*args, **kwargs):
        shapes.append(kwargs["input_ids"].shape)
        return forward(*args, **kwargs)

    monkeypatch.setattr(classify.model, "forward", watched)
    many = ["a " * (1 + 7 * index % 60) for index in range(600)]
    classify(many)
    assert sum(rows for rows, _ in shapes) == len(many)
    assert all(rows * length <= classify.token_budget for rows, length in shapes)
    computed = sum(rows * length for rows, length in shapes)
    needed = sum(len(ids) for ids in classify.tokenizer(many)["input_ids"])
    assert computed < 1.2 * needed
    assert len(shapes) < len(many) / 20
    shapes.clear()
    classify(many, batch_size=16)
    assert max(rows for rows, _ in shapes) == 16


@pytest.mark.parametrize("batch_size", [1, 4])
def test_a_stream_is_read_as_results_are_taken(classify, texts, batch_size):
    read = []

    def stream():
        for index in range(10**9):
            read.append(index)
            yield texts[index % len(texts)]

    results = classify(stream(), batch_size=batch_size)
    assert read == []
    for index in range(10):
        next(results)
        assert index < len(read) <= index + batch_size


def test_a_stream_without_a_batch_size_is_not_read_far_ahead(classify, texts):
    read = []

    def stream():
        for index in range(10**9):
            read.append(index)
            yield texts[index % len(texts)]

    results = classify(stream())
    next(results)
    assert len(read) == 1
    for taken in range(2, 200):
        next(results)
        assert len(read) <= 2 * taken


def test_results_before_an_error_come_first(classify, texts):
    results = classify(iter([texts[0], texts[1], 7, texts[2]]))
    assert next(results)["label"] and next(results)["label"]
    with pytest.raises(Exception, match="input 2"):
        next(results)


def test_progress(classify, texts, capsys):
    classify(texts)
    assert capsys.readouterr().err == ""
    classify(texts, progress=True)
    assert f"{len(texts)}/{len(texts)}" in capsys.readouterr().err
    classify(texts * 40)  # standard error is no terminal
    assert capsys.readouterr().err == ""


def test_threads_share_a_pipeline(classify, texts):
    expected = scores(classify(texts, top_k=None))
    got = [None] * 8

    def work(index):
        got[index] = scores(classify(texts, top_k=None, batch_size=index + 1))

    threads = [threading.Thread(target=work, args=(index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one in got:
        np.testing.assert_allclose(one, expected, atol=1e-5)


def test_fill_mask_computes_masked_positions_only(model_folder, texts, monkeypatch):
    fill = pytxenc.pipeline("fill-mask", str(model_folder("Bert", "ForMaskedLM")))
    sizes = []
    logits_at = fill.model.logits_at
    monkeypatch.setattr(
        fill.model, "logits_at", lambda *a, **k: sizes.append(logits_at(*a, **k)) or sizes[-1]
    )
    fill([f"{text} [MASK] [MASK]" for text in texts])
    assert sum(len(logits) for logits in sizes) == 2 * len(texts)


def test_devices(model_folder, texts):
    """Numbers fall back on the processor, as in the reference; names do not."""
    folder = str(model_folder("Bert", "ForMaskedLM"))
    expected = pytxenc.pipeline("fill-mask", folder)("a [MASK]")
    for device in (0, -1, "cpu", None):
        assert pytxenc.pipeline("fill-mask", folder, device=device)("a [MASK]") == expected
    for device in ("cuda", "cuda:0", "mps"):
        with pytest.raises(ValueError, match="on the CPU only"):
            pytxenc.pipeline("fill-mask", folder, device=device)
