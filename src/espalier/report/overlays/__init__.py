"""Published curves to lay over the reader's own: one file, one paper, its numbers beside it as CSV.

They are single runs on other models, other benchmarks and other numbers of rows, so nothing here
is drawn on the reader's own axes unless both are brought to a share of their own largest.
"""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files

PAPERS = ("dong2023", "song2023")
"""Every paper there is; each is a module of this package and a CSV of the same name."""


@cache
def published(paper: str) -> tuple[dict[str, str], ...]:
    """Return the paper's printed numbers, a row each."""
    text = (files("espalier.report.overlays") / f"{paper}.csv").read_text(encoding="utf-8")
    return tuple(csv.DictReader(text.splitlines()))
