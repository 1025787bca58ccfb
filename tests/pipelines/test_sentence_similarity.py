"""The task sentence-similarity, against hidden states of transformers."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

import pytxenc  # noqa: E402


@pytest.fixture
def compare(model_folder):
    return pytxenc.pipeline("sentence-similarity", str(model_folder("Bert", "Model")))


def expected(folder, texts):
    """Cosines of mean vectors, by the definition."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModel.from_pretrained(folder).eval()
    vectors = []
    for text in texts:
        with torch.no_grad():
            states = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0]
        vectors.append(torch.nn.functional.normalize(states.mean(0), dim=0))
    return (torch.stack(vectors[1:]) @ vectors[0]).numpy()


def test_similarities(compare, model_folder, texts):
    inputs = {"source_sentence": texts[0], "sentences": texts[1:]}
    got = compare(inputs)
    assert isinstance(got, list) and all(type(value) is float for value in got)
    np.testing.assert_allclose(got, expected(model_folder("Bert", "Model"), texts), atol=1e-5)
    assert compare(**inputs) == got
    two = {"source_sentence": texts[3], "sentences": texts[:2]}
    assert compare([inputs, two]) == [got, compare(two)]
    assert list(compare(iter([inputs, two]))) == [got, compare(two)]
    assert compare({"source_sentence": "a", "sentences": []}) == []
    model = compare.model
    assert pytxenc.pipeline("sentence-similarity", model)(inputs) == got


def test_refuses(compare, model_folder):
    for inputs, error, message in (
        ("a text", ValueError, 'a dict of "source_sentence" and "sentences"'),
        ({"source_sentence": "a"}, ValueError, "a dict of"),
        ({"source_sentence": 3, "sentences": ["a"]}, TypeError, "source_sentence must be a str"),
        ({"source_sentence": "a", "sentences": "b"}, TypeError, "must be a list of str"),
        ({"source_sentence": "a", "sentences": ["b", None]}, TypeError, "must be a list of str"),
    ):
        with pytest.raises(error, match=message):
            compare(inputs)
    with pytest.raises(TypeError, match="normalise_embeddings"):
        compare({"source_sentence": "a", "sentences": ["b"]}, normalise_embeddings=True)
    encoder = pytxenc.BertModel.from_pretrained(model_folder("Bert", "Model"))
    with pytest.raises(ValueError, match="needs a SentenceTransformer"):
        pytxenc.pipeline("sentence-similarity", encoder)
