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


@pytest.fixture
def file(tmp_path, text):
    """The text in a file."""
    path = tmp_path / "text.txt"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def interrupted(monkeypatch):
    """Encodes that many batches, then stops as if Ctrl-C had been pressed."""
    from pytxenc.corpus import encode

    def run(batches, tokenizer, *arguments, **options):
        left = [batches]

        def stop(*args, **kwargs):
            left[0] -= 1
            if left[0] < 0:
                raise KeyboardInterrupt
            return original(*args, **kwargs)

        original = encode.encode_documents
        with monkeypatch.context() as patch:
            patch.setattr(encode, "encode_documents", stop)
            with pytest.raises(KeyboardInterrupt):
                encode.encode_corpus(tokenizer, *arguments, **options)

    return run
