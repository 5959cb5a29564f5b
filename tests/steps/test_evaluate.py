"""Asking once, keeping every reply, and grading what was kept."""

from __future__ import annotations

import hashlib
import json
import math
import pickle
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from espalier.ability import Ability, Grade, Item, Likelihood, Prompt, Reply, Scorer, Use
from espalier.errors import DataError, SpecError
from espalier.scoring import make_scorer
from espalier.step import Site, Step
from espalier.steps import evaluate
from espalier.steps.evaluate import Answer, Exam, Score, asked, prepare, scored
from espalier.steps.train import Pretrained

BASE = Pretrained(digest="0" * 64, path="nowhere")


class Killed(BaseException):
    """A power cut."""


@dataclass
class Parrot:
    """A backend that answers each prompt with a number made of it, and can be killed."""

    patience: int = 10**9
    calls: list[int] = field(default_factory=list)
    loaded: int = 0

    @contextmanager
    def load(self, model: Path, *, site: Site) -> Iterator[Parrot]:
        self.loaded += 1
        yield self

    def generate(
        self,
        prompts: Sequence[Prompt],
        *,
        max_new_tokens: int,
        stop: Sequence[str] = (),
        temperature: float = 0.0,
        seeds: Sequence[int] = (),
    ) -> list[Reply]:
        self._work(len(prompts))
        if temperature:
            return [Reply(text=f"drawn {p} {s % 97}") for p, s in zip(prompts, seeds, strict=True)]
        return [Reply(text=f"answer {_number(p)}", finished=_number(p) > 1) for p in prompts]

    def likelihoods(self, pairs: Sequence[tuple[Prompt, str]]) -> list[Likelihood]:
        self._work(len(pairs))
        return [
            Likelihood(total=-_number(prompt) / 7, tokens=len(said), characters=len(said))
            for prompt, said in pairs
        ]

    def _work(self, asked: int) -> None:
        if len(self.calls) == self.patience:
            raise Killed
        self.calls.append(asked)


def _number(prompt: Prompt) -> int:
    return hashlib.sha256(repr(prompt).encode()).digest()[0] % 3


def sums(*, items: int = 600, shift: int = 0, tokens: int = 9, name: str = "sums") -> Ability:
    """Make items whose prompts depend on nothing, and whose targets on `shift`."""
    made = [
        Item(
            id=f"sums/{i}",
            prompt=f"what is {i}?",
            target=f"answer {(i + shift) % 3}",
            candidates=() if i % 2 else (f"answer {(i + shift) % 3}", "answer 5"),
            chance=0.25,
        )
        for i in range(items)
    ]
    scorers = (Use(scorer="exact", options={"rule": "answer"}), Use(scorer="nll"))
    return Ability(name=name, items=tuple(made), scorers=scorers, max_new_tokens=tokens)


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> Parrot:
    parrot = Parrot()
    monkeypatch.setattr(evaluate, "backends", {"parrot": parrot})
    monkeypatch.setattr("espalier.scoring.abilities", {"sums": sums})
    return parrot


def steps(**options: Any) -> list[Any]:
    return list(prepare("sums", options).scores(BASE, backend="parrot"))


def nowhere(step: Step) -> Path:
    raise AssertionError(f"{step} is not to be read")


def run(step: Step, out: Path, at: Callable[[Step], Path] = nowhere) -> Path:
    out.mkdir(exist_ok=True, parents=True)
    step.run(out, at, Site(progress=out.parent / "progress.json"))
    return out


def test_every_reply_is_kept_in_the_order_of_the_items(backend: Parrot, tmp_path: Path) -> None:
    exact, _ = steps()
    rows = pq.read_table(run(exact.answer, tmp_path / "a") / "replies.parquet").to_pylist()
    assert [row["item"] for row in rows] == [f"sums/{i}" for i in range(600)]
    assert rows[5]["prompt"] == "what is 5?"
    assert rows[5]["reply"] == f"answer {_number('what is 5?')}"
    assert rows[5]["likelihoods"] == []
    assert {row["finished"] for row in rows} == {True, False}
    assert backend.calls == [256, 256, 88]


