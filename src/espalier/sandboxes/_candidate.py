"""Inside the first sandbox: run a program, then answer calls of what it defines.

Whatever the program does to this process, all it can reach is a pipe to the checker, which takes
data and never believes it.
"""

# The sandbox has the standard library alone; `_wire` stands above this text when it is run.
import operator
import os
import sys
import types
from typing import Any

from espalier.sandboxes._wire import limit, pack, receive, send, unpack


def main() -> None:
    """Run the job on standard input, and serve its names until the input ends."""
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)
    job = receive(requests)
    limit(job["limits"])
    kept: list[Any] = []

    def keep(value: Any) -> Any:
        kept.append(value)
        return {"h": len(kept) - 1}

    def mine(number: Any) -> Any:
        return kept[number]

    module = types.ModuleType("candidate")
    sys.modules["candidate"] = module
    try:
        exec(compile(job["source"], "candidate.py", "exec"), module.__dict__)  # noqa: S102
    except BaseException as error:  # what a program raises while it is read, SystemExit too
        send({"failed": _told(error)}, replies)
        return
    own = vars(module)
    names = {n: pack(own[n], keep) for n in job["names"] if n in own}
    send({"names": names}, replies)
    while (asked := receive(requests)) is not None:
        try:
            given = [unpack(one, mine) for one in asked["given"]]
            before = [pack(one, keep) for one in given]
            made = {"made": pack(_do(asked["do"], *given), keep)}
            after = [pack(one, keep) for one in given]
            if before != after:  # it changed what it was given, as lists may be
                made["changed"] = after
            send(made, replies)
        except BaseException as error:  # the tests may expect it
            send({"raised": type(error).__name__, "told": str(error)[:300]}, replies)


def _do(what: str, *given: Any) -> Any:
    if what == "call":
        function, arguments, named = given
        return function(*arguments, **named)
    if what == "list":
        return [one for one, _ in zip(given[0], range(100_000), strict=False)]
    return ACTS[what](*given)


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:300]


ACTS: dict[str, Any] = {
    "get": getattr,
    "set": setattr,
    "str": str,
    "len": len,
    "bool": bool,
    "getitem": operator.getitem,
    "setitem": operator.setitem,
    "delitem": operator.delitem,
}
