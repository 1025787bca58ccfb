"""Wrong arguments: a Python exception that says what was wrong, never anything else."""

import logging
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pytxenc

SIZES = dict(
    vocab_size=50, hidden_size=12, num_hidden_layers=1, num_attention_heads=3,
    intermediate_size=20, max_position_embeddings=16,
)  # fmt: skip
IDS = np.array([[5, 6, 7]])


def model(name="BertForSequenceClassification", **fields):
    cls = getattr(pytxenc, name)
    return cls(cls.config_class(**{**SIZES, **fields})).eval()


@pytest.fixture(scope="module")
def bert():
    return model()


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    directory = tmp_path_factory.mktemp("saved")
    model("BertForMaskedLM").save_pretrained(directory)
    return directory


def refused(error, *words):
    return pytest.raises(error, match=".*".join(map(re.escape, words)))


# ---- configurations ----


@pytest.mark.parametrize(
    ("fields", "error", "words"),
    [
        ({"hidden_size": "16"}, TypeError, ("BertConfig.hidden_size must be int", "'16' (str)")),
        ({"hidden_size": None}, TypeError, ("hidden_size must be int", "None")),
        ({"hidden_size": True}, TypeError, ("hidden_size must be int", "True (bool)")),
        ({"layer_norm_eps": "x"}, TypeError, ("layer_norm_eps must be int or float",)),
        ({"classifier_dropout": "x"}, TypeError, ("classifier_dropout must be", "or None")),
        ({"eos_token_id": 1.5}, TypeError, ("eos_token_id must be int or list or None",)),
        ({"num_labels": -1}, TypeError, ("num_labels must be a number of classes", "-1")),
        ({"num_labels": "3"}, TypeError, ("num_labels", "'3'")),
        ({"id2label": ["a"]}, TypeError, ("id2label must be a dict", "['a']")),
        ({"id2label": {"x": "a"}}, ValueError, ("keys of id2label must be integers",)),
        ({"label2id": ["a"]}, TypeError, ("label2id must be a dict of name to id", "['a']")),
        ({"dtype": "float99"}, ValueError, ("dtype is 'float99'",)),
        ({"dtype": 3}, ValueError, ("dtype is '3'",)),
        ({"output_hidden_states": "yes"}, TypeError, ("output_hidden_states must be",)),
        ({"problem_type": "foo"}, ValueError, ("problem_type is 'foo'",)),
        ({"attn_implementation": "foo"}, ValueError, ("attn_implementation is 'foo'",)),
    ],
)
def test_configurations(fields, error, words):
    with refused(error, *words):
        pytxenc.BertConfig(**fields)


def test_mappings_for_configurations():
    for wrong in (None, [1], 3, {1: 2}):
        with refused(TypeError, "config_dict must be a dict", repr(wrong)):
            pytxenc.BertConfig.from_dict(wrong)


@pytest.mark.parametrize("name", ["dtype", "torch_dtype"])
def test_dtypes_that_checkpoints_name(name):
    torch = pytest.importorskip("torch")
    dtypes = {str(d)[6:] for d in vars(torch).values() if isinstance(d, torch.dtype)}
    for dtype in {"float32", "float16", "bfloat16", "float64", "int8", "uint8", "float8_e4m3fn",
                  "float8_e5m2"} & dtypes:  # fmt: skip
        assert pytxenc.BertConfig(**{name: dtype}).dtype == dtype
        assert pytxenc.BertConfig(**{name: getattr(torch, dtype)}).dtype == dtype


def test_fields_that_a_class_does_not_have(caplog):
    with caplog.at_level(logging.WARNING, "pytxenc"):
        config = pytxenc.BertConfig(unknown_field=3, gradient_checkpointing=False)
        assert config.unknown_field == 3 and '"unknown_field": 3' in config.to_json_string()
        assert not caplog.records
        assert pytxenc.BertConfig(hiden_size=24).hiden_size == 24
    assert "no field 'hiden_size'" in caplog.text and "did you mean 'hidden_size'" in caplog.text


# ---- making and loading models ----


def test_base_classes():
    with refused(TypeError, "PreTrainedModel is the base of all models", "BertModel"):
        pytxenc.PreTrainedModel(pytxenc.BertConfig(**SIZES))
    with refused(NotImplementedError, "BertPreTrainedModel has no forward pass"):
        model("BertPreTrainedModel")(IDS)


@pytest.mark.parametrize("config", [None, 3, "bert", {}, []])
def test_what_is_no_configuration(config):
    with refused(TypeError, "BertModel needs a BertConfig, not " + type(config).__name__):
        pytxenc.BertModel(config)
    with refused(ValueError, "AutoModel has no model for a " + type(config).__name__):
        pytxenc.AutoModel.from_config(config)
    if config != "bert":
        with refused(ValueError, f"model type {config!r} is not known", "albert"):
            pytxenc.AutoConfig.for_model(config)


