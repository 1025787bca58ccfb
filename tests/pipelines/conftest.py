"""Small random models in directories, as transformers saves them, and both pipelines of each."""

import pytest

TEXTS = [
    "The cat sat on the mat, and the dog slept by the door.",
    "Rain is expected in the north; the south stays dry and warm.",
    "She paid 9,50 for two tickets and a glass of water!",
    "It was the worst film of the year, and the longest one.",
    "A short one.",
    "The committee will meet again on Tuesday to discuss the new budget of the city.",
    "Don't you think it's too late?",
    "Caf\u00e9 na\u00efve r\u00e9sum\u00e9 \u4e2d\u56fd \U0001f600 end",
    "Trains to the coast leave every hour, except on Sundays, when there are only two of them.",
    "no",
]
_SIZES = dict(
    hidden_size=24, num_hidden_layers=2, num_attention_heads=2, intermediate_size=40,
    max_position_embeddings=90, initializer_range=0.3,
)  # fmt: skip


def _new_tokenizer(transformers, family):
    cls = getattr(transformers, f"{family}Tokenizer")
    made = cls().train_new_from_iterator(TEXTS * 3, 300)
    made.model_max_length = 80
    return made


@pytest.fixture(scope="session")
def texts():
    """Texts of many lengths, which the tokenizers were trained on too."""
    return TEXTS


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory):
    """Makes the directory of a model: (family, head, fields of the configuration) -> path."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    made = {}

    def make(family, head, **fields):
        key = (family, head, repr(sorted(fields.items())))
        if key not in made:
            folder = tmp_path_factory.mktemp(family.lower() + head.lower())
            tokenizer = _new_tokenizer(transformers, family)
            special = {"vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id}
            if family == "Albert":
                special["embedding_size"] = 16
            config = getattr(transformers, f"{family}Config")(**{**_SIZES, **special, **fields})
            torch.manual_seed(0)
            model = getattr(transformers, family + head)(config).eval()
            with torch.no_grad():  # biases and norms too must matter
                for parameter in model.parameters():
                    parameter.add_(0.1 * torch.randn_like(parameter))
            model.save_pretrained(folder)
            tokenizer.save_pretrained(folder)
            made[key] = folder
        return made[key]

    return make


@pytest.fixture(scope="session")
def both(model_folder):
    """Makes (ours, transformers') pipeline of a task from one directory."""
    import pytxenc

    def make(task, family, head, fields=None, **kwargs):
        transformers = pytest.importorskip("transformers")
        folder = str(model_folder(family, head, **(fields or {})))
        ours = pytxenc.pipeline(task, folder, **kwargs)
        return ours, transformers.pipeline(task, folder, device="cpu", **kwargs)

    return make


@pytest.fixture(scope="session")
def assert_same():
    """Compares results: the same types, keys, texts and order, and scores within 1e-4."""

    def compare(ours, theirs, where="result"):
        assert type(ours) is type(theirs), f"{where}: {type(ours)} and {type(theirs)}"
        if isinstance(theirs, dict):
            assert list(ours) == list(theirs), where
            for key, value in theirs.items():
                compare(ours[key], value, f"{where}[{key!r}]")
        elif isinstance(theirs, (list, tuple)):
            assert len(ours) == len(theirs), where
            for i, value in enumerate(theirs):
                compare(ours[i], value, f"{where}[{i}]")
        elif isinstance(theirs, float) or hasattr(theirs, "dtype"):
            assert abs(ours - theirs) < 1e-4 * max(1, abs(theirs)), f"{where}: {ours}, {theirs}"
        else:
            assert ours == theirs, f"{where}: {ours!r}, {theirs!r}"

    return compare
