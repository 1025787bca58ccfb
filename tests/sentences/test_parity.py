"""Vectors of sentences against those of sentence-transformers on the same files."""

import itertools

import numpy as np
import pytest
from sentence_models import (
    FAMILIES,
    NEW,
    SIZES,
    TEXTS,
    write_dense,
    write_encoder,
    write_json,
    write_modules,
    write_pooling,
)

import pytxenc
from pytxenc import SentenceTransformer
from pytxenc.demo.weights import model_dir

MODES = {
    "cls_token": "cls",
    "max_tokens": "max",
    "mean_tokens": "mean",
    "mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "weightedmean_tokens": "weightedmean",
    "lasttoken": "lasttoken",
}


def assert_near(ours, theirs, what=""):
    theirs = np.asarray(theirs)
    assert ours.shape == theirs.shape and ours.dtype == theirs.dtype, what
    error = np.abs(ours - theirs).max() / max(np.abs(theirs).max(), 1e-6)
    assert error < 1e-5, f"{what}: relative error {error:.2e}"


@pytest.mark.parametrize("family", FAMILIES)
def test_every_pooling(family, encoders, tmp_path, reference):
    for file in encoders[family].iterdir():
        (tmp_path / file.name).symlink_to(file)
    write_modules(tmp_path, "Pooling")
    write_json(tmp_path / "config_sentence_transformers.json", {"prompts": {"query": "a b: "}})
    chosen = [(mode,) for mode in MODES] + [("mean_tokens", "cls_token"), tuple(MODES), ()]
    # One load each: what changes is the pooling.
    write_pooling(tmp_path, "mean_tokens")
    theirs = reference(tmp_path)
    # Left to itself the reference gives RoBERTa more tokens than it has positions for.
    theirs.max_seq_length = SentenceTransformer(tmp_path).max_seq_length
    for modes, include_prompt in itertools.product(chosen, (True, False)):
        write_pooling(tmp_path, *modes, include_prompt=include_prompt)
        ours = SentenceTransformer(tmp_path)
        theirs[1] = type(theirs[1]).load(str(tmp_path), subfolder="1_Pooling")
        assert ours.get_embedding_dimension() == theirs.get_embedding_dimension()
        for method in ("encode", "encode_query"):
            got, want = getattr(ours, method)(TEXTS), getattr(theirs, method)(TEXTS)
            assert_near(got, want, f"{modes} {include_prompt} {method}")


def test_new_forms(bert, reference):
    modes = ("lasttoken", "cls", "weightedmean")
    write_modules(bert, "Pooling", "Normalize", names=NEW)
    write_json(
        bert / "1_Pooling" / "config.json",
        {"embedding_dimension": SIZES["hidden_size"], "pooling_mode": modes},
    )
    write_json(bert / "2_Normalize" / "config.json", {"module_input_name": "sentence_embedding"})
    write_json(
        bert / "sentence_bert_config.json",
        {
            "transformer_task": "feature-extraction",
            "modality_config": {
                "text": {"method": "forward", "method_output_name": "last_hidden_state"}
            },
            "module_output_name": "token_embeddings",
        },
    )
    ours, theirs = SentenceTransformer(bert), reference(bert)
    assert ours[1].pooling_mode == theirs[1].pooling_mode == modes
    assert_near(ours.encode(TEXTS), theirs.encode(TEXTS))


@pytest.mark.parametrize(
    ("activation", "config"),
    [
        ("Tanh", {}),
        ("Identity", {"bias": False}),
        ("ReLU", {"use_residual": True}),
        ("Sigmoid", {"module_input_name": "sentence_embedding"}),
        ("SiLU", {}),
    ],
)
def test_dense(bert, activation, config, reference):
    write_modules(bert, "Pooling", "Dense", "Dense", "Normalize")
    width = SIZES["hidden_size"]
    write_dense(bert / "2_Dense", width, 10, activation, **config)
    write_dense(bert / "3_Dense", 10, 10, activation, **config)
    (bert / "4_Normalize").mkdir()
    ours, theirs = SentenceTransformer(bert), reference(bert)
    assert ours.get_sentence_embedding_dimension() == 10
    assert_near(ours.encode(TEXTS), theirs.encode(TEXTS))


