"""Parameters looked at, replaced and resized, as transformers and torch do it."""

import itertools
import threading

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from model_pairs import FAMILIES, assert_near, make_pair, random_batch  # noqa: E402

HEADS = ("Model", "ForMaskedLM", "ForTokenClassification")


@pytest.mark.parametrize(("family", "head"), list(itertools.product(FAMILIES, HEADS)))
def test_counts_and_embeddings(family, head):
    theirs, ours = make_pair(family, head)
    assert ours.num_parameters() == theirs.num_parameters()
    assert ours.num_parameters(exclude_embeddings=True) == theirs.num_parameters(
        exclude_embeddings=True
    )
    assert sum(value.size for value in ours.parameters()) == ours.num_parameters()
    table, expected = ours.get_input_embeddings(), theirs.get_input_embeddings()
    assert (table.num_embeddings, table.embedding_dim) == (
        expected.num_embeddings,
        expected.embedding_dim,
    )
    ids = np.array([[3, 5]])
    np.testing.assert_array_equal(table(ids), expected(torch.as_tensor(ids)).detach())
    output, expected = ours.get_output_embeddings(), theirs.get_output_embeddings()
    assert (output is None) == (expected is None)
    if output is not None:
        assert repr(output) == repr(expected).replace(", bias=True", "")
        np.testing.assert_array_equal(output.weight, expected.weight.detach())
        np.testing.assert_array_equal(output.bias, expected.bias.detach())


@pytest.mark.parametrize("tie", [True, False])
@pytest.mark.parametrize("sizes", [(130,), (60,), (None, 64), (101, 8), (7, None, False)])
@pytest.mark.parametrize("family", FAMILIES)
def test_resizing(family, sizes, tie):
    theirs, ours = make_pair(family, "ForMaskedLM", tie_word_embeddings=tie)
    expected = theirs.resize_token_embeddings(*sizes)
    got = ours.resize_token_embeddings(*sizes)
    assert got.num_embeddings == expected.num_embeddings == ours.config.vocab_size
    weights = ours.state_dict()
    ends = ("decoder.weight", "vocab_projector.weight", "generator_lm_head.weight")
    decoder = next(name for name in weights if name.endswith(ends))
    kept = min(101, got.num_embeddings)
    for name in (decoder, decoder.replace("weight", "bias")):
        one, other = weights[name], theirs.state_dict()[name].numpy()
        np.testing.assert_array_equal(one[:kept], other[:kept])
        if got.num_embeddings > kept:  # close to the mean, there and here
            np.testing.assert_allclose(one[kept:], other[kept:], atol=2e-3)
    assert (weights[decoder] is got.weight) == tie
    batch = random_batch(np.random.default_rng(0), vocabulary=min(kept, 101))
    with torch.no_grad():
        logits = theirs(**{name: torch.as_tensor(value) for name, value in batch.items()}).logits
    result = ours(**batch).logits
    assert result.shape == logits.shape
    assert_near(result[..., :kept], logits[..., :kept], "logits")


def test_resizing_draws_new_rows():
    _, ours = make_pair("Bert", "Model")
    np.random.seed(1)
    table = ours.resize_token_embeddings(4101, mean_resizing=False).weight
    assert abs(table[101:].std() / ours.config.initializer_range - 1) < 0.05


@pytest.mark.parametrize("sizes", [(0,), (-3,), (None, 0), (2.5,), ("9",)])
def test_impossible_sizes(sizes):
    _, ours = make_pair("Bert", "Model")
    with pytest.raises(ValueError, match="must be a positive integer"):
        ours.resize_token_embeddings(*sizes)
    assert ours.config.vocab_size == 101


def test_resized_models_are_saved(tmp_path):
    _, ours = make_pair("Roberta", "ForMaskedLM")
    ours.resize_token_embeddings(120)
    ours.save_pretrained(tmp_path)
    again, report = transformers.RobertaForMaskedLM.from_pretrained(
        tmp_path, output_loading_info=True
    )
    assert not any(report.values())
    assert again.config.vocab_size == 120


@pytest.mark.parametrize("kind", [np.asarray, torch.as_tensor])
@pytest.mark.parametrize("family", FAMILIES)
def test_loading_a_state_dict(family, kind):
    source, _ = make_pair(family, "ForMaskedLM", seed=1)
    _, ours = make_pair(family, "ForMaskedLM", seed=2)
    weights = {name: kind(value.numpy()) for name, value in source.state_dict().items()}
    assert ours.load_state_dict(weights) == ([], [])
    batch = random_batch(np.random.default_rng(0))
    with torch.no_grad():
        expected = source(**{name: torch.as_tensor(value) for name, value in batch.items()})
    before = ours(**batch).logits
    assert_near(before, expected.logits, "logits")
    for value in weights.values():  # the model has copies
        value[...] = 0
    np.testing.assert_array_equal(ours(**batch).logits, before)