@pytest.mark.parametrize("padding", [50, 600, -51])
def test_a_padding_token_outside_the_vocabulary(padding):
    with refused(ValueError, f"pad_token_id is {padding}; it must be from 0 to 49"):
        model(pad_token_id=padding)


def test_a_negative_padding_token_counts_from_the_end_as_in_torch():
    table = model(pad_token_id=-2).get_input_embeddings().weight
    assert np.flatnonzero(~table.any(axis=1)).tolist() == [48]


@pytest.mark.parametrize("name", [None, 3, [], b"abc", {}])
@pytest.mark.parametrize("cls", ["BertConfig", "BertModel", "AutoConfig", "AutoModel"])
def test_names_of_models(cls, name):
    with pytest.raises((TypeError, ValueError), match=r"name|no path"):
        getattr(pytxenc, cls).from_pretrained(name)


@pytest.mark.parametrize(
    ("keywords", "error", "words"),
    [
        ({"outpu_loading_info": True}, TypeError, ("did you mean 'output_loading_info'",)),
        ({"ignore_mismatched_size": True}, TypeError, ("mean 'ignore_mismatched_sizes'",)),
        ({"foo": 1}, TypeError, ("unexpected keyword argument 'foo'",)),
        ({"foo": None}, TypeError, ("unexpected keyword argument 'foo'",)),
        ({"config": 3}, TypeError, ("3 is no path",)),
        ({"config": {}}, TypeError, ("{} is no path",)),
        ({"state_dict": 3}, TypeError, ("state_dict must be a mapping", "3")),
        ({"state_dict": {"a": 1}}, ValueError, ("none of the checkpoint's 1 tensors",)),
        ({"dtype": "float64"}, ValueError, ("float64", "float32")),
        ({"dtype": "foo"}, ValueError, ("'foo' is not supported",)),
        ({"device_map": "cuda"}, ValueError, ("device_map='cuda'", "CPU")),
        ({"device_map": {"": 0}}, ValueError, ("device_map={'': 0}", "CPU")),
        ({"variant": 3}, ValueError, ("variant 3 cannot be part of a file name",)),
        ({"variant": "../x"}, ValueError, ("variant '../x'",)),
        ({"subfolder": "no"}, OSError, ("no: this directory has no config.json",)),
        ({"hidden_size": "x"}, TypeError, ("hidden_size must be int",)),
        ({"hidden_act": "foo"}, ValueError, ("unknown activation 'foo'",)),
    ],
)
def test_keywords_of_from_pretrained(saved, keywords, error, words):
    with refused(error, *words):
        pytxenc.BertForMaskedLM.from_pretrained(saved, **keywords)
    if "variant" not in keywords:
        with refused(error, *words):
            pytxenc.AutoModelForMaskedLM.from_pretrained(saved, **keywords)


def test_devices_that_mean_this_one(saved):
    for device_map in (None, "auto", "cpu", {"": "cpu"}, {"bert": "cpu:0", "cls": "cpu"}):
        pytxenc.BertForMaskedLM.from_pretrained(saved, device_map=device_map)


# ---- calls ----


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"input_ids": "hello"}, TypeError, ("input_ids", "text", "tokenizer")),
        ({"input_ids": ["hello"]}, TypeError, ("input_ids", "text", "tokenizer")),
        ({"input_ids": 5}, ValueError, ("input_ids has shape ()", "(batch, length)")),
        ({"input_ids": []}, ValueError, ("input_ids has shape (0,)",)),
        ({"input_ids": [[]]}, ValueError, ("shape (1, 0)", "at least one")),
        ({"input_ids": object()}, TypeError, ("input_ids must hold integers", "objects")),
        ({"input_ids": [[None]]}, TypeError, ("input_ids must hold integers", "objects")),
        ({"input_ids": [[2**80]]}, TypeError, ("input_ids must hold integers",)),
        ({"input_ids": [[1.5]]}, TypeError, ("input_ids must hold integers", "float64")),
        ({"input_ids": [[True]]}, TypeError, ("input_ids must hold integers", "bool")),
        ({"attention_mask": "abc"}, TypeError, ("attention_mask must hold numbers",)),
        ({"attention_mask": True}, ValueError, ("attention_mask has shape ()", "(1, 3)")),
        ({"token_type_ids": [[0.0, 0, 0]]}, TypeError, ("token_type_ids must hold integers",)),
        ({"position_ids": [0, 1, 2]}, ValueError, ("position_ids has shape (3,)", "(1, 3)")),
        ({"labels": ["x"]}, TypeError, ("labels must be numbers", "<U1")),
        ({"labels": [1.5]}, ValueError, ("labels have shape (1,)", "(1, 2)")),
        ({"labels": [2]}, IndexError, ("labels[0] is 2", "from 0 to 1")),
        ({"output_hidden_states": "yes"}, TypeError, ("output_hidden_states must be", "'yes'")),
        ({"output_hidden_states": 1.5}, TypeError, ("output_hidden_states must be", "1.5")),
        ({"output_hidden_states": [1.5]}, TypeError, ("output_hidden_states must be", "[1.5]")),
        ({"output_hidden_states": [9]}, IndexError, ("9 is not one of the 2 states",)),
        ({"output_attentions": "no"}, TypeError, ("output_attentions must be True or False",)),
        ({"return_dict": "no"}, TypeError, ("return_dict must be True or False", "'no'")),
        ({"labelz": None}, TypeError, ("'labelz'", "did you mean 'labels'")),
        ({"past_key_values": 1}, TypeError, ("past_key_values is not supported",)),
    ],
)
def test_calls(bert, arguments, error, words):
    with refused(error, *words):
        bert(**{"input_ids": IDS, **arguments})


