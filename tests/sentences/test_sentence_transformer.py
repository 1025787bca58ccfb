"""What SentenceTransformer promises by itself: order, errors, files, copies."""

import json
import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy

import numpy as np
import pytest
from hub_server import FIRST, SECOND, Hub
from sentence_models import SIZES, TEXTS, write_dense, write_json, write_modules, write_pooling

import pytxenc
from pytxenc import SentenceTransformer
from pytxenc.sentences import Normalize, Pooling, Transformer, batching, quantize_embeddings
from pytxenc.sentences.loading import find_model

WIDTH = SIZES["hidden_size"]


def test_is_the_pooled_encoder(bert):
    """Against the definition: the mean of the hidden states of each text alone."""
    vectors = SentenceTransformer(bert).encode(TEXTS)
    tokenizer = pytxenc.AutoTokenizer.from_pretrained(bert)
    model = pytxenc.AutoModel.from_pretrained(bert)
    for text, vector in zip(TEXTS, vectors, strict=True):
        inputs = tokenizer(text, truncation=True, max_length=40, return_tensors="np")
        expected = model(**inputs).last_hidden_state[0].mean(axis=0)
        np.testing.assert_allclose(vector, expected, atol=1e-5)


def test_batches_change_nothing(bert, monkeypatch):
    model = SentenceTransformer(bert)
    texts = [text + " a" * (i % 7) for i in range(9) for text in TEXTS]
    expected = model.encode(texts)
    assert expected.dtype == np.float32 and expected.shape == (72, WIDTH)
    for batch_size in (1, 5, 1000):
        np.testing.assert_allclose(model.encode(texts, batch_size=batch_size), expected, atol=1e-5)
    monkeypatch.setattr(batching, "WINDOW_TEXTS", 10)
    np.testing.assert_allclose(model.encode(text for text in texts), expected, atol=1e-5)
    tokens = model.encode(texts, output_value="token_embeddings")
    np.testing.assert_allclose([t.numpy().mean(0) for t in tokens], expected, atol=1e-5)
    drawn = []

    def draw():
        for text in texts:
            drawn.append(text)
            yield text

    blocks = model.encode_iter(draw(), normalize_embeddings=True, truncate_dim=5)
    first = next(blocks)
    assert first.shape == (10, 5) and len(drawn) == 10
    got = np.concatenate([first, *blocks])
    np.testing.assert_allclose(
        got, model.encode(texts, normalize_embeddings=True, truncate_dim=5), atol=1e-5
    )
    np.testing.assert_allclose(np.linalg.norm(got, axis=1), 1, atol=1e-5)


def test_batching():
    assert [len(window) for window in batching.windows(["a"] * 10000)] == [4096, 4096, 1808]
    assert [len(w) for w in batching.windows(["a" * 2**23] * 5)] == [2, 2, 1]
    lengths = [3, 9000, 1, 512, 511] * 40
    cut = list(batching.batches(lengths, None))
    assert sorted(np.concatenate(cut)) == list(range(200))
    for batch in cut:
        sizes = [lengths[i] for i in batch]
        assert sizes == sorted(sizes, reverse=True)
        assert len(batch) == 1 or len(batch) * sizes[0] <= 4096
    assert len(cut) == 40 + 10 + 1
    assert [len(batch) for batch in batching.batches([1] * 7, 3)] == [3, 3, 1]


def test_nothing(bert):
    model = SentenceTransformer(bert)
    assert model.encode([]).shape == (0, WIDTH) and model.encode([]).dtype == np.float32
    assert model.encode((), truncate_dim=3).shape == (0, 3)
    assert model.encode([], output_value="token_embeddings") == []
    assert list(model.encode_iter([])) == []