def test_likelihoods_are_kept_for_each_candidate_or_the_target(
    backend: Parrot, tmp_path: Path
) -> None:
    _, nll = steps()
    rows = pq.read_table(run(nll.answer, tmp_path / "a") / "replies.parquet").to_pylist()
    assert [len(row["likelihoods"]) for row in rows[:4]] == [2, 1, 2, 1]
    expected = {"total": -_number("what is 0?") / 7, "tokens": 8, "characters": 8, "first": None}
    assert rows[0]["likelihoods"][0] == expected
    assert rows[0]["reply"] is None


@pytest.mark.parametrize("kind", [0, 1])
@pytest.mark.parametrize("patience", [0, 1, 2])
def test_a_killed_answer_goes_on_and_nobody_can_tell(
    kind: int, patience: int, backend: Parrot, tmp_path: Path
) -> None:
    answer = steps()[kind].answer
    whole = run(answer, tmp_path / "whole") / "replies.parquet"
    backend.calls, backend.patience = [], patience
    with pytest.raises(Killed):
        run(answer, tmp_path / "killed")
    assert not (tmp_path / "killed" / "replies.parquet").exists()
    backend.calls, backend.patience = [], 10**9
    again = run(answer, tmp_path / "killed")
    assert len(backend.calls) == 3 - patience
    assert (again / "replies.parquet").read_bytes() == whole.read_bytes()
    assert sorted(file.name for file in again.iterdir()) == ["replies.parquet"]


def test_a_damaged_part_is_asked_again(backend: Parrot, tmp_path: Path) -> None:
    answer = steps()[0].answer
    whole = run(answer, tmp_path / "whole") / "replies.parquet"
    backend.calls, backend.patience = [], 2
    with pytest.raises(Killed):
        run(answer, tmp_path / "killed")
    (tmp_path / "killed" / "parts" / "00000.parquet").write_bytes(b"PAR1")
    backend.calls, backend.patience = [], 10**9
    again = run(answer, tmp_path / "killed") / "replies.parquet"
    assert backend.calls == [256, 88]
    assert again.read_bytes() == whole.read_bytes()


