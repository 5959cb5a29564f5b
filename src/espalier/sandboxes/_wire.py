"""Values as JSON between two processes that do not trust each other.

Plain data crosses by value, as the exact built-in type it is or derives from, so that no `__eq__`
of the other side is ever asked.  Everything else stays where it is, and a handle crosses.
"""

import builtins
import json
import sys
from collections.abc import Callable
from typing import Any

LONGEST = 16 * 2**20
"""The most bytes of one message."""


def pack(value: Any, keep: Callable[[Any], Any]) -> Any:
    """Return `value` as JSON values; what is not plain becomes the handle that `keep` makes."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return {"i": int.__format__(value, "x")}
    if isinstance(value, float):
        return {"r": float.__repr__(value)}
    if isinstance(value, complex):
        return {"c": [float(value.real), float(value.imag)]}
    if isinstance(value, str):
        return {"s": str.__str__(value)}
    if isinstance(value, bytes):
        return {"b": bytes.hex(value)}
    if isinstance(value, type) and getattr(builtins, type.__repr__(value)[8:-2], None) is value:
        return {"T": type.__repr__(value)[8:-2]}
    if isinstance(value, dict):
        return {"d": [[pack(k, keep), pack(v, keep)] for k, v in dict.items(value)]}
    if isinstance(value, list):
        return {"l": [pack(part, keep) for part in list.__iter__(value)]}
    if isinstance(value, tuple):
        return {"t": [pack(part, keep) for part in tuple.__iter__(value)]}
    if isinstance(value, set):
        return {"S": [pack(part, keep) for part in set.__iter__(value)]}
    if isinstance(value, frozenset):
        return {"F": [pack(part, keep) for part in frozenset.__iter__(value)]}
    return keep(value)


def unpack(form: Any, handle: Callable[[Any], Any]) -> Any:
    """Return the value of JSON values; `handle` makes what stands for the other side's objects."""
    if form is None or isinstance(form, bool):
        return form
    [(name, part)] = form.items()
    makers: dict[str, Callable[[Any], Any]] = {"l": list, "t": tuple, "S": set, "F": frozenset}
    if name in makers:
        return makers[name]([unpack(one, handle) for one in part])
    if name == "d":
        return {unpack(k, handle): unpack(v, handle) for k, v in part}
    if name == "i":
        return int(part, 16)
    if name == "r":
        return float(part)
    if name == "c":
        return complex(*part)
    if name == "b":
        return bytes.fromhex(part)
    if name == "T":
        return getattr(builtins, part) if isinstance(getattr(builtins, part), type) else None
    return str(part) if name == "s" else handle(part)


def send(message: Any, file: Any) -> None:
    """Write one message as a line."""
    file.write(json.dumps(message).encode() + b"\n")
    file.flush()


def receive(file: Any) -> Any:
    """Return the next message, or None where the other side is gone."""
    line = file.readline(LONGEST + 1)
    if len(line) > LONGEST:
        raise ValueError(f"a message of more than {LONGEST} bytes")
    return json.loads(line) if line.endswith(b"\n") else None


def limit(limits: dict[str, int]) -> None:
    """Bind this process to its limits for good: CPU seconds, bytes of memory and of a file."""
    import resource

    sys.set_int_max_str_digits(0)
    for name, most in (
        (resource.RLIMIT_AS, limits["memory"]),
        (resource.RLIMIT_FSIZE, limits["file"]),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(name, (most, most))
    resource.setrlimit(resource.RLIMIT_CPU, (limits["cpu"], limits["cpu"] + 1))
