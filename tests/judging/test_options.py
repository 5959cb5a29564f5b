"""How a user names a judge, and what has no place there."""

from __future__ import annotations

from typing import Any

import pytest

from espalier.errors import SpecError
from espalier.judging import judge_named, judged_by

FULL = {
    "model": "gpt-4.1",
    "repeats": 3,
    "temperature": None,
    "endpoint": "http://localhost:1/v1",
    "most_cost": 5,
    "price": {"input": 2, "output": 8},
}


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ESPALIER_JUDGE", raising=False)


def test_what_changes_a_judgment_is_kept_apart_from_what_does_not() -> None:
    use = judged_by(FULL)
    assert use.options == {"judge": {"model": "gpt-4.1", "repeats": 3, "temperature": None}}
    assert use.means == {
        "means": {
            "endpoint": "http://localhost:1/v1",
            "most_cost": 5,
            "price": {"input": 2, "output": 8},
        }
    }
    assert judged_by("gpt-4.1", "pair").options == {"mode": "pair", "judge": {"model": "gpt-4.1"}}


@pytest.mark.parametrize("text", ["gpt-4.1", ' {"model": "gpt-4.1", "repeats": 1}'])
def test_the_environment_may_name_one(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert judge_named(None) is None
    monkeypatch.setenv("ESPALIER_JUDGE", text)
    named = judge_named(None)
    assert named is not None
    assert named[0].model == "gpt-4.1"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"model": "m", "api_key": "x"}, r"judge\.api_key: a key belongs into no study"),
        ({"model": "m", "OPENAI_API_KEY": "x"}, r"judge\.OPENAI_API_KEY: a key"),
        ({"model": "m", "token": "x"}, r"judge\.token: a key"),
        ({"model": "m", "extra": {"authorization": "x"}}, r"judge\.extra\.authorization: a key"),
        ({"model": "m", "version": "sk-abcdefghijklmnop"}, r"judge\.version: a key"),
        ({"model": "m", "extra": {"h": "Bearer abc"}}, r"judge\.extra\.h: a key"),
        ({"model": "m", "endpoint": "https://me:pw@host/v1"}, r"endpoint: .* no name, key"),
        ({"model": "m", "endpoint": "https://host/v1?key=1"}, r"endpoint: .* no name, key"),
        ({"model": "m", "endpoint": "localhost:8000"}, r"endpoint: .*such as http://"),
        ({"model": ""}, r"judge\.model"),
        ({}, r"judge\.model: Field required"),
        ({"model": "m", "reapeats": 3}, r"no option 'reapeats'; .*Did you mean 'repeats'"),
        ({"model": "m", "repeats": 0}, r"judge\.repeats: .*greater than or equal to 1"),
        ({"model": "m", "most_cost": 3}, r"most_cost: the price is missing"),
        ({"model": "m", "extra": {"messages": []}}, r"'messages' is no further field"),
        ({"model": "m", "price": {"input": 1}}, r"judge\.price\.output: Field required"),
    ],
)
def test_rubbish_is_one_line_and_never_says_a_key(given: dict[str, Any], said: str) -> None:
    with pytest.raises(SpecError, match=said) as caught:
        judge_named(given)
    assert "\n" not in str(caught.value)
    assert not any(secret in str(caught.value) for secret in ("abcdefghij", "Bearer abc", "me:pw"))


@pytest.mark.parametrize("text", ["{", "[1]", '{"model": 3}'])
def test_rubbish_in_the_environment_is_one_line(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESPALIER_JUDGE", text)
    if text == "[1]":  # a name, however odd
        assert judge_named(None) is not None
        return
    with pytest.raises(SpecError, match="ESPALIER_JUDGE"):
        judge_named(None)
