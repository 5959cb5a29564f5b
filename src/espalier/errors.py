"""Refusals: what a user can mend is an `EspalierError`, and is printed as one line.

Everything else is a bug and keeps its traceback.  A refusal says where, what, what else there
is, and what to do; `choices` writes the last two.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class EspalierError(Exception):
    """Something the user can mend: shown as one line, exit status 2."""


class SpecError(EspalierError):
    """A study file, option or name is wrong."""


class DataError(EspalierError):
    """Rows, replies or a table cannot be used."""


class IdentityError(EspalierError):
    """A step was given a value that has no stable description."""


class DriftError(EspalierError):
    """The store holds something made from other defaults than today's."""


class MissingError(EspalierError):
    """A part that is not installed, or a file that is not there."""


class JudgeError(EspalierError):
    """A judge could not be asked all that it was to be asked; what it answered is kept."""


def choices(name: str, known: Iterable[str]) -> str:
    """Return `there are a, b, c. Did you mean 'b'?` for an unknown `name`."""
    names = sorted(known)
    if not names:
        return "there are none"
    near = "".join(f" Did you mean '{n}'?" for n in get_close_matches(name, names, n=1, cutoff=0.5))
    return f"there are {', '.join(names)}.{near}"
