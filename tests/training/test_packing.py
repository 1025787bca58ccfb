"""Packing of a corpus: what the papers' rules say of every sample."""

import itertools
import pickle

import numpy as np
import pretraining_corpora as corpora
import pytest
from pretraining_corpora import CLS, PAD, SEP, tokens

import pytxenc
from pytxenc import PretrainingDataset, _core

RUNS = ["full_sentences", "doc_sentences", "contiguous"]
PAIRS = ["segment_pair", "sentence_pair", "sop"]


class Sample:
    """A corpus of words that occur once, so that ids tell where they are from."""

    def __init__(self, folder, lengths, **options):
        documents, words = corpora.distinct(lengths)
        self.words = words
        self.tokenizer = corpora.bert_tokenizer(words)
        self.corpus = corpora.write(folder, self.tokenizer, documents, **options)
        sizes = [sum(lines) for lines in lengths]
        self.document = np.repeat(np.arange(len(lengths)), sizes)  # of each word
        flat = [length for lines in lengths for length in lines]
        self.line = np.repeat(np.arange(len(flat)), flat)

    def dataset(self, **options):
        return PretrainingDataset(self.corpus, self.tokenizer, masking=None, **options)


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """Three hundred documents of one to twelve lines of one to twenty words."""
    return Sample(tmp_path_factory.mktemp("many"), corpora.random_lengths(0, 300))


def rows(dataset):
    return [dataset[i]["input_ids"].tolist() for i in range(len(dataset))]


def segments(sample):
    """The words of A and of B."""
    ids = sample["input_ids"]
    cut = int(np.flatnonzero(ids == SEP)[0])
    assert ids[0] == CLS and ids[-1] == SEP and (ids == SEP).sum() == 2
    assert (sample["token_type_ids"] == (np.arange(len(ids)) > cut)).all()
    return tokens(ids[:cut]), tokens(ids[cut:])


def consecutive(words):
    return words == list(range(words[0], words[0] + len(words)))


# ---- running text ----


def packed_by_hand(lengths, room, cross):
    """Greedy packing of lines: lists of pieces (document, words)."""
    samples, current, used, word = [], [], 0, 0
    for document, lines in enumerate(lengths):
        for length in lines:
            line = list(range(word, word + length))
            word += length
            while line:
                separator = bool(current) and current[-1][0] != document
                if used + separator + len(line) <= room:
                    piece, line = line, []
                elif current:
                    samples.append(current)
                    current, used = [], 0
                    continue
                else:
                    piece, line = line[:room], line[room:]
                current.append((document, piece))
                used += separator + len(piece)
        if not cross and current:
            samples.append(current)
            current, used = [], 0
    return samples + ([current] if current else [])


def as_ids(sample):
    """The ids of pieces, with a separator between documents."""
    ids = [CLS]
    for index, (document, words) in enumerate(sample):
        if index and sample[index - 1][0] != document:
            ids.append(SEP)
        ids += [word + corpora.FIRST for word in words]
    return [*ids, SEP]


@pytest.mark.parametrize("block_size", [3, 7, 16, 33, 500])
@pytest.mark.parametrize("packing", ["full_sentences", "doc_sentences"])
def test_whole_lines(tmp_path, packing, block_size):
    lengths = corpora.random_lengths(1, 40)
    sample = Sample(tmp_path, lengths)
    expected = packed_by_hand(lengths, block_size - 2, packing == "full_sentences")
    dataset = sample.dataset(packing=packing, block_size=block_size)
    assert rows(dataset) == [as_ids(s) for s in expected]
    assert dataset.lengths.tolist() == [len(as_ids(s)) for s in expected]


def test_contiguous_blocks(tmp_path):
    sample = Sample(tmp_path, [[3], [2, 2], [1], [9]])
    dataset = sample.dataset(packing="contiguous", block_size=6)
    w = [i + corpora.FIRST for i in range(17)]
    # A separator at the end of a block would separate nothing.
    assert rows(dataset) == [
        [CLS, *w[:3], SEP],
        [CLS, *w[3:7], SEP],
        [CLS, w[7], SEP, *w[8:10], SEP],
        [CLS, *w[10:14], SEP],
        [CLS, *w[14:], SEP],
    ]