def test_dense_in_a_pickle(bert, reference):
    import torch

    write_modules(bert, "Pooling", "Dense")
    write_dense(bert / "2_Dense", SIZES["hidden_size"], 9)
    (bert / "2_Dense" / "model.safetensors").unlink()
    linear = torch.nn.Linear(SIZES["hidden_size"], 9)
    state = {f"linear.{name}": value for name, value in linear.state_dict().items()}
    torch.save(state, bert / "2_Dense" / "pytorch_model.bin")
    assert_near(SentenceTransformer(bert).encode(TEXTS), reference(bert).encode(TEXTS))


@pytest.mark.parametrize("settings", [{"max_seq_length": 7}, {"do_lower_case": True}])
def test_transformer_settings(tmp_path, settings, reference):
    write_encoder(tmp_path, "bert")
    tokenizer = pytxenc.BertTokenizer.from_pretrained(tmp_path, do_lower_case=False)
    tokenizer.save_pretrained(tmp_path)
    write_modules(tmp_path, "Pooling")
    write_pooling(tmp_path, "mean_tokens")
    write_json(tmp_path / "sentence_bert_config.json", settings)
    ours, theirs = SentenceTransformer(tmp_path), reference(tmp_path)
    assert ours.max_seq_length == theirs.max_seq_length == settings.get("max_seq_length", 40)
    texts = [*TEXTS, "HELLO [SEP] É"]
    assert_near(ours.encode(texts), theirs.encode(texts))
    ours.save_pretrained(tmp_path / "again")
    assert_near(SentenceTransformer(tmp_path / "again").encode(texts), theirs.encode(texts))
    assert_near(ours.encode(texts), np.asarray(reference(tmp_path / "again").encode(texts)))
    ours.max_seq_length = theirs.max_seq_length = 4
    assert_near(ours.encode(texts), theirs.encode(texts))


def test_plain_encoder(encoders, reference, caplog):
    ours = SentenceTransformer(encoders["roberta"])
    assert "taken as an encoder with mean pooling" in caplog.text
    theirs = reference(encoders["roberta"])
    short = [text for text in TEXTS if len(text) < 40]
    assert_near(ours.encode(short), theirs.encode(short))
    # Where the reference fails the text is cut here.
    assert ours.max_seq_length == SIZES["max_position_embeddings"] - 2
    assert ours.encode("a" * 500).shape == (SIZES["hidden_size"],)


def test_prompts(bert, reference):
    prompts = {"query": "hello: ", "passage": "a ", "other": "b b "}
    config = {"prompts": prompts, "default_prompt_name": "other", "truncate_dim": 20}
    write_json(bert / "config_sentence_transformers.json", config)
    ours, theirs = SentenceTransformer(bert), reference(bert)
    assert ours.prompts == theirs.prompts and ours.default_prompt_name == "other"
    calls = [
        ("encode", {}),
        ("encode", {"prompt_name": "passage"}),
        ("encode", {"prompt": "9 ", "prompt_name": "passage"}),
        ("encode", {"prompt": ""}),
        ("encode_query", {}),
        ("encode_query", {"prompt_name": "passage"}),
        ("encode_document", {"truncate_dim": 5, "normalize_embeddings": True}),
        ("encode_document", {"prompt": "hello"}),
    ]
    for name, options in calls:
        got = getattr(ours, name)(TEXTS, **options)
        assert_near(got, getattr(theirs, name)(TEXTS, **options), f"{name} {options}")
    given = {"query": "9: ", "new": "world "}
    ours = SentenceTransformer(bert, prompts=given, default_prompt_name="new")
    theirs = reference(bert, prompts=given, default_prompt_name="new")
    assert ours.prompts == theirs.prompts
    assert_near(ours.encode(TEXTS), theirs.encode(TEXTS))