def test_a_model_is_not_loaded_when_everything_is_already_kept(
    backend: Parrot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = steps(items=300)[0].answer

    def cut(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(evaluate, "_join", cut)
        run(answer, tmp_path / "a")
    run(answer, tmp_path / "a")
    assert backend.loaded == 1


def test_progress_is_told(backend: Parrot, tmp_path: Path) -> None:
    run(steps()[0].answer, tmp_path / "a")
    told = json.loads((tmp_path / "progress.json").read_text())
    assert told == {"done": 512, "total": 600, "unit": "items"}


def test_a_score_grades_what_was_kept(backend: Parrot, tmp_path: Path) -> None:
    for score, metric in zip(steps(), ("accuracy", "nll"), strict=True):
        run(score.answer, tmp_path / "answer" / metric)
        out = run(score, tmp_path / metric, lambda _, name=metric: tmp_path / "answer" / name)
        summary = json.loads((out / "score.json").read_text())
        rows = pq.read_table(out / "items.parquet").to_pylist()
        assert list(rows[0]) == [
            *("item", "prompt", "reply", "target", "extracted", "score", "chance", "cluster"),
            "reason",
        ]
        assert summary["metric"] == metric
        assert summary["n"] == len(rows) == 600
        assert summary["score"] == pytest.approx(sum(row["score"] for row in rows) / 600)
        assert summary["chance"] == (0.25 if metric == "accuracy" else None)
        assert summary["higher_is_better"] is (metric == "accuracy")
        assert 0 < summary["stderr"] < 0.05
    right = sum(_number(f"what is {i}?") == i % 3 for i in range(600))
    accuracy = json.loads((tmp_path / "accuracy" / "score.json").read_text())
    assert accuracy["score"] == right / 600
    assert accuracy["stderr"] == pytest.approx(math.sqrt(right * (600 - right) / 600**3))


def test_abilities_that_ask_the_same_share_their_answers(backend: Parrot) -> None:
    one, other = steps(), steps(shift=1, name="other")
    assert one[0].answer.key == other[0].answer.key
    assert one[0].key != other[0].key
    assert one[1].answer.key != other[1].answer.key  # their targets differ, which is asked here
    assert one[0].answer.questions.asked != one[1].answer.questions.asked


@pytest.mark.parametrize("change", [{"items": 599}, {"tokens": 10}])
def test_what_is_asked_decides_the_key_of_an_answer(
    change: dict[str, int], backend: Parrot
) -> None:
    assert steps()[0].answer.key != steps(**change)[0].answer.key


def test_a_moved_scorer_or_target_is_another_score() -> None:
    ability, scorer = sums(items=3), make_scorer(Use(scorer="nll"))
    first, *rest = ability.items
    changes = [
        replace(first, facts={"answer": "1"}),
        replace(first, cluster="a"),
        replace(first, chance=0.5),
        replace(first, target="answer 9"),
    ]
    digests = [scored(replace(ability, items=(item, *rest)), scorer) for item in changes]
    digests += [scored(ability, scorer), scored(ability, replace(scorer, version=2))]
    assert len(set(digests)) == 6
    assert {asked(replace(ability, items=(item, *rest)), "generate") for item in changes} == {
        asked(ability, "generate")
    }


def test_steps_travel_to_another_process(backend: Parrot, tmp_path: Path) -> None:
    score = steps(items=3)[0]
    sent = pickle.loads(pickle.dumps(score))
    assert sent.key == score.key
    assert (run(sent.answer, tmp_path / "a") / "replies.parquet").exists()


def test_items_that_changed_since_planning_are_refused(
    backend: Parrot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    score = steps(items=4)[0]
    monkeypatch.setattr("espalier.scoring.abilities", {"sums": lambda *, items: sums(items=7)})
    evaluate._rebuilt.cache_clear()
    with pytest.raises(DataError, match="ability sums: its items have changed since planning"):
        run(score.answer, tmp_path / "a")


def test_targets_that_changed_since_planning_are_refused(
    backend: Parrot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    score = steps(items=4)[0]
    answers = run(score.answer, tmp_path / "a")
    monkeypatch.setattr(
        "espalier.scoring.abilities", {"sums": lambda *, items: sums(items=items, shift=1)}
    )
    evaluate._rebuilt.cache_clear()
    with pytest.raises(DataError, match="ability sums: its items have changed since planning"):
        run(score, tmp_path / "s", lambda _: answers)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"item": 3}, "ability sums: no option 'item'; there are items, name, shift, tokens."),
        ({"items": "few"}, "ability sums: items: Input should be a valid integer"),
        ({"items": None}, "ability sums: items: Input should be a valid integer"),
    ],
)
def test_options_of_an_ability_are_checked_at_the_door(
    options: dict[str, Any], why: str, backend: Parrot
) -> None:
    with pytest.raises(SpecError) as caught:
        prepare("sums", options)
    assert why in str(caught.value)


def test_an_exam_is_prepared_once_for_many_checkpoints(backend: Parrot) -> None:
    exam: Exam = prepare("sums", {"items": 3})
    other = replace(BASE, digest="1" * 64)
    keys = {score.key for start in (BASE, other) for score in exam.scores(start, backend="parrot")}
    assert len(keys) == 4
    assert isinstance(exam.scores(BASE, backend="parrot")[0].answer, Answer)


