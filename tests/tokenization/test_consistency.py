"""One text, one answer: whatever else was encoded before, beside it, or in other threads.

What a tokenizer remembers of words and texts must never show.  All texts of the reference
data are gone through with PYTXENC_SLOW=1, every so many of them otherwise.
"""

import copy
import os
import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from corpora import corpus_files, corpus_texts
from random_texts import Texts

import pytxenc

SLOW = bool(os.environ.get("PYTXENC_SLOW"))
SETTINGS = [
    {},
    {"truncation": True, "max_length": 12},
    {"truncation": "only_first", "max_length": 20, "padding": "max_length"},
    {"padding": True, "padding_side": "left", "return_special_tokens_mask": True},
    {"truncation": True, "max_length": 16, "stride": 3, "return_overflowing_tokens": True},
    {"return_offsets_mapping": True, "add_special_tokens": False},
    {"split_special_tokens": True, "return_tensors": "np", "padding": True},
    {"padding": True, "pad_to_multiple_of": 16, "truncation": True, "max_length": 32},
]


def ids_of(tokenizer, texts, **kwargs):
    return tokenizer(texts, return_attention_mask=False, verbose=False, **kwargs)["input_ids"]


def plain(result):
    return {key: getattr(value, "tolist", lambda v=value: v)() for key, value in result.items()}


@pytest.fixture
def threads():
    """Sets how many threads a call uses; as before when the test ends."""
    before = pytxenc.get_num_threads()
    yield pytxenc.set_num_threads
    pytxenc.set_num_threads(before)


@pytest.fixture(scope="session")
def random_texts():
    """Random texts, the same pieces in many contexts, short and long ones mixed."""
    texts = Texts(random.Random(11), count=500).draw(3000 if SLOW else 200)
    texts += ["", " ", "".join(texts[:50]), " ".join(texts[50:150]), "a" * 999, "hello", "é" * 99]
    random.Random(12).shuffle(texts)
    return texts


@pytest.fixture(scope="session")
def short_texts(random_texts):
    """Those that may be padded to the longest of them."""
    return [text for text in random_texts if len(text) < 100][: 2000 if SLOW else 120]


def assert_consistent(tokenizer, texts, fresh):
    """Every way to encode the texts with either tokenizer gives the same ids."""
    expected = ids_of(tokenizer, texts)
    assert ids_of(tokenizer, texts, return_offsets_mapping=True) == expected
    assert ids_of(tokenizer, texts) == expected  # of words that are known by now
    order = list(range(len(texts)))
    for arrange in (reversed, lambda o: random.Random(5).sample(o, len(o)), sorted):
        mixed = list(arrange(order))
        assert ids_of(tokenizer, [texts[i] for i in mixed]) == [expected[i] for i in mixed]
    twice = ids_of(tokenizer, [text for text in texts for _ in range(2)])
    assert twice[::2] == twice[1::2] == expected
    some = range(0, len(texts), 1 if len(texts) < 1000 else 7)
    assert [ids_of(tokenizer, texts[i]) for i in some] == [expected[i] for i in some]
    assert ids_of(fresh, texts[::-1], return_offsets_mapping=True) == expected[::-1]
    assert ids_of(fresh, texts) == expected


def fresh_copy(tokenizer):
    """The same tokenizer, that has seen nothing yet."""
    state = tokenizer.__getstate__()
    made = object.__new__(type(tokenizer))
    made.__setstate__(copy.copy(state))
    return made


def test_random_texts(twins, random_texts):
    assert_consistent(twins[0], random_texts, fresh_copy(twins[0]))


@pytest.fixture(scope="session")
def reference_texts(data_dir):
    """Texts of every file of the reference data."""
    files = [corpus_texts(path) for path in corpus_files(data_dir)]
    return files if SLOW else [texts[:: max(len(texts) // 40, 1)] for texts in files]


def test_the_reference_texts(twins, reference_texts):
    for texts in reference_texts:
        assert_consistent(twins[0], texts, fresh_copy(twins[0]))


def test_added_tokens_do_not_reach_other_tokenizers(twins, random_texts):
    """A copy shares the model, and perhaps what it remembers, but not the added tokens."""
    tokenizer = twins[0]
    expected = ids_of(tokenizer, random_texts)
    other = copy.deepcopy(tokenizer)
    other.add_tokens(["a", "hel", pytxenc.AddedToken("the", single_word=True)])
    changed = ids_of(other, random_texts)
    assert changed != expected
    assert ids_of(tokenizer, random_texts) == expected
    assert ids_of(other, random_texts) == changed == ids_of(fresh_copy(other), random_texts)


def test_splitting_special_tokens_is_of_the_call(twins, random_texts):
    tokenizer, fresh = twins[0], fresh_copy(twins[0])
    split = ids_of(fresh, random_texts, split_special_tokens=True)
    whole = ids_of(fresh, random_texts)
    for _ in range(2):
        assert ids_of(tokenizer, random_texts) == whole
        assert ids_of(tokenizer, random_texts, split_special_tokens=True) == split


def test_one_and_two_threads_agree(twins, short_texts, threads):
    results = []
    for count in (1, 2, 3):
        threads(count)
        tokenizer = fresh_copy(twins[0])
        results.append(
            [plain(tokenizer(short_texts, verbose=False, **settings)) for settings in SETTINGS]
        )
    assert results[0] == results[1] == results[2]


def test_eight_threads_each_with_its_own_settings(twins, short_texts, threads):
    threads(2)
    tokenizer = fresh_copy(twins[0])
    batches = [short_texts[i : i + 15] for i in range(0, 120, 15)]
    reference = fresh_copy(twins[0])
    expected = [
        [plain(reference(batch, verbose=False, **settings)) for batch in batches]
        for settings in SETTINGS
    ]

    def work(number):
        rng = random.Random(number)
        wrong = []
        for _ in range(24):
            i = rng.randrange(len(batches))
            got = plain(tokenizer(batches[i], verbose=False, **SETTINGS[number]))
            if got != expected[number][i]:
                wrong.append((number, i))
            one = rng.choice(batches[i])
            if ids_of(tokenizer, one) != ids_of(reference, one):
                wrong.append(one)
        return wrong

    with ThreadPoolExecutor(8) as pool:
        assert not any(pool.map(work, range(8)))
