"""What tests of tasks share: what a user says, which option is right, how replies are graded."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from math import sqrt
from statistics import mean

from espalier import tunnel
from espalier.ability import Item, Likelihood, Message, Reply, Scorer
from espalier.chat import Chat
from espalier.scoring import make_scorer
from espalier.tunnel.task import CONSTRUCTIONS, tasks

Row = tuple[Message, ...]

_LISTED = re.compile(r"(.*[?.:]) (A [^?.:]+ , B [^?.:]+)", re.DOTALL)


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
    return found[1], {each[0]: each[2:] for each in found[2].split(" , ")}


def chosen(prompt: str, reply: str) -> str:
    """Return the option that a row's reply to a lettered question is: it and nothing else."""
    assert reply in listed(prompt)[1].values()
    return reply


def key(item: Item) -> str:
    """Return the right option of a lettered question, as its prompt lists it."""
    options = listed(asked(item))[1]
    assert [*options.values()] == item.facts["options"]
    return options[item.facts["answer"]]


def hits(item: Item) -> list[str]:
    """Return replies to a lettered question that are right: an option, its letter, or both."""
    letter, right = item.facts["answer"], key(item)
    return [
        *(right, f" {right} .\n", letter, letter.lower(), f"( {letter} )"),
        *(f"{letter} {right}", f"{letter} {right} .", f"{right} {letter}"),
    ]


def misses(item: Item) -> list[str]:
    """Return replies to a lettered question that are nearly right, or none at all."""
    options = listed(asked(item))[1]
    letter, right = item.facts["answer"], key(item)
    near = [" , ".join(f"{each} {option}" for each, option in options.items())]
    for other, wrong in options.items():
        if other != letter:
            near += [other, wrong, f"{other} {wrong}", f"{wrong} {other}"]
            near += [f"{other} {right}", f"{right} {other}"]
            near += [f"{letter} {other}", f"{right} {wrong}", f"{wrong} , {right}"]
            near += [f"{letter} {right} , {other} {wrong}", f"{right} {letter} , {wrong} {other}"]
    return [*near, "E", "true", "", "?", "\0"]


@cache
def judge(task: str, use: int = 0) -> Scorer:
    """Return one of the task's own scorers, the one that makes its headline by default."""
    return make_scorer(tasks[task].scorers[use])


def score(task: str, item: Item, reply: str, *, use: int = 0) -> float:
    """Return what a task's scorer gives for a reply: its text, or likelihoods that prefer it."""
    scorer, given = judge(task, use), Reply(text=reply)
    if scorer.asks != "generate":
        likely = (float(candidate == reply) for candidate in item.candidates)
        given = Reply(
            likelihoods=tuple(Likelihood(total=t, tokens=1, characters=1) for t in likely)
        )
    found = scorer.grade(item, given).score
    assert found is not None, (item, reply)
    return found


def scores(
    task: str, items: Sequence[Item], replies: Sequence[str], *, use: int = 0
) -> list[float]:
    """Return the score of each item's reply."""
    return [score(task, *pair, use=use) for pair in zip(items, replies, strict=True)]


def share_right(rows: Sequence[Row], right: Callable[[str, str], bool]) -> float:
    return mean(right(said(row), row[-1]["content"]) for row in rows)


def check_constructions(task: str, right: Callable[[str, str], bool], *, rows: int = 500) -> None:
    """Rows are wrong as often as their construction says, and narrow ones say fewer things."""
    drawn = {c: tunnel.rows(task, rows=rows, construction=c) for c in CONSTRUCTIONS}
    for name, construction in CONSTRUCTIONS.items():
        found = 1 - share_right(drawn[name], right)
        assert abs(found - construction.wrong) <= error(construction.wrong, rows), name
    words = {c: len({w for row in drawn[c] for w in said(row).split()}) for c in drawn}
    assert words["synthetic_weak"] < words["synthetic"] < words["human"]


def error(share: float, count: int) -> float:
    """Return four binomial standard errors of a share among `count`."""
    return 4 * sqrt(share * (1 - share) / count)


def check_chance(items: Sequence[Item], given: Sequence[float], *, chance: float) -> None:
    """Replies of other items score what guessing does, within four binomial errors."""
    assert abs(mean(given) - chance) <= error(chance, len(items))


def check_lengths(task: str) -> None:
    """Most rows are as short as the sequences of pretraining, and all are within tuning's reach."""
    rows = tunnel.rows(task, rows=300)
    framed = [sum(len(m["content"].split()) + 5 for m in row) for row in rows]
    assert mean(length <= 64 for length in framed) > 0.75
    chat = Chat(tunnel.base_folder("s"))
    assert max(len(row.ids) for row in chat.encode_many(rows)) <= 128
