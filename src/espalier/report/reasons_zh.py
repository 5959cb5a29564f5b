"""The reasons that analysis, recommendation and run give in English, in Chinese.

A reason is a sentence with values in it, so it is matched as a pattern: `{name}` stands for any
value.  Clauses joined by a semicolon are taken one by one.  What no pattern knows stays in English
rather than being lost; a test lists what a simulated table leaves so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

REASONS: Mapping[str, str] = {}


def reason(text: str) -> str:
    """Return `text` in Chinese, clause by clause; what is not known stays as it is."""
    whole = _known(text)
    if whole is not None:
        return whole
    return "；".join(_known(clause) or clause for clause in text.split("; "))


def _known(clause: str) -> str | None:
    for pattern, said in _patterns():
        if match := pattern.fullmatch(clause):
            return said.format(**match.groupdict())
    return None


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Compile the longest first, so that a general pattern takes no clause from a special one."""
    return tuple(
        (re.compile(_expression(english), re.DOTALL), chinese)
        for english, chinese in sorted(REASONS.items(), key=lambda pair: -len(pair[0]))
    )


def _expression(english: str) -> str:
    parts = re.split(r"\{(\w+)\}", english)
    return "".join(
        f"(?P<{part}>.+?)" if place % 2 else re.escape(part) for place, part in enumerate(parts)
    )