def test_separators_after_lines(tmp_path):
    """fairseq's form: each line ends with one, and so does the empty line after a document."""
    sample = Sample(tmp_path, [[2, 1], [1], [4]])
    w = [i + corpora.FIRST for i in range(8)]
    dataset = sample.dataset(line_separators=True, block_size=9)
    assert rows(dataset) == [[CLS, *w[:2], SEP, w[2], SEP, SEP, w[3], SEP], [CLS, *w[4:], SEP]]
    dataset = sample.dataset(line_separators=True, block_size=9, packing="doc_sentences")
    assert rows(dataset) == [[CLS, *w[:2], SEP, w[2], SEP], [CLS, w[3], SEP], [CLS, *w[4:], SEP]]


@pytest.mark.parametrize("repack", [False, True])
@pytest.mark.parametrize("block_size", [5, 32, 1 << 31])
@pytest.mark.parametrize("packing", RUNS)
def test_every_epoch_has_every_token_once(many, packing, block_size, repack):
    block_size = min(block_size, (1 << 31) - 1)
    dataset = many.dataset(packing=packing, block_size=block_size, repack=repack, seed=3)
    orders = []
    for epoch in range(3):
        dataset.set_epoch(epoch)
        seen = [word for row in rows(dataset) for word in tokens(row)]
        assert sorted(seen) == list(range(many.words))
        orders.append(seen)
        assert dataset.lengths.max() <= block_size
        if packing == "doc_sentences":
            for row in rows(dataset):
                assert len(set(many.document[tokens(row)])) == 1
    assert (orders[0] == orders[1]) == (not repack)
    assert (orders[1] == orders[2]) == (not repack)
    dataset.set_epoch(1)
    assert [w for row in rows(dataset) for w in tokens(row)] == orders[1]


def test_separators_are_where_documents_change(many):
    for row in rows(many.dataset(block_size=64)):
        inner = row[1:-1]
        for before, after in itertools.pairwise(inner):
            if before == SEP or after == SEP:
                assert before != after
            else:
                pair = tokens([before, after])
                assert many.document[pair[0]] == many.document[pair[1]]


# ---- pairs ----


def test_sentence_order(many):
    dataset = many.dataset(packing="sop", block_size=64, seed=1)
    labels = []
    for sample in dataset:
        a, b = segments(sample)
        assert consecutive(a) and consecutive(b) and len(a) + len(b) <= 61
        assert len(set(many.document[a + b])) == 1, "a pair crosses documents"
        label = sample["sentence_order_label"]
        labels.append(label)
        first, second = (b, a) if label else (a, b)
        assert first[-1] < second[0]
        if len(a) + len(b) < 61:  # nothing was cut off
            assert first[-1] + 1 == second[0]
            assert many.line[first[-1]] != many.line[second[0]]
    assert len(labels) > 250 and set(labels) == {0, 1}
    count = np.bincount(labels)
    assert corpora.chi_squared(count, [len(labels) / 2] * 2) < 1


def test_next_segment(many):
    dataset = many.dataset(packing="segment_pair", block_size=64, seed=1)
    labels = []
    for sample in dataset:
        a, b = segments(sample)
        assert consecutive(a) and consecutive(b) and len(a) + len(b) <= 61
        labels.append(sample["next_sentence_label"])
        same = many.document[a[0]] == many.document[b[0]]
        assert same == (labels[-1] == 0)
        if same and len(a) + len(b) < 61:
            assert b[0] == a[-1] + 1
        assert len(set(many.document[a])) == len(set(many.document[b])) == 1
    assert corpora.chi_squared(np.bincount(labels), [len(labels) / 2] * 2) < 1


