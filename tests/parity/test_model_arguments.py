"""What models accept and refuse, and in what words; no reference needed."""

import threading

import numpy as np
import pytest

from pytxenc.configuration import (
    AlbertConfig,
    BertConfig,
    DistilBertConfig,
    ElectraConfig,
    RobertaConfig,
)
from pytxenc.modeling import (
    AlbertForMaskedLM,
    AlbertModel,
    BertForMaskedLM,
    BertModel,
    DistilBertForMaskedLM,
    DistilBertModel,
    ElectraForMaskedLM,
    ElectraForMultipleChoice,
    ElectraForPreTraining,
    ElectraModel,
    RobertaForMaskedLM,
    RobertaModel,
)
from pytxenc.tensor import Tensor

SIZES = dict(
    vocab_size=50, hidden_size=12, num_hidden_layers=2, num_attention_heads=3,
    intermediate_size=20, max_position_embeddings=16,
)  # fmt: skip
DISTILBERT = DistilBertConfig(
    vocab_size=50, dim=12, n_layers=2, n_heads=3, hidden_dim=20, max_position_embeddings=16
)
ELECTRA = ElectraConfig(**SIZES, embedding_size=8)
MODELS = {
    BertModel: BertConfig(**SIZES),
    RobertaModel: RobertaConfig(**SIZES),
    AlbertModel: AlbertConfig(**SIZES, embedding_size=8),
    DistilBertModel: DISTILBERT,
    ElectraModel: ELECTRA,
    BertForMaskedLM: BertConfig(**SIZES),
    RobertaForMaskedLM: RobertaConfig(**SIZES),
    AlbertForMaskedLM: AlbertConfig(**SIZES, embedding_size=8),
    DistilBertForMaskedLM: DISTILBERT,
    ElectraForMaskedLM: ELECTRA,
    ElectraForPreTraining: ELECTRA,
}
IDS = np.array([[5, 6, 7, 8], [9, 10, 11, 12]])


@pytest.fixture(params=MODELS, ids=lambda c: c.__name__)
def model(request):
    np.random.seed(0)
    return request.param(MODELS[request.param]).eval()


@pytest.fixture
def bert():
    np.random.seed(0)
    return BertModel(MODELS[BertModel]).eval()


def refused(error, *words):
    return pytest.raises(error, match="(?s)" + ".*".join(words))


@pytest.mark.parametrize("bad", (50, -1, 2**40))
def test_an_id_outside_the_vocabulary_is_named_with_its_place(model, bad):
    ids = IDS.copy()
    ids[1, 2] = bad
    with refused(
        IndexError, r"input_ids\[1, 2\] is " + str(bad), "from 0 to 49", "vocab_size is 50"
    ):
        model(ids)


def test_a_wrong_id_on_padding_is_refused_too(bert):
    ids = IDS.copy()
    ids[0, 3] = 99
    mask = np.ones_like(ids)
    mask[0, 3] = 0
    with refused(IndexError, r"input_ids\[0, 3\] is 99"):
        bert(ids, attention_mask=mask)


def test_types_and_positions_are_checked(bert):
    with refused(IndexError, r"token_type_ids\[0, 1\] is 2"):
        bert(IDS, token_type_ids=np.array([[0, 2, 0, 0], [0, 0, 0, 0]]))
    with refused(IndexError, r"position_ids\[1, 0\] is 16"):
        bert(IDS, position_ids=np.array([[0, 1, 2, 3], [16, 1, 2, 3]]))


@pytest.mark.parametrize(
    ("cls", "limit"),
    [
        (BertModel, 16),
        (AlbertModel, 16),
        (DistilBertModel, 16),
        (ElectraModel, 16),
        (RobertaModel, 14),
    ],
)
def test_too_long_a_sequence(cls, limit):
    model = cls(MODELS[cls])
    assert model(np.full((1, limit), 5)).last_hidden_state.shape == (1, limit, 12)
    with refused(
        ValueError, str(limit + 1), "positions for", str(limit), "max_position_embeddings"
    ):
        model(np.full((2, limit + 1), 5))


def test_roberta_counts_only_tokens_that_are_not_padding():
    model = RobertaModel(MODELS[RobertaModel])
    ids = np.full((1, 20), 1)
    ids[0, :14] = 5
    assert model(ids, attention_mask=(ids != 1)).last_hidden_state.shape == (1, 20, 12)


@pytest.mark.parametrize(
    ("ids", "error", "words"),
    [
        (np.array([5, 6]), ValueError, (r"\(2,\)", "batch, length")),
        (np.zeros((2, 3, 4), int), ValueError, (r"\(2, 3, 4\)", "batch, length")),
        (IDS.astype(np.float32), TypeError, ("input_ids", "int64", "float32")),
        (np.array([["a"]]), TypeError, ("input_ids", "int64")),
        ([[5, 6], [7]], ValueError, ("input_ids", "different lengths", "padding=True")),
        (np.zeros((0, 4), int), ValueError, (r"\(0, 4\)", "at least one")),
        (np.zeros((2, 0), int), ValueError, (r"\(2, 0\)", "at least one")),
    ],
    ids=lambda v: str(v)[:20],
)
def test_ids_of_a_wrong_kind(bert, ids, error, words):
    with refused(error, *words):
        bert(ids)


