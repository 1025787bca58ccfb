"""train_new_from_iterator: the tokenizer that transformers trains on the same texts."""

import json
import pickle
import random
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pytxenc

transformers = pytest.importorskip("transformers", minversion="5")

SENTENCES = [
    "The dog's friends are cute, unable to play; hello world!",
    "the DOG plays  with the un-able cat\tand 9,999 cafés",
    "hello hello hello, said the dog. 中国 and 日本",
    "<mask> and [MASK] are text here, <s> too",
]


def corpus(seed=0, count=300):
    draw = random.Random(seed)
    parts = ["mor", "tal", "i", "ty", "un", "an", "ge", "lo", "po", "ly", "the", "si", "s", "o"]
    words = ["".join(draw.choices(parts, k=draw.randint(1, 5))) for _ in range(400)]
    words += " ".join(SENTENCES).split(" ") * 10
    return [" ".join(draw.choices(words, k=draw.randint(0, 12))) for _ in range(count)]


def tokens_of(tokenizer):
    return {index: repr(token) for index, token in tokenizer.added_tokens_decoder.items()}


PROBES = ["Hello world <mask> the dog's", "[MASK] un-able 日本", "  two  spaces <x> <y>", ""]


def check_same(ours, theirs, *, probes=PROBES):
    """Same vocabulary, special tokens, ids and merges."""
    assert ours.get_vocab() == theirs.get_vocab()
    assert (ours.vocab_size, len(ours)) == (theirs.vocab_size, len(theirs))
    assert tokens_of(ours) == tokens_of(theirs)
    assert ours.special_tokens_map == theirs.special_tokens_map
    assert ours.extra_special_tokens == theirs.extra_special_tokens
    assert ours.model_max_length == theirs.model_max_length
    for probe in probes:
        assert ours(probe)["input_ids"] == theirs(probe)["input_ids"]
    merges = json.loads(theirs.backend_tokenizer.to_str())["model"].get("merges")
    if merges is not None:
        own = [m.split(" ") if isinstance(m, str) else m for m in ours._spec["model"]["merges"]]
        assert own == merges


def roberta(module, **options):
    """A RoBERTa tokenizer numbered as the published ones are."""
    tokens = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "a": 4, "b": 5, "<mask>": 6}
    mask = module.AddedToken("<mask>", lstrip=True, special=True)
    return module.RobertaTokenizer(tokens, [], mask_token=mask, **options)


@pytest.mark.parametrize(
    "arguments",
    [
        {"vocab_size": 400},
        {"vocab_size": 10},
        {"vocab_size": 400, "min_frequency": 4, "max_token_length": 4},
        {"vocab_size": 400, "new_special_tokens": ["<x>", ("<y>", {"lstrip": True})]},
        {"vocab_size": 400, "special_tokens_map": {"<mask>": "[MASK]", "<s>": "<x>"}},
        {"vocab_size": 300, "limit_alphabet": 256, "initial_alphabet": ["z"]},
    ],
    ids=str,
)
def test_roberta(arguments):
    trained = []
    for module in (pytxenc, transformers):
        given = dict(arguments)
        if "new_special_tokens" in given:
            given["new_special_tokens"] = [
                t if isinstance(t, str) else module.AddedToken(t[0], **t[1])
                for t in given["new_special_tokens"]
            ]
        old = roberta(module, model_max_length=77)
        old.add_tokens(["zork", module.AddedToken("<z>", special=True)])  # the first is lost
        trained.append(old.train_new_from_iterator(corpus(), show_progress=False, **given))
    check_same(*trained)


@pytest.mark.parametrize("options", [{}, {"add_prefix_space": True, "trim_offsets": False}])
def test_roberta_from_nothing(options):
    check_same(
        *(
            module.RobertaTokenizer(**options).train_new_from_iterator(
                corpus(1), 350, show_progress=False
            )
            for module in (pytxenc, transformers)
        )
    )


def test_tokens_of_files_stay(tmp_path):
    """Renamed special tokens and added ones that came out of files are there still."""
    old = roberta(transformers)
    old.add_tokens(["zork"])
    old.save_pretrained(tmp_path)
    names = {"<mask>": "[MASK]", "</s>": "[SEP]"}
    trained = [
        module.RobertaTokenizer.from_pretrained(tmp_path).train_new_from_iterator(
            corpus(2), 330, special_tokens_map=names, show_progress=False
        )
        for module in (pytxenc, transformers)
    ]
    check_same(*trained)
    assert {"<mask>", "</s>", "zork"} <= trained[0].get_added_vocab().keys()


