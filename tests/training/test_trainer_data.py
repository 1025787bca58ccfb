"""What the Trainer takes as data: every kind gives the same steps, in orders that seeds decide."""

import numpy as np
import pytest
from pretraining_corpora import CLS, PAD, SEP, bert_tokenizer, distinct, write
from trainer_cases import (
    arguments,
    losses,
    padded,
    parameters,
    sentences,
    tagged,
    tiny,
    trainer,
)

import pytxenc
from pytxenc.training.loader import ColumnFilter, StreamLoader, shortened


class Indexed:
    """A data set as torch has them."""

    def __init__(self, samples):
        self.samples = samples

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        if not 0 <= index < len(self):
            raise IndexError(index)
        return self.samples[index]


class Table(Indexed):
    """As `datasets.Dataset`: columns with names, and more of them than the model takes."""

    column_names = ("input_ids", "label", "text")

    def batch(self, batch_size):
        raise AssertionError("this is another table of batches, not one batch")

    def __getitem__(self, index):
        if isinstance(index, str):
            return [sample[index] for sample in self.samples]
        return {**super().__getitem__(index), "text": "some words"}


class Batches(Indexed):
    """A data set that makes its own batches, and has other samples in other epochs."""

    def set_epoch(self, epoch):
        self.epoch = epoch

    def batch(self, indices, epoch):
        assert self.epoch == epoch
        return padded([self.samples[i] for i in indices])


class Stream:
    """An iterable without a length."""

    def __init__(self, samples):
        self.samples = samples

    def __iter__(self):
        return iter(self.samples)


@pytest.mark.parametrize("kind", [Indexed, Table, Batches, Stream])
def test_every_kind_gives_the_same_steps(tmp_path, kind):
    samples = sentences(20)
    args = arguments(tmp_path, max_steps=7, gradient_accumulation_steps=2)
    plain = trainer(tiny(), args, samples, eval_dataset=samples)
    plain.train()
    collator = None if kind is Batches else padded
    other = trainer(
        tiny(), args, kind(samples), eval_dataset=kind(samples), data_collator=collator
    )  # fmt: skip
    other.train()
    assert losses(other) == losses(plain)
    assert other.evaluate()["eval_loss"] == plain.evaluate()["eval_loss"]
    if kind is not Stream:
        assert other.state.epoch == plain.state.epoch


def test_a_torch_loader_in_place_of_ours(tmp_path):
    import torch

    samples = sentences(20)
    args = arguments(tmp_path, num_train_epochs=2, gradient_accumulation_steps=2)

    def in_tensors(rows):
        return {key: torch.tensor(value) for key, value in padded(rows).items()}

    class Own(pytxenc.Trainer):
        def get_train_dataloader(self):
            return torch.utils.data.DataLoader(samples, 4, collate_fn=in_tensors)

    ours = trainer(tiny(), args, samples)
    ours.train()
    theirs = Own(tiny(), args, padded, samples)
    theirs.train()
    assert losses(theirs) == losses(ours)
    assert theirs.state.global_step == ours.state.global_step == 6


def test_the_default_collator(tmp_path):
    """Of equal lengths without a tokenizer, padded with one."""
    samples = sentences(8, shortest=6, longest=6)
    run = pytxenc.Trainer(tiny(), arguments(tmp_path, max_steps=2), train_dataset=samples)
    run.train()
    own = trainer(tiny(), arguments(tmp_path, max_steps=2), samples)
    own.train()
    assert losses(run) == pytest.approx(losses(own), rel=1e-6)
    ragged = pytxenc.Trainer(tiny(), arguments(tmp_path, max_steps=2), train_dataset=sentences(8))
    with pytest.raises(ValueError, match="input_ids"):
        ragged.train()


def test_a_tokenizer_pads_and_is_saved(tmp_path):
    vocabulary = tmp_path / "vocab.txt"
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"w{i}" for i in range(55))]
    vocabulary.write_text("\n".join(words) + "\n")
    tokenizer = pytxenc.BertTokenizer(str(vocabulary))
    samples = [
        {**tokenizer(f"w{i} w{i + 1} " * (1 + i % 3)), "label": i % 3} for i in range(8)
    ]  # fmt: skip
    args = arguments(tmp_path / "run", max_steps=2, save_strategy="steps", save_steps=2)
    run = pytxenc.Trainer(tiny(), args, train_dataset=samples, tokenizer=tokenizer)
    run.train()
    run.save_model()
    for folder in (tmp_path / "run", tmp_path / "run" / "checkpoint-2"):
        loaded = pytxenc.AutoTokenizer.from_pretrained(folder)
        assert loaded("w3 w4")["input_ids"] == tokenizer("w3 w4")["input_ids"]


