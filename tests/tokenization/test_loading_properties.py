"""Folders with every mixture of tokenizer files, old and new, against transformers."""

import json
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pytxenc.tokenization

EXAMPLES = settings(
    max_examples=2000 if os.environ.get("PYTXENC_SLOW") else 40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
CLASSES = {"bert": "BertTokenizer", "roberta": "RobertaTokenizer", "albert": "AlbertTokenizer"}
NAMED = {
    "bert": {"mask_token": "[MASK]", "cls_token": "[CLS]", "sep_token": "[SEP]",
             "unk_token": "[UNK]", "pad_token": "[PAD]"},
    "roberta": {"mask_token": "<mask>", "cls_token": "<s>", "bos_token": "<s>",
                "eos_token": "</s>", "sep_token": "</s>", "unk_token": "<unk>",
                "pad_token": "<pad>"},
    "albert": {"mask_token": "[MASK]", "cls_token": "[CLS]", "bos_token": "[CLS]",
               "eos_token": "[SEP]", "sep_token": "[SEP]", "unk_token": "<unk>",
               "pad_token": "<pad>"},
}  # fmt: skip
TEXTS = [
    "Hello world h\u00e9llo \u4e2d\u56fd [MASK] <mask> x",
    "a <e1> hello <img>  <new> newtok zz <e2>",
    "  [CLS] a </s>  ",
]  # fmt: skip
OTHERS = ["<e1>", "<e2>", "<img>", "<new>", "newtok", "zz"]
flags = st.fixed_dictionaries(
    {name: st.booleans() for name in ("lstrip", "rstrip", "normalized", "single_word")}
)


@st.composite
def folders(draw, family):
    """(file name -> content, keyword arguments of from_pretrained)."""
    named = NAMED[family]
    known = {}  # one set of flags a token: of two the reference keeps a mixture

    def entry(content, typed=False):
        if not draw(st.booleans()):
            return content
        if content not in known:
            known[content] = draw(flags)
            if content in named.values():
                known[content]["normalized"] = False
        return {"content": content, **known[content], **({"__type": "AddedToken"} if typed else {})}

    def tokens(typed=False):
        result = {name: entry(named[name], typed) for name in named if draw(st.booleans())}
        for name in ("mask_token", "pad_token"):
            if typed and draw(st.integers(0, 7)) == 0:
                result[name] = draw(st.sampled_from(["<new>", "hello"]))
        return result

    # Plain strings only in special_tokens_map.json: the reference refuses objects in its list.
    def extra(typed):
        made = [entry(c, True) if typed else c for c in draw(st.sets(st.sampled_from(OTHERS[:4])))]
        if typed and draw(st.integers(0, 3)) == 0:
            return {"image_token": entry("<img>", True)}
        return made

    keys = st.sampled_from(["extra_special_tokens", "additional_special_tokens"])
    files = {}
    if draw(st.booleans()):
        config = tokens(typed=True)
        if draw(st.booleans()):
            config[draw(keys)] = extra(typed=True)
        if draw(st.integers(0, 3)) == 0:
            config["image_token"] = entry("<img>", True)
        if draw(st.integers(0, 3)) == 0:
            contents = draw(st.sets(st.sampled_from(OTHERS), min_size=1))
            config["added_tokens_decoder"] = {
                str(300 + i): {"content": content, **known.setdefault(content, draw(flags)),
                               "special": draw(st.booleans())}
                for i, content in enumerate(sorted(contents))
            }  # fmt: skip
        for key, values in (
            ("model_max_length", [5, 512, None]), ("padding_side", ["left"]),
            ("truncation_side", ["left"]), ("split_special_tokens", [True]),
            ("model_input_names", [["input_ids"]]), ("tokenizer_class", [CLASSES[family]]),
            ("name_or_path", ["elsewhere"]), ("unheard_of", [[1]]),
        ):  # fmt: skip
            if draw(st.integers(0, 3)) == 0:
                config[key] = draw(st.sampled_from(values))
        files["tokenizer_config.json"] = config
    if draw(st.booleans()):
        files["special_tokens_map.json"] = tokens()
        if draw(st.booleans()):
            files["special_tokens_map.json"][draw(keys)] = extra(typed=False)
    if draw(st.booleans()):
        size = {"bert": 78, "roberta": 271, "albert": 52}[family]
        contents = draw(st.sets(st.sampled_from(OTHERS), min_size=1, max_size=3))
        files["added_tokens.json"] = {c: size + i for i, c in enumerate(sorted(contents))}
    kwargs = {}
    for name in ("mask_token", "pad_token"):
        if draw(st.integers(0, 5)) == 0:
            kwargs[name] = draw(st.sampled_from(["<new>", "hello"]))
    return files, kwargs


def known(tokenizer):
    """Everything that files decide."""
    return {
        "tokens": {i: repr(t) for i, t in tokenizer.added_tokens_decoder.items()},
        "vocabulary": tokenizer.get_vocab(),
        "named": tokenizer.special_tokens_map,
        "special": tokenizer.all_special_tokens,
        "ids": tokenizer.all_special_ids,
        "extra": tokenizer.extra_special_tokens,
        "sides": (tokenizer.padding_side, tokenizer.truncation_side),
        "length": tokenizer.model_max_length,
        "fields": tokenizer.model_input_names,
        "image": getattr(tokenizer, "image_token", None),
        "texts": [
            dict(tokenizer(text, "hello", return_offsets_mapping=True, verbose=False))
            for text in TEXTS
        ],
        "decoded": [
            tokenizer.decode(tokenizer(text, verbose=False)["input_ids"], skip_special_tokens=skip)
            for text in TEXTS
            for skip in (False, True)
        ],
    }


@pytest.mark.parametrize("unified", [False, True])
@pytest.mark.parametrize("family", CLASSES)
@given(data=st.data())
@EXAMPLES
def test_any_folder(made_up, family, unified, data):
    transformers = pytest.importorskip("transformers")
    files, kwargs = data.draw(folders(family))
    ours, theirs = (
        getattr(library, CLASSES[family]) for library in (pytxenc.tokenization, transformers)
    )
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "model"
        if unified:
            ours.from_pretrained(made_up[family]).save_pretrained(folder)
            os.remove(folder / "tokenizer_config.json")
        else:
            shutil.copytree(made_up[family], folder)
        for name, content in files.items():
            (folder / name).write_text(json.dumps(content), encoding="utf-8")
        expected = known(theirs.from_pretrained(str(folder), **kwargs))
        mine = ours.from_pretrained(str(folder), **kwargs)
        assert known(mine) == expected
        mine.save_pretrained(folder / "again")
        again = ours.from_pretrained(folder / "again")
        assert known(again) == known(mine)
        theirs_again = theirs.from_pretrained(str(folder / "again"))
        assert known(theirs_again) == known(mine)
        theirs_again.save_pretrained(str(folder / "theirs"))
        assert known(ours.from_pretrained(folder / "theirs")) == known(mine)