@pytest.mark.parametrize(
    "options, arguments",
    [
        ({}, {}),
        ({"do_lower_case": False, "tokenize_chinese_chars": False}, {"min_frequency": 2}),
        ({"strip_accents": False}, {"special_tokens_map": {"[UNK]": "<u>"}}),
        ({}, {"new_special_tokens": ["<x>"], "initial_alphabet": ["é", "z"]}),
    ],
)
def test_bert(options, arguments, monkeypatch):
    """With the "##" characters in transformers' order, which is random, all is the same."""
    theirs = transformers.BertTokenizer(**options).train_new_from_iterator(
        corpus(3), 250, show_progress=False, **arguments
    )
    tokens = theirs.convert_ids_to_tokens(range(len(theirs)))
    order = [token for token in tokens if token.startswith("##") and len(token) == 3]
    from pytxenc.tokenization import training

    learn = training.learn_vocabulary
    monkeypatch.setattr(
        training, "learn_vocabulary", lambda *args, **kw: learn(*args, affixed=order, **kw)
    )
    ours = pytxenc.BertTokenizer(**options).train_new_from_iterator(
        corpus(3), 250, show_progress=False, **arguments
    )
    check_same(ours, theirs)


def test_bert_alone():
    ours = pytxenc.BertTokenizer().train_new_from_iterator(corpus(3), 250, show_progress=False)
    again = pytxenc.BertTokenizer().train_new_from_iterator(
        [corpus(3)[::-1]], 250, show_progress=False
    )
    assert ours.get_vocab() == again.get_vocab()
    tokens = ours.convert_ids_to_tokens(range(len(ours)))
    assert len(tokens) == 250 and tokens[:5] == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    affixed = [token for token in tokens if token.startswith("##") and len(token) == 3]
    assert affixed == sorted(affixed)


@settings(max_examples=60, deadline=None)
@given(texts=st.lists(st.text(max_size=30), max_size=5), size=st.integers(256, 300))
def test_any_texts(texts, size):
    check_same(
        *(
            roberta(module).train_new_from_iterator(texts, size, show_progress=False)
            for module in (pytxenc, transformers)
        ),
        probes=texts,
    )


def test_texts_come_singly_or_in_lists():
    texts = corpus(4, 30)
    forms = [
        texts,
        iter(texts),
        (text for text in texts),
        [texts[:10], texts[10:]],
        iter([tuple(texts[:1]), *texts[1:20], (text for text in texts[20:])]),
    ]
    vocabs = [
        roberta(pytxenc).train_new_from_iterator(form, 320, show_progress=False).get_vocab()
        for form in forms
    ]
    assert all(vocab == vocabs[0] for vocab in vocabs)


@pytest.mark.parametrize(
    "texts, error, match",
    [
        ("a long text", TypeError, "not one str"),
        (b"bytes", TypeError, "not one bytes"),
        (7, TypeError, "not one int"),
        ({"text": ["a"]}, TypeError, "not one dict"),
        (["a", None], TypeError, "item 1 of the texts must be a str or a list of str.*NoneType"),
        (["a", b"b"], TypeError, "item 1 .* bytes: b'b'"),
        ([{"text": "a"}], TypeError, "item 0 .* dict"),
        ([["a"], ["b", "c", 3]], TypeError, "item 1 of the texts: its element 2 .* int: 3"),
        (["a", "b\ud800"], ValueError, "text 1: lone surrogate"),
    ],
)
def test_bad_texts_are_named(texts, error, match):
    for kind in (pytxenc.RobertaTokenizer, pytxenc.BertTokenizer):
        with pytest.raises(error, match=match):
            kind().train_new_from_iterator(texts, 300, show_progress=False)


@pytest.mark.parametrize(
    "arguments, error, match",
    [
        ({"min_freq": 3}, TypeError, "did you mean 'min_frequency'"),
        ({"continuing_subword_prefix": "##"}, ValueError, "RobertaTokenizer writes its tokens"),
        ({"end_of_word_suffix": "</w>"}, ValueError, "cannot be used"),
        ({"new_special_tokens": "<x>"}, TypeError, "must be a list of tokens"),
        ({"new_special_tokens": [5]}, TypeError, "new_special_tokens must be a str"),
        ({"special_tokens_map": {"<s>": 3}}, TypeError, "special_tokens_map"),
        ({"vocab_size": -5}, ValueError, "vocab_size"),
    ],
)
def test_bad_arguments(arguments, error, match):
    with pytest.raises(error, match=match):
        roberta(pytxenc).train_new_from_iterator(["a"], **{"vocab_size": 300, **arguments})


