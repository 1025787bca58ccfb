"""Runs pieces of code and writes down what they assign and show.

`python snippet_runner.py IN OUT` with transformers, `python -m pytxenc snippet_runner.py IN OUT`
with pytxenc.  IN is a JSON list of [name, folder, [code, ...]]: the pieces of one name share a
namespace and run in the folder.  OUT is a pickled dictionary, name -> one record a piece.
"""

import ast
import contextlib
import io
import json
import os
import pickle
import sys
import types

import numpy as np
import torch

IGNORED_FIELDS = ("transformers_version", "dtype", "_name_or_path")
TEXT = "Hello world, my dog is [MASK] <mask>."


def plain(value):
    """A picture of a value, in types that NumPy and Python have, to compare by."""
    if value is None or isinstance(value, bool | int | float | str | bytes):
        return value
    if isinstance(value, np.ndarray | np.generic | torch.Tensor):
        array = np.asarray(value.detach() if isinstance(value, torch.Tensor) else value)
        return (type(value).__name__, array)
    if hasattr(value, "get_vocab") and hasattr(value, "encode"):
        tokens = value.special_tokens_map
        return (type(value).__name__, plain(tokens), value.get_vocab(), value.encode(TEXT))
    if hasattr(value, "to_diff_dict"):
        fields = {k: v for k, v in value.to_dict().items() if k not in IGNORED_FIELDS}
        return (type(value).__name__, plain(fields))
    if hasattr(value, "base_model_prefix"):
        shapes = {name: tuple(tensor.shape) for name, tensor in value.state_dict().items()}
        return (type(value).__name__, shapes, value.training, plain(value.config))
    if hasattr(value, "items"):
        return (type(value).__name__, {key: plain(item) for key, item in value.items()})
    if isinstance(value, list | tuple):
        return (type(value).__name__, [plain(item) for item in value])
    return type(value).__name__


def run(code, namespace):
    """What a piece of code shows, prints and assigns, or how it fails."""
    shown, before = [], dict(namespace)
    namespace["__shown__"] = shown
    tree = ast.parse(code)
    for i, statement in enumerate(tree.body):
        if isinstance(statement, ast.Expr):
            call = ast.parse("__shown__.append(None)").body[0]
            call.value.args = [statement.value]
            tree.body[i] = ast.copy_location(call, statement)
    printed = io.StringIO()
    error = None
    try:
        with contextlib.redirect_stdout(printed):
            exec(compile(ast.fix_missing_locations(tree), "<snippet>", "exec"), namespace)
    except Exception as problem:
        error = f"{type(problem).__name__}: {problem}"
    assigned = {
        name: plain(value)
        for name, value in namespace.items()
        if not name.startswith("__")
        and not isinstance(value, types.ModuleType | types.FunctionType | type)
        and (name not in before or before[name] is not value)
    }
    return {
        "error": error,
        "printed": printed.getvalue(),
        "shown": [plain(value) for value in shown],
        "assigned": assigned,
    }


def main(source, target):
    with open(source) as file:
        snippets = json.load(file)
    records = {}
    for name, folder, pieces in snippets:
        os.chdir(folder)
        namespace = {"__name__": "__main__"}
        records[name] = [run(piece, namespace) for piece in pieces]
    with open(target, "wb") as file:
        pickle.dump(records, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
