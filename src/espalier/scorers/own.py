"""A user's own scorer: a function `score(item, reply)` in a Python file of theirs.

It returns a number, True or False, None (unscored) or a `Grade`.  The file is run as it is; its
content is part of what a score is, so that changing it grades anew, and where it lies is not.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from espalier.ability import Ask, Grade, Item, Reply, Scorer
from espalier.errors import DataError
from espalier.shelf import digest_of, failure_in, from_file


def own(
    *,
    file: str,
    function: str = "score",
    metric: str | None = None,
    asks: Ask = "generate",
    also: Ask | None = None,
    higher_is_better: bool = True,
    digest: str | None = None,
) -> Scorer:
    """Grade by `function` of `file`; the metric is called by the function's name if by no other.

    `digest` is what the file was when it was planned with: another content is refused.
    """
    path = Path(file).expanduser()
    if digest is not None and digest_of(path) != digest:
        raise DataError(f"{path}: has changed since planning; plan and run again")
    return Scorer(
        metric=metric or function,
        asks=asks,
        also=also,
        grade=partial(_grade, path, function, from_file(path, function)),
        higher_is_better=higher_is_better,
    )


def _grade(
    file: Path, name: str, score: Callable[[Item, Reply], Any], item: Item, reply: Reply
) -> Grade:
    try:
        given = score(item, reply)
        if isinstance(given, Grade):
            return given
        return Grade(score=None if given is None else float(given))
    except Exception as error:  # whatever a stranger's code raises is told with its line
        raise failure_in(file, name, error) from None
