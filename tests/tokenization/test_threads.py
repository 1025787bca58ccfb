"""One tokenizer called from many threads, each with its own settings."""

from concurrent.futures import ThreadPoolExecutor

TEXTS = ["hello the dog is cute", "unable", "world " * 20, "", "9,999 play dog's"]
SETTINGS = [
    {},
    {"truncation": True, "max_length": 5},
    {"truncation": True, "max_length": 8, "stride": 1, "return_overflowing_tokens": True},
    {"padding": True},
    {"padding": "max_length", "max_length": 30, "padding_side": "left"},
    {"split_special_tokens": True, "return_offsets_mapping": True},
    {"add_special_tokens": False, "return_token_type_ids": True},
    {"padding": True, "pad_to_multiple_of": 16, "return_special_tokens_mask": True},
]


def outcome(tokenizer, settings):
    got = tokenizer(TEXTS, TEXTS[::-1], verbose=False, **settings)
    return dict(got), [encoding.word_ids for encoding in got.encodings]


def test_settings_do_not_mix(ours):
    expected = [outcome(ours, settings) for settings in SETTINGS]

    def work(number):
        return [
            outcome(ours, SETTINGS[i % len(SETTINGS)]) == expected[i % len(SETTINGS)]
            for i in range(number, number + 40)
        ]

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(work, range(8)))
    assert all(map(all, results))


def test_adding_tokens_while_others_call(made_up):
    from pytxenc.tokenization import BertTokenizer

    tokenizer = BertTokenizer.from_pretrained(made_up["bert"])
    before = tokenizer("hello the dog")

    def work(number):
        if number % 4 == 0:
            return [tokenizer.add_tokens([f"new{number}x{i}"]) == 1 for i in range(20)]
        return [tokenizer("hello the dog") == before for _ in range(100)]

    with ThreadPoolExecutor(8) as pool:
        assert all(map(all, pool.map(work, range(8))))
