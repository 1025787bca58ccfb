"""Models, tokenizers and the rest shared by threads and processes, copied, pickled and freed."""

import copy
import gc
import multiprocessing
import os
import pickle
import subprocess
import sys
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from child_process import send_states

import pytxenc

SIZES = dict(
    vocab_size=40, hidden_size=12, num_hidden_layers=2, num_attention_heads=3,
    intermediate_size=20, max_position_embeddings=24, pad_token_id=0,
)  # fmt: skip
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefgh", *(f"##{c}" for c in "abcdefgh")]
TEXTS = ["a b c", "hgfe dcba", "c", "ab cd ef gh ab cd ef gh", "d e f g h a"]
IDS = np.array([[2, 6, 7, 8, 3], [2, 9, 3, 0, 0]])
MODELS = [
    name
    for name in pytxenc._EXPORTS["modeling"]
    if not name.startswith("Auto") and not name.endswith("PreTrainedModel")
]


def new_model(name, seed=0):
    pytxenc.set_seed(seed)
    cls = getattr(pytxenc, name)
    return cls(cls.config_class(**SIZES)).eval()


def new_tokenizer():
    return pytxenc.BertTokenizer({word: i for i, word in enumerate(WORDS)}, model_max_length=24)


def inputs_of(model):
    """Ids and mask for any model."""
    ids = IDS[None].repeat(2, 0) if "MultipleChoice" in type(model).__name__ else IDS
    return {"input_ids": ids, "attention_mask": (ids != 0).astype(np.int64)}


def outputs_of(model):
    """All that a call gives, as arrays by name."""
    outputs = model(**inputs_of(model), output_hidden_states=True, output_attentions=True)
    arrays = {}
    for name, value in outputs.items():
        for i, array in enumerate(value if isinstance(value, tuple) else (value,)):
            arrays[f"{name}.{i}"] = array
    return arrays


def assert_equal(ours, expected):
    assert list(ours) == list(expected)
    for name, value in expected.items():
        np.testing.assert_array_equal(ours[name], value, name)


# ---- threads ----


def encode_and_compute(model, tokenizer, settings):
    batch = tokenizer(TEXTS, return_tensors="np", **settings)
    outputs = model(**batch)
    arrays = {f"call.{name}": value for name, value in outputs.items()}
    if isinstance(model, pytxenc.BertModel):
        for pooling in ("mean", "cls", "max", "last"):
            arrays[pooling] = model.embed(batch["input_ids"], batch["attention_mask"],
                                          pooling=pooling, normalize=True)  # fmt: skip
    if isinstance(model, pytxenc.BertForMaskedLM):
        arrays["logits_at"] = model.logits_at(batch["input_ids"] == 7, batch["input_ids"],
                                              batch["attention_mask"])  # fmt: skip
    return arrays


@pytest.mark.parametrize(
    "name", ["BertModel", "BertForMaskedLM", "BertForSequenceClassification",
             "BertForTokenClassification", "BertForQuestionAnswering"],
)  # fmt: skip
def test_threads_get_what_one_thread_gets(name):
    model, tokenizer = new_model(name), new_tokenizer()
    settings = [
        {"padding": True},
        {"padding": "max_length", "max_length": 20},
        {"padding": True, "truncation": True, "max_length": 5},
        {"padding": True, "padding_side": "left", "truncation": True, "max_length": 6},
        {"padding": True, "pad_to_multiple_of": 8},
        {"padding": True, "add_special_tokens": False},
        {"padding": True, "truncation": "only_first", "max_length": 9},
        {"padding": "max_length", "truncation": True, "max_length": 4},
    ]
    expected = [encode_and_compute(model, tokenizer, s) for s in settings]

    def work(number):
        for i in range(number, number + 16):
            got = encode_and_compute(model, tokenizer, settings[i % 8])
            assert list(got) == list(expected[i % 8])
            for key, value in expected[i % 8].items():
                # Products of matrices may be cut differently where threads share a pool.
                np.testing.assert_allclose(got[key], value, rtol=0, atol=1e-6)
        return True

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(8)))