def test_next_sentence(many):
    dataset = many.dataset(packing="sentence_pair", block_size=64, seed=1)
    labels, sources = [], np.zeros(300)
    for sample in dataset:
        a, b = segments(sample)
        labels.append(sample["next_sentence_label"])
        lines = set(many.line[a]), set(many.line[b])
        assert len(lines[0]) == len(lines[1]) == 1  # whole sentences: all are short enough
        for part in (a, b):
            assert len(part) == (many.line == many.line[part[0]]).sum()
        if labels[-1]:
            assert many.document[a[0]] != many.document[b[0]]
            sources[many.document[b[0]]] += 1
        else:
            assert b[0] == a[-1] + 1 and many.document[a[0]] == many.document[b[0]]
    assert corpora.chi_squared(np.bincount(labels), [len(labels) / 2] * 2) < 1
    parts = sources.reshape(10, 30).sum(1)  # any document is as likely
    assert corpora.chi_squared(parts, [sources.sum() / 10] * 10) < 1


def test_both_ends_are_cut(tmp_path):
    """A long sentence is A or B; what is left of it begins anywhere, by as many coins."""
    sample = Sample(tmp_path, [[3, 100]] * 400)
    dataset = sample.dataset(packing="sop", block_size=53, short_seq_prob=0)
    starts = []
    for features in dataset:
        a, b = segments(features)
        longer, shorter = (a, b) if len(a) > len(b) else (b, a)
        assert len(longer) == 47 and len(shorter) == 3  # only the longer side is cut
        starts.append(longer[0] % 103 - 3)
    starts = np.array(starts)  # binomial: 53 coins
    assert len(starts) == 400
    assert abs(starts.mean() - 26.5) < 4 * np.sqrt(53 / 4 / 400)
    assert abs(starts.var() - 53 / 4) < 4


def test_target_lengths(tmp_path):
    """Short documents of one-word sentences: a chunk has exactly the target length."""
    sample = Sample(tmp_path, [[1] * 60] * 500)
    for prob in (0.0, 0.1, 1.0):
        dataset = sample.dataset(packing="sop", block_size=33, short_seq_prob=prob)
        firsts = {}
        for features in dataset:
            a, b = segments(features)
            firsts.setdefault(document_of(sample, a), len(a) + len(b))
        targets = np.array(list(firsts.values()))
        assert len(targets) == 500 and targets.min() >= 2 and targets.max() == 30
        if prob == 0:
            assert (targets == 30).all()
        elif prob == 1:  # uniform from 2 to 30
            counts = np.bincount(targets, minlength=31)[2:]
            assert corpora.chi_squared(counts, [500 / 29] * 29) < 1
        else:
            assert 25 < (targets < 30).sum() < 75


def document_of(sample, words):
    return int(sample.document[words[0]])


def test_split_point_is_uniform(tmp_path):
    sample = Sample(tmp_path, [[1] * 7] * 2000)
    dataset = sample.dataset(packing="sop", block_size=64, short_seq_prob=0)
    sizes = []
    for features in dataset:
        a, b = segments(features)
        assert sorted(a + b) == list(range(min(a + b), min(a + b) + 7))
        sizes.append(len(b) if features["sentence_order_label"] else len(a))
    assert corpora.chi_squared(np.bincount(sizes)[1:], [2000 / 6] * 6) < 1


@pytest.mark.parametrize("packing", ["sop", "segment_pair"])
def test_segments_of_one_sentence(tmp_path, packing):
    sample = Sample(tmp_path, [[5]] * 50 + [[3, 4]])
    name = "sentence_order_label" if packing == "sop" else "next_sentence_label"
    options = dict(packing=packing, block_size=32, short_seq_prob=0)
    dataset = sample.dataset(**options)
    assert len(dataset) == 1  # the others have nothing to pair with
    dataset = sample.dataset(**options, reference_quirk=True)
    kept = list(dataset)
    assert len(kept) >= 51
    for features in kept[:50]:
        a, b = segments(features)
        assert features[name] == 1 and document_of(sample, a) != document_of(sample, b)


