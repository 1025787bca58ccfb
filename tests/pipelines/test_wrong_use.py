"""Errors of pipelines: what they say about wrong arguments and inputs."""

import pytest

import pytxenc


@pytest.fixture
def pipe(model_folder):
    """A function to the pipeline of a task, on a small model."""
    heads = {
        "fill-mask": "ForMaskedLM",
        "feature-extraction": "Model",
        "text-classification": "ForSequenceClassification",
        "zero-shot-classification": "ForSequenceClassification",
    }
    return lambda task: pytxenc.pipeline(task, str(model_folder("Bert", heads[task])))


@pytest.mark.parametrize(
    ("task", "inputs", "options", "error", "message"),
    [
        ("text-classification", "a", {"top_k": -1}, ValueError, "must not be negative"),
        ("text-classification", "a", {"top_k": 1.5}, TypeError, "must be an integer"),
        ("text-classification", "a", {"topk": 1}, TypeError, "did you mean 'top_k'"),
        ("text-classification", "a", {"max_lenght": 1}, TypeError, "did you mean 'max_length'"),
        ("text-classification", "a", {"return_tensors": "pt"}, TypeError, "return_tensors"),
        ("text-classification", "a", {"function_to_apply": "tanh"}, ValueError, "'sigmoid'"),
        ("text-classification", "a", {"batch_size": 0}, ValueError, "at least 1"),
        ("text-classification", {"txt": "a"}, {}, ValueError, '"text_pair"'),
        ("text-classification", ["a", None], {}, ValueError, "input 1: an input must be a text"),
        ("text-classification", [["a", "b"]], {}, ValueError, '"text_pair"'),
        ("text-classification", "a " * 90, {}, ValueError, "truncation=True, max_length=90"),
        ("fill-mask", ["[MASK]", "a"], {}, Exception, "input 1: No mask_token"),
        ("fill-mask", "[MASK]", {"targets": 3}, TypeError, "a word or a list of words"),
        ("fill-mask", "[MASK]", {"targets": [3]}, TypeError, "a word or a list of words"),
        ("fill-mask", "[MASK]", {"top_k": -1}, ValueError, "must not be negative"),
        ("fill-mask", "[MASK]", {"truncation": True}, TypeError, "tokenizer_kwargs="),
        ("fill-mask", "[MASK]", {"tokenizer_kwargs": {"trunc": 1}}, TypeError, "'truncation'"),
        ("fill-mask", [["[MASK]", "[MASK]"]], {}, ValueError, "one text"),
        ("fill-mask", "[MASK] " * 90, {}, ValueError, "tokenizer_kwargs={'truncation': True"),
        ("feature-extraction", "a", {"max_length": 3}, TypeError, "tokenize_kwargs="),
        ("feature-extraction", "a", {"return_tensors": "tf"}, ValueError, "'tf' is not supported"),
        ("feature-extraction", "a " * 90, {}, ValueError, "tokenize_kwargs={'truncation': True"),
        ("zero-shot-classification", "a", {}, ValueError, "candidate_labels must be given"),
        ("zero-shot-classification", "a", {"template": "{}"}, TypeError, "template"),
        (
            "zero-shot-classification", "a",
            {"candidate_labels": "a", "hypothesis_template": "{x}"}, ValueError, "one place",
        ),
        ("zero-shot-classification", "a", {"candidate_labels": "a " * 90}, ValueError, "than 90$"),
    ],
)  # fmt: skip
def test_calls(pipe, task, inputs, options, error, message):
    with pytest.raises(error, match=message):
        pipe(task)(inputs, **options)


def test_making(pipe, model_folder):
    classify = pipe("text-classification")
    with pytest.raises(ValueError, match="needs a tokenizer"):
        pytxenc.TextClassificationPipeline(classify.model)
    with pytest.raises(ValueError, match=r"cannot use a .*AutoModelForMaskedLM"):
        pytxenc.FillMaskPipeline(classify.model, classify.tokenizer)
    with pytest.raises(ValueError, match="feature_extractor is not supported"):
        pytxenc.pipeline("text-classification", classify.model, feature_extractor="x")
    with pytest.raises(TypeError, match="did you mean 'top_k'"):
        pytxenc.pipeline("fill-mask", str(model_folder("Bert", "ForMaskedLM")), topk=1)
    with pytest.raises(RuntimeError, match="a task, a model or both"):
        pytxenc.pipeline()
    with pytest.raises(RuntimeError, match="name the model too"):
        pytxenc.pipeline("fill-mask", tokenizer=classify.tokenizer)


def test_task_of_a_model(model_folder, tmp_path):
    """Told by the class it was saved from, or by its card."""
    folder = model_folder("Bert", "ForSequenceClassification")
    assert pytxenc.pipeline(model=str(folder)).task == "text-classification"
    model = pytxenc.AutoModelForMaskedLM.from_pretrained(model_folder("Bert", "ForMaskedLM"))
    assert pytxenc.pipeline(model=model).task == "fill-mask"
    for path in folder.iterdir():
        (tmp_path / path.name).symlink_to(path)
    (tmp_path / "README.md").write_text("---\npipeline_tag: zero-shot-classification\n---\n")
    assert pytxenc.pipeline(model=str(tmp_path)).task == "zero-shot-classification"


def test_zero_shot_cuts_what_the_tokenizer_would_not(pipe):
    """A tokenizer that does not know the model's length makes no error of a long text."""
    classify = pipe("zero-shot-classification")
    classify.tokenizer.model_max_length = 10**6
    scores = [classify("a " * count, ["b", "c"])["scores"] for count in (200, 95)]
    assert scores[0] == pytest.approx(scores[1], abs=1e-6)
