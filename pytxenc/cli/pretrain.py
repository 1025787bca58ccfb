"""python -m pytxenc pretrain: train a new model on text."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterable
from typing import Any

import pytxenc
from pytxenc.cli.computing import set_threads
from pytxenc.cli.reading import add_reading_arguments, read_options
from pytxenc.cli.settings import record_run, write_json
from pytxenc.cli.training import add_training_arguments, training_arguments
from pytxenc.corpus import TokenCorpus, encode_corpus
from pytxenc.metrics import perplexity
from pytxenc.tokenization import PreTrainedTokenizerBase
from pytxenc.training import initial
from pytxenc.training.distributed import communicator

DESCRIPTION = """\
Train a new model on text by masked language modelling, alone or with next-sentence
or sentence-order prediction, or go on with one.

  A small RoBERTa on text files, documents between blank lines, for two hours:

    python -m pytxenc pretrain --files data/*.txt --dev-files held-out.txt \\
        --tokenizer my-roberta --model-type roberta --hidden-size 256 --layers 4 \\
        --minutes 120 --dtype bfloat16 --output my-model

  Beginning with short blocks, which small models need to begin learning:

    python -m pytxenc pretrain --corpus ids --tokenizer my-roberta --model-type roberta \\
        --position-init sinusoidal --lengths 32:0.5 128:0.4 512:0.1 --max-steps 20000 \\
        --batch-tokens 4096 --output my-model

  An ALBERT, first with two layers, which learn sooner, then with all, and the order of
  sentences:

    python -m pytxenc pretrain --files data/*.txt --tokenizer my-albert --model-type albert \\
        --layers 2 --position-init sinusoidal --block-size 32 --batch-size 64 \\
        --max-steps 3000 --output start
    python -m pytxenc pretrain --files data/*.txt --tokenizer my-albert --model start \\
        --layers 12 --objective mlm+sop --masking ngram --output my-albert-model

  The same from the beginning, with the settings of the paper:

    python -m pytxenc pretrain --files data/*.txt --tokenizer my-albert \\
        --model-type albert --objective mlm+sop --masking ngram --optimizer lamb \\
        --learning-rate 1.76e-3 --output my-albert-model

--corpus is what `python -m pytxenc tokenize` writes (with --keep-lines or --sentences).  All
settings may stand in a file, --config run.toml; the run.toml that every run leaves beside
its results is one.  An interrupted run goes on with --resume.
"""

_PAIRS = {"mlm": (), "mlm+nsp": ("segment_pair", "sentence_pair"), "mlm+sop": ("sop",)}
_RUNS = ("full_sentences", "doc_sentences", "contiguous")


def _stage(text: str) -> str:
    """A "length:share", checked."""
    length, colon, share = text.partition(":")
    if not colon or not length.isdigit() or not 0 < float(share) <= 1:
        raise argparse.ArgumentTypeError("must be a length and a share of the run, as 128:0.9")
    return text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add = parser.add_argument_group("text").add_argument
    add("--corpus", metavar="DIR", help="token ids to train on")
    add("--files", nargs="+", metavar="FILE", help="or text, JSON Lines or Parquet")
    add("--dev-corpus", metavar="DIR", help="token ids to evaluate on")
    add("--dev-files", nargs="+", metavar="FILE", help="or text, JSON Lines or Parquet")
    add("--tokenizer", required=True, metavar="DIR_OR_NAME", help="that of the corpus")
    add_reading_arguments(parser)

    add = parser.add_argument_group("the model").add_argument
    add("--model", "-m", metavar="DIR_OR_NAME", help="go on with this one")
    add("--model-type", metavar="TYPE", help="or a new one: roberta, bert, albert, ...")
    add("--config-name", metavar="FILE", help="or a new one by its config.json")
    add("--hidden-size", type=int, default=256, metavar="N", help="default: %(default)s")
    add(
        "--layers",
        type=int,
        metavar="N",
        help="default: 4; with --model more or fewer, of albert, whose layers are one",
    )
    add("--heads", type=int, metavar="N", help="default: one for 64 of --hidden-size")
    add("--intermediate-size", type=int, metavar="N", help="default: 4 times --hidden-size")
    add("--embedding-size", type=int, metavar="N", help="albert; default: 128")
    add("--max-positions", type=int, metavar="N", help="default: 512, or the longest block")
    add("--dropout", type=float, metavar="X", help="default: that of the type")
    add("--initializer-range", type=float, default=0.02, metavar="X", help="default: %(default)s")
    add(
        "--position-init",
        choices=("random", "sinusoidal"),
        default="random",
        help="first values of the learned table of positions (default: %(default)s)",
    )

    add(
        "--repeat-positions",
        type=int,
        metavar="N",
        help="with --model: copy its first N positions over the others, which shorter blocks have"
        " left untrained",
    )

    add = parser.add_argument_group("samples").add_argument
    add(
        "--objective",
        choices=tuple(_PAIRS),
        default="mlm",
        help="masks, and next sentences or the order of sentences (bert, albert)"
        " (default: %(default)s)",
    )
    add("--block-size", type=int, default=128, metavar="N", help="tokens (default: %(default)s)")
    add(
        "--lengths",
        nargs="+",
        type=_stage,
        metavar="LENGTH:SHARE",
        help="blocks of growing length instead, each for a share of the run",
    )
    add(
        "--packing",
        choices=(*_RUNS, *_PAIRS["mlm+nsp"], *_PAIRS["mlm+sop"]),
        help="default: full_sentences, segment_pair or sop, by the objective",
    )
    add(
        "--masking",
        choices=("token", "whole_word", "ngram", "span"),
        default="token",
        help="default: %(default)s",
    )
    add("--mlm-probability", type=float, default=0.15, metavar="X", help="default: %(default)s")
    add("--mask-replace", type=float, default=0.8, metavar="X", help="default: %(default)s")
    add("--random-replace", type=float, default=0.1, metavar="X", help="default: %(default)s")
    add("--max-predictions", type=int, metavar="N", help="most masks of a sample")
    add("--max-ngram", type=int, default=3, metavar="N", help="default: %(default)s")
    add(
        "--static-masks",
        type=int,
        default=0,
        metavar="N",
        help="the same masks again after so many epochs; 0 for never (default: %(default)s)",
    )
    add("--repack", action="store_true", help="cut the text anew in every epoch")
    add("--short-samples", type=float, default=0.1, metavar="X", help="of pairs: %(default)s")
    add_training_arguments(
        parser, batch_size=32, epochs=1.0, learning_rate=1e-3, warmup=0.06, beta2=0.98
    )
    group = parser.add_argument_group("evaluation").add_argument
    group("--eval-steps", type=int, default=500, metavar="N", help="default: %(default)s")


def run(arguments: argparse.Namespace) -> None:
    """Train, evaluate and write what came out."""
    with communicator().guard():
        _run(arguments)


def _run(arguments: argparse.Namespace) -> None:
    stages = length_stages(arguments.lengths or ())
    _check(arguments)
    set_threads(arguments)
    tokenizer = pytxenc.AutoTokenizer.from_pretrained(arguments.tokenizer)
    longest = max([length for _, length in stages], default=arguments.block_size)
    config = _config(arguments, tokenizer, longest)
    settings = _settings(arguments, stages)
    pytxenc.set_seed(arguments.seed)
    model = _model(arguments, config)
    record_run("pretrain", arguments)
    train = _dataset(arguments, tokenizer, "", longest)
    dev = None
    if arguments.dev_corpus or arguments.dev_files:
        dev = _dataset(arguments, tokenizer, "dev-", longest)
    results = _train(arguments, model, tokenizer, train, dev, settings)
    if not communicator().is_main:
        return
    write_json(os.path.join(arguments.output, "results.json"), results)
    if not arguments.quiet:
        for name, value in results.get("dev", {}).items():
            print(f"dev {name}: {value:.4f}")
        print(f"written to {os.path.join(arguments.output, '')}")


def length_stages(shares: Iterable[str]) -> list[tuple[float, int]]:
    """--lengths, each length:share, as (where in the run it begins, length)."""
    stages, begin = [], 0.0
    for text in shares:
        length, _, share = text.partition(":")
        stages.append((begin, int(length)))
        begin = round(begin + float(share), 9)
    if stages and begin != 1:
        raise ValueError(f"the shares of --lengths add up to {begin}, not 1")
    return stages


def _check(arguments: argparse.Namespace) -> None:
    for name in ("", "dev_"):
        corpus, files = (getattr(arguments, name + what) for what in ("corpus", "files"))
        option = name.replace("_", "-")
        if corpus and files:
            raise ValueError(f"give --{option}corpus or --{option}files, not both")
        if not name and not (corpus or files):
            raise ValueError("give --corpus or --files")
    given = [arguments.model, arguments.model_type, arguments.config_name]
    if sum(value is not None for value in given) != 1:
        raise ValueError("give one of --model, --model-type and --config-name")
    if arguments.repeat_positions is not None and arguments.model is None:
        raise ValueError("--repeat-positions needs --model: a new one has no trained positions")
    pairs = _PAIRS[arguments.objective]
    if arguments.packing is None:
        arguments.packing = pairs[0] if pairs else _RUNS[0]
    elif arguments.packing not in (pairs or _RUNS):
        raise ValueError(
            f"--packing for {arguments.objective} must be one of {', '.join(pairs or _RUNS)}"
        )


def _settings(
    arguments: argparse.Namespace, stages: list[tuple[float, int]]
) -> pytxenc.TrainingArguments:
    """What the Trainer is told; ValueError for what cannot be."""
    chosen: dict[str, Any] = {
        "save_strategy": "no",
        "prediction_loss_only": True,
        "per_device_eval_batch_size": max(32, arguments.batch_size),  # blocks may be short
        "length_curriculum": stages or None,
    }
    if arguments.dev_corpus or arguments.dev_files:
        chosen |= {"eval_strategy": "steps", "eval_steps": arguments.eval_steps}
    if _PAIRS[arguments.objective]:
        order = arguments.packing == "sop"
        name = "sentence_order_label" if order else "next_sentence_label"
        chosen["label_names"] = ["labels", name]
    return training_arguments(arguments, arguments.output, arguments.seed, **chosen)


def _config(arguments: argparse.Namespace, tokenizer: PreTrainedTokenizerBase, longest: int) -> Any:
    """The model's configuration; None for a model to go on with."""
    if arguments.model is not None:
        return None
    if arguments.config_name is not None:
        with open(arguments.config_name, encoding="utf-8") as file:
            fields = json.load(file)
        if not isinstance(fields, dict) or "model_type" not in fields:
            raise ValueError(f"{arguments.config_name}: no configuration with a model_type")
        config = pytxenc.AutoConfig.for_model(**fields)
        if config.vocab_size < len(tokenizer):
            raise ValueError(
                f"{arguments.config_name}: vocab_size is {config.vocab_size}, but the tokenizer"
                f" has {len(tokenizer)} tokens"
            )
        return config
    kind, size = arguments.model_type, arguments.hidden_size
    fields = {
        "vocab_size": len(tokenizer),
        "hidden_size": size,
        "num_hidden_layers": 4 if arguments.layers is None else arguments.layers,
        "num_attention_heads": arguments.heads or max(1, size // 64),
        "intermediate_size": arguments.intermediate_size or 4 * size,
        "max_position_embeddings": arguments.max_positions or max(512, longest),
        "initializer_range": arguments.initializer_range,
        **{
            f"{name}_token_id": getattr(tokenizer, f"{name}_token_id")
            for name in ("pad", "bos", "eos")
        },
    }
    if "roberta" in kind:
        fields["max_position_embeddings"] += fields["pad_token_id"] + 1
        fields["layer_norm_eps"] = 1e-5
    if kind == "albert":
        fields["embedding_size"] = arguments.embedding_size or 128
    elif arguments.embedding_size is not None:
        raise ValueError("--embedding-size is for albert")
    if arguments.dropout is not None:
        fields["hidden_dropout_prob"] = arguments.dropout
        fields["attention_probs_dropout_prob"] = arguments.dropout
    return pytxenc.AutoConfig.for_model(kind, **fields)


def _model(arguments: argparse.Namespace, config: Any) -> Any:
    """The model to train, with the heads of the objective."""
    pairs = bool(_PAIRS[arguments.objective])
    cls = pytxenc.AutoModelForPreTraining if pairs else pytxenc.AutoModelForMaskedLM
    model = cls.from_config(config) if arguments.model is None else _go_on(arguments, cls)
    if pairs and model._head != "pretraining":
        raise ValueError(
            f"--objective {arguments.objective} is for bert and albert: a"
            f" {type(model).__name__} has no head for pairs"
        )
    if arguments.position_init == "sinusoidal":
        initial.set_sinusoidal_positions(model)
    if arguments.repeat_positions is not None:
        initial.repeat_positions(model, arguments.repeat_positions)
    return model


def _go_on(arguments: argparse.Namespace, cls: Any) -> Any:
    """The model of --model, with another number of layers where that is asked for."""
    if arguments.layers is None:
        return cls.from_pretrained(arguments.model)
    config = pytxenc.AutoConfig.from_pretrained(arguments.model)
    shared = config.model_type == "albert" and config.num_hidden_groups == 1
    if not shared and config.num_hidden_layers != arguments.layers:
        raise ValueError(
            f"{arguments.model}: --layers with --model is for albert, whose layers are one: a"
            f" {config.model_type} would need new layers"
        )
    return cls.from_pretrained(arguments.model, num_hidden_layers=arguments.layers)


def _dataset(
    arguments: argparse.Namespace, tokenizer: PreTrainedTokenizerBase, which: str, longest: int
) -> Any:
    """The samples of a corpus, which is encoded into the output first where files were given."""
    name = which.replace("-", "_")
    path = getattr(arguments, f"{name}corpus")
    if path is None:
        path = os.path.join(arguments.output, f"{which}corpus")
        if communicator().is_main and not os.path.isdir(path):
            options = vars(read_options(arguments))
            encode_corpus(
                tokenizer, getattr(arguments, f"{name}files"), path, **options,
                keep_lines=True, split_sentences=bool(_PAIRS[arguments.objective]),
                progress=False if arguments.quiet else None,
            )  # fmt: skip
        communicator().all_reduce_counts([0])  # until it is there
    return pytxenc.PretrainingDataset(
        TokenCorpus(path),
        tokenizer,
        block_size=longest,
        packing=arguments.packing,
        masking=arguments.masking,
        mlm_probability=arguments.mlm_probability,
        mask_replace_prob=arguments.mask_replace,
        random_replace_prob=arguments.random_replace,
        max_predictions=arguments.max_predictions,
        max_ngram=arguments.max_ngram,
        static_duplicates=1 if which else arguments.static_masks,
        repack=arguments.repack and not which,
        short_seq_prob=arguments.short_samples,
        seed=arguments.seed,
    )


def _train(
    arguments: argparse.Namespace,
    model: Any,
    tokenizer: PreTrainedTokenizerBase,
    train: Any,
    dev: Any,
    settings: pytxenc.TrainingArguments,
) -> dict[str, Any]:
    """Train, save the model, and return what was measured."""
    trainer = pytxenc.Trainer(
        model,
        settings,
        train_dataset=train,
        eval_dataset=dev,
        processing_class=tokenizer,
    )
    if arguments.quiet:
        trainer.remove_callback(pytxenc.PrinterCallback)
    resumed = arguments.resume and pytxenc.get_last_checkpoint(arguments.output) is not None
    output = trainer.train(resume_from_checkpoint=True if resumed else None)
    if trainer.interrupted:
        raise KeyboardInterrupt
    trainer.save_model(arguments.output)
    results: dict[str, Any] = {"train": dict(output.metrics)}
    if dev is not None:
        results["dev"] = _scores(trainer, dev)
    return results


def _scores(trainer: Any, dev: Any) -> dict[str, float]:
    """Loss, share of right words, perplexity; of pairs the loss and the share of right ones."""
    sums, counts, correct = ([0.0, 0.0] for _ in range(3))
    for batch in trainer.get_eval_dataloader(dev):
        result = trainer.session.evaluate(batch)
        for which in range(2):
            sums[which] += result.loss_sums[which]
            counts[which] += result.counts[which]
            correct[which] += result.correct[which]
    loss = sums[0] / max(1.0, counts[0])
    scores = {
        "loss": loss,
        "perplexity": perplexity(loss),
        "masked_accuracy": correct[0] / max(1.0, counts[0]),
    }
    if counts[1]:
        scores |= {"pair_loss": sums[1] / counts[1], "pair_accuracy": correct[1] / counts[1]}
    return scores