def test_shapes_of_the_other_inputs(bert):
    with refused(ValueError, "attention_mask", r"\(2, 3\)", r"\(2, 4\)"):
        bert(IDS, attention_mask=np.ones((2, 3)))
    with refused(ValueError, "attention_mask", r"\(2, 2, 4, 4\)", "3 or 1"):
        bert(IDS, attention_mask=np.ones((2, 2, 4, 4), bool))
    with refused(TypeError, "four dimensions", "int64"):
        bert(IDS, attention_mask=np.ones((2, 1, 4, 4), np.int64))
    with refused(ValueError, "token_type_ids", r"\(4,\)"):
        bert(IDS, token_type_ids=np.zeros(4, int))
    with refused(ValueError, "inputs_embeds", r"\(2, 4, 11\)", r"12\)"):
        bert(inputs_embeds=np.zeros((2, 4, 11), np.float32))
    for arguments in ({}, {"input_ids": IDS, "inputs_embeds": np.zeros((2, 4, 12), np.float32)}):
        with refused(ValueError, "exactly one of input_ids or inputs_embeds"):
            bert(**arguments)


def test_a_misspelt_keyword_is_named(model):
    with refused(TypeError, "attention_msk", "did you mean 'attention_mask'"):
        model(IDS, attention_msk=np.ones_like(IDS))
    with refused(TypeError, "head_mask"):
        model(IDS, head_mask=np.ones(3))


def test_labels_are_checked():
    model = BertForMaskedLM(MODELS[BertForMaskedLM])
    labels = np.full((2, 4), -100)
    labels[1, 3] = 50
    with refused(IndexError, r"labels\[1, 3\] is 50", "0 to 49"):
        model(IDS, labels=labels)
    with refused(ValueError, "labels have shape", r"\(1, 4\)", r"\(2, 4\)"):
        model(IDS, labels=labels[:1])
    with refused(ValueError, "labels: the rows have different lengths"):
        model(IDS, labels=[[1, 2], [3]])


def test_masks_are_checked(bert):
    with refused(TypeError, "attention_mask must hold numbers or bools"):
        bert(IDS, attention_mask=[["a", "b", "c", "d"]] * 2)
    with refused(ValueError, r"attention_mask has shape \(2, 3\)"):
        bert(IDS, attention_mask=np.ones((2, 3)))


def test_one_mask_for_the_whole_batch(bert):
    mask = np.array([[1, 1, 0, 1]])
    one, each = bert(IDS, attention_mask=mask), bert(IDS, attention_mask=np.repeat(mask, 2, 0))
    np.testing.assert_array_equal(one[0], each[0])


def test_an_encoding_by_position_is_told_how_to_be_passed(bert):
    with refused(TypeError, "input_ids is a dict", r"model\(\*\*encoding\)"):
        bert({"input_ids": IDS})


@pytest.mark.parametrize(
    ("cls", "config", "words"),
    [
        (BertModel, BertConfig(hidden_size=10, num_attention_heads=3), ("hidden_size", "multiple")),
        (AlbertModel, AlbertConfig(hidden_size=10, num_attention_heads=3), ("multiple",)),
        (BertModel, BertConfig(hidden_act="gelo"), ("hidden_act", "gelo")),
        (BertModel, BertConfig(vocab_size=0), ("vocab_size is 0",)),
        (BertModel, BertConfig(hidden_size=0), ("hidden_size is 0",)),
        (BertModel, BertConfig(vocab_size=-5), ("vocab_size", "-5")),
        (BertModel, BertConfig(num_attention_heads=0), ("num_attention_heads is 0",)),
        (BertModel, BertConfig(num_hidden_layers=2**40), ("num_hidden_layers",)),
        (RobertaModel, RobertaConfig(pad_token_id=None), ("pad_token_id",)),
        (RobertaModel, RobertaConfig(pad_token_id=600), ("pad_token_id is 600",)),
        (AlbertModel, AlbertConfig(num_hidden_groups=13), ("num_hidden_groups",)),
        (DistilBertModel, DistilBertConfig(dim=10, n_heads=3), ("hidden_size", "multiple")),
        (DistilBertModel, DistilBertConfig(activation="gelo"), ("gelo",)),
        (ElectraModel, ElectraConfig(embedding_size=0), ("embedding_size is 0",)),
        (
            ElectraForMultipleChoice,
            ElectraConfig(summary_activation="gelo"),
            ("summary_activation", "gelo"),
        ),
        (BertModel, BertConfig(add_cross_attention=True), ("add_cross_attention",)),
        (
            BertModel,
            BertConfig(position_embedding_type="relative_key"),
            ("position_embedding_type is 'relative_key'", "absolute positions only"),
        ),
        (BertModel, BertConfig(layer_norm_eps=-1.0), ("layer_norm_eps",)),
    ],
    ids=lambda v: str(v)[:24] if isinstance(v, tuple) else "",
)
def test_impossible_configurations(cls, config, words):
    with refused(ValueError, *words):
        cls(config)