def test_state_dicts_that_do_not_fit():
    theirs, ours = make_pair("Bert", "Model")
    before = {name: value.copy() for name, value in ours.state_dict().items()}
    for weights in (
        {"x": np.zeros(2)},
        {"pooler.dense.bias": np.zeros(36)},
        {**ours.state_dict(), "pooler.dense.bias": np.zeros(35)},
    ):
        with pytest.raises(RuntimeError):
            theirs.load_state_dict({k: torch.tensor(np.array(v)) for k, v in weights.items()})
        with pytest.raises(RuntimeError, match="load_state_dict"):
            ours.load_state_dict(weights)
    keys = ours.load_state_dict({"x": np.zeros(2)}, strict=False)
    expected = theirs.load_state_dict({"x": torch.zeros(2)}, strict=False)
    assert keys.unexpected_keys == expected.unexpected_keys == ["x"]
    assert sorted(keys.missing_keys) == sorted(expected.missing_keys)
    for name, value in before.items():
        np.testing.assert_array_equal(ours.state_dict()[name], value)


def test_replacing_the_table():
    _, ours = make_pair("Albert", "ForMaskedLM")
    table = np.random.default_rng(0).standard_normal((77, 20)).astype(np.float32)
    ours.set_input_embeddings(torch.nn.Embedding.from_pretrained(torch.tensor(table)))
    np.testing.assert_array_equal(ours.get_output_embeddings().weight, table)
    assert ours(np.array([[2, 3]])).logits.shape == (1, 2, 77)
    with pytest.raises(ValueError, match=r"must be \(tokens, 20\)"):
        ours.set_input_embeddings(np.zeros((5, 3)))


def test_tying():
    _, ours = make_pair("Bert", "ForMaskedLM", tie_word_embeddings=False)
    assert ours.get_output_embeddings().weight is not ours.get_input_embeddings().weight
    ours.tie_weights()
    assert ours.get_output_embeddings().weight is not ours.get_input_embeddings().weight
    ours.config.tie_word_embeddings = True
    ours.tie_weights()
    assert ours.get_output_embeddings().weight is ours.get_input_embeddings().weight


def test_calls_while_parameters_change():
    _, ours = make_pair("Bert", "Model")
    batch = {"input_ids": np.arange(2, 42).reshape(4, 10)}
    results, stop = [], threading.Event()

    def call():
        while not stop.is_set():
            results.append(ours(**batch).last_hidden_state)

    workers = [threading.Thread(target=call) for _ in range(2)]
    for worker in workers:
        worker.start()
    one = {name: value.copy() for name, value in ours.state_dict().items()}
    two = {name: value + np.float32(0.1) for name, value in one.items()}
    for _ in range(50):
        ours.load_state_dict(two)
        ours.load_state_dict(one)
    stop.set()
    for worker in workers:
        worker.join()
    first = ours(**batch).last_hidden_state
    ours.load_state_dict(two)
    second = ours(**batch).last_hidden_state
    assert not np.allclose(first, second)
    for result in results:
        assert np.array_equal(result, first) or np.array_equal(result, second)


@pytest.mark.parametrize("head", ["Model", "ForMaskedLM", "ForSequenceClassification"])
@pytest.mark.parametrize("family", FAMILIES)
def test_base_model(family, head):
    theirs, ours = make_pair(family, head)
    expected, base = theirs.base_model, ours.base_model
    assert type(base).__name__ == type(expected).__name__
    assert list(base.state_dict()) == list(expected.state_dict())
    batch = random_batch(np.random.default_rng(0))
    with torch.no_grad():
        states = expected(**{name: torch.as_tensor(value) for name, value in batch.items()})
    assert_near(base(**batch).last_hidden_state, states.last_hidden_state, "states")
    if head == "Model":
        assert base is ours
        return
    named = getattr(ours, ours.base_model_prefix)
    table = named.get_input_embeddings().weight
    assert np.shares_memory(table, ours.get_input_embeddings().weight)
    for change in (named.tie_weights, named.resize_token_embeddings):
        with pytest.raises(RuntimeError, match=f"is a part of a {family}{head}: change the whole"):
            change()
    with pytest.raises(AttributeError, match="has no attribute 'bart'"):
        ours.bart  # noqa: B018


def test_set_output_embeddings():
    theirs, ours = make_pair("Roberta", "ForMaskedLM")
    linear = torch.nn.Linear(36, 101)
    theirs.set_output_embeddings(linear)
    ours.set_output_embeddings(linear)
    batch = random_batch(np.random.default_rng(0))
    with torch.no_grad():
        expected = theirs(**{name: torch.as_tensor(value) for name, value in batch.items()}).logits
    assert_near(ours(**batch).logits, expected, "logits")
    assert ours.get_output_embeddings().weight is not ours.get_input_embeddings().weight
    with pytest.raises(ValueError, match=r"has shape \(5, 36\); it must be \(101, 36\)"):
        ours.set_output_embeddings(torch.nn.Linear(36, 5))
    with pytest.raises(ValueError, match="BertModel has no output embeddings"):
        make_pair("Bert", "Model")[1].set_output_embeddings(linear)


def test_small_questions():
    theirs, ours = make_pair("Albert", "ForMaskedLM")
    assert ours.get_memory_footprint(return_buffers=False) == theirs.get_memory_footprint(False)
    assert ours.main_input_name == theirs.main_input_name
    assert ours.can_generate() == theirs.can_generate()
    name = "albert.embeddings.word_embeddings.weight"
    np.testing.assert_array_equal(ours.get_parameter(name), theirs.get_parameter(name).detach())
    with pytest.raises(AttributeError, match="no parameter 'nothing'"):
        ours.get_parameter("nothing")
    with pytest.raises(ValueError, match=r"on the CPU only, in .*'cuda'"):
        ours.cuda()
