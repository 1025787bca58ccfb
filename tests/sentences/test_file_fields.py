"""Wrong fields in the files of a sentence-transformers model: ValueError with file and field."""

import json

import numpy as np
import pytest
import small_tokenizers

import pytxenc
from pytxenc import SentenceTransformer
from pytxenc.hub import Source
from pytxenc.safetensors_file import save_file
from pytxenc.sentences import Dense, Pooling, Transformer
from pytxenc.sentences.loading import read_settings

POOLING = {"word_embedding_dimension": 8, "pooling_mode_mean_tokens": True}
DENSE = {"in_features": 8, "out_features": 4}


def write(path, value):
    path.parent.mkdir(exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value))


@pytest.mark.parametrize(
    ("field", "match"),
    [
        ({"max_seq_length": "128"}, "max_seq_length is '128'; it must be a whole number"),
        ({"max_seq_length": 0}, "max_seq_length is 0; it must be at least 1"),
        ({"max_seq_length": True}, "max_seq_length is True"),
        ({"do_lower_case": "false"}, "do_lower_case is 'false'; it must be true or false"),
        ({"model_args": [1]}, r"model_args is \[1\]; it must be an object"),
        ({"processor_kwargs": "x"}, "processor_kwargs is 'x'"),
        ({"modality_config": ["text"]}, "modality_config is"),
        ({"modality_config": {"image": {}}}, r"has a model of \['image'\], not text"),
    ],
)
def test_transformer(tmp_path, field, match):
    write(tmp_path / "sentence_bert_config.json", field)
    with pytest.raises(ValueError, match=rf"/sentence_bert_config\.json: {match}"):
        Transformer.load(Source(tmp_path), "", {})


@pytest.mark.parametrize(
    ("field", "match"),
    [
        ({"word_embedding_dimension": True}, "word_embedding_dimension is True"),
        ({"word_embedding_dimension": None}, "has no embedding_dimension"),
        ({"embedding_dimension": "8"}, "embedding_dimension is '8'"),
        ({"pooling_mode": 5}, "pooling_mode is 5; it must be a name or a list of names"),
        ({"pooling_mode": [["mean"]]}, "pooling_mode is"),
        ({"pooling_mode": []}, "pooling_mode is empty"),
        ({"pooling_mode": "median"}, "pooling_mode is 'median'; it must be one of cls, max"),
        ({"pooling_mode_cls_token": "yes"}, "pooling_mode_cls_token is 'yes'"),
        ({"include_prompt": "false"}, "include_prompt is 'false'"),
    ],
)
def test_pooling(tmp_path, field, match):
    write(tmp_path / "1_Pooling" / "config.json", {**POOLING, **field})
    with pytest.raises(ValueError, match=rf"config\.json: {match}"):
        Pooling.load(Source(tmp_path), "1_Pooling")


@pytest.mark.parametrize(
    ("field", "match"),
    [
        ({"in_features": "8"}, "in_features is '8'"),
        ({"bias": 1}, "bias is 1; it must be true or false"),
        ({"use_residual": "no"}, "use_residual is 'no'"),
        ({"activation_function": ["Tanh"]}, "activation_function is"),
    ],
)
def test_dense(tmp_path, field, match):
    write(tmp_path / "2_Dense" / "config.json", {**DENSE, **field})
    tensors = {"linear.weight": np.ones((4, 8), np.float32), "linear.bias": np.ones(4, np.float32)}
    save_file(tensors, tmp_path / "2_Dense" / "model.safetensors")
    with pytest.raises(ValueError, match=rf"config\.json: {match}"):
        Dense.load(Source(tmp_path), "2_Dense")


@pytest.mark.parametrize(
    ("field", "match"),
    [
        ({"prompts": 3}, "prompts is 3; it must be an object"),
        ({"prompts": {"query": 1}}, "prompts must be an object of names and texts"),
        ({"default_prompt_name": ["query"]}, "default_prompt_name is"),
        ({"similarity_fn_name": ["cosine"]}, "similarity_fn_name is"),
        ({"truncate_dim": "all"}, "truncate_dim is 'all'"),
        ({"truncate_dim": -3}, "truncate_dim is -3; it must be at least 1"),
    ],
)
def test_settings(tmp_path, field, match):
    write(tmp_path / "config_sentence_transformers.json", field)
    with pytest.raises(ValueError, match=rf"config_sentence_transformers\.json: {match}"):
        read_settings(Source(tmp_path))


def test_null_is_absent(tmp_path):
    write(tmp_path / "1_Pooling" / "config.json", {**POOLING, "include_prompt": None})
    assert Pooling.load(Source(tmp_path), "1_Pooling").include_prompt
    settings = {"prompts": None, "similarity_fn_name": None, "truncate_dim": None}
    write(tmp_path / "config_sentence_transformers.json", settings)
    assert read_settings(Source(tmp_path)) == settings


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    """The folder of a small encoder with random weights."""
    folder = tmp_path_factory.mktemp("encoder")
    for name, data in small_tokenizers.vocabulary_files()["vocab.txt"][1].items():
        (folder / name).write_bytes(data)
    tokenizer = pytxenc.BertTokenizer.from_pretrained(folder)
    tokenizer.save_pretrained(folder)
    sizes = dict(hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=12)
    config = pytxenc.BertConfig(vocab_size=len(tokenizer), **sizes)
    pytxenc.BertModel(config).save_pretrained(folder)
    return folder


@pytest.mark.parametrize(
    ("value", "error"), [(-3, ValueError), (0, ValueError), ("all", TypeError)]
)
def test_truncate_dim(encoder, value, error):
    with pytest.raises(error, match="truncate_dim must be"):
        SentenceTransformer(encoder, truncate_dim=value)


def test_similarity_of_no_name(encoder):
    with pytest.raises(ValueError, match="similarity_fn_name is"):
        SentenceTransformer(encoder, similarity_fn_name=["cosine"])


def test_states_of_tokens_cost_one_pass(encoder, monkeypatch):
    model = SentenceTransformer(encoder)
    tokens = model.encode("hello world", output_value=None)["token_embeddings"]

    def embed(*args, **kwargs):
        raise AssertionError("vectors were pooled that nobody asked for")

    monkeypatch.setattr(pytxenc.BertModel, "embed", embed)
    again = model.encode("hello world", output_value="token_embeddings")
    assert np.array_equal(np.asarray(again), np.asarray(tokens))
