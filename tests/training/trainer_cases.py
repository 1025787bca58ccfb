"""Tiny models, data and arguments for the tests of the Trainer, and the same models in torch."""

import numpy as np

import pytxenc

SIZES = dict(
    vocab_size=60, hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
    intermediate_size=32, max_position_embeddings=40, num_labels=3,
)  # fmt: skip


def tiny(name="BertForSequenceClassification", dropout=0.0, seed=0, **changes):
    """A model of two layers with the same weights every time."""
    family = next(f for f in ("Bert", "Roberta", "Albert") if name.startswith(f))
    rates = dict(hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout)
    if family == "Albert":
        rates |= dict(classifier_dropout_prob=dropout, embedding_size=8)
    config = getattr(pytxenc, f"{family}Config")(**{**SIZES, **rates, **changes})
    pytxenc.set_seed(seed)
    return getattr(pytxenc, name)(config)


def in_torch(model):
    """transformers' model with the weights of ours, and without dropout."""
    import torch
    import transformers

    names = {"model_type", "architectures", "dtype", "torch_dtype", "transformers_version"}
    fields = {k: v for k, v in model.config.to_dict().items() if k not in names}
    config = transformers.AutoConfig.for_model(model.config.model_type, **fields)
    cls = getattr(transformers, type(model).__name__)
    theirs = cls._from_config(config, attn_implementation="eager").eval()
    state = {k: torch.tensor(np.array(v)) for k, v in model.state_dict().items()}
    missing = theirs.load_state_dict(state, strict=False)
    assert not missing.unexpected_keys
    theirs.tie_weights()
    return theirs


def sentences(count, seed=0, shortest=3, longest=12):
    """Samples for classification: token ids of different lengths, a class by the first of them."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(shortest, longest + 1, count)
    rows = [rng.integers(5, SIZES["vocab_size"], n) for n in lengths]
    return [{"input_ids": row.tolist(), "label": int(row[0] % 3)} for row in rows]


def tagged(count, seed=0):
    """Samples with a label a token, of which a share that differs from sample to sample counts."""
    rng = np.random.default_rng(seed)
    samples = []
    for sample in sentences(count, seed):
        ids = np.array(sample["input_ids"])
        labels = np.where(rng.random(len(ids)) < rng.uniform(0.2, 0.9), ids % 3, -100)
        labels[0] = ids[0] % 3
        samples.append({"input_ids": ids.tolist(), "labels": labels.tolist()})
    return samples


def padded(samples):
    """A collator without a tokenizer."""
    longest = max(len(sample["input_ids"]) for sample in samples)
    batch = {
        "input_ids": np.zeros((len(samples), longest), np.int64),
        "attention_mask": np.zeros((len(samples), longest), np.int64),
    }
    if "labels" in samples[0]:
        batch["labels"] = np.full((len(samples), longest), -100)
    else:
        batch["labels"] = np.array([sample["label"] for sample in samples])
    for row, sample in enumerate(samples):
        length = len(sample["input_ids"])
        batch["input_ids"][row, :length] = sample["input_ids"]
        batch["attention_mask"][row, :length] = 1
        if "labels" in sample:
            batch["labels"][row, :length] = sample["labels"]
    return batch


def arguments(folder, **changes):
    """Arguments of a short run that logs each step, writes no checkpoint and shows no bar."""
    defaults = dict(
        per_device_train_batch_size=4, learning_rate=1e-2, logging_steps=1, save_strategy="no",
        disable_tqdm=True, train_sampling_strategy="sequential",
    )  # fmt: skip
    return pytxenc.TrainingArguments(folder, **{**defaults, **changes})


def trainer(model, args, samples=None, **others):
    """A Trainer with the collator of this module."""
    others.setdefault("data_collator", padded)
    return pytxenc.Trainer(model, args, train_dataset=samples, **others)


def parameters(model):
    """Copies of all parameters by name."""
    return {name: np.array(value) for name, value in model.state_dict().items()}


def losses(run):
    """The loss of every step that a Trainer has logged."""
    return [entry["loss"] for entry in run.state.log_history if "loss" in entry]
