"""Pipelines that users write: the same class on top of both libraries."""

import pytest

import pytxenc
import pytxenc.pipelines

transformers = pytest.importorskip("transformers")


def make_class(base, kind):
    """A pipeline that tells the difference of the two best labels, of texts or pairs."""

    class Margin(base):
        def _sanitize_parameters(self, second_text=None, digits=None, **kwargs):
            preprocess = {} if second_text is None else {"second_text": second_text}
            return preprocess, {}, {} if digits is None else {"digits": digits}

        def preprocess(self, text, second_text=None):
            return self.tokenizer(text, second_text, return_tensors=kind)

        def _forward(self, model_inputs):
            return self.model(**model_inputs)

        def postprocess(self, model_outputs, digits=3):
            best = sorted(model_outputs.logits[0].tolist())[-2:]
            return {"margin": round(best[1] - best[0], digits)}

    return Margin


@pytest.fixture
def folder(model_folder):
    return str(model_folder("Bert", "ForSequenceClassification", num_labels=3))


@pytest.mark.parametrize("kind", ["np", "pt"])
def test_a_class_of_ones_own(folder, texts, assert_same, kind):
    ours = pytxenc.pipeline(
        "text-classification", folder, pipeline_class=make_class(pytxenc.Pipeline, kind)
    )
    theirs = transformers.pipeline(
        "text-classification", folder, pipeline_class=make_class(transformers.Pipeline, "pt")
    )
    for inputs, options in (
        (texts[0], {}),
        (texts, {}),
        (texts, {"second_text": "no", "digits": 1}),
        (texts, {"batch_size": 4}),
    ):
        expected = theirs(inputs, **{k: v for k, v in options.items() if k != "batch_size"})
        got = ours(inputs, **options)
        if isinstance(got, dict):
            got, expected = [got], [expected]
        for mine, yours in zip(got, expected, strict=True):
            assert mine["margin"] == pytest.approx(yours["margin"], abs=2e-3)
    assert len(list(ours(iter(texts)))) == len(texts)


def test_a_registered_task(folder, texts):
    cls = make_class(pytxenc.Pipeline, "np")
    pytxenc.pipelines.PIPELINE_REGISTRY.register_pipeline(
        "margin", pipeline_class=cls, pt_model=pytxenc.AutoModelForSequenceClassification
    )
    try:
        pipe = pytxenc.pipeline("margin", folder)
        assert type(pipe) is cls and pipe(texts[0])["margin"] >= 0
    finally:
        del pytxenc.pipelines.PIPELINE_REGISTRY.supported_tasks["margin"]
    with pytest.raises(KeyError, match="Unknown task 'margin'"):
        pytxenc.pipeline("margin", folder)


def test_what_is_no_pipeline(folder):
    with pytest.raises(TypeError, match="must be a subclass of Pipeline"):
        pytxenc.pipeline("fill-mask", folder, pipeline_class=dict)
