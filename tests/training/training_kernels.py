"""The kernels of training as functions of NumPy arrays."""

import numpy as np
from dropout_reference import philox

PARAMS = {"prelu": [0.25], "xielu": [0.8, 0.7, 0.5, -1e-6]}
ACTIVATIONS = [
    "linear", "gelu", "gelu_new", "gelu_10", "quick_gelu", "relu", "relu2", "relu6", "leaky_relu",
    "silu", "tanh", "sigmoid", "mish", "laplace", "hardswish", "sqrtsoftplus", "prelu", "xielu",
]  # fmt: skip


class Kernels:
    """One table; `place` is applied to every array that a kernel is given."""

    def __init__(self, module, isa, place=lambda array: array):
        self.module, self.isa, self.place = module, isa, place
        self.dtype = np.float64 if isa == "double" else np.float32

    def __getattr__(self, name):
        function = getattr(self.module, f"_training_{name}")
        return lambda *args: function(self.isa, *args)

    def take(self, values):
        """A copy of values; None stays."""
        return None if values is None else self.place(np.array(values, self.dtype))

    def params(self, name):
        return self.take(PARAMS.get(name))

    def layernorm_of(self, x, gamma, beta, eps):
        y = self.take(x)
        self.layernorm(y, y, self.take(gamma), self.take(beta), eps, *y.shape)
        return y

    def layernorm_gradients(self, dy, x, gamma, eps, in_place=False):
        """dx, dgamma, dbeta."""
        dy, x = self.take(dy), self.take(x)
        dx = dy if in_place else self.take(np.full_like(dy, np.nan))
        dgamma, dbeta = self.take(np.zeros(x.shape[1])), self.take(np.zeros(x.shape[1]))
        self.layernorm_backward(dx, dgamma, dbeta, dy, x, self.take(gamma), eps, *x.shape)
        return dx, dgamma, dbeta

    def act_of(self, name, x, params=None):
        x = self.take(x)
        y = self.take(np.full_like(x, np.nan))
        self.act(y, x, x.size, name, self.params(name) if params is None else params)
        return y

    def act_gradients(self, name, dy, x):
        """dx, y and the gradients of the parameters."""
        dy, x, params = self.take(dy), self.take(x), self.params(name)
        dx, y = self.take(np.full_like(dy, np.nan)), self.take(np.full_like(dy, np.nan))
        dparams = None if params is None else self.take(np.zeros_like(params))
        self.act_backward(dx, y, dparams, dy, x, x.size, name, params)
        return dx, y, dparams

    def softmax_of(self, x, scale):
        x = self.take(x)
        self.softmax(x, *x.shape, x.shape[1], scale, None, 0)
        return x

    def softmax_gradient(self, p, dp, scale):
        p, dp = self.take(p), self.take(dp)
        ds = self.take(np.full_like(dp, np.nan))
        self.softmax_backward(ds, p, dp, *p.shape, p.shape[1], scale)
        return ds

    def loss(self, x, label, smoothing=0.0):
        x = self.take(x)
        return self.cross_entropy(x, x.size, label, smoothing, 0.0)[0]

    def loss_and_gradient(self, x, label, smoothing, weight):
        x = self.take(x)
        loss, _ = self.cross_entropy(x, x.size, label, smoothing, weight)
        return loss, x

    def kept(self, n, seed, site, threshold, row):
        """Which elements stay, by dropping out ones."""
        y = self.take(np.full(n, np.nan))
        self.dropout(y, self.take(np.ones(n)), n, seed, site, threshold, 1.0, row, False)
        assert set(np.unique(y)) <= {0.0, 1.0}
        return y == 1


def half_words(n, seed, site, row):
    """The first n half-words of a row's stream."""
    counter = np.zeros((-(-n // 8), 4), np.uint64)
    counter[:, 0] = np.arange(len(counter))
    counter[:, 1:] = row & 0xFFFFFFFF, site, row >> 32
    words = philox(counter, (seed & 0xFFFFFFFF, seed >> 32))
    return np.stack([words & 0xFFFF, words >> 16], -1).reshape(-1)[:n]
