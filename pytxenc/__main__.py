"""python -m pytxenc: run a program written for transformers on pytxenc, unmodified."""

import os
import runpy
import sys
from types import TracebackType
from typing import NoReturn

import pytxenc
from pytxenc import cli

USAGE = """\
usage: python -m pytxenc script.py [argument ...]
       python -m pytxenc -m module [argument ...]
       python -m pytxenc -c code [argument ...]
       python -m pytxenc command [argument ...]

Run a Python program as python itself would, but with the name transformers
standing for pytxenc; or run one of the commands:

{commands}

Each command explains itself with --help.

  -m module      run a module, as python -m does
  -c code        run code given as a string
  --show-config  print versions, instruction set, libraries and threads
  --version      print the version
  -h, --help     print this help
""".format(commands="\n".join(f"  {name:15}  {what}" for name, what in cli.COMMANDS.items()))
_OURS = {__file__, runpy.__file__, "<frozen runpy>"}


def main() -> None:
    arguments = sys.argv[1:]
    first = arguments[0] if arguments else "--help"
    if first in ("-h", "--help"):
        print(USAGE, end="")
    elif first == "--version":
        print(f"pytxenc {pytxenc.__version__}")
    elif first == "--show-config":
        pytxenc.show_config()
    elif first in ("-c", "-m"):
        if len(arguments) < 2:
            _refuse(f"{first} needs an argument")
        _run(first, arguments[1], arguments[2:])
    elif first in cli.COMMANDS:
        sys.exit(cli.run(first, arguments[1:]))
    elif first.startswith("-"):
        _refuse(f"unknown option {first}")
    elif not os.path.exists(first):
        _refuse(f"can't open {first!r}: there is no such file")
    else:
        _run("", first, arguments[1:])


def _refuse(problem: str) -> NoReturn:
    print(f"python -m pytxenc: {problem}\n\n{USAGE}", end="", file=sys.stderr)
    sys.exit(2)


def _run(how: str, what: str, arguments: list[str]) -> None:
    """Run as python would: same sys.argv, same sys.path, same exit status and traceback."""
    pytxenc.install_as_transformers()
    sys.excepthook = _excepthook
    sys.argv = ["-c" if how == "-c" else what, *arguments]
    if how == "-m":  # the working directory is in sys.path already
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    elif how == "-c":
        sys.path[0] = ""
        module = type(sys)("__main__")
        sys.modules["__main__"] = module
        exec(compile(what, "<string>", "exec"), module.__dict__)
    else:
        if not os.path.isdir(what):  # runpy puts a directory or archive there itself
            sys.path[0] = os.path.dirname(os.path.realpath(what))
        runpy.run_path(what, run_name="__main__")


def _excepthook(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Show a program's traceback without the frames that started the program."""
    while trace is not None and trace.tb_frame.f_code.co_filename in _OURS:
        trace = trace.tb_next
    sys.__excepthook__(kind, error.with_traceback(trace), trace)


if __name__ == "__main__":
    main()
