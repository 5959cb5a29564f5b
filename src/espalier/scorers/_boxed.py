r"""What a reply puts into `\\boxed{...}`."""

from __future__ import annotations

import re

_OPENS = re.compile(r"\\f?box(?:ed)?\s*\{")


def boxed(text: str) -> list[str]:
    r"""Return what stands in every outermost `\boxed{...}`, braces matched, in their order."""
    found, end = [], 0
    for opening in _OPENS.finditer(text):
        if opening.start() < end:
            continue
        closing = _closing(text, opening.end())
        if closing is not None:
            found.append(text[opening.end() : closing].strip())
            end = closing
    return found


def _closing(text: str, at: int) -> int | None:
    """Return where the brace that is open at `at` closes."""
    depth = 1
    while at < len(text):
        if text[at] == "\\":
            at += 2  # what is escaped opens and closes nothing
            continue
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        if not depth:
            return at
        at += 1
    return None
