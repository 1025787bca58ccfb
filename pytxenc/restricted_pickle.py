"""A reader for pickles that cannot run code.

The opcodes come from the standard library's `pickletools.genops`, which only splits the bytes;
this module interprets them with a stack machine that knows how to build plain values and nothing
else.  What a pickle calls by name is looked up in a table the caller supplies: a name that is not
in it ends the reading.  `pickle.Unpickler` is never involved.
"""

from __future__ import annotations

import mmap
import pickletools
from collections.abc import Callable, Mapping
from typing import IO, Any, NamedTuple

MAX_OPCODES = 2_000_000
MAX_DEPTH = 64
MAX_INT_BITS = 128
MAX_WORK = 1 << 22  # elements and characters passed to builders, all in all

_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_LITERALS = frozenset(
    {
        "INT",
        "BININT",
        "BININT1",
        "BININT2",
        "LONG",
        "LONG1",
        "LONG4",
        "FLOAT",
        "BINFLOAT",
        "STRING",
        "BINSTRING",
        "SHORT_BINSTRING",
        "BINBYTES",
        "SHORT_BINBYTES",
        "BINBYTES8",
        "UNICODE",
        "SHORT_BINUNICODE",
        "BINUNICODE",
        "BINUNICODE8",
    }
)
_IGNORED = frozenset({"PROTO", "FRAME"})
_PLAIN = (type(None), bool, int, float, str, bytes)
_MAX_KEY = 1 << 60  # below it no two ints share a hash, so no choice of keys makes a dict slow


class Builder(NamedTuple):
    """Something a pickle may call: the value of `build(*arguments)` takes its place."""

    name: str
    build: Callable[..., Any]


class Namespace(dict[str, Any]):
    """The attributes of an object whose class is not wanted, such as argparse.Namespace."""


def read_pickle(
    stream: IO[bytes] | mmap.mmap,
    names: Mapping[str, object],
    *,
    persistent: Callable[[object], object] | None = None,
    leaves: tuple[type, ...] = (),
) -> Any:
    """Read one pickle from `stream`, which is left just behind it.

    `names` maps "module.name" to what it stands for: a `Builder`, or any other value that
    builders take as an argument.  `persistent` turns persistent ids into values.  The result
    consists of None, bool, int, float, str, bytes, tuple, list, dict, `Namespace` and instances
    of `leaves`.  Raises ValueError for anything malformed, refused or past the limits above.
    """
    machine = _Machine(names, persistent)
    opcodes = pickletools.genops(stream)  # type: ignore[arg-type]
    for _ in range(MAX_OPCODES):
        try:
            opcode, argument, position = next(opcodes)
        except StopIteration:
            break
        except (ValueError, IndexError) as error:
            raise ValueError(f"a damaged pickle: {error}") from None
        try:
            machine.step(opcode.name, argument)
        except ValueError as error:
            raise ValueError(f"{error} (opcode {opcode.name} at byte {position})") from None
    else:
        raise ValueError(f"a pickle of more than {MAX_OPCODES} opcodes")
    result = machine.result()
    _check_plain(result, (*_PLAIN, *leaves))
    return result


def _check_plain(value: object, leaves: tuple[type, ...]) -> None:
    """Refuse what is no plain value, cycles and deep nesting, level by level."""
    level: list[object] = [value]
    for _ in range(MAX_DEPTH):
        inside: dict[int, object] = {}  # each shared container once: no exponential walks
        for item in level:
            if isinstance(item, dict):
                inside.update((id(child), child) for child in item.values())
            elif type(item) in (list, tuple):
                inside.update((id(child), child) for child in item)  # type: ignore[attr-defined]
            elif not isinstance(item, leaves):
                raise ValueError(f"a bare {_describe(item)} where a value belongs")
        level = list(inside.values())
        if not level:
            return
    raise ValueError(f"nested more than {MAX_DEPTH} deep, or inside itself")


def _describe(value: object) -> str:
    return value.name if isinstance(value, Builder) else type(value).__name__


def show(value: object) -> str:
    """A value for a message, short: what a pickle built may be endless when written out."""
    if isinstance(value, (str, bytes)):
        return repr(value[:100])
    return repr(value) if isinstance(value, _PLAIN) else f"a {_describe(value)}"