@pytest.mark.parametrize("packing", PAIRS)
def test_new_pairs_in_each_epoch(many, packing):
    dataset = many.dataset(packing=packing, block_size=64, repack=True, static_duplicates=2)
    epochs = []
    for epoch in range(4):
        dataset.set_epoch(epoch)
        epochs.append(rows(dataset))
    assert epochs[0] != epochs[1]
    assert epochs[0] == epochs[2] and epochs[1] == epochs[3]
    fixed = many.dataset(packing=packing, block_size=64)
    first = rows(fixed)
    fixed.set_epoch(5)
    assert rows(fixed) == first == epochs[0]
    assert rows(many.dataset(packing=packing, block_size=64, seed=1)) != first


# ---- special tokens ----


def test_pairs_of_roberta(tmp_path):
    tokenizer = corpora.roberta_tokenizer()
    corpus = corpora.write(tmp_path, tokenizer, [["a b", "b a"]])
    dataset = PretrainingDataset(corpus, tokenizer, packing="sop", masking=None, block_size=32)
    sample = dataset[0]
    first, second = tokenizer("a b")["input_ids"][1:-1], tokenizer("b a")["input_ids"][1:-1]
    if sample["sentence_order_label"]:
        first, second = second, first
    expected = tokenizer.build_inputs_with_special_tokens(first, second)
    assert tokenizer.decode(expected).count("</s>") == 3
    assert sample["input_ids"].tolist() == expected
    assert not sample["token_type_ids"].any()


def test_batches_are_padded(many):
    dataset = many.dataset(packing="segment_pair", block_size=40, pad_to_multiple_of=16)
    indices = [5, 0, 7, 5]
    batch = dataset.batch(indices)
    assert set(batch) == {
        "input_ids",
        "attention_mask",
        "token_type_ids",
        "next_sentence_label",
    }
    assert batch["input_ids"].dtype == batch["token_type_ids"].dtype == np.int64
    assert batch["attention_mask"].dtype == np.bool_
    width = int(dataset.lengths[indices].max())
    assert batch["input_ids"].shape == (4, width + -width % 16)
    for row, index in enumerate(indices):
        sample, n = dataset[index], dataset.lengths[index]
        assert (batch["input_ids"][row, :n] == sample["input_ids"]).all()
        assert (batch["input_ids"][row, n:] == PAD).all()
        assert (batch["token_type_ids"][row, :n] == sample["token_type_ids"]).all()
        assert not batch["token_type_ids"][row, n:].any()
        attended = np.arange(batch["input_ids"].shape[1]) < n
        assert (batch["attention_mask"][row] == attended).all()
        assert batch["next_sentence_label"][row] == sample["next_sentence_label"]


def test_sequence(many):
    dataset = many.dataset(block_size=64)
    assert len(dataset.lengths) == len(dataset)
    assert dataset[-1]["input_ids"].tolist() == rows(dataset)[-1]
    assert [s["input_ids"].tolist() for s in dataset[2:4]] == rows(dataset)[2:4]
    for wrong in (len(dataset), -len(dataset) - 1):
        with pytest.raises(IndexError, match=f"data set of {len(dataset)}"):
            dataset[wrong]
    for wrong in ([len(dataset)], [-1], [0, 10**12]):
        with pytest.raises(IndexError, match=f"data set of {len(dataset)}"):
            dataset.batch(wrong)
    with pytest.raises(ValueError, match="indices of samples"):
        dataset.batch([])
    with pytest.raises(TypeError, match="integers"):
        dataset.batch([0.5])
    shorter = dataset.with_block_size(16)
    assert shorter.block_size == 16 and shorter.lengths.max() <= 16
    assert rows(shorter) == rows(many.dataset(block_size=16))


def test_pickle(many):
    dataset = many.dataset(packing="sop", block_size=64, repack=True, seed=4)
    dataset.set_epoch(2)
    copy = pickle.loads(pickle.dumps(dataset))
    assert rows(copy) == rows(dataset)
    assert len(pickle.dumps(dataset)) < dataset.corpus.ids.nbytes * 20