def test_pretraining_data(tmp_path):
    """Our corpus files: packed, masked and batched in C, without a collator."""
    vocabulary = tmp_path / "vocab.txt"
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"w{i}" for i in range(55))]
    vocabulary.write_text("\n".join(words) + "\n")
    tokenizer = pytxenc.BertTokenizer(str(vocabulary))
    rng = np.random.default_rng(0)
    text = tmp_path / "text.txt"
    lines = [" ".join(f"w{i}" for i in rng.integers(0, 55, rng.integers(4, 9))) for _ in range(90)]
    documents = ["\n".join(lines[i : i + 9]) for i in range(0, 90, 9)]
    text.write_text("\n\n".join(documents) + "\n")
    corpus = pytxenc.encode_corpus(
        tokenizer, text, tmp_path / "corpus", add_special_tokens=False, keep_lines=True
    )
    for repack in (False, True):
        data = pytxenc.PretrainingDataset(
            corpus, tokenizer, block_size=24, packing="sop", repack=repack
        )
        args = arguments(tmp_path / "run", num_train_epochs=3, max_tokens_per_batch=120)
        found = []
        for _ in range(2):
            run = pytxenc.Trainer(
                tiny("AlbertForPreTraining"), args, train_dataset=data, eval_dataset=data
            )
            run.train()
            found.append([*losses(run), run.evaluate()["eval_loss"]])
        assert found[0] == found[1] and len(found[0]) > 6
        assert np.isfinite(found[0]).all() and 4 < found[0][0] < 6  # ln 60 + ln 2 is 4.8


def test_orders(tmp_path):
    """Every sample once an epoch; the order is data_seed's, not seed's, and new each epoch."""
    samples = sentences(20)

    def order(**fields):
        seen = []

        def collate(rows):
            seen.append([samples.index(row) for row in rows])
            return padded(rows)

        args = arguments(tmp_path, num_train_epochs=2, learning_rate=0.0, **fields)
        trainer(tiny(), args, samples, data_collator=collate).train()
        return seen

    plain = order(train_sampling_strategy="random", seed=3)
    assert plain == order(train_sampling_strategy="random", seed=9, data_seed=3)
    assert plain != order(train_sampling_strategy="random", seed=4)
    for epoch in (plain[:5], plain[5:]):
        assert sorted(i for batch in epoch for i in batch) == list(range(20))
    assert plain[:5] != plain[5:]
    grouped = order(train_sampling_strategy="group_by_length")
    lengths = [[len(samples[i]["input_ids"]) for i in batch] for batch in grouped[:5]]
    assert max(max(batch) - min(batch) for batch in lengths) <= 4
    assert sorted(i for batch in grouped[:5] for i in batch) == list(range(20))


def test_batches_by_tokens(tmp_path):
    samples, sizes = sentences(40), []

    def collate(rows):
        batch = padded(rows)
        sizes.append(batch["input_ids"].size)
        return batch

    args = arguments(
        tmp_path, num_train_epochs=1, max_tokens_per_batch=48, train_sampling_strategy="random"
    )
    run = trainer(tiny(), args, samples, data_collator=collate)
    run.train()
    assert max(sizes) <= 48 and len(sizes) == run.state.max_steps == run.state.global_step
    assert run.state.epoch == 1.0


def test_unused_fields_are_left_out(tmp_path):
    samples = [{**sample, "text": "words"} for sample in sentences(4)]
    names = []

    def collate(rows):
        names.append(sorted(rows[0]))
        return padded(rows)

    trainer(tiny(), arguments(tmp_path, max_steps=1), samples, data_collator=collate).train()
    args = arguments(tmp_path, max_steps=1, remove_unused_columns=False)
    trainer(tiny(), args, samples, data_collator=collate).train()
    assert names == [["input_ids", "label"], ["input_ids", "label", "text"]]
    only_text = [{"text": "words"}] * 4
    with pytest.raises(ValueError, match=r"fields \['text'\], none of which the model takes"):
        trainer(tiny(), arguments(tmp_path, max_steps=1), only_text).train()


def test_a_filter_keeps_labels_by_other_names():
    keep = ColumnFilter(tiny().forward, ["labels", "target"])
    sample = {"input_ids": [1], "label_ids": 1, "target": 2, "kwargs": 3, "text": ""}
    assert keep(sample) == {"input_ids": [1], "label_ids": 1, "target": 2}


