"""Output objects: whatever can be done with them, against those of transformers."""

import copy
import dataclasses
import importlib
import pickle

import pytest

import pytxenc

ACTIONS = {
    "indices": lambda o: (o[0], o[1], o[-1], o[:2], o[::-1], o["pooler_output"]),
    "attributes": lambda o: (o.last_hidden_state, o.hidden_states),
    "mapping": lambda o: (list(o), len(o), list(o.keys()), list(o.values()), list(o.items())),
    "lookup": lambda o: ("hidden_states" in o, o.get("hidden_states"), o.get("pooler_output")),
    "unpacking": lambda o: ([*o], dict(o), {**o}, o.to_tuple()),
    "dataclass": lambda o: [field.name for field in dataclasses.fields(o)],
    "absent index": lambda o: o[2],
    "absent key": lambda o: o["hidden_states"],
    "absent attribute": lambda o: o.nothing,
    "pickle": lambda o: dict(pickle.loads(pickle.dumps(o))),
    "copy": lambda o: dict(copy.copy(o)),
    "deepcopy": lambda o: dict(copy.deepcopy(o)),
    "own copy": lambda o: dict(o.copy()),
    "union": lambda o: dict(o | {}),
    "replace": lambda o: dict(dataclasses.replace(o, pooler_output=3)),
    "from a mapping": lambda o: dict(type(o)({"pooler_output": 5})),
    "set present": lambda o: setattr(o, "pooler_output", 7),
    "set to None": lambda o: setattr(o, "pooler_output", None),
    "set absent": lambda o: setattr(o, "hidden_states", (1,)),
    "set other": lambda o: setattr(o, "other", 1),
    "assign present": lambda o: o.__setitem__("pooler_output", 7),
    "assign absent": lambda o: o.__setitem__("hidden_states", (1,)),
    "delete": lambda o: o.__delitem__("pooler_output"),
    "pop": lambda o: o.pop("pooler_output"),
    "update": lambda o: o.update({"pooler_output": 1}),
    "setdefault": lambda o: o.setdefault("hidden_states", (1,)),
}


def outcome(cls, action):
    """What an action gives and leaves behind; "error" for any error."""
    output = cls(last_hidden_state=[1, 2], pooler_output=[3])
    try:
        result = action(output)
    except Exception:
        result = "error"
    return result, list(output.items()), output.pooler_output, output.hidden_states


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize(
    "name", ["BaseModelOutputWithPooling", "BaseModelOutputWithPoolingAndCrossAttentions"]
)
def test_as_in_the_reference(name, action):
    reference = pytest.importorskip("transformers.modeling_outputs")
    ours, theirs = getattr(pytxenc, name), getattr(reference, name)
    assert outcome(ours, ACTIONS[action]) == outcome(theirs, ACTIONS[action])


def test_fields_are_those_of_the_reference():
    common = pytest.importorskip("transformers.modeling_outputs")
    for name in pytxenc._EXPORTS["outputs"]:
        if name != "ModelOutput":
            reference = common
            for family in ("bert", "albert", "electra"):  # pretraining's stand with them
                if name.lower().startswith(family):
                    reference = importlib.import_module(
                        f"transformers.models.{family}.modeling_{family}"
                    )
            ours, theirs = getattr(pytxenc, name), getattr(reference, name)
            assert [f.name for f in dataclasses.fields(ours)] == [
                f.name for f in dataclasses.fields(theirs)
            ]