def _expect(value: object, kind: type, what: str) -> Any:
    if not isinstance(value, kind):
        raise ValueError(f"{what} is a {_describe(value)}, not a {kind.__name__}")
    return value


def _set_items(target: dict[Any, Any], items: list[object]) -> None:
    if len(items) % 2:
        raise ValueError("a key without a value")
    for key, value in zip(items[::2], items[1::2], strict=True):
        # No tuples: hashing would recurse into what the pickle nested there.
        if not isinstance(key, (str, bytes, int, type(None))):
            raise ValueError(f"a key is a {_describe(key)}")
        if isinstance(key, int) and abs(key) >= _MAX_KEY:
            raise ValueError(f"a key is {key}")
        target[key] = value


def build_dict(pairs: object = ()) -> dict[Any, Any]:
    """The dict of a list of pairs, which is how Python 2 pickled an OrderedDict."""
    result: dict[Any, Any] = {}
    if not isinstance(pairs, (list, tuple)):
        raise ValueError("a dict made of something else than pairs")
    for pair in pairs:
        if not isinstance(pair, (list, tuple)) or len(pair) != 2:
            raise ValueError("a dict made of something else than pairs")
        _set_items(result, list(pair))
    return result


class _Machine:
    """The stack, its marks and the memo."""

    def __init__(
        self, names: Mapping[str, object], persistent: Callable[[object], object] | None
    ) -> None:
        self._names = names
        self._persistent = persistent
        self._stack: list[Any] = []
        self._below: list[list[Any]] = []  # what lay under each mark
        self._memo: dict[int, Any] = {}
        self._work = MAX_WORK

    def _charge(self, *values: object) -> None:
        """Count what a call has to go through: the same long list may be passed many times."""
        self._work -= sum(len(v) for v in values if isinstance(v, (tuple, list, dict, str, bytes)))
        if self._work < 0:
            raise ValueError("the pickle passes the same data about far too often")

    def step(self, name: str, argument: Any) -> None:
        if name in _LITERALS:
            if isinstance(argument, int) and argument.bit_length() > MAX_INT_BITS:
                raise ValueError(f"an integer of {argument.bit_length()} bits")
            self._stack.append(argument)
        elif name in _CONSTANTS:
            self._stack.append(_CONSTANTS[name])
        elif name not in _IGNORED:
            handler = _HANDLERS.get(name)
            if handler is None:
                raise ValueError("refused: this reader only builds plain values and tensors")
            handler(self, argument)

    def result(self) -> Any:
        if len(self._stack) != 1 or self._below:
            raise ValueError(f"the pickle leaves {len(self._stack)} values instead of one")
        return self._stack[0]

    def _pop(self) -> Any:
        if not self._stack:
            raise ValueError("nothing on the stack")
        return self._stack.pop()

    def _top(self) -> Any:
        if not self._stack:
            raise ValueError("nothing on the stack")
        return self._stack[-1]

    def _pop_mark(self) -> list[Any]:
        if not self._below:
            raise ValueError("no mark on the stack")
        items, self._stack = self._stack, self._below.pop()
        return items

    def _pop_many(self, count: int) -> tuple[Any, ...]:
        if len(self._stack) < count:
            raise ValueError("too little on the stack")
        items = tuple(self._stack[-count:])
        del self._stack[-count:]
        return items

    def _mark(self, _: object) -> None:
        self._below.append(self._stack)
        self._stack = []

    def _drop(self, _: object) -> None:
        if self._stack:
            self._stack.pop()
        else:
            self._pop_mark()

    def _drop_mark(self, _: object) -> None:
        self._pop_mark()

    def _duplicate(self, _: object) -> None:
        self._stack.append(self._top())

    def _empty_list(self, _: object) -> None:
        self._stack.append([])

    def _empty_tuple(self, _: object) -> None:
        self._stack.append(())

    def _empty_dict(self, _: object) -> None:
        self._stack.append({})

    def _list(self, _: object) -> None:
        items = self._pop_mark()
        self._stack.append(items)

    def _tuple(self, _: object) -> None:
        items = tuple(self._pop_mark())
        self._stack.append(items)

    def _tuple1(self, _: object) -> None:
        self._stack.append(self._pop_many(1))

    def _tuple2(self, _: object) -> None:
        self._stack.append(self._pop_many(2))

    def _tuple3(self, _: object) -> None:
        self._stack.append(self._pop_many(3))

    def _dict(self, _: object) -> None:
        result: dict[Any, Any] = {}
        _set_items(result, self._pop_mark())
        self._stack.append(result)

    def _append(self, _: object) -> None:
        item = self._pop()
        _expect(self._top(), list, "what is appended to").append(item)

    def _appends(self, _: object) -> None:
        items = self._pop_mark()
        _expect(self._top(), list, "what is appended to").extend(items)

    def _set_item(self, _: object) -> None:
        items = list(self._pop_many(2))
        _set_items(_expect(self._top(), dict, "what is filled"), items)

    def _set_items(self, _: object) -> None:
        items = self._pop_mark()
        _set_items(_expect(self._top(), dict, "what is filled"), items)

    def _put(self, index: int) -> None:
        if not 0 <= index < _MAX_KEY:
            raise ValueError(f"remembers something as number {index}")
        self._memo[index] = self._top()

    def _memoize(self, _: object) -> None:
        self._put(len(self._memo))

    def _get(self, index: int) -> None:
        if index not in self._memo:
            raise ValueError(f"nothing was remembered as number {index}")
        self._stack.append(self._memo[index])

    def _global(self, pair: str) -> None:
        self._find(*pair.split(" ", 1))

    def _stack_global(self, _: object) -> None:
        module, name = self._pop_many(2)
        self._find(_expect(module, str, "a module"), _expect(name, str, "a name"))

    def _find(self, module: str, name: str) -> None:
        full = f"{module}.{name}"
        if full not in self._names:
            raise ValueError(f"refuses to run code: the pickle asks for {full[:200]!r}")
        self._stack.append(self._names[full])

    def _call(self, _: object) -> None:
        function, arguments = self._pop_many(2)
        _expect(function, Builder, "what is called")
        _expect(arguments, tuple, "the argument list")
        self._charge(arguments)
        self._charge(*arguments)
        try:
            self._stack.append(function.build(*arguments))
        except TypeError:
            raise ValueError(f"wrong arguments for {function.name}") from None

    def _build(self, _: object) -> None:
        state = self._pop()
        target = self._top()
        if not isinstance(target, dict) or not isinstance(state, dict):
            raise ValueError(f"refuses to set the state of a {_describe(target)}")
        # A dict's own state is what is not in it (attributes of an OrderedDict): not wanted.
        if isinstance(target, Namespace):
            self._charge(state)
            target.update(state)

    def _persistent_id(self, _: object) -> None:
        if self._persistent is None:
            raise ValueError("a persistent id, which has no meaning here")
        self._stack.append(self._persistent(self._pop()))

    def _stop(self, _: object) -> None:
        pass