def test_streams(tmp_path):
    samples = sentences(10)
    args = arguments(tmp_path, num_train_epochs=1)
    with pytest.raises(ValueError, match="max_steps must be set"):
        trainer(tiny(), args, Stream(samples)).train()
    args = arguments(tmp_path, max_steps=8)
    run = trainer(tiny(), args, Stream(samples))
    assert run.train().global_step == 8  # three steps an epoch
    once = trainer(tiny(), args, iter(samples))
    assert once.train().global_step == 3  # a generator has one epoch
    with pytest.raises(ValueError, match="gave no batch"):
        trainer(tiny(), args, Stream([])).train()
    with pytest.raises(TypeError, match="train_dataset must have __len__"):
        trainer(tiny(), args, 3).train()
    with pytest.raises(ValueError, match="has 0 samples"):
        trainer(tiny(), args, []).train()


def test_streams_are_shared_evenly():
    """Of several processes each has as many batches; what is left over is left out."""
    rows = [{"input_ids": [i], "label": 0} for i in range(11)]
    parts = [list(StreamLoader(rows, padded, 2, rank=rank, ranks=2)) for rank in range(2)]
    ids = [[batch["input_ids"].ravel().tolist() for batch in part] for part in parts]
    assert ids == [[[0, 1], [4, 5], [8, 9]], [[2, 3], [6, 7], [10]]]
    parts = [list(StreamLoader(rows, padded, 2, True, rank, 2)) for rank in range(2)]
    assert [len(part) for part in parts] == [2, 2]


def test_streams_resume_where_they_were(tmp_path):
    samples = tagged(22)
    common = dict(max_steps=6, save_strategy="steps", save_steps=4)
    name = "BertForTokenClassification"
    whole = trainer(tiny(name, 0.1), arguments(tmp_path / "a", **common), Stream(samples))
    whole.train()
    again = trainer(tiny(name, 0.1, seed=3), arguments(tmp_path / "a", **common), Stream(samples))
    again.train(resume_from_checkpoint=tmp_path / "a" / "checkpoint-4")
    for key, value in parameters(whole.model).items():
        assert np.array_equal(value, parameters(again.model)[key]), key


def test_shortened_batches():
    ids = np.arange(20).reshape(2, 10)
    mask = np.ones((2, 10), np.int64)
    mask[1, 5:] = 0
    batch = {"input_ids": ids, "attention_mask": mask, "labels": ids}
    assert shortened(batch, 10) is batch
    short = shortened(batch, 4)
    assert short["input_ids"].tolist() == [
        [0, 1, 2, 3],
        [4, 5, 6, 7],
        [10, 11, 12, 13],
        [14, 15, 16, 17],
    ]
    assert short["labels"].tolist() == short["input_ids"].tolist()
    shorter = shortened(batch, 5)
    assert shorter["input_ids"].tolist() == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9], [10, 11, 12, 13, 14]]
    classified = shortened({**batch, "labels": np.array([0, 1])}, 4)
    assert classified["input_ids"].tolist() == [[0, 1, 2, 3], [10, 11, 12, 13]]
    assert classified["labels"].tolist() == [0, 1]


def test_the_length_grows(tmp_path):
    shapes = []

    class Watching(pytxenc.Trainer):
        def training_step(self, inputs, *others):
            shapes.append(inputs["input_ids"].shape)
            return super().training_step(inputs, *others)

    args = arguments(
        tmp_path, max_steps=4, length_curriculum=[(0.0, 4), (0.5, 8)],
        per_device_train_batch_size=2,
    )  # fmt: skip
    Watching(
        tiny("BertForTokenClassification"), args, padded,
        [{"input_ids": list(range(5, 13)), "labels": [1] * 8}] * 8,
    ).train()  # fmt: skip
    assert shapes == [(4, 4), (4, 4), (2, 8), (2, 8)]


def blocks(folder, block_size=32):
    """A data set that can be packed for any length: blocks of 300 words."""
    tokenizer = bert_tokenizer(300)
    corpus = write(folder, tokenizer, distinct([[5] * 12] * 5)[0])
    return pytxenc.PretrainingDataset(
        corpus, tokenizer, block_size=block_size, packing="contiguous"
    )


def growing(folder, dataset, stages, cls=pytxenc.Trainer, **changes):
    """A Trainer whose samples grow."""
    args = arguments(folder, length_curriculum=stages, **{"max_steps": 8, **changes})
    model = tiny("BertForMaskedLM", vocab_size=306)
    return cls(model, args, train_dataset=dataset, eval_dataset=dataset)