def test_wide_ids(tmp_path):
    lengths = corpora.random_lengths(2, 20)
    narrow = Sample(tmp_path / "16", lengths)
    wide = Sample(tmp_path / "32", lengths, dtype="uint32")
    assert wide.corpus.ids.dtype == np.uint32 and narrow.corpus.ids.dtype == np.uint16
    for packing in RUNS + PAIRS:
        options = dict(packing=packing, block_size=24)
        assert rows(wide.dataset(**options)) == rows(narrow.dataset(**options))


# ---- odd corpora ----


def test_empty_lines_and_documents(tmp_path):
    tokenizer = corpora.bert_tokenizer(10)
    silent = "\u200b"  # the tokenizer makes nothing of it
    documents = [[silent], ["w0", silent, "w1 w2"], [silent, silent], ["w3", "w4"], [silent]]
    corpus = corpora.write(tmp_path, tokenizer, documents)
    assert len(corpus) == 5 and len(corpus.ids) == 5
    build = lambda **o: PretrainingDataset(corpus, tokenizer, masking=None, **o)  # noqa: E731
    assert [tokens(r) for r in rows(build(packing="doc_sentences"))] == [[0, 1, 2], [3, 4]]
    assert [tokens(r) for r in rows(build(packing="full_sentences"))] == [[0, 1, 2, 3, 4]]
    assert [tokens(r) for r in rows(build(packing="contiguous", block_size=5))] == [
        [0, 1, 2],
        [3, 4],
    ]
    assert [sorted(tokens(r)) for r in rows(build(packing="sop"))] == [[0, 1, 2], [3, 4]]
    assert len(build(packing="segment_pair")) >= 2


@pytest.mark.parametrize("packing", RUNS + PAIRS)
def test_nothing_at_all(tmp_path, packing):
    tokenizer = corpora.bert_tokenizer(3)
    dataset = PretrainingDataset(corpora.write(tmp_path, tokenizer, []), tokenizer, packing=packing)
    assert len(dataset) == 0 and dataset.lengths.tolist() == []


@pytest.mark.parametrize("packing", ["segment_pair", "sentence_pair"])
def test_one_document_has_no_others(tmp_path, packing):
    sample = Sample(tmp_path, [[3, 4, 5]])
    with pytest.raises(ValueError, match="other documents"):
        sample.dataset(packing=packing)
    assert len(sample.dataset(packing="sop")) == 1


def test_wrong_corpora(tmp_path, many):
    other = corpora.bert_tokenizer(many.words + 1)
    with pytest.raises(ValueError, match="another tokenizer"):
        PretrainingDataset(many.corpus, other)
    sample = Sample(tmp_path / "a", [[3], [4]])
    with pytest.raises(ValueError, match="split_sentences"):
        sample.dataset(packing="sop")
    sample = Sample(tmp_path / "b", [[3], [4]], keep_lines=False)
    with pytest.raises(ValueError, match="without lines"):
        sample.dataset(packing="full_sentences")
    assert len(sample.dataset(packing="contiguous")) == 1
    sample = Sample(tmp_path / "c", [[3], [4]], add_special_tokens=True)
    with pytest.raises(ValueError, match="add_special_tokens"):
        sample.dataset()
    with pytest.raises(FileNotFoundError):
        PretrainingDataset(tmp_path / "none", other)


@pytest.mark.parametrize("packing", ["full_sentences", "sop"])
@pytest.mark.parametrize("size", [-1, 0, 1, 2, 1 << 31, 1 << 63, 1 << 200])
def test_block_sizes_out_of_range(many, packing, size):
    with pytest.raises(ValueError, match="block_size must be from"):
        many.dataset(packing=packing, block_size=size)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"block_size": 12.0}, TypeError),
        ({"block_size": True}, TypeError),
        ({"packing": "sentences"}, ValueError),
        ({"packing": None}, ValueError),
        ({"short_seq_prob": 1.5}, ValueError),
        ({"short_seq_prob": float("nan")}, ValueError),
        ({"short_seq_prob": "0.1"}, TypeError),
        ({"seed": -1}, ValueError),
        ({"seed": 1 << 64}, ValueError),
        ({"static_duplicates": -1}, ValueError),
        ({"pad_to_multiple_of": 0}, ValueError),
    ],
)
def test_wrong_arguments(many, options, error):
    with pytest.raises(error, match=next(iter(options))):
        many.dataset(**options)
    with pytest.raises((ValueError, TypeError), match="epoch"):
        many.dataset().set_epoch(-1)