_HANDLERS: dict[str, Callable[[_Machine, Any], None]] = {
    "MARK": _Machine._mark,
    "POP": _Machine._drop,
    "POP_MARK": _Machine._drop_mark,
    "DUP": _Machine._duplicate,
    "EMPTY_LIST": _Machine._empty_list,
    "EMPTY_TUPLE": _Machine._empty_tuple,
    "EMPTY_DICT": _Machine._empty_dict,
    "LIST": _Machine._list,
    "TUPLE": _Machine._tuple,
    "TUPLE1": _Machine._tuple1,
    "TUPLE2": _Machine._tuple2,
    "TUPLE3": _Machine._tuple3,
    "DICT": _Machine._dict,
    "APPEND": _Machine._append,
    "APPENDS": _Machine._appends,
    "SETITEM": _Machine._set_item,
    "SETITEMS": _Machine._set_items,
    "PUT": _Machine._put,
    "BINPUT": _Machine._put,
    "LONG_BINPUT": _Machine._put,
    "MEMOIZE": _Machine._memoize,
    "GET": _Machine._get,
    "BINGET": _Machine._get,
    "LONG_BINGET": _Machine._get,
    "GLOBAL": _Machine._global,
    "STACK_GLOBAL": _Machine._stack_global,
    "REDUCE": _Machine._call,
    "NEWOBJ": _Machine._call,
    "BUILD": _Machine._build,
    "BINPERSID": _Machine._persistent_id,
    "STOP": _Machine._stop,
}
