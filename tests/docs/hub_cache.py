"""A hub cache of small models and tokenizers under the names of published ones.

Weights are random, from a fixed seed, and every checkpoint holds all heads of its family, so
that no head starts anew, at random, when it is loaded.
"""

import os
import string
from pathlib import Path

import numpy as np
import small_tokenizers

import pytxenc
from pytxenc.safetensors_file import save_file

COMMIT = "1" * 40
SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 514,
    "initializer_range": 0.3,
}
WORDS = "the is in of and my with text new dog cute capital france paris london hello world house"
WORDS += " company based simple test movie good bad The France Paris Hello ##ing ##er"
MERGES = "h e|i n|i s|t he|\u0120 t|\u0120t he|\u0120 is|\u0120 a|l l|e r|o n|\u0120 d|o g"
MERGES += "|\u0120d og|w o|r l|\u0120 wo|\u0120wo rl|\u0120worl d|P a|Pa r|Par is|\u0120 Paris"
MASK = pytxenc.AddedToken("<mask>", lstrip=True, special=True)


def _numbered(tokens):
    return {token: i for i, token in enumerate(dict.fromkeys(tokens))}


def bert_tokenizer(**kwargs):
    letters = string.ascii_letters + string.digits + string.punctuation
    tokens = [*small_tokenizers.SPECIAL["bert"], "<unk>", *letters]
    tokens += [*("##" + letter for letter in letters), *WORDS.split()]
    return pytxenc.BertTokenizer(vocab=_numbered(tokens), **kwargs)


def roberta_tokenizer(**kwargs):
    merges = [tuple(merge.split(" ")) for merge in MERGES.split("|")]
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    tokens = [*special, *small_tokenizers.BYTE_CHARS, *("".join(m) for m in merges), "<mask>"]
    return pytxenc.RobertaTokenizer(
        vocab=_numbered(tokens), merges=merges, mask_token=MASK, **kwargs
    )


def _pieces(special):
    letters = string.ascii_lowercase + string.ascii_uppercase + string.digits + string.punctuation
    pieces = [(token, 0.0) for token in special] + [("\u2581", -2.0), ("\u2581.", -5.0)]
    pieces += [(letter, -4.0 - i / 100) for i, letter in enumerate(letters)]
    return pieces + [
        ("\u2581" + w, -3.0 - i / 10) for i, w in enumerate(WORDS.split()) if w[0] != "#"
    ]


def albert_tokenizer(**kwargs):
    return pytxenc.AlbertTokenizer(vocab=_pieces(small_tokenizers.SPECIAL["albert"]), **kwargs)


def xlm_roberta_tokenizer(**kwargs):
    pieces = [*_pieces(["<s>", "<pad>", "</s>", "<unk>"]), ("<mask>", 0.0)]
    return pytxenc.XLMRobertaTokenizer(vocab=pieces, mask_token=MASK, **kwargs)


TOKENIZERS = {
    "Bert": bert_tokenizer,
    "Roberta": roberta_tokenizer,
    "XLMRoberta": xlm_roberta_tokenizer,
    "Albert": albert_tokenizer,
    "DistilBert": bert_tokenizer,
    "Electra": bert_tokenizer,
}
# Fields of a family beside SIZES.
FIELDS = {
    "Albert": {"embedding_size": 16},
    "Electra": {"embedding_size": 16},
    "DistilBert": {"hidden_dim": 48},
}


def save_model(folder, family, *, choice=False, architecture="Model", **fields):
    """Write config.json and a model.safetensors with the parameters of every head.

    The classifier of multiple choice has the name of another's: it takes its place where
    `choice` is true.
    """
    config = getattr(pytxenc, f"{family}Config")(**SIZES, **FIELDS.get(family, {}), **fields)
    config.architectures = [family + architecture]
    config.save_pretrained(folder)
    names = [name for name in pytxenc.__all__ if name.startswith((f"{family}For", f"{family}LM"))]
    names = [name for name in names if hasattr(getattr(pytxenc, name), "from_pretrained")]
    names.sort(key=lambda name: name.endswith("MultipleChoice") != choice)
    np.random.seed(5)
    base = getattr(pytxenc, f"{family}Model")(config)
    weights = {f"{base.base_model_prefix}.{name}": v for name, v in base.state_dict().items()}
    for name in names:
        for parameter, value in getattr(pytxenc, name)(config).state_dict().items():
            if parameter not in getattr(pytxenc, name)._ties:
                weights.setdefault(parameter, value)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


class HubCache:
    """A folder that huggingface_hub takes for its cache."""

    def __init__(self, folder):
        self.folder = Path(folder)

    def snapshot(self, name, revision="main"):
        """The folder of a repository's files, made if need be."""
        repository = self.folder / ("models--" + name.replace("/", "--"))
        (repository / "refs").mkdir(parents=True, exist_ok=True)
        (repository / "refs" / revision).write_text(COMMIT)
        files = repository / "snapshots" / COMMIT
        files.mkdir(parents=True, exist_ok=True)
        return files

    def add(self, name, family, tokenizer=None, **model):
        """A repository with a tokenizer and a model.  Returns the folder of its files."""
        folder = self.snapshot(name)
        if tokenizer is None:
            tokenizer = TOKENIZERS[family](model_max_length=512)
        tokenizer.save_pretrained(folder)
        save_model(folder, family, vocab_size=len(tokenizer), **model)
        return folder

    def environment(self):
        """Environment variables of a program that must find everything here."""
        return {**os.environ, "HF_HUB_CACHE": str(self.folder), "HF_HUB_OFFLINE": "1"}
