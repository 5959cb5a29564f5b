"""docs/table.md tells a stranger every column, and its example can be analysed."""

import io
import re
from pathlib import Path

import pandas as pd

from espalier.analysis import analyze
from espalier.results import COLUMNS, REQUIRED, tidy

PAGE = (Path(__file__).parent.parent / "docs" / "table.md").read_text(encoding="utf-8")


def test_the_page_names_every_column_and_marks_the_required():
    heads = [line.split("|")[1] for line in PAGE.splitlines() if line.startswith("| `")]
    named = [name for head in heads for name in re.findall(r"`(\w+)`", head)]
    assert named == list(COLUMNS)
    starred = [re.findall(r"`(\w+)`", head)[0] for head in heads if "*" in head]
    assert starred == list(REQUIRED)


def test_the_example_on_the_page_says_something():
    example = PAGE.split("```csv\n")[1].split("```")[0]
    table = tidy(pd.read_csv(io.StringIO(example), dtype=str))
    assert [f.verdict for f in analyze(table).of("growth")] == ["grows"]