def test_errors_of_the_iterator_come_through():
    def texts():
        yield "a"
        raise OSError("the disk is gone")

    for kind in (pytxenc.RobertaTokenizer, pytxenc.BertTokenizer):
        with pytest.raises(OSError, match="the disk is gone"):
            kind().train_new_from_iterator(texts(), 300)


def test_settings_are_kept():
    old = roberta(pytxenc, padding_side="left", truncation_side="left", image_token="<img>")
    new = old.train_new_from_iterator(corpus(5), 300, show_progress=False)
    assert (new.padding_side, new.truncation_side, new.image_token) == ("left", "left", "<img>")
    assert old.get_vocab().keys() >= {"a", "b"}  # the old one is as it was
    assert pickle.loads(pickle.dumps(new)).get_vocab() == new.get_vocab()


def test_small_sizes_are_told_of(caplog):
    new = pytxenc.BertTokenizer().train_new_from_iterator(["abc"], 3, show_progress=False)
    assert len(new) == 10
    assert "10 tokens already, more than vocab_size=3" in caplog.text


@pytest.mark.parametrize("kind", ["RobertaTokenizer", "BertTokenizer"])
def test_every_file_form_loads_in_transformers(kind, tmp_path):
    new = getattr(pytxenc, kind)().train_new_from_iterator(corpus(6), 330, show_progress=False)
    new.save_pretrained(tmp_path / "json")
    new.save_pretrained(tmp_path / "legacy", legacy_format=True)
    files = {path.name for path in (tmp_path / "legacy").iterdir()}
    names = set(new.vocab_files_names.values()) - {"tokenizer.json"}
    assert names <= files and "tokenizer.json" not in files
    for folder in ("json", "legacy"):
        for module in (transformers, pytxenc):
            again = getattr(module, kind).from_pretrained(tmp_path / folder)
            assert again.get_vocab() == new.get_vocab()
            for text in [*PROBES, *corpus(6, 40)]:
                assert again(text)["input_ids"] == new(text)["input_ids"]


def test_published_roberta(data_dir):
    """From the published tokenizer, on a novel."""
    texts = (data_dir / "text" / "botchan.txt").read_text().splitlines()
    trained = [
        module.RobertaTokenizer.from_pretrained(
            data_dir / "tokenizers" / "roberta-base"
        ).train_new_from_iterator(texts, 2000, show_progress=False)
        for module in (pytxenc, transformers)
    ]
    check_same(*trained, probes=texts[:200])
    assert trained[0].pad_token_id == 1 and trained[0].mask_token_id == 4


# ---- other classes ----


@pytest.mark.parametrize(
    "kind, size", [("GPT2Tokenizer", 330), ("DistilBertTokenizer", 10), ("MPNetTokenizer", 10)]
)
def test_other_classes(kind, size):
    """For WordPiece no more than the characters, whose order is random in transformers."""
    ours, theirs = (
        getattr(module, kind)().train_new_from_iterator(corpus(11), size, show_progress=False)
        for module in (pytxenc, transformers)
    )
    if kind == "GPT2Tokenizer":
        check_same(ours, theirs)
        return
    assert ours.get_vocab().keys() == theirs.get_vocab().keys()
    assert tokens_of(ours) == tokens_of(theirs)
    assert ours.special_tokens_map == theirs.special_tokens_map


BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
TEMPLATE = {
    "type": "TemplateProcessing",
    "single": [
        {"SpecialToken": {"id": "[CLS]", "type_id": 0}},
        {"Sequence": {"id": "A", "type_id": 0}},
        {"SpecialToken": {"id": "[SEP]", "type_id": 0}},
    ],
    "pair": [
        {"Sequence": {"id": "A", "type_id": 0}},
        {"SpecialToken": {"id": "[SEP]", "type_id": 0}},
        {"Sequence": {"id": "B", "type_id": 1}},
    ],
    "special_tokens": {
        "[CLS]": {"id": "[CLS]", "ids": [1], "tokens": ["[CLS]"]},
        "[SEP]": {"id": "[SEP]", "ids": [2], "tokens": ["[SEP]"]},
    },
}
BPE = {
    "type": "BPE",
    "dropout": None,
    "unk_token": "[UNK]",
    "continuing_subword_prefix": None,
    "end_of_word_suffix": None,
    "fuse_unk": True,
    "byte_fallback": False,
    "ignore_merges": False,
    "merges": [],
}
SPLIT = {
    "type": "Split",
    "pattern": {"Regex": r"\\d|[A-Za-z]+| ?[^\\sA-Za-z\\d]+|\\s+"},
    "behavior": "Isolated",
    "invert": False,
}
PIPELINES = {
    "BPE of words": (BPE, {"type": "Lowercase"}, {"type": "Whitespace"}, TEMPLATE),
    "BPE of bytes": (
        {**BPE, "unk_token": None},
        {"type": "NFC"},
        {
            "type": "Sequence",
            "pretokenizers": [SPLIT, {**BYTE_LEVEL, "use_regex": False}],
        },
        {"type": "BertProcessing", "cls": ["[CLS]", 1], "sep": ["[SEP]", 2]},
    ),
    "BPE of all": (BPE, None, None, TEMPLATE),
    "words": (
        {"type": "WordLevel", "unk_token": "[UNK]"},
        {"type": "Sequence", "normalizers": [{"type": "NFKC"}, {"type": "Lowercase"}]},
        {"type": "BertPreTokenizer"},
        TEMPLATE,
    ),
}


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"min_frequency": 3, "new_special_tokens": ["<x>"]},
        {"special_tokens_map": {"[CLS]": "<s>", "[UNK]": "<unk>"}},
    ],
    ids=str,
)
@pytest.mark.parametrize("name", PIPELINES)
def test_tokenizer_json(name, arguments, tmp_path):
    """A tokenizer that is what its tokenizer.json says."""
    model, normalizer, pre_tokenizer, post_processor = PIPELINES[name]
    tokens = ["[UNK]", "[CLS]", "[SEP]", "dog"]
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    spec = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": i, "content": token, **flags, "special": token != "dog"}
            for i, token in enumerate(tokens)
        ],
        "normalizer": normalizer,
        "pre_tokenizer": pre_tokenizer,
        "post_processor": post_processor,
        "decoder": None,
        "model": {**model, "vocab": {token: i for i, token in enumerate(tokens)}},
    }
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(spec))
    trained = [
        module.PreTrainedTokenizerFast(
            tokenizer_file=str(path), unk_token="[UNK]", cls_token="[CLS]"
        ).train_new_from_iterator(corpus(12), 400, show_progress=False, **arguments)
        for module in (pytxenc, transformers)
    ]
    check_same(*trained)


def test_tokenizer_json_without_its_tokens(tmp_path):
    """What the post-processor adds must be a special token."""
    old = pytxenc.BertTokenizer()
    spec = {**old._tokenizer_json(), "added_tokens": []}
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(spec))
    old = pytxenc.PreTrainedTokenizerFast(tokenizer_file=path)
    with pytest.raises(ValueError, match=r"puts '\[CLS\]' around texts"):
        old.train_new_from_iterator(corpus(12), 400, show_progress=False)


# ---- unigram, by sentencepiece ----


def unigram(kind, **options):
    pytest.importorskip("sentencepiece")
    options.setdefault("show_progress", False)
    old = getattr(pytxenc, kind)()
    return old.train_new_from_iterator(corpus(7, 2000), 120, **options)


UNIGRAMS = ["AlbertTokenizer", "XLMRobertaTokenizer", "CamembertTokenizer"]


@pytest.mark.parametrize("kind", UNIGRAMS)
def test_unigram(kind, tmp_path):
    """What sentencepiece itself makes of a text, between special tokens in their places."""
    new = unigram(kind, new_special_tokens=["<x>"])
    first = {
        "AlbertTokenizer": ["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]", "<x>"],
        "XLMRobertaTokenizer": ["<s>", "<pad>", "</s>", "<unk>", "<x>"],
        "CamembertTokenizer": [
            *("<s>NOTUSED", "<pad>", "</s>NOTUSED", "<unk>", "<unk>NOTUSED", "<s>", "</s>", "<x>")
        ],
    }[kind]
    assert new.convert_ids_to_tokens(range(len(first))) == first
    assert len(new) == new.vocab_size == 120
    assert new("<x>")["input_ids"][1:-1] == [first.index("<x>")]
    assert new.mask_token_id == (4 if kind == "AlbertTokenizer" else 119)
    assert new.unk_token_id not in new("the dog plays, hello")["input_ids"]

    if kind == "CamembertTokenizer":  # it writes no .model
        return
    import sentencepiece

    new.save_vocabulary(tmp_path)
    path = tmp_path / new.vocab_files_names["vocab_file"]
    processor = sentencepiece.SentencePieceProcessor(model_file=str(path))
    for text in corpus(8, 60):
        if "<" in text or "[" in text:
            continue
        text = text.lower() if kind == "AlbertTokenizer" else text
        if kind == "AlbertTokenizer" and not text.isascii():
            continue  # accents go before
        assert new.tokenize(text) == processor.encode(text, out_type=str)