def test_output_forms(bert, reference):
    import torch
    from sentence_transformers.util import quantize_embeddings

    ours, theirs = SentenceTransformer(bert), reference(bert)
    for inputs, to_numpy, to_tensor in itertools.product(
        ("hello", TEXTS, tuple(TEXTS), np.array(TEXTS)), (True, False), (True, False)
    ):
        options = {"convert_to_numpy": to_numpy, "convert_to_tensor": to_tensor}
        got, want = ours.encode(inputs, **options), theirs.encode(inputs, **options)
        assert type(got) is type(want)
        if isinstance(want, list):
            assert {type(row) for row in got} == {torch.Tensor}
            got, want = torch.stack(got), torch.stack(want)
        assert_near(np.asarray(got), np.asarray(want))
    for precision in ("int8", "uint8", "binary", "ubinary"):
        got = ours.encode(TEXTS, precision=precision)
        want = quantize_embeddings(ours.encode(TEXTS), precision)
        assert got.dtype == want.dtype and np.array_equal(got, want)
        assert ours.encode([], precision=precision).shape == (0, want.shape[1])
    single, several = (ours.encode(x, output_value="token_embeddings") for x in ("hello", TEXTS))
    want = theirs.encode(TEXTS, output_value="token_embeddings")
    assert isinstance(single, torch.Tensor) and len(several) == len(want)
    for one, other in zip(several, want, strict=True):
        assert_near(one.numpy(), other.numpy())
    got = ours.encode(TEXTS, output_value=None, truncate_dim=6)
    want = theirs.encode(TEXTS, output_value=None, truncate_dim=6)
    for one, other in zip(got, want, strict=True):
        n = len(one["input_ids"])
        assert one["input_ids"].tolist() == other["input_ids"][:n].tolist()
        assert not other["attention_mask"][n:].any() and one["attention_mask"].all()
        assert_near(one["sentence_embedding"].numpy(), other["sentence_embedding"].numpy())
    assert set(ours.encode("hello", output_value=None)) == set(got[0])
    tokens = ours.tokenize(TEXTS[:3])
    for name, value in tokens.items():
        assert value.tolist() == theirs.preprocess(TEXTS[:3])[name].tolist()


@pytest.mark.parametrize("name", ["cosine", "dot", "euclidean", "manhattan"])
def test_similarities(bert, name, reference):
    write_json(bert / "config_sentence_transformers.json", {"similarity_fn_name": name})
    ours, theirs = SentenceTransformer(bert), reference(bert)
    assert ours.similarity_fn_name == name
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(2, 5, 7)).astype(np.float32)
    cases = [(a, b[:3]), (a[0], b), (a[0], b[1]), (list(a), list(b))]
    for one, other in cases:
        got, want = ours.similarity(one, other), theirs.similarity(one, other)
        assert type(got) is type(want)
        np.testing.assert_allclose(got.numpy(), want.numpy(), rtol=2e-5, atol=2e-6)
    for one, other in [(a, b), (a[0], b[0]), (list(a), list(b))]:
        got, want = ours.similarity_pairwise(one, other), theirs.similarity_pairwise(one, other)
        assert got.shape == want.shape
        np.testing.assert_allclose(got.numpy(), want.numpy(), rtol=2e-5, atol=2e-6)


def test_saved_for_the_reference(bert, tmp_path_factory, reference):
    write_modules(bert, "Pooling", "Dense", "Normalize")
    write_json(
        bert / "1_Pooling" / "config.json",
        {"embedding_dimension": SIZES["hidden_size"], "pooling_mode": ["lasttoken", "mean"],
         "include_prompt": False},
    )  # fmt: skip
    write_dense(bert / "2_Dense", 2 * SIZES["hidden_size"], 12, "ReLU", use_residual=True)
    write_json(bert / "config_sentence_transformers.json", {"prompts": {"query": "a: "}})
    write_json(bert / "sentence_bert_config.json", {"max_seq_length": 12})
    ours = SentenceTransformer(bert, similarity_fn_name="dot", truncate_dim=8)
    folder = tmp_path_factory.mktemp("saved")
    ours.save_pretrained(folder)
    theirs, again = reference(folder), SentenceTransformer(folder)
    for model in (theirs, again):
        assert model.similarity_fn_name == "dot" and model.truncate_dim == 8
        assert model.max_seq_length == 12 and model.prompts == ours.prompts
        for method in ("encode", "encode_query"):
            assert_near(getattr(ours, method)(TEXTS), getattr(model, method)(TEXTS))
    theirs.save_pretrained(str(folder / "theirs"), create_model_card=False)
    assert_near(SentenceTransformer(folder / "theirs").encode(TEXTS), ours.encode(TEXTS))


def test_real_weights(reference):
    try:
        folder = model_dir("all-minilm-l6-v2")
    except OSError as error:
        pytest.skip(f"the model cannot be fetched: {error}")
    ours, theirs = SentenceTransformer(folder), reference(folder)
    texts = [
        "That is a happy person",
        "That is a happy dog",
        "That is a very happy person",
        "Today is a sunny day",
    ]
    vectors = ours.encode(texts, normalize_embeddings=True)
    assert_near(vectors, theirs.encode(texts, normalize_embeddings=True))
    published = [0.69458, 0.94292, 0.25688]
    np.testing.assert_allclose(ours.similarity(vectors[0], vectors[1:])[0], published, atol=2e-5)
