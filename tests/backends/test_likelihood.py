"""Likelihoods with shared beginnings are those of single lines."""

from __future__ import annotations

from pathlib import Path

import pytest

import tiny
from espalier.backend import backends
from espalier.chat import Chat, Encoded
from espalier.step import Site

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from espalier.backends import _ask  # noqa: E402
from espalier.backends._likelihood import families, lines  # noqa: E402

SHOTS = "".join(f"What is {n} plus {n}?\nAnswer: {n + n}\n" for n in range(12))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.model(tmp_path_factory.mktemp("base"))


@pytest.fixture
def lengths(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count the tokens that go through a model."""
    import espalier.backends._likelihood as module

    seen: list[int] = []
    real = module.logits_at

    def counted(model, places, **inputs):  # type: ignore[no-untyped-def]
        seen.append(inputs["input_ids"].numel())
        return real(model, places, **inputs)

    monkeypatch.setattr(module, "logits_at", counted)
    return seen


def plain(folder: Path, prompt: str, reply: str) -> float:
    pair = Chat(folder).pair(prompt, reply)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder)
    with torch.no_grad():
        logs = model(torch.tensor([pair.ids])).logits[0].double().log_softmax(-1)
    at = [i for i, s in enumerate(pair.supervised) if s]
    return float(sum(logs[i - 1, pair.ids[i]] for i in at))


@pytest.mark.parametrize("replies", [(" A", " B", " C"), (" and so on", " and so", " 19 apples")])
@pytest.mark.parametrize("overhead", [0, 10**9])
def test_what_begins_alike_is_read_once_and_scores_the_same(
    base: Path,
    lengths: list[int],
    monkeypatch: pytest.MonkeyPatch,
    replies: tuple[str, ...],
    overhead: int,
) -> None:
    monkeypatch.setattr(_ask, "OVERHEAD", overhead)
    questions = [f"{SHOTS}What is {n} plus 1?\nAnswer:" for n in range(5)] + ["Another text"]
    pairs = [(question, reply) for question in questions for reply in replies]
    with backends["hf"].load(base, site=Site()) as lm:
        found = lm.likelihoods(pairs)
    for (prompt, reply), likelihood in zip(pairs, found, strict=True):
        assert likelihood.total == pytest.approx(plain(base, prompt, reply), abs=1e-4)
    whole = sum(len(Chat(base).pair(*pair).ids) for pair in pairs)
    assert sum(lengths) < whole / 4 if overhead == 0 else sum(lengths) > whole / 4


def test_pairs_that_read_the_same_are_one_line() -> None:
    rows = [Encoded([1, 2, 3, last], [False, False, False, True]) for last in (4, 5, 6)]
    [line] = lines(rows)
    assert line.ids == [1, 2, 3]
    totals, firsts = [(2, 4, 0), (2, 5, 1), (2, 6, 2)], [(2, 4, 3), (2, 5, 4), (2, 6, 5)]
    assert sorted(line.wanted) == sorted([*totals, *firsts])


def test_a_family_must_save_more_than_its_own_pass_costs() -> None:
    rows = [Encoded([*range(50), a, b], [False] * 50 + [True] * 2) for a, b in ((1, 2), (3, 4))]
    [(start, family)] = families(lines(rows), 10)
    assert start == 50
    assert len(family) == 2
    [(start, family)] = families(lines(rows), 30)
    assert start == 0


def test_rows_without_anything_supervised_have_likelihood_zero(base: Path) -> None:
    with backends["hf"].load(base, site=Site()) as lm:
        assert [found.total for found in lm.likelihoods([("", ""), ("a", "")])] == [0, 0]
