"""What tests of tasks share: what a user says, and how replies are graded."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from math import sqrt
from statistics import mean

from espalier import tunnel
from espalier.ability import Item, Message, Reply
from espalier.chat import Chat
from espalier.scoring import make_scorer
from espalier.tunnel.task import CONSTRUCTIONS, tasks

Row = tuple[Message, ...]

_LISTED = re.compile(r"(.*[?.:]) ([^?.:]+ A , [^?.:]+)", re.DOTALL)


def said(messages: Iterable[Message]) -> str:
    """Return all that the user says."""
    return "\n".join(m["content"] for m in messages if m["role"] == "user")


def asked(item: Item) -> str:
    """Return the last thing the user says."""
    assert not isinstance(item.prompt, str)
    return item.prompt[-1]["content"]


def listed(prompt: str) -> tuple[str, dict[str, str]]:
    """Return the question and its options by their letters, of which there may be none."""
    found = _LISTED.fullmatch(prompt)
    if not found:
        return prompt, {}
    return found[1], {each[-1]: each[:-2] for each in found[2].split(" , ")}


def chosen(prompt: str, reply: str) -> str:
    """Return the option that a reply to a lettered question says, its own letter behind it."""
    option = listed(prompt)[1][reply[-1]]
    assert reply == f"{option} {reply[-1]}"
    return option


def key(item: Item) -> str:
    """Return the right option of a lettered question."""
    return chosen(asked(item), item.target)


def misses(item: Item) -> list[str]:
    """Return replies to a lettered question that are nearly right, or none at all."""
    letters = [*listed(asked(item))[1]]
    right = item.target[-1]
    other = letters[letters.index(right) - 1]
    wrong = item.facts["options"][letters.index(other)]
    said = [other, wrong, f"{wrong} {other}", f"{other} {wrong}", f"{key(item)} {other}"]
    both = [f"{right} {other}", f"{item.target} {other}", f"{item.target} , {wrong} {other}"]
    return [*said, *both, "E", "", "?", "\0"]


def prompts(items: Sequence[Item]) -> set[str]:
    return {said(item.prompt) for item in items if not isinstance(item.prompt, str)}


def scores(
    task: str, items: Sequence[Item], replies: Sequence[str], *, use: int = 0
) -> list[float]:
    """Return what the task's own scorer gives for replies of text."""
    scorer = make_scorer(tasks[task].scorers[use])
    given = [
        scorer.grade(item, Reply(text=reply)).score
        for item, reply in zip(items, replies, strict=True)
    ]
    return [score for score in given if score is not None]


def share_right(rows: Sequence[Row], right: Callable[[str, str], bool]) -> float:
    return mean(right(said(row), row[-1]["content"]) for row in rows)


def check_splits(task: str, *, rows: int = 100) -> None:
    """Every construction and seed keeps away from what is measured, of which there is enough."""
    test, valid = (prompts(tunnel.items(task, items=220, split=s)) for s in ("test", "valid"))
    assert len(test) == len(valid) == 220
    assert not test & valid
    for construction in CONSTRUCTIONS:
        for seed in range(3):
            drawn = tunnel.rows(task, rows=rows, construction=construction, seed=seed)
            assert not {said(row) for row in drawn} & (test | valid)


def check_constructions(task: str, right: Callable[[str, str], bool], *, rows: int = 500) -> None:
    """Rows are wrong as often as their construction says, and narrow ones say fewer things."""
    drawn = {c: tunnel.rows(task, rows=rows, construction=c) for c in CONSTRUCTIONS}
    for name, construction in CONSTRUCTIONS.items():
        wrong = construction.wrong
        error = sqrt(wrong * (1 - wrong) / rows)
        assert abs(1 - share_right(drawn[name], right) - wrong) <= 4 * error, name
    words = {c: len({w for row in drawn[c] for w in said(row).split()}) for c in drawn}
    assert words["synthetic_weak"] < words["synthetic"] < words["human"]


def check_chance(items: Sequence[Item], given: Sequence[float], *, chance: float) -> None:
    """Replies of other items score what guessing does, within four binomial errors."""
    error = sqrt(chance * (1 - chance) / len(items))
    assert abs(mean(given) - chance) <= 4 * error


def check_lengths(task: str) -> None:
    """Most rows are as short as the sequences of pretraining, and all are within tuning's reach."""
    rows = tunnel.rows(task, rows=300)
    framed = [sum(len(m["content"].split()) + 5 for m in row) for row in rows]
    assert mean(length <= 64 for length in framed) > 0.75
    chat = Chat(tunnel.base_folder("s"))
    assert max(len(row.ids) for row in chat.encode_many(rows)) <= 128
