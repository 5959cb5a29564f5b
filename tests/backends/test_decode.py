"""Replies do not depend on what is asked beside them."""

from __future__ import annotations

from pathlib import Path

import pytest

import tiny
from espalier.backend import backends
from espalier.step import Site

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

PROMPTS = [f"{'word ' * (n % 7 + 1)}Tom has {n} apples" for n in range(23)]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.model(tmp_path_factory.mktemp("base"))


def texts(base: Path, prompts: list[str], *, micro_tokens: int, **options: object) -> list[str]:
    with backends["hf"].load(base, site=Site(micro_tokens=micro_tokens)) as lm:
        return [r.text or "" for r in lm.generate(prompts, max_new_tokens=12, **options)]  # type: ignore[arg-type]


def test_waiting_prompts_join_a_batch_and_get_the_reply_they_would_get_alone(base: Path) -> None:
    drawn = {"stop": ("e", "a"), "temperature": 1.5, "seeds": list(range(len(PROMPTS)))}
    for options in ({}, drawn):
        alone = texts(base, PROMPTS, micro_tokens=1, **options)
        assert texts(base, PROMPTS, micro_tokens=150, **options) == alone
        assert texts(base, PROMPTS, micro_tokens=16_384, **options) == alone
    assert len({len(text) for text in alone}) > 5  # rows did leave at different times


def test_a_sampled_reply_depends_on_its_seed_and_not_on_its_neighbours(base: Path) -> None:
    seeds = list(range(len(PROMPTS)))
    drawn = texts(base, PROMPTS, micro_tokens=300, temperature=1.0, seeds=seeds)
    [one] = texts(base, PROMPTS[5:6], micro_tokens=300, temperature=1.0, seeds=[5])
    assert one == drawn[5]
    [other] = texts(base, PROMPTS[5:6], micro_tokens=300, temperature=1.0, seeds=[6])
    assert other != one


def test_a_high_temperature_spreads_and_a_low_one_is_nearly_greedy(base: Path) -> None:
    def first(temperature: float) -> set[str]:
        return {
            texts(base, PROMPTS[:1], micro_tokens=99, temperature=temperature, seeds=[s])[0]
            for s in range(6)
        }

    assert len(first(2.0)) == 6
    assert first(1e-4) == set(texts(base, PROMPTS[:1], micro_tokens=99))
