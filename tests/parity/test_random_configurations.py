"""Random configurations of every family and head, against transformers.

PYTXENC_RANDOM_CONFIGURATIONS says how many; each number is one configuration, always the same.
"""

import os

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from head_cases import compare  # noqa: E402
from model_pairs import assert_near, make_pair  # noqa: E402
from random_cases import random_case  # noqa: E402

COUNT = int(os.environ.get("PYTXENC_RANDOM_CONFIGURATIONS", "60"))


@pytest.mark.parametrize("number", range(COUNT))
def test_outputs_and_losses(number):
    family, head, fields, batch, labels = random_case(number)
    theirs, ours = make_pair(family, head, seed=number, **fields)
    hidden = compare(ours, theirs, batch)
    loss = compare(ours, theirs, {**batch, **labels})
    plain = ours(**batch)  # the last layer of what is needed alone
    for name in plain:
        assert_near(plain[name], torch.as_tensor(np.asarray(hidden[name])), name)
    assert ("loss" in loss) == bool(labels)
