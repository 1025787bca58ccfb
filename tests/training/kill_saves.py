"""Kills a process that saves checkpoints, many times, and looks at what it leaves.

kill_saves.py DIRECTORY TIMES prints how many saves were complete and how many kills came in the
middle of one.
"""

import os
import random
import signal
import sys
import time

import numpy as np

import pytxenc
from pytxenc._core import SafeTensors
from pytxenc.training.checkpoint import Checkpointer

BIAS = "cls.predictions.bias"


def save_for_ever(checkpointer, model, step, report):
    """Of two steps in a row the second replaces the first."""
    bias = model.state_dict()[BIAS]
    os.write(report, b"!")
    while True:
        step += 1
        bias[...] = step
        checkpointer.save(
            step // 2, model=model, arrays={"state": np.full(300, step)}, numbers={"step": step},
            best=step % 5 == 0,
        )  # fmt: skip
        os.write(report, b".")


def check(checkpointer, model, at_least):
    """The step of the newest checkpoint, which is whole as are the others."""
    for path in checkpointer.output_dir.glob("checkpoint-*"):
        arrays, numbers = checkpointer.load(path, model)
        weights = SafeTensors(path / "model.safetensors")
        assert (arrays["state"] == numbers["step"]).all(), path
        assert (weights.tensor(BIAS) == numbers["step"]).all(), path
        assert path.name == f"checkpoint-{numbers['step'] // 2}"
    _, numbers = checkpointer.load(checkpointer.last, model)
    assert numbers["step"] - at_least in (0, 1), (numbers["step"], at_least)
    return numbers["step"]


def main(folder, times):
    sizes = dict(
        vocab_size=9, hidden_size=4, num_hidden_layers=1, num_attention_heads=1,
        intermediate_size=4, max_position_embeddings=8,
    )  # fmt: skip
    model = pytxenc.BertForMaskedLM(pytxenc.BertConfig(**sizes))
    checkpointer = Checkpointer(folder, keep_last=2, keep_best=True)
    model.state_dict()[BIAS][...] = 0
    for _ in range(2):  # the first time modules are imported too
        begin = time.perf_counter()
        checkpointer.save(0, model=model, arrays={"state": np.zeros(300)}, numbers={"step": 0})
    duration = time.perf_counter() - begin
    rng, step, interrupted = random.Random(0), 0, 0
    for _ in range(times):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            save_for_ever(checkpointer, model, step, writer)
        os.close(writer)
        os.read(reader, 1)
        time.sleep(rng.uniform(0, 6 * duration))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        with open(reader, "rb") as file:
            step += len(file.read())
        interrupted += any(name.startswith(".") for name in os.listdir(folder))
        checkpointer.clean()
        assert not any(name.startswith(".") for name in os.listdir(folder))
        step = check(checkpointer, model, step)
    assert len(os.listdir(folder)) <= 4, os.listdir(folder)
    print(step, interrupted)


main(sys.argv[1], int(sys.argv[2]))
