"""Runs the examples of a page: `python page_runner.py STEPS`.

STEPS is a JSON file: {"page", "checked", "steps": [[kind, line, text], ...]}.  Pieces of Python
("python") share a namespace; lines for the shell ("shell") run between them.  Where `checked` is
true, an expression with a comment that is a literal must have that value, and a print must print
it.
"""

import ast
import contextlib
import io
import json
import re
import subprocess
import sys
import traceback

import numpy as np


def same(value, expected):
    """Equality, of numbers to the digits that are shown."""
    if isinstance(expected, float):
        return abs(value - expected) <= 0.5 * 10.0 ** -len(str(expected).partition(".")[2])
    if isinstance(expected, list | tuple) and isinstance(value, list | tuple):
        pairs = zip(value, expected, strict=False)
        return len(value) == len(expected) and all(same(*pair) for pair in pairs)
    return bool(np.all(np.asarray(value == expected)))


def literal(line):
    """(whether the comment at the end of a line is a literal, that literal)."""
    comment = re.search(r"\s#\s(.+)$", line)
    try:
        return True, ast.literal_eval(comment[1])
    except (TypeError, ValueError, SyntaxError):
        return False, None


def run_python(source, filename, first, namespace, checked):
    lines = source.splitlines()
    tree = ast.parse(source)
    ast.increment_lineno(tree, first - 1)
    for statement in tree.body:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            if not isinstance(statement, ast.Expr):
                exec(compile(ast.Module([statement], []), filename, "exec"), namespace)
                continue
            code = compile(ast.Expression(statement.value), filename, "eval")
            value = eval(code, namespace)
        line = lines[statement.end_lineno - first]
        there, expected = literal(line)
        if there and checked:
            if value is None and printed.getvalue():
                value, expected = printed.getvalue().rstrip("\n"), str(expected)
            assert same(value, expected), f"{filename}:{statement.end_lineno}: {value!r}\n{line}"


def main(path):
    with open(path, encoding="utf-8") as file:
        page = json.load(file)
    namespace = {"__name__": "__main__"}
    for kind, line, text in page["steps"]:
        if kind == "python":
            run_python(text, page["page"], line, namespace, page["checked"])
        else:
            command = re.sub(r"^python", sys.executable, text)
            subprocess.run(command, shell=True, check=True, stdin=subprocess.DEVNULL)


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except Exception:
        traceback.print_exc()
        sys.exit(1)
