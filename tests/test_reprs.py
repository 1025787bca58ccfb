"""What objects look like in a notebook."""

import re

import numpy as np
import pytest

import pytxenc

SIZES = dict(
    vocab_size=1050, hidden_size=12, num_hidden_layers=2, num_attention_heads=3,
    intermediate_size=20, max_position_embeddings=16,
)  # fmt: skip
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "hello", "world"]
VOCABULARY = {w: i for i, w in enumerate(WORDS)}


@pytest.mark.parametrize(
    ("model", "lines"),
    [
        (
            lambda: pytxenc.BertModel(pytxenc.BertConfig(**SIZES)),
            ["embeddings: 1,050 tokens, 16 positions, width 12",
             "layers: 2; hidden 12, 3 heads, feed-forward 20, gelu",
             "head: pooler",
             "parameters: 15,364, float32, 0.06 MB"],
        ),
        (
            lambda: pytxenc.BertModel(pytxenc.BertConfig(**SIZES), add_pooling_layer=False),
            ["head: none", "parameters: 15,208, float32"],
        ),
        (
            lambda: pytxenc.RobertaForSequenceClassification(
                pytxenc.RobertaConfig(**SIZES, num_labels=3)),
            [f"head: sequence, {12 * 12 + 12 + 3 * 12 + 3} parameters, 3 labels"],
        ),
        (
            lambda: pytxenc.AlbertForMaskedLM(
                pytxenc.AlbertConfig(**SIZES, embedding_size=8, num_hidden_groups=2)),
            ["width 8", "layers: 2, parameters in 2 shared groups; hidden 12",
             # the decoder's matrix is the table of words
             f"head: masked lm, {12 * 8 + 8 + 2 * 8 + 1050:,} parameters\n"],
        ),
        (
            lambda: pytxenc.DistilBertModel(
                pytxenc.DistilBertConfig(vocab_size=50, dim=12, n_layers=3, n_heads=2,
                                         hidden_dim=30, activation="relu")),
            ["layers: 3; hidden 12, 2 heads, feed-forward 30, relu", "head: none"],
        ),
    ],
    ids=["Bert", "without pooler", "classifier", "Albert", "DistilBert"],
)  # fmt: skip
def test_models(model, lines):
    model = model()
    text = repr(model)
    assert text.startswith(type(model).__name__ + "(\n") and text.endswith("\n)")
    for line in lines:
        assert line in text


@pytest.mark.parametrize("name", [n for n in pytxenc._EXPORTS["modeling"] if "For" in n])
def test_every_model_has_one(name):
    if name.startswith("Auto"):
        assert name in repr(getattr(pytxenc, name))
        return
    cls = getattr(pytxenc, name)
    model = cls(cls.config_class(vocab_size=30, hidden_size=12, num_attention_heads=3,
                                 num_hidden_layers=1))  # fmt: skip
    assert re.search(r"head: [a-z ]+, [\d,]+ parameters", repr(model))
    assert f"parameters: {model.num_parameters():,}," in repr(model)


def test_outputs():
    small = pytxenc.SequenceClassifierOutput(logits=np.array([[1.5, 2]], np.float32))
    assert repr(small) == "SequenceClassifierOutput(logits=array([[1.5, 2. ]], dtype=float32))"
    assert repr(pytxenc.BaseModelOutput()) == "BaseModelOutput()"
    states = np.zeros((1, 3, 2), np.float32)
    large = pytxenc.BaseModelOutputWithPooling(
        last_hidden_state=states, pooler_output=states[:, 0], hidden_states=(states,) * 13
    )
    assert repr(large) == (
        "BaseModelOutputWithPooling(\n"
        "  last_hidden_state=array([[[0., 0.],\n"
        "                            [0., 0.],\n"
        "                            [0., 0.]]], dtype=float32),\n"
        "  pooler_output=array([[0., 0.]], dtype=float32),\n"
        "  hidden_states=<13 of shape (1, 3, 2)>,\n"
        ")"
    )
    chosen = pytxenc.BaseModelOutput(hidden_states=(None, None))
    assert repr(chosen) == "BaseModelOutput(hidden_states=(None, None))"


def test_configurations_as_the_reference():
    transformers = pytest.importorskip("transformers")
    assert repr(pytxenc.BertConfig(**SIZES)).startswith("BertConfig {\n")

    def without_version(config):
        return re.sub(r' *"transformers_version".*\n', "", repr(config))

    for name in ("AlbertConfig", "BertConfig", "RobertaConfig"):
        ours, theirs = getattr(pytxenc, name)(**SIZES), getattr(transformers, name)(**SIZES)
        assert without_version(ours).split(",\n") == without_version(theirs).split(",\n")


def test_tokenizers_and_encodings_as_the_reference():
    transformers = pytest.importorskip("transformers")
    ours, theirs = pytxenc.BertTokenizer(VOCABULARY), transformers.BertTokenizer(VOCABULARY)
    assert repr(ours) == repr(theirs)
    for arguments in ({"text": "hello"}, {"text": ["hello"] * 2, "return_tensors": "np"}):
        assert repr(ours(**arguments)) == repr(theirs(**arguments))
        assert str(ours(**arguments)) == str(theirs(**arguments))
    assert repr(ours("hello")[0]) == repr(theirs("hello")[0])
    for flags in ({}, {"lstrip": True, "special": True}, {"normalized": False}):
        assert repr(pytxenc.AddedToken("a", **flags)) == repr(transformers.AddedToken("a", **flags))


@pytest.mark.parametrize(
    "array",
    [np.zeros((0, 3), np.float32), np.zeros(0, np.float32), np.zeros((2, 0), np.int64),
     np.zeros(0, np.int64), np.float32([[1.5, 2], [3, 4]]), np.float32([1, 2]),
     np.float32([0.12345678]), np.array(True), np.float64([0.25]), np.int32([1]),
     np.float32([np.nan, 1.25]), np.float32([-np.inf, 0.5]), np.float32([1.5, -2.0]),
     np.array([[1, 2], [3, 4]]), np.array(3), np.float64(2.0)],
    ids=repr,
)  # fmt: skip
def test_light_tensors_as_torch(array):
    torch = pytest.importorskip("torch")
    assert repr(pytxenc.Tensor(array)) == repr(torch.from_numpy(np.asarray(array)))
