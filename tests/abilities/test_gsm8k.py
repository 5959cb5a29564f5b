"""GSM8K: its file, and what is said where it is not there."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest

from espalier.abilities.gsm8k import gsm8k
from espalier.ability import Reply
from espalier.errors import DataError, MissingError, SpecError
from espalier.scorers.exact import exact
from espalier.scoring import make_ability

LINES = "".join(
    json.dumps({"question": f"q{i}", "answer": f"so <<1+{i}={i + 1}>>\n#### 1,00{i}"}) + "\n"
    for i in range(3)
)


@pytest.mark.parametrize("place", ["gsm8k/test.jsonl", "test.jsonl", "gsm8k/test.jsonl.gz"])
def test_the_test_split_is_found_in_a_folder(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / place
    file.parent.mkdir(exist_ok=True)
    packed = place.endswith(".gz")
    file.write_bytes(gzip.compress(LINES.encode()) if packed else LINES.encode())
    ability = gsm8k(data=str(tmp_path))
    assert [item.facts["answer"] for item in ability.items] == ["1,000", "1,001", "1,002"]
    assert ability.items[0].prompt == ({"role": "user", "content": "q0"},)
    monkeypatch.setenv("ESPALIER_DATA", str(tmp_path))
    assert gsm8k(limit=2).items == ability.items[:2]


def test_missing_data_says_what_to_fetch_and_where_to_put_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ESPALIER_DATA", raising=False)
    for folder in (None, str(tmp_path)):
        with pytest.raises(MissingError, match=r"fetch .*test\.jsonl.* put it into") as caught:
            gsm8k(data=folder)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("limit", [0, -1, "some"])
def test_a_limit_is_a_number_of_items(limit: object, tmp_path: Path) -> None:
    (tmp_path / "test.jsonl").write_text(LINES)
    with pytest.raises(SpecError, match="ability gsm8k: limit: Input should be"):
        make_ability("gsm8k", {"data": str(tmp_path), "limit": limit})


def test_a_damaged_test_split_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "test.jsonl").write_text(LINES + '{"question": "q", "answer": "7"}\n')
    with pytest.raises(DataError, match=r"test\.jsonl, line 4: not \{question, answer\}"):
        gsm8k(data=str(tmp_path))


@pytest.mark.data
@pytest.mark.skipif("ESPALIER_DATA" not in os.environ, reason="ESPALIER_DATA names no folder")
def test_every_reference_answer_of_the_real_split_is_right() -> None:
    items = gsm8k().items
    assert len(items) == 1_319
    scorer = exact(rule="gsm8k")
    assert all(scorer.grade(item, Reply(text=item.target)).score == 1.0 for item in items)
    shifted = zip(items, [*items[1:], items[0]], strict=True)
    right = [scorer.grade(item, Reply(text=other.target)).score for item, other in shifted]
    assert sum(map(bool, right)) < 0.05 * len(items)