def test_smallest_blocks(many):
    dataset = many.dataset(block_size=3)
    assert len(dataset) == many.words
    dataset = many.dataset(packing="sop", block_size=5)
    assert {len(part) for sample in dataset for part in segments(sample)} == {1}


def test_the_core_checks_what_it_is_given(many):
    bounds, documents = np.array([0, 2, 5]), np.array([0, 1, 2])
    run = dict(
        room=4,
        cut_lines=False,
        cross_documents=True,
        line_separators=False,
        shuffle=False,
        seed=0,
        epoch=0,
    )
    pair = dict(kind="sop", room=4, short_prob=0.1, quirk=False, seed=0, epoch=0)
    for wrong in ([0, 2, 2], [2, 1, 5], [-1, 2, 5], []):
        with pytest.raises(ValueError, match="bounds"):
            _core.pack_runs(np.array(wrong, np.int64), documents, **run)
    for wrong in ([0, 1, 3], [0, 0, 2], [-1, 1, 2], []):
        with pytest.raises(ValueError, match="documents"):
            _core.pack_pairs(bounds, np.array(wrong, np.int64), **pair)
    with pytest.raises(ValueError, match="room"):
        _core.pack_runs(bounds, documents, **{**run, "room": 0})
    with pytest.raises(ValueError, match="room"):
        _core.pack_pairs(bounds, documents, **{**pair, "room": 1})
    with pytest.raises(ValueError, match="kind"):
        _core.pack_pairs(bounds, documents, **{**pair, "kind": "x"})
    good = dict(
        wide=False,
        starts=np.array([0, 1]),
        spans=np.array([[0, 3]]),
        rows=np.array([0]),
        width=5,
        parts=np.array([[-1, 2, 0], [0, 0, 0], [-1, 3, 0]]),
        pairs=False,
        separator=3,
        pad=0,
        flags=np.zeros(10, np.uint8),
        masking=None,
        seed=0,
        epoch=0,
    )
    ids = np.array([7, 8, 9], np.uint16)
    assert _core.make_batch(ids, **good)[0].tolist() == [[2, 7, 8, 9, 3]]
    for key, value in {
        "starts": np.array([0, 2]),
        "spans": np.array([[0, 4]]),
        "rows": np.array([1]),
        "width": 4,
        "pairs": True,
        "flags": np.zeros(9, np.uint8),
        "parts": np.array([[-1, 99, 0], [0, 0, 0]]),
    }.items():
        with pytest.raises(ValueError):
            _core.make_batch(ids, **{**good, key: value})
    for spans in ([[-1, 2]], [[2, 1]], [[0, 1 << 62]], [[-(1 << 62), 1 << 62]]):
        with pytest.raises(ValueError, match="sample 0"):
            _core.make_batch(ids, **{**good, "spans": np.array(spans)})
    with pytest.raises((ValueError, MemoryError)):
        _core.make_batch(ids, **{**good, "width": 1 << 62})


def test_ids_beyond_the_vocabulary(tmp_path):
    """A corpus whose ids.npy was changed since."""
    sample = Sample(tmp_path, [[3], [4]])
    path = tmp_path / "corpus" / "ids.npy"
    ids = np.load(path)
    ids[1] = 60000
    np.save(path, ids)
    dataset = PretrainingDataset(pytxenc.TokenCorpus(tmp_path / "corpus"), sample.tokenizer)
    with pytest.raises(ValueError, match="sample 0 has the id 60000"):
        dataset.batch([0])
