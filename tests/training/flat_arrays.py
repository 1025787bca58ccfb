"""Flat parameters without a model, their gradients, and the same parameters in torch."""

import numpy as np

from pytxenc.training.flat import FlatParameters

# Sizes beside multiples of vectors and of chunks, and one that is two chunks and a bit.
SHAPES = {
    "embeddings.word_embeddings.weight": (131, 257),
    "encoder.layer.0.attention.self.query.weight": (33, 65),
    "encoder.layer.0.attention.self.query.bias": (33,),
    "encoder.layer.0.attention.output.LayerNorm.weight": (7,),
    "encoder.layer.1.output.dense.weight": (16, 1),
    "encoder.layer.1.output.dense.bias": (1,),
    "classifier.weight": (3, 31),
}


class Arrays:
    """As much of a model as FlatParameters needs."""

    def __init__(self, shapes=SHAPES, seed=0, scale=0.1):
        random = np.random.default_rng(seed)
        self._state = {
            name: np.float32(scale) * random.standard_normal(shape, np.float32)
            for name, shape in shapes.items()
        }

    def state_dict(self):
        return dict(self._state)


def flat_parameters(shapes=SHAPES, seed=0):
    return FlatParameters(Arrays(shapes, seed))


def gradients(steps, shapes=SHAPES, seed=1):
    """For every step a gradient by name, of sizes that differ between tensors and steps."""
    random = np.random.default_rng(seed)
    for _ in range(steps):
        yield {
            name: (random.standard_normal(shape) * 10 ** random.uniform(-4, 0)).astype(np.float32)
            for name, shape in shapes.items()
        }


def set_gradients(flat, by_name):
    for name, view in flat.views(flat.gradients).items():
        view[...] = by_name[name]


def values(flat):
    return {name: view.copy() for name, view in flat.views(flat.values).items()}


def torch_parameters(flat):
    """Parameters of torch with the values as they are now, by name."""
    import torch

    return {name: torch.nn.Parameter(torch.tensor(value)) for name, value in values(flat).items()}


def set_torch_gradients(parameters, by_name):
    import torch

    for name, parameter in parameters.items():
        parameter.grad = torch.tensor(by_name[name])


def assert_close(flat, expected, start, rtol=2e-5):
    """Each tensor's whole change from `start` is the expected one, to rtol of its size and what
    rounding the tensor itself in each of 50 steps leaves.

    `expected`: arrays or torch parameters by name.
    """
    for name, value in values(flat).items():
        reference = expected[name]
        if hasattr(reference, "detach"):
            reference = reference.detach().numpy()
        change = np.linalg.norm(np.float64(reference) - start[name])
        error = np.linalg.norm(np.float64(reference) - value)
        rounding = 50 * 2**-24 * np.linalg.norm(start[name])
        assert change > 0
        assert error <= rtol * change + rounding, (name, error / change)