def test_a_configuration_of_another_family():
    with refused(TypeError, "BertModel needs a BertConfig", "RobertaConfig"):
        BertModel(RobertaConfig())


def test_integer_dtypes_and_lists_are_taken(model):
    expected = model(IDS)[0]
    for ids in (IDS.astype(np.int32), IDS.astype(np.uint8), IDS.tolist(), np.asfortranarray(IDS)):
        np.testing.assert_array_equal(model(ids)[0], expected)
    strided = np.zeros((2, 8), np.int64)
    strided[:, ::2] = IDS
    np.testing.assert_array_equal(model(strided[:, ::2])[0], expected)


def test_results_are_of_the_callers_kind(model):
    assert type(model(IDS)[0]) is np.ndarray
    light = model(Tensor(IDS))
    assert type(light[0]) is Tensor
    np.testing.assert_array_equal(light[0].numpy(), model(IDS)[0])
    torch = pytest.importorskip("torch")
    assert isinstance(model(torch.tensor(IDS))[0], torch.Tensor)


def test_hidden_states_can_be_chosen(bert):
    every = bert(IDS, output_hidden_states=True).hidden_states
    some = bert(IDS, output_hidden_states=[0, -1]).hidden_states
    assert len(every) == len(some) == 3 and some[1] is None
    np.testing.assert_array_equal(some[0], every[0])
    np.testing.assert_array_equal(some[2], every[2])
    with refused(IndexError, "3"):
        bert(IDS, output_hidden_states=3)


def test_return_dict_false_gives_a_tuple(bert):
    states, pooled = bert(IDS, return_dict=False)
    assert states.shape == (2, 4, 12) and pooled.shape == (2, 12)


def test_without_a_pooler():
    model = BertModel(MODELS[BertModel], add_pooling_layer=False)
    assert list(model(IDS)) == ["last_hidden_state"]
    assert not any("pooler" in name for name in model.state_dict())


def test_a_row_does_not_depend_on_its_batch(model):
    alone = model(IDS[:1])[0]
    padded = np.zeros((3, 9), int)
    padded[:2, :4] = IDS
    padded[2] = 7
    mask = np.zeros((3, 9), int)
    mask[:2, :4] = 1
    mask[2] = 1
    np.testing.assert_allclose(
        model(padded, attention_mask=mask)[0][:1, :4], alone, rtol=0, atol=2e-6
    )


def test_tied_weights_are_one_array():
    model = RobertaForMaskedLM(MODELS[RobertaForMaskedLM])
    state = model.state_dict()
    assert state["lm_head.decoder.weight"] is state["roberta.embeddings.word_embeddings.weight"]
    assert model.num_parameters() == sum(
        value.size for name, value in state.items() if ".decoder." not in name
    )


def test_many_threads_share_one_model(model):
    rng = np.random.default_rng(0)
    batches = [rng.integers(2, 50, (3, n)) for n in (3, 14, 7, 1, 9, 12, 5, 8)]
    expected = [model(ids)[0] for ids in batches]
    failures = []

    def work(i):
        for _ in range(20):
            if not np.allclose(model(batches[i])[0], expected[i], rtol=0, atol=1e-6):
                failures.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(batches))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_new_weights_follow_numpys_seed_and_the_reference_rules():
    np.random.seed(3)
    one = BertModel(MODELS[BertModel]).state_dict()
    np.random.seed(3)
    two = BertModel(MODELS[BertModel]).state_dict()
    assert all(np.array_equal(one[name], two[name]) for name in one)
    big = RobertaModel(
        RobertaConfig(**{**SIZES, "hidden_size": 96, "vocab_size": 999})
    ).state_dict()
    table = big["embeddings.word_embeddings.weight"]
    assert not table[1].any() and abs(table.std() - 0.02) < 0.001
    assert not big["encoder.layer.0.attention.self.query.bias"].any()
    assert (big["embeddings.LayerNorm.weight"] == 1).all()


def test_names_of_attention(bert):
    assert bert.name_or_path == bert.config.name_or_path == ""
    expected = bert(IDS).last_hidden_state
    bert.set_attn_implementation("eager")
    assert (bert(IDS).last_hidden_state == expected).all()
    with refused(ValueError, "'nope'", "'sdpa'"):
        bert.set_attn_implementation("nope")
    assert bert.config._attn_implementation == "eager"
