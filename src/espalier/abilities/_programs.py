"""What abilities of code share: how they are graded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from espalier.ability import Use


def graders(k: Sequence[int], sandbox: str) -> tuple[Use, ...]:
    """Return one grader for each pass@k.

    What is the scorer's default is left out, so that both ways to say it mean one grading.
    """
    return tuple(Use(scorer="code", options=_options(each, sandbox)) for each in k)


def _options(k: int, sandbox: str) -> dict[str, Any]:
    given: dict[str, Any] = {} if k == 1 else {"k": k}
    return given | ({} if sandbox == "bubblewrap" else {"sandbox": sandbox})