def test_packed_anew_for_the_length(tmp_path):
    """Every stage has blocks of its length with special tokens around each, and evaluates by it."""
    batches, evaluated = [], []

    class Watching(pytxenc.Trainer):
        def training_step(self, inputs, *others):
            batches.append(inputs["input_ids"])
            return super().training_step(inputs, *others)

        def get_eval_dataloader(self, *given):
            loader = super().get_eval_dataloader(*given)
            evaluated.append(loader.dataset.block_size)
            return loader

    trainer = growing(
        tmp_path / "run", blocks(tmp_path), [(0.0, 8), (0.5, 16), (0.75, 32)], Watching,
        per_device_train_batch_size=2, eval_strategy="steps", eval_steps=2,
    )  # fmt: skip
    trainer.train()
    trainer.evaluate()
    shapes = [batch.shape for batch in batches]
    assert shapes[:2] == [(8, 8)] * 2 and shapes[4:] == [(4, 16)] * 2 + [(2, 32)] * 2
    assert all((batch[:, 0] == CLS).all() for batch in batches)
    ends = [row[row != PAD][-1] for batch in batches for row in batch]
    assert set(ends) == {SEP}
    assert evaluated == [8, 8, 16, 32, 32]
    assert trainer.train_dataset.block_size == 32


def test_growing_through_all_epochs(tmp_path):
    """Stages end epochs, but a run by epochs has as many steps as epochs of whole samples have."""
    dataset = blocks(tmp_path)
    trainer = growing(
        tmp_path / "run", dataset, [(0.0, 8), (0.5, 32)], max_steps=-1, num_train_epochs=2,
        per_device_train_batch_size=1,
    )  # fmt: skip
    trainer.train()
    assert trainer.state.global_step == trainer.state.max_steps == 2 * len(dataset)
    last = [row for row in trainer.state.log_history if "loss" in row][-1]
    assert last["step"] == 2 * len(dataset) and last["learning_rate"] < 1e-2 / len(dataset)


def test_growing_by_the_clock(tmp_path):
    """The length follows the time that the learning rate follows."""
    lengths = []

    class Watching(pytxenc.Trainer):
        def progress(self):
            return min(1.0, self.state.global_step / 6)

        def training_step(self, inputs, *others):
            lengths.append(inputs["input_ids"].shape[1])
            return super().training_step(inputs, *others)

    trainer = growing(
        tmp_path / "run", blocks(tmp_path), [(0.0, 8), (0.5, 16)], Watching, max_steps=-1,
        max_train_seconds=1000.0,
    )  # fmt: skip

    class Stop(pytxenc.TrainerCallback):
        def on_step_end(self, args, state, control, **kwargs):
            control.should_training_stop = state.global_step == 6

    trainer.add_callback(Stop)
    trainer.train()
    assert lengths == [8] * 3 + [16] * 3


def test_evaluation_after_a_failure_is_of_whole_samples(tmp_path):
    class Failing(pytxenc.Trainer):
        def training_step(self, inputs, *others):
            raise RuntimeError("no")

    trainer = growing(tmp_path / "run", blocks(tmp_path), [(0.0, 8), (0.5, 32)], Failing)
    with pytest.raises(RuntimeError, match="no"):
        trainer.train()
    seen = []
    trainer.get_eval_dataloader = lambda data=None: seen.append(data) or []
    trainer.evaluate()
    assert seen == [None]


@pytest.mark.parametrize(
    ("block_size", "stages", "message"),
    [
        (32, [(0.0, 8), (0.5, 64)], "stage of 64 tokens, which is longer than the training data"),
        (128, [(0.0, 8), (0.5, 128)], "stage of 128 tokens, which is longer than what the model"),
    ],
)
def test_lengths_that_cannot_be(tmp_path, block_size, stages, message):
    trainer = growing(tmp_path / "run", blocks(tmp_path, block_size), stages)
    with pytest.raises(ValueError, match=message):
        trainer.train()


def test_resumed_where_a_stage_ended(tmp_path):
    """The epoch that a stage ends has its evaluation and its share of the average as ever."""

    class Stop(pytxenc.TrainerCallback):
        def on_step_end(self, args, state, control, **kwargs):
            control.should_save = control.should_training_stop = state.global_step == 4

    def run(folder, stop=False, resume=None):
        pytxenc.set_seed(3)
        trainer = growing(
            folder, dataset, [(0.0, 8), (0.5, 16)], eval_strategy="epoch", average_last=2,
        )  # fmt: skip
        if stop:
            trainer.add_callback(Stop)
        trainer.train(resume_from_checkpoint=resume)
        return trainer

    dataset = blocks(tmp_path)
    whole = run(tmp_path / "whole")
    run(tmp_path / "parts", stop=True)
    resumed = run(tmp_path / "parts", resume=True)
    np.testing.assert_array_equal(resumed.session.flat.values, whole.session.flat.values)
    for name, value in parameters(whole.model).items():
        np.testing.assert_array_equal(parameters(resumed.model)[name], value)
    evaluated = [
        [r["step"] for r in t.state.log_history if "eval_loss" in r] for t in (whole, resumed)
    ]
    assert evaluated[0] == evaluated[1] and 4 in evaluated[0]
