"""The page of what the published numbers bear says what the analysis says today."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def made():
    spec = importlib.util.spec_from_file_location("papers_page", ROOT / "bench/papers.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_up_to_date(made):
    text = (ROOT / "docs/papers.md").read_text(encoding="utf-8")
    assert text == made.page(), "run `make docs`"


def test_every_figure_of_the_page_is_there_and_made_by_it(made):
    shown = set(re.findall(r"\(papers/(\w+)\.svg\)", made.page()))
    assert shown == set(made.figures())
    for name in shown:
        assert "<svg" in (ROOT / f"docs/papers/{name}.svg").read_text(encoding="utf-8")[:200]


def test_a_figure_is_drawn_from_the_findings(made):
    drawn = made.draw(made.figures()["k"]())
    assert "GSM8K" in drawn
    assert "NaN" not in drawn
