"""Small tokenizers and a text for them."""

import pytest
import small_tokenizers

CLASSES = {"bert": "BertTokenizer", "roberta": "RobertaTokenizer", "albert": "AlbertTokenizer"}
KINDS = ["bert", "roberta", "albert", "albert-original"]


@pytest.fixture(scope="session")
def tokenizer_folders(tmp_path_factory):
    """The folder of a small tokenizer of each family."""
    folders = {}
    for kind, (family, files) in small_tokenizers.vocabulary_files().items():
        if kind in ("vocab.json", "spiece.model", "vocab.txt"):
            folders[family] = tmp_path_factory.mktemp(family)
            for name, data in files.items():
                (folders[family] / name).write_bytes(data)
    return folders


@pytest.fixture(scope="session")
def tokenizers(tokenizer_folders):
    """A small tokenizer of each of KINDS."""
    import pytxenc

    loaded = {
        family: getattr(pytxenc, CLASSES[family]).from_pretrained(folder)
        for family, folder in tokenizer_folders.items()
    }
    folder = tokenizer_folders["albert"]
    loaded["albert-original"] = pytxenc.AlbertTokenizer.from_pretrained(folder, original_rules=True)
    return loaded


@pytest.fixture(params=KINDS)
def tokenizer(request, tokenizers):
    return tokenizers[request.param]


@pytest.fixture(scope="session")
def text():
    """Sixty documents of one to four lines, special tokens and odd characters among them."""
    words = ["hello", "world", "a b", "9,9", "é中", "``aa''", "[SEP]", "</s>", "\x00", "x" * 120]
    documents = []
    for i in range(60):
        lines = [
            " ".join(words[(i * 7 + j * 3 + k) % 10] for k in range(i % 5 + 1))
            for j in range(i % 4 + 1)
        ]
        documents.append("\n".join(lines))
    return "\n\n".join(documents) + "\n"