# ---- processes ----


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_processes_compute_what_their_parent_does(method):
    model, tokenizer = new_model("BertModel"), new_tokenizer()
    before = model(**tokenizer(TEXTS, padding=True, return_tensors="np")).last_hidden_state
    context = multiprocessing.get_context(method)
    jobs = []
    for _ in range(2):
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=send_states, args=(theirs, model, tokenizer, TEXTS))
        process.start()
        theirs.close()
        jobs.append((process, ours))
    after = model(**tokenizer(TEXTS, padding=True, return_tensors="np")).last_hidden_state
    np.testing.assert_array_equal(after, before)
    for process, ours in jobs:
        assert ours.poll(120), f"a process started by {method} gave nothing"
        np.testing.assert_allclose(ours.recv(), before, rtol=0, atol=1e-6)
        process.join(60)
        assert process.exitcode == 0


FORK = """
import os, sys, zlib
import numpy as np
import pytxenc

def compute():
    pytxenc.set_seed(0)
    config = pytxenc.BertConfig(vocab_size=40, hidden_size=48, num_hidden_layers=2,
                                num_attention_heads=3, intermediate_size=96)
    model = pytxenc.BertModel(config)
    return model(np.arange(1, 33).reshape(8, 4) % 40).last_hidden_state.tobytes()

if sys.argv[1] == "computing":  # with threads that the child does not have
    pytxenc.set_num_threads(4)
    compute()
child = os.fork()
result = compute()
if child == 0:
    os.write(1, b"%d\\n" % zlib.crc32(result))
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
grandchild = os.fork()
if grandchild == 0:
    os._exit(0 if compute() == result else 1)
assert os.waitpid(grandchild, 0)[1] == 0
assert compute() == result
print(zlib.crc32(result))
"""


@pytest.mark.parametrize("after", ["import", "computing"])
def test_fork(after):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORK, after],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    child, parent = done.stdout.split()
    assert child == parent


def test_a_fork_while_threads_compute():
    """The child has one thread, whatever the others of its parent were about to do."""
    model = new_model("BertModel")
    expected = outputs_of(model)
    stop = []

    def work(_):
        while not stop:
            outputs_of(model)

    with ThreadPoolExecutor(3) as pool:
        running = [pool.submit(work, i) for i in range(3)]
        codes = []
        for _ in range(5):
            child = os.fork()
            if child == 0:
                same = all(np.allclose(v, expected[k], rtol=0, atol=1e-6)
                           for k, v in outputs_of(model).items())  # fmt: skip
                os._exit(0 if same else 1)
            codes.append(os.waitpid(child, 0)[1])
        stop.append(True)
        for future in running:
            future.result()
    assert codes == [0] * 5


# ---- copies and pickles ----

COPIES = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    **{f"pickle {p}": (lambda o, p=p: pickle.loads(pickle.dumps(o, p)))
       for p in (2, pickle.HIGHEST_PROTOCOL)},
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_copies_of_models(name):
    model = new_model(name)
    expected, weights = outputs_of(model), {n: v.copy() for n, v in model.state_dict().items()}
    for how, copied in COPIES.items():
        other = copied(model)
        assert type(other) is type(model) and other.config == model.config, how
        assert other.training is model.training
        assert_equal(outputs_of(other), expected)
        tied = [a is b for a in model.state_dict().values() for b in model.state_dict().values()]
        assert tied == [
            a is b for a in other.state_dict().values() for b in other.state_dict().values()
        ]
        # What is done to a copy does not reach the model.
        other.load_state_dict({n: v + 1 for n, v in weights.items()})
        assert_equal(outputs_of(model), expected)
        if how != "copy":
            assert other.config is not model.config
            other.resize_token_embeddings(50)
            other.train()
            assert model.config.vocab_size == 40 and not model.training
            assert_equal(model.state_dict(), weights)


def test_a_deep_copy_has_its_own_weights():
    model = new_model("BertModel")
    other = copy.deepcopy(model)
    assert not any(np.shares_memory(a, b) for a, b in
                   zip(model.parameters(), other.parameters(), strict=True))  # fmt: skip


@pytest.mark.parametrize("how", COPIES)
def test_copies_of_configurations(how):
    config = pytxenc.RobertaConfig(
        **SIZES, id2label={0: "no", 1: "yes"}, architectures=["X"], own_field={"a": [1]}
    )
    other = COPIES[how](config)
    assert type(other) is type(config) and other == config and repr(other) == repr(config)
    assert other.own_field == {"a": [1]}
    other.hidden_size = 24
    assert config.hidden_size == 12
    if how != "copy":
        other.id2label[0] = other.own_field["a"] = "changed"
        assert config.id2label[0] == "no" and config.own_field == {"a": [1]}