@pytest.mark.parametrize("kind", UNIGRAMS)
def test_unigram_files_load_in_transformers(kind, tmp_path):
    new = unigram(kind)
    new.save_pretrained(tmp_path / "json")
    folders = ["json"]
    if kind != "CamembertTokenizer":  # it writes no .model
        new.save_pretrained(tmp_path / "legacy", legacy_format=True)
        folders.append("legacy")
    for folder in folders:
        for module in (transformers, pytxenc):
            again = getattr(module, kind).from_pretrained(tmp_path / folder)
            assert again.get_vocab() == new.get_vocab()
            for text in [*PROBES, *corpus(8, 40)]:
                assert again(text)["input_ids"] == new(text)["input_ids"]


def test_unigram_keeps_user_defined_pieces(tmp_path):
    first = unigram("AlbertTokenizer", user_defined_symbols=["(", "cafe"])
    assert first.convert_ids_to_tokens([5, 6]) == ["(", "cafe"]
    first.save_vocabulary(tmp_path)
    old = pytxenc.AlbertTokenizer(tmp_path / "spiece.model")
    new = old.train_new_from_iterator(
        corpus(9, 500), 100, special_tokens_map={"[CLS]": "[X]"}, show_progress=False
    )
    tokens = new.convert_ids_to_tokens(range(7))
    assert tokens == ["<pad>", "<unk>", "[X]", "[SEP]", "[MASK]", "(", "cafe"]
    assert new.cls_token == "[X]" and "(" in new.tokenize("the(the")


def test_unigram_with_original_rules(tmp_path):
    """User-defined pieces are found inside words, which added tokens would cut."""
    unigram("AlbertTokenizer").save_vocabulary(tmp_path)
    old = pytxenc.AlbertTokenizer(tmp_path / "spiece.model", original_rules=True)
    new = old.train_new_from_iterator(
        corpus(9, 500), 100, user_defined_symbols=["("], show_progress=False
    )
    assert new.original_rules and new.extra_special_tokens == []
    assert new.tokenize("the(the")[:2] == ["▁the", "("]
    assert not new.tokenize("the(the")[2].startswith("▁")


def test_unigram_of_long_lines():
    """Lines that sentencepiece would pass over are cut."""
    text = " ".join(corpus(10, 3000))
    assert len(text) > 1 << 16
    old = pytxenc.XLMRobertaTokenizer()
    pytest.importorskip("sentencepiece")
    new = old.train_new_from_iterator([text, "字" * 40_000], 120, show_progress=False)
    assert len(new.tokenize("hello the dog")) < 8
    assert new.unk_token_id not in new("字")["input_ids"]


@pytest.mark.parametrize(
    "arguments, match",
    [
        ({"texts": []}, "sentencepiece: there is no text to learn from"),
        ({"vocab_size": 8}, "sentencepiece: Vocabulary size is smaller than required_chars"),
        ({"hard_vocab_limit": True, "vocab_size": 5000}, "Vocabulary size too high"),
    ],
)
def test_unigram_errors(arguments, match):
    pytest.importorskip("sentencepiece")
    options = {"texts": corpus(7, 100), "vocab_size": 100, "show_progress": False, **arguments}
    with pytest.raises(ValueError, match=match):
        pytxenc.AlbertTokenizer().train_new_from_iterator(options.pop("texts"), **options)


def test_unigram_bad_arguments():
    pytest.importorskip("sentencepiece")
    old = pytxenc.AlbertTokenizer()
    with pytest.raises(TypeError, match="did you mean 'character_coverage'"):
        old.train_new_from_iterator(["a"], 100, character_cover=1)
    with pytest.raises(TypeError, match="user_defined_symbols must be a list"):
        old.train_new_from_iterator(["a"], 100, user_defined_symbols="ab")
    with pytest.raises(TypeError, match="item 1 of the texts"):
        old.train_new_from_iterator(["a", 5], 100, show_progress=False)


def test_unigram_fewer_tokens_than_wanted(caplog):
    pytest.importorskip("sentencepiece")
    old = pytxenc.AlbertTokenizer()
    new = old.train_new_from_iterator(["ab ab abc"] * 20, 5000, show_progress=False)
    assert len(new) < 50 and "fewer than vocab_size=5000" in caplog.text


def test_unigram_without_sentencepiece(monkeypatch):
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    with pytest.raises(ImportError, match=r"pip install pytxenc\[sentencepiece\]"):
        pytxenc.AlbertTokenizer().train_new_from_iterator(["a"], 100)
