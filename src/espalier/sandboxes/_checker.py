"""Inside the second sandbox: run the tests against a program that lives in the first.

The program's names are stand-ins here; a call crosses as data and comes back as data.  So the
tests' asserts, their expected values and the verdict lie where the program cannot reach them.
"""

import builtins
import os
import sys
import types
from typing import Any

from espalier.sandboxes._wire import limit, pack, receive, send, unpack


class Gone(BaseException):
    """The program's process has ended, or speaks no sense."""


class Failed(BaseException):
    """The program could not even be read."""


class Distant:
    """An object of the program, for tests to use: it answers with data, and equals itself alone.

    It is neither compared nor reckoned with: an object that is less than all, or whose distance to
    all is 0, would pass tests that it does not know.
    """

    def __init__(self, number: Any) -> None:
        object.__setattr__(self, "_number", number)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return _ask("call", self, list(arguments), dict(named))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _ask("get", self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        _ask("set", self, name, value)

    def __iter__(self) -> Any:
        return iter(_ask("list", self))

    def __str__(self) -> str:
        return str(_ask("str", self))

    def __len__(self) -> int:
        length: int = _ask("len", self)
        return length

    def __bool__(self) -> bool:
        return bool(_ask("bool", self))

    def __getitem__(self, place: Any) -> Any:
        return _ask("getitem", self, place)

    def __setitem__(self, place: Any, value: Any) -> None:
        _ask("setitem", self, place, value)

    def __delitem__(self, place: Any) -> None:
        _ask("delitem", self, place)

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Distant) and _number(self) == _number(other)


def main() -> None:
    """Run the tests of the job on standard input, and say on standard error what became of them."""
    verdict = os.fdopen(os.dup(2), "wb")
    os.dup2(os.open(os.devnull, os.O_RDWR), 2)
    job = receive(INPUT)
    limit(job["limits"])
    try:
        told = _test(job["names"], job["setup"], job["tests"])
    except Gone as error:
        told = {"passed": False, "gone": True, "reason": str(error)}
    except Failed as error:
        told = {"passed": False, "reason": str(error)}
    except BaseException as error:  # a test that fails, and whatever else tests raise
        told = {"passed": False, "reason": _reason(error)}
    send(told, verdict)


def _test(names: list[str], setup: str, tests: str) -> dict[str, Any]:
    """Run the tests; they see nothing of the program but `names`, lest it take another's place."""
    first = _heard()
    if "failed" in first:
        raise Failed(str(first["failed"]))
    module = types.ModuleType("tests")
    sys.modules["tests"] = module
    exec(compile(setup, "setup.py", "exec"), module.__dict__)  # noqa: S102
    for name in names:
        if name not in first["names"]:
            raise Failed(f"it does not define {name}")
        module.__dict__[name] = unpack(first["names"][name], Distant)
    exec(compile(tests, "tests.py", "exec"), module.__dict__)  # noqa: S102
    return {"passed": True, "reason": ""}


def _ask(what: str, *given: Any) -> Any:
    # the checker's own output carries the questions
    send({"do": what, "given": [pack(one, _theirs) for one in given]}, OUTPUT)
    heard = _heard()
    if "raised" in heard:
        raise _error(str(heard["raised"]), str(heard["told"]))
    for mine, form in zip(given, heard.get("changed", ()), strict=False):
        _update(mine, unpack(form, Distant))
    return unpack(heard["made"], Distant)


def _error(kind: str, told: str) -> Exception:
    """Return the error that the program raised, for tests that want it: of Python's own kinds."""
    found = getattr(builtins, kind, None)
    if isinstance(found, type) and issubclass(found, Exception):
        return found(told)
    return RuntimeError(f"{kind}: {told}")


def _heard() -> Any:
    try:
        heard = receive(INPUT)
        if heard is None or not isinstance(heard, dict):
            raise Gone("it ended before the tests did")
    except (ValueError, RecursionError, MemoryError) as error:
        raise Gone(f"it sent nonsense ({type(error).__name__})") from None
    return heard


def _theirs(value: Any) -> Any:
    if isinstance(value, Distant):
        return {"h": _number(value)}
    raise TypeError(f"a {type(value).__name__} cannot be handed to the program")


def _number(value: Any) -> Any:
    return object.__getattribute__(value, "_number")


def _update(mine: Any, theirs: Any) -> None:
    """Do to a list, dict or set of the tests what the program did to its copy."""
    if isinstance(mine, list) and isinstance(theirs, list):
        for one, other in zip(mine, theirs, strict=False):
            _update(one, other)
        if mine != theirs:
            mine[:] = theirs
    elif isinstance(mine, dict | set) and type(mine) is type(theirs) and mine != theirs:
        mine.clear()
        mine.update(theirs)


def _reason(error: BaseException) -> str:
    at, line = error.__traceback__, 0
    while at is not None:
        if at.tb_frame.f_code.co_filename == "tests.py":
            line = at.tb_lineno
        at = at.tb_next
    told = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return f"line {line} of the tests: {told}"[:300]


INPUT, OUTPUT = sys.stdin.buffer, sys.stdout.buffer