def talks(*, followups: int = 2, samples: int = 1) -> Ability:
    """Make conversations of several turns, some greedy and some sampled."""
    items = tuple(
        Item(
            id=f"talks/{i}",
            prompt=({"role": "user", "content": f"tell me {i}"},),
            target="answer 1",
            followups=tuple(f"and {i} {n}?" for n in range(followups if samples == 1 else 0)),
            temperature=0.7 if i % 2 or samples > 1 else 0.0,
        )
        for i in range(4)
    )
    uses = (Use(scorer="exact", options={"rule": "answer"}),)
    return Ability(name="talks", items=items, scorers=uses, samples=samples)


def run_answer(tmp_path: Path, options: dict[str, Any]) -> list[dict[str, Any]]:
    [score] = prepare("talks", options).scores(BASE, backend="parrot")
    tmp_path.mkdir(exist_ok=True)
    score.answer.run(tmp_path, lambda step: tmp_path, Site())
    rows: list[dict[str, Any]] = pq.read_table(tmp_path / "replies.parquet").to_pylist()
    return rows


def test_every_turn_is_asked_with_the_replies_before_it(
    backend: Parrot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("espalier.scoring.abilities", {"talks": talks})
    rows = run_answer(tmp_path, {})
    assert [len(row["more"]) for row in rows] == [2, 2, 2, 2]
    assert rows[0]["reply"].startswith("answer")
    second = rows[1]["more"][0]  # what the parrot says of a sampled turn repeats its prompt
    assert second.startswith("drawn (")
    assert rows[1]["reply"] in second.replace("\\", "")
    assert "and 1 0?" in second
    assert "and 1 1?" not in second


def test_samples_differ_and_are_the_same_in_every_run(
    backend: Parrot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("espalier.scoring.abilities", {"talks": talks})
    rows = run_answer(tmp_path / "a", {"samples": 5})
    for row in rows:
        assert len({row["reply"], *row["more"]}) > 1
    assert rows == run_answer(tmp_path / "b", {"samples": 5})


def test_samples_without_a_temperature_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    greedy = replace(sums(), name="greedy", samples=3)
    monkeypatch.setattr("espalier.scoring.abilities", {"greedy": lambda: greedy})
    with pytest.raises(SpecError, match="3 samples of each item need a temperature above 0"):
        prepare("greedy", {})


def test_turns_temperatures_and_samples_are_identity_and_their_defaults_are_not(
    backend: Parrot,
) -> None:
    ability = sums(items=2)
    item, other = ability.items
    changed = [
        replace(ability, items=(replace(item, followups=("more?",)), other)),
        replace(ability, items=(replace(item, temperature=0.5), other)),
        replace(ability, samples=2),
    ]
    digests = {asked(a, "generate") for a in (ability, *changed)}
    assert len(digests) == 4
    same = replace(item, followups=(), temperature=0.0)
    assert asked(replace(ability, items=(same, other)), "generate") == asked(ability, "generate")


def test_a_scorer_that_needs_both_is_given_text_and_likelihoods(
    backend: Parrot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen: list[Reply] = []

    def look(item: Item, reply: Reply) -> Grade:
        seen.append(reply)
        return Grade(score=1.0)

    both = Scorer(metric="both", asks="generate", also="likelihood", grade=look)
    monkeypatch.setattr("espalier.scoring.scorers", {"both": lambda: both})
    two = replace(sums(items=3), scorers=(Use(scorer="both"),))
    monkeypatch.setattr("espalier.scoring.abilities", {"two": lambda: two})
    [score] = prepare("two", {}).scores(BASE, backend="parrot")
    assert len(score.parents) == 2
    homes = {}
    for step in score.ancestry():
        homes[step.key] = tmp_path / step.key
        homes[step.key].mkdir(exist_ok=True)
        if isinstance(step, Answer | Score):
            step.run(homes[step.key], lambda s: homes[s.key], Site())
    assert [bool(reply.text) and len(reply.likelihoods) for reply in seen] == [2, 1, 2]