def test_labels_of_other_heads():
    answers = model("BertForQuestionAnswering")
    for starts, error, words in (
        ([1.0], TypeError, "start_positions must be integers, not float64"),
        (["x"], TypeError, "start_positions must be integers"),
        ([1, 2], ValueError, "start_positions have shape (2,)"),
    ):
        with refused(error, words):
            answers(IDS, start_positions=starts, end_positions=[1])
    with refused(TypeError, "end_positions must be integers"):
        answers(IDS, start_positions=[1], end_positions=["x"])
    with refused(TypeError, "labels must be numbers"):
        model(num_labels=1)(IDS, labels=["a"])
    decoder = model("BertLMHeadModel", is_decoder=True)
    for wrong in ("x", None, [0.5]):
        with refused(TypeError, "logits_to_keep must"):
            decoder(IDS, logits_to_keep=wrong)
    assert decoder(IDS, logits_to_keep=np.int64(2)).logits.shape == (1, 2, 50)


def test_labels_that_do_not_fit_decide_nothing():
    it = model()
    with refused(ValueError, "labels have shape"):
        it(IDS, labels=[0.5])
    assert it.config.problem_type is None
    it(IDS, labels=[1])
    assert it.config.problem_type == "single_label_classification"


def test_choices_that_do_not_agree():
    choices = model("BertForMultipleChoice")
    with refused(ValueError, "attention_mask has shape (2, 2, 3); the batch needs (4, 1)"):
        choices(IDS[None].repeat(4, 0), attention_mask=np.ones((2, 2, 3)))
    with refused(ValueError, "input_ids has shape (1, 3)", "(batch, choices, length)"):
        choices(IDS)


def test_modes(bert):
    for wrong in ("x", None, 2):
        with refused(ValueError, "mode must be True or False"):
            bert.train(wrong)


# ---- parameters ----


@pytest.mark.parametrize("name", ["BertForMaskedLM", "DistilBertForMaskedLM", "ElectraForMaskedLM"])
def test_embeddings(name):
    it = model(name)
    before = {n: v.copy() for n, v in it.state_dict().items()}
    for wrong in (None, 3, "x", np.ones(12), np.ones((5, 11)), np.full((50, 12), "a"),
                  np.ones((50, 12), complex), [[object()]]):  # fmt: skip
        for put in (it.set_input_embeddings, it.set_output_embeddings):
            with pytest.raises((TypeError, ValueError), match=r"shape|real numbers"):
                put(wrong)
    for wrong in (0, -1, 2.5, "x", True, [3], float("nan")):
        with refused(ValueError, "must be a positive integer"):
            it.resize_token_embeddings(wrong)
        with refused(ValueError, "pad_to_multiple_of", "must be a positive integer"):
            it.resize_token_embeddings(60, pad_to_multiple_of=wrong)
    for wrong in (None, 3, [], "x"):
        with refused(TypeError, "state_dict must be a mapping", type(wrong).__name__):
            it.load_state_dict(wrong)
    table = next(iter(before))
    with refused(RuntimeError, table, "holds complex128"):
        it.load_state_dict({table: before[table].astype(complex)}, strict=False)
    for parameter, value in it.state_dict().items():
        np.testing.assert_array_equal(value, before[parameter])
    linear = it.get_output_embeddings()
    it.set_output_embeddings(linear)  # a weight and a bias


