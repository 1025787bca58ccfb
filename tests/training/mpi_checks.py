"""What every rank of a job checks of the exchanges; run by test_mpi.py under mpiexec."""

import sys
import time

import numpy as np

import pytxenc
from pytxenc.training.distributed import GradientReducer, communicator
from pytxenc.training.flat import FlatParameters


def numbers(rank, size=70_001):
    return np.random.default_rng(rank).standard_normal(size).astype(np.float32)


def exchanges(world):
    ranks = range(world.size)
    total = numbers(world.rank)
    world.all_reduce_sum(total)
    np.testing.assert_allclose(total, sum(map(numbers, ranks)), rtol=1e-6, atol=1e-6)
    counts = world.all_reduce_counts((world.rank, 2**52 // world.size, 0.5))
    assert counts == (sum(ranks), 2**52 // world.size * world.size, 0.5 * world.size)
    assert [type(count) for count in counts] == [int, int, float]
    assert world.any(world.rank == world.size - 1) and not world.any(False)
    values = numbers(world.rank)
    world.broadcast(values)
    np.testing.assert_array_equal(values, numbers(0))
    assert world.share({"rank": world.rank, "text": "é" * (1 + world.rank)}) == {
        "rank": 0, "text": "é",
    }  # fmt: skip
    gathered = world.gather((world.rank, numbers(world.rank, 1000 * world.rank)))
    assert (gathered is None) == (world.rank > 0) and world.is_main == (world.rank == 0)
    for rank, (number, array) in enumerate(gathered or ()):
        assert number == rank
        np.testing.assert_array_equal(array, numbers(rank, 1000 * rank))
    if world.size > 1:
        part = np.zeros((3, 4), np.float32)[:, :2]
        refused(lambda: world.all_reduce_sum(part), "one-dimensional contiguous")


def reducer(world):
    """Gradients told in any portions, by layers, or not at all are all summed once."""
    config = pytxenc.BertConfig(
        vocab_size=90, hidden_size=12, num_hidden_layers=3, num_attention_heads=2,
        intermediate_size=20, max_position_embeddings=9,
    )  # fmt: skip
    flat = FlatParameters(pytxenc.BertForPreTraining(config))
    size = len(flat.gradients)
    expected = sum(numbers(rank, size) for rank in range(world.size))
    for bucket in (64, 1000, 4 * size, 1 << 24):
        summed = GradientReducer(world, flat, bucket)
        for way in ("layers", "segments", "no", "rank 0"):
            flat.gradients[:] = numbers(world.rank, size)
            if way == "layers":
                for application in (3, 2, 1, 0, -1):
                    summed.layer_ready(application)
            elif way == "segments":
                for i in np.random.default_rng(world.rank).permutation(len(flat.segments)):
                    segment = flat.segments[i]
                    summed.ready(segment.offset, segment.offset + segment.size)
            elif way == "rank 0" and world.is_main:
                summed.layer_ready(1)
            summed.finish()
            np.testing.assert_allclose(flat.gradients, expected, rtol=1e-6, atol=1e-6)
    for first, last, words in [
        (0, size + 1, "whole parameters"), (8, 20, "whole parameters"), (16, 16, "whole"),
    ]:  # fmt: skip
        refused(lambda f=first, e=last: summed.ready(f, e), words)
    summed.ready(16, 32)
    refused(lambda: summed.ready(0, 32), "ready before")
    refused(lambda: GradientReducer(world, flat, 8), "bucket_bytes is 8")


def refused(call, words):
    try:
        call()
    except ValueError as error:
        assert words in str(error), error
    else:
        raise AssertionError(f"not refused: {words}")


def leave(world, how):
    """The last rank goes away while the others wait for it."""
    if world.rank == world.size - 1:
        if how == "exit":
            sys.exit(int(sys.argv[3]))
        with world.guard():
            raise KeyboardInterrupt
    world.barrier()


def late(world):
    """Ranks that end at different times, after the same exchanges, end well."""
    world.barrier()
    time.sleep(0.5 * world.rank)


if __name__ == "__main__":
    world = communicator()
    if sys.argv[1] == "leave":
        leave(world, sys.argv[2])
    else:
        globals()[sys.argv[1]](world)
        print(f"rank {world.rank} of {world.size}: {pytxenc.get_num_threads()} threads")