def test_without_torch(bert):
    code = f"""
import sys
sys.modules["torch"] = None
from pytxenc import SentenceTransformer, Tensor
model = SentenceTransformer({str(bert)!r})
vectors = model.encode(["hello", "world"], convert_to_tensor=True)
assert type(vectors) is Tensor
scores = model.similarity(vectors, vectors)
assert type(scores) is Tensor and abs(scores[1, 1].item() - 1) < 1e-6
assert type(model.encode("a", output_value="token_embeddings")) is Tensor
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_parts(bert):
    model = SentenceTransformer(bert)
    assert [type(part) for part in model] == [Transformer, Pooling] and len(model) == 2
    assert repr(model) == (
        "SentenceTransformer(\n"
        "  (0): Transformer(BertModel, max_seq_length=40, do_lower_case=False)\n"
        f"  (1): Pooling({WIDTH}, 'mean')\n)"
    )
    assert model[0].auto_model is model.transformers_model
    made = SentenceTransformer(
        modules=[Transformer(bert, max_seq_length=9), Pooling(WIDTH, "max"), Normalize()],
        prompts={"query": "a "},
    )
    assert made.max_seq_length == 9 and made.encode_query(TEXTS).shape == (8, WIDTH)
    made.max_seq_length = None
    assert made.max_seq_length == 40
    with made.truncate_embeddings(4):
        assert made.encode("a").shape == (4,) and made.get_embedding_dimension() == 4
    assert made.get_embedding_dimension() == WIDTH
    with pytest.raises(ValueError, match=r"Pooling\(9, 'mean'\) takes vectors of 9 numbers"):
        SentenceTransformer(modules=[model[0], Pooling(9)])
    for modules in ([], [Pooling(WIDTH)], [model[0]], [model[0], Normalize()]):
        with pytest.raises(ValueError, match="must be a Transformer, a Pooling, then"):
            SentenceTransformer(modules=modules)


def test_threads_and_copies(bert):
    model = SentenceTransformer(bert)
    expected = model.encode(TEXTS)
    with ThreadPoolExecutor(4) as pool:
        for got in pool.map(model.encode, [TEXTS] * 12):
            assert np.array_equal(got, expected)
    for copy in (pickle.loads(pickle.dumps(model)), deepcopy(model)):
        assert np.array_equal(copy.encode(TEXTS), expected)


def test_progress(bert, capsys):
    model = SentenceTransformer(bert)
    model.encode(TEXTS)
    assert capsys.readouterr().err == ""
    model.encode(TEXTS, show_progress_bar=True)
    assert "8/8" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda m: m.encode(["a", 3]), TypeError, r"inputs\[1\] is a int, not a str"),
        (lambda m: m.encode(None), TypeError, "must be a str or an iterable of str, not NoneType"),
        (lambda m: m.encode(b"a"), TypeError, "not bytes"),
        (lambda m: m.encode({"text": "a"}), TypeError, "not dict"),
        (lambda m: m.encode_iter("a"), TypeError, "put the one into a list"),
        (lambda m: m.encode("a", normalise_embeddings=True), TypeError, "'normalize_embeddings'"),
        (lambda m: m.encode("a", pool={}), TypeError, "pool is not supported"),
        (lambda m: m.encode("a", device="cuda"), ValueError, "CPU only"),
        (lambda m: m.encode("a", precision="int4"), ValueError, "must be one of float32, int8"),
        (lambda m: m.encode("a", precision="int8"), ValueError, "a single embedding"),
        (lambda m: m.encode("a", output_value="x"), ValueError, "output_value is 'x'"),
        (lambda m: m.encode("a", batch_size=0), ValueError, "batch_size must be at least 1"),
        (lambda m: m.encode("a", truncate_dim=2.5), TypeError, "truncate_dim must be a number"),
        (lambda m: m.encode("a", "x"), ValueError, "no prompt named 'x'; the model has query"),
        (lambda m: m.encode("a", prompt=3), TypeError, "prompt must be a str"),
        (lambda m: m.to("cuda"), ValueError, "CPU only"),
        (lambda m: m.similarity(np.ones((2, 3)), np.ones((2, 4))), ValueError, "of 3 and of 4"),
        (lambda m: m.similarity_pairwise(np.ones((2, 3)), np.ones((3, 3))), ValueError, "2 and 3"),
        (lambda m: setattr(m, "similarity_fn_name", "x"), ValueError, "one of cosine, dot"),
        (lambda m: setattr(m, "max_seq_length", -1), ValueError, "at least 1"),
        (lambda m: m.save_pretrained("x", safe_serialization=False), ValueError, "safetensors"),
        (lambda m: quantize_embeddings(np.ones((3, 2), int), "binary"), TypeError, "be floats"),
    ],
)
def test_wrong_use(bert, call, error, match):
    with pytest.raises(error, match=match):
        call(SentenceTransformer(bert))


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"trunkate_dim": 3}, TypeError, "did you mean 'truncate_dim'"),
        ({"device": "cuda"}, ValueError, "CPU only"),
        ({"backend": "onnx"}, ValueError, "not supported"),
        ({"default_prompt_name": "x"}, ValueError, "no prompt named 'x'"),
        ({"similarity_fn_name": "maxsim"}, ValueError, "'maxsim'"),
        ({"modules": []}, ValueError, "either the name of a model or its modules"),
    ],
)
def test_wrong_construction(bert, options, error, match):
    with pytest.raises(error, match=match):
        SentenceTransformer(bert, **options)


def part(kind, path="1_X"):
    return [{"type": "sentence_transformers.models.Transformer", "path": ""},
            {"type": kind, "path": path}]  # fmt: skip


@pytest.mark.parametrize(
    ("file", "content", "match"),
    [
        ("modules.json", part("sentence_transformers.models.CNN"), r"models\.CNN', which is not"),
        ("modules.json", part("modeling.Pooling"), r"'modeling\.Pooling', which is not computed"),
        ("modules.json", part("sentence_transformers.models.Pooling", "../x"), "not a name"),
        ("modules.json", {"a": 1}, "expected a list of objects"),
        ("modules.json", [{"type": 3}], 'needs a "type" and a "path"'),
        ("modules.json", part("sentence_transformers.models.Normalize"), "must be a Transformer"),
        ("1_Pooling/config.json", {"pooling_mode": "mean"}, "has no embedding_dimension"),
        ("1_Pooling/config.json", {"embedding_dimension": 7}, "takes vectors of 7 numbers"),
        (
            "1_Pooling/config.json",
            {"embedding_dimension": WIDTH, "pooling_mode": "median"},
            "pooling_mode is 'median'; it must be one of cls",
        ),
        ("config_sentence_transformers.json", {"model_type": "SparseEncoder"}, "a SparseEncoder"),
        ("config_sentence_transformers.json", {"prompts": {"a": 3}}, "prompts must be an object"),
        ("sentence_bert_config.json", {"transformer_task": "fill-mask"}, "'fill-mask'"),
        ("sentence_bert_config.json", {"query_length": 32}, "query_length, which is not supp"),
        ("config.json", {"model_type": "mpnet"}, "'mpnet'"),
    ],
)
def test_wrong_files(bert, file, content, match):
    (bert / file).unlink(missing_ok=True)
    write_json(bert / file, content)
    with pytest.raises(ValueError, match=match):
        SentenceTransformer(bert)


def test_wrong_dense(bert):
    write_modules(bert, "Pooling", "Dense")
    with pytest.raises(OSError, match=r"no 2_Dense/config\.json"):
        SentenceTransformer(bert)
    for config, match in [
        ({"activation": "GELU"}, "'torch.nn.modules.activation.GELU'; computed here are Identity"),
        ({"module_input_name": "token_embeddings"}, "'token_embeddings'; parts behind the pool"),
        ({"in_features": 7}, rf"linear\.weight is \(5, {WIDTH}\);"),
    ]:
        write_dense(bert / "2_Dense", WIDTH, 5, **config)
        with pytest.raises(ValueError, match=match):
            SentenceTransformer(bert)
    (bert / "2_Dense" / "model.safetensors").unlink()
    write_json(bert / "2_Dense" / "config.json", {"in_features": WIDTH, "out_features": 5})
    with pytest.raises(OSError, match=r"no 2_Dense/model\.safetensors nor"):
        SentenceTransformer(bert)


def test_names_on_the_hub():
    for name, full in [
        ("all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2"),
        ("bert-base-nli-mean-tokens", "sentence-transformers/bert-base-nli-mean-tokens"),
        ("roberta-base", "roberta-base"),
        ("BAAI/bge-small-en-v1.5", "BAAI/bge-small-en-v1.5"),
    ]:
        assert find_model(name).name == full


def test_from_the_hub(bert, tmp_path_factory):
    """Files in folders too, all from one commit, whatever becomes of the branch meanwhile."""
    write_modules(bert, "Pooling", "Normalize")
    write_pooling(bert, "cls_token")
    files = {
        str(path.relative_to(bert)): path.read_bytes() for path in bert.rglob("*") if path.is_file()
    }
    hub = Hub()
    hub.commits["sentence-transformers/small"] = {FIRST: files, SECOND: {}}
    hub.main["sentence-transformers/small"] = FIRST
    code = "from pytxenc import SentenceTransformer\nimport json\n"
    code += "model = SentenceTransformer('small', token='t')\n"
    code += "print(json.dumps([repr(model), model.encode('hello').tolist()]))"
    keep = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    keep |= {"HF_HOME": str(tmp_path_factory.mktemp("home")), "HF_ENDPOINT": hub.url}
    keep |= {"NO_PROXY": "*", "no_proxy": "*", "PYTHONPATH": os.pathsep.join(sys.path)}
    try:
        done = subprocess.run(
            [sys.executable, "-c", code], env=keep, capture_output=True, text=True, timeout=120
        )
    finally:
        hub.close()
    assert done.returncode == 0, done.stderr
    text, vector = json.loads(done.stdout)
    local = SentenceTransformer(bert)
    assert text == repr(local) and "'cls'" in text
    np.testing.assert_allclose(vector, local.encode("hello"), atol=1e-6)
    asked = [request for request in hub.requests if "/resolve/main/" in request]
    assert len({request.split("/resolve/main/")[1] for request in asked}) == 1