def test_looking_up_embeddings(bert):
    table = bert.get_input_embeddings()
    for wrong in (-1, 50):
        with refused(IndexError, f"{wrong} is no row of the table: 0 to 49"):
            table([[1, wrong]])
    for wrong in ([1.0], None, "x"):
        with refused(TypeError, "input must hold integers"):
            table(wrong)


def test_directories_to_save_to(bert, tmp_path):
    tokenizer = pytxenc.BertTokenizer({"[UNK]": 0, "a": 1})
    file = tmp_path / "file"
    file.write_text("")
    for it in (bert, bert.config, tokenizer):
        for wrong, error, words in (
            (None, TypeError, "save_directory must be the path"),
            (3, TypeError, "save_directory must be the path"),
            ("", FileNotFoundError, "save_directory is ''"),
            (file, NotADirectoryError, "is a file"),
        ):
            with refused(error, words):
                it.save_pretrained(wrong)
    for wrong in ({"state_dict": 3}, {"variant": 3}, {"max_shard_size": None}, {"foo": 1}):
        with pytest.raises((TypeError, ValueError), match=next(iter(wrong))):
            bert.save_pretrained(tmp_path, **wrong)


# ---- anything ----

ANYTHING = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5),
    st.binary(max_size=5),
    st.lists(st.integers(-3, 60), max_size=4),
    st.lists(st.lists(st.integers(-3, 60), max_size=4), max_size=3),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
    st.builds(
        np.full,
        st.lists(st.integers(0, 4), max_size=4).map(tuple),
        st.sampled_from([0, 1, -1, 49, 50, 2**40, 0.5, float("nan"), True, 1j, "a", None]),
    ),
)  # fmt: skip
EXPECTED = (TypeError, ValueError, IndexError)
CALLED = {
    name: model(name)
    for name in ("BertModel", "BertForSequenceClassification", "BertForMaskedLM",
                 "RobertaForTokenClassification", "AlbertForQuestionAnswering",
                 "ElectraForPreTraining", "DistilBertForMaskedLM", "BertForMultipleChoice")
}  # fmt: skip
ARGUMENTS = (
    "input_ids", "attention_mask", "token_type_ids", "position_ids", "inputs_embeds", "labels",
    "start_positions", "end_positions", "output_hidden_states", "output_attentions", "return_dict",
)  # fmt: skip


@given(st.sampled_from(list(CALLED)), st.dictionaries(st.sampled_from(ARGUMENTS), ANYTHING))
@settings(max_examples=400, deadline=None)
def test_any_arguments_of_a_call(name, arguments):
    ids = IDS[None] if "MultipleChoice" in name else IDS
    try:
        outputs = CALLED[name](**{"input_ids": ids, **arguments})
    except EXPECTED as error:
        assert str(error)
    else:
        assert len(outputs) > 0


FIELDS = sorted({*pytxenc.AlbertConfig._fields, "num_labels", "id2label", "label2id"})


@given(st.dictionaries(st.sampled_from(FIELDS), ANYTHING, max_size=4))
@settings(max_examples=300, deadline=None)
def test_any_fields_of_a_configuration(fields):
    try:
        config = pytxenc.AlbertConfig(**{**SIZES, "embedding_size": 8, **fields})
    except EXPECTED as error:
        assert str(error)
        return
    for name, value in fields.items():
        if name in ("hidden_size", "vocab_size", "hidden_act"):
            assert getattr(config, name) == value
    repr(config)
    if max(v for v in vars(config).values() if type(v) is int) < 1000:
        try:
            pytxenc.AlbertForSequenceClassification(config)(IDS)
        except EXPECTED as error:
            assert str(error)


@pytest.mark.parametrize(
    "name", ["BertModel", "AutoModel", "BertConfig", "AutoConfig", "BertTokenizer", "AutoTokenizer"]
)
def test_keywords_of_older_releases(name, tmp_path):
    """A secret must not end up in a file, nor a proxy be left out."""
    load = getattr(pytxenc, name).from_pretrained
    with refused(TypeError, "use_auth_token is now called token"):
        load(tmp_path, use_auth_token="secret")
    with refused(TypeError, "HTTPS_PROXY"):
        load(tmp_path, proxies={"https": "localhost:1"})
    config = pytxenc.BertConfig(num_hidden_layers=1, hidden_size=4, num_attention_heads=1)
    pytxenc.BertModel(config).save_pretrained(tmp_path)
    old = {"use_auth_token": None, "proxies": None, "resume_download": True}
    loaded = pytxenc.AutoConfig.from_pretrained(tmp_path, **old)
    assert not set(old) & set(loaded.to_dict())