@pytest.mark.parametrize("how", COPIES)
def test_copies_of_outputs(how):
    outputs = new_model("BertModel")(IDS, output_hidden_states=True)
    other = COPIES[how](outputs)
    assert type(other) is type(outputs) and list(other) == list(outputs)
    np.testing.assert_array_equal(other.pooler_output, outputs.pooler_output)
    assert len(other.hidden_states) == 3 and other.attentions is None
    other.pooler_output = None
    assert outputs.pooler_output is not None
    if how != "copy":
        other.last_hidden_state[:] = 7
        assert not (outputs.last_hidden_state == 7).any()


@pytest.mark.parametrize("how", COPIES)
def test_copies_of_tokenizers_and_encodings(how):
    tokenizer = new_tokenizer()
    tokenizer.add_tokens(["zzz"])
    expected = tokenizer(TEXTS, padding=True)
    other = COPIES[how](tokenizer)
    assert type(other) is type(tokenizer) and repr(other) == repr(tokenizer)
    assert other(TEXTS, padding=True) == expected
    other.add_tokens(["yyy"])
    other.padding_side = "left"
    assert len(tokenizer) == len(other) - 1 and tokenizer.padding_side == "right"
    assert tokenizer(TEXTS, padding=True) == expected
    encoding = COPIES[how](expected)
    assert encoding == expected and encoding.tokens(1) == expected.tokens(1)
    assert encoding.word_ids(0) == expected.word_ids(0)
    token = COPIES[how](pytxenc.AddedToken("x", lstrip=True))
    assert token == pytxenc.AddedToken("x", lstrip=True)
    light = COPIES[how](pytxenc.Tensor(IDS))
    assert type(light) is pytxenc.Tensor and (light.numpy() == IDS).all()


def test_other_parts_are_pickled():
    model = new_model("BertForMaskedLM")
    table = pickle.loads(pickle.dumps(model.get_input_embeddings()))
    np.testing.assert_array_equal(table.weight, model.get_input_embeddings().weight)
    linear = copy.deepcopy(model.get_output_embeddings())
    np.testing.assert_array_equal(linear.weight, model.get_output_embeddings().weight)
    base = pickle.loads(pickle.dumps(model.base_model))
    assert_equal(outputs_of(base), outputs_of(model.base_model))


# ---- what is no longer used ----


def test_weights_are_freed_with_their_model():
    model = new_model("BertForMaskedLM")
    outputs = outputs_of(model)
    arrays = [weakref.ref(v) for v in model.parameters()]
    watched = weakref.ref(model)
    base = model.base_model
    del model
    gc.collect()
    assert watched() is None and any(ref() is not None for ref in arrays)
    del base
    gc.collect()
    assert not any(ref() is not None for ref in arrays)
    assert outputs["logits.0"].shape == (2, 5, 40)


def test_replaced_weights_are_freed():
    model = new_model("BertModel")
    array = weakref.ref(next(model.parameters()))
    model.load_state_dict(new_model("BertModel", seed=1).state_dict())
    gc.collect()
    assert array() is None


def test_models_in_cycles_and_tokenizers_are_freed():
    model, tokenizer = new_model("BertModel"), new_tokenizer()
    model.itself, tokenizer.itself = model, tokenizer
    watched = [weakref.ref(model), weakref.ref(tokenizer), weakref.ref(next(model.parameters()))]
    del model, tokenizer
    gc.collect()
    assert [ref() for ref in watched] == [None] * 3


def test_loading_and_saving_leave_nothing(tmp_path):
    new_model("BertModel").save_pretrained(tmp_path)
    model = pytxenc.BertModel.from_pretrained(tmp_path)
    array = weakref.ref(next(model.parameters()))
    maps = Path("/proc/self/maps")
    assert str(tmp_path) in maps.read_text()
    model.save_pretrained(tmp_path / "again")
    del model
    gc.collect()
    assert array() is None
    assert str(tmp_path) not in maps.read_text()
